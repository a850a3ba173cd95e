// The errors of the JetStream API that concern consumers, with nats-server's own numbers and
// texts (reference 6.13). What streams and consumers share stands in ../errors.ts.

import type { ApiError } from '../shapes.ts'

function row(code: number, err_code: number, description: string): ApiError {
  return { code, err_code, description }
}

const bad = (err_code: number, description: string): ApiError => row(400, err_code, description)

export const createFailed = (text: string): ApiError => row(500, 10012, text)
export const nameInUse = bad(10013, 'consumer name already in use')
export const consumerNotFound = row(404, 10014, 'consumer not found')
export const durableNotMatchingSubject = bad(
  10017,
  'consumer name in subject does not match durable name in request',
)
export const durableNotSet = bad(
  10018,
  'consumer expected to be durable but a durable name was not set',
)
export const ephemeralWithDurable = bad(
  10020,
  'consumer expected to be ephemeral but a durable name was set in request',
)
export const deliverWildcards = bad(10079, 'consumer deliver subject has wildcards')
export const pushMaxWaiting = bad(10080, 'consumer in push mode can not set max waiting')
export const deliverCycle = bad(10081, 'consumer deliver subject forms a cycle')
export const ackPendingWithoutAcks = bad(10082, 'consumer requires ack policy for max ack pending')
export const heartbeatSmall = bad(10083, 'consumer idle heartbeat needs to be >= 100ms')
export const pullNeedsAcks = bad(
  10084,
  'consumer in pull mode requires explicit ack policy on workqueue stream',
)
export const pullRateLimit = bad(10086, 'consumer in pull mode can not have rate limit set')
export const heartbeatNeedsPush = bad(
  10088,
  'consumer idle heartbeat requires a push based consumer',
)
export const flowControlNeedsPush = bad(
  10089,
  'consumer flow control requires a push based consumer',
)
export const directNeedsPush = bad(10090, 'consumer direct requires a push based consumer')
export const directNeedsEphemeral = bad(10091, 'consumer direct requires an ephemeral consumer')
export const policyInvalid = (text: string): ApiError => bad(10094, text)
export const samplingInvalid = (text: string): ApiError =>
  bad(10095, `failed to parse consumer sampling configuration: ${text}`)
export const workQueueNeedsAcks = bad(10098, 'workqueue stream requires explicit ack')
export const workQueueUnfiltered = bad(
  10099,
  'multiple non-filtered consumers not allowed on workqueue stream',
)
export const workQueueNotUnique = bad(10100, 'filtered consumer not unique on workqueue stream')
export const workQueueNeedsAll = bad(10101, 'consumer must be deliver all on workqueue stream')
export const nameTooLong = (max: number): ApiError =>
  bad(10102, `consumer name is too long, maximum allowed is ${max}`)
export const nameInvalid = bad(10103, "durable name can not contain '.', '*', '>'")
export const descriptionTooLong = (max: number): ApiError =>
  bad(10107, `consumer description is too long, maximum allowed is ${max}`)
export const flowControlNeedsHeartbeats = bad(
  10108,
  'consumer with flow control also needs heartbeats',
)
export const deliverInvalid = bad(10112, 'invalid push consumer deliver subject')
export const maxExpiresSmall = bad(10115, 'consumer max request expires needs to be >= 1ms')
export const backoffTooLong = bad(10116, 'max deliver is required to be > length of backoff values')
export const ackPendingTooMany = (max: number): ApiError =>
  bad(10121, `consumer max ack pending exceeds system limit of ${max}`)
export const batchTooLarge = (max: number): ApiError =>
  bad(10125, `consumer max request batch exceeds server limit of ${max}`)
export const replicasExceedStream = bad(
  10126,
  'consumer config replica count exceeds parent stream',
)
export const namePathSeparators = bad(10127, 'Consumer name can not contain path separators')
export const filterNotMatchingSubject = bad(
  10131,
  'Consumer create request did not match filtered subject from create subject',
)
export const nameNotDurable = bad(
  10132,
  'Consumer Durable and Name have to be equal if both are provided',
)
export const replicasMustMatch = bad(
  10134,
  "consumer config replicas must match interest retention stream's replicas",
)
export const metadataTooLong = (max: string): ApiError =>
  bad(10135, `consumer metadata exceeds maximum size of ${max}`)
export const filtersBothForms = bad(
  10136,
  'consumer cannot have both FilterSubject and FilterSubjects specified',
)
export const filtersNotInSubject = bad(
  10137,
  'consumer with multiple subject filters cannot use subject based API',
)
export const filtersOverlap = bad(10138, 'consumer subject filters cannot overlap')
export const filterEmpty = bad(10139, 'consumer filter in FilterSubjects cannot be empty')
export const alreadyExists = bad(10148, 'consumer already exists')
export const doesNotExist = bad(10149, 'consumer does not exist')
export const thresholdTooLong = (text: string): ApiError =>
  bad(10153, `consumer inactive threshold exceeds system limit of ${text}`)
export const pedantic = (text: string): ApiError => bad(10157, `pedantic mode: ${text}`)
export const policyWithoutGroup = bad(
  10159,
  'Setting PriorityPolicy requires at least one PriorityGroup to be set',
)
export const groupUnknown = bad(10160, 'Provided priority group does not exist for this consumer')
export const groupEmpty = bad(10161, 'Group name cannot be an empty string')
export const groupInvalid = bad(
  10162,
  'Valid priority group name must match A-Z, a-z, 0-9, -_/=)+ and may not exceed 16 characters',
)
export const groupsWithPush = bad(10178, 'priority groups can not be used with push consumers')
export const ackWaitNegative = bad(10183, 'consumer ack wait needs to be positive')
export const backoffNegative = bad(10184, 'consumer backoff needs to be positive')
export const groupsWithoutPolicy = bad(
  10196,
  'consumer can not have priority groups when policy is none',
)
export const pinTimeoutWithoutPolicy = bad(
  10197,
  'PinnedTTL cannot be set when PriorityPolicy is none',
)
export const resetInvalid = (text: string): ApiError => bad(10204, `invalid reset: ${text}`)
export const flowAcksNeedPush = bad(10218, 'flow control ack policy requires a push based consumer')
export const flowAcksNeedFlowControl = bad(10219, 'flow control ack policy requires flow control')
export const flowAcksNeedMaxAckPending = bad(
  10220,
  'flow control ack policy requires max ack pending',
)
export const flowAcksWithAckWait = bad(10221, 'flow control ack policy requires unset ack wait')
export const flowAcksWithMaxDeliver = bad(
  10222,
  'flow control ack policy requires unset max deliver',
)
export const identityMismatch = (identity: string): ApiError =>
  bad(10225, `consumer's stream identity does not match: ${identity}`)
