// One hub that we dial, for ever (reference 4.8): several urls, a pause that doubles with jitter,
// longer pauses after errors that will come again.
//
//   waiting --timer--> dialling --INFO--> linked --closed--> waiting
//      ^                  |
//      +---- failed ------+          close() from anywhere: closed

import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { Timer } from '../../base/clock.ts'
import { type DialTls, dial, type Target, tlsDefaults } from './dial.ts'
import { DialledLeaf, type DialledOptions, type DialledOwner } from './dialled.ts'
import type { HubInfo, LeafIdentity, LeafLogin } from './handshake.ts'
import type { LeafContext, LeafWrites } from './terms.ts'
import {
  type Address,
  hostPort,
  isRemoteUrl,
  isSame,
  isWebSocketUrl,
  readProxy,
  readUrl,
} from './url.ts'

/** One entry of `leafnodes.remotes`, with the file's own names. */
export interface RemoteOptions {
  readonly urls: readonly string[]
  readonly account: string
  readonly credentials: string | null
  readonly nkey: string | null
  readonly tls: DialTls | null
  readonly hub: boolean
  readonly deny_imports: readonly string[]
  readonly deny_exports: readonly string[]
  readonly no_randomize: boolean
  readonly first_info_timeout: number
  /** null: as all remotes. */
  readonly dial_timeout: number | null
  readonly disabled: boolean
  /** Do not learn other addresses of the hub's cluster. */
  readonly ignore_discovered_servers: boolean
  readonly isolate_leafnode_interest: boolean
  readonly request_isolation: boolean
  readonly ws_compression: boolean
  readonly ws_no_masking: boolean
  readonly proxy: RemoteProxy | null
}

export interface RemoteProxy {
  readonly url: string
  readonly username: string | null
  readonly password: string | null
  readonly timeout: number
}

export interface RemoteReports {
  /** Of failed first connects, log the first and every n-th. */
  readonly connectErrors: number
  /** Of failed reconnects, likewise. */
  readonly reconnectErrors: number
}

export interface RemoteParts {
  readonly context: LeafContext
  readonly options: RemoteOptions
  readonly reports: RemoteReports
  readonly reconnectMs: number
  readonly dialMs: number
  readonly isolate: boolean
  readonly writes: LeafWrites
  readonly identity: LeafIdentity
  /** The `$LDS.…` of the account. */
  readonly loopSubject: string
  nextId(): number
  mayOpen(leaf: DialledLeaf): 'yes' | 'loop' | 'full'
  /** The link is there (true) or gone (false). */
  changed(leaf: DialledLeaf, isThere: boolean): void
  /** Between 0 and 1. */
  random(): number
}

/** The pause between two rounds of dialling never grows past this. */
const pauseMsMax = 30_000
/** A link that lived so long has ended the row of failures. */
const stableMs = 5_000

type State =
  | { readonly is: 'closed' }
  | { readonly is: 'waiting'; readonly timer: Timer }
  | { readonly is: 'dialling'; readonly abort: AbortController }
  | { readonly is: 'linked'; readonly leaf: DialledLeaf; openedMs: number }

export class Remote implements DialledOwner {
  readonly #parts: RemoteParts
  readonly #configured: readonly Address[]
  #addresses: readonly Address[]
  /** Place of the next address in the round. */
  #next = 0
  #state: State = { is: 'closed' }
  #isStopped = true
  /** Failed dials since the last link. */
  #attempts = 0
  /** Rounds without a link that lasted. */
  #rounds = 0
  #hasLinked = false

  constructor(parts: RemoteParts) {
    this.#parts = parts
    this.#configured = parts.options.urls.map(readUrl)
    this.#addresses = this.#configured
  }

  get options(): RemoteOptions {
    return this.#parts.options
  }

