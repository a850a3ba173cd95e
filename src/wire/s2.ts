// The framing of snappy and of S2: a stream in checked chunks.
//
//   stream = identifier  chunk*
//   identifier = ff 06 00 00 "sNaPpY" (blocks up to 64 KiB) or "S2sTwO" (blocks up to 4 MiB)
//   chunk = type (1)  length of the rest (3, little endian)  rest
//     00 compressed: crc of the plain bytes (4, masked), block (snappy-block.ts)
//     01 plain:      crc (4, masked), bytes
//     02…7f          must be refused
//     80…fe          may be skipped: padding, indexes
//     ff             the identifier again: streams can be joined
//
// Rule: google/snappy's framing_format.txt; klauspost/compress, s2/README.md ("Framed Format").
// The reader is fed pieces as they come and asked for one block at a time, so that whoever reads
// decides how much of a bomb he unpacks; it holds what was pushed and not yet read, and a block.

import { crc32c, masked } from './crc32c.ts'
import { compress, decompress, snappyBytesMax } from './snappy-block.ts'

const snappyIdentifier = Buffer.from('ff060000734e61507059', 'hex')
const s2Identifier = Buffer.from('ff06000053327354774f', 'hex')
const identifierBytes = 10
const headBytes = 4
const crcBytes = 4
const compressed = 0x00
const plain = 0x01
const skippableFrom = 0x80
const identifierType = 0xff
/** What a block may hold by S2's own rule. */
const s2BytesMax = 4 * 1024 * 1024
const smallBytesMax = 1024
const gatherBytes = 8 * 1024

/** Snappy's whole stream for these bytes. */
export function snappyStream(bytes: Buffer): Buffer {
  const parts: Buffer[] = [snappyIdentifier]
  for (let at = 0; at < bytes.length; at += snappyBytesMax) {
    parts.push(...frame(bytes.subarray(at, at + snappyBytesMax)))
  }
  return Buffer.concat(parts)
}

/** A chunk for at most 65,536 bytes: head and data. */
function frame(bytes: Buffer): readonly [Buffer, Buffer] {
  const packed = compress(bytes)
  const isSmaller = packed.length < bytes.length
  const data = isSmaller ? packed : bytes
  const head = Buffer.allocUnsafe(headBytes + crcBytes)
  head[0] = isSmaller ? compressed : plain
  head.writeUIntLE(data.length + crcBytes, 1, 3)
  head.writeUInt32LE(masked(crc32c(bytes)), headBytes)
  return [head, data]
}

/** Packs what is written into a stream of S2; `take` gets the pieces, in order. */
export class S2Writer {
  readonly #take: (piece: Buffer) => void
  readonly #block = Buffer.allocUnsafe(snappyBytesMax)
  #length = 0
  #isBegun = false

  constructor(take: (piece: Buffer) => void) {
    this.#take = take
  }

  /** The bytes are copied. */
  write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const copied = bytes.copy(this.#block, this.#length, at)
      at += copied
      this.#length += copied
      if (this.#length === snappyBytesMax) this.flush()
    }
  }

