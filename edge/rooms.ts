// The composition: which rooms there are, what each is given, in which order they start.
//
//   profiles → monitoring → operator, callout → store → MQTT → serial, telemetry, schedules →
//   system → leaf nodes → clients → WebSocket → hubs → routes
//
// Closing goes the other way. A room is imported only when the config asks for it: every module
// costs memory.

import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../src/base/clock.ts'
import { Closers } from '../src/base/closers.ts'
import type { Log } from '../src/base/log.ts'
import type { Turn } from '../src/base/turn.ts'
import { renewedOptions, secureOptions } from '../src/link/tls-files.ts'
import type { LeafNodes } from '../src/link/leaf/nodes.ts'
import type { WebSocketListener } from '../src/link/websocket/listener.ts'
import { jszDisabled } from '../src/monitor/jsz.ts'
import type { Monitor } from '../src/monitor/http.ts'
import type { Query } from '../src/monitor/query.ts'
import type { HealthSource } from '../src/monitor/shapes.ts'
import { leafAddress } from '../src/server/leafnode-options.ts'
import type { LeafRoom } from '../src/server/leafnodes.ts'
import type { RouteRoom } from '../src/server/routes.ts'
import type { Ports } from '../src/server/ports.ts'
import { isOperatorMode } from '../src/server/operator-rules.ts'
import { Server } from '../src/server/server.ts'
import { Trimmer, trimMemory } from '../src/server/trim.ts'
import type { System } from '../src/system/system.ts'
import { websocketAddress } from '../src/server/websocket-options.ts'
import { bannerLines } from './banner.ts'
import { newInputs } from './inputs.ts'
import { listenError } from './listen-error.ts'
import { rememberLeaf, sourcesOf, type Viewed } from './monitoring.ts'
import type { MqttGateway } from './mqtt/gateway.ts'
import { mqttAddress } from './mqtt/options.ts'
import type { StreamRefusals } from './no-streams.ts'
import { verifyOptions } from './option-faults.ts'
import { type EdgeOptions, limitsOf, namedAccounts, storedAccounts } from './options.ts'
import type { JetStream } from './store/jetstream.ts'

export interface RoomsParts {
  readonly options: EdgeOptions
  readonly log: Log
  readonly clock: Clock
  readonly turn: Turn
  readonly productVersion: string
  readonly configFile: string | null
  /** Of the config as it is now; null: there is no file. */
  configDigest(): string | null
  /** Reads the config file again; why not, or null. */
  reload(): string | null
}

export class Rooms {
  readonly server: Server
  leafs: LeafRoom | null = null
  cluster: RouteRoom | null = null
  jetstream: JetStream | null = null
  mqtt: MqttGateway | null = null
  websocket: WebSocketListener | null = null
  system: System | null = null
  readonly health: HealthSource
  /** The rooms that run, for monitoring. */
  readonly views = new Map<string, Viewed>()
  /** When the config was read last. */
  configLoadedWallMs: number
  readonly #parts: RoomsParts
  readonly #closers = new Closers()
  #monitor: Monitor | null = null
  #monitoring: Ports['monitoring'] = null
  #profile: NonNullable<Ports['profile']> | null = null
  #refusals: StreamRefusals | null = null
  #isReady = false

  constructor(parts: RoomsParts) {
    const { options, log, clock, turn } = parts
    this.#parts = parts
    this.configLoadedWallMs = clock.wallMs()
    this.health = this.#newHealth()
    const store = options.jetstream
    this.server = new Server({
      options,
      log,
      clock,
      turn,
      ...(store ? { jetstream: { domain: store.domain } } : {}),
    })
  }

  /** Rejects with the text for the log when something that was asked for cannot be had. */
  async start(begun: () => void): Promise<void> {
    const { log, productVersion, configFile, options } = this.#parts
    for (const { level, text } of bannerLines(this.server, options, productVersion, configFile)) {
      log[level](text)
    }
    begun()
    this.verify(options)
    await this.#startProfiler()
    await this.#startMonitoring()
    await this.#startOperator()
    await this.#startCallout()
    await this.#startStore()
    await this.#startMqtt()
    await this.#startInputs()
    await this.#startSystem()
    await trimMemory()
    await this.#startLeafs()
    await this.#startClients()
    await this.#startWebSocket()
    this.leafs?.nodes.start()
    await this.#openRoutes()
    // First of all: whoever listens still hears of it.
    this.#closers.add({ close: () => this.system?.close() })
    this.#startTrimmer()
    this.#isReady = true
  }

