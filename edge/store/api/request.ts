// What a JetStream API handler gets and gives. An API verb is one row: its subject, the type of
// its answer and a function; the dispatch around it (jetstream.ts) does the rest: counting,
// waiting for the disk, auditing.

import type { Account } from '../../../src/account/account.ts'
import type { ConsumerCopy } from '../consumer/backup.ts'
import type { OfflineStreams } from '../offline.ts'
import type { ConsumerBounds, Quota } from '../quota.ts'
import type { ApiError, Stream, StreamConfig } from '../shapes.ts'

/** One account's JetStream, as handlers see it. */
export interface JetStreamAccount {
  /** The door deliveries and answers leave by. */
  readonly account: Account
  readonly serverName: string
  /** '' when none is configured. */
  readonly domain: string
  /** What the API does not know is refused. */
  readonly strict: boolean
  /** Tells the log of a request that is not what it should be. */
  warnOf(subject: string, why: string): void
  stream(name: string): Stream | undefined
  /** Why there is no stream of that name: there is none, or it cannot be served. */
  missing(name: string): ApiError
  /** What bounds its consumers, or why it can have none. */
  consumerBounds(): ConsumerBounds | ApiError
  /** Publishes on `$JS.EVENT.ADVISORY.<subject>`; costs nothing when nobody listens. */
  advise(subject: string, type: string, body: () => Record<string, unknown>): void
  /** The same on `$JS.EVENT.METRIC.<subject>`. */
  measure(subject: string, type: string, body: () => Record<string, unknown>): void
}

export interface ApiRequest<J extends JetStreamAccount = JetStreamAccount> {
  readonly jetstream: J
  /** `$JS.API.…`, a domain's prefix already mapped away. */
  readonly subject: string
  /** What stood in place of each `*` of the row's subject; a last `>` gives the rest in one. */
  readonly names: readonly string[]
  /** Where the answer goes; '' = nowhere. */
  readonly reply: string
  /** Header block; empty when there is none. A view, valid during the call. */
  readonly headers: Buffer
  /** The request's body. A view, valid during the call. */
  readonly body: Buffer
}

/**
 * `subject`  behind `$JS.API.`: `STREAM.INFO.*`, `CONSUMER.CREATE.*.*.>`
 * `type`     behind `io.nats.jetstream.api.v1.`: `stream_info_response`
 * `handle`   gives the answer's fields (in the order nats-server prints them), an ApiError, or
 *            null for no answer at all; a promise when it takes more than one turn of the loop
 * `writes`   the answer waits until what the handler wrote is on disk (invariant 1)
 * `quiet`    a successful call is neither counted nor audited
 * `onError`  fields nats-server prints behind an error: `{ purged: 0 }`
 */
export interface ApiRow<J extends JetStreamAccount = JetStreamAccount> {
  readonly subject: string
  readonly type: string
  readonly handle: (request: ApiRequest<J>) => ApiAnswer | Promise<ApiAnswer>
  readonly writes?: boolean
  readonly quiet?: boolean
  readonly onError?: Readonly<Record<string, unknown>>
}

/** What the handlers of streams can do besides: the administration of an account's streams. */
export interface StreamAdmin extends JetStreamAccount {
  readonly streams: ReadonlyMap<string, Stream>
  readonly offline: OfflineStreams
  readonly quota: Quota
  /** Its defaults filled in, or what is wrong with it; `pedantic`: no default in silence. */
  complete(config: StreamConfig, pedantic: boolean): StreamConfig | ApiError
  create(config: StreamConfig, pedantic: boolean): Stream | ApiError
  update(stream: Stream, config: StreamConfig): ApiError | null
  delete(stream: Stream): ApiError | null
  consumerCount(stream: Stream): number
  /** `mirror` and `sources` of its StreamInfo. */
  feeds(stream: Stream): Readonly<Record<string, unknown>>
  usage(): AccountUsage
  /** Now, by the clock messages are stamped with. */
  nowUs(): number
  readonly backups: BackupVerbs
}

/** STREAM.SNAPSHOT and STREAM.RESTORE; implemented in backup/. */
export interface BackupVerbs {
  snapshot(request: ApiRequest<StreamAdmin>): ApiAnswer | Promise<ApiAnswer>
  restore(request: ApiRequest<StreamAdmin>): ApiAnswer
}

export interface AccountUsage {
  readonly memoryBytes: number
  readonly fileBytes: number
  /** Sums of the streams' max_bytes. */
  readonly memoryReservedBytes: number
  readonly fileReservedBytes: number
  readonly consumers: number
  readonly requests: number
  readonly errors: number
}

/** Of an answer: its header block, which is no field. */
export const answerHeaders: unique symbol = Symbol('headers')

export type ApiAnswer = Readonly<Record<string, unknown>> | ApiError | null

export function isApiError(answer: object | null): answer is ApiError {
  return answer !== null && 'err_code' in answer
}

/**
 * What the stream side needs of the consumers; implemented in consumer/. `attach` comes for every
 * stream found at the start, before anything can be published, and for every new one.
 */
export interface ConsumerRoom {
  /** `CONSUMER.…` rows, without MSG.NEXT, which consumers subscribe to themselves. */
  readonly rows: readonly ApiRow[]
  attach(jetstream: JetStreamAccount, stream: Stream): void
  /** Says no when the consumers cannot live with the new config (their limits, replicas …). */
  mayUpdate(stream: Stream, config: Stream['config']): ApiError | null
  updated(stream: Stream): void
  /** The stream goes: close its consumers (`409 Consumer Deleted`) and forget them. */
  detach(stream: Stream): void
  count(stream: Stream): number
  has(stream: Stream, name: string): boolean
  /** Interest retention: does any consumer of the stream want this subject? */
  wants(stream: Stream, subject: string): boolean
  /** Consumer infos of one stream for /jsz?consumers=1, sorted by name. */
  infos(stream: Stream): readonly Readonly<Record<string, unknown>>[]
  /** Those of mirrors and sources, which clients do not see. */
  directInfos(stream: Stream): readonly Readonly<Record<string, unknown>>[]
  /** Those that clients see, as they are now, for the archive of a stream up to `seqMax`. */
  copies(stream: Stream, seqMax: number): readonly ConsumerCopy[]
  /** Makes a consumer out of its entry in an archive. */
  adopt(
    stream: Stream,
    name: string,
    entry: Readonly<Record<string, unknown>>,
    bounds: ConsumerBounds,
  ): ApiError | null
}