  /** Writes what waits for a block to be full. */
  flush(): void {
    if (!this.#isBegun) this.#take(s2Identifier)
    this.#isBegun = true
    if (this.#length === 0) return
    const [head, data] = frame(this.#block.subarray(0, this.#length))
    this.#take(head)
    // The block is filled again: bytes that went as they are need a copy.
    this.#take(data.buffer === this.#block.buffer ? Buffer.from(data) : data)
    this.#length = 0
  }
}

/** What a reader has to say: bytes, or that it needs more, or what is wrong with the stream. */
export type S2Read =
  | { readonly is: 'block'; readonly bytes: Buffer }
  | { readonly is: 'hungry' }
  | { readonly is: 'wrong'; readonly problem: string }

const hungry: S2Read = { is: 'hungry' }

/** Unpacks a stream of snappy or of S2. */
export class S2Reader {
  readonly #pieces: Buffer[] = []
  /** Of the first piece that are read already. */
  #used = 0
  #pending = 0
  /** Of a chunk that is being skipped, still to come. */
  #skip = 0
  #blockBytesMax = 0
  #problem = ''
  /** Where small pieces are put together, and as far as it is filled. */
  #room = Buffer.alloc(0)
  #gathered = this.#room

  /** Bytes pushed and not yet read. */
  get pendingBytes(): number {
    return this.#pending
  }

  /** Nothing begun: the stream may end here. */
  get isBetween(): boolean {
    return this.#pending === 0 && this.#skip === 0 && this.#problem === ''
  }

  /** The bytes are kept, not copied, unless they are few. */
  push(piece: Buffer): void {
    if (piece.length === 0) return
    if (piece.length > smallBytesMax) this.#pieces.push(piece)
    else this.#pushSmall(piece)
    this.#pending += piece.length
  }

  /** Thousands of tiny pieces would take many times their length. */
  #pushSmall(piece: Buffer): void {
    const last = this.#pieces.length - 1
    const isOurs = last >= 0 && this.#pieces[last] === this.#gathered
    const length = isOurs ? this.#gathered.length : 0
    if (!isOurs || length + piece.length > this.#room.length) {
      this.#room = Buffer.allocUnsafe(gatherBytes)
      this.#gathered = this.#room.subarray(0, piece.length)
      piece.copy(this.#room)
      this.#pieces.push(this.#gathered)
      return
    }
    piece.copy(this.#room, length)
    this.#gathered = this.#room.subarray(0, length + piece.length)
    this.#pieces[last] = this.#gathered
  }

  /** The next block; after something wrong nothing else comes. */
  read(): S2Read {
    if (this.#problem !== '') return { is: 'wrong', problem: this.#problem }
    for (;;) {
      if (this.#skip > 0) this.#drop()
      if (this.#skip > 0 || this.#pending < headBytes) return hungry
      const type = this.#peek(0)
      const length = this.#peek(1) | (this.#peek(2) << 8) | (this.#peek(3) << 16)
      const wrong = this.#refuses(type, length)
      if (wrong !== '') return this.#fail(wrong)
      if (type >= skippableFrom && type !== identifierType) {
        this.#skip = headBytes + length
        continue
      }
      if (this.#pending < headBytes + length) return hungry
      const chunk = this.#take(headBytes + length)
      if (type !== identifierType) return this.#block(type, chunk)
      const begun = this.#begin(chunk)
      if (begun !== '') return this.#fail(begun)
    }
  }

  /** Before its bytes are there: a length that is a lie must not make us gather it. */
  #refuses(type: number, length: number): string {
    if (this.#blockBytesMax === 0 && type !== identifierType) return 'no stream identifier'
    if (type === identifierType) {
      return length === identifierBytes - headBytes ? '' : 'no stream identifier'
    }
    if (type >= skippableFrom) return ''
    if (type > plain) return `chunk of the unknown type ${type}`
    const max = this.#blockBytesMax + crcBytes
    // A compressed block is never longer than its plain bytes: it would not be compressed.
    return length < crcBytes || length > max ? `chunk of ${length} bytes` : ''
  }

  #begin(chunk: Buffer): string {
    if (chunk.equals(s2Identifier)) this.#blockBytesMax = s2BytesMax
    else if (chunk.equals(snappyIdentifier)) this.#blockBytesMax = snappyBytesMax
    else return 'no stream identifier'
    return ''
  }

  #block(type: number, chunk: Buffer): S2Read {
    const data = chunk.subarray(headBytes + crcBytes)
    const bytes = type === plain ? data : decompress(data, this.#blockBytesMax)
    if (typeof bytes === 'string') return this.#fail(bytes)
    if (masked(crc32c(bytes)) !== chunk.readUInt32LE(headBytes)) return this.#fail('wrong checksum')
    return { is: 'block', bytes }
  }

  #fail(problem: string): S2Read {
    this.#problem = problem
    this.#pieces.length = 0
    this.#pending = 0
    return { is: 'wrong', problem }
  }

  #peek(at: number): number {
    let index = this.#used + at
    for (const piece of this.#pieces) {
      if (index < piece.length) return piece[index] as number
      index -= piece.length
    }
    return 0
  }

  /** The next bytes, which must be there; a view where one piece has them all. */
  #take(bytes: number): Buffer {
    const first = this.#pieces[0] as Buffer
    let taken = first.subarray(this.#used, this.#used + bytes)
    if (taken.length < bytes) {
      taken = Buffer.allocUnsafe(bytes)
      let filled = 0
      let from = this.#used
      for (const piece of this.#pieces) {
        filled += piece.copy(taken, filled, from, from + bytes - filled)
        from = 0
        if (filled === bytes) break
      }
    }
    this.#consume(bytes)
    return taken
  }

  #drop(): void {
    const bytes = Math.min(this.#skip, this.#pending)
    this.#skip -= bytes
    this.#consume(bytes)
  }

  #consume(bytes: number): void {
    this.#pending -= bytes
    this.#used += bytes
    let gone = 0
    for (const piece of this.#pieces) {
      if (this.#used < piece.length) break
      this.#used -= piece.length
      gone++
    }
    this.#pieces.splice(0, gone)
  }
}
