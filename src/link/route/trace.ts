// The trace log of a route: every operation on its way from the parser, and what leaves. Stands
// between parser and route only where tracing was on when the connection was made.

import type { Log } from '../../base/log.ts'
import type { Message } from '../../message.ts'
import type { WireError } from '../../wire/errors.ts'
import { redacted } from '../handshake.ts'
import { bodyText, type Shown, traceIn } from '../trace.ts'
import type { RouteInterest, RouteOperations } from './parser.ts'

export interface TracedRoute extends RouteOperations {
  readonly label: string
}

export class RouteTrace implements RouteOperations {
  readonly #route: TracedRoute
  readonly #log: Log
  readonly #shown: Shown

  constructor(route: TracedRoute, log: Log, shown: Shown) {
    this.#route = route
    this.#log = log
    this.#shown = shown
  }

  message(account: string, message: Message, origin: string): void {
    this.#in(routeMessageText(account, message, message.queues, origin))
    const body = bodyText(message, this.#shown)
    if (body !== '') this.#log.trace(`${this.#route.label} - <<- MSG_PAYLOAD: [${body}]`)
    this.#route.message(account, message, origin)
  }

  subscribe(interest: RouteInterest, weight: number): void {
    const { account, subject, queue, origin } = interest
    const verb = origin === '' ? 'RS+' : `LS+ ${origin}`
    this.#in(`${verb} ${account} ${subject}${queue === '' ? '' : ` ${queue} ${weight}`}`)
    this.#route.subscribe(interest, weight)
  }

  unsubscribe(interest: Omit<RouteInterest, 'origin'>, origin: string | null): void {
    const { account, subject, queue } = interest
    const verb = origin === '' ? 'RS-' : `LS- ${origin ?? ''}`
    this.#in(`${verb} ${account} ${subject}${queue === '' ? '' : ` ${queue}`}`)
    this.#route.unsubscribe(interest, origin)
  }

  info(json: string): void {
    this.#in(`INFO ${json}`)
    this.#route.info(json)
  }

  connect(json: string): void {
    this.#in(`CONNECT ${redacted(json)}`)
    this.#route.connect(json)
  }

  ping(): void {
    this.#in('PING')
    this.#route.ping()
  }

  pong(): void {
    this.#in('PONG')
    this.#route.pong()
  }

  error(text: string): void {
    this.#in(`-ERR '${text}'`)
    this.#route.error(text)
  }

  violation(error: WireError): void {
    this.#route.violation(error)
  }

  #in(line: string): void {
    traceIn(this.#log, this.#route, line)
  }
}

/** A message as it stands on the wire. */
export function routeMessageText(
  account: string,
  message: Message,
  queues: readonly string[] | null,
  origin: string,
): string {
  const { target, reply, bodyStart, payloadStart, payloadEnd } = message
  const headerBytes = payloadStart - bodyStart
  const verb = headerBytes > 0 ? 'HMSG' : 'RMSG'
  const head = origin === '' ? [verb] : ['LMSG', origin]
  const mark = queues === null ? [] : [reply === '' ? '|' : '+']
  const sizes = headerBytes > 0 || origin !== '' ? [headerBytes] : []
  const way = [...mark, ...(reply === '' ? [] : [reply]), ...(queues ?? [])]
  return [...head, account, target, ...way, ...sizes, payloadEnd - bodyStart].join(' ')
}
