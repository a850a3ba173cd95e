// The store's shapes. Configs carry the JetStream API's own field names (ADR-31's siblings and
// the captures), so that what a client sent is what is stored and what is answered.
//
// Times are microseconds since 1970 in a number (exact until 2255); the API's nanoseconds are
// made at its edge. Durations in configs are nanoseconds, as the API has them.

import type { ScheduleHeaders } from './timed/headers.ts'

export type Retention = 'limits' | 'interest' | 'workqueue'
export type Discard = 'old' | 'new'
export type Storage = 'file' | 'memory'

/** `dest` '' leaves the subject as it is; `src` '' means all subjects. */
export interface SubjectTransformConfig {
  readonly src: string
  readonly dest: string
}

export interface RepublishConfig extends SubjectTransformConfig {
  readonly headers_only?: boolean
}

export interface StreamConfig {
  readonly name: string
  readonly description?: string
  readonly subjects?: readonly string[]
  readonly retention: Retention
  readonly max_consumers: number
  readonly max_msgs: number
  readonly max_bytes: number
  readonly max_age: number
  readonly max_msgs_per_subject: number
  readonly max_msg_size: number
  readonly discard: Discard
  readonly discard_new_per_subject?: boolean
  readonly storage: Storage
  readonly num_replicas: number
  readonly no_ack?: boolean
  readonly duplicate_window: number
  readonly compression: 'none' | 's2'
  readonly mirror?: StreamSourceConfig
  readonly sources?: readonly StreamSourceConfig[]
  readonly first_seq?: number
  readonly subject_transform?: SubjectTransformConfig
  readonly republish?: RepublishConfig
  readonly allow_direct: boolean
  readonly mirror_direct: boolean
  readonly sealed: boolean
  readonly deny_delete: boolean
  readonly deny_purge: boolean
  readonly allow_rollup_hdrs: boolean
  readonly consumer_limits: {
    readonly inactive_threshold?: number
    readonly max_ack_pending?: number
  }
  readonly allow_msg_ttl: boolean
  /** Of the markers that are left where the last message of a subject went away. */
  readonly subject_delete_marker_ttl?: number
  readonly allow_msg_counter?: boolean
  readonly allow_atomic?: boolean
  readonly allow_msg_schedules?: boolean
  readonly persist_mode?: 'async'
  readonly allow_batched?: boolean
  readonly metadata?: Readonly<Record<string, string>>
  readonly placement?: PlacementConfig
  /** Nothing that a client sends or sees: what backup/marks.ts notes of a restored stream. */
  readonly restore?: 'running' | 'done'
}

/** Accepted and echoed: a single server has no choice. */
export interface PlacementConfig {
  readonly cluster?: string
  readonly tags?: readonly string[]
  readonly preferred?: string
}

export interface StreamState {
  readonly messages: number
  readonly bytes: number
  /** Sequence of the first message; last + 1 when the stream is empty. */
  readonly firstSeq: number
  readonly firstTimeUs: number
  readonly lastSeq: number
  readonly lastTimeUs: number
  readonly subjects: number
  /** Sequences between first and last that are gone. */
  readonly deleted: number
}

export interface StoredMessage {
  readonly seq: number
  readonly subject: string
  readonly timeUs: number
  /** Header block `NATS/1.0…\r\n\r\n`; empty when there is none. */
  readonly headers: Buffer
  readonly payload: Buffer
  /** Both side by side: `chunk[start..payloadStart..end)`. */
  readonly chunk: Buffer
  readonly start: number
  readonly payloadStart: number
  readonly end: number
}

/** Where a mirror or a source takes its messages from. */
export interface StreamSourceConfig {
  readonly name: string
  readonly opt_start_seq?: number
  readonly opt_start_time?: string
  readonly filter_subject?: string
  readonly subject_transforms?: readonly SubjectTransformConfig[]
  /** A stream behind another API prefix, e.g. `$JS.hub.API`. */
  readonly external?: { readonly api: string; readonly deliver: string }
  /** A durable consumer that stands at the origin already (2.14). */
  readonly consumer?: SourceConsumer
}

export interface SourceConsumer {
  readonly name?: string
  readonly deliver_subject?: string
}

/** What to append; the buffers are copied. */
export interface NewMessage {
  readonly subject: string
  readonly headers: Buffer
  readonly payload: Buffer
}

/** An error of the JetStream API: a value, with the API's own code and text. */
export interface ApiError {
  /** HTTP-like: 400, 404, 500, 503. */
  readonly code: number
  readonly err_code: number
  readonly description: string
}

/** Outcome of an append. `seq` is 0 with an error; `duplicate` names the first one's sequence. */
export type Appended =
  /** `value`: what a counter stands at now. */
  | { readonly is: 'stored'; readonly seq: number; readonly value?: string }
  | { readonly is: 'duplicate'; readonly seq: number }
  | { readonly is: 'refused'; readonly error: ApiError }

