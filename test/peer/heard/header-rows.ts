// What each header does: of messages as they are published, stored and delivered.

import {
  api,
  consumer,
  deliveries,
  direct,
  last,
  ms,
  pull,
  push,
  type Row,
  type Step,
  store,
  stream,
} from './hear.ts'

type Fields = Readonly<Record<string, string>>

const all = stream({
  allow_rollup_hdrs: true,
  allow_msg_ttl: true,
  allow_atomic: true,
  allow_msg_schedules: true,
})
const far = '@at 2100-01-01T00:00:00Z'
const scheduled = (more: Fields): Step =>
  store({ 'Nats-Schedule': far, 'Nats-Schedule-Target': 'x.out', ...more })
const part = (sequence: number, more: Fields = {}): Fields => ({
  'Nats-Batch-Id': 'b',
  'Nats-Batch-Sequence': String(sequence),
  ...more,
})
const counter = stream({ allow_msg_counter: true })
const republished = (headers_only: boolean) =>
  stream({ republish: { src: '>', dest: `${deliveries}.>`, headers_only } })
const flowAcks = {
  flow_control: true,
  idle_heartbeat: 1000 * ms,
  ack_policy: 'flow_control',
  max_ack_pending: 1,
}
const pinned = { priority_policy: 'pinned_client', priority_groups: ['g'] }
const direct1: Step = [`${api}DIRECT.GET.X`, { seq: 1 }]

export const publishRows: readonly Row[] = [
  ['"duplicate": true', all, store({ 'Nats-Msg-Id': '1' }), store({ 'Nats-Msg-Id': '1' })],
  ['Nats-Msg-Id: 1', all, store({ 'Nats-Msg-Id': '1' }), last],
  ['Nats-Expected-Stream: X', all, store({ 'Nats-Expected-Stream': 'X' }), last],
  ['Nats-Expected-Last-Sequence: 0', all, store({ 'Nats-Expected-Last-Sequence': '0' }), last],
  [
    'Nats-Expected-Last-Msg-Id: 1',
    all,
    store({ 'Nats-Msg-Id': '1' }),
    store({ 'Nats-Expected-Last-Msg-Id': '1' }),
    last,
  ],
  [
    'Nats-Expected-Last-Subject-Sequence: 0',
    all,
    store({ 'Nats-Expected-Last-Subject-Sequence': '0' }),
    last,
  ],
  [
    'Nats-Expected-Last-Subject-Sequence-Subject: x.*',
    all,
    ['x.b', 'b'],
    store({
      'Nats-Expected-Last-Subject-Sequence': '1',
      'Nats-Expected-Last-Subject-Sequence-Subject': 'x.*',
    }),
    last,
  ],
  ['Nats-Rollup: sub', all, store(), store({ 'Nats-Rollup': 'sub' }), last],
  ['Nats-Rollup: all', all, store(), store({ 'Nats-Rollup': 'all' }), last],
  ['Nats-TTL: 60', all, store({ 'Nats-TTL': '60' }), last],
  ['Nats-Required-Api-Level: 2', all, store({ 'Nats-Required-Api-Level': '2' }), last],
  ['"val":"7"', counter, store({ 'Nats-Incr': '2' }, ''), store({ 'Nats-Incr': '+5' }, '')],
  ['Nats-Incr: -2', counter, store({ 'Nats-Incr': '-2' }, ''), last],
  ['"batch":"b","count":1', all, store(part(1, { 'Nats-Batch-Commit': '1' }))],
  ['Nats-Batch-Id: b', all, store(part(1, { 'Nats-Batch-Commit': '1' })), last],
  [
    'Nats-Batch-Sequence: 1',
    all,
    store(part(1)),
    store(part(2, { 'Nats-Batch-Commit': 'eob' })),
    last,
  ],
  ['Nats-Batch-Commit: 1', all, store(part(1, { 'Nats-Batch-Commit': '1' })), last],
]

export const scheduleRows: readonly Row[] = [
  ['Nats-Schedule: @at ', all, scheduled({}), last],
  ['Nats-Schedule-Target: x.out', all, scheduled({}), last],
  ['Nats-Schedule-TTL: 5m', all, scheduled({ 'Nats-Schedule-TTL': '5m' }), last],
  ['Nats-Schedule-Source: x.b', all, scheduled({ 'Nats-Schedule-Source': 'x.b' }), last],
  ['Nats-Schedule-Rollup: sub', all, scheduled({ 'Nats-Schedule-Rollup': 'sub' }), last],
  [
    'Nats-Schedule-Time-Zone: Europe/Berlin',
    all,
    scheduled({
      'Nats-Schedule': '0 0 0 1 1 *',
      'Nats-Schedule-Time-Zone': 'Europe/Berlin',
    }),
    last,
  ],
  [
    'Nats-Scheduler: x.a',
    all,
    scheduled({ 'Nats-Schedule': '@at 2000-01-01T00:00:00Z' }),
    consumer({ filter_subject: 'x.out' }),
    pull({ expires: 3000 * ms }),
  ],
  [
    'Nats-Schedule-Next: purge',
    all,
    scheduled({ 'Nats-Schedule': '@at 2000-01-01T00:00:00Z' }),
    consumer({ filter_subject: 'x.out' }),
    pull({ expires: 3000 * ms }),
  ],
]

export const deliveryRows: readonly Row[] = [
  ['Nats-Stream: X', all, store(), direct1],
  ['Nats-Subject: x.a', all, store(), direct1],
  ['Nats-Sequence: 1', all, store(), direct1],
  ['Nats-Time-Stamp: ', all, store(), direct1],
  ['Nats-Last-Sequence: 1', all, store(), store(), direct({ seq: 1, batch: 2 })],
  ['Nats-Num-Pending: 1', all, store(), store(), direct({ seq: 1, batch: 2 })],
  ['Nats-UpTo-Sequence: 2', all, store(), store(), direct({ multi_last: ['x.a'] })],
  ['; Nats-Stream: X; Nats-Subject: x.a; Nats-Sequence: 1', republished(false), store()],
  ['Nats-Msg-Size: 4', republished(true), store()],
  ['Nats-Pending-Messages: 3', all, consumer(), pull({ batch: 3, expires: 100 * ms })],
  ['Nats-Pending-Bytes: 9', all, consumer(), pull({ max_bytes: 9, expires: 100 * ms })],
  ['Nats-Last-Consumer: 1', all, store(), push({ idle_heartbeat: 200 * ms })],
  ['Nats-Last-Stream: 1', all, store(), push({ idle_heartbeat: 200 * ms })],
  ['Nats-Consumer-Stalled: $JS.FC.X.c.', all, store(), store(), push(flowAcks)],
  ['Nats-Pin-Id: ', all, store(), consumer(pinned), pull({ expires: 1000 * ms, group: 'g' })],
  [
    'Nats-Stream-Source: O 1 > > o.a',
    stream({}, 'O'),
    ['o.a', 'o'],
    stream({ sources: [{ name: 'O' }] }),
    push(),
  ],
  ['Nats-Stream-Identity: ', all, push({ direct: true, ack_policy: 'none' })],
]
