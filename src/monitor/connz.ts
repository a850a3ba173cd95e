// /connz: the client connections, sorted, filtered and cut to a page as nats-server 2.10 does.

import { overlaps } from '../subject/subject.ts'
import { durationText, timeText, uptimeText } from './json.ts'
import { type Query, QueryError } from './query.ts'
import type { MonitoredClient, MonitoredClosedClient, Sources } from './shapes.ts'

/** Connections a page holds unless `limit` says otherwise. */
const limitDefault = 1024
/** Written in one turn of the loop: past this a request would hold everybody up. */
const limitMax = 10_000

interface Row {
  readonly id: number
  readonly live: MonitoredClient | null
  readonly gone: MonitoredClosedClient | null
}

type Key = (row: Row, nowMs: number) => number | string

interface Order {
  readonly key: Key
  readonly descending: boolean
}

const either = (row: Row): MonitoredClient | MonitoredClosedClient =>
  (row.live ?? row.gone) as MonitoredClient | MonitoredClosedClient

/** Every sort nats-server knows; only ids, uptimes and reasons ascend. */
const orders: Readonly<Record<string, Order>> = {
  cid: { key: row => row.id, descending: false },
  start: { key: row => row.id, descending: false },
  subs: { key: row => row.live?.subscriptions.size ?? 0, descending: true },
  pending: { key: row => row.live?.pendingBytes ?? 0, descending: true },
  msgs_to: { key: row => either(row).outMsgs, descending: true },
  msgs_from: { key: row => either(row).inMsgs, descending: true },
  bytes_to: { key: row => either(row).outBytes, descending: true },
  bytes_from: { key: row => either(row).inBytes, descending: true },
  last: { key: row => either(row).lastActivityMs, descending: true },
  idle: { key: (row, nowMs) => nowMs - either(row).lastActivityMs, descending: true },
  uptime: {
    key: (row, nowMs) => (row.gone?.stoppedWallMs ?? nowMs) - either(row).startedWallMs,
    descending: false,
  },
  stop: { key: row => row.gone?.stoppedWallMs ?? 0, descending: true },
  reason: { key: row => row.gone?.reason ?? '', descending: false },
  rtt: { key: row => row.live?.keepalive.rttMs ?? row.gone?.rttMs ?? 0, descending: true },
}

type ListState = 'open' | 'closed' | 'any'

/** Throws QueryError with nats-server's text when a parameter is wrong. */
export function connz(sources: Sources, query: Query, nowMs: number): object {
  const sort = query.text('sort') || 'cid'
  const withUser = query.bool('auth')
  const withDetail = query.text('subs').toLowerCase() === 'detail'
  const withSubjects = withDetail ? false : query.bool('subs')
  const offset = Math.max(0, query.int('offset'))
  const limit = query.int('limit')
  const cid = query.uint('cid')
  const state = stateOf(query.text('state'))
  const order = orderOf(sort, state)
  const rows = select(sources, query, state, cid)
  sortRows(rows.found, order, nowMs)
  const pageMax = cid > 0 ? 1 : limit <= 0 ? limitDefault : Math.min(limit, limitMax)
  const page = rows.found.slice(offset, offset + pageMax)
  return {
    server_id: sources.server.id,
    now: timeText(nowMs),
    num_connections: page.length,
    total: rows.total,
    offset,
    limit: pageMax,
    connections: page.map(row =>
      row.live
        ? liveRow(row.live, nowMs, { withUser, withSubjects, withDetail })
        : goneRow(row.gone, withUser),
    ),
  }
}

function stateOf(text: string): ListState {
  switch (text.toLowerCase()) {
    case '':
    case 'open':
      return 'open'
    case 'closed':
      return 'closed'
    case 'any':
    case 'all':
      return 'any'
    default:
      throw new QueryError(`Error decoding state for ${text}`)
  }
}

function orderOf(sort: string, state: ListState): Order {
  const order = Object.hasOwn(orders, sort) ? orders[sort] : undefined
  if (!order) throw new QueryError(`invalid sorting option: ${sort}`)
  if ((sort === 'stop' || sort === 'reason') && state !== 'closed') {
    throw new QueryError(`sort by ${sort} only valid on closed connections`)
  }
  return order
}

/** The connections that the filters let through, and how many there are before user and subject. */
function select(sources: Sources, query: Query, state: ListState, cid: number) {
  const account = query.text('acc')
  const user = query.text('user')
  const mqttClient = query.text('mqtt_client')
  const filter = query.text('filter_subject')
  if (filter !== '' && filter !== '>' && account === '') {
    throw new QueryError('filter by subject only valid with account filtering')
  }
  const all: Row[] = []
  if (state !== 'closed') {
    for (const live of sources.server.clients.values()) all.push({ id: live.id, live, gone: null })
    for (const live of sources.mqttClients?.() ?? []) all.push({ id: live.id, live, gone: null })
  }
  if (state !== 'open') {
    for (const gone of sources.server.closed.list()) all.push({ id: gone.id, live: null, gone })
  }
  const ours = account === '' ? all : all.filter(row => accountOf(row) === account)
  if (cid > 0) return { total: ours.length, found: all.filter(row => row.id === cid) }
  const found = ours.filter(
    row =>
      (user === '' || userOf(row) === user) &&
      (mqttClient === '' || row.live?.mqttClientId === mqttClient) &&
      (filter === '' || filter === '>' || hears(row, filter)),
  )
  return { total: ours.length, found }
}

