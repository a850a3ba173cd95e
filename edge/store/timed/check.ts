// What a publisher may not do with a message's own time, in nats-server's order and words
// (ADR-43, ADR-51), and what becomes of the message on its way in. What a source brings or the
// stream makes itself has been checked where it was published.

import { isSubject, overlaps } from '../../../src/subject/subject.ts'
import {
  scheduleInvalid,
  scheduleRollupInvalid,
  schedulerInvalid,
  schedulesDisabled,
  scheduleSourceInvalid,
  scheduleTargetInvalid,
  scheduleTtlInvalid,
  ttlDisabled,
  ttlInvalid,
} from '../errors.ts'
import { publishOptions } from '../publish-headers.ts'
import type { ApiError, AppendOptions, NewMessage, Stream, StreamConfig } from '../shapes.ts'
import { purgeNext, type ScheduleHeaders } from './headers.ts'
import { withHeader } from './produced.ts'
import { nextUs, scheduleOf } from './schedule.ts'
import { keptSeconds, ttlOf } from './ttl.ts'

/** Asked before what is expected of the last sequence of the subject. */
export function ttlRefusal(config: StreamConfig, options: AppendOptions): ApiError | undefined {
  const { ttl = 0 } = options
  if (config.allow_msg_ttl || isAccepted(options)) return undefined
  return ttl === 0 || Number.isNaN(ttl) ? undefined : ttlDisabled
}

/** Asked last. */
export function ttlFailure(options: AppendOptions): ApiError | undefined {
  return Number.isNaN(options.ttl) && options.place === undefined ? ttlInvalid : undefined
}

/** A stream, or one as it will be within a batch. */
type Scene = Pick<Stream, 'config' | 'newest'>

/** Asked after what is expected of sequences. */
export function scheduleFailure(
  stream: Scene,
  subject: string,
  options: AppendOptions,
  nowUs: number,
): ApiError | undefined {
  const { schedule } = options
  if (schedule === undefined || isAccepted(options)) return undefined
  const found = scheduleOf(schedule)
  if (found !== null && 'err_code' in found) return allowed(stream.config, found)
  if (found !== null) {
    if (nextUs(found, nowUs, nowUs) === null) return allowed(stream.config, scheduleInvalid)
    const wrong = wrongSchedule(stream.config, subject, schedule, options.rollup)
    if (wrong) return wrong
  }
  return wrongScheduler(stream, subject, schedule)
}

function allowed(config: StreamConfig, error: ApiError): ApiError {
  return config.allow_msg_schedules ? error : schedulesDisabled
}

function wrongSchedule(
  config: StreamConfig,
  subject: string,
  schedule: ScheduleHeaders,
  ownRollup: string | undefined,
): ApiError | undefined {
  const { ttl, rollup, target = '', source } = schedule
  if (!config.allow_msg_schedules) return schedulesDisabled
  if (ttl !== undefined && Number.isNaN(ttlOf(ttl))) return scheduleTtlInvalid
  if (rollup !== undefined && rollup !== 'sub') return scheduleRollupInvalid
  if (ttl !== undefined && !config.allow_msg_ttl) return ttlDisabled
  if (!isSubject(target) || target === subject) return scheduleTargetInvalid
  const isWrong = source === target || source === subject
  if (source !== undefined && (isWrong || !isSubject(source))) return scheduleSourceInvalid
  const subjects = config.subjects ?? []
  if (!subjects.some(ours => overlaps(ours, target))) return scheduleTargetInvalid
  if (source !== undefined && !subjects.some(ours => overlaps(ours, source))) {
    return scheduleSourceInvalid
  }
  return ownRollup === undefined || ownRollup === 'sub' ? undefined : scheduleRollupInvalid
}

/** A publisher may end a schedule, and nothing else, in its name. */
function wrongScheduler(
  stream: Scene,
  subject: string,
  { scheduler, next }: ScheduleHeaders,
): ApiError | undefined {
  if (next === undefined) return scheduler === undefined ? undefined : schedulerInvalid
  if (next !== purgeNext || scheduler === undefined) return schedulerInvalid
  if (scheduler === subject || !isSubject(scheduler)) return schedulerInvalid
  if (!stream.config.allow_msg_schedules) return schedulesDisabled
  const ended = stream.newest(scheduler)
  return ended === undefined || isSchedule(ended.headers) ? undefined : schedulerInvalid
}

function isSchedule(headers: Buffer): boolean {
  return publishOptions(headers, 0, headers.length).schedule?.pattern !== undefined
}

/** A schedule replaces what its subject held before. */
export function rollupOf(options: AppendOptions): 'sub' | 'all' | undefined {
  return options.rollup ?? (holdsSchedule(options) ? 'sub' : undefined)
}

/** The message as it is stored. */
export function prepared(
  config: StreamConfig,
  message: NewMessage,
  options: AppendOptions,
): NewMessage {
  const { ttl = 0, place } = options
  if (place !== undefined) return message
  let { headers } = message
  const kept = keptSeconds(config, ttl)
  if (kept > ttl) headers = withHeader(headers, 'Nats-TTL', String(kept))
  if (holdsSchedule(options) && options.rollup === undefined) {
    headers = withHeader(headers, 'Nats-Rollup', 'sub')
  }
  return headers === message.headers
    ? message
    : { subject: message.subject, headers, payload: message.payload }
}

function holdsSchedule(options: AppendOptions): boolean {
  return options.schedule?.pattern !== undefined && !isAccepted(options)
}

/** Not a publisher's. */
function isAccepted({ sourced, place }: AppendOptions): boolean {
  return sourced === true || place !== undefined
}

/** A message that ends a schedule takes it away (`Nats-Schedule-Next: purge`). */
export function endSchedule(stream: Stream, options: AppendOptions): void {
  const { scheduler, next } = options.schedule ?? {}
  const { allow_rollup_hdrs, deny_purge } = stream.config
  if (next !== purgeNext || scheduler === undefined || options.place !== undefined) return
  if (!allow_rollup_hdrs || deny_purge || !isSubject(scheduler)) return
  const [held] = stream.subjects(scheduler, 0, 1)
  if (held === undefined) return
  if (held[1] === 1) stream.remove(stream.lastSeqOf(scheduler))
  else stream.purge({ filter: scheduler })
}
