// A consumer's config: read from a request, filled with defaults, checked, compared.
//
// It carries the API's own field names in the order nats-server prints them; a field that is
// zero is not printed. Unknown fields are ignored, as nats-server 2.10 does: newer hubs send
// `sourcing` and the like (reference 4.9, 6.4).

import { isPattern, isSubject, overlaps } from '../../../src/subject/subject.ts'
import { FieldReader, type Fields, timeOf } from '../api/text.ts'
import { streamInvalidConfig } from '../errors.ts'
import type { ApiError, StreamConfig } from '../shapes.ts'
import type { ConsumerBounds } from '../quota.ts'
import * as errors from './errors.ts'
import { durationText } from './duration.ts'

export const deliverPolicies = [
  'all',
  'last',
  'new',
  'by_start_sequence',
  'by_start_time',
  'last_per_subject',
] as const
export type DeliverPolicy = (typeof deliverPolicies)[number]
export type AckPolicy = 'none' | 'all' | 'explicit'
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
  readonly idle_heartbeat?: number
  readonly flow_control?: boolean
  readonly headers_only?: boolean
  readonly max_batch?: number
  readonly max_expires?: number
  readonly max_bytes?: number
  readonly deliver_subject?: string
  readonly deliver_group?: string
  readonly inactive_threshold?: number
  readonly num_replicas: number
  readonly mem_storage?: boolean
  readonly direct?: boolean
  readonly metadata?: Readonly<Record<string, string>>
}

const nsPerMs = 1_000_000
const ackWaitNsDefault = 30_000 * nsPerMs
const ackPendingDefault = 1000
const waitingDefault = 512
export const inactiveNsDefault = 5000 * nsPerMs
const nameBytesMax = 255
const descriptionBytesMax = 4 * 1024
const metadataBytesMax = 128 * 1024
const heartbeatNsMin = 100 * nsPerMs
/** nats-server has no bound on these; a list of thousands is a mistake (invariant 3). */
const filtersMax = 1024
const backoffsMax = 1024
const waitingMax = 65_536

