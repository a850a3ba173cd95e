// Every field of a stream's config, good and bad, alone and against the others, created and
// updated, word for word beside nats-server 2.15 (reference 6.3, 6.13).

import * as assert from 'uvu/assert'
import { pairFor } from '../support/pair.ts'
import { spec } from '../support/spec.ts'
import { ask, type Say } from './jetstream-talk.ts'

const api = '$JS.API.'
const second = 1_000_000_000
type Config = Readonly<Record<string, unknown>>

const creates = (configs: readonly Config[]): readonly Say[] =>
  configs.flatMap((config): Say[] => [
    [`${api}STREAM.CREATE.X`, { name: 'X', ...config }],
    [`${api}STREAM.INFO.X`],
    [`${api}STREAM.LIST`],
    [`${api}STREAM.DELETE.X`],
  ])

/** Each: the config before, and what the update asks for. */
const updates = (pairs: readonly (readonly [Config, Config])[]): readonly Say[] =>
  pairs.flatMap(([before, after]): Say[] => [
    [`${api}STREAM.CREATE.X`, { name: 'X', ...before }],
    [`${api}STREAM.UPDATE.X`, { name: 'X', ...after }],
    [`${api}STREAM.INFO.X`],
    [`${api}STREAM.DELETE.X`],
  ])

const alone: readonly Config[] = [
  { name: 'a b' },
  { description: 'd'.repeat(4096) },
  { description: 'd'.repeat(4097) },
  { metadata: { a: '1', '_nats.ver': '9', '_nats.level': '9', '_nats.req.level': '9' } },
  { metadata: { a: 'x'.repeat(140_000) } },
  { retention: 'interest' },
  { retention: 'workqueue', max_consumers: 3 },
  { num_replicas: -1 },
  { num_replicas: 2 },
  { num_replicas: 6 },
  { max_msgs: -5, max_bytes: -5, max_msgs_per_subject: -5, max_msg_size: -5, max_consumers: -5 },
  { max_age: -1 },
  { max_age: second / 10 - 1 },
  { max_age: second / 10 },
  { duplicate_window: -1 },
  { duplicate_window: second / 10 - 1 },
  { max_age: second, duplicate_window: second + 1 },
  { sealed: true },
  { mirror_direct: true },
  { deny_purge: true, allow_rollup_hdrs: true },
  { discard: 'new', discard_new_per_subject: true },
  { discard: 'new', discard_new_per_subject: true, max_msgs_per_subject: 1 },
  { placement: {} },
  { placement: { cluster: 'c', tags: ['t'] } },
  { placement: { preferred: 'p' } },
  { compression: 's2', storage: 'memory' },
  { first_seq: 10 },
  { no_ack: true, subjects: ['>'] },
  { no_ack: true, subjects: ['>'], num_replicas: 2 },
  { subjects: ['$NRG.x'] },
  { subjects: ['$JSC.x'] },
  { subjects: ['$JS.EVENT.>'] },
  { subjects: ['$SYS.ACCOUNT.>'] },
  { subjects: ['*'] },
  { subjects: ['a', 'a'] },
  { subjects: ['a.*', 'a.b', 'a.b'] },
  { subjects: ['a.b', 'a.*'] },
  { consumer_limits: { max_ack_pending: 5, inactive_threshold: second } },
]

