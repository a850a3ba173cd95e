// /subsz: figures of the subscription lists and, with `subs`, the subscriptions of
// clients and of the broker itself.

import type { Sink } from '../message.ts'
import { isSubject, matches } from '../subject/subject.ts'
import { timeText } from './json.ts'
import { type Query, QueryError } from './query.ts'
import type { MonitoredAccount, Sources } from './shapes.ts'
import { subscriptionDetail } from './subscription-detail.ts'

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
  const list = rows(sources, accounts, test).slice(offset, offset + limit)
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
  let maxFanout = 0
  let reached = 0
  for (const { sublist } of accounts) {
    const { max, average } = sublist.fanout()
    maxFanout = Math.max(maxFanout, max)
    reached += average * sublist.cached
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
    max_fanout: maxFanout,
    avg_fanout: sum.cached === 0 ? 0 : reached / sum.cached,
  }
}

/** Subscriptions of other servers are not listed, as in nats-server. */
function rows(
  sources: Sources,
  accounts: readonly MonitoredAccount[],
  test: string,
): readonly object[] {
  const ids = new Map<Sink, number>()
  for (const { id, subscriptions } of sources.mqttClients?.() ?? []) {
    for (const { sink } of subscriptions.values()) ids.set(sink, id)
  }
  const found: object[] = []
  for (const { name, sublist } of accounts) {
    for (const subscription of sublist) {
      const { sink, subject } = subscription
      if (sink.remote || (test !== '' && !matches(subject, test))) continue
      const cid = ids.get(sink) ?? idOf(sink) ?? internalId
      found.push({ account: name, ...subscriptionDetail(subscription, cid) })
    }
  }
  return found
}

/** Whose connection the broker's own subscriptions are: the first that clients never have. */
const internalId = 1

function idOf(sink: Sink): number | undefined {
  const { id } = sink as { readonly id?: unknown }
  return typeof id === 'number' ? id : undefined
}