function accountOf(row: Row): string {
  return row.live ? (row.live.account?.name ?? '') : (row.gone?.account ?? '')
}

function userOf(row: Row): string {
  return row.live ? (row.live.identity?.user ?? '') : (row.gone?.user ?? '')
}

function hears(row: Row, filter: string): boolean {
  if (row.live === null) return false
  for (const { subject } of row.live.subscriptions.values()) {
    if (overlaps(subject, filter)) return true
  }
  return false
}

function sortRows(rows: Row[], order: Order, nowMs: number): void {
  const sign = order.descending ? -1 : 1
  rows.sort((left, right) => {
    const a = order.key(left, nowMs)
    const b = order.key(right, nowMs)
    return a < b ? -sign : a > b ? sign : left.id - right.id
  })
}

interface Wanted {
  readonly withUser: boolean
  readonly withSubjects: boolean
  readonly withDetail: boolean
}

function liveRow(client: MonitoredClient, nowMs: number, wanted: Wanted): object {
  const { options, subscriptions, mqttClientId } = client
  const account = client.account?.name ?? ''
  return {
    cid: client.id,
    kind: 'Client',
    type: mqttClientId === undefined ? (client.type ?? 'nats') : 'mqtt',
    ip: client.host,
    port: client.port,
    start: timeText(client.startedWallMs),
    last_activity: timeText(client.lastActivityMs),
    rtt: durationText(client.keepalive.rttMs),
    uptime: uptimeText(nowMs - client.startedWallMs),
    idle: uptimeText(nowMs - client.lastActivityMs),
    pending_bytes: client.pendingBytes,
    ...trafficOf(client),
    subscriptions: subscriptions.size,
    ...namesOf(options),
    ...(wanted.withUser ? userFields(client.identity?.user ?? '', account) : {}),
    ...(wanted.withSubjects && subscriptions.size > 0
      ? { subscriptions_list: Array.from(subscriptions.values(), one => one.subject) }
      : {}),
    ...(wanted.withDetail && subscriptions.size > 0
      ? {
          subscriptions_list_detail: Array.from(subscriptions.values(), one =>
            detail(one, client.id),
          ),
        }
      : {}),
    ...(mqttClientId ? { mqtt_client: mqttClientId } : {}),
  }
}

function goneRow(client: MonitoredClosedClient | null, withUser: boolean): object {
  if (client === null) return {}
  return {
    cid: client.id,
    kind: 'Client',
    type: client.type ?? 'nats',
    ip: client.host,
    port: client.port,
    start: timeText(client.startedWallMs),
    last_activity: timeText(client.lastActivityMs),
    stop: timeText(client.stoppedWallMs),
    reason: client.reason,
    rtt: durationText(client.rttMs),
    uptime: uptimeText(client.stoppedWallMs - client.startedWallMs),
    idle: uptimeText(client.stoppedWallMs - client.lastActivityMs),
    pending_bytes: 0,
    ...trafficOf(client),
    subscriptions: 0,
    ...namesOf(client),
    ...(withUser ? userFields(client.user, client.account) : {}),
  }
}

function trafficOf({
  inMsgs,
  outMsgs,
  inBytes,
  outBytes,
}: MonitoredClient | MonitoredClosedClient) {
  return { in_msgs: inMsgs, out_msgs: outMsgs, in_bytes: inBytes, out_bytes: outBytes }
}

function namesOf({ name, lang, version }: { name: string; lang: string; version: string }): object {
  return {
    ...(name === '' ? {} : { name }),
    ...(lang === '' ? {} : { lang }),
    ...(version === '' ? {} : { version }),
  }
}

/** The global account goes without saying. */
function userFields(user: string, account: string): object {
  return {
    ...(user === '' ? {} : { authorized_user: user }),
    ...(account === '' || account === '$G' ? {} : { account }),
  }
}

type Subscribed = MonitoredClient['subscriptions'] extends ReadonlyMap<string, infer S> ? S : never

function detail(subscription: Subscribed, cid: number): object {
  const { subject, queue, sid, delivered, max } = subscription
  return {
    subject,
    ...(queue === '' ? {} : { qgroup: queue }),
    sid,
    msgs: delivered,
    ...(max > 0 ? { max } : {}),
    cid,
  }
}
