// The broker itself: its accounts, its clients, its client listener. The rooms of edge/ join it
// through its accounts; monitoring and the leaf nodes read its fields.

import type { Socket } from 'node:net'
import { Account, globalAccountName, noLimits, systemAccountName } from '../account/account.ts'
import {
  type Authorization,
  authenticate,
  type CalloutCheck,
  type Credentials,
  isAuthRequired,
  type Peer,
  type Verdict,
} from '../account/authenticate.ts'
import { Hashes } from '../account/hashes.ts'
import { createNKey } from '../account/nkey.ts'
import { addTraffic } from '../account/totals.ts'
import { noRules } from '../account/sharing.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { Sharing } from '../broker/sharing.ts'
import type { Turn } from '../base/turn.ts'
import { Client } from '../link/client.ts'
import { ClosedClients } from '../link/closed.ts'
import type { LinkContext, LinkLimits } from '../link/context.ts'
import { infoLine, newNonce, type ServerInfo } from '../link/handshake.ts'
import { type Address, Listener, renewedOptions, secureOptions } from '../link/listener.ts'
import { BlockPool } from '../link/outbox.ts'
import { Pressure } from '../link/pressure.ts'
import { newResident } from '../link/resident.ts'
import { type ClientSocket, LinkSocket, type SocketPast } from '../link/socket.ts'
import { demandsCertificate, type SecureOptions } from '../link/tls-files.ts'
import type { AccountChange } from '../operator/accounts.ts'
import type { Operator } from '../operator/operator.ts'
import type { LoggedIn } from '../operator/recheck.ts'
import { sharingHost } from './asker.ts'
import { authorizationOf } from './authorization.ts'
import { ClientDoor, isClearAllowed, sayHow } from './client-door.ts'
import { closeExcess } from './connection-limit.ts'
import { operatorSettings } from './operator-rules.ts'
import { accountLimitsOf, limitsOf } from './limits.ts'
import type { ServerOptions } from './options.ts'
import { apiLevel, protocolVersion } from './version.ts'

export interface ServerParts {
  readonly options: ServerOptions
  readonly log: Log
  readonly clock: Clock
  readonly turn: Turn
  /** Present when JetStream is on: INFO says so. */
  readonly jetstream?: { readonly domain: string | null }
}

/** How clients come here, as INFO tells them. */
export interface Way {
  readonly address: Address
  readonly authorization: Authorization
  /** A client without credentials is somebody: INFO does not ask for them. */
  readonly isOpen?: boolean
  readonly tls: { readonly verify: boolean; readonly verify_and_map?: boolean } | null
  /** host:port for clients that come again; null: where they came from. */
  readonly advertise: string | null
  /** TLS was there before INFO, or need not come. */
  readonly isSecured?: boolean
  /** In WebSocket frames: other servers are told with the addresses for that. */
  readonly isWebSocket?: boolean
  /** It may start TLS, or not. */
  readonly isTlsOptional?: boolean
}

/** Totals of connections that are gone; live ones count in their own fields. */
export interface Totals {
  inMsgs: number
  inBytes: number
  outMsgs: number
  outBytes: number
  connections: number
  slowConsumers: number
  staleConnections: number
  /** Times that clients were made to wait for others. */
  stalls: number
}

/** Somebody who must know of clients that come and go: the system account's events. */
export interface ServerObserver {
  /** It has logged in; again at every CONNECT. */
  opened(client: Client): void
  /** Its credentials were not good enough; `closed` follows. */
  refused(client: Client, reason: string): void
  /** There is an account that was not there before. */
  accountMade(account: Account): void
  /** We stop accepting clients. */
  lameDuck(): void
  closed(client: Client, reason: string): void
}

/** The cluster we are in, as clients and leaf nodes hear of it. */
export interface Cluster {
  readonly name: string
  /** Where clients can go, our own address first. */
  readonly urls: readonly string[]
  readonly webSocketUrls: readonly string[]
}

