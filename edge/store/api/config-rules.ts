// What a stream's config must keep to, and the defaults it is completed with: nats-server 2.15's,
// in its order, because the first broken rule is the one that is told (reference 6.3, 6.13).

import { covers, hasWildcard, isPattern, overlaps } from '../../../src/subject/subject.ts'
import { durationText } from '../consumer/duration.ts'
import { pedanticMode, replicasNegative, streamInvalidConfig } from '../errors.ts'
import type { ApiError, StreamConfig } from '../shapes.ts'
import { checkSources, type Neighbours } from '../source/config.ts'
import { checkCounter, checkMarkers, checkPersistence, checkSchedules } from './config-features.ts'
import { isAssetName } from './name.ts'
import { isApiError } from './request.ts'
import { checkRepublish, checkTransform } from './shaping.ts'

export const nameBytesMax = 255
const descriptionBytesMax = 4 * 1024
const metadataBytesMax = 128 * 1024
const replicasMax = 5
/** Bounds the memory and the time a single config can take; nats-server has no such bound. */
const subjectsMax = 4096
const subjectBytesMax = 4096

const secondNs = 1_000_000_000
const duplicateWindowNsDefault = 120 * secondNs
const windowNsMin = secondNs / 10

export interface ConfigContext {
  /** The server's longest duplicate_window; 0: as long as anybody likes. */
  readonly windowNsMax: number
  /** What the server would change in silence is refused. */
  readonly pedantic: boolean
  readonly neighbours: Neighbours
}

type Step = (config: StreamConfig, context: ConfigContext) => StreamConfig | ApiError

const steps: readonly Step[] = [
  checkIdentity,
  completeLimits,
  checkAge,
  completeWindow,
  checkWindow,
  checkCounter,
  checkDiscard,
  checkMarkers,
  checkSchedules,
  checkPersistence,
  checkSources,
  completeSubjects,
  checkTransform,
  checkRepublish,
  checkPlacement,
]

/** The config with every default filled in, or the first rule it breaks. */
export function completeConfig(
  wanted: StreamConfig,
  context: ConfigContext,
): StreamConfig | ApiError {
  let config = wanted
  for (const step of steps) {
    const next = step(config, context)
    if (isApiError(next)) return next
    config = next
  }
  return config
}

