// The trace log of a leaf link: every operation on its way from the parser, and what leaves.
// Stands between parser and link only where tracing was on when the connection was made.

import type { Log } from '../../base/log.ts'
import type { Message } from '../../message.ts'
import type { WireError } from '../../wire/errors.ts'
import { redacted } from '../handshake.ts'
import { bodyText, type Shown, traceIn } from '../trace.ts'
import type { LeafOperations } from './parser.ts'

export interface Traced extends LeafOperations {
  readonly label: string
}

export class LeafTrace implements LeafOperations {
  readonly #link: Traced
  readonly #log: Log
  readonly #shown: Shown

  constructor(link: Traced, log: Log, shown: Shown) {
    this.#link = link
    this.#log = log
    this.#shown = shown
  }

  message(message: Message): void {
    this.#in(messageText(message, message.queues))
    const body = bodyText(message, this.#shown)
    if (body !== '') this.#log.trace(`${this.#link.label} - <<- MSG_PAYLOAD: [${body}]`)
    this.#link.message(message)
  }

  subscribe(subject: string, queue: string, weight: number): void {
    this.#in(`LS+ ${subject}${queue === '' ? '' : ` ${queue} ${weight}`}`)
    this.#link.subscribe(subject, queue, weight)
  }

  unsubscribe(subject: string, queue: string): void {
    this.#in(`LS- ${subject}${queue === '' ? '' : ` ${queue}`}`)
    this.#link.unsubscribe(subject, queue)
  }

  info(json: string): void {
    this.#in(`INFO ${json}`)
    this.#link.info(json)
  }

  connect(json: string): void {
    this.#in(`CONNECT ${redacted(json)}`)
    this.#link.connect(json)
  }

  ping(): void {
    this.#in('PING')
    this.#link.ping()
  }

  pong(): void {
    this.#in('PONG')
    this.#link.pong()
  }

  error(text: string): void {
    this.#in(`-ERR '${text}'`)
    this.#link.error(text)
  }

  violation(error: WireError): void {
    this.#link.violation(error)
  }

  #in(line: string): void {
    traceIn(this.#log, this.#link, line)
  }
}

/** A message as it stands on the wire. */
export function messageText(message: Message, queues: readonly string[] | null): string {
  const { target, reply, bodyStart, payloadStart, payloadEnd } = message
  const headerBytes = payloadStart - bodyStart
  const verb = headerBytes > 0 ? 'HMSG' : 'LMSG'
  const mark = queues === null ? [] : [reply === '' ? '|' : '+']
  const sizes = headerBytes > 0 ? [headerBytes] : []
  const words = [verb, target, ...mark, ...(reply === '' ? [] : [reply]), ...(queues ?? [])]
  return [...words, ...sizes, payloadEnd - bodyStart].join(' ')
}
