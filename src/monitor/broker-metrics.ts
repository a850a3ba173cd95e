// The broker's own part of /metrics: what /varz, /leafz and /subsz show, as figures to be summed.

import { accountTraffic } from './accountz.ts'
import { healthz } from './healthz.ts'
import { type Family, figure, type Sample } from './metrics.ts'
import { Query } from './query.ts'
import { leafs, routes } from './link-metrics.ts'
import { trafficFamilies } from './traffic-metrics.ts'
import { type Sources, sumTraffic, type Traffic } from './shapes.ts'
import type { ProcessFigures } from './varz.ts'

const secondMs = 1000

export function brokerFamilies(sources: Sources, figures: ProcessFigures): readonly Family[] {
  return [
    ...identity(sources, figures),
    ...processFamilies(figures),
    ...connections(sources),
    ...trafficFamilies(
      '',
      'of connections of a kind, those that are gone included',
      byKind(sources).map(([kind, traffic]) => ({ labels: { kind }, traffic })),
    ),
    ...subjects(sources),
    ...leafs([...(sources.leafs?.() ?? [])]),
    ...routes([...(sources.routes?.() ?? [])]),
    ...accountFamilies(sources),
    certificates(sources),
  ]
}

function identity(sources: Sources, figures: ProcessFigures): readonly Family[] {
  const { server, health } = sources
  const labels = {
    server_id: server.id,
    server_name: server.name,
    version: server.version,
    node: process.versions.node,
  }
  const isHealthy = healthz(health, new Query(new URLSearchParams())).code === 200
  const upMs = figures.nowMonotonicMs - server.startedMonotonicMs
  const loadedMs = sources.configLoadedWallMs?.() ?? server.startedWallMs
  return [
    { name: 'info', type: 'gauge', help: 'Who this is.', samples: [{ labels, value: 1 }] },
    figure('gauge', 'healthy', '1 when /healthz says ok, else 0.', isHealthy ? 1 : 0),
    figure('gauge', 'uptime_seconds', 'Time since the start.', upMs / secondMs),
    figure(
      'gauge',
      'start_time_seconds',
      'When it started, since 1970, by the clock of then.',
      server.startedWallMs / secondMs,
    ),
    figure(
      'gauge',
      'config_load_time_seconds',
      'When the configuration was read last, since 1970.',
      loadedMs / secondMs,
    ),
    {
      name: 'http_requests_total',
      type: 'counter',
      help: 'Monitoring requests by path.',
      samples: Object.entries(figures.requests).map(([path, value]) => ({
        labels: { path },
        value,
      })),
    },
  ]
}

function processFamilies({ residentBytes }: ProcessFigures): readonly Family[] {
  const { heapTotal, heapUsed, external } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const microsecondsPerSecond = 1_000_000
  return [
    figure('gauge', 'memory_resident_bytes', 'Memory of the process.', residentBytes),
    figure('gauge', 'memory_heap_bytes', "Memory that V8's heap takes.", heapTotal),
    figure('gauge', 'memory_heap_used_bytes', "Memory in use in V8's heap.", heapUsed),
    figure('gauge', 'memory_external_bytes', 'Memory of buffers outside the heap.', external),
    figure(
      'counter',
      'cpu_seconds_total',
      'Processor time of the process.',
      (user + system) / microsecondsPerSecond,
    ),
  ]
}

