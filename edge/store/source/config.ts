// `mirror` and `sources` of a stream's config: read, checked and named, in nats-server 2.15's order
// and with its errors (reference 6.3, 6.9, 6.13).

import { covers, isPattern, isSubject, overlaps } from '../../../src/subject/subject.ts'
import { isAssetName } from '../api/name.ts'
import { destinationFault, readTransform, sourceFault } from '../api/shaping.ts'
import { FieldReader, type Fields, isFields } from '../api/text.ts'
import * as errors from '../errors.ts'
import { hashOf } from '../identity.ts'
import type {
  ApiError,
  SourceConsumer,
  StreamConfig,
  StreamSourceConfig,
  SubjectTransformConfig,
} from '../shapes.ts'

const sourcesMax = 64
const transformsMax = 64
const subjectCharactersMax = 4096

/** The account's streams, as a source sees them. */
export interface Neighbours {
  /** `$JS.<our domain>.API`: an origin behind it is one of ours; '' without a domain. */
  readonly ownApi: string
  config(name: string): StreamConfig | undefined
}

interface SourceContext {
  readonly neighbours: Neighbours
  readonly pedantic: boolean
}

export function readSource(fields: Fields | undefined): StreamSourceConfig | undefined {
  if (fields === undefined) return undefined
  const read = new FieldReader(fields)
  const startSeq = read.integer('opt_start_seq')
  const startTime = read.text('opt_start_time')
  const filter = read.text('filter_subject')
  const transforms = readList(fields.subject_transforms).map(readTransform)
  const external = read.fields('external')
  const consumer = read.fields('consumer')
  return {
    name: read.text('name'),
    ...(startSeq > 0 && { opt_start_seq: startSeq }),
    ...(startTime !== '' && { opt_start_time: goTime(startTime) }),
    ...(filter !== '' && { filter_subject: filter }),
    ...(transforms.length > 0 && { subject_transforms: transforms }),
    ...(external && { external: readExternal(external) }),
    ...(consumer && { consumer: readConsumer(consumer) }),
  }
}

export function readSources(value: unknown): readonly StreamSourceConfig[] {
  return readList(value).flatMap(fields => readSource(fields) ?? [])
}

function readList(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : []
}

function readExternal(fields: Fields): { api: string; deliver: string } {
  const read = new FieldReader(fields)
  return { api: read.text('api'), deliver: read.text('deliver') }
}

function readConsumer(fields: Fields): SourceConsumer {
  const read = new FieldReader(fields)
  const name = read.text('name')
  const deliver = read.text('deliver_subject')
  return { ...(name !== '' && { name }), ...(deliver !== '' && { deliver_subject: deliver }) }
}

/** As Go prints it: no zeros at the end of the fraction, Z for UTC. */
function goTime(text: string): string {
  const [, whole = text, fraction = '', zone = ''] =
    /^([^.]*?)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? []
  const digits = fraction.replace(/\.?0*$/, '')
  return `${whole}${digits}${/^[+-]00:00$/.test(zone) ? 'Z' : zone}`
}

/**
 * What `mirror` and `sources` must keep to, in nats-server's order. A mirror of a stream here may
 * be read directly where its origin may.
 */
export function checkSources(
  config: StreamConfig,
  { neighbours, pedantic }: SourceContext,
): StreamConfig | ApiError {
  if (tooLarge(config)) return errors.streamInvalidConfig(`more than ${sourcesMax} sources`)
  const { mirror } = config
  let checked = config
  if (mirror) {
    const wrong = checkMirror(config, mirror) ?? checkMirrorOrigin(config, mirror, neighbours)
    if (wrong) return wrong
    const origin = mirror.external ? undefined : neighbours.config(mirror.name)
    if (origin && pedantic && config.mirror_direct !== origin.allow_direct) {
      return errors.pedanticMode('origin stream has direct get set, mirror has it disabled')
    }
    if (origin) checked = { ...config, mirror_direct: origin.allow_direct }
  }
  const sources = config.sources ?? []
  if (sources.length > 0 && config.allow_msg_schedules) return errors.sourceWithSchedules
  const seen = new Set<string>()
  for (const source of sources) {
    const wrong = checkSource(config, source, neighbours, seen)
    if (wrong) return wrong
  }
  return checkPrefixes(config, neighbours) ?? checkCycle(config, neighbours) ?? checked
}

