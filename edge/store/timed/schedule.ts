// When a schedule is due (ADR-51, nats-server 2.15's readings):
//
//   @at <RFC 3339>        once; what is past is due at once
//   @every <duration>     from a second on; counted from the last time, rounded to a second
//   @hourly, @daily, …    by the clock on the wall
//   six cron fields       in UTC, or in the zone of Nats-Schedule-Time-Zone
//
// Times are microseconds of the wall clock. Times that passed meanwhile are left out: whatever the
// clock does, a schedule is due once and then at its next time from now.

import { timeOf } from '../api/text.ts'
import { durationOf } from '../consumer/duration.ts'
import { scheduleInvalid, scheduleTimeZoneInvalid } from '../errors.ts'
import type { ApiError } from '../shapes.ts'
import { type Cron, cronOf, nextMatch } from './cron.ts'
import type { ScheduleHeaders } from './headers.ts'
import { utc, type Zone, zoneOf } from './zone.ts'

export type Schedule =
  | { readonly is: 'at'; readonly us: number }
  | { readonly is: 'every'; readonly us: number }
  | { readonly is: 'cron'; readonly cron: Cron; readonly zone: Zone }

const named: Readonly<Record<string, string>> = {
  '@yearly': '0 0 0 1 1 *',
  '@annually': '0 0 0 1 1 *',
  '@monthly': '0 0 0 1 * *',
  '@weekly': '0 0 0 * * 0',
  '@daily': '0 0 0 * * *',
  '@midnight': '0 0 0 * * *',
  '@hourly': '0 0 * * * *',
}

const secondUs = 1_000_000

/** null: the message holds no schedule. */
export function scheduleOf({ pattern, timeZone }: ScheduleHeaders): Schedule | ApiError | null {
  const zone = timeZone === undefined ? null : zoneOf(timeZone)
  if (timeZone !== undefined && zone === null) return scheduleTimeZoneInvalid
  if (pattern === undefined) return null
  // A zone goes with cron only.
  if (pattern.startsWith('@at ')) return zone ? scheduleInvalid : atOf(pattern.slice(4))
  if (pattern.startsWith('@every ')) return zone ? scheduleInvalid : everyOf(pattern.slice(7))
  const cron = cronOf(Object.hasOwn(named, pattern) ? (named[pattern] as string) : pattern)
  return cron ? { is: 'cron', cron, zone: zone ?? utc } : scheduleInvalid
}

/** Due after a time at which it was due, or at which it was made; null: never. */
export function nextUs(schedule: Schedule, afterUs: number, nowUs: number): number | null {
  if (schedule.is === 'at') return schedule.us
  const next = following(schedule, afterUs)
  return next === null || next >= nowUs ? next : following(schedule, rounded(nowUs))
}

function following(schedule: Exclude<Schedule, { is: 'at' }>, afterUs: number): number | null {
  if (schedule.is === 'every') return rounded(afterUs) + schedule.us
  const ms = nextMatch(schedule.cron, schedule.zone, Math.floor(afterUs / 1000))
  return ms === null ? null : ms * 1000
}

function atOf(text: string): Schedule | ApiError {
  const us = timeOf(text)
  return us === null || !isDate(text.slice(0, 19)) ? scheduleInvalid : { is: 'at', us }
}

/** No 30th of February, no 24 o'clock: JavaScript would take it for the day after. */
function isDate(text: string): boolean {
  return new Date(`${text}Z`).toISOString().startsWith(text)
}

function everyOf(text: string): Schedule | ApiError {
  const ns = durationOf(text)
  const us = ns === null ? 0 : Math.floor(ns / 1000)
  return us >= secondUs && us <= everyUsMax ? { is: 'every', us } : scheduleInvalid
}

/** Of Go's durations; sums of times stay exact. */
const everyUsMax = 9_223_372_036 * secondUs

function rounded(us: number): number {
  return Math.round(us / secondUs) * secondUs
}
