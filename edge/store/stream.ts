// A stream on SQLite: appending, removing, and what a group writes.
//
// RAM holds the state (a few numbers), the rows that gather for the next group (bounded by the
// commit's queue), what was removed since, bounded caches of subjects and of message ids.
//
// A group of appends writes message rows and nothing else, one page instead of three: state and
// counts follow after uncountedMax messages, with a removal somebody waits for, and at the end. A
// start counts what came after. What limits evict is deleted with the state as well.
//
// Invariant 1 is kept by commit.ts; invariant 2 here: `readableSeq` moves in `synced`, once the
// group is on disk, and nothing after it is ever read. `flush` keeps S1, S2, S5 of schema.ts.

import type { Commit, Participant } from './commit.ts'
import { Dedupe } from './dedupe.ts'
import { insufficientStorage } from './errors.ts'
import { closedFor, expectationFailure, lastSeqMatching } from './expect.ts'
import type { Held } from './held.ts'
import type { StreamParts } from './memory.ts'
import { Reader, type Shelf } from './reader.ts'
import {
  type MessageMeta,
  type Trimmed,
  discardFailure,
  enforceLimits,
  lost,
  purgeStream,
  rollUp,
  sizeOf,
} from './retention.ts'
import type { Rows } from './rows.ts'
import { idOf, seqOf } from './schema.ts'
import type {
  AppendOptions,
  Appended,
  Gate,
  Outlet,
  NewMessage,
  StoredMessage,
  Stream,
  StreamConfig,
  StreamListener,
  StreamState,
} from './shapes.ts'
import { type SubjectEntry, Subjects } from './subjects.ts'
import type { StoreTime } from './time.ts'
import { endSchedule, prepared, rollupOf, ttlFailure } from './timed/check.ts'
import type { Timed } from './timed/timed.ts'
import { Waiting } from './waiting.ts'

const nothing = Buffer.alloc(0)
const uncountedMax = 512
/** Memory a waiting row takes beside its bytes, about. */
const rowBytes = 200

export class StoreStream implements Stream, Shelf, Participant {
  readonly id: number
  readonly account: string
  readonly createdUs: number
  readonly rows: Rows
  readonly commit: Commit
  readonly time: StoreTime
  readonly interned: Subjects
  readonly reader: Reader
  readonly removed = new Set<number>()
  readonly dedupe = new Dedupe()
  config: StreamConfig
  firstSeq = 1
  lastSeq = 0
  messages = 0
  bytes = 0
  subjectCount = 0
  keyed = false
  readableSeq = 0
  gate: Gate | null = null
  outlet: Outlet | null = null
  /** What it has to do by the clock; null: nothing. */
  timed: Timed | null = null
  readonly #held: Held
  #lastTimeUs = 0
  #firstTime = { seq: 0, timeUs: 0 }
  readonly #waiting = new Waiting()
  /** Messages in the database that its state does not count yet. */
  #uncounted = 0
  #mustSave = false
  /** The lowest sequence that may have a row. */
  #rowsFrom = 1
  #flushedSeq = 0
  #closed = false
  readonly #onFlush: () => void
  readonly #listeners = new Set<StreamListener>()

  constructor(parts: StreamParts) {
    this.id = parts.id
    this.account = parts.account
    this.config = parts.config
    this.createdUs = parts.createdUs
    this.rows = parts.rows
    this.commit = parts.commit
    this.time = parts.time
    this.#held = parts.held
    this.#onFlush = parts.onFlush
    this.interned = new Subjects(parts.rows, parts.id)
    this.reader = new Reader(this)
  }

