// The rows of error codes (reference 6.13): those that are provoked beside nats-server, those that
// only we can be brought to in a test, and those that no client of a single server hears.

import { consumerRows } from '../../peer/errors/consumer-rows.ts'
import { boundRows, freeRows, limitedRows, noneRows } from '../../peer/errors/limit-rows.ts'
import type { Row as Provoked } from '../../peer/errors/provoke.ts'
import { batchRows, publishRows } from '../../peer/errors/publish-rows.ts'
import { feedRows, streamRows } from '../../peer/errors/stream-rows.ts'
import { codes } from './codes.ts'
import { both, missing, ours, oursDiffers, type Row } from './row.ts'

const files: Readonly<Record<string, readonly (readonly Provoked[])[]>> = {
  'peer/errors/stream-rows.ts': [streamRows, feedRows],
  'peer/errors/consumer-rows.ts': [consumerRows],
  'peer/errors/publish-rows.ts': [publishRows, batchRows],
  'peer/errors/limit-rows.ts': [limitedRows, boundRows, freeRows, noneRows],
}

const failing = [
  'store/api-sick.test.ts',
  'forgets a stream whose creation was rolled back',
] as const
const feeds = 'peer/heard/feed-rows.ts'

const others: readonly Row[] = [
  ours('10051', ...failing),
  oursDiffers(
    '10050',
    '10051',
    'store/api-sick.test.ts',
    'has a stream back whose deletion was rolled back',
  ),
  oursDiffers(
    '10062',
    'told at once, and nothing is left behind',
    'store/backup.test.ts',
    'refuses archives that lie, and leaves nothing behind',
  ),
  ours('10064', 'store/backup.test.ts', '10064'),
  ours('10076', 'monitor/views.test.ts', '10076'),
  ours('10120', 'store/quota.test.ts', '10120: tiers, none of them for one replica'),
  ours('10167', 'store/commit.test.ts', 'refuses appends when too much waits'),
  ours('10194', 'store/offline.test.ts', 'say why, take nothing, and can be deleted'),
  both('10214', feeds, '"err_code":10214'),
  both('10217', feeds, '"err_code":10217'),
]

const clusters = 'clustered servers only'
const unused = 'nats-server 2.15 never says it'
const earlier = 'another check comes first, there too: '

/** Why nobody hears them, and their numbers. */
const unheard: readonly (readonly [note: string, ...codes: readonly number[]])[] = [
  [clusters, 10005, 10006, 10007, 10008, 10009, 10040, 10041, 10044, 10048, 10075, 10123, 10124],
  [clusters, 10118, 10119, 10129, 10158, 10202, 10224, 10226],
  [unused, 10004, 10011, 10019, 10032, 10033, 10036, 10061, 10066, 10067, 10068, 10072, 10073],
  [unused, 10085, 10092, 10093, 10117, 10163, 10180],
  ['the system account of clusters only', 10035],
  ['between a mirror and its own stream: nobody hears it', 10063],
  ['inside nats-server, of a stream that is being deleted', 10096],
  [`${earlier}10012 or 10148`, 10105, 10106],
  [`${earlier}no such subject`, 10016],
  [`${earlier}10028, 10047`, 10053],
  [`${earlier}10017`, 10132],
  [`${earlier}10025`, 10078, 10181, 10182],
  [`${earlier}10052`, 10103],
  [`${earlier}10074`, 10126, 10134],
  ['what is negative is completed, there too', 10087, 10114],
  ['flow control is completed, there too', 10219],
  ['files that fail; here 10051, 10077', 10029, 10042, 10045, 10069, 10104],
  ['only a downgrade could bring such a consumer', 10195],
]

const rows: ReadonlyMap<string, Row> = new Map([
  ...Object.entries(files).flatMap(([file, lists]) =>
    lists.flat().map(([code]) => entry(both(String(code), file, `${code},`))),
  ),
  ...others.map(entry),
  ...unheard.flatMap(([note, ...numbers]) => numbers.map(n => entry(missing(String(n), note)))),
])

function entry(row: Row): readonly [string, Row] {
  return [row.name, row]
}

export const errorRows: readonly Row[] = codes.flatMap(([code]) => rows.get(String(code)) ?? [])
