// A block: messages of one stream that stand together in one row, in the order of their sequences.
//
//   subjects   number of each message's subject                                 u32 a message
//   heads      header bytes << 16 | sequence - first sequence                   u32 ┐
//              time - time of the first, µs                                     u32 │ a message
//              end of its body; the highest bit is set when it is gone          u32 │
//              sequence - that of the one before it on its subject              u32 ┘
//   bodies     header block and payload of each, one behind the other
//
// Numbers are little endian, as every machine has them that Node runs on here. `back` leads from a
// message to the one before it on its subject, 0 when it was the first; what it names may be gone
// by now, or never have been known (`backUnknown`). So the messages of one subject are found
// without an index, by as many steps as there are messages.
//
// A message that goes is marked in place; a block with nothing left is deleted.

import { StoredAt } from './stored.ts'

export const entriesMax = 512
export const bodyBytesMax = 32 * 1024
/** A block spans no more sequences than its heads can tell. */
export const spanMax = 0xffff
/** And no more time, µs. */
export const timeSpanMax = 0xffffffff
export const backUnknown = 0xffffffff
export const headNumbers = 4
const gone = 0x80000000
const endMask = 0x7fffffff

/** Places of a head's numbers. */
export const shapeAt = 0
export const timeAt = 1
export const endAt = 2
export const backAt = 3

export class Block {
  readonly id: number
  readonly firstSeq: number
  readonly lastSeq: number
  readonly timeUs: number
  readonly count: number
  readonly subjects: Uint32Array
  readonly heads: Uint32Array
  bodies: Buffer
  /** Messages not gone. */
  live: number
  readonly #isDense: boolean

  constructor(parts: {
    readonly id: number
    readonly firstSeq: number
    readonly lastSeq: number
    readonly live: number
    readonly timeUs: number
    readonly subjects: Uint32Array
    readonly heads: Uint32Array
    readonly bodies: Buffer
  }) {
    this.id = parts.id
    this.firstSeq = parts.firstSeq
    this.lastSeq = parts.lastSeq
    this.timeUs = parts.timeUs
    this.subjects = parts.subjects
    this.heads = parts.heads
    this.bodies = parts.bodies
    this.live = parts.live
    this.count = parts.subjects.length
    this.#isDense = this.lastSeq - this.firstSeq + 1 === this.count
  }

  /** Memory it takes, about. */
  get bytes(): number {
    return 300 + this.count * 20 + this.bodies.length
  }

  seq(i: number): number {
    return this.firstSeq + ((this.heads[i * headNumbers + shapeAt] as number) & 0xffff)
  }

  time(i: number): number {
    return this.timeUs + (this.heads[i * headNumbers + timeAt] as number)
  }

  isGone(i: number): boolean {
    return (this.heads[i * headNumbers + endAt] as number) >= gone
  }

  end(i: number): number {
    return (this.heads[i * headNumbers + endAt] as number) & endMask
  }

  start(i: number): number {
    return i === 0 ? 0 : this.end(i - 1)
  }

  headerBytes(i: number): number {
    return (this.heads[i * headNumbers + shapeAt] as number) >>> 16
  }

  payloadBytes(i: number): number {
    return this.end(i) - this.start(i) - this.headerBytes(i)
  }

  subject(i: number): number {
    return this.subjects[i] as number
  }

  /** Sequence of the one before it on its subject; 0: there was none, -1: unknown. */
  previous(i: number): number {
    const back = this.heads[i * headNumbers + backAt] as number
    if (back === 0) return 0
    return back === backUnknown ? -1 : this.seq(i) - back
  }

  /** Index of the first message at or after `seq`; `count` when there is none. */
  indexFrom(seq: number): number {
    if (seq <= this.firstSeq) return 0
    if (seq > this.lastSeq) return this.count
    if (this.#isDense) return seq - this.firstSeq
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.seq(middle) < seq) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Index of the message, -1 when the block has none of that sequence. */
  indexOf(seq: number): number {
    const i = this.indexFrom(seq)
    return i < this.count && this.seq(i) === seq ? i : -1
  }

  message(i: number, subject: string): StoredAt {
    const start = this.start(i)
    return new StoredAt(
      this.seq(i),
      subject,
      this.time(i),
      this.bodies,
      start,
      start + this.headerBytes(i),
      this.end(i),
    )
  }

  /** Bytes of bodies that are still needed. */
  liveBodyBytes(): number {
    let bytes = 0
    for (let i = 0; i < this.count; i++) if (!this.isGone(i)) bytes += this.end(i) - this.start(i)
    return bytes
  }

  markGone(i: number): void {
    if (this.isGone(i)) return
    const at = i * headNumbers + endAt
    this.heads[at] = (this.heads[at] as number) + gone
    this.live--
  }
}

/** Numbers of a blob as SQLite gave it; null when its length is not that of whole numbers. */
export function numbersOf(blob: Buffer): Uint32Array | null {
  if (blob.length % 4 !== 0) return null
  const aligned = blob.byteOffset % 4 === 0 ? blob : Buffer.from(Uint8Array.from(blob).buffer)
  return new Uint32Array(aligned.buffer, aligned.byteOffset, blob.length / 4)
}

/** The bytes of numbers, for SQLite. */
export function bytesOf(numbers: Uint32Array): Buffer {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}

/** What is wrong with a block's shape, whoever wrote it; null when it can be read. */
export function shapeProblem(block: Block): string | null {
  const { count, heads, bodies, firstSeq, lastSeq } = block
  if (count === 0 || count > entriesMax || heads.length !== count * headNumbers) return 'its counts'
  let seq = firstSeq - 1
  let live = 0
  for (let i = 0; i < count; i++) {
    if (block.seq(i) <= seq) return 'its sequences'
    seq = block.seq(i)
    if (block.end(i) < block.start(i) + block.headerBytes(i)) return 'its bodies'
    if (!block.isGone(i)) live++
  }
  if (block.seq(0) !== firstSeq || seq !== lastSeq) return 'its sequences'
  if (block.end(count - 1) !== bodies.length) return 'its bodies'
  return live === block.live && live > 0 ? null : 'what is gone'
}
