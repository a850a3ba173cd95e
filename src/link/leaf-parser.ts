// The leaf node protocol: bytes in, operations out (reference 4.5). It knows bytes only: no
// socket, no account. Works on both ends of a leaf connection.
//
//            +--------- whole line ----------+
//            v                               |
//   [ line ] -- LMSG/HMSG, body not whole --> [ body ] -- body whole --> [ line ]
//       \                                       \
//        +--- violation, stop(): [ dead ] <------+
//
// It parses in place in the chunk the socket gave, and the Message it hands on is a view of it.
// Only what a chunk's end cuts in two is copied. Nothing it holds is larger than lineBytesMax +
// payloadBytesMax.

import { decimalAt, startsWithAt, textAt } from '../base/bytes.ts'
import type { Message } from '../message.ts'
import {
  controlLineTooLong,
  parseError,
  payloadTooLarge,
  unknownOperation,
  type WireError,
} from '../wire/errors.ts'

/** What the parser found; the leaf link implements it. */
export interface LeafOperations {
  /** LMSG or HMSG as it is on the wire; valid during the call. */
  message(message: Message): void
  /** LS+; `weight` is 1 for a plain subscription. */
  subscribe(subject: string, queue: string, weight: number): void
  /** LS- */
  unsubscribe(subject: string, queue: string): void
  info(json: string): void
  connect(json: string): void
  ping(): void
  pong(): void
  /** -ERR with its text, without the quotes. */
  error(text: string): void
  /** The peer broke the protocol: nothing more will be parsed. */
  violation(error: WireError): void
}

export interface LeafParserLimits {
  lineBytesMax: number
  payloadBytesMax: number
}

/**
 * name  as on the wire
 * is    'message' subject [reply | + reply queues… | \| queues…] sizes, with a body;
 *       'interest' subject [queue [weight]]; 'text' the rest of the line as it is
 * sizes only for 'message': 2 when the header size comes before the total size
 */
type LeafVerb =
  | { readonly name: string; readonly is: 'message'; readonly sizes: 1 | 2 }
  | { readonly name: string; readonly is: 'interest' }
  | { readonly name: string; readonly is: 'text' }

const verbs: readonly LeafVerb[] = [
  { name: 'LMSG', is: 'message', sizes: 1 },
  { name: 'HMSG', is: 'message', sizes: 2 },
  { name: 'LS+', is: 'interest' },
  { name: 'LS-', is: 'interest' },
  { name: 'PING', is: 'text' },
  { name: 'PONG', is: 'text' },
  { name: 'INFO', is: 'text' },
  { name: 'CONNECT', is: 'text' },
  { name: '-ERR', is: 'text' },
  { name: '+OK', is: 'text' },
]

const blank = 0x20
const tab = 0x09
const lineFeed = 0x0a
const carriageReturn = 0x0d
const plus = 0x2b
const bar = 0x7c
const nothing = Buffer.alloc(0)

export class LeafParser {
  readonly #operations: LeafOperations
  readonly #limits: LeafParserLimits
  readonly #message: Message = emptyMessage()
  readonly #words: Words = { line: nothing, count: 0, starts: [], ends: [] }
  #state: 'line' | 'body' | 'dead' = 'line'
  /** A control line whose end has not come yet. */
  #line: Buffer = nothing
  #lineBytes = 0
  /** A message whose end has not come yet, with its size line. */
  #body: Buffer = nothing
  #bodyBytes = 0
  /** The bytes of `#message.target`, so that a repeated subject makes no string. */
  #subject: Buffer = nothing
  #subjectText = ''

