// Where a consumer stands in its stream, and how much is still before it.
//
// What is left is known without counting once the end is in sight: a fetch that brings less than
// was asked for says exactly how many messages remain. Only a consumer far behind needs a count;
// it is made once, and then kept by what is delivered, what arrives and what is removed. After
// removals that cannot be attributed (a filter, a purge) it is made again: when somebody asks, and
// at most once a second for the figure that goes with each delivery.
//
//   deliver policy last_per_subject:
//     [ last message of each subject, ascending ]  then everything behind `resume`
//
// keeps invariant 2: nothing beyond stream.readableSeq is fetched.

import type { Clock } from '../../../src/base/clock.ts'
import { timeOf } from '../api/text.ts'
import type { StoredMessage, Stream } from '../shapes.ts'
import type { ConsumerConfig } from './config.ts'
import { filtersOf } from './config.ts'

/** Read at once, going by the average size so far … */
const fetchBytes = 1024 * 1024
/** … and never more than these, should small messages be followed by the largest allowed. */
const fetchCountMax = 64
const recountMs = 1000
const none: readonly StoredMessage[] = []

export class Cursor {
  /** The first sequence not yet looked at. */
  nextSeq = 1
  readonly #stream: Stream
  readonly #clock: Clock
  #filters: readonly string[]
  /** Messages at or after nextSeq, as far as `#countedTo`. */
  #left = 0
  #countedTo = -1
  #isStale = true
  #countedAtMs = Number.NEGATIVE_INFINITY
  #skip: readonly number[] = []
  #skipAt = 0
  #resume = 0
  #bytesEach = 0
  /** The end as the last fetch saw it; 0 when that was cut short. */
  #dryAt = 0

  constructor(stream: Stream, config: ConsumerConfig, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
    this.#filters = filtersOf(config)
    const { bytes, messages } = stream.state()
    this.#bytesEach = messages > 0 ? bytes / messages : 0
  }

  get filters(): readonly string[] {
    return this.#filters
  }

  /** End of the last_per_subject phase; 0 when there is none. */
  get skipUntil(): number {
    return this.#skipAt < this.#skip.length ? this.#resume : 0
  }

  /** The end of the stream has been reached. */
  get isDry(): boolean {
    return this.nextSeq > this.#stream.readableSeq && this.#skipAt >= this.#skip.length
  }

  /** A new consumer's place. */
  start(config: ConsumerConfig): void {
    const state = this.#stream.state()
    const seq = this.#startSeq(config, state.firstSeq, state.lastSeq)
    const end = Math.max(state.lastSeq + 1, config.opt_start_seq ?? 0)
    this.nextSeq = Math.min(Math.max(seq, state.firstSeq, 1), end)
    if (config.deliver_policy === 'last_per_subject') {
      this.#startSkipping(this.#stream.readableSeq, 0)
    }
  }

