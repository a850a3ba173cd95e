// A value of every field of the configs of streams and consumers (reference 6.3, 6.4), with what
// it needs beside it.

type Fields = Readonly<Record<string, unknown>>

export type Row = readonly [field: string, value: unknown, beside?: Fields]

const ms = 1_000_000
const second = 1000 * ms
const time = '2024-01-01T00:00:00Z'
const soon = '2124-01-01T00:00:00Z'

/** Inside StreamConfig; stream X on `x.>`. */
export const streamRows: readonly Row[] = [
  ['name', 'X'],
  ['description', 'what it is for'],
  ['subjects', ['x.a', 'x.b.*', 'y.>']],
  ['retention', 'interest'],
  ['max_consumers', 7],
  ['max_msgs', 8],
  ['max_bytes', 100_000],
  ['max_age', 3600 * second],
  ['max_msgs_per_subject', 9],
  ['max_msg_size', 1000],
  ['discard', 'new'],
  ['discard_new_per_subject', true, { discard: 'new', max_msgs_per_subject: 1 }],
  ['storage', 'memory'],
  ['num_replicas', 1],
  ['no_ack', true],
  ['duplicate_window', 5 * second],
  ['placement', { cluster: 'c', tags: ['t'] }],
  ['compression', 's2'],
  ['first_seq', 10],
  ['subject_transform', { src: 'x.*', dest: 'z.$1' }],
  ['republish', { src: 'x.>', dest: 'again.>', headers_only: true }],
  ['allow_direct', true],
  ['mirror_direct', false],
  ['sealed', false],
  ['deny_delete', true],
  ['deny_purge', true],
  ['allow_rollup_hdrs', true],
  ['consumer_limits', { inactive_threshold: second, max_ack_pending: 5 }],
  ['metadata', { owner: 'me' }],
  ['allow_msg_ttl', true],
  ['subject_delete_marker_ttl', 60 * second],
  ['allow_msg_counter', true],
  ['allow_atomic', true],
  ['allow_msg_schedules', true],
  ['allow_batched', true],
  ['persist_mode', 'async'],
]

/** Of a stream that is fed; `mirror` and `sources` with all fields of StreamSource. */
export const fedRows: readonly Row[] = [
  ['mirror', { name: 'O', opt_start_seq: 5, filter_subject: 'o.a' }],
  ['mirror', { name: 'O', subject_transforms: [{ src: 'o.*', dest: 'p.$1' }] }],
  ['mirror', { name: 'O', external: { api: '$JS.hub.API', deliver: 'hub' } }],
  ['sources', [{ name: 'O', opt_start_time: time }, { name: 'P' }]],
  ['sources', [{ name: 'O', subject_transforms: [{ src: 'o.a', dest: 'p' }] }]],
  ['sources', [{ name: 'O', external: { api: '$JS.hub.API', deliver: '' } }]],
  ['sources', [{ name: 'O', consumer: { name: 'c', deliver_subject: 'd.o' } }]],
]

const push = { deliver_subject: 'deliver' }
const groups = { priority_groups: ['g'] }
const flow = { flow_control: true, idle_heartbeat: second }

/** Inside ConsumerConfig; durable consumer c of X. */
export const consumerRows: readonly Row[] = [
  ['durable_name', 'c'],
  ['name', 'c'],
  ['description', 'what it is for'],
  ...['all', 'last', 'new'].map((policy): Row => ['deliver_policy', policy]),
  ['deliver_policy', 'last_per_subject', { filter_subject: 'x.>' }],
  ['opt_start_seq', 5, { deliver_policy: 'by_start_sequence' }],
  ['opt_start_time', time, { deliver_policy: 'by_start_time' }],
  ...['none', 'all', 'explicit'].map((policy): Row => ['ack_policy', policy]),
  ['ack_policy', 'flow_control', { ...push, ...flow, max_ack_pending: 10 }],
  ['ack_wait', 5 * second],
  ['max_deliver', 3],
  ['backoff', [second, 2 * second], { max_deliver: 3 }],
  ['filter_subject', 'x.a'],
  ['filter_subjects', ['x.a', 'x.b']],
  ['replay_policy', 'original'],
  ['rate_limit_bps', 1_000_000, push],
  ['sample_freq', '50%'],
  ['max_waiting', 7],
  ['max_ack_pending', 8],
  ['headers_only', true],
  ['max_batch', 9],
  ['max_expires', 10 * second],
  ['max_bytes', 10_000],
  ['deliver_subject', 'deliver'],
  ['deliver_group', 'workers', push],
  ['idle_heartbeat', second, push],
  ['flow_control', true, { ...push, idle_heartbeat: second }],
  ['inactive_threshold', 60 * second],
  ['num_replicas', 1],
  ['mem_storage', true],
  ['direct', true, { ...push, durable_name: '', ack_policy: 'none' }],
  ['sourcing', true, push],
  ['metadata', { owner: 'me' }],
  ['pause_until', soon],
  ['priority_policy', 'overflow', groups],
  ['priority_policy', 'prioritized', groups],
  ['priority_groups', ['g'], { priority_policy: 'pinned_client' }],
  ['priority_timeout', 3 * second, { ...groups, priority_policy: 'pinned_client' }],
]
