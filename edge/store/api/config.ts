// A stream's config: read from a request, completed with defaults, checked, and printed. Rules,
// defaults and texts are nats-server 2.10's (reference 6.3); unknown fields are ignored, as there.

import { covers, hasWildcard, isPattern, overlaps } from '../../../src/subject/subject.ts'
import {
  invalidJson,
  mirrorNotUpdatable,
  replicasNegative,
  streamInvalidConfig,
} from '../errors.ts'
import type { ApiError, PlacementConfig, StreamConfig } from '../shapes.ts'
import { checkSources, readSource, readSources } from '../source/config.ts'
import { durationText } from '../consumer/duration.ts'
import { isName } from './name.ts'
import { checkRepublish, readRepublish, readTransform } from './shaping.ts'
import { FieldReader, type Fields } from './text.ts'

export const nameCharactersMax = 255
const descriptionBytesMax = 4 * 1024
const metadataBytesMax = 128 * 1024
const replicasMax = 5
/** Bounds the memory and the time a single config can take; nats-server has no such bound. */
const subjectsMax = 4096
const subjectBytesMax = 4096

const secondNs = 1_000_000_000
const duplicateWindowNsDefault = 120 * secondNs
const windowNsMin = secondNs / 10

/** The config a client sent, with every default filled in; or what is wrong with it. */
export function readStreamConfig(fields: Fields, windowNsMax = 0): StreamConfig | ApiError {
  const config = withDefaults(fields, windowNsMax)
  if (config === null) return invalidJson
  if (windowNsMax > 0 && config.duplicate_window > windowNsMax) {
    const max = durationText(windowNsMax)
    return streamInvalidConfig(`duplicates window can not be larger then server limit of ${max}`)
  }
  return checkStreamConfig(config) ?? config
}

function withDefaults(fields: Fields, windowNsMax: number): StreamConfig | null {
  const read = new FieldReader(fields)
  const name = read.text('name')
  const subjects = read.texts('subjects')
  const maxAge = read.integer('max_age')
  const window = read.integer('duplicate_window')
  const limits = new FieldReader(read.fields('consumer_limits') ?? {})
  const description = read.text('description')
  const firstSeq = read.count('first_seq')
  const metadata = read.labels('metadata')
  const placement = readPlacement(read.fields('placement'))
  const mirror = readSource(read.fields('mirror'))
  const sources = readSources(fields.sources)
  const transform = readTransform(read.fields('subject_transform'))
  const republish = readRepublish(read.fields('republish'))
  const inactiveThreshold = limits.integer('inactive_threshold')
  const ackPendingMax = limits.integer('max_ack_pending')
  const markerTtl = read.integer('subject_delete_marker_ttl')
  const persistMode = read.word('persist_mode', ['', 'default', 'async'], '')
  const config: StreamConfig = {
    name,
    ...(description !== '' && { description }),
    ...subjectsOf(name, subjects, mirror != null || (sources ?? []).length > 0),
    retention: read.word('retention', ['limits', 'interest', 'workqueue'], 'limits'),
    max_consumers: read.integer('max_consumers') || -1,
    max_msgs: read.integer('max_msgs') || -1,
    max_bytes: read.integer('max_bytes') || -1,
    max_age: maxAge,
    max_msgs_per_subject: read.integer('max_msgs_per_subject') || -1,
    max_msg_size: read.integer('max_msg_size') || -1,
    discard: read.word('discard', ['old', 'new'], 'old'),
    storage: read.word('storage', ['file', 'memory'], 'file'),
    num_replicas: read.integer('num_replicas') || 1,
    ...(read.flag('no_ack') && { no_ack: true }),
    duplicate_window: window || (mirror ? 0 : defaultWindow(maxAge, windowNsMax)),
    ...(placement && { placement }),
    ...(mirror && { mirror }),
    ...(sources && sources.length > 0 && { sources }),
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
    consumer_limits: {
      ...(inactiveThreshold !== 0 && { inactive_threshold: inactiveThreshold }),
      ...(ackPendingMax !== 0 && { max_ack_pending: ackPendingMax }),
    },
    allow_msg_ttl: read.flag('allow_msg_ttl'),
    ...(markerTtl !== 0 && { subject_delete_marker_ttl: markerTtl }),
    ...(read.flag('allow_msg_counter') && { allow_msg_counter: true }),
    ...(read.flag('allow_atomic') && { allow_atomic: true }),
    ...(read.flag('allow_msg_schedules') && { allow_msg_schedules: true }),
    ...(persistMode === 'async' && { persist_mode: 'async' }),
    ...(read.flag('allow_batched') && { allow_batched: true }),
    ...(metadata && Object.keys(metadata).length > 0 && { metadata: sorted(metadata) }),
  }
  const wrong = read.wrong || limits.wrong || placement === null
  const others = [mirror, sources, transform, republish]
  return wrong || others.includes(null) ? null : config
}

