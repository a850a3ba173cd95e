// /varz: the server as a whole. Names, types and order of the fields are nats-server's: nats-top,
// the Prometheus exporter and Telegraf read them. Fields that came after 2.10 are there where they
// are true here; what is Go's own (gomemlimit, disk_io_wait_stats) is not.

import { availableParallelism } from 'node:os'
import { isAuthRequired } from '../account/authenticate.ts'
import { demandsCertificate } from '../link/tls-files.ts'
import { timeText, uptimeText } from './json.ts'
import { type KindTotals, type Sources, sumTraffic, type Traffic } from './shapes.ts'

/** What the process and the monitoring listener know beside the broker. */
export interface ProcessFigures {
  readonly nowWallMs: number
  readonly nowMonotonicMs: number
  readonly residentBytes: number
  /** Of one core. */
  readonly cpuPercent: number
  readonly httpHost: string
  readonly httpPort: number
  readonly httpBasePath: string
  /** 0 = none. */
  readonly httpsPort: number
  readonly requests: Readonly<Record<string, number>>
}

const authTimeoutMsDefault = 2000
const tlsTimeoutMsDefault = 2000
const nsPerMs = 1_000_000
const secondMs = 1000

export function varz(sources: Sources, figures: ProcessFigures): object {
  const ends = sources.certificateEnds?.() ?? {}
  return {
    ...identity(sources),
    ...limits(sources, figures),
    ...blocks(sources, ends),
    ...times(sources, figures),
    ...counts(sources),
    http_req_stats: sortedByKey(figures.requests),
    ...configuration(sources),
    ...kindStats(sources),
    ...endField(ends.server),
  }
}

function identity(sources: Sources): object {
  const { server } = sources
  const { options, authorization, address } = server
  const connectUrls = sources.connectUrls?.() ?? []
  const websocketUrls = sources.websocketUrls?.() ?? []
  return {
    server_id: server.id,
    server_name: server.name,
    version: server.version,
    proto: 1,
    go: `node${process.versions.node}`,
    host: address.host,
    port: address.port,
    ...(isAuthRequired(authorization) ? { auth_required: true } : {}),
    ...(options.tls === null || options.allow_non_tls ? {} : { tls_required: true }),
    ...(options.tls && demandsCertificate(options.tls) ? { tls_verify: true } : {}),
    ...(connectUrls.length > 0 ? { connect_urls: connectUrls } : {}),
    ...(websocketUrls.length > 0 ? { ws_connect_urls: websocketUrls } : {}),
  }
}

function limits({ server }: Sources, figures: ProcessFigures): object {
  const { options, authorization } = server
  return {
    max_connections: options.max_connections,
    ...(options.max_subscriptions > 0 ? { max_subscriptions: options.max_subscriptions } : {}),
    ping_interval: options.ping_interval * nsPerMs,
    ping_max: options.ping_max,
    http_host: figures.httpHost,
    http_port: figures.httpPort,
    http_base_path: figures.httpBasePath,
    https_port: figures.httpsPort,
    auth_timeout: (authorization.timeoutMs || authTimeoutMsDefault) / secondMs,
    max_control_line: options.max_control_line,
    max_payload: options.max_payload,
    max_pending: options.max_pending,
  }
}

function blocks(sources: Sources, ends: ReturnType<NonNullable<Sources['certificateEnds']>>) {
  const { options } = sources.server
  return {
    cluster: { ...sources.clusterOptions?.(), ...endField(ends.cluster) },
    gateway: {},
    leaf: { ...sources.leafOptions?.(), ...endField(ends.leaf) },
    mqtt: { ...sources.mqttOptions?.(), ...endField(ends.mqtt) },
    websocket: { ...sources.websocketOptions?.(), ...endField(ends.websocket) },
    jetstream: sources.jetstream?.() ?? {},
    tls_timeout: (options.tls?.timeout ?? tlsTimeoutMsDefault) / secondMs,
    write_deadline: options.write_deadline * nsPerMs,
  }
}

function endField(wallMs: number | undefined): object {
  return wallMs === undefined ? {} : { tls_cert_not_after: timeText(wallMs) }
}

function times({ server }: Sources, figures: ProcessFigures): object {
  return {
    start: timeText(server.startedWallMs),
    now: timeText(figures.nowWallMs),
    uptime: uptimeText(figures.nowMonotonicMs - server.startedMonotonicMs),
    mem: figures.residentBytes,
    cores: availableParallelism(),
    gomaxprocs: 1,
    cpu: figures.cpuPercent,
  }
}

