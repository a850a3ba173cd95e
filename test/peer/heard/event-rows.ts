// What lets each advisory and metric be heard (reference 6.10).

import { api, consumer, ms, pull, type Row, store, stream } from './hear.ts'

const x = stream()
const pinned = { priority_policy: 'pinned_client', priority_groups: ['g'] }
const waits = { expires: 3000 * ms, group: 'g' }
const advisory = '$JS.EVENT.ADVISORY.'
const one = [x, store(), consumer({ max_deliver: 1, ack_wait: 100 * ms }), pull()] as const
const reply = (body: string) => ['$REPLY', body] as const

export const eventRows: readonly Row[] = [
  [`${advisory}API`, [`${api}STREAM.NAMES`]],
  [`${advisory}STREAM.CREATED.X`, x],
  [
    `${advisory}STREAM.UPDATED.X`,
    x,
    [`${api}STREAM.UPDATE.X`, { name: 'X', subjects: ['x.>'], allow_direct: true, max_msgs: 5 }],
  ],
  [`${advisory}STREAM.DELETED.X`, x, [`${api}STREAM.DELETE.X`]],
  [`${advisory}CONSUMER.CREATED.X.c`, x, consumer()],
  [`${advisory}CONSUMER.DELETED.X.c`, x, consumer(), [`${api}CONSUMER.DELETE.X.c`]],
  [
    `${advisory}CONSUMER.PAUSE.X.c`,
    x,
    consumer(),
    [`${api}CONSUMER.PAUSE.X.c`, { pause_until: '2124-01-01T00:00:00Z' }],
  ],
  [`${advisory}CONSUMER.PINNED.X.c`, x, store(), consumer(pinned), pull(waits)],
  [
    `${advisory}CONSUMER.UNPINNED.X.c`,
    x,
    store(),
    consumer(pinned),
    pull(waits),
    [`${api}CONSUMER.UNPIN.X.c`, { group: 'g' }],
  ],
  [`${advisory}CONSUMER.MAX_DELIVERIES.X.c`, ...one, pull({ expires: 3000 * ms })],
  [`${advisory}CONSUMER.MSG_NAKED.X.c`, x, store(), consumer(), pull(), reply('-NAK')],
  [`${advisory}CONSUMER.MSG_TERMINATED.X.c`, x, store(), consumer(), pull(), reply('+TERM why')],
  [
    `${advisory}STREAM.SNAPSHOT_CREATE.X`,
    x,
    [`${api}STREAM.SNAPSHOT.X`, { deliver_subject: '_H' }],
  ],
  [
    `${advisory}STREAM.SNAPSHOT_COMPLETE.X`,
    x,
    [`${api}STREAM.SNAPSHOT.X`, { deliver_subject: '_H' }],
  ],
  [
    `${advisory}STREAM.RESTORE_CREATE.X`,
    [`${api}STREAM.RESTORE.X`, { config: { name: 'X', subjects: ['x.>'] }, state: {} }],
  ],
  [
    `${advisory}STREAM.BATCH_ABANDONED.X`,
    stream({ allow_atomic: true }),
    store({ 'Nats-Batch-Id': 'b', 'Nats-Batch-Sequence': '1' }),
    store({ 'Nats-Batch-Id': 'b', 'Nats-Batch-Sequence': '3', 'Nats-Batch-Commit': '1' }),
  ],
  [
    '$JS.EVENT.METRIC.CONSUMER.ACK.X.c',
    x,
    store(),
    consumer({ sample_freq: '100%' }),
    pull(),
    reply('+ACK'),
  ],
  [
    {
      title: 'an ack of 11 tokens',
      text: '$JS.EVENT.METRIC.CONSUMER.ACK.X.c',
    },
    x,
    store(),
    consumer({ sample_freq: '100%' }),
    pull(),
    ['$LONG_REPLY', '+ACK'],
  ],
]
