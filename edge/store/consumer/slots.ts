// A flat table of unacknowledged deliveries: one slot each, found by sequence, in the order they
// were sent. No object is made for a delivery and none is freed for an ack: at a hundred thousand
// of each a second that is most of what they would cost (test/store/consumer-bench.ts and the
// figures in the commit that made it).
//
//   hash[home …]        slot + 1, linear probing; 0 = free. Sequences come in rows: their homes are
//                       scattered, or a deletion would walk along the whole row
//   slot                seq | consumerSeq | sentMs | deliveries | queued | prev | next
//   oldest ⇄ … ⇄ newest  by their last delivery; free slots hang on `next` alone

const countMin = 64
const nil = -1

export class Slots {
  count = 0
  oldest = nil
  newest = nil
  seqs = new Float64Array(countMin)
  consumerSeqs = new Float64Array(countMin)
  /** Monotonic ms of the last delivery, moved by -NAK delays and +WPI. */
  sentMs = new Float64Array(countMin)
  deliveries = new Uint32Array(countMin)
  /** 1: waits to be delivered again. */
  queued = new Uint8Array(countMin)
  next = new Int32Array(countMin)
  #prev = new Int32Array(countMin)
  #hash = new Int32Array(countMin * 2)
  #mask = countMin * 2 - 1
  /** 32 less the bits of `#mask`. */
  #shift = Math.clz32(countMin * 2 - 1)
  #free = nil
  /** Slots from here on were never used. */
  #unused = 0

  /** The slot of a sequence, -1 when there is none. */
  find(seq: number): number {
    const hash = this.#hash
    const mask = this.#mask
    for (let at = this.#home(seq); ; at = (at + 1) & mask) {
      const slot = (hash[at] as number) - 1
      if (slot < 0) return nil
      if (this.seqs[slot] === seq) return slot
    }
  }

  /** Makes a slot for a sequence that has none, as the newest. */
  insert(seq: number, consumerSeq: number, deliveries: number, sentMs: number): number {
    if (this.count === this.seqs.length) this.#resize(this.count * 2)
    let slot = this.#free
    if (slot === nil) slot = this.#unused++
    else this.#free = this.next[slot] as number
    this.seqs[slot] = seq
    this.consumerSeqs[slot] = consumerSeq
    this.deliveries[slot] = deliveries
    this.sentMs[slot] = sentMs
    this.queued[slot] = 0
    this.count++
    this.#append(slot)
    this.#index(slot, seq)
    return slot
  }

  delete(slot: number): void {
    this.#unindex(slot)
    this.#unlink(slot)
    this.next[slot] = this.#free
    this.#free = slot
    this.count--
    if (this.count === 0) this.clear()
  }

  /** It was sent again, or counts as sent at another time: the newest now. */
  renew(slot: number, sentMs: number): void {
    this.sentMs[slot] = sentMs
    if (this.newest === slot) return
    this.#unlink(slot)
    this.#append(slot)
  }

  /** Memory that many once needed is given back. */
  clear(): void {
    this.count = 0
    this.oldest = nil
    this.newest = nil
    this.#free = nil
    this.#unused = 0
    if (this.seqs.length > countMin * 64) this.#allocate(countMin)
    else this.#hash.fill(0)
  }

  /** Fibonacci hashing of the low 32 bits. */
  #home(seq: number): number {
    return Math.imul(seq, 0x9e3779b1) >>> this.#shift
  }

  #append(slot: number): void {
    this.#prev[slot] = this.newest
    this.next[slot] = nil
    if (this.newest === nil) this.oldest = slot
    else this.next[this.newest] = slot
    this.newest = slot
  }

  #unlink(slot: number): void {
    const before = this.#prev[slot] as number
    const behind = this.next[slot] as number
    if (before === nil) this.oldest = behind
    else this.next[before] = behind
    if (behind === nil) this.newest = before
    else this.#prev[behind] = before
  }

  #index(slot: number, seq: number): void {
    const hash = this.#hash
    const mask = this.#mask
    let at = this.#home(seq)
    while (hash[at] !== 0) at = (at + 1) & mask
    hash[at] = slot + 1
  }

  /** What stands behind it in its run moves up, so that no run has a hole. */
  #unindex(slot: number): void {
    const hash = this.#hash
    const mask = this.#mask
    let hole = this.#home(this.seqs[slot] as number)
    while (hash[hole] !== slot + 1) hole = (hole + 1) & mask
    for (let at = (hole + 1) & mask; hash[at] !== 0; at = (at + 1) & mask) {
      const home = this.#home(this.seqs[(hash[at] as number) - 1] as number)
      // Its home lies behind the hole: it must stay where it is found.
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      hash[hole] = hash[at] as number
      hole = at
    }
    hash[hole] = 0
  }

  #resize(length: number): void {
    const grown = <T extends Float64Array | Uint32Array | Int32Array | Uint8Array>(
      into: T,
      old: T,
    ): T => {
      into.set(old)
      return into
    }
    this.seqs = grown(new Float64Array(length), this.seqs)
    this.consumerSeqs = grown(new Float64Array(length), this.consumerSeqs)
    this.sentMs = grown(new Float64Array(length), this.sentMs)
    this.deliveries = grown(new Uint32Array(length), this.deliveries)
    this.queued = grown(new Uint8Array(length), this.queued)
    this.next = grown(new Int32Array(length), this.next)
    this.#prev = grown(new Int32Array(length), this.#prev)
    this.#hash = new Int32Array(length * 2)
    this.#mask = length * 2 - 1
    this.#shift = Math.clz32(this.#mask)
    for (let slot = this.oldest; slot !== nil; slot = this.next[slot] as number) {
      this.#index(slot, this.seqs[slot] as number)
    }
  }

  #allocate(length: number): void {
    this.seqs = new Float64Array(length)
    this.consumerSeqs = new Float64Array(length)
    this.sentMs = new Float64Array(length)
    this.deliveries = new Uint32Array(length)
    this.queued = new Uint8Array(length)
    this.next = new Int32Array(length)
    this.#prev = new Int32Array(length)
    this.#hash = new Int32Array(length * 2)
    this.#mask = length * 2 - 1
    this.#shift = Math.clz32(this.#mask)
  }
}