/** A stream that takes its messages from others needs no subjects of its own. */
function subjectsOf(
  name: string,
  subjects: readonly string[],
  isFed: boolean,
): { subjects?: readonly string[] } {
  if (subjects.length > 0) return { subjects }
  return isFed ? {} : { subjects: [name] }
}

function defaultWindow(maxAge: number, windowNsMax: number): number {
  const window = Math.min(duplicateWindowNsDefault, windowNsMax || duplicateWindowNsDefault)
  return maxAge !== 0 && maxAge < window ? maxAge : window
}

/** Accepted and echoed, without meaning on a single server. */
function readPlacement(fields: Fields | undefined): PlacementConfig | null | undefined {
  if (fields === undefined) return undefined
  const read = new FieldReader(fields)
  const cluster = read.text('cluster')
  const tags = read.texts('tags')
  const preferred = read.text('preferred')
  if (read.wrong) return null
  if (cluster === '' && tags.length === 0 && preferred === '') return undefined
  return {
    ...(cluster !== '' && { cluster }),
    ...(tags.length > 0 && { tags }),
    ...(preferred !== '' && { preferred }),
  }
}

function sorted(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The first rule the config breaks, in nats-server's order. */
export function checkStreamConfig(config: StreamConfig): ApiError | null {
  return (
    checkIdentity(config) ??
    checkLimits(config) ??
    checkSources(config) ??
    checkSubjects(config) ??
    checkRepublish(config)
  )
}

function checkIdentity(config: StreamConfig): ApiError | null {
  const { name, metadata = {} } = config
  if (!isName(name)) {
    return streamInvalidConfig("stream name is required and can not contain '.', '*', '>'")
  }
  if (Buffer.byteLength(name) > nameCharactersMax) {
    return streamInvalidConfig(`stream name is too long, maximum allowed is ${nameCharactersMax}`)
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
  if (config.num_replicas > replicasMax) {
    return streamInvalidConfig(`maximum replicas is ${replicasMax}`)
  }
  return config.num_replicas < 0 ? replicasNegative : null
}

/** The rule in words, and whether the config keeps it. */
type Rule = readonly [text: string, kept: (config: StreamConfig) => boolean]

const limitRules: readonly Rule[] = [
  ['max age needs to be >= 100ms', c => c.max_age <= 0 || c.max_age >= windowNsMin],
  ['max age can not be negative', c => c.max_age >= 0],
  ['duplicates window can not be negative', c => c.duplicate_window >= 0],
  [
    'duplicates window can not be larger then max age',
    c => c.max_age === 0 || c.duplicate_window <= c.max_age,
  ],
  [
    'duplicates window needs to be >= 100ms',
    c => c.duplicate_window === 0 || c.duplicate_window >= windowNsMin,
  ],
  ['roll-ups require the purge permission', c => !(c.deny_purge && c.allow_rollup_hdrs)],
  [
    'discard new per subject requires discard new policy to be set',
    c => !c.discard_new_per_subject || c.discard === 'new',
  ],
  [
    'discard new per subject requires max msgs per subject > 0',
    c => !c.discard_new_per_subject || c.max_msgs_per_subject > 0,
  ],
  [
    'stream has no mirror but does have mirror direct',
    c => !c.mirror_direct || c.mirror !== undefined,
  ],
]

function checkLimits(config: StreamConfig): ApiError | null {
  const broken = limitRules.find(([, kept]) => !kept(config))
  return broken ? streamInvalidConfig(broken[0]) : null
}

function checkSubjects(config: StreamConfig): ApiError | null {
  const subjects = config.subjects ?? []
  if (subjects.length > subjectsMax) {
    return streamInvalidConfig(`more than ${subjectsMax} subjects`)
  }
  const seen = new Set<string>()
  for (const subject of subjects) {
    const wrong = checkSubject(subject, config.no_ack === true)
    if (wrong !== null) return streamInvalidConfig(wrong)
    if (seen.has(subject)) return streamInvalidConfig('duplicate subjects detected')
    seen.add(subject)
  }
  const pair = overlappingPair(subjects)
  if (pair === null) return null
  return streamInvalidConfig(`subject "${pair[0]}" overlaps with "${pair[1]}"`)
}

function checkSubject(subject: string, noAck: boolean): string | null {
  if (!isPattern(subject) || Buffer.byteLength(subject) > subjectBytesMax) return 'invalid subject'
  if (noAck) return null
  if (subject === '>') return 'capturing all subjects requires no-ack to be true'
  const ownApi = covers('$JS.>', subject) || covers('$JSC.>', subject)
  if (ownApi && !covers('$JS.EVENT.>', subject)) {
    return 'subjects that overlap with jetstream api require no-ack to be true'
  }
  if (covers('$SYS.>', subject) && !covers('$SYS.ACCOUNT.>', subject)) {
    return 'subjects that overlap with system api require no-ack to be true'
  }
  return null
}

/**
 * Literal subjects overlap only when equal, which was looked for: a literal one is compared with
 * the patterns alone, so a config of thousands of plain subjects costs nothing.
 */
function overlappingPair(subjects: readonly string[]): readonly [string, string] | null {
  const patterns = subjects.filter(hasWildcard)
  for (const subject of subjects) {
    const candidates = hasWildcard(subject) ? subjects : patterns
    const other = candidates.find(one => one !== subject && overlaps(one, subject))
    if (other !== undefined) return [subject, other]
  }
  return null
}

/** Equal once printed: what a client may send again without changing anything. */
export function sameConfig(a: StreamConfig, b: StreamConfig): boolean {
  return JSON.stringify(configFields(a)) === JSON.stringify(configFields(b))
}

/** The config as nats-server 2.10 prints it: its fields in its order. */
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
    ...(config.allow_msg_ttl && { allow_msg_ttl: true }),
    ...(config.subject_delete_marker_ttl && {
      subject_delete_marker_ttl: config.subject_delete_marker_ttl,
    }),
    ...(config.allow_msg_counter && { allow_msg_counter: true }),
    ...(config.allow_atomic && { allow_atomic: true }),
    ...(config.allow_msg_schedules && { allow_msg_schedules: true }),
    ...(config.persist_mode && { persist_mode: config.persist_mode }),
    ...(config.allow_batched && { allow_batched: true }),
    ...(metadata && { metadata }),
  }
}

