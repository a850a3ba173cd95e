// The rows of fields: of configs, pull requests and direct gets (reference 6.3, 6.4, 6.6).

import {
  consumerFields,
  directFields,
  publishFields,
  pullFields,
  sourceFields,
  streamFields,
} from './names.ts'
import { both, bothButDiffers, type Row } from './row.ts'

const file = 'peer/fields/field-rows.ts'
const config = 'peer/stream-config.test.ts'

/** In other files, or with a note. */
const streamElsewhere: ReadonlyMap<string, Row> = new Map(
  [
    both('placement.preferred', config, "preferred: 'p'"),
    both('pedantic', config, 'no default in silence, when asked for'),
    bothButDiffers('subjects', 'at most 4,096', file, "['subjects', "),
    bothButDiffers('sources', 'at most 64', file, "['sources', "),
    bothButDiffers('compression', 'kept and shown, without effect', file, "['compression', "),
  ].map(row => [row.name, row]),
)

export const streamFieldRows: readonly Row[] = streamFields.map(
  name => streamElsewhere.get(name) ?? both(name, file, `['${name}', `),
)

export const sourceFieldRows: readonly Row[] = sourceFields.map(name =>
  both(name, file, `${name}: `),
)

const consumerElsewhere: ReadonlyMap<string, Row> = new Map(
  [
    both('deliver_policy', file, "['deliver_policy', policy]"),
    both('ack_policy', file, "['ack_policy', policy]"),
    bothButDiffers(
      'deliver_subject',
      'a wildcard subscription alone is interest, too',
      file,
      "['deliver_subject', ",
    ),
    both('action', 'peer/errors/consumer-rows.ts', "action: 'create'"),
    both('pedantic', 'peer/errors/consumer-rows.ts', 'pedantic: true'),
  ].map(row => [row.name, row]),
)

export const consumerFieldRows: readonly Row[] = consumerFields.map(
  name => consumerElsewhere.get(name) ?? both(name, file, `['${name}', `),
)

const inGroups = 'peer/consumer-priority.test.ts'
const statuses = 'peer/heard/status-rows.ts'
const pullTests: Readonly<Record<string, readonly [string, string]>> = {
  batch: [statuses, 'pull({ batch: 6 })'],
  expires: [statuses, 'pull({ expires: 100 * ms })'],
  no_wait: [statuses, 'no_wait: true'],
  max_bytes: [statuses, 'max_bytes: 1000'],
  idle_heartbeat: [statuses, 'idle_heartbeat: 200 * ms'],
  group: [statuses, "group: 'g'"],
  min_pending: [inGroups, 'let overflow help once enough is left'],
  min_ack_pending: [inGroups, 'let overflow help once enough waits for acks'],
  id: [inGroups, 'pin one client, and tell the others'],
  priority: [inGroups, 'serve who asks with the lower number first'],
}

export const pullFieldRows: readonly Row[] = pullFields.map(name => {
  const [where, text] = pullTests[name] ?? ['', '']
  return both(name, where, text)
})

export const directFieldRows: readonly Row[] = directFields.map(name =>
  both(name, 'peer/direct-get.test.ts', `${name}: `),
)

const streams = 'peer/jetstream.test.ts'
const backups = 'peer/backup.test.ts'
const subjects = 'peer/heard/subject-rows.ts'
const events = 'peer/heard/event-rows.ts'
const requestTests: readonly (readonly [string, string, string])[] = [
  ['STREAM.NAMES offset', streams, 'offset: '],
  ['STREAM.NAMES subject', subjects, "ask('STREAM.NAMES', { subject: "],
  ['STREAM.LIST offset', subjects, "ask('STREAM.LIST', { offset: "],
  ['STREAM.LIST subject', streams, 'subject: '],
  ['STREAM.INFO deleted_details', subjects, 'deleted_details: true'],
  ['STREAM.INFO subjects_filter', subjects, 'subjects_filter: '],
  ['STREAM.INFO offset', streams, 'offset: '],
  ['STREAM.PURGE filter', subjects, "ask('STREAM.PURGE.X', { filter: "],
  ['STREAM.PURGE seq', streams, 'seq: '],
  ['STREAM.PURGE keep', streams, 'keep: '],
  ['STREAM.MSG.DELETE seq', subjects, 'seq: 1, no_erase: true'],
  ['STREAM.MSG.DELETE no_erase', subjects, 'seq: 1, no_erase: true'],
  ['STREAM.SNAPSHOT deliver_subject', subjects, 'deliver_subject: '],
  ['STREAM.SNAPSHOT no_consumers', subjects, 'no_consumers: true'],
  ['STREAM.SNAPSHOT chunk_size', backups, 'chunk_size: 10_000'],
  ['STREAM.SNAPSHOT window_size', backups, 'window_size: 40_000'],
  ['STREAM.SNAPSHOT jsck', backups, 'jsck: true'],
  ['STREAM.RESTORE config', subjects, "ask('STREAM.RESTORE.X', { config: "],
  ['STREAM.RESTORE state', subjects, 'state: {}'],
  ['CONSUMER.NAMES offset', subjects, "ask('CONSUMER.NAMES.X', { offset: "],
  ['CONSUMER.LIST offset', subjects, "ask('CONSUMER.LIST.X', { offset: "],
  ['CONSUMER.PAUSE pause_until', events, 'pause_until: '],
  ['CONSUMER.UNPIN group', subjects, "ask('CONSUMER.UNPIN.X.c', { group: "],
  ['CONSUMER.RESET seq', subjects, "ask('CONSUMER.RESET.X.c', { seq: "],
]

export const requestFieldRows: readonly Row[] = requestTests.map(([name, where, text]) =>
  both(name, where, text),
)

const headers = 'peer/heard/header-rows.ts'
const publishTests: Readonly<Record<string, readonly [string, string]>> = {
  stream: ['peer/batch-atomic.test.ts', '"stream":"A","seq":3'],
  seq: ['peer/batch-atomic.test.ts', '"stream":"A","seq":3'],
  domain: [streams, 'answers a domain as itself'],
  duplicate: [headers, '"duplicate": true'],
  val: [headers, '"val":"7"'],
  batch: [headers, '"batch":"b","count":1'],
  count: [headers, '"batch":"b","count":1'],
  error: ['peer/errors/publish-rows.ts', '10060, '],
}

export const publishFieldRows: readonly Row[] = publishFields.map(name => {
  const [where, text] = publishTests[name] ?? ['', '']
  return both(name, where, text)
})
