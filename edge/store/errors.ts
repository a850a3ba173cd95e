// The errors of the JetStream API: one row each, with nats-server's own number and text
// (reference 6.13). A function stands where the text has a parameter.
//
// `code` is HTTP-like and tells a client what kind of trouble it is; `err_code` names it.

import type { ApiError } from './shapes.ts'

function row(code: number, err_code: number, description: string): ApiError {
  return { code, err_code, description }
}

export const accountResourcesExceeded = row(400, 10002, 'resource limits exceeded for account')
export const badRequest = row(400, 10003, 'bad request')
export const deliverSubjectInvalid = row(400, 10015, 'deliver subject not valid')
export const maximumConsumers = row(400, 10026, 'maximum consumers limit reached')
export const clusterRequired = row(503, 10010, 'JetStream clustering support required')
export const streamCreateFailed = (text: string): ApiError => row(500, 10049, text)
export const insufficientResources = row(503, 10023, 'insufficient resources')
export const invalidJson = (text: string): ApiError => row(400, 10025, `invalid JSON: ${text}`)
export const maximumStreams = row(400, 10027, 'maximum number of streams reached')
export const insufficientMemory = row(500, 10028, 'insufficient memory resources available')
export const mirrorWithFirstSeq = row(
  400,
  10143,
  'stream mirrors can not have first sequence configured',
)
export const mirrorWithSubjects = row(400, 10034, 'stream mirrors can not contain subjects')
export const mirrorWithSources = row(
  400,
  10031,
  'stream mirrors can not also contain other sources',
)
export const mirrorMessageSize = row(
  400,
  10030,
  'stream mirror must have max message size >= source',
)
export const sourceMessageSize = row(
  400,
  10046,
  'stream source must have max message size >= target',
)
export const externalApiOverlap = (prefix: string): ApiError =>
  row(400, 10021, `stream external api prefix ${prefix} must not overlap with $JS.API`)
export const externalDeliverOverlap = (prefix: string, subject: string): ApiError =>
  row(
    400,
    10022,
    `stream external delivery prefix ${prefix} overlaps with stream subject ${subject}`,
  )
export const externalDeliverWildcards = (prefix: string): ApiError =>
  row(400, 10024, `stream external delivery prefix ${prefix} must not contain wildcards`)
export const sourceDuplicate = row(400, 10140, 'duplicate source configuration detected')
export const sourceName = row(400, 10141, 'sourced stream name is invalid')
export const mirrorName = row(400, 10142, 'mirrored stream name is invalid')
export const sourceManyFilters = row(
  400,
  10144,
  'source with multiple subject transforms cannot also have a single subject filter',
)
export const sourceFilter = (text: string): ApiError =>
  row(400, 10145, `source transform source: ${text}`)
export const sourceDestination = (text: string): ApiError =>
  row(400, 10146, `source transform: ${text}`)
export const sourceFiltersOverlap = row(400, 10147, 'source filters can not overlap')
export const mirrorManyFilters = row(
  400,
  10150,
  'mirror with multiple subject transforms cannot also have a single subject filter',
)
export const mirrorFilter = (text: string): ApiError =>
  row(400, 10151, `mirror transform source: ${text}`)
export const mirrorDestination = (text: string): ApiError =>
  row(400, 10154, `mirror transform: ${text}`)
export const streamTransformSource = (text: string): ApiError =>
  row(400, 10155, `stream transform source: ${text}`)
export const streamTransform = (text: string): ApiError =>
  row(400, 10156, `stream transform: ${text}`)
export const pedanticMode = (text: string): ApiError => row(400, 10157, `pedantic mode: ${text}`)
export const mirrorWithCounters = row(400, 10173, 'stream mirrors can not also calculate counters')
export const mirrorWithSchedules = row(400, 10186, 'stream mirrors can not also schedule messages')
export const sourceWithSchedules = row(400, 10187, 'stream source can not also schedule messages')
export const requiredApiLevel = row(412, 10185, 'JetStream minimum api level required')
export const streamOffline = (reason: string): ApiError =>
  row(500, 10194, `stream is offline: ${reason}`)
