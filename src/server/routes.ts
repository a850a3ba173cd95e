// Brings the routes together with the server: the cluster's name, who may come in as a server of
// it, what INFO says to the others and to our clients, and the listener.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { isHash } from '../account/hashes.ts'
import { newNuid } from '../base/nuid.ts'
import { type Address, Listener, renewedOptions, secureOptions } from '../link/listener.ts'
import type { RoutePermissions } from '../link/route/border.ts'
import type { RouteTls } from '../link/route/dial.ts'
import {
  fieldsOf,
  infoLine,
  type PeerConnect,
  type RouteIdentity,
} from '../link/route/handshake.ts'
import type { PeerLogin } from '../link/route/house.ts'
import { Routes } from '../link/route/routes.ts'
import { hostPort, readRouteUrl } from '../link/route/url.ts'
import { upgrade } from '../link/tls.ts'
import type { SecureOptions } from '../link/tls-files.ts'
import type { MonitoredRoute } from '../monitor/shapes.ts'
import { type ClusterOptions, clusterAddress } from './peer-options.ts'
import type { Cluster, Server, ServerObserver } from './server.ts'

/** Routes are never asked more rarely than this. */
const pingIntervalMsMax = 30_000

export interface RouteRoomParts {
  readonly server: Server
  readonly options: ClusterOptions
  /** Where WebSocket clients connect; empty: they do not. */
  readonly webSocketUrls: () => readonly string[]
  /** Does the account keep its streams here? */
  readonly hasStore: (account: string) => boolean
}

export class RouteRoom implements Cluster, ServerObserver {
  readonly routes: Routes
  readonly #server: Server
  readonly #parts: RouteRoomParts
  readonly #listener: Listener
  readonly #identity: { -readonly [K in keyof RouteIdentity]: RouteIdentity[K] }
  #options: ClusterOptions
  #tls: SecureOptions | null
  #address: Address | null = null
  #isLameDuck = false

