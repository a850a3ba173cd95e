// /varz: the server as a whole. Names, types and order of the fields are those of nats-server
// 2.10 (captured): nats-top, the Prometheus exporter and Telegraf read them.

import { availableParallelism } from 'node:os'
import { timeText, uptimeText } from './json.ts'
import { type Sources, sumTraffic } from './shapes.ts'

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
  readonly requests: Readonly<Record<string, number>>
}

const authTimeoutMsDefault = 2000
const tlsTimeoutMsDefault = 2000
const nsPerMs = 1_000_000

export function varz(sources: Sources, figures: ProcessFigures): object {
  const { server } = sources
  const { options, authorization, totals } = server
  const leafs = [...(sources.leafs?.() ?? [])]
  const mqtt = [...(sources.mqttClients?.() ?? [])]
  const gone = sources.mqttTotals?.()
  const traffic = sumTraffic([
    totals,
    ...(gone ? [gone] : []),
    ...(sources.leafTotals ? [sources.leafTotals()] : []),
    ...server.clients.values(),
    ...mqtt,
    ...leafs,
  ])
  const websocketUrls = sources.websocketUrls?.() ?? []
  const slowConsumers = totals.slowConsumers + (gone?.slowConsumers ?? 0)
  return {
    server_id: server.id,
    server_name: server.name,
    version: server.version,
    proto: 1,
    go: `node${process.versions.node}`,
    host: server.address.host,
    port: server.address.port,
    ...(authorization.users.size > 0 || authorization.token !== '' ? { auth_required: true } : {}),
    ...(options.tls === null ? {} : { tls_required: true }),
    ...(options.tls?.verify ? { tls_verify: true } : {}),
    ...(websocketUrls.length > 0 ? { ws_connect_urls: websocketUrls } : {}),
    max_connections: options.max_connections,
    ...(options.max_subscriptions > 0 ? { max_subscriptions: options.max_subscriptions } : {}),
    ping_interval: options.ping_interval * nsPerMs,
    ping_max: options.ping_max,
    http_host: figures.httpHost,
    http_port: figures.httpPort,
    http_base_path: figures.httpBasePath,
    https_port: 0,
    auth_timeout: (authorization.timeoutMs || authTimeoutMsDefault) / 1000,
    max_control_line: options.max_control_line,
    max_payload: options.max_payload,
    max_pending: options.max_pending,
    cluster: {},
    gateway: {},
    leaf: sources.leafOptions?.() ?? {},
    mqtt: sources.mqttOptions?.() ?? {},
    websocket: sources.websocketOptions?.() ?? {},
    jetstream: sources.jetstream?.() ?? {},
    tls_timeout: (options.tls?.timeout ?? tlsTimeoutMsDefault) / 1000,
    write_deadline: options.write_deadline * nsPerMs,
    start: timeText(server.startedWallMs),
    now: timeText(figures.nowWallMs),
    uptime: uptimeText(figures.nowMonotonicMs - server.startedMonotonicMs),
    mem: figures.residentBytes,
    cores: availableParallelism(),
    gomaxprocs: 1,
    cpu: figures.cpuPercent,
    connections: server.clients.size + mqtt.length,
    total_connections: totals.connections + (gone?.connections ?? 0),
    routes: 0,
    remotes: 0,
    leafnodes: leafs.length,
    in_msgs: traffic.inMsgs,
    out_msgs: traffic.outMsgs,
    in_bytes: traffic.inBytes,
    out_bytes: traffic.outBytes,
    slow_consumers: slowConsumers,
    subscriptions: subscriptionCount(sources),
    http_req_stats: figures.requests,
    config_load_time: timeText(sources.configLoadedWallMs?.() ?? server.startedWallMs),
    ...(options.server_tags.length > 0 ? { tags: options.server_tags } : {}),
    system_account: options.system_account,
    slow_consumer_stats: { clients: slowConsumers, routes: 0, gateways: 0, leafs: 0 },
  }
}

function subscriptionCount({ server }: Sources): number {
  let count = 0
  for (const account of server.accounts.values()) count += account.sublist.count
  return count
}
