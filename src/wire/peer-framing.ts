// What the protocols between servers, leaf nodes and routes, have in common beyond lines and
// bodies: the verbs that are text, and the words in front of a message (reference 4.1, 4.5).
//
//   subject [reply | + reply queues… | \| queues…] [header size] size

import { parseError, payloadTooLarge, type WireError } from './errors.ts'
import { Framing, type FramingLimits } from './framing.ts'
import { numberOf, word } from './words.ts'

/** What either protocol may find. */
export interface PeerOperations {
  info(json: string): void
  connect(json: string): void
  ping(): void
  pong(): void
  /** -ERR with its text, without the quotes. */
  error(text: string): void
  /** The peer broke the protocol: nothing more will be parsed. */
  violation(error: WireError): void
}

const plus = 0x2b
const bar = 0x7c

export abstract class PeerFraming extends Framing {
  /** Of the message whose line was read last. */
  protected headerBytes = 0
  protected bodyBytes = 0
  readonly #peer: PeerOperations

  constructor(peer: PeerOperations, limits: FramingLimits) {
    super(limits)
    this.#peer = peer
  }

  protected takeText(name: string, rest: string): void {
    switch (name) {
      case 'PING':
        this.#peer.ping()
        break
      case 'PONG':
        this.#peer.pong()
        break
      case 'INFO':
        this.#peer.info(rest)
        break
      case 'CONNECT':
        this.#peer.connect(rest)
        break
      case '-ERR':
        this.#peer.error(rest.replace(/^'|'$/g, ''))
        break
      default:
      // +OK and its like say nothing.
    }
  }

  /** The sizes that end the line, behind at least so many words; what is wrong, or null. */
  protected readSizes(sizes: 1 | 2, wordsMin: number): WireError | null {
    const { words } = this
    if (words.count - sizes < wordsMin) return parseError
    const size = numberOf(words, words.count - 1)
    const headerSize = sizes === 2 ? numberOf(words, words.count - 2) : 0
    if (size < 0 || headerSize < 0 || headerSize > size) return parseError
    if (size > this.limits.payloadBytesMax) return payloadTooLarge
    this.bodyBytes = size
    this.headerBytes = headerSize
    return null
  }

  /** Subject, reply and queues: the words from `at` up to `end`. */
  protected takeHead(at: number, end: number): boolean {
    const { words, message } = this
    this.takeSubject(at)
    message.queues = null
    message.reply = ''
    const count = end - at
    if (count === 1) return true
    if (count === 2) {
      message.reply = word(words, at + 1)
      return true
    }
    const start = words.starts[at + 1] as number
    if (words.ends[at + 1] !== start + 1) return false
    const mark = words.line[start]
    if (mark !== plus && mark !== bar) return false
    let next = at + 2
    if (mark === plus) message.reply = word(words, next++)
    const queues: string[] = []
    for (; next < end; next++) queues.push(word(words, next))
    message.queues = queues
    return true
  }

  protected override violated(error: WireError): void {
    this.#peer.violation(error)
  }
}
