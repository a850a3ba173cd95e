// The monitoring port: HTTP on its own listener, in front of the endpoints.
//
// node:http is loaded by start() only: a broker without monitoring does not pay for it. A request
// is bounded in size, time and number of connections; a handler runs in one turn of the loop. As
// in nats-server every method reads: there is nothing that a POST could change.

import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
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
}

export class Monitor {
  readonly #parts: MonitorParts
  readonly #endpoints: Endpoints
  #http: HttpServer | null = null
  #port = 0

  constructor(parts: MonitorParts) {
    this.#parts = parts
    const { host } = parts
    const listening = () => ({ host, port: this.#port, httpsPort: 0 })
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
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject)
      http.listen(Math.max(0, port), host, resolve)
    })
    this.#http = http
    this.#port = (http.address() as AddressInfo).port
    log.info(`Starting http monitor on ${host.includes(':') ? `[${host}]` : host}:${this.#port}`)
  }

  async close(): Promise<void> {
    const http = this.#http
    if (http === null) return
    this.#http = null
    await new Promise<void>(resolve => {
      http.close(() => resolve())
      http.closeAllConnections()
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
