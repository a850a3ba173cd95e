// The `schedules` block: a list of messages that are published by the clock on the wall.
//
//   schedules: [
//     { name: poll, cron: "*/5 * * * *", subject: modbus.poll, payload: now }
//     { name: daily, cron: "0 6 * * *", timezone: Europe/Berlin, subject: report.daily }
//   ]

import type { Block, ConfNode, Report, Values } from '../../src/server/option.ts'
import { isSubject } from '../../src/subject/subject.ts'
import { cronProblem, isTimeZone } from './cron.ts'

const schedulesMax = 256
const headersMax = 32

function readCron(node: ConfNode, report: Report): string {
  const text = node.is === 'string' ? node.value : ''
  const problem = node.is === 'string' ? cronProblem(text) : 'not a text'
  if (problem !== null) report.error(node.place, `wrong cron expression "${text}": ${problem}`)
  return text
}

function readTimezone(node: ConfNode, report: Report): string | null {
  const name = node.is === 'string' ? node.value : ''
  if (name !== '' && isTimeZone(name)) return name
  report.error(node.place, `unknown time zone "${name}"`)
  return null
}

function readSubject(node: ConfNode, report: Report): string {
  const text = node.is === 'string' ? node.value : ''
  if (!isSubject(text)) {
    report.error(node.place, 'the subject of a schedule must be a subject without wildcards')
  }
  return text
}

/** `{ Name: value }`; the block of the protocol. */
function readHeaders(node: ConfNode, report: Report): readonly (readonly [string, string])[] {
  const headers: [string, string][] = []
  if (node.is !== 'map') {
    report.error(node.place, 'headers must be a block of names and texts')
    return headers
  }
  for (const { key, keyPlace, node: value } of node.entries.values()) {
    const text = headerText(value)
    // Printable ASCII without a colon; a value without line ends.
    if (!/^[!-9;-~]+$/.test(key)) report.error(keyPlace, `"${key}" is no header name`)
    else if (text === null) report.error(value.place, `header ${key} must be a line of text`)
    else headers.push([key, text])
  }
  if (headers.length > headersMax) report.error(node.place, `more than ${headersMax} headers`)
  return headers
}

function headerText(node: ConfNode): string | null {
  if (node.is === 'integer') return node.text
  if (node.is === 'boolean' || node.is === 'float') return String(node.value)
  return node.is === 'string' && !/[\r\n\0]/.test(node.value) ? node.value : null
}

const noHeaders: readonly (readonly [string, string])[] = []

export const scheduleBlock = {
  name: {
    type: 'string',
    default: '',
    defaultText: 'required',
    about: 'Name of the schedule in the log and in monitoring.',
  },
  cron: {
    type: 'custom',
    default: '',
    defaultText: 'required',
    read: readCron,
    about: 'When: minute hour day-of-month month day-of-week, with a field for seconds before.',
  },
  timezone: {
    type: 'custom',
    default: null as string | null,
    defaultText: "the system's",
    read: readTimezone,
    about: 'Time zone of the expression, such as Europe/Berlin.',
  },
  subject: {
    type: 'custom',
    default: '',
    defaultText: 'required',
    read: readSubject,
    about: 'Subject of the message.',
  },
  payload: { type: 'string', default: '', about: 'The message itself.' },
  headers: {
    type: 'custom',
    default: noHeaders,
    defaultText: 'none',
    read: readHeaders,
    about: 'Headers of the message, { Name: value }.',
  },
  account: { type: 'string', default: '$G', about: 'Account of the subject.' },
} as const satisfies Block

export type ScheduleOptions = Values<typeof scheduleBlock>

export function verifySchedules(
  schedules: readonly ScheduleOptions[],
  list: ConfNode,
  report: Report,
): void {
  const nodes = list.is === 'list' ? list.items : [list]
  const names = new Set<string>()
  if (schedules.length > schedulesMax) {
    report.error(list.place, `more than ${schedulesMax} schedules`)
  }
  schedules.forEach(({ name, cron, subject }, i) => {
    const node = nodes[i] ?? list
    const given = (key: string): boolean =>
      node.is === 'map' && [...node.entries.keys()].some(found => found.toLowerCase() === key)
    if (name === '') report.error(node.place, 'a schedule needs a name')
    else if (names.has(name)) report.error(node.place, `two schedules are named "${name}"`)
    if (cron === '' && !given('cron')) report.error(node.place, 'a schedule needs cron')
    if (subject === '' && !given('subject')) report.error(node.place, 'a schedule needs a subject')
    names.add(name)
  })
}

/** The row of the config file's top level. */
export const schedulesRow = {
  type: 'blocks',
  block: scheduleBlock,
  verify: verifySchedules,
  about: 'Messages published by cron expressions.',
} as const
