// A stream on SQLite: appending, removing, and what a group writes.
//
// RAM holds the state (a few numbers), the blocks that gather for the next group (bounded by the
// commit's queue), what was removed since, bounded caches of subjects and of message ids.
//
// A group of appends writes blocks and nothing else, one page instead of three: state and counts
// follow after uncountedMax messages, with a removal somebody waits for, and at the end. A start
// counts what came after. What limits evict is deleted with the state as well.
//
// Invariant 1 is kept by commit.ts; invariant 2 here: `readableSeq` moves in `synced`, once the
// group is on disk, and nothing after it is ever read. `flush` keeps S1, S2, S5 of schema.ts.

import type { Block } from './block.ts'
import type { Commit, Participant } from './commit.ts'
import { Dedupe } from './dedupe.ts'
import { compacted } from './draft.ts'
import { insufficientStorage } from './errors.ts'
import { closedFor, expectationFailure } from './expect.ts'
import type { Held } from './held.ts'
import type { StreamParts } from './vault.ts'
import { Purge, type PurgeRequest } from './purge.ts'
import { type MessageMeta, discardFailure, enforceLimits, rollUp } from './retention.ts'
import type {
  AppendOptions,
  Appended,
  Gate,
  Outlet,
  NewMessage,
  Stream,
  StreamConfig,
  StreamState,
} from './shapes.ts'
import { StreamReads } from './stream-reads.ts'
import { type SubjectEntry, Subjects } from './subjects.ts'
import type { Sweeper } from './sweeper.ts'
import type { StoreTime } from './time.ts'
import { endSchedule, prepared, rollupOf, ttlFailure } from './timed/check.ts'
import type { Timed } from './timed/timed.ts'

const uncountedMax = 8192
const removedMax = 2048
/** Memory a waiting message takes beside its bytes, about. */
const rowBytes = 40

export class StoreStream extends StreamReads implements Stream, Participant {
  readonly id: number
  readonly account: string
  readonly createdUs: number
  readonly commit: Commit
  readonly time: StoreTime
  readonly dedupe = new Dedupe()
  interned: Subjects
  config: StreamConfig
  bytes = 0
  subjectCount = 0
  gate: Gate | null = null
  outlet: Outlet | null = null
  /** What it has to do by the clock; null: nothing. */
  timed: Timed | null = null
  readonly #held: Held
  readonly #sweeper: Sweeper
  #lastTimeUs = 0
  #firstTime = { seq: 0, timeUs: 0 }
  /** Removed ones whose bytes are to be overwritten. */
  readonly #erased = new Set<number>()
  /** Data numbers the stream had, not yet given up in the database. */
  #left: number[] = []
  /** Messages in the database that its state does not count yet. */
  #uncounted = 0
  #mustSave = false
  /** The lowest sequence that may have a block. */
  #blocksFrom = 1
  #flushedSeq = 0
  #closed = false
  readonly #onFlush: () => void

  constructor(parts: StreamParts) {
    super(parts)
    this.id = parts.id
    this.account = parts.account
    this.config = parts.config
    this.createdUs = parts.createdUs
    this.commit = parts.commit
    this.time = parts.time
    this.#held = parts.held
    this.#sweeper = parts.sweeper
    this.#onFlush = parts.onFlush
    this.interned = new Subjects(parts.rows, parts.data)
  }

