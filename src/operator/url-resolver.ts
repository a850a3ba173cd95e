// Account JWTs from a web server (nats-account-server and its like): GET <url><account>.
//
// Guarantees: a request ends after its timeout, an answer is at most as long as a JWT may be, few
// requests run at a time, and passwords in the URL never reach the log. node:http is loaded by the
// first request. Unlike nats-server we start when nobody is there: an edge board comes up before
// its uplink does.

import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import type { RequestOptions } from 'node:https'
import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Fetched, Resolver } from './resolver.ts'
import { tokenBytesMax } from './token.ts'

export const fetchMsDefault = 1900
const fetchesMax = 16

/** What resolver_tls names. */
export interface ResolverTls {
  readonly cert_file: string | null
  readonly key_file: string | null
  readonly ca_file: string | null
  readonly min_version: string
  readonly insecure: boolean
}

export interface UrlResolverParts {
  readonly url: string
  readonly tls: ResolverTls | null
  readonly clock: Clock
  readonly log: Log
  readonly fetchMs?: number
}

export class UrlResolver implements Resolver {
  readonly kind = 'url'
  readonly #parts: UrlResolverParts
  readonly #base: string
  #running = 0
  #isClosed = false

  constructor(parts: UrlResolverParts) {
    this.#parts = parts
    this.#base = parts.url.endsWith('/') ? parts.url : `${parts.url}/`
  }

  /** Is anybody there? Tells the log, and starts anyway. */
  async start(): Promise<void> {
    void this.fetch('').then(found => {
      if ('missing' in found && !this.#isClosed) this.#parts.log.warn(found.missing)
    })
  }

  close(): Promise<void> {
    this.#isClosed = true
    return Promise.resolve()
  }

  async fetch(account: string): Promise<Fetched> {
    if (this.#running >= fetchesMax) return { missing: 'too many account fetches at one time' }
    this.#running++
    try {
      return { jwt: await this.#get(`${this.#base}${account}`) }
    } catch (error) {
      const where = `<"${redacted(this.#base)}${account}">`
      return { missing: `could not fetch ${where}: ${(error as Error).message}` }
    } finally {
      this.#running--
    }
  }

  async #get(text: string): Promise<string> {
    const url = new URL(text)
    const { get } =
      url.protocol === 'https:' ? await import('node:https') : await import('node:http')
    const { clock, tls, fetchMs = fetchMsDefault } = this.#parts
    const secure = tls === null ? {} : tlsOf(tls)
    let timer: Timer | null = null
    try {
      return await new Promise<string>((resolve, reject) => {
        const request = get(url, { ...secure, agent: false }, response => {
          readBody(response).then(resolve, reject)
        })
        request.on('error', reject)
        timer = clock.after(fetchMs, () => request.destroy(new Error('timeout exceeded')))
      })
    } finally {
      ;(timer as Timer | null)?.cancel()
    }
  }
}

/** Read for each request: there are few, and files are renewed. */
function tlsOf({
  cert_file,
  key_file,
  ca_file,
  min_version,
  insecure,
}: ResolverTls): RequestOptions {
  return {
    ...(cert_file === null ? {} : { cert: readFileSync(cert_file) }),
    ...(key_file === null ? {} : { key: readFileSync(key_file) }),
    ...(ca_file === null ? {} : { ca: readFileSync(ca_file) }),
    minVersion: min_version === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    rejectUnauthorized: !insecure,
  }
}

function readBody(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const { statusCode, statusMessage } = response
    if (statusCode !== 200) {
      response.destroy()
      return reject(new Error(`${statusCode} ${statusMessage}`))
    }
    const chunks: Buffer[] = []
    let bytes = 0
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > tokenBytesMax) response.destroy(new Error('the answer is too long for a JWT'))
      else chunks.push(chunk)
    })
    response.on('end', () => resolve(Buffer.concat(chunks).toString().trim()))
    response.on('error', reject)
  })
}

function redacted(url: string): string {
  return url.replace(/\/\/([^:@/]*):[^@/]*@/, '//$1:xxxxx@')
}