/** Traffic of everybody who is here or was. */
interface Sums {
  readonly clients: Traffic
  readonly all: Traffic
}

function sums(sources: Sources): Sums {
  const { server } = sources
  const mqtt = sources.mqttClients?.() ?? []
  const clients = sumTraffic([
    server.totals,
    ...server.clients.values(),
    ...goneOf(sources.mqttTotals),
    ...mqtt,
  ])
  const all = sumTraffic([
    clients,
    ...goneOf(sources.leafTotals),
    ...(sources.leafs?.() ?? []),
    ...goneOf(sources.routeTotals),
    ...(sources.routes?.() ?? []),
  ])
  return { clients, all }
}

function goneOf(totals: (() => KindTotals) | undefined): readonly KindTotals[] {
  return totals ? [totals()] : []
}

function counts(sources: Sources): object {
  const { server } = sources
  const { clients, all } = sums(sources)
  const mqttGone = sources.mqttTotals?.()
  let stalls = server.totals.stalls
  for (const client of server.clients.values()) stalls += client.stalls ?? 0
  return {
    connections: server.clients.size + countOf(sources.mqttClients),
    total_connections: server.totals.connections + (mqttGone?.connections ?? 0),
    routes: countOf(sources.routes),
    remotes: sources.routedServers?.() ?? 0,
    leafnodes: countOf(sources.leafs),
    in_msgs: all.inMsgs,
    in_bytes: all.inBytes,
    in_client_msgs: clients.inMsgs,
    in_client_bytes: clients.inBytes,
    out_msgs: all.outMsgs,
    out_bytes: all.outBytes,
    out_client_msgs: clients.outMsgs,
    out_client_bytes: clients.outBytes,
    slow_consumers: sumOf(slowConsumers(sources)),
    stale_connections: sumOf(staleConnections(sources)),
    stalled_clients: stalls,
    subscriptions: subscriptionCount(sources),
  }
}

function countOf(list: (() => Iterable<unknown>) | undefined): number {
  let count = 0
  for (const _ of list?.() ?? []) count++
  return count
}

function configuration(sources: Sources): object {
  const { server } = sources
  const digest = sources.configDigest?.()
  const metadata = sources.metadata?.() ?? {}
  const flags = sources.featureFlags?.() ?? {}
  const operators = sources.operators?.() ?? null
  const pinnedAccountFails = sources.pinnedAccountFails?.() ?? 0
  const { server_tags: tags } = server.options
  return {
    config_load_time: timeText(sources.configLoadedWallMs?.() ?? server.startedWallMs),
    ...(digest === undefined ? {} : { config_digest: digest }),
    ...(tags.length > 0 ? { tags } : {}),
    ...(Object.keys(metadata).length > 0 ? { metadata: sortedByKey(metadata) } : {}),
    ...(Object.keys(flags).length > 0 ? { feature_flags: sortedByKey(flags) } : {}),
    ...(operators?.jwts.length ? { trusted_operators_jwt: operators.jwts } : {}),
    ...(operators?.claims.length ? { trusted_operators_claim: operators.claims } : {}),
    system_account: server.options.system_account,
    ...(pinnedAccountFails > 0 ? { pinned_account_fails: pinnedAccountFails } : {}),
  }
}

interface ByKind {
  readonly clients: number
  readonly routes: number
  readonly gateways: number
  readonly leafs: number
}

function kindStats(sources: Sources): object {
  return {
    slow_consumer_stats: slowConsumers(sources),
    stale_connection_stats: staleConnections(sources),
  }
}

function slowConsumers(sources: Sources): ByKind {
  const mqtt = sources.mqttTotals?.().slowConsumers ?? 0
  return {
    clients: sources.server.totals.slowConsumers + mqtt,
    routes: sources.routeTotals?.().slowConsumers ?? 0,
    gateways: 0,
    leafs: sources.leafTotals?.().slowConsumers ?? 0,
  }
}

function staleConnections(sources: Sources): ByKind {
  const mqtt = sources.mqttTotals?.().staleConnections ?? 0
  return {
    clients: sources.server.totals.staleConnections + mqtt,
    routes: sources.routeTotals?.().staleConnections ?? 0,
    gateways: 0,
    leafs: sources.leafTotals?.().staleConnections ?? 0,
  }
}

function sumOf({ clients, routes, gateways, leafs }: ByKind): number {
  return clients + routes + gateways + leafs
}

function subscriptionCount({ server }: Sources): number {
  let count = 0
  for (const account of server.accounts.values()) count += account.sublist.count
  return count
}

/** In Go a map's keys come sorted. */
function sortedByKey<T>(map: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)))
}
