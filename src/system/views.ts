// The services that show something: each is a view of src/monitor behind a subject. A row names
// the subject's last token, the fields of its request and what it answers.

import { accountz, accstatz } from '../monitor/accountz.ts'
import { connz } from '../monitor/connz.ts'
import { healthz } from '../monitor/healthz.ts'
import { expvarz, ipqueuesz } from '../monitor/internals.ts'
import { leafz } from '../monitor/leafz.ts'
import { Query } from '../monitor/query.ts'
import { routez } from '../monitor/routez.ts'
import { gatewayz } from '../monitor/standalone.ts'
import { subsz } from '../monitor/subsz.ts'
import { varz } from '../monitor/varz.ts'
import type { SystemHost } from './host.ts'
import type { RequestOptions, RequestShape } from './options.ts'

export interface View extends RequestShape {
  /** Throws QueryError. null: there is nothing to say, and nothing is said. */
  readonly show: (host: SystemHost, options: RequestOptions) => object | null
}

const flag = (param: string, value?: string) =>
  ({ type: 'bool', param, ...(value ? { value } : {}) }) as const
const text = (param: string) => ({ type: 'string', param }) as const
const int = (param: string) => ({ type: 'int', param }) as const
const now = ({ clock }: SystemHost) => clock.wallMs()

/** Of one answer: it is made in one turn of the loop. */
const subscriptionsShownMax = 100_000
const connectionsShownDefault = 1024

/** How many subscriptions a page of connections may have at most. */
function subscriptionsOf({ sources }: SystemHost, query: Query): number {
  const [account, limit, cid] = [query.text('acc'), query.int('limit'), query.uint('cid')]
  const counts: number[] = []
  for (const client of [...sources.server.clients.values(), ...(sources.mqttClients?.() ?? [])]) {
    if (account !== '' && client.account?.name !== account) continue
    if (cid === 0 || client.id === cid) counts.push(client.subscriptions.size)
  }
  counts.sort((a, b) => b - a)
  const shown = counts.slice(0, limit > 0 ? limit : connectionsShownDefault)
  return shown.reduce((sum, count) => sum + count, 0)
}

const subscriptionFields = {
  subscriptions: flag('subs'),
  subscriptions_detail: flag('subs', 'detail'),
}

const connzView: View = {
  type: 'ConnzEventOptions',
  fields: {
    sort: { type: 'server.SortOpt', param: 'sort' },
    auth: flag('auth'),
    ...subscriptionFields,
    offset: int('offset'),
    limit: int('limit'),
    cid: { type: 'uint64', param: 'cid' },
    mqtt_client: text('mqtt_client'),
    state: { type: 'server.ConnState', param: 'state' },
    user: text('user'),
    acc: text('acc'),
    filter_subject: text('filter_subject'),
  },
  show: (host, { query }) => {
    const withSubscriptions = query.text('subs') !== ''
    if (withSubscriptions && subscriptionsOf(host, query) > subscriptionsShownMax) {
      throw new Failure('too many subscriptions for one answer: ask for fewer connections')
    }
    return connz(host.sources, query, now(host))
  },
}

const subszView: View = {
  type: 'SubszEventOptions',
  fields: {
    offset: int('offset'),
    limit: int('limit'),
    subscriptions: flag('subs'),
    account: text('acc'),
    test: text('test'),
  },
  show: (host, { query }) => subsz(host.sources, query, now(host)),
}

const leafzView: View = {
  type: 'LeafzEventOptions',
  fields: { subscriptions: flag('subs'), account: text('acc') },
  show: (host, { query }) => leafz(host.sources, query, now(host)),
}

const jszView: View = {
  type: 'JszEventOptions',
  fields: {
    account: text('acc'),
    accounts: flag('accounts'),
    streams: flag('streams'),
    consumer: flag('consumers'),
    direct_consumer: flag('direct-consumers'),
    config: flag('config'),
    leader_only: flag('leader-only'),
    offset: int('offset'),
    limit: int('limit'),
    raft: flag('raft'),
    stream_leader_only: flag('stream-leader-only'),
  },
  show: (host, { query }) => host.jsz(query),
}

