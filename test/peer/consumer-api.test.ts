// The consumer verbs of the JetStream API, word for word beside nats-server 2.15: creating in all
// three forms, defaults, refusals, updates, names, lists, infos, deleting.

import * as assert from 'uvu/assert'
import { pairFor } from '../support/pair.ts'
import { spec } from '../support/spec.ts'
import { type Say, ask } from './jetstream-talk.ts'

const api = '$JS.API.'
const msNs = 1_000_000

type Fields = Record<string, unknown>

const stream = (name: string, config: Fields = {}): Say => [
  `${api}STREAM.CREATE.${name}`,
  { name, ...config },
]
const body = (name: string, config: Fields, action = ''): Fields => ({
  stream_name: name,
  config,
  action,
})
/** `CONSUMER.CREATE.<stream>.<name>`. */
const create = (name: string, consumer: string, config: Fields = {}, action = ''): Say => [
  `${api}CONSUMER.CREATE.${name}.${consumer}`,
  body(name, { name: consumer.split('.')[0], ack_policy: 'explicit', ...config }, action),
]
const push = (name: string, consumer: string, config: Fields = {}): Say =>
  create(name, consumer, { deliver_subject: `d.${consumer}`, ...config })

const forms: readonly Say[] = [
  stream('S', { subjects: ['s.>'] }),
  ['s.a', 'one'],
  ['s.b', 'two'],
  ['s.a', 'three'],
  [`${api}STREAM.MSG.DELETE.S`, { seq: 1 }],
  create('S', 'c1', { durable_name: 'c1' }, 'create'),
  create('S', 'c1', { durable_name: 'c1' }, 'create'),
  create('S', 'c1', { durable_name: 'c1', max_deliver: 3 }, 'create'),
  create('S', 'c1', { durable_name: 'c1', max_deliver: 3 }, 'update'),
  create('S', 'c9', {}, 'update'),
  create('S', 'c9', {}, 'bogus'),
  create('S', 'c2.s.a', { filter_subject: 's.b' }),
  create('S', 'c2.s.a', { filter_subjects: ['s.a'] }),
  create('S', 'c2.s.a', { filter_subject: 's.a' }),
  create('S', 'r3', { num_replicas: 3 }),
  create('S', 'named'),
  create('S', 'x', { durable_name: 'y' }),
  create('NONE', 'x'),
  [`${api}CONSUMER.CREATE.S.x`, body('T', { ack_policy: 'explicit' })],
  [`${api}CONSUMER.CREATE.S.x`, '{bad'],
  [`${api}CONSUMER.CREATE.S.x`, ''],
  [`${api}CONSUMER.CREATE.S.x`, body('S', { ack_policy: 'bogus' })],
  [`${api}CONSUMER.CREATE.S.x`, body('S', { ack_wait: 'x' })],
  [`${api}CONSUMER.CREATE.S`, body('S', { durable_name: 'y' })],
  [`${api}CONSUMER.DURABLE.CREATE.S.d1`, body('S', { durable_name: 'd1', ack_policy: 'all' })],
  [`${api}CONSUMER.DURABLE.CREATE.S.d1`, body('S', { ack_policy: 'all' })],
  [`${api}CONSUMER.DURABLE.CREATE.S.d1`, body('S', { durable_name: 'd2' })],
  [`${api}CONSUMER.INFO.S.c1`],
  [`${api}CONSUMER.INFO.S.none`],
  [`${api}CONSUMER.INFO.NONE.c1`],
  [`${api}CONSUMER.NAMES.S`],
  [`${api}CONSUMER.NAMES.S`, { offset: 2 }],
  [`${api}CONSUMER.NAMES.S`, { offset: 99 }],
  [`${api}CONSUMER.NAMES.NONE`],
  [`${api}CONSUMER.LIST.S`],
  [`${api}CONSUMER.LIST.NONE`],
  [`${api}CONSUMER.LEADER.STEPDOWN.S.c1`],
  [`${api}CONSUMER.DELETE.S.c1`, { a: 1 }],
  [`${api}CONSUMER.DELETE.S.c1`],
  [`${api}CONSUMER.DELETE.S.c1`],
  [`${api}STREAM.INFO.S`],
]

