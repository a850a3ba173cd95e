// /jsz: its parameters, and what is said where JetStream is off. What it says of streams is the
// store's.

import { timeText } from './json.ts'
import { type Query, QueryError } from './query.ts'

export interface JszOptions {
  /** '' = all. */
  readonly account: string
  readonly accounts: boolean
  readonly streams: boolean
  readonly consumers: boolean
  /** Those of mirrors and sources too. */
  readonly directConsumers: boolean
  readonly config: boolean
  readonly raft: boolean
  readonly offset: number
  readonly limit: number
  readonly leaderOnly: boolean
}

const limitDefault = 1024

/** Throws QueryError for a parameter that is none. */
export function jszOptions(query: Query): JszOptions {
  const account = query.text('acc')
  const accounts = query.bool('accounts')
  const withStreams = query.bool('streams')
  const consumers = query.bool('consumers')
  const directConsumers = query.bool('direct-consumers')
  const config = query.bool('config')
  const offset = Math.max(0, query.int('offset'))
  const limit = query.int('limit')
  const leaderOnly = query.bool('leader-only')
  const raft = query.bool('raft')
  // A node alone leads all of its streams.
  query.bool('stream-leader-only')
  const streams = withStreams || consumers
  return {
    account,
    accounts: accounts || (streams && account === ''),
    streams,
    consumers,
    directConsumers,
    config,
    raft,
    offset,
    limit: limit > 0 ? limit : limitDefault,
    leaderOnly,
  }
}

/** The answer where JetStream is off. Throws QueryError: nobody leads then. */
export function jszDisabled(serverId: string, query: Query, nowMs: number): object {
  if (jszOptions(query).leaderOnly) throw new QueryError('filtered response: not leader')
  return {
    server_id: serverId,
    now: timeText(nowMs),
    disabled: true,
    config: { max_memory: 0, max_storage: 0 },
    memory: 0,
    storage: 0,
    reserved_memory: 0,
    reserved_storage: 0,
    accounts: 0,
    ha_assets: 0,
    api: { total: 0, errors: 0 },
    streams: 0,
    consumers: 0,
    messages: 0,
    bytes: 0,
    total: 0,
  }
}