  async close(): Promise<void> {
    this.#isReady = false
    this.jetstream?.stopping()
    await this.#closers.close()
  }

  /** Throws when options cannot work: an unreadable certificate. */
  verify(options: EdgeOptions): void {
    verifyOptions(this.#parts.options, options)
    this.jetstream?.verify(limitsOf(options))
  }

  reload(options: EdgeOptions): void {
    const before = this.server.options
    this.server.reload(options)
    this.mqtt?.renewTls()
    const ofWebSocket = options.websocket?.tls ?? null
    this.websocket?.renewTls(renewedOptions(ofWebSocket, null, this.#parts.log))
    this.#monitor?.renewTls(renewedOptions(options.tls, null, this.#parts.log))
    if (options.cluster !== null) this.cluster?.reload(options.cluster)
    if (this.leafs !== null) this.leafs.reload(options.leafnodes)
    else if (this.#isReady) void this.#startLeafs().then(() => this.leafs?.nodes.start())
    // An MQTT client shows its password only once: it has to come again and show it.
    const areSame =
      isDeepStrictEqual(before.authorization, options.authorization) &&
      isDeepStrictEqual(before.accounts, options.accounts)
    if (!areSame) {
      for (const connection of [...(this.mqtt?.connections.values() ?? [])]) {
        connection.close('Credentials Revoked')
      }
    }
    this.configLoadedWallMs = this.#parts.clock.wallMs()
    this.#switchStreams(options)
    this.#refuseStreams()
  }

  /** Accounts get and lose their streams; what they have stored stays on the disk. */
  #switchStreams(options: EdgeOptions): void {
    const { jetstream, server } = this
    if (jetstream === null || server.operator !== null) return
    const stored = new Set(storedAccounts(options))
    for (const account of server.accounts.values()) {
      if (stored.has(account.name)) {
        this.#refusals?.end(account)
        jetstream.enable(account)
      } else if (jetstream.hasAccount(account.name)) jetstream.disable(account)
    }
  }

  get configDigest(): string | null {
    return this.#parts.configDigest()
  }

  /** What the ports file shows. */
  get ports(): Ports {
    const { websocket } = this.#parts.options
    const address = this.websocket?.address
    return {
      nats: this.server.address,
      monitoring: this.#monitoring,
      profile: this.#profile,
      tls: this.#parts.options.tls !== null,
      websocket: address ? { ...address, tls: websocket !== null && websocket.tls !== null } : null,
    }
  }

  #startTrimmer(): void {
    const { clock } = this.#parts
    const trimmer = new Trimmer({ clock, release: () => this.server.pool.clear() })
    trimmer.start()
    this.#closers.add(trimmer)
  }

  async #startProfiler(): Promise<void> {
    const { options, log } = this.#parts
    if (options.prof_port === 0) return
    const { Profiler, profilerHost } = await import('../src/server/profiler.ts')
    const profiler = new Profiler(options.prof_port, log)
    await profiler.start().catch((error: NodeJS.ErrnoException) => {
      const why = listenError(error, profilerHost, options.prof_port)
      throw new Error(`Can't start profiling: ${why}`)
    })
    this.#closers.add(profiler)
    this.#profile = { host: profilerHost, port: profiler.port }
  }

  async #startMonitoring(): Promise<void> {
    const { options, log, clock } = this.#parts
    const { http, https, tls } = options
    const at = https ?? http
    if (at === null) return
    const { Monitor } = await import('../src/monitor/http.ts')
    const host = at.host ?? options.host
    const { port } = at
    const monitor = new Monitor({
      host,
      port,
      basePath: options.http_base_path,
      sources: sourcesOf(this),
      endpoints: {
        '/edgez': () => this.#view(),
        '/jsz': query => this.#jsz(query),
      },
      log,
      clock,
      ...(https !== null && tls !== null ? { tls: secureOptions(tls) } : {}),
    })
    await monitor.start().catch((error: NodeJS.ErrnoException) => {
      throw new Error(`Can't start monitoring: ${listenError(error, host, port)}`)
    })
    this.#closers.add(monitor)
    this.#monitor = monitor
    this.#monitoring = { host, port: monitor.port, tls: https !== null }
  }

