// A stream's config as a request brings it and as answers print it. What it must keep to is in
// config-rules.ts, what an update may change in config-update.ts (reference 6.3).

import type { PlacementConfig, StreamConfig } from '../shapes.ts'
import { readSource, readSources } from '../source/config.ts'
import { comparableMetadata, shownMetadata, storedMetadata } from './level.ts'
import { optionalTransform, readRepublish } from './shaping.ts'
import { FieldReader, type Fields } from './text.ts'

/** What a client sent, in our types; zero values as they are. The fields fit their shape. */
export function readStreamConfig(fields: Fields): StreamConfig {
  const read = new FieldReader(fields)
  const description = read.text('description')
  const subjects = read.texts('subjects')
  const mirror = readSource(read.fields('mirror'))
  const sources = readSources(fields.sources)
  const firstSeq = read.integer('first_seq')
  const transform = optionalTransform(read.fields('subject_transform'))
  const republish = readRepublish(read.fields('republish'))
  const placement = readPlacement(read.fields('placement'))
  return {
    name: read.text('name'),
    ...(description !== '' && { description }),
    ...(subjects.length > 0 && { subjects }),
    retention: read.word('retention', ['limits', 'interest', 'workqueue'], 'limits'),
    max_consumers: read.integer('max_consumers'),
    max_msgs: read.integer('max_msgs'),
    max_bytes: read.integer('max_bytes'),
    max_age: read.integer('max_age'),
    max_msgs_per_subject: read.integer('max_msgs_per_subject'),
    max_msg_size: read.integer('max_msg_size'),
    discard: read.word('discard', ['old', 'new'], 'old'),
    storage: read.word('storage', ['file', 'memory'], 'file'),
    num_replicas: read.integer('num_replicas'),
    ...(read.flag('no_ack') && { no_ack: true }),
    duplicate_window: read.integer('duplicate_window'),
    ...(placement && { placement }),
    ...(mirror && { mirror }),
    ...(sources.length > 0 && { sources }),
    compression: read.word('compression', ['none', 's2'], 'none'),
    ...(firstSeq > 0 && { first_seq: firstSeq }),
    ...(transform && { subject_transform: transform }),
    ...(republish && { republish }),
    allow_direct: read.flag('allow_direct'),
    mirror_direct: read.flag('mirror_direct'),
    ...(read.flag('discard_new_per_subject') && { discard_new_per_subject: true }),
    sealed: read.flag('sealed'),
    deny_delete: read.flag('deny_delete'),
    deny_purge: read.flag('deny_purge'),
    allow_rollup_hdrs: read.flag('allow_rollup_hdrs'),
    consumer_limits: readConsumerLimits(read.fields('consumer_limits') ?? {}),
    allow_msg_ttl: read.flag('allow_msg_ttl'),
    ...readNewer(read),
  }
}

/** The fields of 2.11 and later that are left out when they are not set. */
function readNewer(read: FieldReader): Partial<StreamConfig> {
  const markerTtl = read.integer('subject_delete_marker_ttl')
  const persistMode = read.word('persist_mode', ['', 'default', 'async'], '')
  const metadata = read.labels('metadata')
  return {
    ...(markerTtl !== 0 && { subject_delete_marker_ttl: markerTtl }),
    ...(read.flag('allow_msg_counter') && { allow_msg_counter: true }),
    ...(read.flag('allow_atomic') && { allow_atomic: true }),
    ...(read.flag('allow_msg_schedules') && { allow_msg_schedules: true }),
    ...(persistMode === 'async' && { persist_mode: 'async' }),
    ...(read.flag('allow_batched') && { allow_batched: true }),
    ...(metadata && { metadata }),
  }
}

function readConsumerLimits(fields: Fields): StreamConfig['consumer_limits'] {
  const read = new FieldReader(fields)
  const inactiveThreshold = read.integer('inactive_threshold')
  const ackPendingMax = read.integer('max_ack_pending')
  return {
    ...(inactiveThreshold !== 0 && { inactive_threshold: inactiveThreshold }),
    ...(ackPendingMax !== 0 && { max_ack_pending: ackPendingMax }),
  }
}