  constructor(operations: LeafOperations, limits: LeafParserLimits) {
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
  parse(chunk: Buffer): void {
    const end = chunk.length
    let at = 0
    while (at < end) {
      switch (this.#state) {
        case 'line':
          at = this.#lineBytes === 0 ? this.#wholeLine(chunk, at) : this.#joinLine(chunk, at)
          break
        case 'body':
          at = this.#fillBody(chunk, at)
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

  /** Takes a line that ends in this chunk, or keeps its beginning. */
  #wholeLine(chunk: Buffer, at: number): number {
    const lineEnd = chunk.indexOf(lineFeed, at)
    if (lineEnd >= 0) return this.#takeLine(chunk, at, lineEnd, chunk, lineEnd + 1)
    const bytes = chunk.length - at
    if (bytes > this.#limits.lineBytesMax + 1) return this.#violate(controlLineTooLong, chunk)
    this.#line = Buffer.from(chunk.subarray(at))
    this.#lineBytes = bytes
    return chunk.length
  }

  /** Goes on with a line that an earlier chunk began. */
  #joinLine(chunk: Buffer, at: number): number {
    const found = chunk.indexOf(lineFeed, at)
    const end = found < 0 ? chunk.length : found + 1
    const bytes = this.#lineBytes + end - at
    if (bytes > this.#limits.lineBytesMax + 2) return this.#violate(controlLineTooLong, chunk)
    if (this.#line.length < bytes) {
      const larger = Buffer.allocUnsafe(Math.max(64, bytes * 2))
      this.#line.copy(larger, 0, 0, this.#lineBytes)
      this.#line = larger
    }
    chunk.copy(this.#line, this.#lineBytes, at, end)
    this.#lineBytes = bytes
    if (found < 0) return end
    const line = this.#line
    this.#line = nothing
    this.#lineBytes = 0
    return this.#takeLine(line, 0, bytes - 1, chunk, end)
  }

  /**
   * One control line, `line[start..lineEnd)` without its LF; the body, if it has one, begins at
   * `bodyAt` of `chunk`. Returns where parsing goes on in `chunk`.
   */
  #takeLine(line: Buffer, start: number, lineEnd: number, chunk: Buffer, bodyAt: number): number {
    const end = lineEnd > start && line[lineEnd - 1] === carriageReturn ? lineEnd - 1 : lineEnd
    if (end - start > this.#limits.lineBytesMax) return this.#violate(controlLineTooLong, chunk)
    if (end === start) return bodyAt
    const verb = verbAt(line, start, end)
    if (verb === null) return this.#violate(unknownOperation, chunk)
    const from = start + verb.name.length
    switch (verb.is) {
      case 'text':
        this.#takeText(verb.name, textAt(line, from, end).trim())
        return bodyAt
      case 'interest':
        splitWords(this.#words, line, from, end)
        return this.#takeInterest(verb.name === 'LS+') ? bodyAt : this.#violate(parseError, chunk)
      case 'message':
        splitWords(this.#words, line, from, end)
        return this.#takeMessage(verb.sizes, end, chunk, bodyAt)
      default:
        return verb satisfies never
    }
  }

  #takeText(name: string, rest: string): void {
    switch (name) {
      case 'PING':
        this.#operations.ping()
        break
      case 'PONG':
        this.#operations.pong()
        break
      case 'INFO':
        this.#operations.info(rest)
        break
      case 'CONNECT':
        this.#operations.connect(rest)
        break
      case '-ERR':
        this.#operations.error(rest.replace(/^'|'$/g, ''))
        break
      default:
      // +OK says nothing.
    }
  }

  #takeInterest(isNew: boolean): boolean {
    const words = this.#words
    const subject = words.count > 0 ? word(words, 0) : ''
    const queue = words.count > 1 ? word(words, 1) : ''
    if (!isNew) {
      if (words.count !== 1 && words.count !== 2) return false
      this.#operations.unsubscribe(subject, queue)
      return true
    }
    if (words.count !== 1 && words.count !== 3) return false
    const weight = words.count === 3 ? numberOf(words, 2) : 1
    if (weight < 0) return false
    this.#operations.subscribe(subject, queue, Math.max(1, weight))
    return true
  }

  #takeMessage(sizes: 1 | 2, lineEnd: number, chunk: Buffer, bodyAt: number): number {
    const words = this.#words
    const sizeIndex = words.count - 1
    const headWords = words.count - sizes
    if (headWords < 1) return this.#violate(parseError, chunk)
    const size = numberOf(words, sizeIndex)
    const headerSize = sizes === 2 ? numberOf(words, sizeIndex - 1) : 0
    if (size < 0 || headerSize < 0 || headerSize > size) return this.#violate(parseError, chunk)
    if (size > this.#limits.payloadBytesMax) return this.#violate(payloadTooLarge, chunk)
    if (!this.#takeHead(headWords)) return this.#violate(parseError, chunk)
    const bodyEnd = bodyAt + size
    const sizesAt = words.starts[headWords] as number
    // Sizes and body stand together in the chunk when the line was not cut, and ends in CRLF.
    if (bodyEnd + 2 <= chunk.length) {
      const together = words.line === chunk && lineEnd + 2 === bodyAt
      const tidy = together && isTidy(words, sizes, lineEnd)
      return this.#finish(chunk, tidy ? sizesAt : -1, bodyAt, bodyAt + headerSize, bodyEnd)
    }
    return this.#startBody(sizes, headerSize, size, chunk, bodyAt)
  }

  /** Subject, reply and queues: the first `count` words. */
  #takeHead(count: number): boolean {
    const words = this.#words
    const message = this.#message
    this.#takeSubject()
    message.queues = null
    message.reply = ''
    if (count === 1) return true
    const mark = oneByte(words, 1)
    if (count === 2) {
      message.reply = word(words, 1)
      return true
    }
    if (mark !== plus && mark !== bar) return false
    let at = 2
    if (mark === plus) message.reply = word(words, at++)
    const queues: string[] = []
    for (; at < count; at++) queues.push(word(words, at))
    message.queues = queues
    return true
  }

  #takeSubject(): void {
    const words = this.#words
    const start = words.starts[0] as number
    const end = words.ends[0] as number
    const message = this.#message
    const known = this.#subject
    if (known.length !== end - start || !startsWithAt(words.line, start, known)) {
      this.#subjectText = textAt(words.line, start, end)
      this.#subject = Buffer.from(words.line.subarray(start, end))
      message.match = null
    }
    message.subject = this.#subjectText
    message.target = this.#subjectText
  }

  /** The chunk ends inside the message: copy it once, into a buffer of its own size. */
  #startBody(
    sizes: 1 | 2,
    headerSize: number,
    size: number,
    chunk: Buffer,
    bodyAt: number,
  ): number {
    const sizeLine = sizes === 2 ? `${headerSize} ${size}\r\n` : `${size}\r\n`
    const message = this.#message
    this.#body = Buffer.allocUnsafe(sizeLine.length + size + 2)
    this.#bodyBytes = this.#body.write(sizeLine, 0, 'latin1')
    message.bodyStart = this.#bodyBytes
    message.payloadStart = this.#bodyBytes + headerSize
    message.payloadEnd = this.#bodyBytes + size
    this.#state = 'body'
    return this.#fillBody(chunk, bodyAt)
  }

  #fillBody(chunk: Buffer, at: number): number {
    const body = this.#body
    const take = Math.min(chunk.length - at, body.length - this.#bodyBytes)
    chunk.copy(body, this.#bodyBytes, at, at + take)
    this.#bodyBytes += take
    if (this.#bodyBytes < body.length) return chunk.length
    this.#state = 'line'
    this.#body = nothing
    const { bodyStart, payloadStart, payloadEnd } = this.#message
    this.#finish(body, 0, bodyStart, payloadStart, payloadEnd)
    return at + take
  }

  /** The message is whole: check its CRLF and hand it on. Returns the place behind it. */
  #finish(
    chunk: Buffer,
    lineStart: number,
    bodyStart: number,
    payloadStart: number,
    payloadEnd: number,
  ): number {
    if (chunk[payloadEnd] !== carriageReturn || chunk[payloadEnd + 1] !== lineFeed) {
      return this.#violate(unknownOperation, chunk)
    }
    const message = this.#message
    message.chunk = chunk
    message.lineStart = lineStart
    message.bodyStart = bodyStart
    message.payloadStart = payloadStart
    message.payloadEnd = payloadEnd
    this.#operations.message(message)
    return payloadEnd + 2
  }

  #violate(error: WireError, chunk: Buffer): number {
    this.stop()
    this.#operations.violation(error)
    return chunk.length
  }
}

/** The words of a line: places in `line`, made anew for each line. Bounded by lineBytesMax. */
interface Words {
  line: Buffer
  count: number
  readonly starts: number[]
  readonly ends: number[]
}

function splitWords(into: Words, line: Buffer, start: number, end: number): void {
  into.line = line
  into.count = 0
  let at = start
  for (;;) {
    while (at < end && isBlank(line[at] as number)) at++
    if (at === end) return
    into.starts[into.count] = at
    while (at < end && !isBlank(line[at] as number)) at++
    into.ends[into.count++] = at
  }
}

function word(words: Words, index: number): string {
  return textAt(words.line, words.starts[index] as number, words.ends[index] as number)
}

function numberOf(words: Words, index: number): number {
  return decimalAt(words.line, words.starts[index] as number, words.ends[index] as number)
}

/** The only byte of a word, or -1. */
function oneByte(words: Words, index: number): number {
  const start = words.starts[index] as number
  return words.ends[index] === start + 1 ? (words.line[start] as number) : -1
}

/** Are the sizes set apart by one blank and followed by CRLF, as in a line of our own? */
function isTidy(words: Words, sizes: 1 | 2, lineEnd: number): boolean {
  const last = words.count - 1
  if (words.ends[last] !== lineEnd) return false
  if (sizes === 1) return true
  const gap = words.ends[last - 1] as number
  return words.line[gap] === blank && words.starts[last] === gap + 1
}

function isBlank(byte: number): boolean {
  return byte === blank || byte === tab
}

function verbAt(line: Buffer, start: number, end: number): LeafVerb | null {
  for (const verb of verbs) {
    const after = start + verb.name.length
    if (after > end || (after < end && !isBlank(line[after] as number))) continue
    if (isVerb(verb.name, line, start)) return verb
  }
  return null
}

function isVerb(name: string, line: Buffer, start: number): boolean {
  for (let i = 0; i < name.length; i++) {
    const byte = line[start + i] as number
    const upper = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte
    if (upper !== name.charCodeAt(i)) return false
  }
  return true
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