const startTime = '2020-01-01T00:00:00Z'

const configs: readonly Say[] = [
  stream('C', { subjects: ['c.>'] }),
  create('C', 'ok', { description: 'd', metadata: { a: 'b' }, sample_freq: '100%' }),
  create('C', 'backoff', { backoff: [msNs * 1000, msNs * 5000], max_deliver: 3 }),
  create('C', 'backoff2', { backoff: [msNs * 1000, msNs * 5000], max_deliver: 1 }),
  create('C', 'none', { ack_policy: 'none' }),
  create('C', 'all', { ack_policy: 'all' }),
  create('C', 'unlimited', { max_ack_pending: -1, max_deliver: -1 }),
  create('C', 'pullonly', { max_batch: 5, max_expires: msNs * 1000, max_bytes: 100 }),
  create('C', 'batch', { max_batch: -1 }),
  create('C', 'expires', { max_expires: 5 }),
  create('C', 'waiting', { max_waiting: -1 }),
  create('C', 'waiting1', { max_waiting: 1 }),
  create('C', 'rate', { rate_limit_bps: 1000 }),
  create('C', 'beat', { idle_heartbeat: msNs * 1000 }),
  create('C', 'flow', { flow_control: true }),
  create('C', 'direct', { direct: true }),
  create('C', 'sample', { sample_freq: 'x' }),
  create('C', 'filters', { filter_subjects: ['c.a', 'c.b.*'] }),
  create('C', 'filters1', { filter_subjects: ['c.a'], filter_subject: 'c.a' }),
  create('C', 'filters2', { filter_subjects: ['c.a', 'c.*'] }),
  create('C', 'filters3', { filter_subjects: ['c.a', ''] }),
  create('C', 'filters4', { filter_subject: 'c..a' }),
  create('C', 'seq', { deliver_policy: 'by_start_sequence' }),
  create('C', 'seq1', { deliver_policy: 'by_start_sequence', opt_start_seq: 3 }),
  create('C', 'seq2', { deliver_policy: 'all', opt_start_seq: 3 }),
  create('C', 'time', { deliver_policy: 'by_start_time' }),
  create('C', 'time1', { deliver_policy: 'by_start_time', opt_start_time: startTime }),
  create('C', 'time2', { deliver_policy: 'new', opt_start_time: startTime }),
  create('C', 'time3', { deliver_policy: 'by_start_time', opt_start_time: 'noon' }),
  create('C', 'lps', { deliver_policy: 'last_per_subject' }),
  create('C', 'lps1', { deliver_policy: 'last_per_subject', filter_subject: 'c.>' }),
  create('C', 'last', { deliver_policy: 'last', opt_start_seq: 1 }),
  create('C', 'original', { replay_policy: 'original' }),
  create('C', 'mem', { mem_storage: true, inactive_threshold: msNs * 60_000 }),
  create('C', 'long', { description: 'x'.repeat(5000) }),
  create('C', 'meta', { metadata: { a: 'x'.repeat(140_000) } }),
  push('C', 'p1'),
  push('C', 'p2', { deliver_subject: 'd.*' }),
  push('C', 'p3', { deliver_subject: 'd..x' }),
  push('C', 'p4', { deliver_subject: 'c.x' }),
  push('C', 'p5', { max_waiting: 5 }),
  push('C', 'p6', { ack_policy: 'none', max_ack_pending: 5 }),
  push('C', 'p7', { idle_heartbeat: msNs * 50 }),
  push('C', 'p8', { flow_control: true }),
  push('C', 'p9', { flow_control: true, idle_heartbeat: msNs * 5000, rate_limit_bps: 1000 }),
  push('C', 'p10', { deliver_group: 'g', durable_name: 'p10', headers_only: true }),
  push('C', 'p11', { direct: true, ack_policy: 'none' }),
  push('C', 'p12', { direct: true, durable_name: 'p12' }),
  push('C', 'p13', { sourcing: true }),
  [`${api}CONSUMER.NAMES.C`],
]

