// Messages that were delivered and not yet acknowledged, when they fall due again, and the queue
// of those to be delivered again.
//
//   add ─> waiting for its ack ──remove (ack, term, message gone)──> forgotten
//             │ due (ack_wait, backoff, -NAK delay)      ▲
//             ▼                                          │
//          redelivery queue ──add with one more delivery─┘
//             │ max_deliver reached
//             ▼
//          exhausted: not delivered again; kept only so that interest and work-queue streams
//          keep the message until somebody acks or deletes it
//
// Bounded by the owner (max_ack_pending, itself bounded); `exhausted` by `exhaustedMax`. What
// changed since the last save is remembered by chunk of 256 sequences, so that a save costs what
// changed and not what is pending.

export interface Pending {
  readonly seq: number
  /** Consumer sequence of its first delivery. */
  readonly consumerSeq: number
  readonly deliveries: number
  /** Monotonic ms; Infinity while it is queued for redelivery. */
  dueMs: number
}

/** Sequences per saved chunk. */
export const chunkSize = 256
const exhaustedMax = 10_000
const never = Number.POSITIVE_INFINITY

export class PendingMessages {
  /** In order of their last delivery, and so of `dueMs` as long as `#isOrdered`. */
  readonly #entries = new Map<number, Pending>()
  readonly #queue = new Set<number>()
  readonly #exhausted = new Map<number, number>()
  readonly #changed = new Set<number>()
  #isOrdered = true
  #latestDueMs = 0
  #redelivered = 0

  get count(): number {
    return this.#entries.size
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
    return this.#entries.get(seq)
  }

  has(seq: number): boolean {
    return this.#entries.has(seq)
  }

  isExhausted(seq: number): boolean {
    return this.#exhausted.has(seq)
  }

