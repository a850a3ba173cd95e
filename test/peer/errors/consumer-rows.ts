// What provokes the error codes of consumers.

import { api, consumer, push, type Row, second, stream } from './provoke.ts'

const x = stream()
const queue = stream({ retention: 'workqueue' })
const durable = (config: Readonly<Record<string, unknown>>) => ({
  stream_name: 'X',
  config: { ack_policy: 'explicit', ...config },
})
const flow = {
  ack_policy: 'flow_control',
  flow_control: true,
  idle_heartbeat: second,
  max_ack_pending: 10,
}
const long = 'n'.repeat(256)
const pinned = { priority_policy: 'pinned_client', priority_groups: ['g'] }

export const consumerRows: readonly Row[] = [
  [10012, x, consumer(), consumer({ deliver_policy: 'new' })],
  [
    10013,
    x,
    stream({}, 'Y'),
    push({ durable_name: 'c', deliver_subject: 'y.a' }),
    push({ durable_name: 'c', deliver_subject: 'y.b' }),
  ],
  [10014, x, [`${api}CONSUMER.INFO.X.none`]],
  [10017, x, [`${api}CONSUMER.DURABLE.CREATE.X.d`, durable({ durable_name: 'e' })]],
  [10018, x, [`${api}CONSUMER.DURABLE.CREATE.X.d`, durable({})]],
  [10020, x, [`${api}CONSUMER.CREATE.X`, durable({ durable_name: 'd' })]],
  [10026, stream({ max_consumers: 1 }), consumer(), consumer({}, {}, 'other')],
  [10079, x, push({ deliver_subject: 'd.*' })],
  [10080, x, push({ max_waiting: 5 })],
  [10081, x, push({ deliver_subject: 'x.d' })],
  [10082, x, push({ ack_policy: 'none', max_ack_pending: 5 })],
  [10083, x, push({ idle_heartbeat: second / 20 })],
  [10084, queue, consumer({ ack_policy: 'none' })],
  [10086, x, consumer({ rate_limit_bps: 1000 })],
  [10088, x, consumer({ idle_heartbeat: second })],
  [10089, x, consumer({ flow_control: true })],
  [10090, x, consumer({ direct: true })],
  [10091, x, push({ direct: true, durable_name: 'c' })],
  [10094, x, consumer({ deliver_policy: 'by_start_sequence' })],
  [10095, x, consumer({ sample_freq: 'x' })],
  [10098, queue, push({ ack_policy: 'none' })],
  [10099, queue, consumer(), consumer({}, {}, 'other')],
  [
    10100,
    queue,
    consumer({ filter_subject: 'x.a' }),
    consumer({ filter_subject: 'x.a' }, {}, 'other'),
  ],
  [10101, queue, consumer({ deliver_policy: 'new' })],
  [10102, x, consumer({ durable_name: long }, {}, long)],
  [10107, x, consumer({ description: 'd'.repeat(4097) })],
  [10108, x, push({ flow_control: true })],
  [10112, x, push({ deliver_subject: 'd..' })],
  [10115, x, consumer({ max_expires: 5 })],
  [10116, x, consumer({ backoff: [second, second], max_deliver: 1 })],
  [10121, stream({ consumer_limits: { max_ack_pending: 5 } }), consumer({ max_ack_pending: 6 })],
  [10127, x, consumer({}, {}, 'a/b')],
  [
    10131,
    x,
    [
      `${api}CONSUMER.CREATE.X.c.x.a`,
      { stream_name: 'X', config: { name: 'c', ack_policy: 'explicit', filter_subject: 'x.b' } },
    ],
  ],
  [10135, x, consumer({ metadata: { a: 'x'.repeat(140_000) } })],
  [10136, x, consumer({ filter_subject: 'x.a', filter_subjects: ['x.b'] })],
  [
    10137,
    x,
    [
      `${api}CONSUMER.CREATE.X.c.x.a`,
      { stream_name: 'X', config: { name: 'c', filter_subjects: ['x.a', 'x.b'] } },
    ],
  ],
  [10138, x, consumer({ filter_subjects: ['x.*', 'x.a'] })],
  [10139, x, consumer({ filter_subjects: ['x.a', ''] })],
  [10148, x, consumer(), consumer({ max_deliver: 3 }, { action: 'create' })],
  [10149, x, consumer({}, { action: 'update' })],
  [
    10153,
    stream({ consumer_limits: { inactive_threshold: second } }),
    consumer({ inactive_threshold: 2 * second }),
  ],
  [10159, x, consumer({ priority_policy: 'overflow' })],
  [10160, x, consumer(pinned), [`${api}CONSUMER.UNPIN.X.c`, { group: 'other' }]],
  [10161, x, consumer({ priority_policy: 'overflow', priority_groups: [''] })],
  [10162, x, consumer({ priority_policy: 'overflow', priority_groups: ['a b'] })],
  [10178, x, push(pinned)],
  [10183, x, consumer({ ack_wait: -1 }, { pedantic: true })],
  [10184, x, consumer({ backoff: [-1] })],
  [10196, x, consumer({ priority_groups: ['g'] })],
  [10197, x, consumer({ priority_timeout: second })],
  [10204, x, consumer({ deliver_policy: 'new' }), [`${api}CONSUMER.RESET.X.c`, { seq: 5 }]],
  [10218, x, consumer(flow)],
  [10220, x, push({ ...flow, max_ack_pending: -1 })],
  [10221, x, push({ ...flow, ack_wait: second })],
  [10222, x, push({ ...flow, max_deliver: 3 })],
  [
    10225,
    x,
    [
      `${api}CONSUMER.CREATE.X`,
      { stream_name: 'X', config: { deliver_subject: 'd', ack_policy: 'none', direct: true } },
      { 'Nats-Stream-Identity': 'another' },
    ],
  ],
]
