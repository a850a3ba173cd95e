// The leaf node protocol: bytes in, operations out (reference 4.5). It knows bytes only: no
// socket, no account. Works on both ends of a leaf connection.
// Lines and bodies are put together in wire/framing.ts.

import { textAt } from '../../base/bytes.ts'
import type { Message } from '../../message.ts'
import { parseError, payloadTooLarge, unknownOperation, type WireError } from '../../wire/errors.ts'
import { Framing, type FramingLimits } from '../../wire/framing.ts'
import { numberOf, splitWords, verbAt, type Words, word } from '../../wire/words.ts'

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

export type LeafParserLimits = FramingLimits

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

/** Members of a queue that one line may tell of: an int32, as nats-server has it. */
const weightMax = 0x7fff_ffff

const plus = 0x2b
const bar = 0x7c

export class LeafParser extends Framing {
  readonly #operations: LeafOperations

  constructor(operations: LeafOperations, limits: LeafParserLimits) {
    super(limits)
    this.#operations = operations
  }

  protected override takeLine(
    line: Buffer,
    start: number,
    lineEnd: number,
    chunk: Buffer,
    next: number,
    end: number,
  ): number {
    if (lineEnd === start) return next
    const verb = verbAt(verbs, line, start, lineEnd)
    if (verb === null) return this.violate(unknownOperation, end)
    const from = start + verb.name.length
    if (verb.is === 'text') {
      this.#takeText(verb.name, textAt(line, from, lineEnd).trim())
      return next
    }
    // As many words as the line holds: lineBytesMax bounds them.
    splitWords(this.words, line, from, lineEnd, Number.POSITIVE_INFINITY)
    switch (verb.is) {
      case 'interest':
        return this.#takeInterest(verb.name === 'LS+') ? next : this.violate(parseError, end)
      case 'message':
        return this.#takeMessage(verb.sizes, lineEnd, chunk, next, end)
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
    const words = this.words
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
    this.#operations.subscribe(subject, queue, Math.min(weightMax, Math.max(1, weight)))
    return true
  }

  #takeMessage(sizes: 1 | 2, lineEnd: number, chunk: Buffer, bodyAt: number, end: number): number {
    const { words } = this
    const headWords = words.count - sizes
    if (headWords < 1) return this.violate(parseError, end)
    const size = numberOf(words, words.count - 1)
    const headerSize = sizes === 2 ? numberOf(words, words.count - 2) : 0
    if (size < 0 || headerSize < 0 || headerSize > size) return this.violate(parseError, end)
    if (size > this.limits.payloadBytesMax) return this.violate(payloadTooLarge, end)
    if (!this.#takeHead(headWords)) return this.violate(parseError, end)
    return this.takeBody(sizes, headerSize, size, lineEnd, chunk, bodyAt, end)
  }

  /** Subject, reply and queues: the first `count` words. */
  #takeHead(count: number): boolean {
    const words = this.words
    const message = this.message
    this.takeSubject()
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

  protected override takeMessage(): void {
    this.#operations.message(this.message)
  }

  protected override violated(error: WireError): void {
    this.#operations.violation(error)
  }
}

/** The only byte of a word, or -1. */
function oneByte(words: Words, index: number): number {
  const start = words.starts[index] as number
  return words.ends[index] === start + 1 ? (words.line[start] as number) : -1
}