/** Expectations and identity a publisher set in headers, already parsed. */
export interface AppendOptions {
  readonly msgId?: string
  readonly expectedStream?: string
  readonly expectedLastSeq?: number
  readonly expectedLastSubjectSeq?: number
  readonly expectedLastSubjectSeqSubject?: string
  readonly expectedLastMsgId?: string
  readonly rollup?: 'sub' | 'all'
  /** What a counter grows by, as it stands in the header. */
  readonly incr?: string
  /** Of an atomic batch; '' is none. */
  readonly batchId?: string
  readonly batchSeq?: string
  readonly batchCommit?: string
  readonly requiredApiLevel?: string
  /** The headers say that the message comes from a source. */
  readonly hasSource?: true
  /** The message comes from a source, whose origin has checked it, or from the stream itself. */
  readonly sourced?: true
  /** Not the first of its batch: what holds for that one holds for all. */
  readonly joined?: true
  /** Seconds to live; -1: for ever, NaN: what was said makes no sense. */
  readonly ttl?: number
  readonly schedule?: ScheduleHeaders
  /** A mirror's message: after everything stored, at its origin's sequence and time. */
  readonly place?: { readonly seq: number; readonly timeUs: number }
}

/** Has the last word on a message that the stream itself would take. */
export interface Gate {
  refuses(config: StreamConfig, bytes: number): ApiError | null
}

/** Stores a message and does all that goes with one. */
export interface Outlet {
  append(message: NewMessage, options: AppendOptions): Appended
}

/** Tells consumers what happened to a stream. Called on the loop, never from inside a read. */
export interface StreamListener {
  /** Messages up to this sequence can now be delivered (they are on disk, or in memory). */
  readable(lastSeq: number): void
  /** Messages were removed (limits, purge, delete); `seq` 0 = many, look at the state. */
  removed(seq: number): void
}

export type SubjectCount = readonly [subject: string, messages: number]

/**
 * One stream's messages. Reads see only what a power cut cannot take back (invariant 2): for a
 * file stream, messages up to the last synced group. RAM is constant, whatever it holds.
 */
export interface Stream {
  readonly account: string
  readonly config: StreamConfig
  readonly createdUs: number
  state(): StreamState
  /** Of its messages. */
  readonly bytes: number
  /** Who else must agree to a message; null: nobody. */
  gate: Gate | null
  /** The way in for what the stream makes itself; null: it cannot now. */
  outlet: Outlet | null
  /** The last sequence that may be delivered. */
  readonly readableSeq: number
  /** Calls back once everything appended so far is readable, or has been taken back. */
  onReadable(done: () => void): void
  append(message: NewMessage, options: AppendOptions): Appended
  /** Spends the sequences up to `seq` without messages. */
  skipTo(seq: number): void
  /** Sequence of the last message on a literal subject, readable or not; 0: there is none. */
  lastSeqOf(subject: string): number
  /** The same for all subjects that match. */
  lastSeqMatching(filter: string): number
  /** Sequence of the message with that id in the window of duplicates; 0: there is none. */
  seqOfId(msgId: string): number
  /** The last message on a literal subject, readable or not: what the next one builds upon. */
  newest(subject: string): StoredMessage | undefined
  get(seq: number): StoredMessage | undefined
  /** The first message from `fromSeq` on that matches one of the filters (none = all). */
  next(filters: readonly string[], fromSeq: number): StoredMessage | undefined
  /** Up to `countMax` messages like `next`, in order. */
  batch(filters: readonly string[], fromSeq: number, countMax: number): readonly StoredMessage[]
  /** The last message on a subject, which may hold wildcards. */
  last(filter: string): StoredMessage | undefined
  /** Sequences of the last message of each matching subject, ascending, not above `uptoSeq`. */
  lastPerSubject(filters: readonly string[], uptoSeq: number): readonly number[]
  /** How many messages at or after `fromSeq` match. */
  count(filters: readonly string[], fromSeq: number): number
  /** The first sequence whose time is not before `timeUs`; last + 1 when none. */
  seqAt(timeUs: number): number
  /** Subjects matching the filter with their message counts, sorted, one page. */
  subjects(filter: string, offset: number, limit: number): readonly SubjectCount[]
  /** Up to `countMax` sequences between first and last that are gone, ascending. */
  deleted?(countMax: number): readonly number[]
  /** False when there is no such message. `erase`: its bytes are overwritten as well. */
  remove(seq: number, erase?: boolean): boolean
  /** Returns how many messages went. `seq`: all before it; `keep`: all but the newest. */
  purge(what: { filter?: string; seq?: number; keep?: number }): number
  /** The same, a piece a group: other work goes on. What comes meanwhile is spared. */
  purgeGently(what: { filter?: string; seq?: number; keep?: number }): Promise<number>
  watch(listener: StreamListener): void
  unwatch(listener: StreamListener): void
}

/** Lets a caller wait for the disk; implemented by commit.ts. */
export interface Durable {
  /** Groups committed so far: what is written while it stays the same shares one commit. */
  readonly groups: number
  /** Why nothing can be written just now; null when all is well. */
  readonly sick?: Error | null
  /** Calls back once everything written so far in this turn is on disk; keeps the order. */
  onDisk(done: (error?: Error) => void): void
}
