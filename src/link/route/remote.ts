// One server of the cluster that we dial: for ever when the config names it, a few times when
// others told us of it.
//
//   waiting --timer--> dialling --> linked --closed--> waiting
//      ^                  |                               |
//      +---- failed ------+                 known otherwise: resting --that route closed--> waiting
//
// close() from anywhere: closed. A route to ourselves, or no tries left: closed.

import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { dialRoute, type RouteTls } from './dial.ts'
import type { Dialling, PeerLogin } from './house.ts'
import type { Route } from './route.ts'
import { hostPort, type RouteUrl } from './url.ts'

export interface RouteRemoteParts {
  readonly url: RouteUrl
  /** The config names it. */
  readonly isConfigured: boolean
  /** Further tries of one that is not configured. */
  readonly triesMax: number
  /** Pauses grow up to half a minute. */
  readonly backsOff: boolean
  readonly log: Log
  readonly clock: Clock
  readonly login: () => PeerLogin | null
  readonly tls: () => RouteTls | null
  readonly reports: { readonly connectErrors: number; readonly reconnectErrors: number }
  linked(socket: Socket, dialling: Dialling): Route
  /** Is there a route to that server? */
  isJoined(remoteId: string): boolean
  /** It will not dial any more. */
  ended(remote: RouteRemote): void
}

const pauseMs = 1_000
const pauseMsMax = 30_000
/** So that two servers which dialled each other do not meet for ever. */
const jitterMs = 100

type State =
  | { readonly is: 'closed' }
  | { readonly is: 'waiting'; readonly timer: Timer }
  | { readonly is: 'dialling'; readonly abort: AbortController }
  | { readonly is: 'linked'; readonly route: Route }
  | { readonly is: 'resting'; readonly remoteId: string }

export class RouteRemote {
  readonly #parts: RouteRemoteParts
  #state: State = { is: 'closed' }
  #isStopped = false
  #attempts = 0
  #hasLinked = false

  constructor(parts: RouteRemoteParts) {
    this.#parts = parts
  }

  get url(): RouteUrl {
    return this.#parts.url
  }

  get isConfigured(): boolean {
    return this.#parts.isConfigured
  }

  start(): void {
    this.#dial()
  }

  /** `reason` for the route it has, if any. */
  close(reason: string): void {
    this.#isStopped = true
    const state = this.#state
    this.#state = { is: 'closed' }
    if (state.is === 'waiting') state.timer.cancel()
    else if (state.is === 'dialling') state.abort.abort()
    else if (state.is === 'linked') state.route.close(reason)
  }

  /** A route has closed: this one's, or one that it rests because of. True: it dials again. */
  routeClosed(route: Route, selfId: string): boolean {
    if (this.#isStopped) return false
    const state = this.#state
    const { remoteId } = route
    if (state.is === 'resting') {
      if (state.remoteId !== remoteId || this.#parts.isJoined(remoteId)) return false
      this.#wait()
      return true
    }
    if (state.is !== 'linked' || state.route !== route) return false
    if (remoteId === selfId) this.#end()
    else if (remoteId !== '' && this.#parts.isJoined(remoteId)) {
      this.#state = { is: 'resting', remoteId }
      if (!this.isConfigured) this.#end()
    } else {
      if (route.peer !== null) this.#attempts = 0
      this.#again()
    }
    return true
  }

  #again(): void {
    if (!this.isConfigured && this.#attempts > this.#parts.triesMax) return this.#end()
    this.#wait()
  }

  #end(): void {
    this.#isStopped = true
    this.#state = { is: 'closed' }
    this.#parts.ended(this)
  }

  #wait(): void {
    const { backsOff, clock } = this.#parts
    const doubled = pauseMs * 2 ** Math.min(Math.max(0, this.#attempts - 1), 5)
    const ms = backsOff ? Math.min(pauseMsMax, doubled) : pauseMs
    const timer = clock.after(ms + Math.random() * jitterMs, () => this.#dial())
    this.#state = { is: 'waiting', timer }
  }

  #dial(): void {
    const { url, log, clock, login, isConfigured } = this.#parts
    const where = hostPort(url.host, url.port)
    if (log.debugOn) log.debug(`Trying to connect to route on ${where} (${where})`)
    const abort = new AbortController()
    this.#state = { is: 'dialling', abort }
    this.#attempts++
    void dialRoute(url, this.#parts.tls(), clock, abort.signal).then(result => {
      if (abort.signal.aborted) {
        if (typeof result !== 'string') result.destroy()
        return
      }
      if (typeof result === 'string') return this.#failed(result)
      if (result.destroyed) return this.#failed('EOF')
      const dialling = { login: url.login ?? login(), isConfigured }
      const route = this.#parts.linked(result, dialling)
      this.#state = { is: 'linked', route }
      this.#hasLinked = true
      route.start()
    })
  }

  #failed(error: string): void {
    const { log, reports } = this.#parts
    const every = this.#hasLinked ? reports.reconnectErrors : reports.connectErrors
    const text = `Error trying to connect to route (attempt ${this.#attempts}): ${error}`
    if (this.#attempts === 1 || this.#attempts % every === 0) log.error(text)
    else log.debug(text)
    this.#again()
  }
}
