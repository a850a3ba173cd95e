// The reading side of a stream, and who listens to it: what stream.ts changes, this looks at. It
// sees what waits for the next group beside what stands in the database.

import { hasWildcard } from '../../src/subject/subject.ts'
import type { Block } from './block.ts'
import type { Blocks } from './blocks.ts'
import { damaged } from './damage.ts'
import { Reader, type Shelf } from './reader.ts'
import { type MessageMeta, sizeOf } from './retention.ts'
import type { Rows } from './rows.ts'
import type { StoredMessage, StreamConfig, StreamListener, StreamState } from './shapes.ts'
import { StoredAt } from './stored.ts'
import type { SubjectEntry, Subjects } from './subjects.ts'
import { Waiting } from './waiting.ts'

export abstract class StreamReads implements Shelf {
  readonly rows: Rows
  readonly blocks: Blocks
  readonly reader: Reader
  readonly removed = new Set<number>()
  abstract interned: Subjects
  abstract config: StreamConfig
  data: number
  firstSeq = 1
  lastSeq = 0
  messages = 0
  keyed = false
  readableSeq = 0
  protected readonly waiting: Waiting
  protected readonly listeners = new Set<StreamListener>()

  constructor(parts: { readonly rows: Rows; readonly blocks: Blocks; readonly data: number }) {
    this.rows = parts.rows
    this.blocks = parts.blocks
    this.data = parts.data
    this.waiting = new Waiting(parts.data, parts.blocks.drafts)
    this.reader = new Reader(this)
  }

  abstract state(): StreamState

  get(seq: number): StoredMessage | undefined {
    return this.reader.get(seq)
  }

  next(filters: readonly string[], fromSeq: number): StoredMessage | undefined {
    return this.reader.get(this.reader.nextSeq(this.reader.filter(filters), fromSeq))
  }

  batch(filters: readonly string[], fromSeq: number, countMax: number): readonly StoredMessage[] {
    return this.reader.batch(filters, fromSeq, countMax)
  }

  last(filter: string): StoredMessage | undefined {
    if (!hasWildcard(filter)) {
      const entry = this.interned.find(filter)
      return entry && this.reader.get(this.reader.lastOf(entry, this.readableSeq))
    }
    return this.reader.last(this.reader.filter([filter]))
  }

  lastPerSubject(filters: readonly string[], uptoSeq: number): readonly number[] {
    return this.reader.lastPerSubject(this.reader.filter(filters), uptoSeq)
  }

  count(filters: readonly string[], fromSeq: number): number {
    return this.reader.count(this.reader.filter(filters), fromSeq)
  }

  seqAt(timeUs: number): number {
    return this.reader.seqAt(timeUs)
  }

  subjects(filter: string, offset: number, limit: number) {
    return this.interned.page(this.reader.filter([filter]), offset, limit)
  }

  deleted(countMax: number): readonly number[] {
    return this.reader.deleted(this.state().deleted, countMax)
  }

  watch(listener: StreamListener): void {
    this.listeners.add(listener)
  }

  unwatch(listener: StreamListener): void {
    this.listeners.delete(listener)
  }

  /** Tells the listeners what went; 0: many. */
  tellRemoved(seq: number): void {
    for (const listener of this.listeners) listener.removed(seq)
  }

  // ---- for retention.ts, purge.ts and expect.ts

  /** Subject and size of a message that is there; undefined when it is not. */
  meta(seq: number): MessageMeta | undefined {
    if (seq < this.firstSeq || seq > this.lastSeq || this.removed.has(seq)) return undefined
    const block = this.shapeOf(seq)
    const i = block ? block.indexOf(seq) : -1
    if (!block || i < 0 || block.isGone(i)) return undefined
    const subject = this.subjectOf(block.subject(i))
    const bytes = this.size(subject.nameBytes, block.headerBytes(i), block.payloadBytes(i))
    return { subject, bytes, previous: block.previous(i) }
  }

  shapeOf(seq: number): Block | undefined {
    if (this.waiting.covers(seq)) return this.waiting.holding(seq)
    return this.blocks.shape(this.data, seq)
  }

  size(subjectBytes: number, headerBytes: number, payloadBytes: number): number {
    return sizeOf(this.config.storage, subjectBytes, headerBytes, payloadBytes)
  }

  /** Highest sequence on a subject, readable or not; 0 when there is none. */
  lastSeqOf(name: string): number {
    const entry = this.interned.find(name)
    if (!entry || entry.count === 0) return 0
    if (entry.last > 0) return entry.last
    entry.last = this.waiting.lastOf(entry) || this.reader.lastOf(entry, this.lastSeq)
    return entry.last
  }

  /** The same for all subjects that match a filter. */
  lastSeqMatching(filter: string): number {
    if (!hasWildcard(filter)) return this.lastSeqOf(filter)
    const entries = this.interned.matching(this.reader.filter([filter]))
    return entries.reduce((last, entry) => Math.max(last, this.lastSeqOf(entry.name)), 0)
  }

  newest(name: string): StoredMessage | undefined {
    const seq = this.lastSeqOf(name)
    if (seq === 0) return undefined
    if (!this.waiting.covers(seq)) return this.reader.stored(seq)
    const block = this.waiting.holding(seq)
    const i = block ? block.indexOf(seq) : -1
    if (!block || i < 0) return undefined
    // A copy: what waits still moves.
    const [start, end] = [block.start(i), block.end(i)]
    const chunk = Buffer.from(block.bodies.subarray(start, end))
    return new StoredAt(seq, name, block.time(i), chunk, 0, block.headerBytes(i), end - start)
  }

  /** Lowest sequence on a subject, readable or not; 0 when there is none. */
  firstSeqOf(entry: SubjectEntry): number {
    const from = Math.max(entry.firstHint, this.firstSeq)
    if (entry.firstHint === from && entry.firstBytes > 0) return from
    const stored = this.reader.firstOf(
      entry,
      from,
      Math.min(this.lastSeq, this.waiting.fromSeq - 1),
    )
    if (stored === 0) return this.waiting.firstOf(entry)
    entry.firstHint = stored
    return stored
  }

  /** All messages on a subject up to a sequence, readable or not, ascending. */
  subjectSeqs(entry: SubjectEntry, uptoSeq: number): number[] {
    const seqs: number[] = []
    for (let from = this.firstSeq; from <= uptoSeq; ) {
      const stored = Math.min(uptoSeq, this.waiting.fromSeq - 1)
      const seq = from <= stored ? this.reader.firstOf(entry, from, stored) : 0
      const next = seq || this.waiting.nextOf(entry, from)
      if (next === 0 || next > uptoSeq) break
      seqs.push(next)
      from = next + 1
    }
    return seqs
  }

  protected subjectOf(id: number): SubjectEntry {
    const subject = this.waiting.subject(id) ?? this.interned.byId(id)
    if (!subject) throw damaged(this.rows.db, `${this.config.name}: message without subject ${id}`)
    return subject
  }
}