export const mirrorWithAtomic = row(400, 10198, 'stream mirrors can not also use atomic publishing')
export const mirrorWithBatches = row(400, 10209, 'stream mirrors can not also use batch publishing')
export const mirrorConsumer = row(400, 10213, 'stream mirror consumer config is invalid')
export const sourceConsumer = row(400, 10215, 'stream source consumer config is invalid')
export const sourceConsumerDuplicate = row(400, 10216, 'duplicate stream source consumer detected')
export const mirrorFiltersOverlap = row(400, 10152, 'mirror subject filters can not overlap')
export const maxBytesRequired = row(
  400,
  10113,
  'account requires a stream config to have max bytes set',
)
export const noLimits = row(400, 10120, 'no JetStream default or applicable tiered limit present')
export const maxStreamBytesExceeded = row(
  400,
  10122,
  'stream max bytes exceeds account limit max stream bytes',
)
export const noMessageFound = row(404, 10037, 'no message found')
export const notEmptyRequest = row(400, 10038, 'expected an empty request payload')
export const notEnabledForAccount = row(503, 10039, 'JetStream not enabled for account')
export const sequenceNotFound = (seq: number): ApiError =>
  row(400, 10043, `sequence ${seq} not found`)
export const insufficientStorage = row(500, 10047, 'insufficient storage resources available')
export const streamGeneral = (text: string): ApiError => row(500, 10051, text)
export const streamInvalidConfig = (text: string): ApiError => row(500, 10052, text)
export const messageTooLarge = row(400, 10054, 'message size exceeds maximum allowed')
export const mirrorNotUpdatable = row(400, 10055, 'stream mirror configuration can not be updated')
export const streamMismatch = row(400, 10056, 'stream name in subject does not match request')
export const messageDeleteFailed = (text: string): ApiError => row(500, 10057, text)
export const streamNameInUse = row(
  400,
  10058,
  'stream name already in use with a different configuration',
)
export const streamNotFound = row(404, 10059, 'stream not found')
export const streamNotMatch = row(400, 10060, 'expected stream does not match')
export const restoreFailed = (text: string): ApiError => row(500, 10062, `restore failed: ${text}`)
export const snapshotFailed = (text: string): ApiError =>
  row(500, 10064, `snapshot failed: ${text}`)
export const subjectsOverlap = row(400, 10065, 'subjects overlap with an existing stream')
export const wrongLastMsgId = (id: string): ApiError => row(400, 10070, `wrong last msg ID: ${id}`)
export const wrongLastSequence = (seq: number): ApiError =>
  row(400, 10071, `wrong last sequence: ${seq}`)
export const replicasNotSupported = row(
  500,
  10074,
  'replicas > 1 not supported in non-clustered mode',
)
export const storeFailed = (text: string): ApiError => row(503, 10077, text)
export const headersTooLarge = row(400, 10097, 'header size exceeds maximum allowed of 64k')
export const streamSealed = row(400, 10109, 'invalid operation on sealed stream')
export const purgeFailed = (text: string): ApiError => row(500, 10110, text)
export const rollupFailed = (text: string): ApiError => row(500, 10111, text)
export const namePathSeparators = row(400, 10128, 'Stream name can not contain path separators')
export const restoreNameInUse = row(400, 10130, 'stream name already in use, cannot restore')
export const tooManyRequests = row(429, 10167, 'too many requests')
export const replicasNegative = row(400, 10133, 'replicas count cannot be negative')
export const ttlInvalid = row(400, 10165, 'invalid per-message TTL')
export const ttlDisabled = row(400, 10166, 'per-message TTL is disabled')
export const schedulesDisabled = row(400, 10188, 'message schedules is disabled')
export const scheduleInvalid = row(400, 10189, 'message schedules pattern is invalid')
export const scheduleTargetInvalid = row(400, 10190, 'message schedules target is invalid')
export const scheduleTtlInvalid = row(400, 10191, 'message schedules invalid per-message TTL')
export const scheduleRollupInvalid = row(400, 10192, 'message schedules invalid rollup')
export const scheduleSourceInvalid = row(400, 10203, 'message schedules source is invalid')
export const schedulerInvalid = row(400, 10212, 'message schedules invalid scheduler')
export const scheduleTimeZoneInvalid = row(400, 10223, 'message schedules time zone is invalid')
