// Cron expressions of six fields as nats-server's schedules mean them (ADR-51):
//
//   second 0-59 | minute 0-59 | hour 0-23 | day of month 1-31 | month 1-12, jan | day 0-6, sun
//
// A field is a list of `*`, `?`, `n` and `n-m`, each with an optional `/step`; `n/step` goes on to
// the end. When one of the two fields of days holds a star, both must match, else one of them.
//
// The package edge/schedule takes its expressions from means something else: both days must always
// match, Sunday may be 7, `#` and `L` are known. And it looks through the seconds one by one; here
// the next time is found by leaping over months, days, hours, minutes that do not match.

import type { Zone } from './zone.ts'

/** Bits of what matches in each field; `star`: the field of days leaves the other the word. */
export interface Cron {
  readonly seconds: readonly boolean[]
  readonly minutes: readonly boolean[]
  readonly hours: readonly boolean[]
  readonly days: readonly boolean[]
  readonly months: readonly boolean[]
  readonly weekdays: readonly boolean[]
  readonly bothDays: boolean
}

interface Bounds {
  readonly min: number
  readonly max: number
  readonly names: readonly string[]
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov']
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const sixty: Bounds = { min: 0, max: 59, names: [] }
const hourBounds: Bounds = { min: 0, max: 23, names: [] }
const dayBounds: Bounds = { min: 1, max: 31, names: [] }
const monthBounds: Bounds = { min: 1, max: 12, names: ['', ...monthNames, 'dec'] }
const weekdayBounds: Bounds = { min: 0, max: 6, names: dayNames }
const fieldBounds = [sixty, sixty, hourBounds, dayBounds, monthBounds, weekdayBounds]

/** Longer than any that makes sense; a header may bring 64 KiB. */
const expressionCharactersMax = 1024

/** null: not such an expression. */
export function cronOf(text: string): Cron | null {
  const texts = text.trim().split(/\s+/)
  if (texts.length !== fieldBounds.length || text.length > expressionCharactersMax) return null
  const fields = texts.map((field, i) => fieldOf(field, fieldBounds[i] as Bounds))
  if (fields.includes(null)) return null
  const [seconds, minutes, hours, days, months, weekdays] = fields as Field[]
  if (!seconds || !minutes || !hours || !days || !months || !weekdays) return null
  // Lists of nothing, such as `,`: no time matches, and looking for one would take long.
  if ([seconds, minutes, hours, months].some(({ matches }) => matches.length === 0)) return null
  if (!hasDay(days, months, weekdays)) return null
  return {
    seconds: seconds.matches,
    minutes: minutes.matches,
    hours: hours.matches,
    days: days.matches,
    months: months.matches,
    weekdays: weekdays.matches,
    bothDays: days.star || weekdays.star,
  }
}

const monthDays = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Is there such a day in any year? A 31st of June is not looked for. */
function hasDay(days: Field, months: Field, weekdays: Field): boolean {
  const bothDays = days.star || weekdays.star
  const anyWeekday = weekdays.matches.length > 0
  if (bothDays && !anyWeekday) return false
  if (!bothDays && anyWeekday) return true
  return months.matches.some((_, month) =>
    days.matches.some((_, day) => day <= (monthDays[month] as number)),
  )
}

interface Field {
  readonly matches: boolean[]
  star: boolean
}

function fieldOf(text: string, bounds: Bounds): Field | null {
  const field: Field = { matches: [], star: false }
  for (const part of text.split(',')) {
    if (part !== '' && !takePart(field, part, bounds)) return null
  }
  return field
}

/** `*`, `n`, `n-m`, with an optional step. */
function takePart(field: Field, part: string, { min, max, names }: Bounds): boolean {
  const [range = '', stepText, ...slashes] = part.split('/')
  const [lowText = '', highText, ...hyphens] = range.split('-')
  if (slashes.length > 0) return false
  const step = stepText === undefined ? 1 : numberOf(stepText, [])
  const isStar = lowText === '*' || lowText === '?'
  // As in nats-server, what stands behind a star is not read.
  if (!isStar && hyphens.length > 0) return false
  const low = isStar ? min : numberOf(lowText, names)
  const isOpen = isStar || (highText === undefined && stepText !== undefined)
  const high = isOpen ? max : highText === undefined ? low : numberOf(highText, names)
  // Written so that a number that is none fails.
  if (!(step > 0 && low >= min && high <= max && low <= high)) return false
  for (let at = low; at <= high; at += step) field.matches[at] = true
  if (isStar && step === 1) field.star = true
  return true
}

function numberOf(text: string, names: readonly string[]): number {
  const named = text === '' ? -1 : names.indexOf(text.toLowerCase())
  if (named >= 0) return named
  return /^\+?\d{1,9}$/.test(text) ? Number(text) : Number.NaN
}

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
/** What does not come within these is taken for never. */
const yearsMax = 5

/** The first whole second after `afterMs` that matches, on the clocks of the zone; null: none. */
export function nextMatch(cron: Cron, zone: Zone, afterMs: number): number | null {
  let at = Math.floor(afterMs / secondMs) * secondMs + secondMs
  const lastYear = fieldsAt(at, zone).getUTCFullYear() + yearsMax
  // Each leap goes to the beginning of the next month, day, hour, minute or second.
  for (;;) {
    const now = fieldsAt(at, zone)
    const year = now.getUTCFullYear()
    const month = now.getUTCMonth()
    if (year > lastYear) return null
    if (!cron.months[month + 1]) at = utcOf(Date.UTC(year, month + 1, 1), zone, at)
    else if (!isDay(cron, now)) at = utcOf(Date.UTC(year, month, now.getUTCDate() + 1), zone, at)
    else if (!cron.hours[now.getUTCHours()]) at = leap(at, now.getTime(), hourMs)
    else if (!cron.minutes[now.getUTCMinutes()]) at = leap(at, now.getTime(), minuteMs)
    else if (!cron.seconds[now.getUTCSeconds()]) at += secondMs
    else return at
  }
}

/** What the zone's clocks show, in the UTC fields of a date. */
function fieldsAt(utcMs: number, zone: Zone): Date {
  return new Date(utcMs + zone.offsetMs(utcMs))
}

/** To where the local clock begins its next hour or minute. */
function leap(utcMs: number, localMs: number, unitMs: number): number {
  return utcMs + unitMs - (((localMs % unitMs) + unitMs) % unitMs)
}

/** When the zone's clocks show this; what they leave out in spring is when they go forward. */
function utcOf(localMs: number, zone: Zone, afterMs: number): number {
  const about = localMs - zone.offsetMs(localMs)
  const found = localMs - zone.offsetMs(about)
  const early = Math.max(0, localMs - fieldsAt(found, zone).getTime())
  return Math.max(found + early, afterMs + secondMs)
}

function isDay({ days, weekdays, bothDays }: Cron, now: Date): boolean {
  const day = days[now.getUTCDate()] === true
  const weekday = weekdays[now.getUTCDay()] === true
  return bothDays ? day && weekday : day || weekday
}