/** Not bounded by nats-server: each is a consumer somewhere and a timer here. */
function tooLarge({ mirror, sources = [] }: StreamConfig): boolean {
  const all = mirror ? [mirror, ...sources] : sources
  if (sources.length > sourcesMax) return true
  return all.some(source => {
    const { name, filter_subject = '', external, subject_transforms = [] } = source
    const texts = [name, filter_subject, external?.api ?? '', external?.deliver ?? '']
    if (subject_transforms.length > transformsMax) return true
    return texts.some(text => text.length > subjectCharactersMax)
  })
}

function checkMirror(config: StreamConfig, mirror: StreamSourceConfig): ApiError | null {
  if (config.first_seq) return errors.mirrorWithFirstSeq
  if (config.subjects && config.subjects.length > 0) return errors.mirrorWithSubjects
  if (config.sources && config.sources.length > 0) return errors.mirrorWithSources
  if (config.allow_msg_counter) return errors.mirrorWithCounters
  if (config.allow_atomic) return errors.mirrorWithAtomic
  if (config.allow_batched) return errors.mirrorWithBatches
  if (config.allow_msg_schedules) return errors.mirrorWithSchedules
  if (!isConsumerUsable(mirror)) return errors.mirrorConsumer
  const transforms = mirror.subject_transforms ?? []
  if (mirror.filter_subject && transforms.length > 0) return errors.mirrorManyFilters
  if ((config.subject_delete_marker_ttl ?? 0) > 0) {
    return errors.streamInvalidConfig('subject delete markers forbidden on mirrors')
  }
  for (const transform of transforms) {
    const source = sourceFault(transform)
    if (source !== null) return errors.mirrorFilter(source)
    const destination = destinationFault(transform)
    if (destination !== null) return errors.mirrorDestination(destination)
    if (twice(transforms, transform, overlaps)) return errors.mirrorFiltersOverlap
  }
  return null
}

function checkMirrorOrigin(
  config: StreamConfig,
  mirror: StreamSourceConfig,
  neighbours: Neighbours,
): ApiError | null {
  if (mirror.external) return null
  if (!isAssetName(mirror.name)) return errors.mirrorName
  return isTooSmall(config, neighbours.config(mirror.name)) ? errors.mirrorMessageSize : null
}

function checkSource(
  config: StreamConfig,
  source: StreamSourceConfig,
  neighbours: Neighbours,
  seen: Set<string>,
): ApiError | null {
  if (!isAssetName(source.name)) return errors.sourceName
  const name = indexName(source)
  if (seen.has(name)) return errors.sourceDuplicate
  seen.add(name)
  const transforms = source.subject_transforms ?? []
  if (source.filter_subject && transforms.length > 0) return errors.sourceManyFilters
  for (const transform of transforms) {
    const from = sourceFault(transform)
    if (from !== null) return errors.sourceFilter(from)
    const destination = destinationFault(transform)
    if (destination !== null) return errors.sourceDestination(destination)
  }
  for (const transform of transforms) {
    if (twice(transforms, transform, (one, other) => covers(other, one))) {
      return errors.sourceFiltersOverlap
    }
  }
  if (!isConsumerUsable(source)) return errors.sourceConsumer
  if (source.consumer) {
    const { api = '' } = source.external ?? {}
    const consumer = `consumer\f${api}\f${source.name}\f${source.consumer.name}`
    if (seen.has(consumer)) return errors.sourceConsumerDuplicate
    seen.add(consumer)
  }
  if (source.external) return null
  return isTooSmall(config, neighbours.config(source.name)) ? errors.sourceMessageSize : null
}

