// Messages that were delivered and not yet acknowledged, when they fall due again, and the queue
// of those to be delivered again.
//
//   add ─> waiting for its ack ──remove (ack, term, message gone)──> forgotten
//             │ due (ack_wait, backoff, -NAK delay)      ▲
//             ▼                                          │
//          redelivery queue ──sendAgain, one more delivery┘
//             │ max_deliver reached
//             ▼
//          exhausted: not delivered again; kept only so that interest and work-queue streams
//          keep the message until somebody acks or deletes it
//
// Bounded by the owner (max_ack_pending, itself bounded); `exhausted` by `exhaustedMax`. What
// changed since the last save is remembered by chunk of 256 sequences, so that a save costs what
// changed and not what is pending.

import { Slots } from './slots.ts'

/** A look at one of them. */
export interface Pending {
  readonly seq: number
  /** Consumer sequence of its first delivery. */
  readonly consumerSeq: number
  readonly deliveries: number
  /** Monotonic ms from which its ack_wait counts. */
  readonly sentMs: number
}

/** How long deliveries wait for their acks: the consumer's config as it is now. */
export interface Waits {
  /** Of the n-th delivery of a message; Infinity where nothing falls due. */
  waitMs(deliveries: number): number
  /** All wait equally long. */
  readonly isSteady: boolean
}

/** Sequences per saved chunk. */
export const chunkSize = 256
const exhaustedMax = 10_000
const never = Number.POSITIVE_INFINITY
const none = -1

export class PendingMessages {
  readonly #slots = new Slots()
  readonly #waits: Waits
  readonly #queue = new Set<number>()
  readonly #exhausted = new Map<number, number>()
  readonly #changed = new Set<number>()
  /** The chunk that changed last: most changes come in a row. */
  #lastChanged = none
  /** Chunks that have a row. */
  readonly #stored = new Set<number>()
  /** The slots' order is the order of `sentMs`. */
  #isInOrder = true
  #redelivered = 0

  constructor(waits: Waits) {
    this.#waits = waits
  }

  get count(): number {
    return this.#slots.count
  }

  /** Messages delivered more than once, and given up ones. */
  get redelivered(): number {
    return this.#redelivered + this.#exhausted.size
  }

  get hasQueued(): boolean {
    return this.#queue.size > 0
  }

  get queued(): number {
    return this.#queue.size
  }

  get(seq: number): Pending | undefined {
    const slot = this.#slots.find(seq)
    return slot < 0 ? undefined : this.#at(slot)
  }

  has(seq: number): boolean {
    return this.#slots.find(seq) >= 0
  }

  isExhausted(seq: number): boolean {
    return this.#exhausted.size > 0 && this.#exhausted.has(seq)
  }

  /** A first delivery; out of a backup a later one. */
  add(seq: number, consumerSeq: number, sentMs: number, deliveries = 1): void {
    this.#slots.insert(seq, consumerSeq, deliveries, sentMs)
    if (deliveries > 1) this.#redelivered++
    this.#touch(seq)
  }

  /** Another delivery of a message that was taken off the queue. */
  sendAgain(seq: number, sentMs: number): void {
    const slots = this.#slots
    const slot = slots.find(seq)
    if (slot < 0) return
    const deliveries = (slots.deliveries[slot] as number) + 1
    if (deliveries === 2) this.#redelivered++
    slots.deliveries[slot] = deliveries
    slots.renew(slot, sentMs)
    this.#touch(seq)
  }

