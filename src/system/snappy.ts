// Snappy's framing format: what `Accept-Encoding: snappy` (or s2) of a request asks for. The
// requesters of big reports ask for it, so that they fit into a message.
//
//   stream = ff 06 00 00 "sNaPpY"  chunk*
//   chunk  = type (00 compressed, 01 plain)  length (3, little endian)  crc (4, masked)  data
//   data of 00 = length of the plain bytes (varint)  element*
//   element = literal: tag (length - 1) << 2 | 0, then the bytes
//           | copy:    tag (length - 1) << 2 | 2, then the distance back (2, little endian)
//
// Rule: google/snappy's framing_format.txt and format_description.txt. Only copies with two bytes
// of distance are written: a chunk holds 65,536 bytes, so that they reach everywhere in it.

const identifier = Buffer.from('ff060000734e61507059', 'hex')
const chunkBytesMax = 65_536
const headBytes = 8
const hashBits = 14
const matchBytesMin = 4
const copyBytesMax = 64

/** The whole stream for these bytes. */
export function snappyStream(bytes: Buffer): Buffer {
  const parts: Buffer[] = [identifier]
  for (let at = 0; at < bytes.length; at += chunkBytesMax) {
    parts.push(...chunk(bytes.subarray(at, at + chunkBytesMax)))
  }
  return Buffer.concat(parts)
}

function chunk(plain: Buffer): readonly Buffer[] {
  const packed = compress(plain)
  const isSmaller = packed.length < plain.length
  const data = isSmaller ? packed : plain
  const head = Buffer.alloc(headBytes)
  head[0] = isSmaller ? 0 : 1
  head.writeUIntLE(data.length + 4, 1, 3)
  head.writeUInt32LE(masked(crc32c(plain)), 4)
  return [head, data]
}

/** At most 65,536 bytes. Greedy: the last place with the same four bytes is the one compared. */
function compress(plain: Buffer): Buffer {
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
      at++
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
    this.#buffer = Buffer.alloc(plainBytes + Math.ceil(plainBytes / 6) + 32)
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

const polynomial = 0x82f63b78
let table: Uint32Array | null = null

/** CRC-32C, by a table made when it is needed first. */
export function crc32c(bytes: Buffer): number {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    let value = n
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    return value
  })
  let crc = 0xffffffff
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

/** As the format wants it, so that a checksum of checksums is worth something. */
export function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
