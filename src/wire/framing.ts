// Lines and bodies: what the client protocol and the leaf node protocol have in common. It turns
// chunks, cut anywhere, into whole control lines and whole messages.
//
//            +--------- whole line ----------+
//            v                               |
//   [ line ] -- a message, body not whole --> [ body ] -- body whole --> [ line ]
//       \                                       \
//        +--- violate(), stop(): [ dead ] <------+
//
// It works in place in the chunk the socket gave, and the Message it hands on is a view of that
// chunk. Only what a chunk's end cuts in two is copied: a line into `#line`, a message into a
// buffer of exactly its size. Nothing it holds is larger than lineBytesMax + payloadBytesMax.
//
// Between two operations it can be held: [ held ] keeps what comes, so many bytes, for resume().

import { startsWithAt, textAt } from '../base/bytes.ts'
import { emptyMessage } from '../base/message.ts'
import type { Message } from '../message.ts'
import {
  authorizationViolation,
  controlLineTooLong,
  unknownOperation,
  type WireError,
} from './errors.ts'
import { newWords, sizesAreTidy, type Words } from './words.ts'

export interface FramingLimits {
  lineBytesMax: number
  payloadBytesMax: number
}

const lineFeed = 0x0a
const carriageReturn = 0x0d
const nothing = Buffer.alloc(0)
/** What may come while parsing is held: one read of a socket and a little more. */
const heldBytesMax = 1024 * 1024

/** Objects of one shape, whatever carries the limits: they are read for every message. */
function boundsOf({ lineBytesMax, payloadBytesMax }: FramingLimits): FramingLimits {
  return { lineBytesMax, payloadBytesMax }
}

export abstract class Framing {
  protected limits: FramingLimits
  protected readonly message: Message = emptyMessage()
  protected readonly words: Words = newWords()
  /** The bytes of the subject that came last, so that a repeated one makes no string. */
  protected subject: Buffer = nothing
  #subjectText = ''
  #state: 'line' | 'body' | 'held' | 'dead' = 'line'
  /** A control line whose end has not come yet. */
  #line: Buffer = nothing
  #lineBytes = 0
  /** `<sizes>\r\n` and body of a message whose end has not come yet. */
  #body: Buffer = nothing
  #bodyBytes = 0
  #held: Buffer = nothing

  constructor(limits: FramingLimits) {
    this.limits = boundsOf(limits)
  }

  /** From the next line on. */
  setLimits(limits: FramingLimits): void {
    this.limits = boundsOf(limits)
  }

  /**
   * One control line, `line[start..end)` without its end; `next` is where `chunk` goes on, with
   * the body if the line has one. Returns where parsing continues in `chunk[..chunkEnd)`.
   */
  protected abstract takeLine(
    line: Buffer,
    start: number,
    end: number,
    chunk: Buffer,
    next: number,
    chunkEnd: number,
  ): number
  /** `message` is whole. */
  protected abstract takeMessage(): void
  protected abstract violated(error: WireError): void

  /** A line begins at `at`: may take a whole operation at once. The general way is `wholeLine`. */
  protected begin(chunk: Buffer, at: number, end: number): number {
    return this.wholeLine(chunk, at, end)
  }

  /** Stops: the rest of the chunk at hand and all later ones are ignored. */
  stop(): void {
    this.#state = 'dead'
    this.#line = nothing
    this.#body = nothing
    this.#held = nothing
  }

