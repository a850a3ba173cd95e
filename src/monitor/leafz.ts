// /leafz: the leaf-node connections, as nats-server shows them; `id` came with 2.11.

import { durationText, timeText } from './json.ts'
import type { Query } from './query.ts'
import type { MonitoredLeaf, Sources } from './shapes.ts'

/** Throws QueryError with nats-server's text when a parameter is wrong. */
export function leafz(sources: Sources, query: Query, nowMs: number): object {
  const withSubjects = query.bool('subs')
  const account = query.text('acc')
  const all = [...(sources.leafs?.() ?? [])]
  const leafs = account === '' ? all : all.filter(leaf => leaf.account === account)
  return {
    server_id: sources.server.id,
    now: timeText(nowMs),
    leafnodes: leafs.length,
    leafs: leafs.map(leaf => row(leaf, withSubjects)),
  }
}

function row(leaf: MonitoredLeaf, withSubjects: boolean): object {
  return {
    ...(leaf.id === undefined ? {} : { id: leaf.id }),
    name: leaf.name,
    is_spoke: leaf.isSpoke,
    ...(leaf.isIsolated ? { is_isolated: true } : {}),
    account: leaf.account,
    ip: leaf.host,
    port: leaf.port,
    rtt: durationText(leaf.rttMs),
    in_msgs: leaf.inMsgs,
    out_msgs: leaf.outMsgs,
    in_bytes: leaf.inBytes,
    out_bytes: leaf.outBytes,
    subscriptions: leaf.subjects.length,
    ...(withSubjects && leaf.subjects.length > 0 ? { subscriptions_list: leaf.subjects } : {}),
    compression: leaf.compression ?? 'off',
  }
}
