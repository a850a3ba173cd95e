// The route protocol: bytes in, operations out (reference 4.1). It knows bytes only: no socket, no
// account. Works on both ends of a route.
// Lines and bodies are put together in wire/framing.ts, what leaf nodes and routes share is in
// wire/peer-framing.ts.

import { startsWithAt, textAt } from '../../base/bytes.ts'
import type { Message } from '../../message.ts'
import { parseError, unknownOperation } from '../../wire/errors.ts'
import type { FramingLimits } from '../../wire/framing.ts'
import { PeerFraming, type PeerOperations } from '../../wire/peer-framing.ts'
import { numberOf, splitWords, verbAt, word } from '../../wire/words.ts'

/** What a peer is interested in. */
export interface RouteInterest {
  readonly account: string
  readonly subject: string
  readonly queue: string
  /** Cluster of the leaf nodes it comes from; '' = the peer's own clients. */
  readonly origin: string
}

/** What the parser found; the route implements it. */
export interface RouteOperations extends PeerOperations {
  /** RMSG, HMSG or LMSG; valid during the call. `origin`: the cluster of the leaf, or ''. */
  message(account: string, message: Message, origin: string): void
  /** RS+, LS+; `weight` is 1 for a plain subscription. */
  subscribe(interest: RouteInterest, weight: number): void
  /** RS-, LS-; servers before 2.10.23 leave the origin of LS- empty: null. */
  unsubscribe(interest: Omit<RouteInterest, 'origin'>, origin: string | null): void
}

/**
 * name   as on the wire
 * is     'message' [origin] account subject [reply | + reply queues… | \| queues…] sizes, with a
 *        body; 'interest' [origin] account subject [queue [weight]]; 'text' the rest of the line
 * sizes  only for 'message': 2 when the header size comes before the total size
 * isLeaf the origin cluster stands before the account
 */
type RouteVerb =
  | {
      readonly name: string
      readonly is: 'message'
      readonly sizes: 1 | 2
      readonly isLeaf: boolean
    }
  | {
      readonly name: string
      readonly is: 'interest'
      readonly isNew: boolean
      readonly isLeaf: boolean
    }
  | { readonly name: string; readonly is: 'text' }

const verbs: readonly RouteVerb[] = [
  { name: 'RMSG', is: 'message', sizes: 1, isLeaf: false },
  { name: 'HMSG', is: 'message', sizes: 2, isLeaf: false },
  { name: 'LMSG', is: 'message', sizes: 2, isLeaf: true },
  { name: 'RS+', is: 'interest', isNew: true, isLeaf: false },
  { name: 'RS-', is: 'interest', isNew: false, isLeaf: false },
  { name: 'LS+', is: 'interest', isNew: true, isLeaf: true },
  { name: 'LS-', is: 'interest', isNew: false, isLeaf: true },
  { name: 'PING', is: 'text' },
  { name: 'PONG', is: 'text' },
  { name: 'INFO', is: 'text' },
  { name: 'CONNECT', is: 'text' },
  { name: '-ERR', is: 'text' },
  { name: '+OK', is: 'text' },
  // What an account without interest once told; nothing sends it since 2.0.
  { name: 'A+', is: 'text' },
  { name: 'A-', is: 'text' },
]

const blank = 0x20
const nothing = Buffer.alloc(0)

export class RouteParser extends PeerFraming {
  readonly #operations: RouteOperations
  /** The account that came last, so that a repeated one makes no string. */
  #account = nothing
  #accountText = ''
  #origin = ''

  constructor(operations: RouteOperations, limits: FramingLimits) {
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
      case 'interest': {
        const isNameless = verb.isLeaf && line[from] === blank && line[from + 1] === blank
        const isGood = verb.isNew
          ? this.#takeInterest(verb.isLeaf)
          : this.#takeDisinterest(verb.isLeaf, isNameless)
        return isGood ? next : this.violate(parseError, end)
      }
      case 'message':
        return this.#takeMessage(verb.sizes, verb.isLeaf, lineEnd, chunk, next, end)
      default:
        return verb satisfies never
    }
  }

  #takeInterest(isLeaf: boolean): boolean {
    const { words } = this
    const first = isLeaf ? 1 : 0
    const count = words.count - first
    if (count !== 2 && count !== 4) return false
    const weight = count === 4 ? numberOf(words, words.count - 1) : 1
    if (weight < 0) return false
    const interest = {
      account: word(words, first),
      subject: word(words, first + 1),
      queue: count === 4 ? word(words, first + 2) : '',
      origin: isLeaf ? word(words, 0) : '',
    }
    this.#operations.subscribe(interest, Math.max(1, weight))
    return true
  }

  #takeDisinterest(isLeaf: boolean, isNameless: boolean): boolean {
    const { words } = this
    const first = isLeaf && !isNameless ? 1 : 0
    const count = words.count - first
    if (count !== 2 && count !== 3) return false
    const interest = {
      account: word(words, first),
      subject: word(words, first + 1),
      queue: count === 3 ? word(words, first + 2) : '',
    }
    const origin = first === 1 ? word(words, 0) : ''
    this.#operations.unsubscribe(interest, isNameless ? null : origin)
    return true
  }

  #takeMessage(
    sizes: 1 | 2,
    isLeaf: boolean,
    lineEnd: number,
    chunk: Buffer,
    bodyAt: number,
    end: number,
  ): number {
    const { words } = this
    const first = isLeaf ? 1 : 0
    const fault = this.readSizes(sizes, first + 2)
    if (fault !== null) return this.violate(fault, end)
    this.#origin = isLeaf ? word(words, 0) : ''
    this.#takeAccount(first)
    if (!this.takeHead(first + 1, words.count - sizes)) return this.violate(parseError, end)
    const { headerBytes, bodyBytes } = this
    // LMSG tells a header size of nought: only the total may go on to others then.
    const sizesKept = headerBytes === 0 ? 1 : sizes
    return this.takeBody(sizesKept, headerBytes, bodyBytes, lineEnd, chunk, bodyAt, end)
  }

  /** A match is of one account: another one needs another. */
  #takeAccount(at: number): void {
    const { line, starts, ends } = this.words
    const start = starts[at] as number
    const end = ends[at] as number
    if (this.#account.length === end - start && startsWithAt(line, start, this.#account)) return
    this.#account = Buffer.from(line.subarray(start, end))
    this.#accountText = textAt(line, start, end)
    this.message.match = null
  }

  protected override takeMessage(): void {
    this.#operations.message(this.#accountText, this.message, this.#origin)
  }
}
