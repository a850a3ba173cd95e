// What a stream's config says about subjects beside `subjects`: the transform of what comes in and
// the republishing of what was stored. Texts and defaults are nats-server 2.15's.

import { isPattern, overlaps } from '../../../src/subject/subject.ts'
import {
  newTransform,
  reachOf,
  type SubjectTransform,
  unknownFunctionFault,
} from '../../../src/subject/transform.ts'
import {
  pedanticMode,
  streamInvalidConfig,
  streamTransform,
  streamTransformSource,
} from '../errors.ts'
import type { ApiError, RepublishConfig, StreamConfig, SubjectTransformConfig } from '../shapes.ts'
import type { ConfigContext } from './config-rules.ts'
import { FieldReader, type Fields } from './text.ts'

const subjectCharactersMax = 4096

export function readTransform(fields: Fields): SubjectTransformConfig {
  const read = new FieldReader(fields)
  return { src: read.text('src'), dest: read.text('dest') }
}

export function optionalTransform(fields: Fields | undefined): SubjectTransformConfig | undefined {
  return fields && readTransform(fields)
}

export function readRepublish(fields: Fields | undefined): RepublishConfig | undefined {
  if (!fields) return undefined
  const headersOnly = new FieldReader(fields).flag('headers_only')
  return { ...readTransform(fields), ...(headersOnly && { headers_only: true }) }
}

/** The transform ready to use; null when there is none. The config was checked. */
export function transformOf(config: SubjectTransformConfig | undefined): SubjectTransform | null {
  if (config === undefined || config.dest === '') return null
  const transform = newTransform(config.src, config.dest)
  return typeof transform === 'string' ? null : transform
}

/** What is wrong with the source of a transform; null when nothing is. */
export function sourceFault({ src, dest }: SubjectTransformConfig): string | null {
  const tooLong = src.length > subjectCharactersMax || dest.length > subjectCharactersMax
  return tooLong || (src !== '' && !isPattern(src)) ? `invalid subject ${src}` : null
}

/** What is wrong with its destination; null when nothing is. */
export function destinationFault({ src, dest }: SubjectTransformConfig): string | null {
  if (dest === '') return null
  const invalid = 'invalid mapping destination: invalid transform'
  let isEnd = false
  for (const token of dest.split('.')) {
    if (token === '') return invalid
    if (isEnd) return `${invalid} in ${token}`
    const unknown = unknownFunctionFault(token)
    if (unknown !== null) return unknown
    if (token === '>') isEnd = true
    else if (!/^\{\{.+\}\}$/.test(token) && /[\t\n\f\r ]/.test(token)) return invalid
  }
  const transform = newTransform(src, dest)
  return typeof transform === 'string' ? transform : null
}

export function checkTransform(config: StreamConfig): StreamConfig | ApiError {
  const transform = config.subject_transform
  if (transform === undefined) return config
  const source = sourceFault(transform)
  if (source !== null) return streamTransformSource(source)
  const destination = destinationFault(transform)
  return destination === null ? config : streamTransform(destination)
}

/**
 * nats-server compares the destination as it is written; here every subject it may become counts,
 * because a stream that captures what it republishes never comes to an end.
 */
export function checkRepublish(
  config: StreamConfig,
  { pedantic }: ConfigContext,
): StreamConfig | ApiError {
  if (config.republish === undefined) return config
  if (config.republish.src === '' && pedantic) {
    return pedanticMode('republish source can not be empty')
  }
  const asked = { ...config.republish, src: config.republish.src || '>' }
  const implied = impliedBy(config, asked)
  if (implied && pedantic) return pedanticMode('implicit republish based on subject transform')
  const republish = implied ?? asked
  const { src, dest } = republish
  const reach = reachOf(dest)
  if (config.subjects?.some(subject => overlaps(dest, subject) || overlaps(reach, subject))) {
    return streamInvalidConfig('stream configuration for republish destination forms a cycle')
  }
  if (dest === '' || typeof newTransform(src, dest) !== 'string') return { ...config, republish }
  return streamInvalidConfig(
    `stream configuration for republish with transform from '${src}' to '${dest}' not valid`,
  )
}

/** From all to all means: each message under what the stream's transform makes of its subject. */
function impliedBy(config: StreamConfig, { src, dest, ...rest }: RepublishConfig) {
  const { subjects = [], subject_transform } = config
  if (src !== '>' || dest !== '>' || !subject_transform) return null
  if (subjects.length !== 1 || subjects[0] !== subject_transform.src) return null
  return { ...rest, src: subject_transform.dest, dest: subject_transform.dest }
}