const newer: readonly Config[] = [
  { allow_msg_ttl: true },
  { subject_delete_marker_ttl: -1 },
  { subject_delete_marker_ttl: second - 1 },
  { subject_delete_marker_ttl: second },
  { subject_delete_marker_ttl: second, deny_purge: true },
  { subject_delete_marker_ttl: second, pedantic: true },
  { subject_delete_marker_ttl: second, allow_msg_ttl: true, pedantic: true },
  { subject_delete_marker_ttl: second, mirror: { name: 'O' } },
  { allow_msg_counter: true },
  { allow_msg_counter: true, discard: 'new' },
  { allow_msg_counter: true, allow_msg_ttl: true },
  { allow_msg_counter: true, allow_msg_schedules: true },
  { allow_msg_counter: true, retention: 'interest' },
  { allow_atomic: true },
  { allow_batched: true },
  { allow_msg_schedules: true },
  { allow_msg_schedules: true, discard: 'new' },
  { allow_msg_schedules: true, pedantic: true },
  { allow_msg_schedules: true, sources: [{ name: 'O' }] },
  { persist_mode: 'async' },
  { persist_mode: 'default' },
  { persist_mode: 'async', storage: 'memory' },
  { persist_mode: 'async', num_replicas: 2 },
  { persist_mode: 'async', allow_atomic: true },
  ...['allow_msg_counter', 'allow_atomic', 'allow_batched', 'allow_msg_schedules'].map(name => ({
    [name]: true,
    mirror: { name: 'O' },
  })),
]

const consumer = { name: 'c', deliver_subject: 'deliver.here' }
const fed: readonly Config[] = [
  { mirror: { name: 'O', consumer: { name: 'a b', deliver_subject: 'd' } } },
  { mirror: { name: 'O', consumer: { name: 'c' } } },
  { mirror: { name: 'O', consumer: { name: 'c', deliver_subject: 'd.*' } } },
  { mirror: { name: 'O', consumer, opt_start_seq: 3 } },
  { mirror: { name: 'O', consumer, filter_subject: 'o' } },
  { mirror: { name: 'O', consumer, opt_start_time: '2024-01-01T00:00:00Z' } },
  { sources: [{ name: 'O', consumer: { deliver_subject: 'd' } }] },
  { sources: [{ name: 'O', consumer, opt_start_seq: 3 }] },
  { sources: [{ name: 'O', consumer, filter_subject: 'o' }] },
  { sources: [{ name: 'O', consumer: { ...consumer, deliver_subject: '>' } }] },
  {
    sources: [
      { name: 'O', consumer },
      { name: 'O', subject_transforms: [{ src: 'o', dest: 'p' }], consumer },
    ],
  },
  { subject_transform: { src: 'X', dest: 'y..z' } },
  { subject_transform: { src: 'X..', dest: 'y' } },
  { subject_transform: { src: 'X', dest: 'y.>' } },
  { subject_transform: { src: 'X', dest: 'y.{{no(1)}}' } },
  { subject_transform: { src: 'X', dest: 'y.>.z' } },
  { subject_transform: { src: 'X', dest: '' } },
  { republish: { src: '', dest: 'r.>' } },
  { republish: { dest: 'r.>' }, pedantic: true },
  { republish: { src: '>', dest: 'r..' } },
  { republish: { src: '>', dest: '>' } },
]

const pedantic: readonly Config[] = [
  { max_msgs: -5 },
  { max_bytes: -5 },
  { max_msgs_per_subject: -5 },
  { max_msg_size: -5 },
  { max_consumers: -5 },
  { max_age: second },
  { max_age: second, duplicate_window: second },
  { max_msgs: -1, max_bytes: 0 },
].map(config => ({ ...config, pedantic: true }))

const changes: readonly (readonly [Config, Config])[] = [
  [{}, { name: 'Y' }],
  [{}, { storage: 'memory' }],
  [{}, { num_replicas: 3 }],
  [{}, { retention: 'workqueue' }],
  [{}, { retention: 'interest' }],
  [{}, { max_consumers: 7 }],
  [{}, { first_seq: 7 }],
  [{}, { mirror_direct: true }],
  [{}, { mirror: { name: 'O' } }],
  [{ deny_delete: true }, {}],
  [{ deny_purge: true }, {}],
  [{ allow_msg_ttl: true }, {}],
  [{}, { allow_msg_ttl: true }],
  [{ allow_msg_ttl: true }, { allow_msg_ttl: true, subject_delete_marker_ttl: second }],
  [{ allow_msg_counter: true }, {}],
  [{}, { allow_msg_counter: true }],
  [{ allow_msg_schedules: true }, {}],
  [{}, { allow_msg_schedules: true }],
  [{ allow_atomic: true, allow_batched: true }, {}],
  [{}, { allow_atomic: true, allow_batched: true }],
  [{ persist_mode: 'async' }, {}],
  [{}, { persist_mode: 'async' }],
  [
    { max_age: second, allow_rollup_hdrs: true },
    { max_age: second, sealed: true },
  ],
  [{}, { max_msgs: -5, pedantic: true }],
  [{}, { compression: 's2', allow_direct: true, description: 'd', metadata: { a: 'b' } }],
  [{}, { subjects: ['x', 'y'], max_msgs: 5, discard: 'new', consumer_limits: {} }],
  [{}, { subject_transform: { src: 'X', dest: 'y..z' } }],
]