const updates: readonly Say[] = [
  stream('U', { subjects: ['u.>'] }),
  ['u.a', '1'],
  ['u.b', '2'],
  create('U', 'c', { durable_name: 'c' }),
  create('U', 'c', { durable_name: 'c', description: 'new', max_ack_pending: 5 }),
  create('U', 'c', { durable_name: 'c', filter_subject: 'u.a' }),
  create('U', 'c', { durable_name: 'c', deliver_policy: 'new' }),
  create('U', 'c', { durable_name: 'c', ack_policy: 'none' }),
  create('U', 'c', { durable_name: 'c', replay_policy: 'original' }),
  create('U', 'c', { durable_name: 'c', max_waiting: 5 }),
  create('U', 'c', { durable_name: 'c', deliver_subject: 'd' }),
  push('U', 'p', { durable_name: 'p' }),
  push('U', 'p', { durable_name: 'p', deliver_subject: 'd.other' }),
  push('U', 'p', { durable_name: 'p', deliver_subject: '' }),
  push('U', 'p', { durable_name: 'p', deliver_subject: 'd.other', idle_heartbeat: msNs * 500 }),
  create('U', 's', { durable_name: 's', deliver_policy: 'by_start_sequence', opt_start_seq: 2 }),
  create('U', 's', { durable_name: 's', deliver_policy: 'by_start_sequence', opt_start_seq: 1 }),
  stream('L', {
    subjects: ['l'],
    consumer_limits: { max_ack_pending: 10, inactive_threshold: 1e9 },
  }),
  create('L', 'a'),
  create('L', 'b', { max_ack_pending: 11 }),
  create('L', 'c', { inactive_threshold: 2e9 }),
  stream('M', { subjects: ['m'], max_consumers: 1 }),
  create('M', 'a'),
  create('M', 'b'),
  stream('W', { subjects: ['w.>'], retention: 'workqueue' }),
  create('W', 'n', { ack_policy: 'none' }),
  push('W', 'np', { ack_policy: 'none' }),
  create('W', 'a', { deliver_policy: 'new' }),
  create('W', 'a', { filter_subject: 'w.a' }),
  create('W', 'b'),
  create('W', 'b', { filter_subject: 'w.*' }),
  create('W', 'b', { filter_subject: 'w.b' }),
  create('W', 'b', { filter_subject: 'w.a' }),
]

const silent: readonly Say[] = [[`${api}CONSUMER.CREATE`], [`${api}CONSUMER.INFO.S.a.b`]]

/** What consumers do not decide is left out. */
const alike = (answer: string): string => answer.replace(/(Nats-Stream-Identity: )[^|]+/, '$1<id>')

spec('consumer api beside nats-server 2.15', (it, hooks) => {
  const pair = pairFor(hooks, 'newest')

  const converse = async (says: readonly Say[], quiet = false): Promise<void> => {
    const differences: string[] = []
    for (const say of says) {
      const answers = await Promise.all([ask(pair.theirs, say, quiet), ask(pair.ours, say, quiet)])
      const [expected, actual] = answers.map(alike)
      if (!say[0].includes('CONSUMER.')) continue
      if (actual === expected) continue
      differences.push(`${JSON.stringify(say)}\n  theirs ${expected}\n  ours   ${actual}`)
    }
    assert.is(differences.join('\n'), '')
  }

  it('creates in every form', () => converse(forms))
  it('checks configs and fills in defaults', () => converse(configs))
  it('updates what may change, keeps limits and work queues', () => converse(updates))
  it('says nothing to what is no verb', () => converse(silent, true))
})