export class Server {
  readonly id: string
  /** It signs what it asks an auth callout service. */
  readonly key = createNKey('server')
  readonly name: string
  readonly version = protocolVersion
  readonly accounts = new Map<string, Account>()
  readonly clients = new Map<number, Client>()
  readonly closed: ClosedClients
  readonly pressure: Pressure
  readonly pool = new BlockPool()
  readonly totals: Totals = {
    inMsgs: 0,
    inBytes: 0,
    outMsgs: 0,
    outBytes: 0,
    connections: 0,
    slowConsumers: 0,
    staleConnections: 0,
    stalls: 0,
  }
  readonly startedWallMs: number
  readonly startedMonotonicMs: number
  readonly log: Log
  readonly clock: Clock
  readonly turn: Turn
  options: ServerOptions
  authorization: Authorization
  /** Where clients connect; the port is real once started. */
  address: Address
  /** Other listeners for clients: they stop accepting together with ours. */
  readonly listeners = new Set<{ close(): void }>()
  readonly observers = new Set<ServerObserver>()
  /** null: we are in none. */
  cluster: Cluster | null = null
  /** Who is logged in; other rooms add their own kinds of connections. */
  readonly logins = new Set<() => Iterable<LoggedIn>>([() => this.clients.values()])
  /** Told when the JWT of an account counts that did not before. */
  readonly claimsWatchers = new Set<(change: AccountChange) => void>()
  /** In operator mode, once it is there. */
  operator: Operator | null = null
  /** Computes the bcrypt hashes of passwords. */
  readonly hashes: Hashes
  /** In no list and in no account; see link/resident.ts. */
  readonly resident: Client
  /** What accounts import from each other. */
  readonly sharing: Sharing
  readonly #parts: ServerParts
  readonly #listener: Listener
  readonly #door: ClientDoor
  readonly #context: LinkContext
  #limits: LinkLimits
  #tls: SecureOptions | null = null
  #callout: CalloutCheck | undefined
  #xkey = ''
  #lastId = 4
  #hasShared = false
  #isLameDuck = false
  #isClosed = false

  constructor(parts: ServerParts) {
    this.#parts = parts
    this.options = parts.options
    this.log = parts.log
    this.clock = parts.clock
    this.turn = parts.turn
    this.id = this.key.publicKey
    this.name = parts.options.server_name ?? this.id
    this.startedWallMs = parts.clock.wallMs()
    this.startedMonotonicMs = parts.clock.monotonicMs()
    this.hashes = new Hashes(parts.clock)
    this.authorization = authorizationOf(parts.options, this.hashes)
    this.pressure = new Pressure(parts.clock)
    this.pressure.isOff = parts.options.no_fast_producer_stall
    this.closed = new ClosedClients(parts.options.max_closed_clients)
    const { host, port, listen } = parts.options
    this.address = { host: listen?.host ?? host, port: listen?.port ?? port }
    this.sharing = new Sharing(sharingHost(this))
    this.account(globalAccountName)
    this.#configureAccounts()
    this.#listener = new Listener(socket => this.#accept(socket))
    this.#limits = limitsOf(parts.options)
    this.#context = this.#newContext()
    this.resident = newResident(this.#context)
    this.#door = this.#newDoor()
  }

  /** The account of that name, made when it does not exist yet. */
  account(name: string): Account {
    let account = this.accounts.get(name)
    if (!account) {
      account = new Account(name)
      this.accounts.set(name, account)
      for (const observer of this.observers) observer.accountMade(account)
    }
    return account
  }

  /** null: the config wants none. */
  get systemAccount(): Account | null {
    const { system_account: name, no_system_account: isUnwanted } = this.options
    return isUnwanted && name === systemAccountName ? null : this.account(name)
  }

  /** Makes the accounts of the config and gives all their limits. */
  #configureAccounts(): void {
    const { accounts } = this.options
    if (this.systemAccount !== null) this.systemAccount.isSystem = true
    for (const name of accounts?.keys() ?? []) this.account(name)
    for (const [name, account] of this.accounts) {
      if (this.operator?.accounts.get(name)) continue
      const options = accounts?.get(name)
      account.limits = options ? accountLimitsOf(options.limits) : noLimits
      account.streamLimits = options?.jetstream ? new Map([['', options.jetstream]]) : null
    }
    this.#share()
  }

  /** The config was checked: nothing can be wrong with it. JWTs share for themselves. */
  #share(): void {
    const { accounts, mappings } = this.options
    // Those with JWTs share, too, and all of it goes together.
    if (this.operator !== null) return
    if (mappings.length === 0 && !accounts && !this.#hasShared) return
    this.#hasShared = true
    const global = { ...noRules, mappings }
    this.sharing.apply(new Map([[globalAccountName, global], ...(accounts ?? [])]))
  }

