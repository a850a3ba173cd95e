// The rows of headers, statuses and acknowledgements (reference 6.5, 6.6).

import { both, bothButDiffers, missing, ours, type Row } from './row.ts'

const file = 'peer/heard/header-rows.ts'
const statuses = 'peer/heard/status-rows.ts'
const acks = 'peer/consumer-statuses.test.ts'

const header = (name: string): Row => both(name, file, `'${name}: `)

export const headerRows: readonly Row[] = [
  header('Nats-Msg-Id'),
  header('Nats-Expected-Stream'),
  header('Nats-Expected-Last-Sequence'),
  header('Nats-Expected-Last-Msg-Id'),
  header('Nats-Expected-Last-Subject-Sequence'),
  header('Nats-Expected-Last-Subject-Sequence-Subject'),
  bothButDiffers('Nats-Rollup', 'an unknown value is refused', file, "'Nats-Rollup: sub'"),
  header('Nats-TTL'),
  both('Nats-Marker-Reason', 'peer/timed.test.ts', 'leaves markers for what is too old'),
  header('Nats-Incr'),
  both('Nats-Counter-Sources', 'peer/counter.test.ts', 'says that a counter is broken'),
  header('Nats-Batch-Id'),
  header('Nats-Batch-Sequence'),
  header('Nats-Batch-Commit'),
  bothButDiffers(
    '$FI',
    'answers for what is on disk',
    'peer/batch-fast.test.ts',
    'answers every so many messages and at the end',
  ),
  header('Nats-Schedule'),
  header('Nats-Schedule-Target'),
  header('Nats-Schedule-TTL'),
  header('Nats-Schedule-Source'),
  header('Nats-Schedule-Rollup'),
  header('Nats-Schedule-Time-Zone'),
  header('Nats-Scheduler'),
  header('Nats-Schedule-Next'),
  header('Nats-Stream-Source'),
  header('Nats-Required-Api-Level'),
  header('Nats-Stream-Identity'),
  header('Nats-Stream'),
  header('Nats-Subject'),
  header('Nats-Sequence'),
  header('Nats-Time-Stamp'),
  header('Nats-Last-Sequence'),
  header('Nats-Msg-Size'),
  header('Nats-Num-Pending'),
  header('Nats-UpTo-Sequence'),
  header('Nats-Pending-Messages'),
  header('Nats-Pending-Bytes'),
  header('Nats-Last-Consumer'),
  header('Nats-Last-Stream'),
  header('Nats-Consumer-Stalled'),
  header('Nats-Pin-Id'),
  both('KV-Operation', 'peer/kv.test.ts', 'spec('),
]

const status = (text: string, row = text): Row => both(text, statuses, `'${row}`)

export const statusRows: readonly Row[] = [
  status('100 Idle Heartbeat'),
  status('100 FlowControl Request'),
  status('204 EOB'),
  both('204', 'peer/backup.test.ts', 'sends chunks, asks for acknowledgements and ends'),
  status('400 Bad Request', '400 Bad Request - '),
  status('404 No Messages'),
  status('404 Message Not Found'),
  status('404 No Results'),
  status('408 Request Timeout'),
  both('408 Requests Pending', acks, 'end what does not wait'),
  missing('408 Interest Expired', 'goes to an inbox that nobody listens to any more'),
  status('408 Empty Request'),
  status('408 Malformed Request'),
  status('408 Bad Request'),
  ours(
    '408 No Interest',
    'store/backup.test.ts',
    'ends when the receiver goes, the stream goes, or the server',
  ),
  both(
    '408 No Flow Response',
    'peer/backup.test.ts',
    'gives up on a receiver that does not acknowledge',
  ),
  status('409 Consumer Deleted'),
  status('409 Consumer is push based'),
  status('409 Exceeded MaxWaiting'),
  status('409 Exceeded MaxRequestBatch', '409 Exceeded MaxRequestBatch of 5'),
  status('409 Exceeded MaxRequestExpires', '409 Exceeded MaxRequestExpires of 1s'),
  status('409 Exceeded MaxRequestMaxBytes', '409 Exceeded MaxRequestMaxBytes of 100'),
  status('409 Message Size Exceeds MaxBytes'),
  status('409 Batch Completed'),
  missing('409 Leadership Change', 'clustered servers only'),
  both('409 Server Shutdown', 'peer/consumer-stop.test.ts', 'tells pull requests that wait'),
  status('412 Required Api Level'),
  both(
    '413 Too Many Results',
    'peer/direct-get.test.ts',
    'gets the last of 1024 subjects, and not of one more',
  ),
  status('423 Nats-Wrong-Pin-Id'),
  status('423 Nats-Pin-Id mismatch'),
  ours('429 Too Many Requests', 'store/direct-batch.test.ts', 'are bounded in number'),
  ours('500', 'store/backup.test.ts', '500 stream is gone'),
  both('503', statuses, "'no responders'"),
]

const answered = 'are answered when that is asked for'
const refused = 'bring back what was refused, in order, and give up at last'
const next = 'ask for the next one'

export const acknowledgementRows: readonly Row[] = [
  both('(empty)', acks, answered),
  both('+ACK', acks, answered),
  both('+OK', acks, answered),
  both('-NAK', acks, refused),
  bothButDiffers('-NAK {"delay": <ns>}', 'the delay, whatever backoff says', acks, refused),
  both('-NAK <duration>', acks, answered),
  both('+WPI', 'peer/consumer-clients.test.ts', 'keeps a message that is in progress'),
  both('+NXT', acks, next),
  both('+NXT <n>', acks, next),
  both('+NXT {…}', acks, next),
  both('+TERM', acks, answered),
  both('+TERM <reason>', acks, refused),
  both('(with a reply)', acks, answered),
  both('$JS.ACK with 11 tokens', 'peer/heard/event-rows.ts', 'an ack of 11 tokens'),
]