  /** Reads the state from the database; everything in there is on disk. */
  load(): void {
    this.#reload(true)
    this.#flushedSeq = this.lastSeq
    this.readableSeq = this.lastSeq
    const fromUs = this.#windowStartUs()
    this.dedupe.load(this.rows, idOf(this.id, this.seqAt(fromUs)), fromUs)
    if (this.#mustSave) this.saveSoon()
  }

  state(): StreamState {
    return {
      messages: this.messages,
      bytes: this.bytes,
      firstSeq: this.firstSeq,
      firstTimeUs: this.messages === 0 ? 0 : this.#firstTimeUs(),
      lastSeq: this.lastSeq,
      lastTimeUs: this.#lastTimeUs,
      subjects: this.subjectCount,
      deleted: this.messages === 0 ? 0 : this.lastSeq + 1 - this.firstSeq - this.messages,
    }
  }

  append(sent: NewMessage, options: AppendOptions): Appended {
    const closed = closedFor(this, sent, options)
    if (closed) return { is: 'refused', error: closed }
    const nowUs = Math.max(options.place?.timeUs ?? this.time.nowUs(), this.#lastTimeUs)
    const msgId = options.msgId ?? ''
    if (msgId !== '') {
      const seq = this.dedupe.find(msgId, this.#windowStartUs())
      if (seq !== undefined) return { is: 'duplicate', seq }
    }
    const error =
      expectationFailure(this, options) ??
      discardFailure(this, sent, options) ??
      ttlFailure(options)
    if (error) return { is: 'refused', error }
    const message = this.timed === null ? sent : prepared(this.config, sent, options)
    if (options.place) this.skipTo(options.place.seq - 1)
    const seq = this.#place(message, nowUs)
    if (msgId !== '') this.dedupe.add(msgId, seq, nowUs, this.#windowStartUs())
    this.dedupe.lastId = msgId
    const rollup = rollupOf(options)
    if (rollup !== undefined && rollUp(this, rollup, message.subject, seq)) {
      return { is: 'refused', error: insufficientStorage }
    }
    this.timed?.stored(message, seq, options)
    if (options.schedule !== undefined) endSchedule(this, options)
    enforceLimits(this, message.subject)
    return { is: 'stored', seq }
  }

  /** Spends the sequences up to `seq`: a mirror's origin has no messages there. */
  skipTo(seq: number): void {
    if (seq <= this.lastSeq) return
    this.#waiting.skipTo(seq)
    this.lastSeq = seq
    if (this.messages === 0) this.firstSeq = seq + 1
    this.saveSoon()
  }

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

  remove(seq: number): boolean {
    if (this.commit.sick) return false
    const meta = this.meta(seq)
    if (!meta) return false
    this.drop(seq, meta)
    this.#mustSave = true
    this.tellRemoved(seq)
    return true
  }

  purge(what: { filter?: string; seq?: number; keep?: number }): number {
    let count = 0
    const failed = this.commit.attempt(() => {
      count = purgeStream(this, what)
    })
    if (failed) return 0
    if (count > 0) this.tellRemoved(0)
    return count
  }

  watch(listener: StreamListener): void {
    this.#listeners.add(listener)
  }

  unwatch(listener: StreamListener): void {
    this.#listeners.delete(listener)
  }

  // ---- for retention.ts and expect.ts ----

  /** Subject and size of a message that is there; undefined when it is not. */
  meta(seq: number): MessageMeta | undefined {
    if (seq < this.firstSeq || seq > this.lastSeq || this.removed.has(seq)) return undefined
    if (this.#waiting.covers(seq)) {
      const row = this.#waiting.at(seq)
      if (!row) return undefined
      const bytes = this.size(row.subject.nameBytes, row.headerBytes, row.payloadBytes)
      return { subject: row.subject, bytes }
    }
    const row = this.rows.metaById.get(idOf(this.id, seq))
    const subject = row && this.interned.byId(Number(row[0]))
    if (!row || !subject) return undefined
    const bytes = this.size(subject.nameBytes, Number(row[2] ?? 0), Number(row[3] ?? 0))
    return { subject, bytes }
  }

  size(subjectBytes: number, headerBytes: number, payloadBytes: number): number {
    return sizeOf(this.config.storage, subjectBytes, headerBytes, payloadBytes)
  }

  /** Takes one message away: its row goes with the next group. */
  drop(seq: number, meta: MessageMeta): void {
    if (this.#waiting.covers(seq)) {
      this.#waiting.drop(seq)
      // No row will ever tell that the sequence was used: the state must.
      this.#mustSave = true
    } else if (seq !== this.firstSeq) this.removed.add(seq)
    this.trimmed([{ subject: meta.subject, count: 1, bytes: meta.bytes, lastGone: seq }])
    if (seq === this.firstSeq) this.#advanceFirst(seq + 1)
    this.commit.touch(this, rowBytes)
  }

  /** Accounts for messages that went. */
  trimmed(gone: readonly Trimmed[]): void {
    for (const { subject, count, bytes, lastGone } of gone) {
      this.messages -= count
      this.#weigh(this.bytes - bytes)
      subject.count -= count
      if (subject.count === 0) this.subjectCount--
      if (lastGone >= subject.last) subject.last = 0
      this.interned.changed(subject)
    }
  }

  /** Puts everything into the open transaction, so that SQL alone tells the truth. */
  settle(): void {
    // Touched first: whatever fails from here on, `undone` is called.
    this.saveSoon()
    this.commit.begin()
    this.#writeRows()
    this.#save()
    this.#mustSave = true
  }

  /** State and subjects are written with the next group, whatever it brings. */
  saveSoon(): void {
    this.#mustSave = true
    this.commit.touch(this, 0)
  }

  /** After rows went by SQL: the first one left. An empty stream may start at `emptyFrom`. */
  settleFirst(emptyFrom: number): void {
    this.#advanceFirst(this.firstSeq)
    if (this.messages === 0 && emptyFrom > this.lastSeq + 1) {
      this.firstSeq = emptyFrom
      this.lastSeq = emptyFrom - 1
      this.#waiting.clear(emptyFrom)
    }
    this.#rowsFrom = this.firstSeq
    this.commit.touch(this, 0)
  }

  /** Highest sequence on a subject, readable or not; 0 when there is none. */
  lastSeqOf(name: string): number {
    const entry = this.interned.find(name)
    if (!entry || entry.count === 0) return 0
    if (entry.last > 0) return entry.last
    entry.last = this.#waiting.lastOf(entry) || this.reader.lastOf(entry, this.lastSeq)
    return entry.last
  }

  lastSeqMatching(filter: string): number {
    return lastSeqMatching(this, filter)
  }

  seqOfId(msgId: string): number {
    return this.dedupe.find(msgId, this.#windowStartUs()) ?? 0
  }

  newest(name: string): StoredMessage | undefined {
    const seq = this.lastSeqOf(name)
    if (seq === 0) return undefined
    if (!this.#waiting.covers(seq)) return this.reader.stored(seq)
    const row = this.#waiting.at(seq)
    if (!row) return undefined
    const { timeUs, headers, payload } = row
    return { seq, subject: name, timeUs, headers: headers ?? nothing, payload: payload ?? nothing }
  }

  /** Lowest sequence on a subject, readable or not; 0 when there is none. */
  firstSeqOf(entry: SubjectEntry): number {
    const from = Math.max(entry.firstHint, this.firstSeq)
    const stored = this.reader.firstOf(entry, from, this.lastSeq)
    if (stored > 0) {
      entry.firstHint = stored
      return stored
    }
    return this.#waiting.firstOf(entry)
  }

  /** Deleted: nothing of it is written any more. */
  close(): void {
    this.timed?.close()
    this.#weigh(0)
    this.#closed = true
    this.#listeners.clear()
  }

  // ---- Participant ----

  flush(): void {
    if (this.#closed) return
    this.#writeRows()
    const late = Math.max(this.#uncounted, this.removed.size, this.firstSeq - this.#rowsFrom)
    if (late >= uncountedMax || this.#mustSave) this.#save()
    // Not earlier: a group that is being synced now must not vouch for the open one.
    this.#flushedSeq = this.lastSeq
    this.#onFlush()
  }

  #writeRows(): void {
    const { rows, id } = this
    const keyed = this.keyed ? 1 : 0
    this.interned.flushFresh()
    for (const row of this.#waiting.rows) {
      if (!row) continue
      const key = idOf(id, row.seq)
      rows.insertMessage.run(key, row.subject.id, row.timeUs, keyed, row.headers, row.payload)
      this.#uncounted++
    }
    this.#waiting.clear(this.lastSeq + 1)
  }

  /** Deletes what went and writes the state and the subjects: S2 and S4 hold from here. */
  #save(): void {
    const { rows, id } = this
    for (const seq of this.removed) rows.deleteMessage.run(idOf(id, seq))
    this.removed.clear()
    if (this.firstSeq > this.#rowsFrom) {
      rows.deleteRange.run(idOf(id, this.#rowsFrom), idOf(id, this.firstSeq - 1))
      this.#rowsFrom = this.firstSeq
    }
    this.interned.flush()
    rows.updateState.run(
      this.firstSeq,
      this.lastSeq,
      this.messages,
      this.bytes,
      this.subjectCount,
      this.#lastTimeUs,
      this.keyed ? 1 : 0,
      id,
    )
    this.#uncounted = 0
    this.#mustSave = false
  }

  synced(): void {
    if (this.readableSeq >= this.#flushedSeq) return
    this.readableSeq = this.#flushedSeq
    for (const listener of this.#listeners) listener.readable(this.readableSeq)
  }

  undone(): void {
    if (this.#closed) return // the store has made another stream of its rows
    this.#waiting.clear(this.lastSeq + 1)
    this.removed.clear()
    this.interned.forget()
    this.#reload(false)
    this.readableSeq = Math.min(this.readableSeq, this.lastSeq)
    this.dedupe.forgetAfter(this.lastSeq)
  }

  #place(message: NewMessage, timeUs: number): number {
    const seq = ++this.lastSeq
    const subject = this.interned.findOrMake(message.subject)
    const headerBytes = message.headers.length
    const payloadBytes = message.payload.length
    this.#count(subject, seq, timeUs, headerBytes, payloadBytes)
    this.#waiting.push({
      seq,
      subject,
      timeUs,
      headers: headerBytes === 0 ? null : Buffer.from(message.headers),
      payload: payloadBytes === 0 ? null : Buffer.from(message.payload),
      headerBytes,
      payloadBytes,
    })
    this.commit.touch(this, rowBytes + headerBytes + payloadBytes)
    return seq
  }

  #count(
    subject: SubjectEntry,
    seq: number,
    timeUs: number,
    headerBytes: number,
    payloadBytes: number,
  ): void {
    if (subject.count === 0) this.subjectCount++
    else if (subject.count === 1 && subject.last > 0) subject.firstHint = subject.last
    subject.count++
    subject.last = seq
    this.interned.changed(subject)
    if (this.messages === 0) {
      this.firstSeq = seq
      this.#firstTime = { seq, timeUs }
    }
    this.messages++
    this.#weigh(this.bytes + this.size(subject.nameBytes, headerBytes, payloadBytes))
    this.#lastTimeUs = timeUs
  }

  /** Moves `firstSeq` to the first message at or after `from`. */
  #advanceFirst(from: number): void {
    if (this.messages === 0) {
      this.firstSeq = this.lastSeq + 1
      return
    }
    // No gap anywhere after the one that went: it is the next.
    if (this.messages === this.lastSeq + 1 - from) {
      this.firstSeq = from
      return
    }
    for (let at = from; at < this.#waiting.fromSeq; at++) {
      const row = this.rows.idFrom.get(idOf(this.id, at), idOf(this.id, this.lastSeq))
      if (!row) break
      at = seqOf(Number(row[0]))
      if (this.removed.has(at)) continue
      this.firstSeq = at
      return
    }
    this.firstSeq = this.#waiting.first()
  }

  #firstTimeUs(): number {
    if (this.#firstTime.seq !== this.firstSeq) {
      const waiting = this.#waiting.covers(this.firstSeq) ? this.#waiting.at(this.firstSeq) : null
      const timeUs = waiting?.timeUs ?? this.reader.timeOf(this.firstSeq)
      this.#firstTime = { seq: this.firstSeq, timeUs }
    }
    return this.#firstTime.timeUs
  }

  #windowStartUs(): number {
    return this.time.cutoffUs(Math.round(this.config.duplicate_window / 1000))
  }

  #reload(isStart: boolean): void {
    const numbers = this.rows.stateById.get(this.id)?.map(Number)
    if (!numbers) return
    this.firstSeq = numbers[0] as number
    this.lastSeq = numbers[1] as number
    this.messages = numbers[2] as number
    this.#weigh(numbers[3] as number)
    this.subjectCount = numbers[4] as number
    this.#lastTimeUs = numbers[5] as number
    this.keyed = numbers[6] === 1
    this.#rowsFrom = this.firstSeq
    this.#countUncounted(isStart)
    this.#waiting.clear(this.lastSeq + 1)
    this.#flushedSeq = this.lastSeq
  }

  /** Messages that came after the state was last saved; what they evicted then is there again. */
  #countUncounted(isStart: boolean): void {
    this.#uncounted = 0
    this.#waiting.clear(Number.POSITIVE_INFINITY)
    const after = this.rows.messagesAfter(idOf(this.id, this.lastSeq))
    for (const [id, subjectId, timeUs, headers, payload] of after) {
      const subject = this.interned.byId(subjectId)
      if (!subject) throw lost(this, `message without its subject ${subjectId}`)
      this.lastSeq = seqOf(id)
      this.#count(subject, this.lastSeq, timeUs, headers, payload)
      this.#uncounted++
      if (isStart) enforceLimits(this, subject.name)
    }
    if (this.#uncounted > 0) this.#mustSave = true
  }

  #weigh(bytes: number): void {
    this.#held.add(this.config.storage, bytes - this.bytes)
    this.bytes = bytes
  }

  /** Tells the listeners what went; 0: many. */
  tellRemoved(seq: number): void {
    for (const listener of this.#listeners) listener.removed(seq)
  }
}
