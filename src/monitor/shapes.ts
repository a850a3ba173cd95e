// What monitoring must see of the broker and of the rooms beside it. The views are pure functions
// of these shapes; the server has them as fields of its own, the rooms of edge/ hand theirs in.

import type { Subscription } from '../message.ts'
import type { Family } from './metrics.ts'

/** Counters of one direction pair; `in` is what the peer sent. */
export interface Traffic {
  readonly inMsgs: number
  readonly inBytes: number
  readonly outMsgs: number
  readonly outBytes: number
}

export interface MonitoredSublist {
  readonly count: number
  readonly inserts: number
  readonly removes: number
  readonly lookups: number
  readonly cacheHits: number
  readonly cached: number
}

export interface MonitoredAccount {
  readonly name: string
  readonly sublist: MonitoredSublist
}

/** A client connection, as link/client.ts has it. */
export interface MonitoredClient extends Traffic {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly startedWallMs: number
  readonly lastActivityMs: number
  readonly pendingBytes: number
  readonly stalls?: number
  readonly subscriptions: ReadonlyMap<string, Subscription>
  readonly options: { readonly name: string; readonly lang: string; readonly version: string }
  readonly keepalive: { readonly rttMs: number }
  readonly identity: { readonly user: string } | null
  readonly account: { readonly name: string } | null
  /** 'nats' unless it says otherwise; an MQTT connection is told by its client id. */
  readonly type?: 'nats' | 'websocket'
  /** Set by an MQTT connection. */
  readonly mqttClientId?: string
}

/** A client connection that is gone. */
export interface MonitoredClosedClient extends Traffic {
  readonly type?: 'nats' | 'websocket'
  readonly id: number
  readonly host: string
  readonly port: number
  readonly name: string
  readonly lang: string
  readonly version: string
  readonly user: string
  readonly account: string
  readonly rttMs: number
  readonly startedWallMs: number
  readonly lastActivityMs: number
  readonly stoppedWallMs: number
  readonly reason: string
}

/** A leaf-node connection. */
export interface MonitoredLeaf extends Traffic {
  /** The other server's name. */
  readonly name: string
  /** We dialled and are its spoke. */
  readonly isSpoke: boolean
  readonly account: string
  readonly host: string
  readonly port: number
  readonly rttMs: number
  /** Subjects subscribed over it. */
  readonly subjects: readonly string[]
}

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
  readonly tls: { readonly timeout: number; readonly verify: boolean } | null
}

export interface MonitoredServer {
  readonly id: string
  readonly name: string
  readonly version: string
  readonly address: { readonly host: string; readonly port: number }
  readonly options: MonitoredOptions
  readonly authorization: {
    readonly users: ReadonlyMap<string, unknown>
    readonly token: string
    readonly timeoutMs: number
  }
  readonly startedWallMs: number
  readonly startedMonotonicMs: number
  readonly accounts: ReadonlyMap<string, MonitoredAccount>
  readonly clients: ReadonlyMap<number, MonitoredClient>
  readonly closed: { list(): readonly MonitoredClosedClient[] }
  /** Of connections that are gone; live ones count in their own fields. */
  readonly totals: Traffic & { readonly connections: number; readonly slowConsumers: number }
}

/** What may be wrong although the process runs; null = nothing. */
export interface HealthSource {
  /** The broker's own readiness. */
  problem(): string | null
  /** null: JetStream is off. */
  readonly jetstream: {
    problem(): string | null
    hasAccount(account: string): boolean
    hasStream(account: string, stream: string): boolean
    hasConsumer(account: string, stream: string, consumer: string): boolean
  } | null
}

/** Everything the endpoints show. Absent parts are rooms that were not loaded. */
export interface Sources {
  readonly server: MonitoredServer
  /** MQTT connections: shown among the clients. */
  readonly mqttClients?: () => Iterable<MonitoredClient>
  /** Traffic of MQTT connections that are gone. */
  readonly mqttTotals?: () => Traffic & {
    readonly connections: number
    readonly slowConsumers: number
  }
  readonly leafs?: () => Iterable<MonitoredLeaf>
  /** Traffic of leaf-node connections that are gone. */
  readonly leafTotals?: () => Traffic
  /** `leaf` of /varz: host, port, timeouts, remotes. */
  readonly leafOptions?: () => object
  /** `mqtt` of /varz. */
  readonly mqttOptions?: () => object
  /** `websocket` of /varz. */
  readonly websocketOptions?: () => object
  /** Where /varz says that WebSocket clients connect; empty unless advertised. */
  readonly websocketUrls?: () => readonly string[]
  /** `jetstream` of /varz: config and stats. */
  readonly jetstream?: () => object
  readonly health?: HealthSource
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
