// The client protocol: bytes in, operations out (reference 3.3). It knows bytes only: no socket,
// no account, no authentication.
//
//            +--------- whole line ----------+
//            v                               |
//   [ line ] -- PUB/HPUB, body not whole --> [ body ] -- body whole --> [ line ]
//       \                                       \
//        +--- violation: state stays 'dead' -----+
//
// It parses in place in the chunk the socket gave, and the Message it hands on is a view of that
// chunk. Only what a chunk's end cuts in two is copied: a line into `#line`, a message into a
// buffer of exactly its size. Nothing it holds is larger than lineBytesMax + payloadBytesMax.

import { decimalAt, startsWithAt, textAt } from '../base/bytes.ts'
import type { Message } from '../message.ts'
import {
  controlLineTooLong,
  parseError,
  payloadTooLarge,
  unknownOperation,
  type WireError,
} from './errors.ts'
import { type Arguments, splitArguments, verbAt } from './verbs.ts'

/** What the parser found; the client link implements it. */
export interface ClientOperations {
  /** PUB or HPUB. The message is valid during the call. */
  publish(message: Message): void
  subscribe(subject: string, queue: string, sid: string): void
  /** `max` 0: at once. */
  unsubscribe(sid: string, max: number): void
  connect(json: string): void
  ping(): void
  pong(): void
  /** The peer broke the protocol: nothing more will be parsed. */
  violation(error: WireError): void
}

export interface ParserLimits {
  lineBytesMax: number
  payloadBytesMax: number
}

const space = 0x20
const lineFeed = 0x0a
const carriageReturn = 0x0d
const nothing = Buffer.alloc(0)

export class Parser {
  readonly #operations: ClientOperations
  readonly #limits: ParserLimits
  readonly #message: Message = emptyMessage()
  readonly #arguments: Arguments = { chunk: nothing, count: 0, starts: [], ends: [] }
  #state: 'line' | 'body' | 'dead' = 'line'
  /** A control line whose end has not come yet. */
  #line: Buffer = nothing
  #lineBytes = 0
  /** `<sizes>\r\n` and body of a message whose end has not come yet. */
  #body: Buffer = nothing
  #bodyBytes = 0
  /** The bytes of `#message.subject`, so that a repeated subject makes no string. */
  #subject: Buffer = nothing

  constructor(operations: ClientOperations, limits: ParserLimits) {
    this.#operations = operations
    this.#limits = limits
  }

  /** Stops: the rest of the chunk at hand and all later ones are ignored. */
  stop(): void {
    this.#state = 'dead'
    this.#line = nothing
    this.#body = nothing
  }

  /** Parses what came; whatever is not whole yet is kept for the next call. */
  parse(chunk: Buffer, start = 0, end = chunk.length): void {
    let at = start
    while (at < end) {
      switch (this.#state) {
        case 'line':
          at =
            this.#lineBytes === 0 ? this.#quickPub(chunk, at, end) : this.#joinLine(chunk, at, end)
          break
        case 'body':
          at = this.#fillBody(chunk, at, end)
          break
        case 'dead':
          at = end
          break
        default:
          this.#state satisfies never
      }
    }
    this.#message.chunk = nothing
  }

