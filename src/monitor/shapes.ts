// What monitoring must see of the broker and of the rooms beside it. The views are pure functions
// of these shapes; the server has them as fields of its own, the rooms of edge/ hand theirs in.

import type { Authorization } from '../account/authenticate.ts'
import type { AccountFacts, MonitoredAccount } from './account-shapes.ts'
import type {
  MonitoredClient,
  MonitoredClosedClient,
  MonitoredLeaf,
  MonitoredRoute,
  SubjectPermission,
  Traffic,
} from './connection-shapes.ts'
import type { Family } from './metrics.ts'

export type { AccountFacts, MonitoredAccount } from './account-shapes.ts'
export type {
  MonitoredClient,
  MonitoredClosedClient,
  MonitoredLeaf,
  MonitoredRoute,
  Traffic,
} from './connection-shapes.ts'

export interface MonitoredOptions {
  readonly max_connections: number
  readonly max_subscriptions: number
  readonly max_control_line: number
  readonly max_payload: number
  readonly max_pending: number
  readonly write_deadline: number
  readonly ping_interval: number
  readonly ping_max: number
  readonly server_tags: readonly string[]
  readonly system_account: string
  readonly allow_non_tls?: boolean
  readonly tls: {
    readonly timeout: number
    readonly verify: boolean
    readonly verify_and_map?: boolean
  } | null
}

export interface MonitoredServer {
  readonly id: string
  readonly name: string
  readonly version: string
  readonly address: { readonly host: string; readonly port: number }
  readonly options: MonitoredOptions
  readonly authorization: Authorization
  readonly startedWallMs: number
  readonly startedMonotonicMs: number
  readonly accounts: ReadonlyMap<string, MonitoredAccount>
  readonly clients: ReadonlyMap<number, MonitoredClient>
  readonly closed: { list(): readonly MonitoredClosedClient[] }
  /** Of connections that are gone; live ones count in their own fields. */
  readonly totals: Traffic & {
    readonly connections: number
    readonly slowConsumers: number
    readonly staleConnections: number
    readonly stalls: number
  }
}

/** Of connections of a kind that are gone. */
export interface KindTotals extends Traffic {
  readonly slowConsumers?: number
  readonly staleConnections?: number
}

/** What may be wrong although the process runs; null = nothing. */
export interface HealthSource {
  /** The listeners that do not accept yet, by nats-server's names: `server`, `mqtt` … */
  notReady(): readonly string[]
  /** null: JetStream is off. */
  readonly jetstream: JetStreamHealth | null
}

export interface JetStreamHealth {
  /** false: it was asked for and does not run. */
  isEnabled(): boolean
  /** What is wrong with the store as a whole. */
  problem(): string | null
  hasAccount(account: string): boolean
  hasStream(account: string, stream: string): boolean
  hasConsumer(account: string, stream: string, consumer: string): boolean
}

/** A queue inside the process, as /ipqueuesz shows it. */
export interface MonitoredQueue {
  readonly pending: number
  readonly inProgress?: number
}

/** When the certificates of the listeners end, by the block they stand in. */
export type CertificateEnds = Readonly<
  Partial<Record<'server' | 'cluster' | 'leaf' | 'mqtt' | 'websocket', number>>
>

/** Trusted operators, as /varz shows them. */
export interface MonitoredOperators {
  readonly jwts: readonly string[]
  readonly claims: readonly object[]
}

/**
 * Everything the endpoints show. Absent parts are rooms that were not loaded. A room that has
 * something to show adds one line to edge/monitoring.ts.
 */
export interface Sources {
  readonly server: MonitoredServer
  /** MQTT connections: shown among the clients. */
  readonly mqttClients?: () => Iterable<MonitoredClient>
  /** Traffic of MQTT connections that are gone. */
  readonly mqttTotals?: () => KindTotals & {
    readonly connections: number
    readonly slowConsumers: number
  }
  readonly leafs?: () => Iterable<MonitoredLeaf>
  /** Traffic of leaf-node connections that are gone. */
  readonly leafTotals?: () => KindTotals
  /** `leaf` of /varz: host, port, timeouts, remotes. */
  readonly leafOptions?: () => object
  readonly routes?: () => Iterable<MonitoredRoute>
  /** Traffic of routes that are gone. */
  readonly routeTotals?: () => KindTotals
  /** Servers at the other end of the routes: `remotes` of /varz. */
  readonly routedServers?: () => number
  /** `cluster` of /varz. */
  readonly clusterOptions?: () => object
  /** `import` and `export` of /routez. */
  readonly routePermissions?: () => {
    readonly import?: SubjectPermission | null
    readonly export?: SubjectPermission | null
  } | null
  /** `mqtt` of /varz. */
  readonly mqttOptions?: () => object
  /** `websocket` of /varz. */
  readonly websocketOptions?: () => object
  /** Addresses that clients are told; empty unless there is a cluster or one is advertised. */
  readonly connectUrls?: () => readonly string[]
  /** Where /varz says that WebSocket clients connect; empty unless advertised. */
  readonly websocketUrls?: () => readonly string[]
  /** `jetstream` of /varz: config and stats. */
  readonly jetstream?: () => object
  readonly health?: HealthSource
  /** What is known of an account: imports, exports, mappings, its JWT. */
  readonly accountFacts?: (name: string) => AccountFacts | null
  readonly operators?: () => MonitoredOperators | null
  /** Logins that failed because their account is not among the pinned ones. */
  readonly pinnedAccountFails?: () => number
  readonly certificateEnds?: () => CertificateEnds
  /** `sha256:…` of the configuration; '' = there is none. */
  readonly configDigest?: () => string
  /** The config's server_metadata. */
  readonly metadata?: () => Readonly<Record<string, string>>
  readonly featureFlags?: () => Readonly<Record<string, boolean>>
  /** Queues inside the process, by name. */
  readonly queues?: () => Iterable<readonly [name: string, queue: MonitoredQueue]>
  /** The rooms' figures on /metrics. */
  readonly families?: () => Iterable<Family>
  /** When the config was read last; the start unless it was reloaded. */
  readonly configLoadedWallMs?: () => number
}

/** Traffic of many, added up. */
export function sumTraffic(parts: Iterable<Traffic>): Traffic {
  const sum = { inMsgs: 0, inBytes: 0, outMsgs: 0, outBytes: 0 }
  for (const part of parts) {
    sum.inMsgs += part.inMsgs
    sum.inBytes += part.inBytes
    sum.outMsgs += part.outMsgs
    sum.outBytes += part.outBytes
  }
  return sum
}
