// Connections that are gone, for /connz?state=closed. A ring: the oldest is forgotten first.

import type { Client } from './client.ts'

/** What is remembered of a client: figures and names, none of its buffers. */
export interface ClosedClient {
  readonly type: 'nats' | 'websocket'
  readonly id: number
  readonly host: string
  readonly port: number
  readonly name: string
  readonly lang: string
  readonly version: string
  readonly user: string
  readonly account: string
  readonly inMsgs: number
  readonly inBytes: number
  readonly outMsgs: number
  readonly outBytes: number
  readonly rttMs: number
  readonly startedWallMs: number
  readonly lastActivityMs: number
  readonly stoppedWallMs: number
  readonly reason: string
}

export class ClosedClients {
  readonly #countMax: number
  #ring: ClosedClient[] = []

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  add(client: Client, reason: string, stoppedWallMs: number): void {
    if (this.#countMax === 0) return
    if (this.#ring.length >= 2 * this.#countMax) this.#ring = this.#ring.slice(-this.#countMax)
    const { type, id, host, port, options, identity } = client
    const { inMsgs, inBytes, outMsgs, outBytes, startedWallMs, lastActivityMs } = client
    const { name, lang, version } = options
    const user = identity?.user ?? ''
    const account = identity?.account ?? ''
    const rttMs = client.keepalive.rttMs
    const figures = { inMsgs, inBytes, outMsgs, outBytes, rttMs, startedWallMs, lastActivityMs }
    const names = { type, id, host, port, name, lang, version, user, account }
    this.#ring.push({ ...names, ...figures, stoppedWallMs, reason })
  }

  /** Oldest first. */
  list(): readonly ClosedClient[] {
    return this.#ring.slice(-this.#countMax)
  }
}
