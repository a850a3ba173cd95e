// All routes of a server: who is joined, whom we dial, and what monitoring shows of them
// (reference 4.3).
//
// One route to each server. Two that dialled each other may both see the other's as the second and
// close it; then both dial again, after a pause with chance in it.

import type { Socket } from 'node:net'
import type { Account } from '../../account/account.ts'
import type { WireError } from '../../wire/errors.ts'
import { LinkSocket } from '../socket.ts'
import type { RoutePermissions } from './border.ts'
import type { RouteTls } from './dial.ts'
import {
  connectLine,
  gossipLine,
  type PeerConnect,
  type PeerInfo,
  type RouteIdentity,
} from './handshake.ts'
import { ClusterInterest, type Wanted } from './interest.ts'
import { RouteRemote } from './remote.ts'
import type { Dialling, PeerLogin, RouteContext, RouteHouse } from './house.ts'
import { Route } from './route.ts'
import { hostPort, isSamePlace, readRouteUrl, type RouteUrl } from './url.ts'

/** Servers that have not said who they are yet; more are turned away. */
const handshakesMax = 256
/** Servers of one cluster. */
const routesMax = 1024
/** Servers that others told us of and that we still try to reach. */
const impliedMax = 256

export interface RoutesParts {
  readonly links: RouteContext
  readonly identity: RouteIdentity
  readonly handshakeMsMax: () => number
  readonly pingIntervalMs: () => number
  readonly pingsUnansweredMax: () => number
  readonly writeDeadlineMs: () => number | null
  readonly permissions: () => RoutePermissions
  /** How often a server that others told of is dialled again. */
  readonly connectRetries: () => number
  readonly backsOff: () => boolean
  readonly reports: { readonly connectErrors: number; readonly reconnectErrors: number }
  readonly login: () => PeerLogin | null
  readonly tls: () => RouteTls | null
  readonly accounts: ReadonlyMap<string, Account>
  nextId(): number
  infoLine(): string
  /** Is the password right? */
  isKnown(connect: PeerConnect, isWaiting: () => boolean): boolean | Promise<boolean>
  hasStore(account: string): boolean
  /** The name we made up gives way to theirs. */
  takeCluster(name: string, isDynamic: boolean): void
  /** Addresses of other servers came or went. */
  urlsChanged(): void
}

export interface RouteTotals {
  inMsgs: number
  inBytes: number
  outMsgs: number
  outBytes: number
  slowConsumers: number
  staleConnections: number
}

export class Routes implements RouteHouse {
  /** Every server we have a route to, by its id. */
  readonly joined = new Map<string, Route>()
  /** Of routes that are gone; live ones count in their own fields. */
  readonly totals: RouteTotals = {
    inMsgs: 0,
    inBytes: 0,
    outMsgs: 0,
    outBytes: 0,
    slowConsumers: 0,
    staleConnections: 0,
  }
  readonly #parts: RoutesParts
  readonly #coming = new Set<Route>()
  readonly #interest: ClusterInterest
  #remotes: RouteRemote[] = []
  #isStarted = false
  #isClosed = false

