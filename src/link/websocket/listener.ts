// The WebSocket listener: HTTP requests become connections for clients, MQTT devices, leaf nodes.
//
// node:http and ws are loaded by start() only: a broker without WebSocket does not pay
// for them. A request is bounded in size and time, a message in size: eight payloads and a line,
// as a client that comes back sends all it kept in one (nats-server takes as much).

import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocketServer } from 'ws'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Address } from '../listener.ts'
import { secureHttp } from '../secure-http.ts'
import type { ClientSocket } from '../socket.ts'
import type { SecureOptions } from '../tls-files.ts'
import { type CookieNames, carriedIn } from './cookies.ts'
import { WebSocketSocket } from './socket.ts'
import { forwardedFor, judgeUpgrade } from './upgrade.ts'

export interface WebSocketParts {
  readonly host: string
  /** -1: a random one. */
  readonly port: number
  /** At the start; see renewTls(). */
  readonly tls: SecureOptions | null
  readonly sameOrigin: boolean
  readonly allowedOrigins: readonly string[]
  readonly compression: boolean
  readonly cookies: CookieNames
  /** Of the answer to an upgrade, whole lines. */
  readonly headers: readonly string[]
  readonly handshakeMs: number
  readonly payloadBytesMax: number
  readonly lineBytesMax: number
  readonly clock: Clock
  readonly log: Log
  accept(socket: ClientSocket): void
  /** What came on the path /mqtt; absent: nothing may. */
  readonly acceptMqtt?: (socket: ClientSocket) => void
  /** What came on the path /leafnode; absent: nothing may. */
  readonly acceptLeaf?: (socket: ClientSocket) => void
}

const headerBytesMax = 16_384
const payloadsPerMessageMax = 8
const messageBytesMax = 64 * 1024 * 1024
/** How long the peer may take to answer a close frame. */
const closeMsMax = 2000
/** Below this compressing costs more than it saves; nats-server's bound too. */
const compressedBytesMin = 64
/** How often requests that do not come to an end are looked for. */
const checkMs = 500

export class WebSocketListener {
  readonly #parts: WebSocketParts
  #http: HttpServer | null = null
  #webSockets: WebSocketServer | null = null
  #address: Address | null = null
  #tls: SecureOptions | null
  #dropHandshakes = () => {}

  constructor(parts: WebSocketParts) {
    this.#parts = parts
    this.#tls = parts.tls
  }

