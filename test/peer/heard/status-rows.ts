// What lets each status be heard.

import { api, consumer, direct, ms, pull, push, type Row, store, stream } from './hear.ts'

const level = { 'Nats-Required-Api-Level': '99' }
const flow = { flow_control: true, idle_heartbeat: 1000 * ms }
const flowAcks = { ...flow, ack_policy: 'flow_control', max_ack_pending: 1 }
const pinned = { priority_policy: 'pinned_client', priority_groups: ['g'] }
const waits = { expires: 3000 * ms, group: 'g' }
const limits = { max_batch: 5, max_expires: 1000 * ms, max_bytes: 100 }
const empty = [stream(), consumer()] as const
const filled = [stream(), store(), store(), consumer()] as const

export const pullRows: readonly Row[] = [
  ['100 Idle Heartbeat', ...empty, pull({ expires: 1000 * ms, idle_heartbeat: 200 * ms })],
  [
    '400 Bad Request - heartbeat value too large',
    ...empty,
    pull({ expires: 1, idle_heartbeat: 1 }),
  ],
  ['400 Bad Request - Priority Group missing', stream(), consumer(pinned), pull()],
  ['404 No Messages', ...empty, pull({ no_wait: true })],
  ['408 Request Timeout', ...empty, pull({ expires: 100 * ms })],
  ['409 Consumer Deleted', ...empty, pull({ expires: 3000 * ms }), [`${api}CONSUMER.DELETE.X.c`]],
  ['409 Consumer is push based', stream(), push(), pull()],
  [
    '409 Exceeded MaxWaiting',
    stream(),
    consumer({ max_waiting: 1 }),
    pull({ expires: 3000 * ms }),
    pull({ expires: 3000 * ms }),
  ],
  ['409 Exceeded MaxRequestBatch of 5', stream(), consumer(limits), pull({ batch: 6 })],
  [
    '409 Exceeded MaxRequestExpires of 1s',
    stream(),
    consumer(limits),
    pull({ expires: 1001 * ms }),
  ],
  ['409 Exceeded MaxRequestMaxBytes of 100', stream(), consumer(limits), pull({ max_bytes: 101 })],
  ['409 Message Size Exceeds MaxBytes', ...filled, pull({ max_bytes: 1, expires: 1000 * ms })],
  ['409 Batch Completed', ...filled, pull({ batch: 2, max_bytes: 1000, expires: 1000 * ms })],
  ['412 Required Api Level', ...empty, pull({}, level)],
  [
    '423 Nats-Pin-Id mismatch',
    stream(),
    store(),
    consumer(pinned),
    pull(waits),
    pull({ ...waits, id: 'not $PIN' }),
  ],
  [
    '423 Nats-Wrong-Pin-Id',
    stream(),
    store(),
    consumer(pinned),
    pull(waits),
    pull({ ...waits, batch: 3, id: '$PIN' }),
    [`${api}CONSUMER.UNPIN.X.c`, { group: 'g' }],
    store(),
  ],
  ['no responders', stream(), [`${api}CONSUMER.MSG.NEXT.X.c`]],
]

export const pushRows: readonly Row[] = [
  ['100 FlowControl Request', stream(), store(), store(), push(flowAcks)],
]

export const directRows: readonly Row[] = [
  ['404 Message Not Found', stream(), direct({ seq: 1 })],
  ['408 Empty Request', stream(), direct('')],
  ['408 Malformed Request', stream(), direct('{bad')],
  ['408 Bad Request', stream(), direct({ seq: 1, last_by_subj: 'x.a' })],
  ['204 EOB', stream(), store(), direct({ seq: 1, batch: 2 })],
  ['404 No Results', stream(), direct({ multi_last: ['x.b'] })],
]