  /** That one did not happen after all: it is the first to be delivered again. */
  notSent(seq: number): void {
    const slot = this.#slots.find(seq)
    if (slot < 0) return
    const deliveries = (this.#slots.deliveries[slot] as number) - 1
    if (deliveries === 1) this.#redelivered--
    this.#slots.deliveries[slot] = deliveries
    const rest = [...this.#queue]
    this.#queue.clear()
    this.enqueue(seq)
    for (const other of rest) this.#queue.add(other)
  }

  /** Takes it out for good; false when it was not there. */
  remove(seq: number): boolean {
    if (this.#exhausted.size > 0 && this.#exhausted.delete(seq)) this.#touch(seq)
    const slots = this.#slots
    const slot = slots.find(seq)
    if (slot < 0) return false
    if (slots.queued[slot] === 1) this.#queue.delete(seq)
    if ((slots.deliveries[slot] as number) > 1) this.#redelivered--
    slots.delete(slot)
    this.#touch(seq)
    if (slots.count === 0) this.#isInOrder = true
    return true
  }

  /** Forgets everything. */
  clear(): void {
    for (const seq of this.sequences()) this.#touch(seq)
    this.#slots.clear()
    this.#queue.clear()
    this.#exhausted.clear()
    this.#redelivered = 0
    this.#isInOrder = true
  }

  /** Given up: it stays known as delivered so many times. */
  exhaust(entry: Pending): void {
    this.remove(entry.seq)
    if (this.#exhausted.size >= exhaustedMax) {
      const oldest = this.#exhausted.keys().next().value
      if (oldest !== undefined) this.remove(oldest)
    }
    this.#exhausted.set(entry.seq, entry.deliveries)
    this.#touch(entry.seq)
  }

  /** It falls due at another time: a delayed -NAK, or work in progress. */
  postpone(entry: Pending, dueMs: number): void {
    const slots = this.#slots
    const slot = slots.find(entry.seq)
    if (slot < 0) return
    this.#unqueue(slot, entry.seq)
    const sentMs = dueMs - this.#waits.waitMs(entry.deliveries)
    const newest = slots.newest
    if (newest !== slot && sentMs < (slots.sentMs[newest] as number)) this.#isInOrder = false
    slots.renew(slot, sentMs)
  }

  /** Queues it for redelivery as soon as there is room. */
  enqueue(seq: number): void {
    const slot = this.#slots.find(seq)
    if (slot < 0) return
    this.#slots.queued[slot] = 1
    this.#queue.add(seq)
  }

  /** Takes the next one to be delivered again off the queue. */
  dequeue(): Pending | undefined {
    for (const seq of this.#queue) {
      const slot = this.#slots.find(seq)
      if (slot < 0) {
        this.#queue.delete(seq)
        continue
      }
      this.#unqueue(slot, seq)
      return this.#at(slot)
    }
    return undefined
  }

  /** Everything due at `nowMs`, by sequence. The caller queues or exhausts each. */
  due(nowMs: number): Pending[] {
    const due: Pending[] = []
    const slots = this.#slots
    const isOrdered = this.#isInOrder && this.#waits.isSteady
    for (let slot = slots.oldest; slot >= 0; slot = slots.next[slot] as number) {
      if (slots.queued[slot] === 1) continue
      if (this.#dueMs(slot) <= nowMs) due.push(this.#at(slot))
      else if (isOrdered) break
    }
    return due.sort((a, b) => a.seq - b.seq)
  }

  /** When the first falls due; Infinity when none does. */
  nextDueMs(): number {
    let next = never
    const slots = this.#slots
    const isOrdered = this.#isInOrder && this.#waits.isSteady
    for (let slot = slots.oldest; slot >= 0; slot = slots.next[slot] as number) {
      if (slots.queued[slot] === 1) continue
      next = Math.min(next, this.#dueMs(slot))
      if (isOrdered) break
    }
    return next
  }

  /** When the last of them falls due; 0 when none does. */
  lastDueMs(): number {
    let last = 0
    const slots = this.#slots
    for (let slot = slots.oldest; slot >= 0; slot = slots.next[slot] as number) {
      const dueMs = this.#dueMs(slot)
      if (dueMs !== never) last = Math.max(last, dueMs)
    }
    return last
  }

  /** The one with the lowest sequence. */
  lowest(): Pending | undefined {
    const slots = this.#slots
    let lowest = none
    let lowestSeq = never
    for (let slot = slots.oldest; slot >= 0; slot = slots.next[slot] as number) {
      const seq = slots.seqs[slot] as number
      if (seq >= lowestSeq) continue
      lowest = slot
      lowestSeq = seq
    }
    return lowest < 0 ? undefined : this.#at(lowest)
  }

  /** Sequences behind `floor` up to `seq`, ascending: what an ack of `seq` covers. */
  between(floor: number, seq: number): number[] {
    if (seq - floor > this.count) {
      return this.#pendingSeqs()
        .filter(known => known > floor && known <= seq)
        .sort((a, b) => a - b)
    }
    const covered: number[] = []
    for (let each = floor + 1; each <= seq; each++) if (this.has(each)) covered.push(each)
    return covered
  }

  /** Every sequence that waits for an ack, those sent first first. */
  waiting(): number[] {
    return this.#pendingSeqs()
  }

  /** Every sequence it knows of. */
  sequences(): number[] {
    return [...this.#pendingSeqs(), ...this.#exhausted.keys()]
  }

  // ---- saving

  /**
   * What changed since it was last asked: chunk number and its text, null when the chunk is empty
   * now and has a row. The text is a flat JSON list: offset, consumer sequence, deliveries, and so
   * on; deliveries are negative for an exhausted message.
   */
  takeChanges(): (readonly [number, string | null])[] {
    const changes: (readonly [number, string | null])[] = []
    for (const chunk of this.#changed) {
      const text = this.#encode(chunk)
      if (text === null && !this.#stored.has(chunk)) continue
      changes.push([chunk, text])
      if (text === null) this.#stored.delete(chunk)
      else this.#stored.add(chunk)
    }
    this.#changed.clear()
    this.#lastChanged = none
    return changes
  }

  /** What was taken was not saved after all: who knows what rows there are. */
  touchChunks(chunks: readonly number[]): void {
    for (const chunk of chunks) {
      this.#changed.add(chunk)
      this.#stored.add(chunk)
    }
  }

  /** Puts a saved chunk back; its ack_wait counts from `sentMs`. */
  restore(chunk: number, text: string, sentMs: number): void {
    this.#stored.add(chunk)
    const numbers = JSON.parse(text) as number[]
    for (let i = 0; i + 2 < numbers.length; i += 3) {
      const seq = chunk * chunkSize + (numbers[i] as number)
      const deliveries = numbers[i + 2] as number
      if (deliveries < 0) this.#exhausted.set(seq, -deliveries)
      else {
        this.#slots.insert(seq, numbers[i + 1] as number, deliveries, sentMs)
        if (deliveries > 1) this.#redelivered++
      }
    }
  }

  // ---- inside

  #at(slot: number): Pending {
    const { seqs, consumerSeqs, deliveries, sentMs } = this.#slots
    return {
      seq: seqs[slot] as number,
      consumerSeq: consumerSeqs[slot] as number,
      deliveries: deliveries[slot] as number,
      sentMs: sentMs[slot] as number,
    }
  }

  #dueMs(slot: number): number {
    const { deliveries, sentMs } = this.#slots
    return (sentMs[slot] as number) + this.#waits.waitMs(deliveries[slot] as number)
  }

  #unqueue(slot: number, seq: number): void {
    this.#slots.queued[slot] = 0
    this.#queue.delete(seq)
  }

  #pendingSeqs(): number[] {
    const seqs: number[] = []
    const slots = this.#slots
    for (let slot = slots.oldest; slot >= 0; slot = slots.next[slot] as number) {
      seqs.push(slots.seqs[slot] as number)
    }
    return seqs
  }

  #encode(chunk: number): string | null {
    const numbers: number[] = []
    const slots = this.#slots
    const first = chunk * chunkSize
    if (slots.count === 0 && this.#exhausted.size === 0) return null
    for (let offset = 0; offset < chunkSize; offset++) {
      const slot = slots.find(first + offset)
      if (slot >= 0) {
        numbers.push(offset, slots.consumerSeqs[slot] as number, slots.deliveries[slot] as number)
        continue
      }
      const given = this.#exhausted.get(first + offset)
      if (given !== undefined) numbers.push(offset, 0, -given)
    }
    return numbers.length === 0 ? null : JSON.stringify(numbers)
  }

  #touch(seq: number): void {
    const chunk = Math.floor(seq / chunkSize)
    if (chunk === this.#lastChanged) return
    this.#lastChanged = chunk
    this.#changed.add(chunk)
  }
}
