// What a stream keeps: limits, discards, ages, purges. Sizes are counted as nats-server counts
// them, so that `bytes` and max_bytes mean the same:
//
//   file    4 length | 8 sequence | 8 time | 2 subject length | subject | (4 + headers) | payload |
//           8 checksum
//   memory  16 + subject + headers + payload

import { damaged } from './damage.ts'
import { headersTooLarge, storeFailed } from './errors.ts'
import { Purge } from './purge.ts'
import type { ApiError, AppendOptions, NewMessage, Storage } from './shapes.ts'
import type { StoreStream } from './stream.ts'
import type { SubjectEntry } from './subjects.ts'

/** What eviction must know of a message. */
export interface MessageMeta {
  readonly subject: SubjectEntry
  readonly bytes: number
  /** Sequence of the one before it on its subject; 0: there was none, -1: unknown. */
  readonly previous: number
}

const headerBytesMax = 65_535
/** Up to here messages that aged out go one by one, and consumers hear of each. */
const expireSinglyMax = 256

/** Bytes a message counts for. */
export function sizeOf(
  storage: Storage,
  subjectBytes: number,
  headerBytes: number,
  payloadBytes: number,
): number {
  if (storage === 'memory') return 16 + subjectBytes + headerBytes + payloadBytes
  return 30 + subjectBytes + (headerBytes === 0 ? 0 : 4 + headerBytes) + payloadBytes
}

/** Why the message cannot be stored at all, with `discard: new` at its limits. */
export function discardFailure(
  stream: StoreStream,
  message: NewMessage,
  options: AppendOptions,
): ApiError | undefined {
  const { config } = stream
  if (message.headers.length > headerBytesMax) return headersTooLarge
  const { gate } = stream
  if (gate === null && config.discard !== 'new') return undefined
  const size = stream.size(
    Buffer.byteLength(message.subject),
    message.headers.length,
    message.payload.length,
  )
  const refused = gate === null ? null : gate.refuses(config, size)
  if (refused !== null) return refused
  if (config.discard !== 'new') return undefined
  // At the subject's own limit its oldest message makes room for this one.
  const limit = config.max_msgs_per_subject
  const entry = limit > 0 ? stream.interned.find(message.subject) : undefined
  const replaces = entry !== undefined && entry.count >= limit
  if (replaces && config.discard_new_per_subject && options.rollup === undefined) {
    return storeFailed('maximum messages per subject exceeded')
  }
  if (config.max_msgs > 0 && stream.messages >= config.max_msgs && !replaces) {
    return storeFailed('maximum messages exceeded')
  }
  if (config.max_bytes > 0 && stream.bytes + size > config.max_bytes) {
    const oldest = replaces ? stream.meta(stream.firstSeqOf(entry)) : undefined
    if (!oldest || oldest.bytes < size) return storeFailed('maximum bytes exceeded')
  }
  return undefined
}

/** Drops the oldest messages over the limits; `subject` is the one that was just appended to. */
export function enforceLimits(stream: StoreStream, subject: string): void {
  const { max_msgs, max_bytes, max_msgs_per_subject } = stream.config
  if (max_msgs_per_subject > 0) enforceSubjectLimit(stream, subject, max_msgs_per_subject)
  while (
    (max_msgs > 0 && stream.messages > max_msgs) ||
    (max_bytes > 0 && stream.bytes > max_bytes && stream.messages > 0)
  ) {
    dropOne(stream, stream.firstSeq)
  }
}

/** After an update of the config: every subject is brought under its limit too. */
export function enforceAll(stream: StoreStream): void {
  const limit = stream.config.max_msgs_per_subject
  if (limit > 0) {
    for (const entry of stream.interned.matching(stream.reader.filter(['>']))) {
      if (entry.count > limit) enforceSubjectLimit(stream, entry.name, limit)
    }
  }
  enforceLimits(stream, '')
}

/** Puts a stream's messages into the index of subjects; those to come decide for themselves (S6). */
export function rekey(stream: StoreStream, keyed: boolean): void {
  if (keyed === stream.keyed) return
  stream.settle()
  stream.keyed = keyed
  if (!keyed) return
  for (let seq = stream.firstSeq; ; ) {
    const block = stream.blocks.from(stream.data, seq)
    if (!block) return
    stream.blocks.split(block, stream.firstSeq)
    seq = block.lastSeq + 1
  }
}

function enforceSubjectLimit(stream: StoreStream, subject: string, limit: number): void {
  const entry = stream.interned.find(subject)
  while (entry && entry.count > limit) {
    const seq = stream.firstSeqOf(entry)
    if (seq === 0) return
    const { firstBytes } = entry
    if (seq !== entry.firstHint || firstBytes === 0) dropOne(stream, seq)
    else {
      // A value that is replaced: nothing needs to be read.
      stream.drop(seq, { subject: entry, bytes: firstBytes, previous: 0 })
      stream.tellRemoved(seq)
    }
  }
}

function dropOne(stream: StoreStream, seq: number): void {
  const meta = stream.meta(seq)
  if (!meta) throw damaged(stream.rows.db, `stream ${stream.config.name}: lost message ${seq}`)
  stream.drop(seq, meta)
  stream.tellRemoved(seq)
}

/** Store time at which the oldest message ages out; undefined: never. */
export function expiryUs(stream: StoreStream): number | undefined {
  const ageUs = stream.config.max_age / 1000
  // With TTLs, timed/ages.ts takes them one by one.
  if (ageUs <= 0 || stream.messages === 0 || stream.config.allow_msg_ttl) return undefined
  return stream.time.dueUs(stream.state().firstTimeUs, ageUs)
}

/** Drops what is older than max_age. False: come back soon, for more or after a checkpoint. */
export function expire(stream: StoreStream): boolean {
  const ageUs = stream.config.max_age / 1000
  if (ageUs <= 0 || stream.messages === 0 || stream.config.allow_msg_ttl) return true
  const keepFrom = stream.seqAt(stream.time.cutoffUs(ageUs))
  if (keepFrom - stream.firstSeq > expireSinglyMax) {
    if (stream.commit.held) return false
    const purge = new Purge(stream, { seq: keepFrom })
    return (purge.isWhole && purge.whole()) || purge.step()
  }
  while (stream.messages > 0 && stream.firstSeq < keepFrom) dropOne(stream, stream.firstSeq)
  return true
}

/** A message that replaces all before it on its subject (Nats-Rollup). */
export function rollUp(stream: StoreStream, subject: string, seq: number): void {
  const entry = stream.interned.find(subject)
  if (!entry || entry.count < 2) return
  const older = stream.subjectSeqs(entry, seq - 1)
  for (const one of older) {
    const meta = stream.meta(one)
    if (meta) stream.drop(one, meta)
  }
  if (older.length === 0) return
  // With this group: what was replaced must not be back after a power cut.
  stream.saveSoon()
  stream.tellRemoved(older.length === 1 ? (older[0] as number) : 0)
}