  /** From within an operation without a body: what follows it waits for resume(). */
  hold(): void {
    if (this.#state === 'line') this.#state = 'held'
  }

  /** Goes on with what came meanwhile. */
  resume(): void {
    if (this.#state !== 'held') return
    this.#state = 'line'
    const held = this.#held
    this.#held = nothing
    this.parse(held)
  }

  /** Parses what came; whatever is not whole yet is kept for the next call. */
  parse(chunk: Buffer, start = 0, end = chunk.length): void {
    let at = start
    while (at < end) {
      switch (this.#state) {
        case 'line':
          at = this.#lineBytes === 0 ? this.begin(chunk, at, end) : this.#joinLine(chunk, at, end)
          break
        case 'body':
          at = this.#fillBody(chunk, at, end)
          break
        case 'held':
          at = this.#keep(chunk, at, end)
          break
        case 'dead':
          at = end
          break
        default:
          this.#state satisfies never
      }
    }
    this.message.chunk = nothing
  }

  #keep(chunk: Buffer, at: number, end: number): number {
    if (this.#held.length + end - at > heldBytesMax)
      return this.violate(authorizationViolation, end)
    this.#held = Buffer.concat([this.#held, chunk.subarray(at, end)])
    return end
  }

  /** Takes a line that ends in this chunk, or keeps its beginning. */
  protected wholeLine(chunk: Buffer, at: number, end: number): number {
    const lineEnd = chunk.indexOf(lineFeed, at)
    if (lineEnd >= 0 && lineEnd < end) {
      return this.#checkLine(chunk, at, lineEnd, chunk, lineEnd + 1, end)
    }
    if (end - at > this.limits.lineBytesMax + 1) return this.violate(controlLineTooLong, end)
    this.#line = Buffer.from(chunk.subarray(at, end))
    this.#lineBytes = end - at
    return end
  }

  /** Goes on with a line that an earlier chunk began. */
  #joinLine(chunk: Buffer, at: number, end: number): number {
    const found = chunk.indexOf(lineFeed, at)
    const isWhole = found >= 0 && found < end
    const lineEnd = isWhole ? found + 1 : end
    const lineBytes = this.#lineBytes + lineEnd - at
    // A line still open may end in the CR that does not count.
    const bytesMax = this.limits.lineBytesMax + (isWhole ? 2 : 1)
    if (lineBytes > bytesMax) return this.violate(controlLineTooLong, end)
    if (this.#line.length < lineBytes) {
      const larger = Buffer.allocUnsafe(Math.max(64, lineBytes * 2))
      this.#line.copy(larger, 0, 0, this.#lineBytes)
      this.#line = larger
    }
    chunk.copy(this.#line, this.#lineBytes, at, lineEnd)
    this.#lineBytes = lineBytes
    if (!isWhole) return end
    const line = this.#line
    this.#line = nothing
    this.#lineBytes = 0
    return this.#checkLine(line, 0, lineBytes - 1, chunk, lineEnd, end)
  }

  #checkLine(
    line: Buffer,
    start: number,
    lineEnd: number,
    chunk: Buffer,
    next: number,
    chunkEnd: number,
  ): number {
    const end = lineEnd > start && line[lineEnd - 1] === carriageReturn ? lineEnd - 1 : lineEnd
    if (end - start > this.limits.lineBytesMax) return this.violate(controlLineTooLong, chunkEnd)
    return this.takeLine(line, start, end, chunk, next, chunkEnd)
  }

  /** Sets the message's subject from that word, and forgets its match when it is another. */
  protected takeSubject(at = 0): void {
    const { line, starts, ends } = this.words
    const start = starts[at] as number
    const end = ends[at] as number
    const known = this.subject
    const message = this.message
    if (known.length !== end - start || !startsWithAt(line, start, known)) {
      this.#subjectText = textAt(line, start, end)
      this.subject = Buffer.from(line.subarray(start, end))
      message.match = null
    }
    message.subject = this.#subjectText
    message.target = this.#subjectText
  }

  /**
   * The body of the message whose line `words` holds, ending in `sizes` sizes before `lineEnd`:
   * handed on when it is whole, else kept until it is.
   */
  protected takeBody(
    sizes: 1 | 2,
    headerSize: number,
    size: number,
    lineEnd: number,
    chunk: Buffer,
    bodyAt: number,
    end: number,
  ): number {
    const { words } = this
    const bodyEnd = bodyAt + size
    // No headers: it goes on as what it is, a message with one size.
    const shown = headerSize === 0 ? 1 : sizes
    if (bodyEnd + 2 <= end) {
      // Sizes and body can go on in one piece when the line was not cut, and ends in CRLF.
      const together = words.line === chunk && lineEnd + 2 === bodyAt
      const isTidy = together && sizesAreTidy(words, shown, lineEnd)
      const lineStart = isTidy ? (words.starts[words.count - shown] as number) : -1
      return this.#finish(chunk, lineStart, bodyAt, bodyAt + headerSize, bodyEnd, end)
    }
    const sizeLine = shown === 2 ? `${headerSize} ${size}\r\n` : `${size}\r\n`
    const { message } = this
    this.#body = Buffer.allocUnsafe(sizeLine.length + size + 2)
    this.#bodyBytes = this.#body.write(sizeLine, 0, 'latin1')
    message.bodyStart = this.#bodyBytes
    message.payloadStart = this.#bodyBytes + headerSize
    message.payloadEnd = this.#bodyBytes + size
    this.#state = 'body'
    return this.#fillBody(chunk, bodyAt, end)
  }

  #fillBody(chunk: Buffer, at: number, end: number): number {
    const body = this.#body
    const take = Math.min(end - at, body.length - this.#bodyBytes)
    chunk.copy(body, this.#bodyBytes, at, at + take)
    this.#bodyBytes += take
    if (this.#bodyBytes < body.length) return end
    this.#state = 'line'
    this.#body = nothing
    const { bodyStart, payloadStart, payloadEnd } = this.message
    this.#finish(body, 0, bodyStart, payloadStart, payloadEnd, body.length)
    return at + take
  }

  /** The message is whole: check its CRLF and hand it on. Returns the place behind it. */
  #finish(
    chunk: Buffer,
    lineStart: number,
    bodyStart: number,
    payloadStart: number,
    payloadEnd: number,
    end: number,
  ): number {
    if (chunk[payloadEnd] !== carriageReturn || chunk[payloadEnd + 1] !== lineFeed) {
      return this.violate(unknownOperation, end)
    }
    const { message } = this
    message.chunk = chunk
    message.lineStart = lineStart
    message.bodyStart = bodyStart
    message.payloadStart = payloadStart
    message.payloadEnd = payloadEnd
    this.takeMessage()
    return payloadEnd + 2
  }

  protected violate(error: WireError, end: number): number {
    this.stop()
    this.violated(error)
    return end
  }
}