  /**
   * The hot path: `PUB <the last subject> <size>\r\n<payload>\r\n`, whole in the chunk. Anything
   * else goes the general way. bench: core 16 B 1:1.
   */
  #quickPub(chunk: Buffer, at: number, end: number): number {
    const subject = this.#subject
    const subjectStart = at + 4
    const subjectEnd = subjectStart + subject.length
    if (
      subject.length === 0 ||
      subjectEnd + 4 > end ||
      chunk[subjectEnd] !== space ||
      ((chunk[at] as number) | 0x20) !== 0x70 ||
      ((chunk[at + 1] as number) | 0x20) !== 0x75 ||
      ((chunk[at + 2] as number) | 0x20) !== 0x62 ||
      chunk[at + 3] !== space ||
      !startsWithAt(chunk, subjectStart, subject)
    ) {
      return this.#wholeLine(chunk, at, end)
    }
    let size = 0
    let i = subjectEnd + 1
    const digitsEnd = Math.min(end, i + 9)
    for (; i < digitsEnd; i++) {
      const digit = (chunk[i] as number) - 0x30
      if (digit < 0 || digit > 9) break
      size = size * 10 + digit
    }
    const payloadStart = i + 2
    const payloadEnd = payloadStart + size
    if (
      i === subjectEnd + 1 ||
      payloadEnd + 2 > end ||
      size > this.#limits.payloadBytesMax ||
      chunk[i] !== carriageReturn ||
      chunk[i + 1] !== lineFeed ||
      chunk[payloadEnd] !== carriageReturn ||
      chunk[payloadEnd + 1] !== lineFeed
    ) {
      return this.#wholeLine(chunk, at, end)
    }
    const message = this.#message
    message.chunk = chunk
    message.reply = ''
    message.lineStart = subjectEnd + 1
    message.bodyStart = payloadStart
    message.payloadStart = payloadStart
    message.payloadEnd = payloadEnd
    this.#operations.publish(message)
    return payloadEnd + 2
  }

  /** Takes a line that ends in this chunk, or keeps its beginning. */
  #wholeLine(chunk: Buffer, at: number, end: number): number {
    const lineEnd = chunk.indexOf(lineFeed, at)
    if (lineEnd < 0 || lineEnd >= end) {
      if (end - at > this.#limits.lineBytesMax + 1) return this.#violate(controlLineTooLong, end)
      this.#line = Buffer.from(chunk.subarray(at, end))
      this.#lineBytes = end - at
      return end
    }
    return this.#takeLine(chunk, at, lineEnd, chunk, lineEnd + 1, end)
  }

  /** Goes on with a line that an earlier chunk began. */
  #joinLine(chunk: Buffer, at: number, end: number): number {
    const found = chunk.indexOf(lineFeed, at)
    const lineEnd = found < 0 || found >= end ? end : found + 1
    const lineBytes = this.#lineBytes + lineEnd - at
    const isWhole = chunk[lineEnd - 1] === lineFeed
    // A line still open may end in the CR that does not count.
    const bytesMax = this.#limits.lineBytesMax + (isWhole ? 2 : 1)
    if (lineBytes > bytesMax) return this.#violate(controlLineTooLong, end)
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
    return this.#takeLine(line, 0, lineBytes - 1, chunk, lineEnd, end)
  }

  /**
   * One control line, `line[start..lineEnd)` without its LF; the body, if it has one, begins at
   * `bodyAt` of `chunk`. Returns where parsing goes on in `chunk`.
   */
  #takeLine(
    line: Buffer,
    start: number,
    lineEnd: number,
    chunk: Buffer,
    bodyAt: number,
    end: number,
  ): number {
    const textEnd = lineEnd > start && line[lineEnd - 1] === carriageReturn ? lineEnd - 1 : lineEnd
    if (textEnd - start > this.#limits.lineBytesMax) return this.#violate(controlLineTooLong, end)
    const verb = verbAt(line, start, textEnd)
    if (verb === null) return this.#violate(unknownOperation, end)
    const from = start + verb.name.length
    if (verb.is === 'text') {
      this.#takeText(verb.name, line, from, textEnd)
      return bodyAt
    }
    const args = this.#arguments
    if (!splitArguments(args, line, from, textEnd)) return this.#violate(parseError, end)
    switch (verb.is) {
      case 'pub':
        return this.#takePub(args, textEnd, chunk, bodyAt, end, verb.headers)
      case 'sub':
        if (args.count !== 2 && args.count !== 3) return this.#violate(parseError, end)
        this.#operations.subscribe(
          argument(args, 0),
          args.count === 3 ? argument(args, 1) : '',
          argument(args, args.count - 1),
        )
        return bodyAt
      case 'unsub': {
        if (args.count !== 1 && args.count !== 2) return this.#violate(parseError, end)
        const max = args.count === 2 ? number(args, 1) : 0
        this.#operations.unsubscribe(argument(args, 0), Math.max(0, max))
        return bodyAt
      }
      default:
        return verb satisfies never
    }
  }

  #takeText(name: string, line: Buffer, from: number, textEnd: number): void {
    switch (name) {
      case 'CONNECT':
        this.#operations.connect(textAt(line, from, textEnd).trim())
        break
      case 'PING':
        this.#operations.ping()
        break
      case 'PONG':
        this.#operations.pong()
        break
      case '-ERR':
        this.#violate(parseError, 0)
        break
      default:
      // +OK and INFO from a client say nothing to us.
    }
  }

  /** `PUB subject [reply] size` or `HPUB subject [reply] headerSize totalSize`. */
  #takePub(
    args: Arguments,
    textEnd: number,
    chunk: Buffer,
    bodyAt: number,
    end: number,
    headers: boolean,
  ): number {
    const sizes = headers ? 2 : 1
    const hasReply = args.count === sizes + 2
    if (args.count !== sizes + 1 && !hasReply) return this.#violate(parseError, end)
    const size = number(args, args.count - 1)
    const headerSize = headers ? number(args, args.count - 2) : 0
    if (size < 0 || headerSize < 0 || headerSize > size) return this.#violate(parseError, end)
    if (size > this.#limits.payloadBytesMax) return this.#violate(payloadTooLarge, end)
    const message = this.#message
    this.#takeSubject(args)
    message.reply = hasReply ? argument(args, 1) : ''
    const sizesAt = args.starts[args.count - sizes] as number
    const bodyEnd = bodyAt + size
    // Size line and body stand together in the chunk when the line was not cut, and ends in CRLF.
    const together = args.chunk === chunk && textEnd + 2 === bodyAt
    if (together && bodyEnd + 2 <= end) {
      const tidy = tokensAreTidy(args, sizes, textEnd)
      return this.#finish(chunk, tidy ? sizesAt : -1, bodyAt, bodyAt + headerSize, bodyEnd, end)
    }
    const sizeLine = headers ? `${headerSize} ${size}\r\n` : `${size}\r\n`
    return this.#startBody(sizeLine, headerSize, size, chunk, bodyAt, end)
  }

  #takeSubject(args: Arguments): void {
    const start = args.starts[0] as number
    const end = args.ends[0] as number
    const subject = this.#subject
    if (subject.length === end - start && startsWithAt(args.chunk, start, subject)) return
    const message = this.#message
    message.subject = textAt(args.chunk, start, end)
    message.target = message.subject
    message.match = null
    this.#subject = Buffer.from(args.chunk.subarray(start, end))
  }

  /** The chunk ends inside the message: copy it once, into a buffer of its own size. */
  #startBody(
    sizeLine: string,
    headerSize: number,
    size: number,
    chunk: Buffer,
    bodyAt: number,
    end: number,
  ): number {
    const message = this.#message
    this.#body = Buffer.allocUnsafe(sizeLine.length + size + 2)
    this.#bodyBytes = this.#body.write(sizeLine, 0, 'latin1')
    message.bodyStart = this.#bodyBytes
    message.payloadStart = this.#bodyBytes + headerSize
    message.payloadEnd = this.#bodyBytes + size
    this.#state = 'body'
    return bodyAt >= end ? end : this.#fillBody(chunk, bodyAt, end)
  }

  #fillBody(chunk: Buffer, at: number, end: number): number {
    const body = this.#body
    const take = Math.min(end - at, body.length - this.#bodyBytes)
    chunk.copy(body, this.#bodyBytes, at, at + take)
    this.#bodyBytes += take
    if (this.#bodyBytes < body.length) return end
    this.#state = 'line'
    this.#body = nothing
    const message = this.#message
    const { bodyStart, payloadStart, payloadEnd } = message
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
      return this.#violate(unknownOperation, end)
    }
    const message = this.#message
    message.chunk = chunk
    message.lineStart = lineStart
    message.bodyStart = bodyStart
    message.payloadStart = payloadStart
    message.payloadEnd = payloadEnd
    this.#operations.publish(message)
    return payloadEnd + 2
  }

  #violate(error: WireError, end: number): number {
    this.stop()
    this.#operations.violation(error)
    return end
  }
}

function argument(args: Arguments, index: number): string {
  return textAt(args.chunk, args.starts[index] as number, args.ends[index] as number)
}

function number(args: Arguments, index: number): number {
  return decimalAt(args.chunk, args.starts[index] as number, args.ends[index] as number)
}

/** Are the sizes set apart by one blank and followed by CRLF, as in a line of our own? */
function tokensAreTidy(args: Arguments, sizes: number, textEnd: number): boolean {
  if (args.ends[args.count - 1] !== textEnd) return false
  if (sizes === 1) return true
  const gap = args.ends[args.count - 2] as number
  return args.chunk[gap] === space && args.starts[args.count - 1] === gap + 1
}

function emptyMessage(): Message {
  return {
    subject: '',
    target: '',
    reply: '',
    chunk: nothing,
    lineStart: -1,
    bodyStart: 0,
    payloadStart: 0,
    payloadEnd: 0,
    queues: null,
    receipt: null,
    match: null,
  }
}