/** A consumer that stands already says itself where it begins and what it takes. */
function isConsumerUsable(source: StreamSourceConfig): boolean {
  const { consumer, opt_start_seq, opt_start_time, filter_subject } = source
  if (!consumer) return true
  if (!isAssetName(consumer.name ?? '') || !isSubject(consumer.deliver_subject ?? '')) return false
  return !opt_start_seq && !opt_start_time && !filter_subject
}

function isTooSmall(config: StreamConfig, origin: StreamConfig | undefined): boolean {
  return config.max_msg_size > 0 && (origin?.max_msg_size ?? -1) > config.max_msg_size
}

function twice(
  transforms: readonly SubjectTransformConfig[],
  transform: SubjectTransformConfig,
  meet: (one: string, other: string) => boolean,
): boolean {
  return transforms.some(other => other !== transform && meet(transform.src, other.src))
}

function checkPrefixes(config: StreamConfig, neighbours: Neighbours): ApiError | null {
  const all = config.mirror ? [config.mirror] : (config.sources ?? [])
  const subjects = all.flatMap(({ external, name }) =>
    external ? [] : (neighbours.config(name)?.subjects ?? []),
  )
  for (const { external } of all) {
    const deliver = external?.deliver ?? ''
    if (deliver === '') continue
    if (!isSubject(deliver)) return errors.externalDeliverWildcards(deliver)
    const met = subjects.find(subject => overlaps(subject, `${deliver}.${subject}`))
    if (met !== undefined) return errors.externalDeliverOverlap(deliver, met)
  }
  for (const { external } of all) {
    const api = external?.api ?? ''
    if (api === '') continue
    if (!isSubject(api)) {
      return errors.streamInvalidConfig(
        `stream external api prefix ${JSON.stringify(api)} must be a valid subject without wildcards`,
      )
    }
    if (api === '$JS.API') return errors.externalApiOverlap(api)
  }
  return null
}

/**
 * A stream that comes back to itself through sources and mirrors would never come to rest. Unlike
 * in nats-server the way over our own domain's prefix counts, and two ways to one origin do not.
 */
function checkCycle(config: StreamConfig, neighbours: Neighbours): ApiError | null {
  const toVisit: StreamConfig[] = [config]
  const seen = new Set<string>()
  for (let at = 0; at < toVisit.length; at++) {
    const { mirror, sources = [], subjects = [] } = toVisit[at] as StreamConfig
    for (const source of mirror ? [mirror] : sources) {
      const { name, external, filter_subject = '' } = source
      if (external && external.api !== neighbours.ownApi) continue
      const isBack = name === config.name
      if (isBack && (mirror || filter_subject === '')) return cycle
      if (isBack && subjects.some(subject => overlaps(subject, filter_subject))) return cycle
      const next = isBack || seen.has(name) ? undefined : neighbours.config(name)
      seen.add(name)
      if (next) toVisit.push(next)
    }
  }
  return null
}

const cycle = errors.streamInvalidConfig('detected cycle')

/** A filter that is no subject: nats-server says so only when it makes the stream. */
export function filterProblem({ mirror, sources = [] }: StreamConfig): string | null {
  const isBad = ({ filter_subject = '' }: StreamSourceConfig) =>
    filter_subject !== '' && !isPattern(filter_subject)
  if (mirror && isBad(mirror)) {
    return `subject filter '${mirror.filter_subject}' for the mirror invalid subject`
  }
  const bad = sources.find(isBad)
  if (bad === undefined) return null
  return `subject filter '${bad.filter_subject}' for the source: invalid subject`
}

/** Names a source among those of one stream, and its messages' origin in their header. */
export function indexName(source: StreamSourceConfig): string {
  const { name, external, consumer, filter_subject, subject_transforms = [] } = source
  const place = external ? `${name}:${hashOf(external.api)}` : name
  const from = consumer ? `${place}:C=${hashOf(consumer.name ?? '')}` : place
  if (subject_transforms.length === 0) return `${from} ${filter_subject || '>'} >`
  const sources = subject_transforms.map(({ src }) => src || '>').join('\f')
  const destinations = subject_transforms.map(({ dest }) => dest || '>').join('\f')
  return `${from} ${sources} ${destinations}`
}
