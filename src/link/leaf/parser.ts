// The leaf node protocol: bytes in, operations out (reference 4.5). It knows bytes only: no
// socket, no account. Works on both ends of a leaf connection.
// Lines and bodies are put together in wire/framing.ts, what leaf nodes and routes share is in
// wire/peer-framing.ts.

import { textAt } from '../../base/bytes.ts'
import type { Message } from '../../message.ts'
import { parseError, unknownOperation } from '../../wire/errors.ts'
import type { FramingLimits } from '../../wire/framing.ts'
import { PeerFraming, type PeerOperations } from '../../wire/peer-framing.ts'
import { numberOf, splitWords, verbAt, word } from '../../wire/words.ts'

/** What the parser found; the leaf link implements it. */
export interface LeafOperations extends PeerOperations {
  /** LMSG or HMSG as it is on the wire; valid during the call. */
  message(message: Message): void
  /** LS+; `weight` is 1 for a plain subscription. */
  subscribe(subject: string, queue: string, weight: number): void
  /** LS- */
  unsubscribe(subject: string, queue: string): void
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

export class LeafParser extends PeerFraming {
  readonly #operations: LeafOperations

  constructor(operations: LeafOperations, limits: LeafParserLimits) {
    super(operations, limits)
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
      this.takeText(verb.name, textAt(line, from, lineEnd).trim())
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
    const fault = this.readSizes(sizes, 1)
    if (fault !== null) return this.violate(fault, end)
    if (!this.takeHead(0, this.words.count - sizes)) return this.violate(parseError, end)
    return this.takeBody(sizes, this.headerBytes, this.bodyBytes, lineEnd, chunk, bodyAt, end)
  }

  protected override takeMessage(): void {
    this.#operations.message(this.message)
  }
}
