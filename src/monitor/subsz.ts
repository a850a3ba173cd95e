// /subsz: figures of the subscription lists and, with `subs`, the clients' subscriptions.

import type { Subscription } from '../message.ts'
import { isSubject, matches } from '../subject/subject.ts'
import { timeText } from './json.ts'
import { type Query, QueryError } from './query.ts'
import type { MonitoredAccount, Sources } from './shapes.ts'

const limitDefault = 1024
const limitMax = 10_000

/** Throws QueryError with nats-server's text when a parameter is wrong. */
export function subsz(sources: Sources, query: Query, nowMs: number): object {
  const withList = query.bool('subs')
  const offset = Math.max(0, query.int('offset'))
  const asked = query.int('limit')
  const limit = asked <= 0 ? limitDefault : Math.min(asked, limitMax)
  const test = query.text('test')
  const account = query.text('acc')
  if (test !== '' && !isSubject(test)) {
    throw new QueryError(`invalid test subject, must be valid publish subject: ${test}`)
  }
  const accounts = [...sources.server.accounts.values()].filter(
    one => account === '' || one.name === account,
  )
  const figures = sublistFigures(accounts)
  if (!withList) return figures
  const list = subscriptions(sources, account, test).slice(offset, offset + limit)
  // nats-server leaves the frame out when the list is empty, and its readers know that.
  if (list.length === 0) return figures
  return {
    server_id: sources.server.id,
    now: timeText(nowMs),
    ...figures,
    total: list.length,
    offset,
    limit,
    subscriptions_list: list,
  }
}

export function sublistFigures(accounts: readonly MonitoredAccount[]): object {
  const sum = { count: 0, inserts: 0, removes: 0, lookups: 0, cacheHits: 0, cached: 0 }
  for (const { sublist } of accounts) {
    sum.count += sublist.count
    sum.inserts += sublist.inserts
    sum.removes += sublist.removes
    sum.lookups += sublist.lookups
    sum.cacheHits += sublist.cacheHits
    sum.cached += sublist.cached
  }
  return {
    num_subscriptions: sum.count,
    num_cache: sum.cached,
    num_inserts: sum.inserts,
    num_removes: sum.removes,
    num_matches: sum.lookups,
    cache_hit_rate: sum.lookups === 0 ? 0 : sum.cacheHits / sum.lookups,
    // Walking every cached match for these two would hold the loop up for a figure nobody reads.
    max_fanout: 0,
    avg_fanout: 0,
  }
}

function subscriptions(sources: Sources, account: string, test: string): object[] {
  const found: object[] = []
  const clients = [...sources.server.clients.values(), ...(sources.mqttClients?.() ?? [])]
  for (const client of clients) {
    const name = client.account?.name ?? ''
    if (account !== '' && name !== account) continue
    for (const subscription of client.subscriptions.values()) {
      if (test !== '' && !matches(subscription.subject, test)) continue
      found.push(row(subscription, name, client.id))
    }
  }
  return found
}

function row(subscription: Subscription, account: string, cid: number): object {
  const { subject, queue, sid, delivered, max } = subscription
  return {
    ...(account === '' ? {} : { account }),
    subject,
    ...(queue === '' ? {} : { qgroup: queue }),
    sid,
    msgs: delivered,
    ...(max > 0 ? { max } : {}),
    cid,
  }
}
