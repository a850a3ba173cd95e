// `times` of a user's JWT: the hours of the day in which it may be connected, in its time zone or
// in ours. Two days a year a range is an hour off, when clocks are put back or forward within it.

import type { TimeRange } from './claims.ts'

const daySeconds = 86_400

/** `15:04:05` as seconds since midnight. */
export function secondsOfDay(text: string): number | null {
  const found = /^(\d{1,2}):(\d{2}):(\d{2})$/.exec(text)
  if (!found) return null
  const [hours, minutes, seconds] = found.slice(1).map(Number) as [number, number, number]
  if (hours > 23 || minutes > 59 || seconds > 59) return null
  return hours * 3600 + minutes * 60 + seconds
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: name })
    return true
  } catch {
    // It throws for names that it does not know.
    return name === 'Local'
  }
}

/**
 * How long from now the user may stay: ms, Infinity when it may always, nought when it may not be
 * here now.
 */
export function allowedMs(times: readonly TimeRange[], location: string, wallMs: number): number {
  if (times.length === 0) return Number.POSITIVE_INFINITY
  const now = secondsNow(location, wallMs)
  let best = 0
  for (const { start, end } of times) {
    const from = secondsOfDay(start)
    const to = secondsOfDay(end)
    if (from !== null && to !== null) best = Math.max(best, secondsLeft(from, to, now))
  }
  return best * 1000
}

/** A range whose end is before its start goes over midnight. */
function secondsLeft(from: number, to: number, now: number): number {
  if (from < now && to > now) return to - now
  if (from <= to) return 0
  if (to > now) return to - now
  return from < now ? to + daySeconds - now : 0
}

function secondsNow(location: string, wallMs: number): number {
  const date = new Date(wallMs)
  if (location === '' || location === 'Local' || !isTimeZone(location)) {
    return date.getHours() * 3600 + date.getMinutes() * 60 + date.getSeconds() + millis(wallMs)
  }
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: location,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(date)
  const of = (type: string) => Number(parts.find(part => part.type === type)?.value ?? 0)
  return of('hour') * 3600 + of('minute') * 60 + of('second') + millis(wallMs)
}

function millis(wallMs: number): number {
  return (((wallMs % 1000) + 1000) % 1000) / 1000
}

/** Seconds since 1970 as a date; what no calendar has is the last day of ours. */
export function dateText(seconds: number): string {
  const msMax = 8.64e15
  return new Date(Math.max(-msMax, Math.min(msMax, seconds * 1000))).toISOString()
}