  async #startOperator(): Promise<void> {
    if (!isOperatorMode(this.#parts.options)) return
    const { newOperator } = await import('./operator-room.ts')
    const operator = await newOperator(this.server, this.views)
    if (operator === null) return
    this.#closers.add(operator)
    await operator.fetch(namedAccounts(this.#parts.options))
  }

  async #startCallout(): Promise<void> {
    if (!this.#parts.options.authorization?.auth_callout) return
    const { startCallout } = await import('../src/server/callout-mode.ts')
    const callout = await startCallout(this.server)
    if (callout !== null) this.views.set('auth_callout', callout)
  }

  async #startStore(): Promise<void> {
    const { options, log, clock, turn } = this.#parts
    if (options.jetstream === null) return
    const { JetStream } = await import('./store/jetstream.ts')
    const { server } = this
    const { sessionTables } = await import('./store/session-schema.ts')
    const jetstream = new JetStream({
      options: options.jetstream,
      accounts: storedAccounts(options).map(name => server.account(name)),
      serverId: server.id,
      serverName: server.name,
      log,
      clock,
      turn,
      tables: sessionTables,
      payloadBytesMax: () => server.options.max_payload,
    })
    this.#closers.add({
      close: async () => {
        log.info('Initiating JetStream Shutdown...')
        await jetstream.close()
        log.info('JetStream Shutdown')
      },
    })
    await jetstream.start().catch((error: Error) => {
      throw new Error(`Can't start JetStream: ${error.message}`)
    })
    this.jetstream = jetstream
    const { StreamRefusals } = await import('./no-streams.ts')
    this.#refusals = new StreamRefusals()
    if (server.operator !== null) {
      const { followClaims } = await import('./operator-room.ts')
      await followClaims(server, server.operator, jetstream, this.#refusals)
    }
    this.#refuseStreams()
    this.views.set('store', jetstream)
  }

  /** New accounts may have come. */
  #refuseStreams(): void {
    const { server, jetstream } = this
    if (jetstream === null) return
    for (const account of server.accounts.values()) {
      if (!account.isSystem && !jetstream.hasAccount(account.name)) this.#refusals?.begin(account)
    }
  }

