// /accountz and /accstatz: the accounts, as nats-server 2.10 shows them. Services of the system
// account are not imported here, so a detail has no imports and exports.

import { timeText } from './json.ts'
import { type Query, QueryError } from './query.ts'
import {
  type MonitoredAccount,
  type MonitoredClient,
  type MonitoredLeaf,
  type Sources,
  sumTraffic,
} from './shapes.ts'
import { sublistFigures } from './subsz.ts'

const systemName = '$SYS'
/** Whose clients are that no user stands for. */
const globalName = '$G'

/** Throws QueryError when the account does not exist. */
export function accountz(sources: Sources, query: Query, nowMs: number): object {
  const { server } = sources
  const frame = { server_id: server.id, now: timeText(nowMs), system_account: systemName }
  const name = query.text('acc')
  if (name === '') return { ...frame, accounts: [...server.accounts.keys()] }
  const account = server.accounts.get(name)
  if (!account) throw new QueryError(`Account ${name} does not exist`)
  return { ...frame, account_detail: detail(sources, account) }
}

/** Accounts that somebody is connected to; with `unused` all. */
export function accstatz(sources: Sources, query: Query, nowMs: number): object {
  const withUnused = query.bool('unused')
  const { server } = sources
  const rows = [...server.accounts.values()].map(account => statistics(sources, account))
  return {
    server_id: server.id,
    now: timeText(nowMs),
    account_statz: rows.filter(row => withUnused || row.total_conns > 0),
  }
}

function detail(sources: Sources, account: MonitoredAccount): object {
  const { name, sublist } = account
  const { clients, leafs } = connectionsOf(sources, name)
  return {
    account_name: name,
    update_time: timeText(sources.configLoadedWallMs?.() ?? sources.server.startedWallMs),
    ...(name === systemName ? { is_system: true } : {}),
    expired: false,
    complete: true,
    jetstream_enabled: name !== systemName && hasJetStream(sources, name),
    leafnode_connections: leafs.length,
    client_connections: clients.length,
    subscriptions: sublist.count,
    sublist_stats: sublistFigures([account]),
  }
}

function hasJetStream({ health }: Sources, account: string): boolean {
  return health?.jetstream?.hasAccount(account) ?? false
}

function statistics(sources: Sources, { name, sublist }: MonitoredAccount) {
  const { clients, leafs } = connectionsOf(sources, name)
  // Clients that are gone were the global account's; of the others the live ones count.
  const isGlobal = name === globalName
  const gone = isGlobal ? [sources.server.totals] : []
  const traffic = sumTraffic([...gone, ...clients, ...leafs])
  const mqtt = sources.mqttTotals?.().slowConsumers ?? 0
  return {
    acc: name,
    conns: clients.length,
    leafnodes: leafs.length,
    total_conns: clients.length + leafs.length,
    num_subscriptions: sublist.count,
    sent: { msgs: traffic.outMsgs, bytes: traffic.outBytes },
    received: { msgs: traffic.inMsgs, bytes: traffic.inBytes },
    slow_consumers: isGlobal ? sources.server.totals.slowConsumers + mqtt : 0,
  }
}

interface Connections {
  readonly clients: readonly MonitoredClient[]
  readonly leafs: readonly MonitoredLeaf[]
}

function connectionsOf(sources: Sources, account: string): Connections {
  const all = [...sources.server.clients.values(), ...(sources.mqttClients?.() ?? [])]
  return {
    clients: all.filter(client => client.account?.name === account),
    leafs: [...(sources.leafs?.() ?? [])].filter(leaf => leaf.account === account),
  }
}