/** Null when a field has the wrong type. */
export function readConfig(fields: Fields): ConsumerConfig | null {
  const from = new FieldReader(fields)
  const startTime = from.text('opt_start_time')
  const config = {
    durable_name: from.text('durable_name'),
    name: from.text('name'),
    description: from.text('description'),
    deliver_policy: from.word('deliver_policy', deliverPolicies, 'all'),
    opt_start_seq: from.count('opt_start_seq'),
    opt_start_time: startTime,
    ack_policy: from.word('ack_policy', ['none', 'all', 'explicit'] as const, 'none'),
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
    idle_heartbeat: from.integer('idle_heartbeat'),
    flow_control: from.flag('flow_control'),
    headers_only: from.flag('headers_only'),
    max_batch: from.integer('max_batch'),
    max_expires: from.integer('max_expires'),
    max_bytes: from.integer('max_bytes'),
    deliver_subject: from.text('deliver_subject'),
    deliver_group: from.text('deliver_group'),
    inactive_threshold: from.integer('inactive_threshold'),
    num_replicas: from.integer('num_replicas'),
    mem_storage: from.flag('mem_storage'),
    direct: from.flag('direct'),
    metadata: from.labels('metadata'),
  }
  if (from.wrong || config.backoff === null) return null
  if (startTime !== '' && timeOf(startTime) === null) return null
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

/** Merges without disturbing the printed order. */
function withFields(config: ConsumerConfig, fields: Partial<ConsumerConfig>): ConsumerConfig {
  const values = { ...config, ...fields } as unknown as Record<string, unknown>
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
  'idle_heartbeat',
  'flow_control',
  'headers_only',
  'max_batch',
  'max_expires',
  'max_bytes',
  'deliver_subject',
  'deliver_group',
  'inactive_threshold',
  'num_replicas',
  'mem_storage',
  'direct',
  'metadata',
]

/** The config with the server's and the stream's defaults in it. */
export function withDefaults(
  config: ConsumerConfig,
  stream: StreamConfig,
  bounds: ConsumerBounds,
): ConsumerConfig {
  const acks = config.ack_policy !== 'none'
  const limits = stream.consumer_limits
  const fields: { -readonly [K in keyof ConsumerConfig]?: ConsumerConfig[K] } = {}
  if (!config.deliver_subject && !config.max_waiting) fields.max_waiting = waitingDefault
  if (!config.ack_wait && acks) fields.ack_wait = ackWaitNsDefault
  if (!config.max_deliver) fields.max_deliver = -1
  if (config.backoff) fields.ack_wait = config.backoff[0] as number
  if (!config.max_ack_pending) {
    const limit = limits.max_ack_pending ?? 0
    if (limit !== 0) fields.max_ack_pending = limit
    else if (acks) fields.max_ack_pending = defaultAckPending(bounds)
  }
  const { serverBatchMax } = bounds
  if (!config.deliver_subject && !config.max_batch && serverBatchMax > 0) {
    fields.max_batch = serverBatchMax
  }
  let threshold = config.inactive_threshold ?? 0
  if (threshold === 0) threshold = limits.inactive_threshold ?? 0
  if (threshold <= 0 && !config.durable_name) threshold = inactiveNsDefault
  if (threshold !== 0) fields.inactive_threshold = threshold
  return withFields(config, fields)
}

function defaultAckPending({ serverAckPendingMax, ackPendingMax }: ConsumerBounds): number {
  const bounds = [serverAckPendingMax, ackPendingMax].filter(max => max > 0)
  return Math.min(ackPendingDefault, ...bounds)
}

export function withName(config: ConsumerConfig, name: string): ConsumerConfig {
  return withFields(config, { name })
}

/** The subjects a consumer wants; empty = everything. */
export function filtersOf(config: ConsumerConfig): readonly string[] {
  if (config.filter_subjects) return config.filter_subjects
  return config.filter_subject ? [config.filter_subject] : []
}

/** What is wrong with it, defaults filled in; null when nothing is. */
/** Without `bounds`: it was made long ago, and only the stream changes. */
export function checkConfig(
  config: ConsumerConfig,
  stream: StreamConfig,
  bounds?: ConsumerBounds,
): ApiError | null {
  return (
    checkReplicas(config, stream) ??
    checkTexts(config) ??
    (config.deliver_subject
      ? checkPush(config, stream, config.deliver_subject)
      : checkPull(config, stream)) ??
    (bounds && checkBounds(config, bounds)) ??
    checkLimits(config, stream) ??
    checkFilters(config) ??
    checkStart(config) ??
    checkRest(config)
  )
}

function checkReplicas(config: ConsumerConfig, stream: StreamConfig): ApiError | null {
  const replicas = config.num_replicas
  if (replicas > 0 && replicas > stream.num_replicas) return errors.replicasExceedStream
  if (replicas < 0) {
    return { code: 400, err_code: 10133, description: 'replicas count cannot be negative' }
  }
  if (stream.retention !== 'limits' && replicas !== 0 && replicas !== stream.num_replicas) {
    return errors.replicasMustMatch
  }
  return null
}

function checkTexts(config: ConsumerConfig): ApiError | null {
  const backoffs = config.backoff?.length ?? 0
  const deliveries = config.max_deliver ?? -1
  if (backoffs > 0 && deliveries !== -1 && backoffs > deliveries) return errors.backoffTooLong
  if (Buffer.byteLength(config.description ?? '') > descriptionBytesMax) {
    return errors.descriptionTooLong(descriptionBytesMax)
  }
  return null
}

function checkPush(config: ConsumerConfig, stream: StreamConfig, deliver: string): ApiError | null {
  if (isPattern(deliver) && !isSubject(deliver)) return errors.deliverWildcards
  if (!isSubject(deliver)) return errors.deliverInvalid
  if (stream.subjects?.some(subject => overlaps(subject, deliver))) return errors.deliverCycle
  if (config.max_waiting) return errors.pushMaxWaiting
  if ((config.max_ack_pending ?? 0) > 0 && config.ack_policy === 'none') {
    return errors.ackPendingWithoutAcks
  }
  const heartbeat = config.idle_heartbeat ?? 0
  return heartbeat > 0 && heartbeat < heartbeatNsMin ? errors.heartbeatSmall : null
}

function checkPull(config: ConsumerConfig, stream: StreamConfig): ApiError | null {
  if (config.ack_policy === 'none' && stream.retention === 'workqueue') return errors.pullNeedsAcks
  if (config.rate_limit_bps) return errors.pullRateLimit
  const waiting = config.max_waiting ?? 0
  if (waiting < 0) return errors.maxWaitingNegative
  if (waiting > waitingMax) {
    return errors.policyInvalid(`consumer max waiting exceeds system limit of ${waitingMax}`)
  }
  if ((config.idle_heartbeat ?? 0) > 0) return errors.heartbeatNeedsPush
  if (config.flow_control) return errors.flowControlNeedsPush
  if ((config.max_batch ?? 0) < 0) return errors.maxBatchNegative
  const expires = config.max_expires ?? 0
  return expires !== 0 && expires < nsPerMs ? errors.maxExpiresSmall : null
}

function checkBounds(config: ConsumerConfig, bounds: ConsumerBounds): ApiError | null {
  const { serverBatchMax, serverAckPendingMax, ackPendingMax } = bounds
  const { max_batch = 0, max_ack_pending = 0, deliver_subject } = config
  if (!deliver_subject && serverBatchMax > 0 && max_batch > serverBatchMax) {
    return errors.batchTooLarge(serverBatchMax)
  }
  for (const max of [serverAckPendingMax, ackPendingMax]) {
    if (max > 0 && max_ack_pending > max) return errors.ackPendingTooMany(max)
  }
  return null
}

function checkLimits(config: ConsumerConfig, stream: StreamConfig): ApiError | null {
  const limits = stream.consumer_limits
  const pendingMax = limits.max_ack_pending ?? 0
  if (pendingMax > 0 && (config.max_ack_pending ?? 0) > pendingMax) {
    return errors.ackPendingTooMany(pendingMax)
  }
  const thresholdMax = limits.inactive_threshold ?? 0
  if (thresholdMax > 0 && (config.inactive_threshold ?? 0) > thresholdMax) {
    return errors.thresholdTooLong(durationText(thresholdMax))
  }
  if (config.direct && !config.deliver_subject) return errors.directNeedsPush
  return config.direct && config.durable_name ? errors.directNeedsEphemeral : null
}

function checkFilters(config: ConsumerConfig): ApiError | null {
  const many = config.filter_subjects ?? []
  if (config.filter_subject && many.length > 0) return errors.filtersBothForms
  if (many.includes('')) return errors.filterEmpty
  if (many.length > filtersMax) {
    return errors.policyInvalid(`consumer filter subjects exceed system limit of ${filtersMax}`)
  }
  const filters = filtersOf(config)
  if (!filters.every(isPattern)) return streamInvalidConfig('invalid subject')
  for (let i = 0; i < filters.length; i++) {
    for (let j = i + 1; j < filters.length; j++) {
      if (overlaps(filters[i] as string, filters[j] as string)) return errors.filtersOverlap
    }
  }
  return null
}

/** Which start options each deliver policy forbids, in nats-server's words. */
function checkStart(config: ConsumerConfig): ApiError | null {
  const policy = config.deliver_policy.replaceAll('_', ' ')
  const has = { sequence: config.opt_start_seq !== undefined, time: !!config.opt_start_time }
  const refuse = (text: string): ApiError => {
    return errors.policyInvalid(
      `consumer delivery policy is deliver ${policy}, but optional ${text}`,
    )
  }
  switch (config.deliver_policy) {
    case 'by_start_sequence':
      if (!has.sequence) return refuse('start sequence is not set')
      return has.time ? refuse('start time is also set') : null
    case 'by_start_time':
      if (!has.time) return refuse('start time is not set')
      return has.sequence ? refuse('start start sequence is also set') : null
    case 'last_per_subject':
      if (has.sequence) return refuse('start sequence is also set')
      if (has.time) return refuse('start time is also set')
      return filtersOf(config).length === 0 ? refuse('filter subject is not set') : null
    default:
      if (has.sequence) return refuse('start sequence is also set')
      return has.time ? refuse('start time is also set') : null
  }
}

function checkRest(config: ConsumerConfig): ApiError | null {
  const frequency = config.sample_freq
  if (frequency && !/^\+?\d+%?$/.test(frequency)) {
    const digits = frequency.replace(/%$/, '')
    return errors.samplingInvalid(`strconv.Atoi: parsing ${JSON.stringify(digits)}: invalid syntax`)
  }
  if (config.flow_control && !config.idle_heartbeat) return errors.flowControlNeedsHeartbeats
  if (config.durable_name && config.name && config.name !== config.durable_name) {
    return errors.nameNotDurable
  }
  let metadataBytes = 0
  for (const [key, value] of Object.entries(config.metadata ?? {})) {
    metadataBytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  return metadataBytes > metadataBytesMax
    ? errors.metadataTooLong(`${metadataBytesMax / 1024}KB`)
    : null
}

/** A name as part of subjects and, elsewhere, of file names. */
export function checkName(name: string): ApiError | null {
  if (Buffer.byteLength(name) > nameBytesMax) return errors.nameTooLong(nameBytesMax)
  if (/[\\/]/.test(name)) return errors.namePathSeparators
  return name === '' || /[.*>\s]/.test(name) ? errors.nameInvalid : null
}

/** What an update may not change; null when it may. `bound`: somebody listens on the old one. */
export function checkUpdate(
  old: ConsumerConfig,
  config: ConsumerConfig,
  bound: boolean,
): ApiError | null {
  for (const [name, text] of unchangeable) {
    if (old[name] !== config[name]) return errors.createFailed(`${text} can not be updated`)
  }
  if (old.deliver_subject !== config.deliver_subject) {
    if (!old.deliver_subject) {
      return errors.createFailed('can not update pull consumer to push based')
    }
    if (!config.deliver_subject) {
      return errors.createFailed('can not update push consumer to pull based')
    }
    if (bound) return errors.nameInUse
  }
  return old.max_waiting !== config.max_waiting
    ? errors.createFailed('max waiting can not be updated')
    : null
}

const unchangeable: readonly (readonly [keyof ConsumerConfig, string])[] = [
  ['deliver_policy', 'deliver policy'],
  ['opt_start_seq', 'start sequence'],
  ['opt_start_time', 'start time'],
  ['ack_policy', 'ack policy'],
  ['replay_policy', 'replay policy'],
  ['idle_heartbeat', 'heart beats'],
  ['flow_control', 'flow control'],
]
