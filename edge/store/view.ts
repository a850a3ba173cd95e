// What monitoring shows of JetStream: /jsz, the jetstream block of /varz, as nats-server
// prints them (reference section 8).

import { type JszOptions, jszOptions } from '../../src/monitor/jsz.ts'
import { apiLevel } from '../../src/server/version.ts'
import type { Query } from '../../src/monitor/query.ts'
import { configFields } from './api/config.ts'
import { stateFields } from './api/info.ts'
import type { ApiQueue } from './api/queue.ts'
import type { ConsumerRoom } from './api/request.ts'
import { type Fields, timeText } from './api/text.ts'
import { type ServerLimits, serverLimitFields } from './server-limits.ts'
import type { Stream } from './shapes.ts'
import type { Streams } from './streams.ts'

export interface ViewSource {
  readonly serverId: string
  readonly storeDir: string
  readonly domain: string
  /** null: always. */
  readonly syncIntervalMs: number | null
  readonly memoryBytesMax: number
  readonly fileBytesMax: number
  readonly limits: ServerLimits
  readonly strict: boolean
  readonly queue: ApiQueue
  readonly accounts: ReadonlyMap<string, Streams>
  readonly consumers: ConsumerRoom
  nowUs(): number
}

/** `jetstream` of /varz. */
export function varzView(source: ViewSource): Fields {
  return { config: config(source), stats: stats(source), limits: serverLimitFields(source.limits) }
}

/** /jsz; throws QueryError for a parameter that is none. */
export function jsz(source: ViewSource, query: Query): Fields {
  const options = jszOptions(query)
  const named = source.accounts.get(options.account)
  const shown = named ? [named] : options.accounts ? pageOf(source, options) : []
  return {
    server_id: source.serverId,
    now: timeText(source.nowUs()),
    config: config(source),
    limits: serverLimitFields(source.limits),
    ...stats(source),
    ...totals(source, options.raft),
    ...(shown.length > 0 && {
      account_details: shown.map(streams => accountDetail(source, streams, options)),
    }),
    total: source.accounts.size,
  }
}

function pageOf(source: ViewSource, { offset, limit }: JszOptions): readonly Streams[] {
  return [...source.accounts.values()]
    .sort((a, b) => (a.account.name < b.account.name ? -1 : 1))
    .slice(offset, offset + limit)
}

function config(source: ViewSource): Fields {
  return {
    max_memory: source.memoryBytesMax,
    max_storage: source.fileBytesMax,
    store_dir: source.storeDir,
    ...(source.syncIntervalMs === null
      ? { sync_always: true }
      : { sync_interval: source.syncIntervalMs * 1_000_000 }),
    ...(source.domain !== '' && { domain: source.domain }),
    ...(source.strict && { strict: true }),
  }
}

function stats(source: ViewSource): Fields {
  const sum = { memory: 0, storage: 0, memoryReserved: 0, fileReserved: 0, total: 0, errors: 0 }
  for (const streams of source.accounts.values()) {
    const usage = streams.usage()
    sum.memory += usage.memoryBytes
    sum.storage += usage.fileBytes
    sum.memoryReserved += usage.memoryReservedBytes
    sum.fileReserved += usage.fileReservedBytes
    sum.total += usage.requests
    sum.errors += usage.errors
  }
  return {
    memory: sum.memory,
    storage: sum.storage,
    reserved_memory: sum.memoryReserved,
    reserved_storage: sum.fileReserved,
    accounts: source.accounts.size,
    ha_assets: 0,
    api: {
      level: apiLevel,
      total: sum.total,
      errors: sum.errors,
      ...(source.queue.inflight > 0 && { inflight: source.queue.inflight }),
    },
  }
}

function totals(source: ViewSource, withLeaders: boolean): Fields {
  const sum = { streams: 0, consumers: 0, messages: 0, bytes: 0 }
  for (const account of source.accounts.values()) {
    for (const stream of account.streams.values()) {
      const state = stream.state()
      sum.streams++
      sum.consumers += source.consumers.count(stream)
      sum.messages += state.messages
      sum.bytes += state.bytes
    }
  }
  const { streams, consumers, messages, bytes } = sum
  // A node alone leads all it has; no stream and no consumer is left out, as in nats-server.
  return {
    streams,
    ...(withLeaders && streams > 0 && { streams_leader: streams }),
    consumers,
    ...(withLeaders && consumers > 0 && { consumers_leader: consumers }),
    messages,
    bytes,
  }
}

function accountDetail(source: ViewSource, streams: Streams, options: JszOptions): Fields {
  const usage = streams.usage()
  const { name } = streams.account
  const { limits, tiers } = streams.quota
  // As in nats-server: what the account may have, where it is limited.
  const shown = tiers === null ? limits : null
  const orMax = (max: number | undefined, bytes: number) =>
    max !== undefined && max >= 0 ? max : bytes
  const details = options.streams
    ? [...streams.streams.values()].map(stream => streamDetail(source, streams, stream, options))
    : []
  return {
    name,
    id: name,
    memory: usage.memoryBytes,
    storage: usage.fileBytes,
    reserved_memory: orMax(shown?.memoryBytesMax, usage.memoryReservedBytes),
    reserved_storage: orMax(shown?.diskBytesMax, usage.fileReservedBytes),
    accounts: 0,
    ha_assets: 0,
    api: { level: apiLevel, total: usage.requests, errors: usage.errors },
    ...(details.length > 0 && { stream_detail: details }),
  }
}

function streamDetail(
  source: ViewSource,
  streams: Streams,
  stream: Stream,
  options: JszOptions,
): Fields {
  const shown = (infos: readonly Fields[]) =>
    options.config ? infos : infos.map(info => without(info, 'config'))
  const consumers = options.consumers ? shown(source.consumers.infos(stream)) : []
  const direct =
    options.consumers && options.directConsumers ? shown(source.consumers.directInfos(stream)) : []
  return {
    name: stream.config.name,
    created: timeText(stream.createdUs),
    cluster: { leader: streams.serverName },
    ...(options.config && { config: configFields(stream.config) }),
    state: stateFields(stream.state(), source.consumers.count(stream)),
    ...(consumers.length > 0 && { consumer_detail: consumers }),
    ...(direct.length > 0 && { direct_consumer_detail: direct }),
    ...streams.feeds(stream),
  }
}

function without(fields: Fields, name: string): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name))
}
