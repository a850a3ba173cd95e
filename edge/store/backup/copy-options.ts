// The `backup` block of `jetstream`: whole copies of the store, made while it runs (copies.ts).
//
//   backup { dir: /mnt/usb/nats-edge, schedule: "@daily", keep: 7 }
//   backup { dir: /mnt/usb/nats-edge, schedule: "0 30 3 * * *", timezone: Europe/Berlin }

import type { Block, ConfNode, Report, Values } from '../../../src/server/option.ts'
import { type Schedule, scheduleOf } from '../timed/schedule.ts'
import { zoneOf } from '../timed/zone.ts'

const keepMax = 1000

export const backupBlock = {
  dir: {
    type: 'custom',
    default: '',
    defaultText: 'required',
    read: readDir,
    about: 'Folder of the copies; another disk than the store is on outlives that.',
  },
  schedule: {
    type: 'custom',
    default: '@daily',
    read: readSchedule,
    about:
      'When: `@hourly`, `@daily`, `@weekly`, `@monthly`, `@every 6h`, or cron of 5 or 6 fields.',
  },
  timezone: {
    type: 'custom',
    default: 'Local',
    defaultText: "the system's",
    read: readTimezone,
    about: 'Time zone of the cron expression, such as Europe/Berlin or UTC.',
  },
  keep: {
    type: 'integer',
    default: 7,
    min: 1,
    max: keepMax,
    about: 'How many copies are kept; the oldest go.',
  },
} as const satisfies Block

export type BackupOptions = Values<typeof backupBlock>

export function verifyBackup({ dir }: BackupOptions, node: ConfNode, report: Report): void {
  const isGiven = node.is === 'map' && [...node.entries.keys()].some(key => /^dir$/i.test(key))
  if (dir === '' && !isGiven) report.error(node.place, 'backup needs dir, the folder of the copies')
}

function readDir(node: ConfNode, report: Report): string {
  const dir = node.is === 'string' ? node.value : ''
  if (dir === '') report.error(node.place, 'the folder of backups must be a path')
  return dir
}

function readSchedule(node: ConfNode, report: Report): string {
  const text = node.is === 'string' ? node.value : ''
  if (backupSchedule({ schedule: text, timezone: 'UTC' }) === null) {
    report.error(node.place, `wrong schedule "${text}": expected @daily, @every 6h or cron`)
  }
  return text
}

function readTimezone(node: ConfNode, report: Report): string {
  const name = node.is === 'string' ? node.value : ''
  if (name === '' || zoneOf(name) === null) report.error(node.place, `unknown time zone "${name}"`)
  return name
}

/** null: it is none. */
export function backupSchedule({
  schedule,
  timezone,
}: Pick<BackupOptions, 'schedule' | 'timezone'>): Schedule | null {
  const fields = schedule.trim().split(/\s+/)
  // A whole minute, as cron has it.
  const pattern = fields.length === 5 ? `0 ${fields.join(' ')}` : schedule.trim()
  const isEvery = pattern.startsWith('@every')
  const found = scheduleOf({ pattern, ...(!isEvery && { timeZone: timezone }) })
  return found === null || 'err_code' in found || found.is === 'at' ? null : found
}
