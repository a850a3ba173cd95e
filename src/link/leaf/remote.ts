// One hub that we dial, for ever (reference 4.8): several urls, a pause that doubles with jitter,
// longer pauses after errors that will come again.
//
//   waiting --timer--> dialling --INFO--> linked --closed--> waiting
//      ^                  |
//      +---- failed ------+          close() from anywhere: closed

import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { Timer } from '../../base/clock.ts'
import { type DialTls, dial, type Target, tlsDefaults } from './dial.ts'
import { Leaf, type LeafContext, type LeafOptions, type LeafOwner } from './leaf.ts'
import type { HubInfo, LeafIdentity, LeafLogin } from './handshake.ts'
import { LinkSocket } from '../socket.ts'

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
  readonly identity: LeafIdentity
  /** The `$LDS.…` of the account. */
  readonly loopSubject: string
  nextId(): number
  /** The link is there (true) or gone (false). */
  changed(leaf: Leaf, isThere: boolean): void
  /** Between 0 and 1. */
  random(): number
}

const defaultPort = 7422
/** The pause between two rounds of dialling never grows past this. */
const pauseMsMax = 30_000
/** nats-server's one second fails on a lost SYN: TCP itself waits that long to send another. */
const connectMsMax = 5_000
/** A link that lived so long has ended the row of failures. */
const stableMs = 5_000

type State =
  | { readonly is: 'closed' }
  | { readonly is: 'waiting'; readonly timer: Timer }
  | { readonly is: 'dialling'; readonly abort: AbortController }
  | { readonly is: 'linked'; readonly leaf: Leaf; openedMs: number }

/** A url of the list. User and password of the first that has them serve the others too. */
interface Address {
  readonly host: string
  readonly port: number
  readonly isTls: boolean
  readonly user: string
  readonly password: string | null
}

export class Remote implements LeafOwner {
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

  start(): void {
    if (!this.#isStopped) return
    this.#isStopped = false
    if (!this.#parts.options.no_randomize) {
      this.#addresses = shuffled(this.#configured, this.#parts.random)
    }
    if (this.#addresses.length > 0) this.#dial()
  }

  close(): void {
    this.#isStopped = true
    const state = this.#state
    this.#state = { is: 'closed' }
    if (state.is === 'waiting') state.timer.cancel()
    else if (state.is === 'dialling') state.abort.abort()
    else if (state.is === 'linked') state.leaf.close('Server Shutdown')
  }

  /** The link of the moment, or null. */
  get leaf(): Leaf | null {
    return this.#state.is === 'linked' ? this.#state.leaf : null
  }

  // --- what the link says ---

  opened(leaf: Leaf): void {
    if (this.#state.is === 'linked') this.#state.openedMs = this.#parts.context.clock.monotonicMs()
    this.#hasLinked = true
    this.#attempts = 0
    this.#parts.changed(leaf, true)
  }

  /** The hub's list replaces what earlier INFOs told; the configured urls always stay. */
  informed(_: Leaf, info: HubInfo): void {
    const told: Address[] = []
    for (const url of info.leafUrls.slice(0, addressesMax)) {
      if (!isRemoteUrl(url)) continue
      const address = readUrl(url)
      if (!this.#configured.some(known => isSame(known, address))) told.push(address)
    }
    const current = this.#addresses[this.#next]
    this.#addresses = [...this.#configured, ...told]
    this.#next = Math.max(0, current ? this.#addresses.findIndex(a => isSame(a, current)) : 0)
  }

  closed(leaf: Leaf, _reason: string, delayMs: number): void {
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
    if (log.debugOn) log.debug(`Trying to connect as leafnode to remote server on "${where}"`)
    const login = this.#loginFor(address)
    if (typeof login === 'string') return this.#failed(address, login)
    const abort = new AbortController()
    this.#state = { is: 'dialling', abort }
    const times = { connectMsMax, firstInfoMsMax: options.first_info_timeout }
    dial(this.#targetFor(address), times, context.clock, abort.signal).then(result => {
      if (abort.signal.aborted) {
        if (result.is === 'connected') result.socket.destroy()
        return
      }
      if (result.is === 'failed') return this.#failed(address, result.error)
      if (result.socket.destroyed) return this.#failed(address, 'EOF')
      const account = context.account(options.account)
      const { identity, loopSubject } = this.#parts
      const leafOptions: LeafOptions = {
        account,
        isHub: options.hub,
        denyImports: options.deny_imports,
        denyExports: options.deny_exports,
        login,
        identity,
        loopSubject,
      }
      const socket = new LinkSocket(result.socket)
      const leaf = new Leaf(context, leafOptions, this, socket, this.#parts.nextId(), result.info)
      this.#state = { is: 'linked', leaf, openedMs: 0 }
      leaf.start()
    })
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

  #targetFor({ host, port, isTls }: Address): Target {
    const { tls } = this.#parts.options
    // A bare address that INFO told is checked against the name that was configured.
    const named = isIP(host) === 0 ? host : this.#configured.find(a => isIP(a.host) === 0)?.host
    return { host, port, tlsName: named ?? host, tls: tls ?? (isTls ? tlsDefaults : null) }
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

function readUrl(text: string): Address {
  const url = new URL(text.includes('://') ? text : `nats-leaf://${text}`)
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? defaultPort : Number(url.port),
    isTls: url.protocol === 'tls:',
    user: decodeURIComponent(url.username),
    password: url.password === '' ? null : decodeURIComponent(url.password),
  }
}

/** Is this text a url of a hub? For the config check. */
export function isRemoteUrl(text: string): boolean {
  try {
    const url = new URL(text.includes('://') ? text : `nats-leaf://${text}`)
    // Throws for a wrong escape, as readUrl would.
    decodeURIComponent(`${url.username}:${url.password}`)
    return ['nats-leaf:', 'nats:', 'tls:'].includes(url.protocol) && url.hostname !== ''
  } catch {
    return false
  }
}

/** `host:port` of a url, without secrets. */
export function bareUrl(text: string): string {
  return isRemoteUrl(text) ? hostPort(readUrl(text)) : ''
}

function hostPort({ host, port }: { host: string; port: number }): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

function isSame(a: Address, b: Address): boolean {
  return a.host === b.host && a.port === b.port
}

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