  /** A delivery: the first one or another one of the same message. */
  add(entry: Pending): void {
    const old = this.#entries.get(entry.seq)
    if (old) this.#forget(old)
    if (entry.dueMs < this.#latestDueMs) this.#isOrdered = false
    else this.#latestDueMs = entry.dueMs
    this.#entries.set(entry.seq, entry)
    if (entry.deliveries > 1) this.#redelivered++
    this.#touch(entry.seq)
  }

  /** Takes it out for good. */
  remove(seq: number): Pending | undefined {
    if (this.#exhausted.delete(seq)) this.#touch(seq)
    const entry = this.#entries.get(seq)
    if (!entry) return undefined
    this.#forget(entry)
    this.#touch(seq)
    if (this.#entries.size === 0) {
      this.#isOrdered = true
      this.#latestDueMs = 0
    }
    return entry
  }

  /** Forgets everything. */
  clear(): void {
    for (const seq of this.sequences()) this.#touch(seq)
    this.#entries.clear()
    this.#queue.clear()
    this.#exhausted.clear()
    this.#redelivered = 0
    this.#isOrdered = true
    this.#latestDueMs = 0
  }

  /** Given up: it stays known as delivered `deliveries` times. */
  exhaust(entry: Pending): void {
    this.remove(entry.seq)
    if (this.#exhausted.size >= exhaustedMax) {
      const oldest = this.#exhausted.keys().next().value
      if (oldest !== undefined) this.remove(oldest)
    }
    this.#exhausted.set(entry.seq, entry.deliveries)
  }

  /** Moves its due time: a delayed NAK, or work in progress. */
  postpone(entry: Pending, dueMs: number): void {
    this.#queue.delete(entry.seq)
    this.#entries.delete(entry.seq)
    entry.dueMs = dueMs
    if (dueMs < this.#latestDueMs) this.#isOrdered = false
    else this.#latestDueMs = dueMs
    this.#entries.set(entry.seq, entry)
  }

  /** Queues it for redelivery as soon as there is room. */
  enqueue(entry: Pending): void {
    entry.dueMs = never
    this.#queue.add(entry.seq)
  }

  /** Takes the next one to be delivered again off the queue. */
  dequeue(): Pending | undefined {
    for (const seq of this.#queue) {
      this.#queue.delete(seq)
      const entry = this.#entries.get(seq)
      if (entry) return entry
    }
    return undefined
  }

  /** Puts it back at the head: nobody took it. */
  putBack(entry: Pending): void {
    const rest = [...this.#queue]
    this.#queue.clear()
    this.enqueue(entry)
    for (const seq of rest) this.#queue.add(seq)
  }

  /** Everything due at `nowMs`, by sequence. The caller queues or exhausts each. */
  due(nowMs: number): Pending[] {
    const due: Pending[] = []
    for (const entry of this.#entries.values()) {
      if (entry.dueMs <= nowMs) due.push(entry)
      else if (this.#isOrdered && entry.dueMs !== never) break
    }
    return due.sort((a, b) => a.seq - b.seq)
  }

  /** When the first falls due; Infinity when none does. */
  nextDueMs(): number {
    let next = never
    for (const entry of this.#entries.values()) {
      if (entry.dueMs >= next) continue
      next = entry.dueMs
      if (this.#isOrdered) break
    }
    return next
  }

  /** All pending entries, in no particular order. */
  entries(): Iterable<Pending> {
    return this.#entries.values()
  }

  /** The one with the lowest sequence. */
  lowest(): Pending | undefined {
    let lowest: Pending | undefined
    for (const entry of this.#entries.values()) {
      if (!lowest || entry.seq < lowest.seq) lowest = entry
    }
    return lowest
  }

  /** Sequences up to `seq`, ascending: what an ack of `seq` covers under ack policy all. */
  upTo(seq: number): number[] {
    const covered: number[] = []
    for (const known of this.#entries.keys()) if (known <= seq) covered.push(known)
    return covered.sort((a, b) => a - b)
  }

  /** Every sequence it knows of. */
  sequences(): number[] {
    return [...this.#entries.keys(), ...this.#exhausted.keys()]
  }

  // ---- saving

  /**
   * What changed since it was last asked: chunk number and its text, null when the chunk is empty
   * now. The text is a flat JSON list: offset, consumer sequence, deliveries, and so on;
   * deliveries are negative for an exhausted message.
   */
  takeChanges(): (readonly [number, string | null])[] {
    const changes = [...this.#changed].map(chunk => [chunk, this.#encode(chunk)] as const)
    this.#changed.clear()
    return changes
  }

  /** What was taken was not saved after all. */
  touchChunks(chunks: readonly number[]): void {
    for (const chunk of chunks) this.#changed.add(chunk)
  }

  /** Puts a saved chunk back; everything falls due at `dueMs`. */
  restore(chunk: number, text: string, dueMs: number): void {
    const numbers = JSON.parse(text) as number[]
    for (let i = 0; i + 2 < numbers.length; i += 3) {
      const [offset, consumerSeq, deliveries] = numbers.slice(i, i + 3) as [number, number, number]
      const seq = chunk * chunkSize + offset
      if (deliveries < 0) this.#exhausted.set(seq, -deliveries)
      else {
        this.#entries.set(seq, { seq, consumerSeq, deliveries, dueMs })
        if (deliveries > 1) this.#redelivered++
      }
    }
    this.#latestDueMs = Math.max(this.#latestDueMs, dueMs)
  }

  #encode(chunk: number): string | null {
    const numbers: number[] = []
    const first = chunk * chunkSize
    for (let offset = 0; offset < chunkSize; offset++) {
      const entry = this.#entries.get(first + offset)
      if (entry) {
        numbers.push(offset, entry.consumerSeq, entry.deliveries)
        continue
      }
      const given = this.#exhausted.get(first + offset)
      if (given !== undefined) numbers.push(offset, 0, -given)
    }
    return numbers.length === 0 ? null : JSON.stringify(numbers)
  }

  #forget(entry: Pending): void {
    this.#entries.delete(entry.seq)
    this.#queue.delete(entry.seq)
    if (entry.deliveries > 1) this.#redelivered--
  }

  #touch(seq: number): void {
    this.#changed.add(Math.floor(seq / chunkSize))
  }
}
