// What JetStream has in nats-server 2.15 and whether it is here: edge/store/api/FEATURES.md.
//
//   node test/support/jetstream-features/table.ts --write

import { writeFileSync } from 'node:fs'
import { codes } from './codes.ts'
import { errorRows } from './errors.ts'
import {
  consumerFieldRows,
  directFieldRows,
  publishFieldRows,
  pullFieldRows,
  requestFieldRows,
  sourceFieldRows,
  streamFieldRows,
} from './fields.ts'
import { acknowledgementRows, headerRows, statusRows } from './heard.ts'
import {
  acknowledgements,
  consumerFields,
  directFields,
  events,
  headers,
  publishFields,
  pullFields,
  requestFields,
  sourceFields,
  statuses,
  streamFields,
  subjects,
} from './names.ts'
import type { Row } from './row.ts'
import { eventRows, subjectRows } from './subjects.ts'

export interface Area {
  readonly title: string
  /** What there must be a row of. */
  readonly names: readonly string[]
  readonly rows: readonly Row[]
}

export const areas: readonly Area[] = [
  { title: 'Subjects below `$JS.API.`', names: subjects, rows: subjectRows },
  { title: 'Fields of a stream', names: streamFields, rows: streamFieldRows },
  { title: 'Fields of a mirror or a source', names: sourceFields, rows: sourceFieldRows },
  { title: 'Fields of a consumer', names: consumerFields, rows: consumerFieldRows },
  { title: 'Fields of a pull request', names: pullFields, rows: pullFieldRows },
  { title: 'Fields of a direct get', names: directFields, rows: directFieldRows },
  { title: 'Fields of other requests', names: requestFields, rows: requestFieldRows },
  { title: 'Fields of what a publisher is answered', names: publishFields, rows: publishFieldRows },
  { title: 'Headers', names: headers, rows: headerRows },
  { title: 'Statuses', names: statuses, rows: statusRows },
  { title: 'Acknowledgements', names: acknowledgements, rows: acknowledgementRows },
  { title: 'Events below `$JS.EVENT.`', names: events, rows: eventRows },
  { title: 'Error codes', names: codes.map(([code]) => String(code)), rows: errorRows },
]

export const page = new URL('../../../edge/store/api/FEATURES.md', import.meta.url)

const texts: ReadonlyMap<string, string> = new Map(
  codes.map(([code, http, text]) => [String(code), `${http} ${text}`]),
)

export function tableText(): string {
  return `# JetStream, row by row

What nats-server 2.15 has, whether it is here, and the test of it. **2** in the third column: the same test, with the
same expectations, runs against a nats-server 2.15 in the same run. Made by \`test/support/jetstream-features/table.ts --write\`.

${areas.map(sectionOf).join('\n')}`
}

function sectionOf({ title, rows }: Area): string {
  return `## ${title}\n\n| | here | | test |\n|---|---|---|---|\n${rows.map(lineOf).join('\n')}\n`
}

function lineOf({ name, here, note, test, isBoth }: Row): string {
  const text = texts.get(name)
  const what = text === undefined ? code(name) : `${code(name)} ${escaped(text)}`
  const answer = note === '' ? here : `${here}: ${escaped(note)}`
  const where = test === null ? '' : `${test[0]}: ${code(test[1])}`
  return `| ${what} | ${answer} | ${isBoth ? '2' : ''} | ${where} |`
}

const code = (text: string): string => {
  const fence = text.includes('`') ? '``' : '`'
  return `${fence}${text.replaceAll('|', '\\|')}${fence}`
}

const escaped = (text: string): string => text.replace(/[|<>*_{]/g, '\\$&')

if (import.meta.main && process.argv[2] === '--write') writeFileSync(page, tableText())