  /** Connections from now on get these; null: they could not be loaded. */
  renewTls(tls: SecureOptions | null): void {
    if (this.#tls !== null && tls !== null) this.#tls = tls
  }

  /** Where it listens, once started. */
  get address(): Address | null {
    return this.#address
  }

  /** Listens; rejects when the port is taken. */
  async start(): Promise<void> {
    const { host, port, tls, log } = this.#parts
    const { WebSocketServer } = await import('ws')
    this.#webSockets = new WebSocketServer(this.#webSocketOptions())
    const { headers } = this.#parts
    if (headers.length > 0) this.#webSockets.on('headers', lines => void lines.push(...headers))
    const http = await this.#newHttp()
    http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head))
    // A request that asks for no upgrade.
    http.on('request', (request, response) => {
      const { status, why } = this.#refusal(request)
      this.#logRefusal(request, why)
      const body = statusText(status)
      response.writeHead(status, {
        'Content-Type': 'text/plain; charset=utf-8',
        'Content-Length': body.length,
        'Sec-WebSocket-Version': '13',
        Connection: 'close',
      })
      response.end(request.method === 'HEAD' ? undefined : body)
    })
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject)
      http.listen(Math.max(0, port), host, () => {
        http.off('error', reject)
        resolve()
      })
    })
    // Accepting failed (no descriptors left): those already connected go on, and so do we.
    http.on('error', () => undefined)
    this.#http = http
    const bound = http.address()
    this.#address = { host, port: typeof bound === 'object' && bound !== null ? bound.port : port }
    const scheme = tls === null ? 'ws' : 'wss'
    log.info(`Listening for websocket clients on ${scheme}://${host}:${this.#address.port}`)
    if (tls === null) log.warn('Websocket not configured with TLS. DO NOT USE IN PRODUCTION!')
  }

  /** Stops accepting. Connections stay: they are their links'. */
  close(): void {
    const http = this.#http
    if (http === null) return
    this.#http = null
    http.close()
    http.closeAllConnections()
    this.#dropHandshakes()
  }

  async #newHttp(): Promise<HttpServer> {
    const { tls, handshakeMs, clock, log } = this.#parts
    const bounds = {
      maxHeaderSize: headerBytesMax,
      headersTimeout: handshakeMs,
      requestTimeout: handshakeMs,
      connectionsCheckingInterval: Math.min(handshakeMs, checkMs),
      noDelay: true,
    }
    const { createServer } = await import('node:http')
    const http = createServer(bounds)
    if (tls === null) return http
    this.#dropHandshakes = secureHttp(http, {
      handshakeMs,
      clock,
      options: () => this.#tls ?? tls,
      failed: (peer, why) => log.error(`websocket: TLS handshake error from ${peer}: ${why}`),
    })
    return http
  }

  #webSocketOptions() {
    const { compression, payloadBytesMax, lineBytesMax } = this.#parts
    const bytes = Math.min(payloadBytesMax * payloadsPerMessageMax, messageBytesMax)
    return {
      noServer: true,
      clientTracking: false,
      skipUTF8Validation: true,
      maxPayload: Math.max(bytes, payloadBytesMax) + lineBytesMax,
      closeTimeout: closeMsMax,
      handleProtocols: (offered: Set<string>, request: IncomingMessage) =>
        isMqtt(request) && offered.has('mqtt') ? 'mqtt' : (false as const),
      perMessageDeflate: compression
        ? {
            serverNoContextTakeover: true,
            clientNoContextTakeover: true,
            threshold: compressedBytesMin,
            zlibDeflateOptions: { level: 1 },
          }
        : false,
    }
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const webSockets = this.#webSockets
    const verdict = this.#judge(request)
    if (webSockets === null) return void socket.destroy()
    if (verdict.is === 'refused') {
      this.#logRefusal(request, verdict.why)
      return refuse(socket, verdict.status)
    }
    const { accept, acceptMqtt, acceptLeaf, cookies } = this.#parts
    webSockets.handleUpgrade(request, socket, head, webSocket => {
      const { headers } = request
      const carried = verdict.kind === 'client' ? carriedIn(headers.cookie, cookies) : null
      const link = new WebSocketSocket(webSocket, socket, forwardedFor(headers), carried)
      if (verdict.kind === 'mqtt') acceptMqtt?.(link)
      else if (verdict.kind === 'leaf') acceptLeaf?.(link)
      else accept(link)
    })
  }

  #judge(request: IncomingMessage) {
    const { tls, acceptMqtt, acceptLeaf, sameOrigin, allowedOrigins } = this.#parts
    const isSecure = tls !== null
    const hasMqtt = acceptMqtt !== undefined
    const hasLeafs = acceptLeaf !== undefined
    return judgeUpgrade(request, { isSecure, hasMqtt, hasLeafs, sameOrigin, allowedOrigins })
  }

  #refusal(request: IncomingMessage) {
    const verdict = this.#judge(request)
    return verdict.is === 'refused' ? verdict : { status: 400, why: 'no upgrade asked for' }
  }

  #logRefusal({ socket }: IncomingMessage, why: string): void {
    const { remoteAddress, remotePort } = socket
    const peer = `${remoteAddress}:${remotePort}`
    this.#parts.log.error(`${peer} - websocket handshake error: ${why}`)
  }
}

function isMqtt(request: IncomingMessage): boolean {
  return (request.url ?? '').replace(/[?#].*$/s, '').endsWith('/mqtt')
}

const statusTexts: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
}

function statusText(status: number): string {
  return `${statusTexts[status] ?? 'Bad Request'}\n`
}

function refuse(socket: Socket, status: number): void {
  const body = statusText(status)
  const head = [
    `HTTP/1.1 ${status} ${statusTexts[status]}`,
    'Content-Type: text/plain; charset=utf-8',
    'Sec-WebSocket-Version: 13',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ]
  socket.on('error', () => socket.destroy())
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
