// Profiles of the running process over HTTP, on loopback alone: who may open a port of this machine
// may read its memory. Asked for with prof_port or --profile. The paths are those of Go's
// net/http/pprof as far as V8 has the like; the files open in Chrome's developer tools.
//
//   /debug/pprof/                    what there is
//   /debug/pprof/profile?seconds=n   CPU: a .cpuprofile, after n seconds (30 unless said)
//   /debug/pprof/heap                allocations that live now, sampled: a .heapprofile
//   /debug/pprof/heap?snapshot=1     the whole heap: a .heapsnapshot
//
// Bounded: one profile at a time (others are answered 503), `secondsMax`, a snapshot is written as
// fast as the reader takes it in. node:inspector is loaded with the first profile.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Session } from 'node:inspector'
import type { Log } from '../base/log.ts'

export const profilerHost = '127.0.0.1'
export const secondsMax = 120
const secondsDefault = 30
const samplingSecondsDefault = 5
const headerBytesMax = 8192
const connectionsMax = 8

export class Profiler {
  readonly #wanted: number
  readonly #log: Log
  readonly #server: Server
  #busy = false
  /** Ends the profile that is being taken. */
  #stop: (() => void) | null = null
  #port = 0

  constructor(port: number, log: Log) {
    this.#wanted = port
    this.#log = log
    this.#server = createServer({ maxHeaderSize: headerBytesMax }, (request, response) => {
      this.#answer(request, response).catch((error: Error) => {
        this.#log.warn(`Profile failed: ${error.message}`)
        if (response.headersSent) response.destroy()
        else refuse(response, 500, 'the profile failed')
      })
    })
    this.#server.maxConnections = connectionsMax
    this.#server.requestTimeout = 10_000
  }

  get port(): number {
    return this.#port
  }

  async start(): Promise<void> {
    await new Promise<void>((done, failed) => {
      this.#server.once('error', failed)
      this.#server.listen(Math.max(0, this.#wanted), profilerHost, () => {
        this.#server.off('error', failed)
        done()
      })
    })
    const address = this.#server.address()
    this.#port = typeof address === 'object' && address !== null ? address.port : 0
    this.#log.info(`profiling port: ${this.#port}`)
  }

  async close(): Promise<void> {
    this.#stop?.()
    this.#server.closeAllConnections()
    await new Promise<void>(done => this.#server.close(() => done()))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET') return refuse(response, 405, 'only GET')
    // A page in a browser must not reach this through a name of its own (DNS rebinding).
    if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(request.headers.host ?? '')) {
      return refuse(response, 403, 'only for this machine')
    }
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1')
    const given = searchParams.get('seconds')
    const seconds = given === null ? null : Number(given)
    if (seconds !== null && !(seconds > 0 && seconds <= secondsMax)) {
      return refuse(response, 400, `seconds must be above 0 and at most ${secondsMax}`)
    }
    switch (pathname) {
      case '/debug/pprof':
      case '/debug/pprof/':
        return index(response)
      case '/debug/pprof/profile':
        return this.#alone(response, session =>
          this.#cpu(session, response, seconds ?? secondsDefault),
        )
      case '/debug/pprof/heap':
        return this.#alone(response, session =>
          searchParams.has('snapshot')
            ? snapshot(session, response)
            : this.#heap(session, response, seconds ?? samplingSecondsDefault),
        )
      default:
        return refuse(response, 404, 'no such profile')
    }
  }

  /** Runs one profile; another one meanwhile would disturb it. */
  async #alone(response: ServerResponse, take: (session: Session) => Promise<void>): Promise<void> {
    if (this.#busy) return refuse(response, 503, 'another profile is being taken')
    this.#busy = true
    try {
      const { Session } = await import('node:inspector')
      const session = new Session()
      session.connect()
      try {
        await take(session)
      } finally {
        session.disconnect()
      }
    } finally {
      this.#busy = false
    }
  }

  async #cpu(session: Session, response: ServerResponse, seconds: number): Promise<void> {
    await post(session, 'Profiler.enable')
    await post(session, 'Profiler.start')
    await this.#pause(response, seconds)
    const { profile } = (await post(session, 'Profiler.stop')) as { profile: object }
    file(response, 'nats-edge.cpuprofile', profile)
  }

  async #heap(session: Session, response: ServerResponse, seconds: number): Promise<void> {
    await post(session, 'HeapProfiler.enable')
    await post(session, 'HeapProfiler.startSampling')
    await this.#pause(response, seconds)
    const { profile } = (await post(session, 'HeapProfiler.stopSampling')) as { profile: object }
    file(response, 'nats-edge.heapprofile', profile)
  }

  /** Until the time is over, the asker is gone or the broker stops. */
  async #pause(response: ServerResponse, seconds: number): Promise<void> {
    await new Promise<void>(done => {
      const timer = setTimeout(done, seconds * 1000)
      this.#stop = () => {
        clearTimeout(timer)
        done()
      }
      response.once('close', this.#stop)
    })
    this.#stop = null
  }
}

/** The whole heap, piece by piece; the next piece waits for a reader that is slow. */
async function snapshot(_session: Session, response: ServerResponse): Promise<void> {
  const { getHeapSnapshot } = await import('node:v8')
  const { pipeline } = await import('node:stream/promises')
  head(response, 'nats-edge.heapsnapshot')
  await pipeline(getHeapSnapshot(), response)
}

function post(session: Session, method: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, (error: Error | null, result?: object) => {
      if (error) reject(error)
      else resolve(result)
    })
  })
}

function head(response: ServerResponse, name: string): void {
  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Content-Disposition': `attachment; filename="${name}"`,
    'X-Content-Type-Options': 'nosniff',
  })
}

function file(response: ServerResponse, name: string, profile: object): void {
  if (response.destroyed) return
  head(response, name)
  response.end(JSON.stringify(profile))
}

function index(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' })
  response.end(
    '/debug/pprof/profile?seconds=30   CPU, .cpuprofile\n' +
      '/debug/pprof/heap?seconds=5       sampled allocations, .heapprofile\n' +
      '/debug/pprof/heap?snapshot=1      the whole heap, .heapsnapshot\n',
  )
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' })
  response.end(`${text}\n`)
}
