// What is answered where: nats-server's paths, our own beside them, and how often each was asked.
// Knows nothing of sockets: a request is its target, an answer its status, type and text.

import { posix } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { accountz, accstatz } from './accountz.ts'
import { brokerFamilies } from './broker-metrics.ts'
import { connz } from './connz.ts'
import { CpuShare } from './cpu.ts'
import { healthz } from './healthz.ts'
import { expvarz, ipqueuesz, stacks } from './internals.ts'
import { toJson } from './json.ts'
import { leafz } from './leafz.ts'
import { metricsText, metricsType } from './metrics.ts'
import { rootPage } from './page.ts'
import { Query, QueryError } from './query.ts'
import { routez } from './routez.ts'
import type { Sources } from './shapes.ts'
import { gatewayz, noRaft } from './standalone.ts'
import { subsz } from './subsz.ts'
import { type ProcessFigures, varz } from './varz.ts'

/** One more endpoint; throws QueryError for a 400. */
export type Endpoint = (query: Query) => object

/** Where monitoring listens; the ports are 0 where it does not. */
export interface Listening {
  readonly host: string
  readonly port: number
  readonly httpsPort: number
}

export interface EndpointsParts {
  /** As configured; '/' is none. */
  readonly basePath: string
  readonly sources: Sources
  /** Endpoints of other rooms, e.g. `/jsz`. */
  readonly endpoints?: Readonly<Record<string, Endpoint>>
  readonly log: Log
  readonly clock: Clock
  listening(): Listening
}

export interface Reply {
  readonly code: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

type Handler = (query: Query) => Reply

const jsonType = 'application/json'
const textType = 'text/plain; charset=utf-8'
const htmlType = 'text/html; charset=utf-8'
const queueIndent = 3

export class Endpoints {
  readonly #parts: EndpointsParts
  readonly #basePath: string
  readonly #table: ReadonlyMap<string, Handler>
  readonly #requests: Record<string, number> = {}
  readonly #cpu = new CpuShare()

  constructor(parts: EndpointsParts) {
    this.#parts = parts
    this.#basePath =
      parts.basePath === '/' ? '' : posix.join('/', parts.basePath).replace(/\/$/, '')
    this.#table = this.#newTable()
  }

  /** The answer to a request for `target`: path and query. */
  answer(target: string): Reply {
    const mark = target.indexOf('?')
    const path = mark < 0 ? target : target.slice(0, mark)
    const search = mark < 0 ? '' : target.slice(mark + 1)
    if (!path.startsWith('/')) return notFound
    const clean = posix.normalize(path)
    if (clean !== path) return moved(clean + (mark < 0 ? '' : `?${search}`))
    return this.#route(path, new Query(new URLSearchParams(search)))
  }

  #newTable(): ReadonlyMap<string, Handler> {
    const { sources, clock, endpoints } = this.#parts
    const now = (): number => clock.wallMs()
    const table = new Map<string, Handler>([
      ['/varz', () => json(varz(sources, this.figures()))],
      ['/connz', query => json(connz(sources, query, now()))],
      ['/leafz', query => json(leafz(sources, query, now()))],
      ['/subsz', query => json(subsz(sources, query, now()))],
      ['/healthz', query => this.#health(query)],
      ['/metrics', () => ({ code: 200, type: metricsType, body: this.#metrics() })],
      ['/accountz', query => json(accountz(sources, query, now()))],
      ['/accstatz', query => json(accstatz(sources, query, now()))],
      ['/routez', query => json(routez(sources, query, now()))],
      ['/gatewayz', query => json(gatewayz(sources.server, query, now()))],
      ['/ipqueuesz', query => json(ipqueuesz(sources, query), queueIndent)],
      ['/raftz', () => text(404, noRaft)],
      ['/stacksz', () => ({ ...json({}), body: stacks() })],
      ['/debug/vars', () => variables()],
    ])
    for (const [path, endpoint] of Object.entries(endpoints ?? {})) {
      table.set(path, query => json(endpoint(query)))
    }
    return table
  }

  #health(query: Query): Reply {
    const { sources, log } = this.#parts
    const { code, body } = healthz(sources.health, query)
    if (query.bool('js-enabled')) {
      log.warn('Healthcheck: js-enabled deprecated, use js-enabled-only instead')
    }
    if (code !== 200) log.warn(`Healthcheck failed: ${faultText(body)}`)
    return { ...json(body, 0), code }
  }

  #metrics(): string {
    const { sources } = this.#parts
    return (
      metricsText(brokerFamilies(sources, this.figures())) + metricsText(sources.families?.() ?? [])
    )
  }

  /** Of the process, with how often each path was asked. */
  figures(): ProcessFigures {
    const { clock } = this.#parts
    const { host, port, httpsPort } = this.#parts.listening()
    return {
      nowWallMs: clock.wallMs(),
      nowMonotonicMs: clock.monotonicMs(),
      residentBytes: process.memoryUsage.rss(),
      cpuPercent: this.#cpu.percent(),
      httpHost: host,
      httpPort: port,
      httpBasePath: this.#basePath,
      httpsPort,
      requests: this.#requests,
    }
  }

  #route(path: string, query: Query): Reply {
    if (path === (this.#basePath === '' ? '/' : this.#basePath)) {
      this.#count('/')
      return this.#page()
    }
    if (!path.startsWith(`${this.#basePath}/`)) return notFound
    const name = path.slice(this.#basePath.length)
    const known = name === '/subscriptionsz' ? '/subsz' : name
    const handler = this.#table.get(known)
    if (!handler) return notFound
    this.#count(known)
    try {
      return handler(query)
    } catch (error) {
      if (error instanceof QueryError) return text(400, error.message)
      throw error
    }
  }

  #page(): Reply {
    const { name, version } = this.#parts.sources.server
    const body = rootPage(name, version, this.#basePath, path => this.#table.has(path))
    return { code: 200, type: htmlType, body }
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

/** As Go's expvar answers: another type, and nothing about other origins. */
function variables(): Reply {
  return { code: 200, type: `${jsonType}; charset=utf-8`, body: toJson(expvarz()) }
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