/** `$SYS.REQ.SERVER.PING.<name>` and `$SYS.REQ.SERVER.<id>.<name>`. */
export const serverViews: Readonly<Record<string, View>> = {
  VARZ: {
    type: 'VarzEventOptions',
    fields: {},
    show: host => varz(host.sources, host.figures()),
  },
  CONNZ: connzView,
  SUBSZ: subszView,
  ROUTEZ: {
    type: 'RoutezEventOptions',
    fields: subscriptionFields,
    show: (host, { query }) => routez(host.sources, query, now(host)),
  },
  GATEWAYZ: {
    type: 'GatewayzEventOptions',
    fields: {
      name: text('gw_name'),
      accounts: flag('accs'),
      account_name: text('acc_name'),
      ...subscriptionFields,
    },
    show: (host, { query }) => gatewayz(host.sources.server, query, now(host)),
  },
  LEAFZ: leafzView,
  ACCOUNTZ: {
    type: 'AccountzEventOptions',
    fields: { account: text('acc') },
    show: (host, { query }) => accountz(host.sources, query, now(host)),
  },
  JSZ: jszView,
  HEALTHZ: {
    type: 'HealthzEventOptions',
    fields: {
      'js-enabled': flag('js-enabled'),
      'js-enabled-only': flag('js-enabled-only'),
      'js-server-only': flag('js-server-only'),
      'js-meta-only': flag('js-meta-only'),
      account: text('account'),
      stream: text('stream'),
      consumer: text('consumer'),
      details: flag('details'),
    },
    show: (host, { query }) => {
      const { code, body } = healthz(host.sources.health, query)
      const { status, ...rest } = body as Record<string, unknown>
      return { status, status_code: code, ...rest }
    },
  },
  EXPVARZ: { type: 'ExpvarzEventOptions', fields: {}, show: () => expvarz() },
  IPQUEUESZ: {
    type: 'IpqueueszEventOptions',
    fields: { all: flag('all'), filter: text('queues') },
    show: ({ sources }, { query }) => ipqueuesz(sources, query),
  },
  // Without Raft there is nothing of it: as a nats-server alone says.
  RAFTZ: {
    type: 'RaftzEventOptions',
    fields: { account: text('acc'), group: text('group') },
    show: () => ({}),
  },
}

const statz: RequestShape = {
  type: 'AccountStatzEventOptions',
  fields: {
    accounts: { type: '[]string', param: '' },
    include_unused: flag('unused'),
  },
}

/** `$SYS.REQ.ACCOUNT.PING.STATZ`: silent when there is nothing to tell. */
export const accountsStatz: View = {
  ...statz,
  show: (host, options) => {
    const wanted = (options.fields.get('accounts') ?? []) as readonly string[]
    return statzOf(host, options, wanted)
  },
}

type AccountView = RequestShape & {
  /** `account` is the token of the subject. */
  readonly show: (host: SystemHost, options: RequestOptions, account: string) => object | null
}

/** `$SYS.REQ.ACCOUNT.<account>.<name>`: the same, about one account, whatever the request says. */
export const accountViews: Readonly<Record<string, AccountView>> = {
  CONNZ: about(connzView, 'acc'),
  LEAFZ: about(leafzView, 'acc'),
  SUBSZ: about(subszView, 'acc', { subs: '1' }),
  JSZ: {
    ...jszView,
    show: (host, options, account) => jszOf(host, options.query, account),
  },
  INFO: {
    type: 'AccInfoEventOptions',
    fields: {},
    show: (host, _, account) => {
      const all = accountz(host.sources, queryOf({ acc: account }), now(host))
      return 'account_detail' in all ? (all.account_detail as object) : all
    },
  },
  STATZ: {
    ...statz,
    show: (host, options, account) => statzOf(host, options, [account]),
  },
}

function about(
  view: View,
  param: string,
  more: Readonly<Record<string, string>> = {},
): AccountView {
  return {
    ...view,
    show: (host, options, account) => {
      const query = options.query.with({ [param]: account, ...more })
      return view.show(host, { ...options, query })
    },
  }
}

function statzOf(
  host: SystemHost,
  { query }: RequestOptions,
  wanted: readonly string[],
): object | null {
  const all = accstatz(host.sources, query, now(host)) as { account_statz: { acc: string }[] }
  const isWanted = new Set(wanted)
  const rows = all.account_statz.filter(({ acc }) => isWanted.size === 0 || isWanted.has(acc))
  return rows.length === 0 && !query.bool('unused') ? null : { ...all, account_statz: rows }
}

/** What the account's JWT calls it, or its own name. */
export function nameTag({ sources }: SystemHost, account: string): string {
  return sources.accountFacts?.(account)?.nameTag || account
}

/** The row of one account; null: there is no such account. */
export function accountStat(host: SystemHost, account: string): object | null {
  const all = accstatz(host.sources, queryOf({ unused: '1' }), now(host))
  const { account_statz: rows } = all as { account_statz: { acc: string }[] }
  return rows.find(({ acc }) => acc === account) ?? null
}

function jszOf(host: SystemHost, query: Query, account: string): object {
  const all = host.jsz(query.with({ acc: account }))
  const details = 'account_details' in all ? (all.account_details as object[]) : []
  const found = details[0]
  if (found) return found
  throw new Failure(
    host.accounts.has(account)
      ? `account "${account}" not jetstream enabled`
      : `account "${account}" not found`,
  )
}

function queryOf(params: Readonly<Record<string, string>>): Query {
  return new Query(new URLSearchParams(params))
}

/** A request that cannot be answered, with the text that says why. */
export class Failure extends Error {}
