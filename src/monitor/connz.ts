// /connz: the connections of clients and leaf nodes, sorted, filtered and cut to a page as
// nats-server does.

import { overlaps } from '../subject/subject.ts'
import {
  accountOf,
  connectionRow,
  described,
  leafConnection,
  type Row,
  subscriptionCount,
  subscriptionsOf,
  userOf,
} from './connection-row.ts'
import { timeText } from './json.ts'
import { type Query, QueryError } from './query.ts'
import type { MonitoredClient, Sources } from './shapes.ts'

/** Connections a page holds unless `limit` says otherwise. */
const limitDefault = 1024
/** Written in one turn of the loop: past this a request would hold everybody up. */
const limitMax = 10_000

type Key = (row: Row, nowMs: number) => number | string

interface Order {
  readonly key: Key
  readonly descending: boolean
}

/** Every sort nats-server knows; only ids, uptimes and reasons ascend. */
const orders: Readonly<Record<string, Order>> = {
  cid: { key: row => row.id, descending: false },
  start: { key: row => row.id, descending: false },
  subs: { key: subscriptionCount, descending: true },
  pending: { key: row => row.live?.pendingBytes ?? 0, descending: true },
  msgs_to: { key: row => described(row).outMsgs, descending: true },
  msgs_from: { key: row => described(row).inMsgs, descending: true },
  bytes_to: { key: row => described(row).outBytes, descending: true },
  bytes_from: { key: row => described(row).inBytes, descending: true },
  last: { key: row => described(row).lastActivityMs, descending: true },
  idle: { key: (row, nowMs) => nowMs - described(row).lastActivityMs, descending: true },
  uptime: {
    key: (row, nowMs) => (row.gone?.stoppedWallMs ?? nowMs) - described(row).startedWallMs,
    descending: false,
  },
  stop: { key: row => row.gone?.stoppedWallMs ?? 0, descending: true },
  reason: { key: row => row.gone?.reason ?? '', descending: false },
  rtt: { key: row => described(row).keepalive.rttMs, descending: true },
}

type ListState = 'open' | 'closed' | 'any'

/** Throws QueryError with nats-server's text when a parameter is wrong. */
export function connz(sources: Sources, query: Query, nowMs: number): object {
  const sort = query.text('sort') || 'cid'
  const withUser = query.bool('auth')
  const subscriptions = query.subscriptions()
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
    connections: page.map(row => connectionRow(row, nowMs, { withUser, subscriptions })),
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
    for (const live of liveOnes(sources)) all.push({ id: live.id, live, gone: null })
  }
  if (state !== 'open') {
    for (const gone of sources.server.closed.list()) all.push({ id: gone.id, live: null, gone })
  }
  const ours = account === '' ? all : all.filter(row => accountOf(row) === account)
  if (cid > 0) return { total: ours.length, found: all.filter(row => row.id === cid) }
  const found = ours.filter(
    row =>
      (user === '' || userOf(row) === user) &&
      (mqttClient === '' || described(row).mqttClientId === mqttClient) &&
      (filter === '' || filter === '>' || hears(row, filter)),
  )
  return { total: ours.length, found }
}

function* liveOnes({ server, mqttClients, leafs }: Sources): Iterable<MonitoredClient> {
  yield* server.clients.values()
  yield* mqttClients?.() ?? []
  for (const leaf of leafs?.() ?? []) {
    const connection = leafConnection(leaf)
    if (connection !== null) yield connection
  }
}

function hears(row: Row, filter: string): boolean {
  return subscriptionsOf(row).some(({ subject }) => overlaps(subject, filter))
}

function sortRows(rows: Row[], order: Order, nowMs: number): void {
  const sign = order.descending ? -1 : 1
  rows.sort((left, right) => {
    const a = order.key(left, nowMs)
    const b = order.key(right, nowMs)
    return a < b ? -sign : a > b ? sign : left.id - right.id
  })
}
