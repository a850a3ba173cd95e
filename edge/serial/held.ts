// The beginning of a frame that a chunk left unfinished. Grows by doubling up to a bound that its
// owner keeps, so that an idle port owns nothing and a slow one no more than a frame.

const nothing = Buffer.alloc(0)
const firstBytes = 128

export class Held {
  length = 0
  #bytes = nothing
  readonly #bytesMax: number

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Appends a range of the chunk. The caller stays within the bound. */
  add(chunk: Buffer, from: number, to: number): void {
    const length = this.length + to - from
    if (length > this.#bytesMax) throw new RangeError('a partial frame over its limit')
    if (length > this.#bytes.length) this.#grow(length)
    chunk.copy(this.#bytes, this.length, from, to)
    this.length = length
  }

  /**
   * The frame that ends with this range, as a view: of the chunk when nothing was held, else of
   * bytes that the next `add` overwrites.
   */
  take(chunk: Buffer, from: number, to: number): Buffer {
    if (this.length === 0) return chunk.subarray(from, to)
    this.add(chunk, from, to)
    const length = this.length
    this.length = 0
    return this.#bytes.subarray(0, length)
  }

  /** Forgets what is held; returns how many bytes that were. */
  drop(): number {
    const dropped = this.length
    this.length = 0
    return dropped
  }

  #grow(length: number): void {
    const doubled = Math.max(length, this.#bytes.length * 2, firstBytes)
    const grown = Buffer.allocUnsafe(Math.min(doubled, this.#bytesMax))
    this.#bytes.copy(grown, 0, 0, this.length)
    this.#bytes = grown
  }
}
