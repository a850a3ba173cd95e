// Blocks of snappy and of S2, which is snappy with a few more forms. What is written is plain
// snappy, so that every reader understands it; what is read may be S2.
//
//   block   = length of the plain bytes (varint)  element*
//   element = literal: tag n << 2 | 0, n < 60: n + 1 bytes; 60…63: n + 1 in 1…4 more bytes
//           | copy:    tag offset[10:8] << 5 | (length - 4) << 2 | 1, offset[7:0]
//           | copy:    tag (length - 1) << 2 | 2, offset (2)
//           | copy:    tag (length - 1) << 2 | 3, offset (4)
//           | repeat (S2): the second form with offset 0: the last offset again; its 3 bits of
//             length are 0…4: length 4…8; 5, 6, 7: length 8, 260, 65,540 + 1, 2, 3 more bytes
//
// Rule: google/snappy's format_description.txt; klauspost/compress, s2/README.md ("Format
// Extensions"). Only copies with two bytes of distance are written: a block holds 65,536 bytes, so
// that they reach everywhere in it.

export const snappyBytesMax = 65_536
const hashBits = 14
const matchBytesMin = 4
const copyBytesMax = 64

/** At most 65,536 bytes. Greedy: the last place with the same four bytes is the one compared. */
export function compress(plain: Buffer): Buffer {
  const out = new Output(plain.length)
  const places = new Uint16Array(1 << hashBits)
  const end = plain.length - matchBytesMin
  let literalStart = 0
  let at = 1
  while (at <= end) {
    const word = plain.readUInt32LE(at)
    const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - hashBits)
    const before = places[slot] as number
    places[slot] = at
    if (before >= at || plain.readUInt32LE(before) !== word) {
      // The longer nothing repeats, the longer the steps: noise costs little.
      at += 1 + ((at - literalStart) >> 6)
      continue
    }
    let length = matchBytesMin
    while (at + length < plain.length && plain[before + length] === plain[at + length]) length++
    out.literal(plain, literalStart, at)
    out.copy(at - before, length)
    at += length
    literalStart = at
  }
  out.literal(plain, literalStart, plain.length)
  return out.bytes
}

class Output {
  readonly #buffer: Buffer
  #length = 0

  /** Literals alone cost three bytes for each 65,536, copies never more than they stand for. */
  constructor(plainBytes: number) {
    this.#buffer = Buffer.allocUnsafe(plainBytes + Math.ceil(plainBytes / 6) + 32)
    let left = plainBytes
    for (; left >= 0x80; left >>>= 7) this.#byte((left & 0x7f) | 0x80)
    this.#byte(left)
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  literal(from: Buffer, start: number, end: number): void {
    const length = end - start
    if (length === 0) return
    const n = length - 1
    if (n < 60) this.#byte(n << 2)
    else if (n < 256) {
      this.#byte(60 << 2)
      this.#byte(n)
    } else {
      this.#byte(61 << 2)
      this.#byte(n & 0xff)
      this.#byte(n >> 8)
    }
    this.#length += from.copy(this.#buffer, this.#length, start, end)
  }

  copy(distance: number, length: number): void {
    for (let left = length; left > 0; left -= copyBytesMax) {
      this.#byte(((Math.min(left, copyBytesMax) - 1) << 2) | 2)
      this.#byte(distance & 0xff)
      this.#byte(distance >> 8)
    }
  }

  #byte(value: number): void {
    this.#buffer[this.#length++] = value
  }
}

/** The plain bytes of a block; a string says what is wrong with it. */
export function decompress(block: Buffer, plainBytesMax: number): Buffer | string {
  const length = readLength(block)
  if (length.bytes === 0) return 'block has no length'
  if (length.value > plainBytesMax) return `block of ${length.value} bytes`
  const out = Buffer.allocUnsafe(length.value)
  const filled = new Elements(block, length.bytes, out).run()
  return filled ? out : 'block is corrupt'
}

/** The varint in front; `bytes` 0: there is none. */
function readLength(block: Buffer): { readonly value: number; readonly bytes: number } {
  let value = 0
  for (let at = 0; at < 5; at++) {
    const byte = block[at]
    if (byte === undefined) break
    value += (byte & 0x7f) * 2 ** (7 * at)
    if (byte < 0x80) return { value, bytes: at + 1 }
  }
  return { value: 0, bytes: 0 }
}

/** Carries out the elements of one block. */
class Elements {
  readonly #from: Buffer
  readonly #to: Buffer
  #at: number
  #filled = 0
  #offset = 0

  constructor(from: Buffer, at: number, to: Buffer) {
    this.#from = from
    this.#at = at
    this.#to = to
  }

  /** True when they fill the output to its end, and not beyond. */
  run(): boolean {
    const from = this.#from
    while (this.#at < from.length) {
      const tag = from[this.#at++] as number
      const isGood = (tag & 3) === 0 ? this.#literal(tag >> 2) : this.#copy(tag)
      if (!isGood) return false
    }
    return this.#filled === this.#to.length
  }

  #literal(code: number): boolean {
    const extra = code < 60 ? 0 : code - 59
    const length = (extra === 0 ? code : this.#number(extra)) + 1
    const end = this.#at + length
    if (!(end <= this.#from.length && this.#filled + length <= this.#to.length)) return false
    this.#from.copy(this.#to, this.#filled, this.#at, end)
    this.#filled += length
    this.#at = end
    return true
  }

  #copy(tag: number): boolean {
    const kind = tag & 3
    if (this.#at + (kind === 3 ? 4 : kind) > this.#from.length) return false
    let length = (tag >> 2) + 1
    if (kind === 1) {
      const offset = ((tag >> 5) << 8) | this.#number(1)
      length = ((tag >> 2) & 7) + 4
      if (offset === 0) length = this.#repeatLength(length - 4)
      else this.#offset = offset
    } else this.#offset = this.#number(kind === 2 ? 2 : 4)
    return this.#repeat(length)
  }

  /** `code`: the three bits of length of a repeat. */
  #repeatLength(code: number): number {
    if (code < 5) return code + 4
    const base = code === 5 ? 8 : code === 6 ? 260 : 65_540
    return base + this.#number(code - 4)
  }

  /** The last `#offset` bytes again, over and over. */
  #repeat(length: number): boolean {
    const to = this.#to
    const at = this.#filled
    const offset = this.#offset
    if (offset === 0 || offset > at || !(at + length <= to.length)) return false
    if (offset >= length) to.copyWithin(at, at - offset, at - offset + length)
    else if (offset === 1) to.fill(to[at - 1] as number, at, at + length)
    else for (let i = at; i < at + length; i++) to[i] = to[i - offset] as number
    this.#filled = at + length
    return true
  }

  /** A little endian number; NaN beyond the end, which no comparison lets pass. */
  #number(bytes: number): number {
    const at = this.#at
    this.#at = at + bytes
    return this.#at > this.#from.length ? Number.NaN : this.#from.readUIntLE(at, bytes)
  }
}
