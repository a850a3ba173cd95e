// /routez: the connections to the servers of the cluster, one row for each pooled one.

import type { MonitoredRoute, SubjectPermission } from './connection-shapes.ts'
import { durationText, timeText, uptimeText } from './json.ts'
import type { Query } from './query.ts'
import type { Sources } from './shapes.ts'
import { subscriptionLists, type Wanted } from './subscription-detail.ts'

/** Throws QueryError when a parameter is wrong. */
export function routez(sources: Sources, query: Query, nowMs: number): object {
  const wanted = query.subscriptions()
  const routes = [...(sources.routes?.() ?? [])]
  return {
    server_id: sources.server.id,
    server_name: sources.server.name,
    now: timeText(nowMs),
    ...permissionFields(sources.routePermissions?.() ?? null),
    num_routes: routes.length,
    routes: routes.map(route => row(route, nowMs, wanted)),
  }
}

function permissionFields(
  permissions: {
    readonly import?: SubjectPermission | null
    readonly export?: SubjectPermission | null
  } | null,
): object {
  return {
    ...(permissions?.import ? { import: permissions.import } : {}),
    ...(permissions?.export ? { export: permissions.export } : {}),
  }
}

function row(route: MonitoredRoute, nowMs: number, wanted: Wanted): object {
  const { id, startedWallMs, lastActivityMs, subscriptions, account, compression } = route
  return {
    rid: id,
    remote_id: route.remoteId,
    remote_name: route.remoteName,
    did_solicit: route.didSolicit,
    is_configured: route.isConfigured,
    ip: route.host,
    port: route.port,
    start: timeText(startedWallMs),
    last_activity: timeText(lastActivityMs),
    rtt: durationText(route.rttMs),
    uptime: uptimeText(nowMs - startedWallMs),
    idle: uptimeText(nowMs - lastActivityMs),
    ...permissionFields(route),
    pending_size: route.pendingBytes,
    in_msgs: route.inMsgs,
    out_msgs: route.outMsgs,
    in_bytes: route.inBytes,
    out_bytes: route.outBytes,
    subscriptions: subscriptions.size,
    ...subscriptionLists(wanted === 'none' ? [] : [...subscriptions.values()], id, wanted),
    ...(account ? { account } : {}),
    compression: compression ?? 'off',
  }
}
