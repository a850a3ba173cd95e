// What a stream's config says about subjects beside `subjects`: the transform of what comes in and
// the republishing of what was stored. Texts and defaults are nats-server 2.10's.

import { overlaps } from '../../../src/subject/subject.ts'
import { newTransform, reachOf, type SubjectTransform } from '../../../src/subject/transform.ts'
import { streamInvalidConfig } from '../errors.ts'
import type { ApiError, RepublishConfig, StreamConfig, SubjectTransformConfig } from '../shapes.ts'
import { FieldReader, type Fields } from './text.ts'

const subjectCharactersMax = 4096

/** undefined: there is none; null: it is not what it should be. */
export function readTransform(
  fields: Fields | undefined,
): SubjectTransformConfig | null | undefined {
  if (fields === undefined) return undefined
  const read = new FieldReader(fields)
  const src = read.text('src')
  const dest = read.text('dest')
  const tooLong = src.length > subjectCharactersMax || dest.length > subjectCharactersMax
  return read.wrong || tooLong ? null : { src, dest }
}

export function readRepublish(fields: Fields | undefined): RepublishConfig | null | undefined {
  const transform = readTransform(fields)
  if (!fields || !transform) return transform
  const read = new FieldReader(fields)
  const headersOnly = read.flag('headers_only')
  if (read.wrong) return null
  const { src, dest } = transform
  return { src: src || '>', dest, ...(headersOnly && { headers_only: true }) }
}

/** The transform ready to use; null when there is none. The config was checked. */
export function transformOf(config: SubjectTransformConfig | undefined): SubjectTransform | null {
  if (config === undefined || config.dest === '') return null
  const transform = newTransform(config.src, config.dest)
  return typeof transform === 'string' ? null : transform
}

/** What is wrong with a transform; null when nothing is. */
export function transformProblem(config: SubjectTransformConfig | undefined): string | null {
  if (config === undefined || config.dest === '') return null
  const transform = newTransform(config.src, config.dest)
  return typeof transform === 'string' ? transform : null
}

/**
 * nats-server compares the destination as it is written; here every subject it may become counts,
 * because a stream that captures what it republishes never comes to an end.
 */
export function checkRepublish({ republish, subjects }: StreamConfig): ApiError | null {
  if (republish === undefined || republish.dest === '') return null
  const { src, dest } = republish
  const reach = reachOf(dest)
  if (subjects?.some(subject => overlaps(dest, subject) || overlaps(reach, subject))) {
    return streamInvalidConfig('stream configuration for republish destination forms a cycle')
  }
  if (transformProblem(republish) === null) return null
  return streamInvalidConfig(
    `stream configuration for republish with transform from '${src}' to '${dest}' not valid`,
  )
}
