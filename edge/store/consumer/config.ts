// A consumer's config: its fields, read from a request, merged and printed.
//
// It carries the API's own field names in the order nats-server 2.15 prints them; a field that is
// zero is not printed (reference 6.4). What it may say is in config-check.ts, what is filled in
// in config-defaults.ts, what an update may change in config-update.ts.

import { FieldReader, type Fields, timeOf } from '../api/text.ts'
import { type PriorityPolicy, priorityPolicies } from './priority.ts'

export const deliverPolicies = [
  'all',
  'last',
  'new',
  'by_start_sequence',
  'by_start_time',
  'last_per_subject',
] as const
export type DeliverPolicy = (typeof deliverPolicies)[number]
/** `flow_control`: as `all`, but answers to flow control requests acknowledge (ADR-60). */
export const ackPolicies = ['none', 'all', 'explicit', 'flow_control'] as const
export type AckPolicy = (typeof ackPolicies)[number]
export type ReplayPolicy = 'instant' | 'original'

/** Durations are nanoseconds. */
export interface ConsumerConfig {
  readonly durable_name?: string
  readonly name?: string
  readonly description?: string
  readonly deliver_policy: DeliverPolicy
  readonly opt_start_seq?: number
  readonly opt_start_time?: string
  readonly ack_policy: AckPolicy
  readonly ack_wait?: number
  readonly max_deliver?: number
  readonly backoff?: readonly number[]
  readonly filter_subject?: string
  readonly filter_subjects?: readonly string[]
  readonly replay_policy: ReplayPolicy
  readonly rate_limit_bps?: number
  readonly sample_freq?: string
  readonly max_waiting?: number
  readonly max_ack_pending?: number
  readonly flow_control?: boolean
  readonly headers_only?: boolean
  readonly max_batch?: number
  readonly max_expires?: number
  readonly max_bytes?: number
  readonly deliver_subject?: string
  readonly deliver_group?: string
  readonly idle_heartbeat?: number
  readonly inactive_threshold?: number
  readonly num_replicas: number
  readonly mem_storage?: boolean
  /** A source's or mirror's: seen by no client, kept nowhere. */
  readonly direct?: boolean
  /** A source's or mirror's, whatever it is kept in (2.14). */
  readonly sourcing?: boolean
  readonly metadata?: Readonly<Record<string, string>>
  /** Nothing is delivered before (2.11). */
  readonly pause_until?: string
  readonly priority_groups?: readonly string[]
  readonly priority_policy?: Exclude<PriorityPolicy, 'none'>
  /** How long a pinned client may be silent. */
  readonly priority_timeout?: number
}

/** nats-server has no bound on these; a list of thousands is a mistake (invariant 3). */
const backoffsMax = 1024

/** Null when a field has the wrong type. */
export function readConfig(fields: Fields): ConsumerConfig | null {
  const from = new FieldReader(fields)
  const startTime = from.text('opt_start_time')
  const policy = from.word('priority_policy', priorityPolicies, 'none')
  const config = {
    durable_name: from.text('durable_name'),
    name: from.text('name'),
    description: from.text('description'),
    deliver_policy: from.word('deliver_policy', deliverPolicies, 'all'),
    opt_start_seq: from.count('opt_start_seq'),
    opt_start_time: startTime,
    ack_policy: from.word('ack_policy', ackPolicies, 'none'),
    ack_wait: from.integer('ack_wait'),
    max_deliver: from.integer('max_deliver'),
    backoff: readDurations(fields.backoff),
    filter_subject: from.text('filter_subject'),
    filter_subjects: from.texts('filter_subjects'),
    replay_policy: from.word('replay_policy', ['instant', 'original'] as const, 'instant'),
    rate_limit_bps: from.count('rate_limit_bps'),
    sample_freq: from.text('sample_freq'),
    max_waiting: from.integer('max_waiting'),
    max_ack_pending: from.integer('max_ack_pending'),
    flow_control: from.flag('flow_control'),
    headers_only: from.flag('headers_only'),
    max_batch: from.integer('max_batch'),
    max_expires: from.integer('max_expires'),
    max_bytes: from.integer('max_bytes'),
    deliver_subject: from.text('deliver_subject'),
    deliver_group: from.text('deliver_group'),
    idle_heartbeat: from.integer('idle_heartbeat'),
    inactive_threshold: from.integer('inactive_threshold'),
    num_replicas: from.integer('num_replicas'),
    mem_storage: from.flag('mem_storage'),
    direct: from.flag('direct'),
    sourcing: from.flag('sourcing'),
    metadata: from.labels('metadata'),
    pause_until: from.text('pause_until'),
    priority_groups: from.texts('priority_groups'),
    priority_policy: policy === 'none' ? '' : policy,
    priority_timeout: from.integer('priority_timeout'),
  }
  if (from.wrong || config.backoff === null) return null
  for (const time of [startTime, config.pause_until]) {
    if (time !== '' && timeOf(time) === null) return null
  }
  return withoutZeros(config as Draft)
}

/** A config before zeros are left out: what is absent is '', 0, false or []. */
type Draft = ConsumerConfig

const alwaysPrinted = new Set(['deliver_policy', 'ack_policy', 'replay_policy', 'num_replicas'])

/** The same config as nats-server would print it: zero values left out, order kept. */
function withoutZeros(config: Draft): ConsumerConfig {
  const kept = Object.entries(config).filter(
    ([name, value]) => alwaysPrinted.has(name) || !isZero(value),
  )
  return Object.fromEntries(kept) as unknown as ConsumerConfig
}

function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return !value
}

/** Null when it is no list of whole numbers. */
function readDurations(value: unknown): readonly number[] | null {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || value.length > backoffsMax) return null
  return value.every(item => Number.isSafeInteger(item)) ? (value as number[]) : null
}

export type Changes = { -readonly [K in keyof ConsumerConfig]?: ConsumerConfig[K] | undefined }

/** Merges without disturbing the printed order; a field set to undefined or zero goes. */
export function withFields(config: ConsumerConfig, changes: Changes): ConsumerConfig {
  const values = { ...config, ...changes } as unknown as Record<string, unknown>
  const ordered: Record<string, unknown> = {}
  for (const name of printedOrder) if (values[name] !== undefined) ordered[name] = values[name]
  return withoutZeros(ordered as unknown as ConsumerConfig)
}

const printedOrder: readonly (keyof ConsumerConfig)[] = [
  'durable_name',
  'name',
  'description',
  'deliver_policy',
  'opt_start_seq',
  'opt_start_time',
  'ack_policy',
  'ack_wait',
  'max_deliver',
  'backoff',
  'filter_subject',
  'filter_subjects',
  'replay_policy',
  'rate_limit_bps',
  'sample_freq',
  'max_waiting',
  'max_ack_pending',
  'flow_control',
  'headers_only',
  'max_batch',
  'max_expires',
  'max_bytes',
  'deliver_subject',
  'deliver_group',
  'idle_heartbeat',
  'inactive_threshold',
  'num_replicas',
  'mem_storage',
  'direct',
  'sourcing',
  'metadata',
  'pause_until',
  'priority_groups',
  'priority_policy',
  'priority_timeout',
]

/** The subjects a consumer wants; empty = everything. */
export function filtersOf(config: ConsumerConfig): readonly string[] {
  if (config.filter_subjects) return config.filter_subjects
  return config.filter_subject ? [config.filter_subject] : []
}

/** A mirror's or source's: limits on consumers and the rules of work queues leave it out. */
export function isFeed(config: ConsumerConfig): boolean {
  return config.direct === true || config.sourcing === true
}
