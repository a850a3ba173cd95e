// `{"stream":"S1","seq":17}`, the answer to a message that was stored: the bytes around the number
// are made once a stream, and every answer is written into the same few dozen bytes. Sinks copy.

const digitsMax = 16
/** Room for `<size>\r\n`. */
const lineBytesMax = 8
const zero = 0x30
const carriageReturn = 0x0d
const lineFeed = 0x0a
const closingBrace = 0x7d

export class PubAck {
  readonly stream: string
  readonly chunk: Buffer
  /** What the last `write` made: the size line, then the answer. */
  lineStart = 0
  readonly bodyStart = lineBytesMax
  bodyEnd = 0
  readonly #digitsAt: number

  /** `prefix`: everything before the number. */
  constructor(stream: string, prefix: string) {
    this.stream = stream
    const bytes = Buffer.from(prefix)
    this.#digitsAt = lineBytesMax + bytes.length
    this.chunk = Buffer.alloc(this.#digitsAt + digitsMax + 3)
    bytes.copy(this.chunk, lineBytesMax)
  }

  write(seq: number): void {
    const { chunk } = this
    const end = this.#digitsAt + digitsOf(seq)
    writeNumber(chunk, seq, end)
    chunk[end] = closingBrace
    chunk[end + 1] = carriageReturn
    chunk[end + 2] = lineFeed
    this.bodyEnd = end + 1
    const size = this.bodyEnd - lineBytesMax
    chunk[lineBytesMax - 2] = carriageReturn
    chunk[lineBytesMax - 1] = lineFeed
    this.lineStart = lineBytesMax - 2 - digitsOf(size)
    writeNumber(chunk, size, lineBytesMax - 2)
  }
}

function digitsOf(value: number): number {
  let digits = 1
  for (let rest = value; rest >= 10; rest /= 10) digits++
  return digits
}

/** Decimal, so that it ends before `end`. */
function writeNumber(into: Buffer, value: number, end: number): void {
  let rest = value
  let at = end - 1
  do {
    const next = Math.floor(rest / 10)
    into[at--] = zero + (rest - next * 10)
    rest = next
  } while (rest > 0)
}