  constructor(parts: RoutesParts) {
    this.#parts = parts
    this.#interest = new ClusterInterest({
      wanted: wanted => this.#tell(wanted, true),
      unwanted: wanted => this.#tell(wanted, false),
    })
  }

  /** Takes part in what the accounts want, and dials; an unreachable server delays nothing. */
  start(urls: readonly string[]): void {
    this.#isStarted = true
    for (const account of this.#parts.accounts.values()) this.#interest.watch(account)
    this.reload(urls)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const remote of this.#remotes) remote.close('Server Shutdown')
    for (const route of [...this.#coming, ...this.joined.values()]) route.close('Server Shutdown')
    this.#interest.close()
  }

  /** Urls that are new are dialled; the routes of those that are gone are closed. */
  reload(urls: readonly string[]): void {
    if (!this.#isStarted) return
    const wanted = urls.map(readRouteUrl).filter(url => url !== null)
    const isWanted = (remote: RouteRemote) => wanted.some(url => isSamePlace(url, remote.url))
    for (const remote of [...this.#remotes]) {
      if (!remote.isConfigured || isWanted(remote)) continue
      this.#remotes = this.#remotes.filter(other => other !== remote)
      remote.close('Route Removed')
    }
    for (const url of wanted) {
      const isThere = this.#remotes.some(r => r.isConfigured && isSamePlace(url, r.url))
      if (!isThere) this.#dial(url, true)
    }
  }

  /** Our INFO changed: permissions, the cluster's name, lame-duck mode. */
  renew(): void {
    const line = this.infoLine()
    for (const route of this.joined.values()) {
      route.send(line)
      if (route.peer !== null) route.renew(route.peer)
    }
  }

  enterLameDuck(): void {
    const line = this.infoLine()
    for (const route of this.joined.values()) route.send(line)
  }

  accountMade(account: Account): void {
    if (!this.#isStarted || this.#isClosed) return
    for (const route of this.joined.values()) route.accountMade(account)
    this.#interest.watch(account)
  }

  /** A connection that the listener accepted. */
  accept(socket: Socket, id: number): void {
    if (!this.hasRoom()) return void socket.destroy()
    const route = new Route(this.#parts.links, this, new LinkSocket(socket), id, null)
    this.#coming.add(route)
    route.start()
  }

  hasRoom(): boolean {
    const { size } = this.joined
    return !this.#isClosed && this.#coming.size < handshakesMax && size < routesMax
  }

  /** Addresses of the other servers for clients. */
  urls(of: 'urls' | 'webSocketUrls'): readonly string[] {
    const found = new Set<string>()
    for (const { peer } of this.joined.values()) {
      if (peer === null || peer.isLameDuck) continue
      for (const url of peer[of]) if (found.size < urlsMax) found.add(url)
    }
    return [...found]
  }

  /** By id, as /routez shows them. */
  view(): readonly Route[] {
    return [...this.joined.values()].sort((a, b) => a.id - b.id)
  }

  // --- as the house of its routes ---

  get handshakeMsMax(): number {
    return this.#parts.handshakeMsMax()
  }

  get pingIntervalMs(): number {
    return this.#parts.pingIntervalMs()
  }

  get pingsUnansweredMax(): number {
    return this.#parts.pingsUnansweredMax()
  }

  get writeDeadlineMs(): number | null {
    return this.#parts.writeDeadlineMs()
  }

  get permissions(): RoutePermissions {
    return this.#parts.permissions()
  }

  connectLine(login: PeerLogin | null): string {
    return connectLine(this.#parts.identity, login, this.#parts.tls() !== null)
  }

  infoLine(): string {
    return this.#parts.infoLine()
  }

  isKnown(connect: PeerConnect, isWaiting: () => boolean): boolean | Promise<boolean> {
    return this.#parts.isKnown(connect, isWaiting)
  }

  refusal({ lang, gateway, cluster, isDynamic }: PeerConnect): WireError | null {
    if (lang !== '') return fatal('attempted to connect to route port', 'Incorrect Port')
    if (gateway !== '') {
      const name = JSON.stringify(gateway)
      return fatal(`Rejecting connection from gateway ${name} on the Route port`, 'Wrong Gateway')
    }
    return this.#isOurCluster(cluster, isDynamic, '') ? null : this.#strange(cluster)
  }

  register(route: Route, info: PeerInfo): boolean {
    const { identity, links } = this.#parts
    const { log } = links
    route.peer = info
    if (info.id === identity.id) return this.#reject(route, 'Duplicate Route')
    const isOurs = info.cluster === '' || this.#isOurCluster(info.cluster, info.isDynamic, info.id)
    if (!isOurs) {
      log.error(`${route.label} - ${this.#strange(info.cluster).text}`)
      return this.#reject(route, 'Cluster Name Conflict')
    }
    if (!route.didSolicit && info.name === identity.name) {
      log.error(`${route.label} - Remote server has a duplicate name: ${JSON.stringify(info.name)}`)
      return this.#reject(route, 'Duplicate Server Name')
    }
    const known = this.joined.get(info.id)
    if (known !== undefined) {
      if (log.debugOn) log.debug(`${route.label} - Detected duplicate remote route "${info.id}"`)
      known.isConfigured ||= route.isConfigured
      return this.#reject(route, 'Duplicate Route')
    }
    if (this.joined.size >= routesMax) return this.#reject(route, 'Maximum Connections Exceeded')
    if (log.debugOn) log.debug(`${route.label} - Registering remote route "${info.id}"`)
    this.#coming.delete(route)
    this.joined.set(info.id, route)
    this.#gossip(route, info)
    if (info.urls.length > 0 || info.webSocketUrls.length > 0) this.#parts.urlsChanged()
    return true
  }

  informed(route: Route, info: PeerInfo): void {
    const before = route.peer
    if (before === null) return
    if (info.id !== before.id) return this.#heardOf(info)
    if (info.isLameDuck) route.peer = { ...before, isLameDuck: true }
    else if (sameRules(before, info)) route.peer = info
    else route.renew(info)
    const after = route.peer ?? before
    const [old, now] = [before, after].map(p => [p.isLameDuck, p.urls, p.webSocketUrls])
    if (JSON.stringify(old) !== JSON.stringify(now)) this.#parts.urlsChanged()
  }

  closed(route: Route, reason: string): void {
    this.#coming.delete(route)
    const { peer } = route
    const wasJoined = peer !== null && this.joined.get(peer.id) === route
    if (wasJoined) {
      this.joined.delete(peer.id)
      addTotals(this.totals, route, reason)
      if (peer.urls.length > 0 || peer.webSocketUrls.length > 0) this.#parts.urlsChanged()
    }
    if (this.#isClosed) return
    const { id } = this.#parts.identity
    const isDialled = [...this.#remotes].filter(remote => remote.routeClosed(route, id)).length > 0
    // It may not know that the route is gone, or wait for us to come.
    if (wasJoined && !isDialled && !peer.isLameDuck && reason !== 'Cluster Name Conflict') {
      this.#dialBack(route, peer)
    }
  }

  account(name: string): Account | null {
    return this.#parts.accounts.get(name) ?? null
  }

  hasStore(account: string): boolean {
    return this.#parts.hasStore(account)
  }

  wanted(): Iterator<Wanted> {
    return this.#interest.all()
  }

  // --- dialling ---

  #dial(url: RouteUrl, isConfigured: boolean): void {
    const { links, login, tls, reports, connectRetries, backsOff, nextId } = this.#parts
    const remote = new RouteRemote({
      url,
      isConfigured,
      triesMax: connectRetries(),
      backsOff: backsOff(),
      log: links.log,
      clock: links.clock,
      login,
      tls,
      reports,
      linked: (socket: Socket, dialling: Dialling) => {
        const route = new Route(links, this, new LinkSocket(socket), nextId(), dialling)
        this.#coming.add(route)
        return route
      },
      isJoined: id => this.joined.has(id),
      ended: gone => {
        this.#remotes = this.#remotes.filter(other => other !== gone)
      },
    })
    this.#remotes.push(remote)
    remote.start()
  }

  /** A server that another one told of. */
  #heardOf(info: PeerInfo): void {
    const { identity } = this.#parts
    if (info.id === identity.id || info.ip === '' || this.joined.has(info.id)) return
    if (info.cluster !== '' && info.cluster !== identity.cluster) return
    this.#implied(readRouteUrl(info.ip))
  }

  #implied(url: RouteUrl | null): void {
    if (url === null || this.#isClosed) return
    if (this.#remotes.some(remote => isSamePlace(remote.url, url))) return
    const implied = this.#remotes.filter(remote => !remote.isConfigured)
    if (implied.length < impliedMax) this.#dial({ ...url, login: null }, false)
  }

  #dialBack(route: Route, peer: PeerInfo): void {
    this.#implied(readRouteUrl(addressOf(route, peer)))
  }

  /** Tells the others of a new one, and where it is. */
  #gossip(from: Route, info: PeerInfo): void {
    const address = addressOf(from, info)
    if (address === '') return
    const line = gossipLine(info, address)
    for (const route of this.joined.values()) if (route !== from) route.send(line)
  }

  // --- the cluster's name ---

  /** Takes their name over when ours was made up and theirs was not, or is the higher one. */
  #isOurCluster(name: string, isDynamic: boolean, remoteId: string): boolean {
    const { identity, takeCluster } = this.#parts
    if (name === identity.cluster) return true
    if (!identity.isDynamic || name === '' || /\s/.test(name)) return false
    if (isDynamic && identity.cluster >= name) return false
    takeCluster(name, isDynamic)
    for (const [id, route] of [...this.joined]) {
      if (id !== remoteId) route.close('Cluster Name Conflict')
    }
    return true
  }

  #strange(cluster: string): WireError {
    const names = `${JSON.stringify(cluster)} does not match "${this.#parts.identity.cluster}"`
    return fatal(`Rejecting connection, cluster name ${names}`, 'Cluster Name Conflict')
  }

  #reject(route: Route, reason: string): false {
    route.close(reason)
    return false
  }

  #tell(wanted: Wanted, isWanted: boolean): void {
    for (const route of this.joined.values()) route.tell(wanted, isWanted)
  }
}

/** Of addresses for clients. */
const urlsMax = 1024

function fatal(text: string, reason: string): WireError {
  return { text, closes: true, reason }
}

/** Where others dial it: what it says itself, or where it came from. */
function addressOf(route: Route, { ip, port }: PeerInfo): string {
  if (ip !== '') return ip
  return port === 0 ? '' : `nats-route://${hostPort(route.host, port)}/`
}

function sameRules(a: PeerInfo, b: PeerInfo): boolean {
  return JSON.stringify([a.imports, a.exports]) === JSON.stringify([b.imports, b.exports])
}

function addTotals(totals: RouteTotals, route: Route, reason: string): void {
  totals.inMsgs += route.inMsgs
  totals.inBytes += route.inBytes
  totals.outMsgs += route.outMsgs
  totals.outBytes += route.outBytes
  if (reason.startsWith('Slow Consumer')) totals.slowConsumers++
  if (reason === 'Stale Connection') totals.staleConnections++
}
