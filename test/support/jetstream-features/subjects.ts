// The rows of subjects and events (reference 6.2, 6.10).

import { both, missing, missingInBoth, ours, type Row } from './row.ts'

const file = 'peer/heard/subject-rows.ts'
const events = 'peer/heard/event-rows.ts'
const clusters = 'clustered servers only'
const system = 'the system account of clusters only; no answer, as there'
const silence = ['peer/jetstream.test.ts', 'says nothing to subjects it does not know'] as const

const answered = (subject: string): Row => both(subject, file, `'$JS.API.${subject}'`)

export const subjectRows: readonly Row[] = [
  ...[
    'INFO',
    'STREAM.CREATE.<s>',
    'STREAM.UPDATE.<s>',
    'STREAM.NAMES',
    'STREAM.LIST',
    'STREAM.INFO.<s>',
    'STREAM.DELETE.<s>',
    'STREAM.PURGE.<s>',
    'STREAM.MSG.GET.<s>',
    'STREAM.MSG.DELETE.<s>',
    'STREAM.SNAPSHOT.<s>',
    'STREAM.RESTORE.<s>',
    'STREAM.LEADER.STEPDOWN.<s>',
    'STREAM.PEER.REMOVE.<s>',
    'STREAM.PEER.EVACUATE.<s>',
    'STREAM.CANCEL_MOVE.<s>',
    'CONSUMER.LEADER.STEPDOWN.<s>.<c>',
    'CONSUMER.CREATE.<s>',
    'CONSUMER.CREATE.<s>.<c>',
    'CONSUMER.CREATE.<s>.<c>.<filter>',
    'CONSUMER.DURABLE.CREATE.<s>.<c>',
    'CONSUMER.NAMES.<s>',
    'CONSUMER.LIST.<s>',
    'CONSUMER.INFO.<s>.<c>',
    'CONSUMER.DELETE.<s>.<c>',
    'CONSUMER.PAUSE.<s>.<c>',
    'CONSUMER.UNPIN.<s>.<c>',
    'CONSUMER.RESET.<s>.<c>',
    'CONSUMER.MSG.NEXT.<s>.<c>',
    'DIRECT.GET.<s>',
    'DIRECT.GET.<s>.<subject>',
  ].map(answered),
  missingInBoth('STREAM.TEMPLATE.>', 'gone since 2.14; no answer, as there', ...silence),
  ...[
    'SERVER.REMOVE',
    'SERVER.EVACUATE',
    'META.LEADER.STEPDOWN',
    'META.RESCUE',
    'ACCOUNT.PURGE.<a>',
    'ACCOUNT.STREAM.MOVE.<a>.<s>',
    'ACCOUNT.STREAM.CANCEL_MOVE.<a>.<s>',
  ].map(subject => missingInBoth(subject, system, ...silence)),
]

const advised = (name: string, rest = ''): Row =>
  both(`ADVISORY.${name}`, events, `\`\${advisory}${name}${rest}\``)

export const eventRows: readonly Row[] = [
  advised('API'),
  ...[
    'STREAM.CREATED',
    'STREAM.UPDATED',
    'STREAM.DELETED',
    'STREAM.SNAPSHOT_CREATE',
    'STREAM.SNAPSHOT_COMPLETE',
    'STREAM.RESTORE_CREATE',
    'STREAM.BATCH_ABANDONED',
  ].map(name => advised(name, '.X')),
  ...[
    'CONSUMER.CREATED',
    'CONSUMER.DELETED',
    'CONSUMER.PAUSE',
    'CONSUMER.PINNED',
    'CONSUMER.UNPINNED',
    'CONSUMER.MAX_DELIVERIES',
    'CONSUMER.MSG_NAKED',
    'CONSUMER.MSG_TERMINATED',
  ].map(name => advised(name, '.X.c')),
  both('METRIC.CONSUMER.ACK', events, '$JS.EVENT.METRIC.CONSUMER.ACK.X.c'),
  both(
    'ADVISORY.STREAM.RESTORE_COMPLETE',
    'peer/backup.test.ts',
    'tells of backups in the same advisories',
  ),
  ours(
    'ADVISORY.API.LIMIT_REACHED',
    'store/api-sick.test.ts',
    'drops what comes beyond the requests that may wait, and says how many',
  ),
  missing('ADVISORY.SERVER.OUT_OF_STORAGE', `${clusters}; health and the log say it here`),
  ...[
    'STREAM.LEADER_ELECTED',
    'STREAM.QUORUM_LOST',
    'CONSUMER.LEADER_ELECTED',
    'CONSUMER.QUORUM_LOST',
    'DOMAIN.LEADER_ELECTED',
    'SERVER.REMOVED',
    'SERVER.META_RESCUE',
  ].map(name => missing(`ADVISORY.${name}`, clusters)),
]