  /**
   * A restored consumer's place: not behind the end of a stream that has lost messages, but for a
   * start that was asked for beyond it.
   */
  resumeAt(deliveredSeq: number, skipUntil: number, startSeq: number): void {
    const end = Math.max(this.#stream.state().lastSeq, startSeq - 1)
    this.nextSeq = Math.min(deliveredSeq, end) + 1
    this.#skip = []
    this.#skipAt = 0
    if (skipUntil > 0) this.#startSkipping(skipUntil, deliveredSeq)
  }

  /** Back or forth to `seq`; what is left of a last_per_subject phase is looked for again. */
  reset(seq: number): void {
    const until = this.skipUntil
    this.#skip = []
    this.#skipAt = 0
    this.#dryAt = 0
    this.#countedTo = -1
    this.nextSeq = seq
    if (until >= seq) this.#startSkipping(until, seq - 1)
  }

  refilter(config: ConsumerConfig): void {
    this.#filters = filtersOf(config)
    this.#isStale = true
    this.#countedAtMs = Number.NEGATIVE_INFINITY
  }

  /** Up to `countMax` messages that come next; each one delivered is told to `advance`. */
  fetch(countMax: number): readonly StoredMessage[] {
    if (this.#skipAt < this.#skip.length) return this.#fetchSkipping(Math.min(countMax, 64))
    if (this.#skip.length > 0) this.#skip = []
    this.#dryAt = 0
    const readable = this.#stream.readableSeq
    if (this.nextSeq > readable) return none
    const count = Math.min(countMax, this.#countFor())
    const batch = this.#stream.batch(this.#filters, this.nextSeq, count + 1)
    const first = batch[0]
    if (first) this.#bytesEach = (this.#bytesEach + first.end - first.start) / 2
    if (batch.length > count) {
      this.#count(readable)
      this.#left = Math.max(this.#left, batch.length)
      return batch.slice(0, count)
    }
    this.#left = batch.length
    this.#countedTo = readable
    this.#isStale = false
    this.#dryAt = readable
    if (batch.length === 0) this.nextSeq = readable + 1
    return batch
  }

  /** Messages behind `seq` when it is the next one to go. */
  leftBehind(): number {
    return Math.max(0, this.#left - 1)
  }

  /** `seq` goes out. */
  advance(seq: number): void {
    if (this.#left > 0) this.#left--
    if (this.#skipAt < this.#skip.length) {
      while ((this.#skip[this.#skipAt] ?? Number.POSITIVE_INFINITY) <= seq) this.#skipAt++
      this.nextSeq = this.#skipAt < this.#skip.length ? seq + 1 : this.#resume + 1
      return
    }
    this.nextSeq = this.#left === 0 && this.#dryAt > seq ? this.#dryAt + 1 : seq + 1
  }

  /** Nobody took it after all. */
  rewind(seq: number): void {
    this.#left++
    this.nextSeq = seq
    if (this.#skip.length === 0) return
    while (this.#skipAt > 0 && (this.#skip[this.#skipAt - 1] as number) >= seq) this.#skipAt--
  }

  /** Messages not yet delivered; exact. */
  pending(): number {
    const readable = this.#stream.readableSeq
    if (this.#skipAt < this.#skip.length) return this.#left + this.#arrivedSince(readable)
    if (this.nextSeq > readable) return 0
    if (this.#isStale) this.#countedAtMs = Number.NEGATIVE_INFINITY
    this.#count(readable)
    return this.#left
  }

  /** One message was removed from the stream. */
  removed(seq: number): void {
    if (seq < this.nextSeq || seq > this.#countedTo) return
    if (this.#filters.length === 0 && this.#left > 0) this.#left--
    else this.#isStale = true
  }

  /** Many were. */
  purged(): void {
    this.#isStale = true
    this.#dryAt = 0
    this.nextSeq = Math.max(this.nextSeq, this.#stream.state().firstSeq)
  }

  /** Brings `#left` up to `readable`. */
  #count(readable: number): void {
    const nowMs = this.#clock.monotonicMs()
    if (this.#countedTo < 0 || (this.#isStale && nowMs - this.#countedAtMs >= recountMs)) {
      this.#left = this.#stream.count(this.#filters, this.nextSeq)
      this.#countedTo = readable
      this.#isStale = false
      this.#countedAtMs = nowMs
      return
    }
    if (readable <= this.#countedTo) return
    this.#left += this.#arrivedSince(readable)
    this.#countedTo = readable
  }

  #arrivedSince(readable: number): number {
    if (readable <= this.#countedTo) return 0
    return this.#stream.count(this.#filters, Math.max(this.nextSeq, this.#countedTo + 1))
  }

  #countFor(): number {
    const each = Math.max(1, this.#bytesEach)
    return Math.max(1, Math.min(fetchCountMax, Math.floor(fetchBytes / each)))
  }

  #startSeq(config: ConsumerConfig, firstSeq: number, lastSeq: number): number {
    switch (config.deliver_policy) {
      case 'all':
      case 'last_per_subject':
        return firstSeq
      case 'new':
        return lastSeq + 1
      case 'by_start_sequence':
        return config.opt_start_seq ?? 1
      case 'by_start_time':
        return this.#stream.seqAt(timeOf(config.opt_start_time ?? '') ?? 0)
      case 'last':
        if (this.#filters.length === 0) return lastSeq
        return Math.max(0, ...this.#filters.map(filter => this.#stream.last(filter)?.seq ?? 0))
      default:
        return config.deliver_policy satisfies never
    }
  }

  /** With one message kept a subject, all that is there is the last of its subject. */
  #startSkipping(until: number, deliveredSeq: number): void {
    if (this.#stream.config.max_msgs_per_subject === 1) return
    const seqs = this.#stream.lastPerSubject(this.#filters, until)
    this.#skip = deliveredSeq === 0 ? seqs : seqs.filter(seq => seq > deliveredSeq)
    this.#skipAt = 0
    this.#resume = until
    this.#left = this.#skip.length
    this.#countedTo = until
    this.#isStale = false
    this.nextSeq = this.#skip[0] ?? Math.max(until, 1)
  }

  #fetchSkipping(countMax: number): readonly StoredMessage[] {
    const readable = this.#stream.readableSeq
    if (readable > this.#countedTo) {
      this.#left += this.#arrivedSince(readable)
      this.#countedTo = readable
    }
    const batch: StoredMessage[] = []
    for (let at = this.#skipAt; at < this.#skip.length && batch.length < countMax; at++) {
      const seq = this.#skip[at] as number
      if (seq > readable) break
      const message = this.#stream.get(seq)
      if (message) batch.push(message)
      else if (this.#left > 0) this.#left--
      // What was removed meanwhile is passed over for good.
      if (!message && batch.length === 0) this.#skipAt = at + 1
    }
    if (this.#skipAt < this.#skip.length) return batch
    this.nextSeq = this.#resume + 1
    return this.fetch(countMax)
  }
}
