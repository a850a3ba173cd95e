// The monitoring port: HTTP or HTTPS on its own listener, in front of the endpoints. As in
// nats-server nobody has to show a certificate here, whatever the tls block demands of clients.
//
// node:http is loaded by start() only: a broker without monitoring does not pay for it. A request
// is bounded in size, time and number of connections; a handler runs in one turn of the loop. As
// in nats-server every method reads: there is nothing that a POST could change.

import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { secureHttp } from '../link/secure-http.ts'
import type { SecureOptions } from '../link/tls-files.ts'
import { type Endpoint, Endpoints, type EndpointsParts } from './endpoints.ts'
import type { ProcessFigures } from './varz.ts'

export type { Endpoint } from './endpoints.ts'

const connectionsMax = 100
const headerBytesMax = 16_384
const requestMsMax = 5000
const idleMsMax = 60_000

export interface MonitorParts extends Omit<EndpointsParts, 'listening'> {
  readonly host: string
  /** 0 or -1: a random one. */
  readonly port: number
  readonly endpoints?: Readonly<Record<string, Endpoint>>
  /** Absent: HTTP in clear. */
  readonly tls?: SecureOptions
}

export class Monitor {
  readonly #parts: MonitorParts
  readonly #endpoints: Endpoints
  #http: HttpServer | null = null
  #port = 0
  #tls: SecureOptions | null
  #dropHandshakes = () => {}

  constructor(parts: MonitorParts) {
    this.#parts = parts
    const { host } = parts
    this.#tls = parts.tls ?? null
    const listening = () =>
      this.#tls === null
        ? { host, port: this.#port, httpsPort: 0 }
        : { host, port: 0, httpsPort: this.#port }
    this.#endpoints = new Endpoints({ ...parts, listening })
  }

  /** Of the process, and what was asked here. */
  figures(): ProcessFigures {
    return this.#endpoints.figures()
  }

  /** The port it listens on; 0 before start(). */
  get port(): number {
    return this.#port
  }

  /** Connections from now on get these certificates; null: they could not be loaded. */
  renewTls(tls: SecureOptions | null): void {
    if (this.#tls !== null && tls !== null) this.#tls = tls
  }

  /** Listens; rejects when the port is taken. */
  async start(): Promise<void> {
    const { createServer } = await import('node:http')
    const { host, port, log } = this.#parts
    const http = createServer({
      maxHeaderSize: headerBytesMax,
      requestTimeout: requestMsMax,
      headersTimeout: requestMsMax,
      keepAliveTimeout: idleMsMax,
    })
    http.maxConnections = connectionsMax
    http.on('request', (request, response) => this.#serve(request, response))
    if (this.#tls !== null) this.#secure(http, this.#tls)
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject)
      http.listen(Math.max(0, port), host, resolve)
    })
    this.#http = http
    this.#port = (http.address() as AddressInfo).port
    const scheme = this.#tls === null ? 'http' : 'https'
    log.info(
      `Starting ${scheme} monitor on ${host.includes(':') ? `[${host}]` : host}:${this.#port}`,
    )
  }

  async close(): Promise<void> {
    const http = this.#http
    if (http === null) return
    this.#http = null
    await new Promise<void>(resolve => {
      http.close(() => resolve())
      http.closeAllConnections()
      this.#dropHandshakes()
    })
  }

  #secure(http: HttpServer, first: SecureOptions): void {
    const { clock, log } = this.#parts
    const noClientCertificate = { requestCert: false, rejectUnauthorized: false, pinned: null }
    this.#dropHandshakes = secureHttp(http, {
      handshakeMs: requestMsMax,
      clock,
      options: () => ({ ...(this.#tls ?? first), ...noClientCertificate }),
      failed: (peer, why) => log.error(`monitoring: TLS handshake error from ${peer}: ${why}`),
    })
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { code, type, body, headers } = this.#endpoints.answer(request.url ?? '/')
    const bytes = Buffer.from(body)
    response.writeHead(code, { 'Content-Type': type, 'Content-Length': bytes.length, ...headers })
    response.end(request.method === 'HEAD' ? undefined : bytes)
    // A body that nobody asked for is not waited for.
    request.resume()
  }
}
