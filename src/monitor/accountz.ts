// /accountz and /accstatz: the accounts, as nats-server shows them.

import { timeText } from './json.ts'
import { type Query, QueryError } from './query.ts'
import {
  type AccountFacts,
  type MonitoredAccount,
  type MonitoredClient,
  type MonitoredLeaf,
  type Sources,
  sumTraffic,
} from './shapes.ts'
import { sublistFigures } from './subsz.ts'

/** Throws QueryError when the account does not exist. */
export function accountz(sources: Sources, query: Query, nowMs: number): object {
  const { server } = sources
  const system = server.options.system_account
  const frame = { server_id: server.id, now: timeText(nowMs), system_account: system }
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
  const connected = connections(sources)
  const rows = [...server.accounts.values()].map(account =>
    statistics(account, connected.get(account.name) ?? nobody, sources.accountFacts),
  )
  return {
    server_id: server.id,
    now: timeText(nowMs),
    account_statz: rows.filter(row => withUnused || row.total_conns > 0),
  }
}

/** What /metrics shows of accounts that have, or had, connections. */
export function accountTraffic(sources: Sources) {
  const connected = connections(sources)
  return [...sources.server.accounts.values()].flatMap(({ name, sublist, totals }) => {
    const { clients, leafs } = connected.get(name) ?? nobody
    const traffic = sumTraffic([totals, ...clients, ...leafs])
    const count = clients.length + leafs.length
    const isUsed = count > 0 || traffic.inMsgs > 0 || traffic.outMsgs > 0
    return isUsed ? [{ name, traffic, connections: count, subscriptions: sublist.count }] : []
  })
}

function detail(sources: Sources, account: MonitoredAccount): object {
  const { name, sublist, isSystem } = account
  const { clients, leafs } = connections(sources).get(name) ?? nobody
  const facts = sources.accountFacts?.(name) ?? {}
  const loadedMs = sources.configLoadedWallMs?.() ?? sources.server.startedWallMs
  return {
    account_name: name,
    update_time: timeText(facts.updatedWallMs ?? loadedMs),
    ...(isSystem ? { is_system: true } : {}),
    expired: facts.expired ?? false,
    complete: facts.complete ?? true,
    jetstream_enabled: !isSystem && hasJetStream(sources, name),
    leafnode_connections: leafs.length,
    client_connections: clients.length,
    subscriptions: sublist.count,
    ...shares(facts),
    ...claims(facts),
    sublist_stats: sublistFigures([account]),
    ...(isEmpty(facts.responses) ? {} : { responses: facts.responses }),
  }
}

function shares({ mappings, exports, imports }: AccountFacts): object {
  return {
    ...(isEmpty(mappings) ? {} : { mappings }),
    ...(exports?.length ? { exports } : {}),
    ...(imports?.length ? { imports } : {}),
  }
}

function claims({
  jwt,
  issuerKey,
  nameTag,
  tags,
  claims,
  issues,
  revokedUsers,
}: AccountFacts): object {
  return {
    ...(jwt ? { jwt } : {}),
    ...(issuerKey ? { issuer_key: issuerKey } : {}),
    ...(nameTag ? { name_tag: nameTag } : {}),
    ...(tags?.length ? { tags } : {}),
    ...(claims ? { decoded_jwt: claims } : {}),
    ...(issues?.length ? { validation_result_jwt: issues } : {}),
    ...(revokedUsers?.size ? { revoked_user: revocations(revokedUsers) } : {}),
  }
}

function revocations(users: ReadonlyMap<string, number>): object {
  return Object.fromEntries([...users].map(([user, second]) => [user, timeText(second * 1000)]))
}

function isEmpty(map: object | undefined): boolean {
  return map === undefined || Object.keys(map).length === 0
}

function hasJetStream({ health }: Sources, account: string): boolean {
  return health?.jetstream?.hasAccount(account) ?? false
}

function statistics(
  { name, sublist, totals }: MonitoredAccount,
  { clients, leafs }: Connections,
  facts: Sources['accountFacts'],
) {
  const traffic = sumTraffic([totals, ...clients, ...leafs])
  return {
    acc: name,
    name: facts?.(name)?.nameTag || name,
    conns: clients.length,
    leafnodes: leafs.length,
    total_conns: clients.length + leafs.length,
    num_subscriptions: sublist.count,
    sent: { msgs: traffic.outMsgs, bytes: traffic.outBytes },
    received: { msgs: traffic.inMsgs, bytes: traffic.inBytes },
    slow_consumers: totals.slowConsumers,
  }
}

interface Connections {
  readonly clients: MonitoredClient[]
  readonly leafs: MonitoredLeaf[]
}

const nobody: Connections = { clients: [], leafs: [] }

/** Who is connected, by account: one pass, however many accounts there are. */
function connections(sources: Sources): ReadonlyMap<string, Connections> {
  const all = new Map<string, Connections>()
  const of = (account: string): Connections => {
    let found = all.get(account)
    if (!found) {
      found = { clients: [], leafs: [] }
      all.set(account, found)
    }
    return found
  }
  for (const clients of [sources.server.clients.values(), sources.mqttClients?.() ?? []]) {
    for (const client of clients) if (client.account) of(client.account.name).clients.push(client)
  }
  for (const leaf of sources.leafs?.() ?? []) of(leaf.account).leafs.push(leaf)
  return all
}
