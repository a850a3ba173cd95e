// What a stream keeps: limits, discards, ages, purges. Sizes are counted as nats-server counts
// them, so that `bytes` and max_bytes mean the same:
//
//   file    4 length | 8 sequence | 8 time | 2 subject length | subject | (4 + headers) | payload |
//           8 checksum
//   memory  16 + subject + headers + payload

import { headersTooLarge, storeFailed } from './errors.ts'
import { idOf } from './schema.ts'
import type { ApiError, AppendOptions, NewMessage, Storage } from './shapes.ts'
import type { StoreStream } from './stream.ts'
import type { SubjectEntry } from './subjects.ts'

/** What eviction must know of a message. */
export interface MessageMeta {
  readonly subject: SubjectEntry
  readonly bytes: number
}

/** Messages of one subject that went. */
export interface Trimmed {
  readonly subject: SubjectEntry
  readonly count: number
  readonly bytes: number
  /** Highest sequence of them. */
  readonly lastGone: number
}

/**
 * The tables contradict each other: damage, in SQLite's own terms, that no retry mends. It ends
 * the program; the next start salvages.
 */
class Contradiction extends Error {
  readonly code = 'SQLITE_FORMAT'
}

const headerBytesMax = 65_535
/** Up to here messages that aged out go one by one; beyond, by one statement. */
const expireSinglyMax = 256
/** Sequences that age out in one statement: some tens of ms of the loop. */
const expireSeqsMax = 20_000

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

/** A row that must be there is not: marks the database for the next start, returns the error. */
export function lost(stream: StoreStream, what: string): Error {
  const error = new Contradiction(`stream ${stream.config.name}: ${what}`)
  stream.rows.db.noticed(error)
  return error
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

/** Puts a stream's messages into the index of subjects, or takes them out (S6). */
export function rekey(stream: StoreStream, keyed: boolean): void {
  if (keyed === stream.keyed) return
  stream.settle()
  stream.keyed = keyed
  stream.rows.db
    .prepare('UPDATE message SET keyed = ? WHERE id >= ? AND id < ?')
    .run(keyed ? 1 : 0, idOf(stream.id, 0), idOf(stream.id + 1, 0))
}

function enforceSubjectLimit(stream: StoreStream, subject: string, limit: number): void {
  const entry = stream.interned.find(subject)
  while (entry && entry.count > limit) {
    const seq = stream.firstSeqOf(entry)
    if (seq === 0) return
    dropOne(stream, seq)
  }
}

function dropOne(stream: StoreStream, seq: number): void {
  const meta = stream.meta(seq)
  if (!meta) throw lost(stream, `lost message ${seq}`)
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
    const before = Math.min(keepFrom, stream.firstSeq + expireSeqsMax)
    stream.purge({ seq: before })
    return before === keepFrom
  }
  while (stream.messages > 0 && stream.firstSeq < keepFrom) dropOne(stream, stream.firstSeq)
  return true
}

/** A message that replaces its subject, or everything (Nats-Rollup); an error took it back. */
export function rollUp(
  stream: StoreStream,
  kind: 'sub' | 'all',
  subject: string,
  seq: number,
): Error | null {
  return stream.commit.attempt(() => {
    purgeStream(stream, kind === 'all' ? { seq } : { filter: subject, keep: 1 })
  })
}

/** `seq`: all before it; `keep`: all but the newest; of the subjects that match. */
export function purgeStream(
  stream: StoreStream,
  what: { filter?: string; seq?: number; keep?: number },
): number {
  const filter = stream.reader.filter(what.filter === undefined ? [] : [what.filter])
  if (!filter.all && filter.literals?.every(name => !stream.interned.find(name))) return 0
  stream.settle()
  const { db } = stream.rows
  const ids = filter.all ? null : stream.interned.matching(filter).map(entry => entry.id)
  const only = ids ? ' AND subject IN (SELECT value FROM json_each(?))' : ''
  const more = ids ? [JSON.stringify(ids)] : []
  const from = idOf(stream.id, stream.firstSeq)
  let before = idOf(stream.id, Math.min(what.seq || Number.POSITIVE_INFINITY, stream.lastSeq + 1))
  if (what.keep) {
    const kept = db.value(
      `SELECT id FROM message WHERE id >= ? AND id < ?${only} ORDER BY id DESC LIMIT 1 OFFSET ?`,
      from,
      before,
      ...more,
      what.keep - 1,
    )
    if (kept === undefined) return 0
    before = Number(kept)
  }
  const range = `FROM message WHERE id >= ? AND id < ?${only}`
  const groups = db
    .prepare(
      `SELECT subject, count(*), sum(headers IS NOT NULL), total(length(headers)),
         total(length(payload)), max(id) ${range} GROUP BY subject`,
    )
    .all(from, before, ...more)
  db.prepare(`DELETE ${range}`).run(from, before, ...more)
  const gone = groups.map(row => trimmedOf(stream, row.map(Number)))
  stream.trimmed(gone)
  stream.settleFirst(filter.all && !what.keep ? (what.seq ?? 0) : 0)
  return gone.reduce((sum, trimmed) => sum + trimmed.count, 0)
}

function trimmedOf(stream: StoreStream, row: readonly number[]): Trimmed {
  const [id = 0, count = 0, withHeaders = 0, headerBytes = 0, payloadBytes = 0, lastId = 0] = row
  const subject = stream.interned.byId(id)
  if (!subject) throw lost(stream, `message without its subject ${id}`)
  const memory = stream.config.storage === 'memory'
  const fixed = count * (subject.nameBytes + (memory ? 16 : 30)) + (memory ? 0 : 4 * withHeaders)
  const bytes = fixed + headerBytes + payloadBytes
  return { subject, count, bytes, lastGone: lastId - idOf(stream.id, 0) }
}