spec('stream config beside nats-server 2.15', (it, hooks) => {
  const pair = pairFor(hooks)
  const converse = async (says: readonly Say[], but = /$^/): Promise<void> => {
    const found: string[] = []
    for (const say of says) {
      const [theirs, ours] = await Promise.all([ask(pair.theirs, say), ask(pair.ours, say)])
      if (theirs.replace(but, '') === ours.replace(but, '')) continue
      found.push(`${JSON.stringify(say).slice(0, 300)}\n  theirs ${theirs}\n  ours   ${ours}`)
    }
    assert.is(found.join('\n'), '')
  }

  // A stream may capture what is said of it: how much depends on who listens.
  it('every field', () => converse(creates(alone), /"state":\{[^}]*\}/), 20_000)
  it('the fields of 2.11 to 2.14', () => converse(creates(newer)), 20_000)
  it('what feeds it and what it makes of subjects', () => converse(creates(fed)), 20_000)
  it('no default in silence, when asked for', () => converse(creates(pedantic)), 20_000)
  it('what an update may change', () => converse(updates(changes)), 20_000)
  it('a mirror that becomes a stream', () =>
    converse([
      [`${api}STREAM.CREATE.X`, { name: 'X', mirror: { name: 'NONE' } }],
      [`${api}STREAM.UPDATE.X`, { name: 'X', mirror: { name: 'OTHER' } }],
      [`${api}STREAM.UPDATE.X`, { name: 'X', subjects: ['x'], mirror: { name: 'NONE' } }],
      [`${api}STREAM.UPDATE.X`, { name: 'X', subjects: ['x'] }],
      ['x', '1'],
      [`${api}STREAM.INFO.X`],
      [`${api}STREAM.DELETE.X`],
    ]))
  it('what publishers hear first', () =>
    converse([
      [`${api}STREAM.CREATE.X`, { name: 'X', subjects: ['x.*'], max_msg_size: 150 }],
      ['x.a', '1', { 'Nats-Msg-Id': '1' }],
      ['x.a', '1', { 'Nats-Msg-Id': '1', 'Nats-Expected-Last-Sequence': '9' }],
      ['x.a', '1', { 'Nats-Msg-Id': '1', 'Nats-Expected-Last-Subject-Sequence': '9' }],
      ['x.a', '1', { 'Nats-Msg-Id': '1', 'Nats-Expected-Last-Msg-Id': '9' }],
      ['x.a', '1', { 'Nats-Msg-Id': '1', 'Nats-Rollup': 'sub' }],
      ['x.a', '1', { 'Nats-Msg-Id': '1', 'Nats-Expected-Stream': 'Z' }],
      ['x.a', 'x'.repeat(150), { 'Nats-Expected-Stream': 'Z' }],
      ['x.a', '1', { 'Nats-Expected-Last-Subject-Sequence-Subject': 'x.b' }],
      ['x.a', '1', { 'Nats-Stream-Source': 'Z 1 > >' }],
      [`${api}STREAM.UPDATE.X`, { name: 'X', subjects: ['x.*'], max_msg_size: 150, sealed: true }],
      ['x.a', 'x'.repeat(151)],
      ['x.a', '1', { 'Nats-Msg-Id': '1' }],
      [`${api}STREAM.DELETE.X`],
    ]))
})