/** What an update makes of the old config, or the first change that is not allowed. */
export function updatedConfig(old: StreamConfig, wanted: StreamConfig): StreamConfig | ApiError {
  if (JSON.stringify(wanted.mirror) !== JSON.stringify(old.mirror)) return mirrorNotUpdatable
  const broken = updateRules.find(([, kept]) => !kept(wanted, old))
  if (broken) return streamInvalidConfig(broken[0])
  if (!wanted.sealed) return wanted
  return {
    ...wanted,
    max_age: 0,
    discard: 'new',
    deny_delete: true,
    deny_purge: true,
    allow_rollup_hdrs: false,
  }
}

type UpdateRule = readonly [
  text: string,
  kept: (wanted: StreamConfig, old: StreamConfig) => boolean,
]

const updateRules: readonly UpdateRule[] = [
  ['stream configuration name must match original', (c, old) => c.name === old.name],
  [
    'stream configuration update can not change MaxConsumers',
    (c, old) => c.max_consumers === old.max_consumers,
  ],
  [
    'stream configuration update can not change storage type',
    (c, old) => c.storage === old.storage,
  ],
  [
    'stream configuration update can not change retention policy to/from workqueue',
    (c, old) => (c.retention === 'workqueue') === (old.retention === 'workqueue'),
  ],
  [
    'stream configuration update can not unseal a sealed stream',
    (c, old) => c.sealed || !old.sealed,
  ],
  [
    'stream configuration update can not cancel deny message deletes',
    (c, old) => c.deny_delete || !old.deny_delete,
  ],
  [
    'stream configuration update can not cancel deny purge',
    (c, old) => c.deny_purge || !old.deny_purge,
  ],
]
