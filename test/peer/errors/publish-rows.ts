// What provokes the error codes of publishing. Two batches may be open, one in a stream, each of
// two messages at most.

import { type Row, stream } from './provoke.ts'

type Fields = Readonly<Record<string, string>>

export const batchLimits = { max_inflight_per_stream: 1, max_inflight_total: 2, max_msgs: 2 }

const x = stream()
const atomic = stream({ allow_atomic: true })
const batched = stream({ allow_batched: true })
const counter = stream({ allow_msg_counter: true })
const scheduled = stream({ allow_msg_schedules: true, allow_msg_ttl: true })

const post = (fields: Fields, body = '') => ['x.a', body, fields] as const
const part = (id: string, sequence: number | string, more: Fields = {}) =>
  post({ 'Nats-Batch-Id': id, 'Nats-Batch-Sequence': String(sequence), ...more })
const fast = (below: string) => ['x.a', '', {}, below] as const
const far = '@at 2100-01-01T00:00:00Z'
const schedule = (pattern: string, more: Fields = {}) =>
  post({ 'Nats-Schedule': pattern, 'Nats-Schedule-Target': 'x.out', ...more })
const commit = { 'Nats-Batch-Commit': '1' }

export const publishRows: readonly Row[] = [
  [10054, stream({ max_msg_size: 5 }), post({}, '123456')],
  [10060, x, post({ 'Nats-Expected-Stream': 'Y' })],
  [10070, x, post({ 'Nats-Expected-Last-Msg-Id': 'a' })],
  [10071, x, post({ 'Nats-Expected-Last-Sequence': '9' })],
  [10077, stream({ max_msgs: 1, discard: 'new' }), post({}), post({})],
  [10097, x, post({ Long: 'h'.repeat(65_536) })],
  [10111, x, post({ 'Nats-Rollup': 'sub' })],
  [10165, stream({ allow_msg_ttl: true }), post({ 'Nats-TTL': 'x' })],
  [10166, x, post({ 'Nats-TTL': '5' })],
  [10168, x, post({ 'Nats-Incr': '1' })],
  [10169, counter, post({})],
  [10170, counter, post({ 'Nats-Incr': '1' }, 'pay')],
  [10171, counter, post({ 'Nats-Incr': 'x' })],
  [
    10172,
    counter,
    post({ 'Nats-Incr': '1', 'Nats-Counter-Sources': '?' }),
    post({ 'Nats-Incr': '1' }),
  ],
  [10188, x, schedule(far)],
  [10189, scheduled, schedule('@never')],
  [10190, scheduled, schedule(far, { 'Nats-Schedule-Target': 'other' })],
  [10191, scheduled, schedule(far, { 'Nats-Schedule-TTL': 'x' })],
  [10192, scheduled, schedule(far, { 'Nats-Schedule-Rollup': 'x' })],
  [10193, x, post({ 'Nats-Expected-Last-Subject-Sequence-Subject': 'x.b' })],
  [10203, scheduled, schedule(far, { 'Nats-Schedule-Source': 'x.*' })],
  [10212, scheduled, post({ 'Nats-Scheduler': 'x.a', 'Nats-Schedule-Next': 'x' })],
  [10223, scheduled, schedule('0 0 0 * * *', { 'Nats-Schedule-Time-Zone': 'Nowhere' })],
  [10227, x, post({ 'Nats-Stream-Source': 'Y 1 > >' })],
]

export const batchRows: readonly Row[] = [
  [
    10164,
    atomic,
    part('b', 1),
    part('b', 2, { ...commit, 'Nats-Expected-Last-Subject-Sequence': '0' }),
  ],
  [10174, x, part('b', 1)],
  [10175, atomic, post({ 'Nats-Batch-Id': 'b' })],
  [10176, atomic, part('b', 2)],
  [10177, atomic, part('b', 1, { ...commit, 'Nats-Expected-Last-Msg-Id': 'a' })],
  [10179, atomic, part('i'.repeat(65), 1)],
  [10199, atomic, part('b', 1), part('b', 2), part('b', 3)],
  [10200, atomic, part('b', 1), part('b', 2, { 'Nats-Batch-Commit': 'no' })],
  [
    10201,
    atomic,
    part('b', 1, { 'Nats-Msg-Id': 'm' }),
    part('b', 2, { ...commit, 'Nats-Msg-Id': 'm' }),
  ],
  [10210, atomic, part('b', 1), part('c', 1)],
  [10205, x, fast('b.10.fail.1.0.$FI')],
  [10206, batched, fast('b.10.fail.1.9.$FI')],
  [10207, batched, fast(`${'i'.repeat(65)}.10.fail.1.0.$FI`)],
  [10208, batched, fast('b.10.fail.2.1.$FI')],
  [10211, batched, fast('b.10.fail.1.0.$FI'), fast('c.10.fail.1.0.$FI')],
]