  constructor(parts: RouteRoomParts) {
    const { server, options } = parts
    this.#server = server
    this.#parts = parts
    this.#options = options
    this.#tls = options.tls && secureOptions({ ...options.tls, verify: true })
    this.#identity = {
      id: server.id,
      name: server.name,
      cluster: options.name ?? newNuid(),
      isDynamic: options.name === null,
    }
    this.#listener = new Listener(socket => this.#accept(socket))
    this.routes = this.#newRoutes()
  }

  /** Rejects when the port is taken. */
  async listen(): Promise<void> {
    const { host, port } = clusterAddress(this.#options) ?? { host: '0.0.0.0', port: -1 }
    this.#address = await this.#listener.start(host, port)
  }

  /** Tells of the cluster and dials: as in nats-server, once the server is ready. */
  start(): void {
    const { log } = this.#server
    const { host } = clusterAddress(this.#options) ?? { host: '0.0.0.0' }
    log.info(`Cluster name is ${this.name}`)
    if (this.#identity.isDynamic) {
      log.warn('Cluster name was dynamically generated, consider setting one')
    }
    const port = this.#address?.port ?? 0
    log.info(`Listening for route connections on ${hostPort(host, port)}`)
    this.routes.start(this.#options.routes)
  }

  close(): void {
    this.#listener.close()
    this.routes.close()
  }

  /** Takes over reloaded options. */
  reload(options: ClusterOptions): void {
    const before = this.#options
    this.#options = options
    const { tls } = options
    this.#tls = renewedOptions(tls && { ...tls, verify: true }, this.#tls, this.#server.log)
    this.routes.reload(options.routes)
    const told = ({ permissions, advertise }: ClusterOptions) =>
      JSON.stringify([permissions, advertise])
    if (told(before) !== told(options)) this.routes.renew()
    if (before.no_advertise !== options.no_advertise) this.#server.informClients()
  }

  get address(): Address | null {
    return this.#address
  }

  // --- as the cluster of the server: what clients and leaf nodes hear of it ---

  get name(): string {
    return this.#identity.cluster
  }

  /** Our own first; none of ours once we go. */
  get urls(): readonly string[] {
    if (this.#options.no_advertise) return []
    return [...(this.#isLameDuck ? [] : this.#ownUrls()), ...this.routes.urls('urls')]
  }

  get webSocketUrls(): readonly string[] {
    if (this.#options.no_advertise) return []
    const own = this.#isLameDuck ? [] : this.#parts.webSocketUrls()
    return [...own, ...this.routes.urls('webSocketUrls')]
  }

  // --- as an observer of the server ---

  opened(): void {}

  refused(): void {}

  closed(): void {}

  accountMade(account: Parameters<ServerObserver['accountMade']>[0]): void {
    this.routes.accountMade(account)
  }

  lameDuck(): void {
    this.#isLameDuck = true
    this.#listener.close()
    this.routes.enterLameDuck()
  }

  // --- for monitoring ---

  /** The rows of /routez. */
  view(): readonly MonitoredRoute[] {
    return this.routes.view().map(route => {
      const { id, remoteId, remoteName, didSolicit, isConfigured, host, port, rttMs } = route
      const { startedWallMs, lastActivityMs, pendingBytes, subscriptions, border } = route
      const { inMsgs, inBytes, outMsgs, outBytes } = route
      const { imports, exports: exported } = border.peer
      return {
        ...{ id, remoteId, remoteName, didSolicit, isConfigured, host, port, rttMs },
        ...{ startedWallMs, lastActivityMs, pendingBytes, subscriptions },
        ...{ inMsgs, inBytes, outMsgs, outBytes },
        import: imports && fieldsOf(imports),
        export: exported && fieldsOf(exported),
      }
    })
  }

  /** `import` and `export` of /routez. */
  permissionsView(): Pick<MonitoredRoute, 'import' | 'export'> | null {
    const { imports, exports: exported } = this.#permissions
    if (imports === null && exported === null) return null
    return { import: imports && fieldsOf(imports), export: exported && fieldsOf(exported) }
  }

  /** `cluster` of /varz. */
  varz(): object {
    const options = this.#options
    const { host, port } = this.#address ?? { host: '', port: 0 }
    const { tls } = options
    return {
      name: this.name,
      addr: host,
      cluster_port: port,
      auth_timeout: this.#authTimeoutMs / 1000,
      ...(options.routes.length === 0 ? {} : { urls: options.routes.map(bareUrl) }),
      ...(tls === null ? {} : { tls_timeout: tls.timeout / 1000 }),
      ...(tls === null ? {} : { tls_required: true, tls_verify: true }),
      pool_size: -1,
    }
  }

  // --- parts of the routes ---

  get #permissions(): RoutePermissions {
    const { permissions } = this.#options
    return { imports: permissions?.import ?? null, exports: permissions?.export ?? null }
  }

  get #authTimeoutMs(): number {
    return this.#options.authorization?.timeout ?? (this.#options.tls?.timeout ?? 1000) + 1000
  }

  #newRoutes(): Routes {
    const server = this.#server
    const { links } = server
    return new Routes({
      links,
      identity: this.#identity,
      handshakeMsMax: () => this.#authTimeoutMs,
      pingIntervalMs: () => {
        return Math.min(
          this.#options.ping_interval ?? server.options.ping_interval,
          pingIntervalMsMax,
        )
      },
      pingsUnansweredMax: () => this.#options.ping_max ?? server.options.ping_max,
      writeDeadlineMs: () => {
        const { write_timeout, write_deadline } = this.#options
        return write_timeout === 'close' ? (write_deadline ?? server.options.write_deadline) : null
      },
      permissions: () => this.#permissions,
      connectRetries: () => this.#options.connect_retries,
      backsOff: () => this.#options.connect_backoff,
      reports: {
        get connectErrors() {
          return server.options.connect_error_reports
        },
        get reconnectErrors() {
          return server.options.reconnect_error_reports
        },
      },
      login: () => this.#login(),
      tls: () => this.#dialTls(),
      accounts: server.accounts,
      nextId: () => server.nextId(),
      infoLine: () => this.#infoLine(),
      isKnown: (connect, isWaiting) => this.#isKnown(connect, isWaiting),
      hasStore: this.#parts.hasStore,
      takeCluster: (name, isDynamic) => this.#takeCluster(name, isDynamic),
      urlsChanged: () => {
        if (!this.#options.no_advertise) server.informClients()
      },
    })
  }

  #login(): PeerLogin | null {
    const { user = null, password = null } = this.#options.authorization ?? {}
    return user === null || user === '' ? null : { user, password: password ?? '' }
  }

  #dialTls(): RouteTls | null {
    const { tls, routes } = this.#options
    if (tls === null) return null
    const named = routes.map(url => readRouteUrl(url)?.host ?? '').find(host => isIP(host) === 0)
    return { options: this.#tls, timeoutMs: tls.timeout, name: named ?? '' }
  }

  #isKnown(connect: PeerConnect, isWaiting: () => boolean): boolean | Promise<boolean> {
    const login = this.#login()
    if (login === null) return true
    if (!isEqual(connect.user, login.user)) return false
    const { password } = login
    if (!isHash(password)) return isEqual(connect.password, password)
    return this.#server.hashes.check(password, connect.password, isWaiting)
  }

  #takeCluster(name: string, isDynamic: boolean): void {
    this.#server.log.info(`Cluster name is ${name}`)
    this.#identity.cluster = name
    this.#identity.isDynamic = isDynamic
    this.#server.informClients()
  }

  #infoLine(): string {
    const { tls, advertise, authorization } = this.#options
    const server = this.#server
    const address = this.#told()
    const way = { address, authorization: server.authorization, tls: null, advertise: null }
    const { jetstream, domain, auth_required, ws_connect_urls, api_lvl, ...info } = server.info(way)
    return infoLine({
      server: {
        ...info,
        ...(authorization?.user ? { auth_required: true } : {}),
        ...(tls === null ? {} : { tls_required: true, tls_verify: true }),
      },
      identity: this.#identity,
      urls: this.#options.no_advertise ? [] : this.#ownUrls(),
      webSocketUrls: this.#options.no_advertise ? [] : this.#parts.webSocketUrls(),
      ip: advertise === null ? '' : `nats-route://${hostPort(address.host, address.port)}/`,
      imports: this.#permissions.imports,
      exports: this.#permissions.exports,
      isLameDuck: this.#isLameDuck,
    })
  }

  /** Where others dial us. */
  #told(): Address {
    const address = this.#address ?? clusterAddress(this.#options) ?? { host: '', port: 0 }
    const found = /^(.*?)(?::(\d+))?$/.exec(this.#options.advertise ?? '')
    return { host: found?.[1] || address.host, port: Number(found?.[2] ?? address.port) }
  }

  #ownUrls(): readonly string[] {
    const { address, options } = this.#server
    if (options.client_advertise !== null) return [options.client_advertise]
    return outerHosts(address.host).map(host => hostPort(host, address.port))
  }

  #accept(socket: Socket): void {
    const { tls } = this.#options
    const { log, clock } = this.#server
    if (!this.routes.hasRoom()) return void socket.destroy()
    const id = this.#server.nextId()
    if (tls === null) return this.routes.accept(socket, id)
    if (this.#tls === null) return void socket.destroy()
    const { remoteAddress, remotePort } = socket
    upgrade(socket, this.#tls, tls.timeout, clock, (secure, error) => {
      if (secure !== null) return this.routes.accept(secure, id)
      log.error(`${remoteAddress}:${remotePort} - rid:${id} - TLS route handshake error: ${error}`)
    })
  }
}

/** The addresses others reach us at, where we listen on all of them. */
export function outerHosts(host: string): readonly string[] {
  const isAny = host === '0.0.0.0' || host === '::' || host === ''
  if (!isAny) return [host]
  const found: string[] = []
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address, internal, family } of addresses ?? []) {
      const isLocal = internal || address.startsWith('fe80:')
      if (!isLocal && (family === 'IPv4' || host === '::')) found.push(address)
    }
  }
  return found.length === 0 ? [host] : found
}

function bareUrl(text: string): string {
  const url = readRouteUrl(text)
  return url === null ? '' : hostPort(url.host, url.port)
}

function isEqual(expected: string, offered: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(expected), digest(offered))
}
