// The monitoring port: HTTP on its own listener, plain JSON, nats-server's paths.
//
// node:http is loaded by start() only: a broker without monitoring does not pay for it. A request
// is bounded in size, time and number of connections; a handler runs in one turn of the loop.

import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { posix } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { accountz, accstatz } from './accountz.ts'
import { brokerFamilies } from './broker-metrics.ts'
import { connz } from './connz.ts'
import { healthz } from './healthz.ts'
import { toJson } from './json.ts'
import { leafz } from './leafz.ts'
import { metricsText, metricsType } from './metrics.ts'
import { rootPage } from './page.ts'
import { Query, QueryError } from './query.ts'
import type { Sources } from './shapes.ts'
import { gatewayz, ipqueuesz, noRaft, routez, stacks } from './standalone.ts'
import { subsz } from './subsz.ts'
import { type ProcessFigures, varz } from './varz.ts'

const connectionsMax = 100
const headerBytesMax = 16_384
const requestMsMax = 5000
const idleMsMax = 60_000
/** The CPU share is measured over at least this long. */
const cpuWindowMs = 1000

/** One more endpoint; throws QueryError for a 400. */
export type Endpoint = (query: Query) => object

export interface MonitorParts {
  readonly host: string
  /** 0 or -1: a random one. */
  readonly port: number
  /** As configured; '/' is none. */
  readonly basePath: string
  readonly sources: Sources
  /** Endpoints of other rooms, e.g. `/jsz`. */
  readonly endpoints?: Readonly<Record<string, Endpoint>>
  readonly log: Log
  readonly clock: Clock
}

interface Reply {
  readonly code: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

const jsonType = 'application/json'
const textType = 'text/plain; charset=utf-8'
const htmlType = 'text/html; charset=utf-8'

export class Monitor {
  readonly #parts: MonitorParts
  readonly #basePath: string
  readonly #endpoints: ReadonlyMap<string, (query: Query) => Reply>
  readonly #requests: Record<string, number> = {}
  #http: HttpServer | null = null
  #port = 0
  #cpu = { percent: 0, atMs: 0, usedMs: 0 }

  constructor(parts: MonitorParts) {
    this.#parts = parts
    this.#basePath =
      parts.basePath === '/' ? '' : posix.join('/', parts.basePath).replace(/\/$/, '')
    this.#endpoints = this.#table()
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

  #table(): ReadonlyMap<string, (query: Query) => Reply> {
    const { sources, clock, endpoints } = this.#parts
    const now = (): number => clock.wallMs()
    const health = (query: Query): Reply => {
      const { code, body } = healthz(sources.health, query)
      if (code !== 200) this.#parts.log.warn(`Healthcheck failed: ${faultText(body)}`)
      return { ...json(body, 0), code }
    }
    const table = new Map<string, (query: Query) => Reply>([
      ['/varz', () => json(this.#varz())],
      ['/connz', query => json(connz(sources, query, now()))],
      ['/leafz', query => json(leafz(sources, query, now()))],
      ['/subsz', query => json(subsz(sources, query, now()))],
      ['/healthz', health],
      ['/metrics', () => ({ code: 200, type: metricsType, body: this.#metrics() })],
      ['/accountz', query => json(accountz(sources, query, now()))],
      ['/accstatz', query => json(accstatz(sources, query, now()))],
      ['/routez', query => json(routez(sources.server, query, now()))],
      ['/gatewayz', query => json(gatewayz(sources.server, query, now()))],
      ['/ipqueuesz', query => json(ipqueuesz(query))],
      ['/raftz', () => text(404, noRaft)],
      ['/stacksz', () => ({ ...json({}), body: stacks() })],
    ])
    for (const [path, endpoint] of Object.entries(endpoints ?? {})) {
      table.set(path, query => json(endpoint(query)))
    }
    return table
  }

  #varz(): object {
    return varz(this.#parts.sources, this.#figures())
  }

  #metrics(): string {
    const { sources } = this.#parts
    return (
      metricsText(brokerFamilies(sources, this.#figures())) +
      metricsText(sources.families?.() ?? [])
    )
  }

  #figures(): ProcessFigures {
    const { clock, host } = this.#parts
    return {
      nowWallMs: clock.wallMs(),
      nowMonotonicMs: clock.monotonicMs(),
      residentBytes: process.memoryUsage.rss(),
      cpuPercent: this.#cpuPercent(),
      httpHost: host,
      httpPort: this.#port,
      httpBasePath: this.#basePath,
      requests: this.#requests,
    }
  }

  /** Share of one core since the last time it was measured. */
  #cpuPercent(): number {
    const nowMs = performance.now()
    const { user, system } = process.cpuUsage()
    const usedMs = (user + system) / 1000
    const elapsedMs = nowMs - this.#cpu.atMs
    if (elapsedMs >= cpuWindowMs) {
      const percent = Math.round(((usedMs - this.#cpu.usedMs) / elapsedMs) * 1000) / 10
      this.#cpu = { percent, atMs: nowMs, usedMs }
    }
    return this.#cpu.percent
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { code, type, body, headers } = this.#answer(request)
    const bytes = Buffer.from(body)
    response.writeHead(code, { 'Content-Type': type, 'Content-Length': bytes.length, ...headers })
    response.end(request.method === 'HEAD' ? undefined : bytes)
    // A body that nobody asked for is not waited for.
    request.resume()
  }

  #answer(request: IncomingMessage): Reply {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { ...text(405, 'method not allowed\n'), headers: { Allow: 'GET, HEAD' } }
    }
    const target = request.url ?? '/'
    const mark = target.indexOf('?')
    const path = mark < 0 ? target : target.slice(0, mark)
    const search = mark < 0 ? '' : target.slice(mark + 1)
    if (!path.startsWith('/')) return notFound
    const clean = posix.normalize(path)
    if (clean !== path) return moved(clean + (mark < 0 ? '' : `?${search}`))
    return this.#route(path, new Query(new URLSearchParams(search)))
  }

  #route(path: string, query: Query): Reply {
    const { server } = this.#parts.sources
    if (path === (this.#basePath === '' ? '/' : this.#basePath)) {
      this.#count('/')
      return {
        code: 200,
        type: htmlType,
        body: rootPage(server.name, server.version, this.#basePath, one =>
          this.#endpoints.has(one),
        ),
      }
    }
    if (!path.startsWith(`${this.#basePath}/`)) return notFound
    const name = path.slice(this.#basePath.length)
    const known = name === '/subscriptionsz' ? '/subsz' : name
    const endpoint = this.#endpoints.get(known)
    if (!endpoint) return notFound
    this.#count(known)
    try {
      return endpoint(query)
    } catch (error) {
      if (error instanceof QueryError) return text(400, error.message)
      throw error
    }
  }

  #count(path: string): void {
    this.#requests[path] = (this.#requests[path] ?? 0) + 1
  }
}

const notFound: Reply = {
  code: 404,
  type: textType,
  body: '404 page not found\n',
  headers: { 'X-Content-Type-Options': 'nosniff' },
}

function json(value: object, indent?: number): Reply {
  return {
    code: 200,
    type: jsonType,
    body: toJson(value, indent),
    headers: { 'Access-Control-Allow-Origin': '*' },
  }
}

function text(code: number, body: string): Reply {
  return { code, type: textType, body }
}

function moved(location: string): Reply {
  return { code: 301, type: htmlType, body: '', headers: { Location: encodeURI(location) } }
}

function faultText(body: object): string {
  if ('error' in body) return JSON.stringify(body.error)
  return 'errors' in body && Array.isArray(body.errors) ? `${body.errors.length} errors` : ''
}
