// Cron expressions by the `node-cron` package, loaded when the first one is met: a config without
// schedules never pays for it.
//
// Only its parser and matcher are used. When a schedule is due is decided in schedules.ts, on the
// injected clock, because the package's own timers run after the system clock, catch up after a
// jump and cannot be held still by a test. An expression of plain numbers in the system's time zone
// is matched here: the package asks Intl for every time, whose data takes 1.9 MB.

import { createRequire } from 'node:module'
import type { NodeCron, ParsedFields, ScheduledTask } from 'node-cron'

/** A parsed expression in a time zone. */
export interface Cron {
  /** Is the expression true in the second that begins at this time? */
  isDue(wallMs: number): boolean
  /** The next time after now, by the system clock; null when there is none. */
  nextMs(): number | null
  close(): void
}

/** What is wrong with the expression, or null. */
export function cronProblem(expression: string): string | null {
  const { valid, errors } = load().validateDetailed(expression)
  return valid ? null : (errors[0]?.message ?? 'not a cron expression')
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/** The expression is a good one. Without a time zone the system's counts. */
export function newCron(expression: string, timeZone: string | null): Cron {
  const cron = load()
  const fields = cron.parse(expression)
  const options = timeZone === null ? {} : { timezone: timeZone }
  // Never started: it answers questions.
  const task: ScheduledTask = cron.createTask(expression, nothing, options)
  const seconds = new Set(fields.second)
  const isPlain = timeZone === null && [...fields.dayOfMonth, ...fields.dayOfWeek].every(isNumber)
  return {
    isDue(wallMs) {
      const date = new Date(wallMs)
      // Cheap first: most expressions are false in 59 seconds of 60, whatever the time zone.
      if (!seconds.has(date.getUTCSeconds())) return false
      return isPlain ? isDueHere(fields, date) : task.match(date)
    },
    nextMs() {
      try {
        return task.getNextRuns(1)[0]?.getTime() ?? null
      } catch {
        // The package gives up on dates that come too seldom.
        return null
      }
    },
    close: () => void task.destroy(),
  }
}

/** As the package does: the day of the month and the day of the week must both be right. */
function isDueHere(fields: ParsedFields, date: Date): boolean {
  return (
    fields.minute.includes(date.getMinutes()) &&
    fields.hour.includes(date.getHours()) &&
    fields.dayOfMonth.includes(date.getDate()) &&
    fields.month.includes(date.getMonth() + 1) &&
    fields.dayOfWeek.includes(date.getDay())
  )
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number'
}

function nothing(): void {}

function load(): NodeCron {
  // By require, because config is checked in one go, without waiting.
  return createRequire(import.meta.url)('node-cron') as NodeCron
}