  /** The next connection id; clients, leaf nodes and MQTT clients share the count. */
  nextId(): number {
    return ++this.#lastId
  }

  /** Shared with the other kinds of links. */
  get links(): LinkContext {
    return this.#context
  }

  /** Listens for clients. Rejects when the port is taken or a certificate is not readable. */
  async start(): Promise<void> {
    const { tls } = this.options
    if (tls !== null) this.#tls = secureOptions(tls)
    const { host, port } = this.address
    this.address = await this.#listener.start(host, port)
    this.log.info(`Listening for client connections on ${host}:${this.address.port}`)
    sayHow(this.options, this.log)
  }

  /** Takes over reloaded options; users that are gone or changed are cut off. */
  reload(options: ServerOptions): void {
    this.options = options
    this.pressure.isOff = options.no_fast_producer_stall
    this.#tls = renewedOptions(options.tls, this.#tls, this.log)
    this.#limits = limitsOf(options)
    this.#authorize()
    this.#configureAccounts()
    const claims = operatorSettings(options)
    if (claims !== null) this.operator?.reload(claims)
    for (const client of [...this.clients.values()]) client.recheck()
    closeExcess(this.clients, this.#limits.connectionsMax, this.log)
  }

  /** From now on users bring JWTs. */
  useOperator(operator: Operator): void {
    this.operator = operator
    this.#authorize()
  }

  /** From now on a service decides; `xkey` is our key for what is sealed, '' = none. */
  useCallout(callout: CalloutCheck, xkey: string): void {
    this.#callout = callout
    this.#xkey = xkey
    this.#authorize()
  }

  #authorize(): void {
    const { options, hashes, operator } = this
    this.authorization = authorizationOf(options, hashes, operator?.login, this.#callout)
  }

  /** Stops accepting and tells the clients; closing them is the caller's, over time. */
  enterLameDuck(): void {
    this.#isLameDuck = true
    this.#closeListeners()
    this.#tell(observer => observer.lameDuck())
    for (const client of this.clients.values()) client.sendInfo()
  }

  /** An INFO for clients that understand one in between: other servers came or went. */
  informClients(): void {
    for (const client of this.clients.values()) client.sendInfo()
  }

  /** Stops accepting, flushes and closes every client. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#closeListeners()
    this.#door.close()
    for (const client of [...this.clients.values()]) client.close('Server Shutdown')
    this.sharing.close()
    this.hashes.close()
  }

  /** A client that another listener accepted. */
  adopt(socket: ClientSocket, context: LinkContext): void {
    this.totals.connections++
    this.#start(new Client(context, socket, this.nextId()), null)
  }

  #closeListeners(): void {
    this.#listener.close()
    for (const listener of this.listeners) listener.close()
  }

  #accept(socket: Socket): void {
    this.totals.connections++
    const id = this.nextId()
    const { tls } = this.options
    if (tls === null) return this.#adopt(socket, id, null)
    // Turned on by a reload, with files that went bad since they were verified: never in clear.
    if (this.#tls === null) return void socket.destroy()
    this.#door.accept(socket, id, this.options, this.#tls)
  }

  #newDoor(): ClientDoor {
    const { log, clock, closed } = this
    return new ClientDoor({
      log,
      clock,
      closed,
      roomLeft: () => this.#limits.connectionsMax - this.clients.size,
      greeting: (id, host) => {
        const nonce = this.authorization.hasNkeys ? newNonce() : ''
        const { payloadBytesMax } = this.#limits
        return { nonce, line: this.#context.infoLine({ id, host, nonce, payloadBytesMax }, null) }
      },
      adopt: (socket, id, nonce, past) => this.#adopt(socket, id, nonce, past),
    })
  }