function connections(sources: Sources): readonly Family[] {
  const { clients, totals } = sources.server
  const mqtt = [...(sources.mqttClients?.() ?? [])]
  const gone = sources.mqttTotals?.()
  let webSockets = 0
  let clientBytes = 0
  let stalls = totals.stalls
  for (const client of clients.values()) {
    if (client.type === 'websocket') webSockets++
    clientBytes += client.pendingBytes
    stalls += client.stalls ?? 0
  }
  const routed = [...(sources.routes?.() ?? [])]
  const routesGone = sources.routeTotals?.()
  const leafsGone = sources.leafTotals?.()
  const mqttBytes = mqtt.reduce((sum, one) => sum + one.pendingBytes, 0)
  const leafBytes = pendingOf(sources.leafs)
  const routeBytes = pendingOf(sources.routes)
  const kinds = (values: Readonly<Record<string, number>>): readonly Sample[] =>
    Object.entries(values).map(([kind, value]) => ({ labels: { kind }, value }))
  return [
    {
      name: 'connections',
      type: 'gauge',
      help: 'Connections by kind.',
      samples: kinds({
        client: clients.size - webSockets,
        websocket: webSockets,
        mqtt: mqtt.length,
        leaf: [...(sources.leafs?.() ?? [])].length,
        route: routed.length,
      }),
    },
    {
      name: 'connections_total',
      type: 'counter',
      help: 'Connections accepted; WebSocket clients count as clients.',
      samples: kinds({ client: totals.connections, mqtt: gone?.connections ?? 0 }),
    },
    {
      name: 'slow_consumers_total',
      type: 'counter',
      help: 'Connections cut off because they did not keep up.',
      samples: kinds({
        client: totals.slowConsumers,
        mqtt: gone?.slowConsumers ?? 0,
        leaf: leafsGone?.slowConsumers ?? 0,
        route: routesGone?.slowConsumers ?? 0,
      }),
    },
    {
      name: 'stale_connections_total',
      type: 'counter',
      help: 'Connections cut off because they did not answer.',
      samples: kinds({
        client: totals.staleConnections,
        mqtt: gone?.staleConnections ?? 0,
        leaf: leafsGone?.staleConnections ?? 0,
        route: routesGone?.staleConnections ?? 0,
      }),
    },
    figure('counter', 'stalls_total', 'Times that clients had to wait for slower ones.', stalls),
    {
      name: 'pending_bytes',
      type: 'gauge',
      help: 'Bytes waiting for connections to take them.',
      samples: kinds({ client: clientBytes, mqtt: mqttBytes, leaf: leafBytes, route: routeBytes }),
    },
  ]
}

function pendingOf(
  links: (() => Iterable<{ readonly pendingBytes?: number }>) | undefined,
): number {
  let bytes = 0
  for (const { pendingBytes } of links?.() ?? []) bytes += pendingBytes ?? 0
  return bytes
}

function byKind(sources: Sources): readonly (readonly [string, Traffic])[] {
  const { server } = sources
  const gone = (of: (() => Traffic) | undefined) => (of ? [of()] : [])
  return [
    ['client', sumTraffic([server.totals, ...server.clients.values()])],
    ['mqtt', sumTraffic([...gone(sources.mqttTotals), ...(sources.mqttClients?.() ?? [])])],
    ['leaf', sumTraffic([...gone(sources.leafTotals), ...(sources.leafs?.() ?? [])])],
    ['route', sumTraffic([...gone(sources.routeTotals), ...(sources.routes?.() ?? [])])],
  ]
}

function subjects({ server }: Sources): readonly Family[] {
  const sum = { count: 0, lookups: 0, cacheHits: 0, cached: 0 }
  for (const { sublist } of server.accounts.values()) {
    sum.count += sublist.count
    sum.lookups += sublist.lookups
    sum.cacheHits += sublist.cacheHits
    sum.cached += sublist.cached
  }
  return [
    figure('gauge', 'subscriptions', 'Subscriptions of all accounts.', sum.count),
    figure('counter', 'subject_lookups_total', 'Subjects matched.', sum.lookups),
    figure('counter', 'subject_cache_hits_total', 'Matches found in the cache.', sum.cacheHits),
    figure('gauge', 'subject_cache_entries', 'Matches kept in the cache.', sum.cached),
  ]
}

/** Accounts that have, or had, connections. */
function accountFamilies(sources: Sources): readonly Family[] {
  const used = accountTraffic(sources)
  const labels = (account: string) => ({ account })
  return [
    {
      name: 'account_connections',
      type: 'gauge',
      help: 'Connections of an account, leaf nodes included.',
      samples: used.map(one => ({ labels: labels(one.name), value: one.connections })),
    },
    {
      name: 'account_subscriptions',
      type: 'gauge',
      help: 'Subscriptions of an account.',
      samples: used.map(one => ({ labels: labels(one.name), value: one.subscriptions })),
    },
    ...trafficFamilies(
      'account_',
      'of connections of an account, those that are gone included',
      used.map(({ name, traffic }) => ({ labels: labels(name), traffic })),
    ),
  ]
}

function certificates({ certificateEnds }: Sources): Family {
  const samples = Object.entries(certificateEnds?.() ?? {}).map(([block, wallMs]) => ({
    labels: { block },
    value: wallMs / secondMs,
  }))
  const help = 'When the certificate of a listener ends, since 1970.'
  return { name: 'tls_certificate_end_time_seconds', type: 'gauge', help, samples }
}
