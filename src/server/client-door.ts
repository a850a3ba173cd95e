// Clients that come with TLS, until they are clients: INFO, the handshake, and what is said of
// those that fail (reference 2.10, 3.1).

import type { Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { ClosedClients } from '../link/closed.ts'
import { connectDefaults } from '../link/handshake.ts'
import { HandshakeRate, secure } from '../link/securing.ts'
import { plainHost, type SocketPast } from '../link/socket.ts'
import type { SecureOptions } from '../link/tls-files.ts'
import * as wireErrors from '../wire/errors.ts'
import type { ServerOptions } from './options.ts'

type Options = Pick<ServerOptions, 'tls' | 'allow_non_tls'>

export interface ClientDoorParts {
  readonly log: Log
  readonly clock: Clock
  readonly closed: ClosedClients
  /** More clients that may come, and be here. */
  roomLeft(): number
  /** The first INFO; `nonce` is what it has to sign. */
  greeting(id: number, host: string): { readonly line: string; readonly nonce: string }
  /** `nonce` null: it has had no INFO. */
  adopt(socket: Socket, id: number, nonce: string | null, past: SocketPast): void
}

/** Always TLS first: then nobody comes in clear, whatever allow_non_tls says. */
export function isClearAllowed({ tls, allow_non_tls }: Options): boolean {
  return allow_non_tls && tls?.handshake_first !== 0
}

/** For the log, when the listener starts. */
export function sayHow(options: Options, log: Log): void {
  if (options.tls === null) return
  log.info(`TLS ${isClearAllowed(options) ? 'available' : 'required'} for client connections`)
  if (options.tls.handshake_first !== 0) return
  log.warn('Clients that are not using "TLS Handshake First" option will fail to connect')
}

export class ClientDoor {
  readonly #parts: ClientDoorParts
  readonly #rate: HandshakeRate
  readonly #securing = new Set<Socket>()

  constructor(parts: ClientDoorParts) {
    this.#parts = parts
    this.#rate = new HandshakeRate(parts.clock, text => parts.log.warn(text))
  }

  /** `tls` is of `options`. */
  accept(socket: Socket, id: number, options: Options, tls: SecureOptions): void {
    const { clock, log } = this.#parts
    const { timeout = 0, handshake_first = null, connection_rate_limit = 0 } = options.tls ?? {}
    const host = plainHost(socket.remoteAddress ?? '')
    const came = { id, host, port: socket.remotePort ?? 0, startedWallMs: clock.wallMs() }
    let nonce: string | null = null
    const greet = () => {
      const greeting = this.#parts.greeting(id, host)
      nonce = greeting.nonce
      socket.write(greeting.line)
    }
    if (this.#securing.size >= this.#parts.roomLeft()) {
      greet()
      return this.#refuse(socket, came, wireErrors.connectionsExceeded)
    }
    const allowsClear = isClearAllowed(options)
    const way = { options: tls, timeoutMs: timeout, firstMs: handshake_first, allowsClear }
    this.#securing.add(socket)
    if (log.debugOn) log.debug(`${labelOf(came)} - Starting TLS client connection handshake`)
    secure(socket, way, {
      clock,
      greet,
      mayBegin: () => this.#rate.allows(connection_rate_limit),
      done: result => {
        this.#securing.delete(socket)
        if (result.is === 'failed') return this.#failed(came, result.error)
        if (result.is === 'throttled') return this.#refuse(socket, came, throttled)
        const isFirst = result.is === 'secured' && result.isFirst
        const past = { isFirst, hasRead: result.is === 'clear' }
        this.#parts.adopt(result.socket, id, nonce, past)
      },
    })
  }

  /** Drops those that are not through. */
  close(): void {
    for (const socket of this.#securing) socket.destroy()
  }

  #failed(came: Came, error: string): void {
    const { log } = this.#parts
    const label = labelOf(came)
    // Load balancers and scanners do that: nats-server 2.15 tells it to debuggers only.
    if (error === timeoutText) log.debug(`${label} - ${error}`)
    else if (isNoTls(error)) log.debug(`${label} - TLS handshake error: ${noTlsText}`)
    else log.error(`${label} - TLS handshake error: ${error === goneText ? 'EOF' : error}`)
    this.#forget(came, 'TLS Handshake Failure')
  }

  #refuse(socket: Socket, came: Came, { text, reason }: wireErrors.WireError): void {
    socket.on('error', () => undefined)
    socket.end(`-ERR '${text}'\r\n`, () => socket.destroy())
    this.#forget(came, reason)
  }

  #forget(came: Came, reason: string): void {
    const { closed, log, clock } = this.#parts
    const now = clock.wallMs()
    if (log.debugOn) log.debug(`${labelOf(came)} - Client connection closed: ${reason}`)
    closed.add({ ...stranger, ...came, lastActivityMs: came.startedWallMs }, reason, now)
  }
}

interface Came {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly startedWallMs: number
}

/** A client that was never heard. */
const stranger = {
  kind: 'client',
  type: 'nats',
  options: connectDefaults,
  identity: null,
  keepalive: { rttMs: 0 },
  subscriptions: new Map(),
  inMsgs: 0,
  inBytes: 0,
  outMsgs: 0,
  outBytes: 0,
} as const

const throttled: wireErrors.WireError = {
  text: 'Connection throttling is active. Please try again later.',
  reason: 'Maximum Connections Exceeded',
  closes: true,
}

const goneText = 'connection closed'
const timeoutText = 'TLS handshake timeout'
const noTlsText = 'first record does not look like a TLS handshake'

/** In OpenSSL's words: what came was no TLS record. */
function isNoTls(error: string): boolean {
  return /wrong version number|http request|https proxy request|packet length too long/.test(error)
}

function labelOf({ id, host, port }: Came): string {
  return `${host}:${port} - cid:${id}`
}
