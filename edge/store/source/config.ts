// `mirror` and `sources` of a stream's config: read, checked and named, in nats-server 2.10's order
// and with its errors (reference 6.3, 6.9, 6.13).

import { covers, isPattern, isSubject, overlaps } from '../../../src/subject/subject.ts'
import { isDestination } from '../../../src/subject/transform.ts'
import { isName } from '../api/name.ts'
import { readTransform, transformProblem } from '../api/shaping.ts'
import { FieldReader, type Fields, isFields, timeOf } from '../api/text.ts'
import * as errors from '../errors.ts'
import { hashOf } from '../identity.ts'
import type {
  ApiError,
  StreamConfig,
  StreamSourceConfig,
  SubjectTransformConfig,
} from '../shapes.ts'

/** nats-server has no bound; each source is a consumer somewhere and a timer here. */
const sourcesMax = 64
const transformsMax = 64
const nameCharactersMax = 255
const subjectCharactersMax = 4096

/** The account's streams, as a source sees them. */
export interface Neighbours {
  /** `$JS.<our domain>.API`: an origin behind it is one of ours; '' without a domain. */
  readonly ownApi: string
  config(name: string): StreamConfig | undefined
}

/** undefined: there is none; null: it is not what it should be. */
export function readSource(fields: Fields | undefined): StreamSourceConfig | null | undefined {
  if (fields === undefined) return undefined
  const read = new FieldReader(fields)
  const name = read.text('name')
  const startSeq = read.count('opt_start_seq')
  const startTime = read.text('opt_start_time')
  const filter = read.text('filter_subject')
  const transforms = readList(fields.subject_transforms, transformsMax, readTransform)
  const external = read.fields('external')
  const outside = new FieldReader(external ?? {})
  const api = outside.text('api')
  const deliver = outside.text('deliver')
  const consumer = readConsumer(read.fields('consumer'))
  const texts = [name, filter, api, deliver]
  if (read.wrong || outside.wrong || transforms === null || consumer === null) return null
  if (texts.some(text => text.length > subjectCharactersMax)) return null
  if (startTime !== '' && timeOf(startTime) === null) return null
  return {
    name,
    ...(startSeq > 0 && { opt_start_seq: startSeq }),
    ...(startTime !== '' && { opt_start_time: startTime }),
    ...(filter !== '' && { filter_subject: filter }),
    ...(transforms.length > 0 && { subject_transforms: transforms }),
    ...(external && { external: { api, deliver } }),
    ...(consumer && { consumer }),
  }
}

function readConsumer(fields: Fields | undefined): StreamSourceConfig['consumer'] | null {
  if (fields === undefined) return undefined
  const read = new FieldReader(fields)
  const name = read.text('name')
  const deliver = read.text('deliver_subject')
  if (read.wrong || name.length + deliver.length > subjectCharactersMax) return null
  return { ...(name !== '' && { name }), ...(deliver !== '' && { deliver_subject: deliver }) }
}

/** null: it is not what it should be. */
export function readSources(value: unknown): readonly StreamSourceConfig[] | null {
  return readList(value, sourcesMax, readSource)
}

function readList<T>(
  value: unknown,
  countMax: number,
  read: (fields: Fields) => T | null | undefined,
): readonly T[] | null {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || value.length > countMax) return null
  const items: T[] = []
  for (const item of value) {
    const made = isFields(item) ? read(item) : null
    if (made === null || made === undefined) return null
    items.push(made)
  }
  return items
}

/** What the config itself tells. */
export function checkSources(config: StreamConfig): ApiError | null {
  const { mirror } = config
  if (mirror) {
    if (config.first_seq) return errors.mirrorWithFirstSeq
    if (config.subjects && config.subjects.length > 0) return errors.mirrorWithSubjects
    if (config.sources && config.sources.length > 0) return errors.mirrorWithSources
    const wrong = checkMirror(mirror)
    if (wrong) return wrong
  }
  const names = new Set<string>()
  for (const source of config.sources ?? []) {
    if (!isName(source.name) || source.name.length > nameCharactersMax) return errors.sourceName
    const name = indexName(source)
    if (names.has(name)) return errors.sourceDuplicate
    names.add(name)
    const wrong = source.external ? null : checkSource(source)
    if (wrong) return wrong
  }
  return checkPrefixes(config)
}

function checkMirror(mirror: StreamSourceConfig): ApiError | null {
  const transforms = mirror.subject_transforms ?? []
  if (mirror.filter_subject && transforms.length > 0) return errors.mirrorManyFilters
  for (const { src } of transforms) {
    if (!isPattern(src)) return errors.mirrorFilter
    if (twice(transforms, src, overlaps)) return errors.mirrorFiltersOverlap
  }
  const named = isName(mirror.name) && mirror.name.length <= nameCharactersMax
  return mirror.external || named ? null : errors.mirrorName
}

function checkSource(source: StreamSourceConfig): ApiError | null {
  const transforms = source.subject_transforms ?? []
  if (source.filter_subject && transforms.length > 0) return errors.sourceManyFilters
  for (const transform of transforms) {
    if (transform.dest !== '' && !isDestination(transform.dest)) return errors.sourceDestination
  }
  for (const { src } of transforms) {
    if (!isPattern(src)) return errors.sourceFilter
    if (twice(transforms, src, (one, other) => covers(other, one))) {
      return errors.sourceFiltersOverlap
    }
  }
  return null
}

function twice(
  transforms: readonly SubjectTransformConfig[],
  src: string,
  meet: (one: string, other: string) => boolean,
): boolean {
  const first = transforms.findIndex(transform => transform.src === src)
  return transforms.some((other, i) => i !== first && meet(src, other.src))
}

function checkPrefixes({ mirror, sources }: StreamConfig): ApiError | null {
  for (const source of mirror ? [mirror] : (sources ?? [])) {
    const { api = '', deliver = '' } = source.external ?? {}
    if (deliver !== '' && !isSubject(deliver)) return errors.externalDeliverWildcards(deliver)
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

/** What only the account's other streams tell. */
export function checkAgainst(config: StreamConfig, neighbours: Neighbours): ApiError | null {
  const tooSmall = (origin: StreamConfig | undefined): boolean =>
    config.max_msg_size > 0 && (origin?.max_msg_size ?? -1) > config.max_msg_size
  const { mirror } = config
  if (mirror && !mirror.external && tooSmall(neighbours.config(mirror.name))) {
    return errors.mirrorMessageSize
  }
  for (const source of config.sources ?? []) {
    if (!source.external && tooSmall(neighbours.config(source.name))) {
      return errors.sourceMessageSize
    }
  }
  return checkCycle(config, neighbours)
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

/** A transform or filter that does not work: nats-server says so in words only. */
export function mappingProblem({ mirror, sources }: StreamConfig): string | null {
  if (mirror) return problemOf(mirror, 'mirror')
  for (const source of sources ?? []) {
    const problem = problemOf(source, 'source')
    if (problem !== null) return problem
  }
  return null
}

function problemOf(source: StreamSourceConfig, what: 'mirror' | 'source'): string | null {
  const { filter_subject = '', subject_transforms = [] } = source
  if (filter_subject !== '' && !isPattern(filter_subject)) {
    const colon = what === 'source' ? ':' : ''
    return `subject filter '${filter_subject}' for the ${what}${colon} invalid subject`
  }
  for (const transform of subject_transforms) {
    const problem = transformProblem(transform)
    if (problem === null) continue
    const { src, dest } = transform
    return `subject transform from '${src}' to '${dest}' for the ${what}: ${problem}`
  }
  return null
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