  #adopt(socket: Socket, id: number, greetedWith: string | null, past: SocketPast = {}): void {
    this.#start(new Client(this.#context, new LinkSocket(socket, past), id), greetedWith)
  }

  #start(client: Client, greetedWith: string | null): void {
    this.clients.set(client.id, client)
    client.start(greetedWith)
  }

  /** What INFO says, without what is the connection's own. */
  info(way: Way): ServerInfo {
    const { options } = this
    const { address, authorization, isOpen, tls, isSecured, isTlsOptional } = way
    return {
      server_id: this.id,
      server_name: this.name,
      version: this.version,
      proto: 1,
      go: `node${process.versions.node}`,
      host: address.host,
      port: address.port,
      headers: !options.no_header_support,
      ...(isAuthRequired(authorization) && !isOpen ? { auth_required: true } : {}),
      ...(tls === null || isTlsOptional ? {} : { tls_required: true }),
      ...(tls && demandsCertificate(tls) ? { tls_verify: true } : {}),
      ...(isSecured ? { tls_available: true } : {}),
      max_payload: options.max_payload,
      ...(this.#parts.jetstream ? { jetstream: true } : {}),
      ...(this.#parts.jetstream?.domain ? { domain: this.#parts.jetstream.domain } : {}),
      ...clusterFields(this.cluster, way),
      ...(this.#isLameDuck ? { ldm: true } : {}),
      ...(this.#xkey === '' ? {} : { xkey: this.#xkey }),
      api_lvl: apiLevel,
    }
  }

  #way(isTlsFirst = false): Way {
    const { address, authorization, options } = this
    const { tls, client_advertise: advertise, no_auth_user } = options
    const isSecured = tls !== null && isClearAllowed(options)
    const isTlsOptional = isSecured && !isTlsFirst
    const isOpen = no_auth_user !== null
    return { address, authorization, isOpen, tls, advertise, isSecured, isTlsOptional }
  }

  #newContext(): LinkContext {
    const server = this
    return {
      get limits() {
        return server.#limits
      },
      log: this.log,
      clock: this.clock,
      turn: this.turn,
      pool: this.pool,
      pressure: this.pressure,
      get authorization() {
        return server.authorization
      },
      clients: this.clients,
      infoLine: (client, account) =>
        infoLine(this.info(this.#way(client.secured?.isFirst)), client, account),
      authenticate: (credentials, peer) => this.authenticate(credentials, globalAccountName, peer),
      account: name => this.account(name),
      opened: client => this.#tell(observer => observer.opened(client)),
      refused: (client, reason) => this.#tell(observer => observer.refused(client, reason)),
      closed: (client, reason) => this.#forget(client, reason),
      slowConsumer: client => {
        this.totals.slowConsumers++
        if (client.account) client.account.totals.slowConsumers++
        this.log.info(`${client.label} - Slow Consumer Detected`)
      },
    }
  }

  /**
   * Who a connection is; `account` is whose it is when no user stands for it, `own` what its way
   * to connect says instead of the server's authorization.
   */
  authenticate(
    credentials: Credentials,
    account: string,
    peer: Peer,
    own: Partial<Authorization> | null = null,
  ): Verdict {
    const { authorization } = this
    const rules = own === null ? authorization : { ...authorization, ...own }
    const verdict = authenticate(rules, credentials, account, peer)
    if (!(verdict instanceof Promise)) return verdict
    // The users may have been reloaded meanwhile. What cannot be decided is a no: nobody waits for
    // ever, and nobody brings the server down by logging in.
    return verdict.then(
      identity =>
        authorization === this.authorization
          ? identity
          : this.authenticate(credentials, account, peer, own),
      (error: Error) => {
        this.log.error(`${peer.label ?? peer.host} - Login could not be decided: ${error.message}`)
        return null
      },
    )
  }

  #forget(client: Client, reason: string): void {
    if (!this.clients.delete(client.id)) return
    const { totals } = this
    addTraffic(totals, client)
    totals.stalls += client.stalls
    const account = this.accounts.get(client.identity?.account ?? '')
    if (account) addTraffic(account.totals, client)
    if (reason === 'Stale Connection') totals.staleConnections++
    this.closed.add(client, reason, this.clock.wallMs())
    this.#tell(observer => observer.closed(client, reason))
  }

  #tell(what: (observer: ServerObserver) => void): void {
    for (const observer of this.observers) what(observer)
  }
}

/** Of INFO; a way of its own may have an address of its own. */
function clusterFields(cluster: Cluster | null, way: Way): Partial<ServerInfo> {
  const { advertise } = way
  if (cluster === null) return advertise ? { connect_urls: [advertise] } : {}
  const urls = way.isWebSocket ? cluster.webSocketUrls : cluster.urls
  return { cluster: cluster.name, ...(urls.length === 0 ? {} : { connect_urls: urls }) }
}
