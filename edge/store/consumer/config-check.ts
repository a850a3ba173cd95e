// What a consumer's config may say: nats-server 2.15's checks, in its order and words. What is
// filled in where it says nothing is in config-defaults.ts.

import { isPattern, isSubject, overlaps } from '../../../src/subject/subject.ts'
import { replicasNegative, streamInvalidConfig } from '../errors.ts'
import type { ConsumerBounds } from '../quota.ts'
import type { ApiError, StreamConfig } from '../shapes.ts'
import { type ConsumerConfig, filtersOf } from './config.ts'
import { sourceHeartbeatNs } from './config-defaults.ts'
import { durationText } from './duration.ts'
import * as errors from './errors.ts'
import { groupNameRule } from './priority.ts'

const nsPerMs = 1_000_000
const nameBytesMax = 255
const descriptionBytesMax = 4 * 1024
const metadataBytesMax = 128 * 1024
const heartbeatNsMin = 100 * nsPerMs
/** nats-server has no bound on these; a list of thousands is a mistake (invariant 3). */
const filtersMax = 1024
const waitingMax = 65_536
const groupsMax = 1024

/**
 * What is wrong with it, defaults filled in; null when nothing is. Without `bounds`: it was made
 * long ago, and only the stream changes.
 */
export function checkConfig(
  config: ConsumerConfig,
  stream: StreamConfig,
  bounds?: ConsumerBounds,
): ApiError | null {
  return (
    checkNames(config) ??
    checkReplicas(config, stream) ??
    checkWaits(config) ??
    checkFlowAcks(config) ??
    checkTexts(config) ??
    (config.deliver_subject
      ? checkPush(config, stream, config.deliver_subject)
      : checkPull(config, stream)) ??
    (bounds && checkBounds(config, bounds)) ??
    checkLimits(config, stream) ??
    checkFilters(config) ??
    checkStart(config) ??
    checkRest(config, stream)
  )
}

const forbidden = /[ \t\r\n\f.*>\\/]/
const forbiddenText = "can not contain '.', '*', '>', '\\', '/'"

function checkNames({ name, durable_name }: ConsumerConfig): ApiError | null {
  if (name && forbidden.test(name)) return streamInvalidConfig(`consumer name ${forbiddenText}`)
  if (durable_name && forbidden.test(durable_name)) {
    return streamInvalidConfig(`consumer durable name ${forbiddenText}`)
  }
  return null
}

function checkReplicas(config: ConsumerConfig, stream: StreamConfig): ApiError | null {
  const replicas = config.num_replicas
  if (replicas > 0 && replicas > stream.num_replicas) return errors.replicasExceedStream
  if (replicas < 0) return replicasNegative
  if (stream.retention !== 'limits' && replicas !== 0 && replicas !== stream.num_replicas) {
    return errors.replicasMustMatch
  }
  return null
}

function checkWaits(config: ConsumerConfig): ApiError | null {
  if (config.backoff?.some(wait => wait < 0)) return errors.backoffNegative
  return (config.ack_wait ?? 0) < 0 ? errors.ackWaitNegative : null
}

/** What answers to flow control acknowledge must be pushed, with flow control (ADR-60). */
function checkFlowAcks(config: ConsumerConfig): ApiError | null {
  if (config.ack_policy !== 'flow_control') return null
  if (!config.deliver_subject) return errors.flowAcksNeedPush
  if (!config.flow_control) return errors.flowAcksNeedFlowControl
  if (config.idle_heartbeat !== sourceHeartbeatNs) {
    return streamInvalidConfig('flow control ack policy heartbeat needs to be 1s')
  }
  if ((config.max_ack_pending ?? 0) <= 0) return errors.flowAcksNeedMaxAckPending
  if (config.ack_wait || config.backoff) return errors.flowAcksWithAckWait
  return (config.max_deliver ?? -1) > 0 ? errors.flowAcksWithMaxDeliver : null
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
  if ((config.max_waiting ?? 0) > waitingMax) {
    return errors.policyInvalid(`consumer max waiting exceeds system limit of ${waitingMax}`)
  }
  if ((config.idle_heartbeat ?? 0) > 0) return errors.heartbeatNeedsPush
  if (config.flow_control) return errors.flowControlNeedsPush
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

/** Which start options each deliver policy forbids. */
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

function checkRest(config: ConsumerConfig, stream: StreamConfig): ApiError | null {
  const frequency = config.sample_freq
  if (frequency) {
    const wrong = atoiProblem(frequency.replace(/%$/, ''))
    if (wrong !== null) return errors.samplingInvalid(wrong)
  }
  if (config.flow_control && !config.idle_heartbeat) return errors.flowControlNeedsHeartbeats
  if (config.durable_name && config.name && config.name !== config.durable_name) {
    return errors.nameNotDurable
  }
  let metadataBytes = 0
  for (const [key, value] of Object.entries(config.metadata ?? {})) {
    metadataBytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (metadataBytes > metadataBytesMax) {
    return errors.metadataTooLong(`${metadataBytesMax / 1024}KB`)
  }
  return checkPriority(config) ?? checkPlacement(stream)
}

function checkPriority(config: ConsumerConfig): ApiError | null {
  const { priority_policy, priority_groups = [], priority_timeout = 0, deliver_subject } = config
  if (!priority_policy) {
    if (priority_groups.length > 0) return errors.groupsWithoutPolicy
    return priority_timeout > 0 ? errors.pinTimeoutWithoutPolicy : null
  }
  if (deliver_subject) return errors.groupsWithPush
  if (priority_groups.length === 0) return errors.policyWithoutGroup
  if (priority_groups.length > groupsMax) {
    return errors.policyInvalid(`consumer priority groups exceed system limit of ${groupsMax}`)
  }
  for (const group of priority_groups) {
    if (group === '') return errors.groupEmpty
    if (!groupNameRule.test(group)) return errors.groupInvalid
  }
  return null
}

/** What Go's Atoi says to it; null when it is a number that is not negative. */
function atoiProblem(text: string): string | null {
  const asked = `strconv.Atoi: parsing ${JSON.stringify(text)}`
  if (!/^[+-]?\d+$/.test(text)) return `${asked}: invalid syntax`
  if (Math.abs(Number(text)) >= 2 ** 63) return `${asked}: value out of range`
  return Number(text) < 0 ? '<nil>' : null
}

function checkPlacement({ placement }: StreamConfig): ApiError | null {
  const preferred = (placement as { readonly preferred?: string } | undefined)?.preferred
  return preferred ? streamInvalidConfig('preferred server not permitted in placement') : null
}

/** A name as part of subjects and, elsewhere, of file names. */
export function checkName(name: string): ApiError | null {
  if (Buffer.byteLength(name) > nameBytesMax) return errors.nameTooLong(nameBytesMax)
  if (/[\\/]/.test(name)) return errors.namePathSeparators
  return name === '' || /[.*>\s]/.test(name) ? errors.nameInvalid : null
}