function checkIdentity(config: StreamConfig): StreamConfig | ApiError {
  const { name, metadata = {}, num_replicas } = config
  if (!isAssetName(name)) {
    return streamInvalidConfig(
      "stream name is required and can not contain '.', '*', '>', '\\', '/'",
    )
  }
  if (Buffer.byteLength(name) > nameBytesMax) {
    return streamInvalidConfig(`stream name is too long, maximum allowed is ${nameBytesMax}`)
  }
  if (Buffer.byteLength(config.description ?? '') > descriptionBytesMax) {
    return streamInvalidConfig(
      `stream description is too long, maximum allowed is ${descriptionBytesMax}`,
    )
  }
  let metadataBytes = 0
  for (const [key, value] of Object.entries(metadata)) {
    metadataBytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (metadataBytes > metadataBytesMax) {
    return streamInvalidConfig(`stream metadata exceeds maximum size of ${metadataBytesMax} bytes`)
  }
  if (num_replicas > replicasMax) {
    return streamInvalidConfig(`maximum replicas is ${replicasMax}`)
  }
  if (num_replicas < 0) return replicasNegative
  return num_replicas === 0 ? { ...config, num_replicas: 1 } : config
}

const unlimitedFields = [
  'max_msgs',
  'max_msgs_per_subject',
  'max_bytes',
  'max_msg_size',
  'max_consumers',
] as const

/** 0 and everything below mean without limit: -1. */
function completeLimits(
  config: StreamConfig,
  { pedantic }: ConfigContext,
): StreamConfig | ApiError {
  const completed = { ...config }
  for (const name of unlimitedFields) {
    if (config[name] > 0 || config[name] === -1) continue
    if (pedantic && config[name] !== 0) return pedanticMode(`${name} must be set to -1`)
    completed[name] = -1
  }
  return completed
}

function checkAge(config: StreamConfig): StreamConfig | ApiError {
  const { max_age } = config
  if (max_age < 0) return streamInvalidConfig('max age can not be negative')
  if (max_age === 0 || max_age >= windowNsMin) return config
  return streamInvalidConfig('max age needs to be >= 100ms')
}

/** What is fed by other streams looks for duplicates only when told to. */
function completeWindow(
  config: StreamConfig,
  { windowNsMax, pedantic }: ConfigContext,
): StreamConfig | ApiError {
  const isFed = config.mirror !== undefined || config.sources !== undefined
  if (config.duplicate_window !== 0 || isFed) return config
  const isLimited = windowNsMax > 0 && windowNsMax < duplicateWindowNsDefault
  if (isLimited && pedantic) {
    return pedanticMode('duplicate window limits are higher than current limits')
  }
  const window = isLimited ? windowNsMax : duplicateWindowNsDefault
  const { max_age } = config
  if (max_age === 0 || max_age >= window) return { ...config, duplicate_window: window }
  if (pedantic) return pedanticMode('duplicate window cannot be bigger than max age')
  return { ...config, duplicate_window: max_age }
}

function checkWindow(
  config: StreamConfig,
  { windowNsMax }: ConfigContext,
): StreamConfig | ApiError {
  const { duplicate_window, max_age } = config
  if (duplicate_window < 0) return streamInvalidConfig('duplicates window can not be negative')
  if (max_age !== 0 && duplicate_window > max_age) {
    return streamInvalidConfig('duplicates window can not be larger then max age')
  }
  if (windowNsMax > 0 && duplicate_window > windowNsMax) {
    const max = durationText(windowNsMax)
    return streamInvalidConfig(`duplicates window can not be larger then server limit of ${max}`)
  }
  if (duplicate_window > 0 && duplicate_window < windowNsMin) {
    return streamInvalidConfig('duplicates window needs to be >= 100ms')
  }
  if (config.deny_purge && config.allow_rollup_hdrs) {
    return streamInvalidConfig('roll-ups require the purge permission')
  }
  return config
}

function checkDiscard(config: StreamConfig): StreamConfig | ApiError {
  if (!config.discard_new_per_subject) return config
  if (config.discard !== 'new') {
    return streamInvalidConfig('discard new per subject requires discard new policy to be set')
  }
  if (config.max_msgs_per_subject <= 0) {
    return streamInvalidConfig('discard new per subject requires max msgs per subject > 0')
  }
  return config
}

/** A stream that takes its messages from others needs no subjects of its own. */
function completeSubjects(config: StreamConfig): StreamConfig | ApiError {
  const { subjects = [] } = config
  if (subjects.length === 0) {
    const isFed = config.mirror !== undefined || config.sources !== undefined
    return isFed ? config : { ...config, subjects: [config.name] }
  }
  if (subjects.length > subjectsMax) return streamInvalidConfig(`more than ${subjectsMax} subjects`)
  const pairs = new Overlaps(subjects)
  for (const [i, subject] of subjects.entries()) {
    const wrong = subjectProblem(subject, config) ?? pairs.problemOf(subject, i)
    if (wrong !== null) return streamInvalidConfig(wrong)
  }
  return config
}

function subjectProblem(subject: string, { no_ack, num_replicas }: StreamConfig): string | null {
  if (!isPattern(subject) || Buffer.byteLength(subject) > subjectBytesMax) return 'invalid subject'
  if (subject === '>') {
    if (!no_ack) return 'capturing all subjects requires no-ack to be true'
    if (num_replicas !== 1) return 'capturing all subjects requires replicas of 1'
  }
  if (no_ack) return null
  for (const namespace of ['$JS.>', '$JSC.>', '$NRG.>']) {
    if (!overlaps(subject, namespace) || covers('$JS.EVENT.>', subject)) continue
    return 'subjects that overlap with jetstream api require no-ack to be true'
  }
  if (!overlaps(subject, '$SYS.>') || covers('$SYS.ACCOUNT.>', subject)) return null
  return 'subjects that overlap with system api require no-ack to be true'
}

/**
 * Literal subjects overlap only when equal: one is compared with the patterns alone, so a config
 * of thousands of plain subjects costs nothing.
 */
class Overlaps {
  readonly #subjects: readonly string[]
  readonly #last = new Map<string, number>()
  readonly #patterns: readonly (readonly [subject: string, at: number])[]

  constructor(subjects: readonly string[]) {
    this.#subjects = subjects
    for (const [at, subject] of subjects.entries()) this.#last.set(subject, at)
    this.#patterns = [...subjects.entries()]
      .filter(([, subject]) => hasWildcard(subject))
      .map(([at, subject]) => [subject, at])
  }

  /** A subject behind it that it meets. */
  problemOf(subject: string, at: number): string | null {
    const other = hasWildcard(subject)
      ? this.#subjects.find((one, i) => i > at && overlaps(one, subject))
      : this.#literalMeets(subject, at)
    if (other === undefined) return null
    return `subject ${JSON.stringify(subject)} overlaps with ${JSON.stringify(other)}`
  }

  #literalMeets(subject: string, at: number): string | undefined {
    if ((this.#last.get(subject) ?? at) > at) return subject
    return this.#patterns.find(([one, i]) => i > at && overlaps(one, subject))?.[0]
  }
}

function checkPlacement(config: StreamConfig): StreamConfig | ApiError {
  if (!config.placement?.preferred) return config
  return streamInvalidConfig('preferred server not permitted in placement')
}