  /** Reads the state from the database; everything in there is on disk. */
  load(): void {
    this.#reload(true)
    this.#flushedSeq = this.lastSeq
    this.readableSeq = this.lastSeq
    const fromUs = this.#windowStartUs()
    this.dedupe.load(this, this.seqAt(fromUs), fromUs)
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
    const rollup = rollupOf(options)
    if (rollup === 'all' && !this.startOver()) {
      return { is: 'refused', error: insufficientStorage }
    }
    const seq = this.#place(message, nowUs)
    if (msgId !== '') this.dedupe.add(msgId, seq, nowUs, this.#windowStartUs())
    this.dedupe.lastId = msgId
    if (rollup === 'sub') rollUp(this, message.subject, seq)
    this.timed?.stored(message, seq, options)
    if (options.schedule !== undefined) endSchedule(this, options)
    enforceLimits(this, message.subject)
    return { is: 'stored', seq }
  }

  onReadable(done: () => void): void {
    this.commit.onDisk(() => done())
  }

  /** Spends the sequences up to `seq`: a mirror's origin has no messages there. */
  skipTo(seq: number): void {
    if (seq <= this.lastSeq) return
    this.waiting.skipTo(seq)
    this.lastSeq = seq
    if (this.messages === 0) this.firstSeq = seq + 1
    this.saveSoon()
  }

  remove(seq: number, erase = false): boolean {
    if (this.commit.sick) return false
    const meta = this.meta(seq)
    if (!meta) return false
    if (erase && !this.waiting.covers(seq)) {
      this.#erased.add(seq)
      this.removed.add(seq)
    }
    this.drop(seq, meta)
    this.#mustSave = true
    this.tellRemoved(seq)
    return true
  }

  purge(what: PurgeRequest): number {
    const purge = new Purge(this, what)
    if (purge.isWhole && purge.whole()) return purge.count
    this.commit.attempt(() => {
      do this.settle()
      while (!purge.step())
    })
    return purge.count
  }

  async purgeGently(what: PurgeRequest): Promise<number> {
    const purge = new Purge(this, what)
    if (purge.isWhole && purge.whole()) return purge.count
    // An error goes to whoever waits for the disk: what was left stays.
    while (await this.#onDisk()) if (this.#closed || purge.step()) break
    return purge.count
  }

  /** False: something went wrong. */
  #onDisk(): Promise<boolean> {
    return new Promise(resolve => this.commit.onDisk(error => resolve(error === undefined)))
  }

  // ---- for retention.ts, purge.ts and expect.ts

  /** Takes one message away: its block is changed with a later group. */
  drop(seq: number, { subject, bytes, previous }: MessageMeta): void {
    if (this.waiting.covers(seq)) {
      this.waiting.drop(seq)
      // No block will ever tell that the sequence was used: the state must.
      this.#mustSave = true
    } else if (seq !== this.firstSeq) this.removed.add(seq)
    this.messages--
    this.#weigh(this.bytes - bytes)
    subject.count--
    if (subject.count === 0) this.subjectCount--
    if (seq >= subject.last) {
      const isKnown = subject.count > 0 && previous > 0 && this.meta(previous) !== undefined
      subject.last = isKnown ? previous : 0
      subject.lastBytes = 0
    }
    if (seq === subject.firstHint) keepHint(subject, seq + 1, 0)
    if (subject.count === 1 && subject.last > 0) {
      keepHint(subject, subject.last, subject.lastBytes)
    }
    this.interned.changed(subject)
    if (seq === this.firstSeq) this.#advanceFirst(seq + 1)
    this.commit.touch(this, rowBytes)
    this.#sweeper.wake()
  }

  /** How much of a purge has gathered for the next group. */
  get removals(): number {
    return this.removed.size + (this.firstSeq - this.#blocksFrom)
  }

  /** All messages go at once: the stream goes on under another data number. */
  startOver(): boolean {
    const data = this.rows.newData()
    if (data === 0) return false
    this.#left.push(this.data)
    this.blocks.leave(this.data)
    this.data = data
    this.interned = new Subjects(this.rows, data)
    this.reader.forget()
    this.removed.clear()
    this.#erased.clear()
    this.waiting.clear(this.lastSeq + 1, data)
    this.messages = 0
    this.#weigh(0)
    this.subjectCount = 0
    this.firstSeq = this.lastSeq + 1
    this.#blocksFrom = this.firstSeq
    this.#uncounted = 0
    this.saveSoon()
    this.#sweeper.wake()
    this.tellRemoved(0)
    return true
  }

  /** Puts everything into the open transaction, so that SQL alone tells the truth. */
  settle(): void {
    // Touched first: whatever fails from here on, `undone` is called.
    this.saveSoon()
    this.commit.begin()
    this.#write()
    this.#save()
    this.#mustSave = true
  }

  /** State and subjects are written with the next group, whatever it brings. */
  saveSoon(): void {
    this.#mustSave = true
    this.commit.touch(this, 0)
  }

  seqOfId(msgId: string): number {
    return this.dedupe.find(msgId, this.#windowStartUs()) ?? 0
  }

  /** Deleted: nothing of it is written any more. */
  close(): void {
    this.timed?.close()
    this.blocks.leave(this.data)
    this.#weigh(0)
    this.#closed = true
    this.listeners.clear()
  }

  // ---- Participant ----

  flush(): void {
    if (this.#closed) return
    this.#write()
    const isLate = this.#uncounted >= uncountedMax || this.removals >= removedMax
    if (isLate || this.#mustSave) this.#save()
    // Not earlier: a group that is being synced now must not vouch for the open one.
    this.#flushedSeq = this.lastSeq
    this.#onFlush()
  }

  /** What waits becomes blocks; where a subject keeps few messages, each gets one of its own. */
  #write(): void {
    for (const data of this.#left) this.rows.discard(data)
    if (this.#left.length > 0) this.rows.setData(this.id, this.data)
    this.#left = []
    if (this.waiting.isEmpty) return
    this.interned.flushFresh()
    const isSplit = this.config.max_msgs_per_subject > 0
    for (const block of this.waiting.blocks()) {
      this.#uncounted += block.live
      if (isSplit) this.#writeSingly(block)
      else this.blocks.insert(block.live < block.count ? compacted(block) : block, false)
    }
    this.waiting.clear(this.lastSeq + 1, this.data)
  }

  #writeSingly(block: Block): void {
    for (let i = 0; i < block.count; i++) {
      if (!block.isGone(i)) this.blocks.insertSingly(block, i, this.keyed)
    }
  }

  /** Deletes what went and writes the state and the subjects: S2 and S4 hold from here. */
  #save(): void {
    const { rows, id, data } = this
    if (this.removed.size > 0) {
      const seqs = [...this.removed].sort((a, b) => a - b)
      const mayBeAlone = this.config.max_msgs_per_subject > 0
      this.blocks.remove(data, seqs, this.#erased, mayBeAlone)
      this.removed.clear()
      this.#erased.clear()
    }
    if (this.firstSeq > this.#blocksFrom) {
      this.blocks.deleteBelow(data, this.#blocksFrom, this.firstSeq)
      this.#blocksFrom = this.firstSeq
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
    for (const listener of this.listeners) listener.readable(this.readableSeq)
  }

  undone(): void {
    if (this.#closed) return // the store has made another stream of its rows
    this.#left = []
    this.removed.clear()
    this.#erased.clear()
    this.reader.forget()
    this.blocks.forget()
    this.rows.reload()
    this.#reload(false)
    this.readableSeq = Math.min(this.readableSeq, this.lastSeq)
    this.dedupe.forgetAfter(this.lastSeq)
  }

  #place(message: NewMessage, timeUs: number): number {
    const seq = ++this.lastSeq
    const { headers, payload } = message
    const subject = this.interned.findOrMake(message.subject)
    const previous = subject.count === 0 ? 0 : subject.last || -1
    this.#count(subject, seq, timeUs, headers.length, payload.length)
    this.waiting.push(seq, subject, timeUs, headers, payload, previous)
    this.commit.touch(this, rowBytes + headers.length + payload.length)
    return seq
  }

  #count(
    subject: SubjectEntry,
    seq: number,
    timeUs: number,
    headerBytes: number,
    payloadBytes: number,
  ): void {
    const bytes = this.size(subject.nameBytes, headerBytes, payloadBytes)
    if (subject.count === 0) this.subjectCount++
    if (subject.count === 0) keepHint(subject, seq, bytes)
    else if (subject.count === 1 && subject.last > 0) {
      keepHint(subject, subject.last, subject.lastBytes)
    }
    subject.count++
    subject.last = seq
    subject.lastBytes = bytes
    this.interned.changed(subject)
    if (this.messages === 0) {
      this.firstSeq = seq
      this.#firstTime = { seq, timeUs }
    }
    this.messages++
    this.#weigh(this.bytes + bytes)
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
    const stored = this.reader.firstLive(from, Math.min(this.lastSeq, this.waiting.fromSeq - 1))
    this.firstSeq = stored || this.waiting.first()
  }

  #firstTimeUs(): number {
    if (this.#firstTime.seq !== this.firstSeq) {
      this.#firstTime = { seq: this.firstSeq, timeUs: this.reader.timeOf(this.firstSeq) }
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
    this.data = numbers[7] as number
    this.interned = new Subjects(this.rows, this.data)
    this.#blocksFrom = this.firstSeq
    this.#countUncounted(isStart)
    this.waiting.clear(this.lastSeq + 1, this.data)
    this.#flushedSeq = this.lastSeq
  }

  /** Messages that came after the state was last saved; what they evicted then is there again. */
  #countUncounted(isStart: boolean): void {
    this.#uncounted = 0
    this.waiting.clear(Number.POSITIVE_INFINITY, this.data)
    for (;;) {
      const block = this.blocks.after(this.data, this.lastSeq)
      if (!block) break
      for (let i = 0; i < block.count; i++) {
        this.lastSeq = block.seq(i)
        if (block.isGone(i)) continue
        const subject = this.subjectOf(block.subject(i))
        const [headers, payload] = [block.headerBytes(i), block.payloadBytes(i)]
        this.#count(subject, this.lastSeq, block.time(i), headers, payload)
        this.#uncounted++
        if (isStart) enforceLimits(this, subject.name)
      }
    }
    if (this.#uncounted > 0) this.#mustSave = true
  }

  #weigh(bytes: number): void {
    this.#held.add(this.config.storage, bytes - this.bytes)
    this.bytes = bytes
  }
}

function keepHint(subject: SubjectEntry, seq: number, bytes: number): void {
  subject.firstHint = seq
  subject.firstBytes = bytes
}