  /** Is it configured in this way? */
  isAs(options: RemoteOptions): boolean {
    return isDeepStrictEqual(this.#parts.options, options)
  }

  start(): void {
    if (!this.#isStopped || this.#parts.options.disabled) return
    this.#isStopped = false
    if (!this.#parts.options.no_randomize) {
      this.#addresses = shuffled(this.#configured, this.#parts.random)
    }
    if (this.#addresses.length > 0) this.#dial()
  }

  close(reason = 'Server Shutdown'): void {
    this.#isStopped = true
    const state = this.#state
    this.#state = { is: 'closed' }
    if (state.is === 'waiting') state.timer.cancel()
    else if (state.is === 'dialling') state.abort.abort()
    else if (state.is === 'linked') state.leaf.close(reason)
  }

  /** The link of the moment, or null. */
  get leaf(): DialledLeaf | null {
    return this.#state.is === 'linked' ? this.#state.leaf : null
  }

  // --- what the link says ---

  mayOpen(leaf: DialledLeaf): 'yes' | 'loop' | 'full' {
    return this.#parts.mayOpen(leaf)
  }

  opened(leaf: DialledLeaf): void {
    if (this.#state.is === 'linked') this.#state.openedMs = this.#parts.context.clock.monotonicMs()
    this.#hasLinked = true
    this.#attempts = 0
    this.#parts.changed(leaf, true)
  }

  /** The hub's list replaces what earlier INFOs told; the configured urls always stay. */
  informed(_: DialledLeaf, info: HubInfo): void {
    if (this.#parts.options.ignore_discovered_servers) return
    const told: Address[] = []
    const isWebSocket = this.#configured.some(one => one.isWebSocket)
    const urls = isWebSocket ? info.webSocketUrls : info.leafUrls
    for (const text of urls.slice(0, addressesMax)) {
      const url = isWebSocket && !text.includes('://') ? `${this.#webSocketScheme}://${text}` : text
      if (!isRemoteUrl(url) || isWebSocketUrl(url) !== isWebSocket) continue
      const address = readUrl(url)
      if (!this.#configured.some(known => isSame(known, address))) told.push(address)
    }
    const current = this.#addresses[this.#next]
    this.#addresses = [...this.#configured, ...told]
    this.#next = Math.max(0, current ? this.#addresses.findIndex(a => isSame(a, current)) : 0)
  }

  closed(leaf: DialledLeaf, _reason: string, delayMs: number): void {
    this.#parts.changed(leaf, false)
    if (this.#isStopped || this.#state.is !== 'linked') return
    const { openedMs } = this.#state
    const nowMs = this.#parts.context.clock.monotonicMs()
    this.#rounds = openedMs > 0 && nowMs - openedMs >= stableMs ? 0 : this.#rounds + 1
    this.#next++
    this.#wait(Math.max(delayMs, this.#pauseMs()))
  }

  // --- dialling ---

  #wait(ms: number): void {
    const timer = this.#parts.context.clock.after(ms, () => this.#dial())
    this.#state = { is: 'waiting', timer }
  }

  /** `reconnect`, doubled with every round, up to the limit; half of it is chance. */
  #pauseMs(): number {
    const { reconnectMs, random } = this.#parts
    const fullMs = Math.min(pauseMsMax, reconnectMs * 2 ** Math.min(this.#rounds, 16))
    return fullMs / 2 + (fullMs / 2) * random() + Math.min(reconnectMs, fullMs) / 2
  }

  #dial(): void {
    const address = this.#addresses[this.#next % this.#addresses.length] as Address
    this.#next %= this.#addresses.length
    const { context, options } = this.#parts
    const { log } = context
    const where = hostPort(address)
    const { dialMs } = this.#parts
    if (log.debugOn) log.debug(`Trying to connect as leafnode to remote server on "${where}"`)
    const login = this.#loginFor(address)
    if (typeof login === 'string') return this.#failed(address, login)
    const abort = new AbortController()
    this.#state = { is: 'dialling', abort }
    const times = {
      connectMsMax: options.dial_timeout ?? dialMs,
      firstInfoMsMax: options.first_info_timeout,
    }
    dial(this.#targetFor(address), times, context.clock, abort.signal).then(result => {
      if (abort.signal.aborted) {
        if (result.is === 'connected') result.socket.destroy()
        return
      }
      if (result.is === 'failed') return this.#failed(address, result.error)
      if (result.isGone) return this.#failed(address, 'EOF')
      const { socket, info } = result
      const leaf = new DialledLeaf(
        context,
        this.#optionsFor(login),
        this,
        socket,
        this.#parts.nextId(),
        info,
      )
      this.#state = { is: 'linked', leaf, openedMs: 0 }
      leaf.start()
    })
  }

  #optionsFor(login: LeafLogin): DialledOptions {
    const { context, options, identity, loopSubject, isolate, writes } = this.#parts
    return {
      account: context.account(options.account),
      isHub: options.hub,
      denyImports: options.deny_imports,
      denyExports: options.deny_exports,
      isolate: isolate || options.isolate_leafnode_interest,
      requestIsolation: options.request_isolation,
      login,
      identity,
      loopSubject,
      writes,
    }
  }

  /** The next url at once, a pause after each round of all of them. */
  #failed(address: Address, error: string): void {
    this.#attempts++
    const { reports, context } = this.#parts
    const every = this.#hasLinked ? reports.reconnectErrors : reports.connectErrors
    const text =
      `Error trying to connect as leafnode to remote server "${hostPort(address)}" ` +
      `(attempt ${this.#attempts}): ${error}`
    if (this.#attempts === 1 || this.#attempts % every === 0) context.log.error(text)
    else context.log.debug(text)
    this.#next++
    if (this.#next < this.#addresses.length) return this.#dial()
    this.#next = 0
    this.#wait(this.#pauseMs())
    this.#rounds++
  }

  #targetFor({ host, port, isTls, isWebSocket, path }: Address): Target {
    const { tls, ws_compression, ws_no_masking, proxy } = this.#parts.options
    // A bare address that INFO told is checked against the name that was configured.
    const named = isIP(host) === 0 ? host : this.#configured.find(a => isIP(a.host) === 0)?.host
    const webSocket = {
      path,
      compression: ws_compression,
      noMasking: ws_no_masking,
      proxy: proxy && readProxy(proxy),
    }
    return {
      host,
      port,
      tlsName: named ?? host,
      tls: tls ?? (isTls ? tlsDefaults : null),
      webSocket: isWebSocket ? webSocket : null,
    }
  }

  get #webSocketScheme(): 'ws' | 'wss' {
    return this.#configured.some(one => one.isTls) ? 'wss' : 'ws'
  }

  /** Read anew for every dial: credentials are replaced while we run. */
  #loginFor(address: Address): LeafLogin | string {
    const { credentials, nkey } = this.#parts.options
    const known =
      address.user !== '' ? address : (this.#configured.find(a => a.user !== '') ?? address)
    try {
      return {
        user: known.user,
        password: known.password,
        creds: credentials === null ? null : readFileSync(credentials, 'utf8'),
        seed: nkey === null ? null : existsSync(nkey) ? readFileSync(nkey, 'utf8') : nkey,
      }
    } catch (error) {
      return (error as Error).message
    }
  }
}

/** Of the addresses an INFO may bring. */
const addressesMax = 64

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const copy = [...list]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const held = copy[i] as T
    copy[i] = copy[j] as T
    copy[j] = held
  }
  return copy
}