/** Accepted and echoed, without meaning on a single server; an empty one is none. */
function readPlacement(fields: Fields | undefined): PlacementConfig | undefined {
  if (fields === undefined) return undefined
  const read = new FieldReader(fields)
  const cluster = read.text('cluster')
  const tags = read.texts('tags')
  const preferred = read.text('preferred')
  if (cluster === '' && tags.length === 0 && preferred === '') return undefined
  return {
    ...(cluster !== '' && { cluster }),
    ...(tags.length > 0 && { tags }),
    ...(preferred !== '' && { preferred }),
  }
}

/** The level of the API that the features of a config need (ADR-44). */
export function requiredLevel(config: StreamConfig): number {
  if (config.allow_batched) return 4
  const { allow_msg_counter, allow_atomic, allow_msg_schedules, persist_mode } = config
  if (allow_msg_counter || allow_atomic || allow_msg_schedules || persist_mode) return 2
  return config.allow_msg_ttl || (config.subject_delete_marker_ttl ?? 0) > 0 ? 1 : 0
}

/** With the level it needs among its metadata. */
export function withLevel(config: StreamConfig): StreamConfig {
  return { ...config, metadata: storedMetadata(config.metadata, requiredLevel(config)) }
}

/** Equal once printed: what a client may send again without changing anything. */
export function sameConfig(a: StreamConfig, b: StreamConfig): boolean {
  const plain = (config: StreamConfig) =>
    JSON.stringify(configFields({ ...config, metadata: comparableMetadata(config.metadata) }))
  return plain(a) === plain(b)
}

/** What lists and monitoring print: nats-server's fields in its order. */
export function configFields(config: StreamConfig): Fields {
  const { description, subjects, placement, metadata, first_seq } = config
  return {
    name: config.name,
    ...(description !== undefined && { description }),
    ...(subjects && subjects.length > 0 && { subjects }),
    retention: config.retention,
    max_consumers: config.max_consumers,
    max_msgs: config.max_msgs,
    max_bytes: config.max_bytes,
    max_age: config.max_age,
    max_msgs_per_subject: config.max_msgs_per_subject,
    max_msg_size: config.max_msg_size,
    discard: config.discard,
    storage: config.storage,
    num_replicas: config.num_replicas,
    ...(config.no_ack && { no_ack: true }),
    ...(config.duplicate_window !== 0 && { duplicate_window: config.duplicate_window }),
    ...(placement && { placement }),
    ...(config.mirror && { mirror: config.mirror }),
    ...(config.sources && { sources: config.sources }),
    compression: config.compression,
    ...(first_seq && { first_seq }),
    ...(config.subject_transform && { subject_transform: config.subject_transform }),
    ...(config.republish && { republish: config.republish }),
    allow_direct: config.allow_direct,
    mirror_direct: config.mirror_direct,
    ...(config.discard_new_per_subject && { discard_new_per_subject: true }),
    sealed: config.sealed,
    deny_delete: config.deny_delete,
    deny_purge: config.deny_purge,
    allow_rollup_hdrs: config.allow_rollup_hdrs,
    consumer_limits: config.consumer_limits,
    allow_msg_ttl: config.allow_msg_ttl,
    ...newerFields(config),
    ...(metadata && Object.keys(metadata).length > 0 && { metadata }),
  }
}

function newerFields(config: StreamConfig): Fields {
  return {
    ...(config.subject_delete_marker_ttl && {
      subject_delete_marker_ttl: config.subject_delete_marker_ttl,
    }),
    ...(config.allow_msg_counter && { allow_msg_counter: true }),
    ...(config.allow_atomic && { allow_atomic: true }),
    ...(config.allow_msg_schedules && { allow_msg_schedules: true }),
    ...(config.persist_mode && { persist_mode: config.persist_mode }),
    ...(config.allow_batched && { allow_batched: true }),
  }
}

/** What answers about one stream print: with the server's version and level. */
export function shownConfig(config: StreamConfig): Fields {
  const { metadata } = config
  return configFields({ ...config, metadata: shownMetadata(metadata) })
}