  async #startMqtt(): Promise<void> {
    const { options } = this.#parts
    const { jetstream } = this
    // Without the store it would be a config error.
    if (options.mqtt === null || jetstream === null) return
    const { newMqttGateway } = await import('./mqtt-room.ts')
    const { mqttObserver } = await import('./system-room.ts')
    const mqtt = newMqttGateway(
      this.server,
      jetstream.store,
      options.mqtt,
      mqttObserver(this.server, () => this.system),
    )
    this.mqtt = mqtt
    this.server.logins.add(() => mqtt.logins())
    const { host, port } = mqttAddress(options.mqtt) ?? { host: '', port: 0 }
    this.#closers.add(mqtt)
    await mqtt.start().catch((error: NodeJS.ErrnoException) => {
      throw new Error(`Unable to listen for MQTT connections: ${listenError(error, host, port)}`)
    })
    this.views.set('mqtt', mqtt)
  }

  /** Where messages come from besides the network. */
  async #startInputs(): Promise<void> {
    for (const [name, input] of await newInputs(this.server, this.#parts.options)) {
      // Closed even when it fails half way.
      this.#closers.add(input)
      await input.start()
      this.views.set(name, input)
    }
  }

  async #startSystem(): Promise<void> {
    const { newSystem } = await import('./system-room.ts')
    const { jetstream } = this.#parts.options
    this.system = newSystem({
      server: this.server,
      sources: sourcesOf(this),
      figures: () => this.#monitor?.figures() ?? null,
      domain: jetstream?.domain ?? null,
      hasJetStream: jetstream !== null,
      jsz: query => this.#jsz(query),
      reload: () => this.#parts.reload(),
      kick: id => this.#kick(id),
    })
    if (this.system === null) return
    this.system.start()
    this.views.set('system', this.system)
  }

  #kick(id: number): boolean {
    const link = this.leafs?.nodes.leafs.get(id) ?? this.mqtt?.connections.get(id)
    link?.close('Kicked')
    return link !== undefined
  }

  async #startClients(): Promise<void> {
    const { server } = this
    const { host, port } = server.address
    this.#closers.add({ close: () => server.close() })
    await server.start().catch((error: NodeJS.ErrnoException) => {
      throw new Error(
        `Error listening on port: ${host}:${port}, "${listenError(error, host, port)}"`,
      )
    })
  }

  /** Leaf nodes come over WebSocket where they may come at all, as in nats-server. */
  get #acceptingLeafs(): LeafNodes | null {
    return this.leafs?.listener ? this.leafs.nodes : null
  }

  async #startWebSocket(): Promise<void> {
    const { websocket } = this.#parts.options
    if (websocket === null) return
    const { newWebSocketListener } = await import('./websocket-room.ts')
    const listener = newWebSocketListener(this.server, websocket, this.mqtt, this.#acceptingLeafs)
    if (listener === null) return
    const { host, port } = websocketAddress(websocket) ?? { host: '', port: 0 }
    this.server.listeners.add(listener)
    await listener.start().catch((error: NodeJS.ErrnoException) => {
      const why = listenError(error, host, port)
      throw new Error(`Unable to listen for websocket connections: ${why}`)
    })
    this.websocket = listener
  }

  async #startLeafs(): Promise<void> {
    const { options } = this.#parts
    const { leafnodes } = this.server.options
    const isOpen = options.websocket !== null && leafAddress(leafnodes) !== null
    if (leafnodes.remotes.length === 0 && leafAddress(leafnodes) === null) return
    const { newLeafRoom } = await import('../src/server/leafnodes.ts')
    const { viewOf } = await import('../src/link/leaf/view.ts')
    const room = newLeafRoom(this.server, options.jetstream, isOpen)
    this.leafs = room
    this.#closers.add(room.nodes)
    room.nodes.observers.add({
      opened: leaf => this.system?.leafOpened(leaf),
      refused: (leaf, user, reason) => this.system?.leafRefused(leaf, user, reason),
      closed: (leaf, reason) => {
        rememberLeaf(this.server, viewOf(leaf), reason)
        this.system?.leafClosed(leaf, reason)
      },
    })
    const { listener } = room
    if (listener === null) return
    this.server.listeners.add(listener)
    await listener.start().catch((error: NodeJS.ErrnoException) => {
      const { host, port } = leafAddress(leafnodes) ?? { host: '', port: 0 }
      const why = listenError(error, host, port)
      throw new Error(`Error listening on leafnode port: ${port} - ${why}`)
    })
  }

  async #openRoutes(): Promise<void> {
    if (this.#parts.options.cluster === null) return
    const { newCluster, openCluster } = await import('./cluster-room.ts')
    this.cluster = newCluster(this)
    if (this.cluster === null) return
    this.#closers.add(this.cluster)
    await openCluster(this.cluster, this.server)
  }

  #newHealth(): HealthSource {
    const rooms = this
    return {
      notReady: () => this.#waitedFor(),
      get jetstream() {
        return rooms.jetstream
      },
    }
  }

  /** The listeners that the config names and that do not accept yet. */
  #waitedFor(): readonly string[] {
    if (this.#isReady) return []
    const { mqtt, websocket } = this.#parts.options
    return [
      'server',
      ...(mqtt !== null && this.mqtt === null ? ['mqtt'] : []),
      ...(websocket !== null && this.websocket === null ? ['websocket'] : []),
    ]
  }

  #jsz(query: Query): object {
    const { jetstream, server } = this
    return jetstream?.jsz(query) ?? jszDisabled(server.id, query, server.clock.wallMs())
  }

  #view(): object {
    const rooms = [...this.views].map(([name, room]) => [name, room.view()] as const)
    return { server_id: this.server.id, ...Object.fromEntries(rooms) }
  }
}
