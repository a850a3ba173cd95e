// The JetStream API, word for word beside nats-server 2.15: what it answers to managing streams,
// publishing with every header, getting and deleting messages, limits and purges.

import {
  connect,
  type NatsConnection,
  type Subscription as ClientSubscription,
} from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { type Hub, startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'
import { type Broker, startBroker } from '../store/broker.ts'
import { ask, blot, type Say } from './jetstream-talk.ts'

const api = '$JS.API.'
const secondNs = 1_000_000_000

const create = (name: string, config: Record<string, unknown> = {}): Say => [
  `${api}STREAM.CREATE.${name}`,
  { name, ...config },
]
const update = (name: string, config: Record<string, unknown> = {}): Say => [
  `${api}STREAM.UPDATE.${name}`,
  { name, ...config },
]
const remove = (name: string): Say => [`${api}STREAM.DELETE.${name}`]
const info = (name: string, body: Record<string, unknown> = {}): Say => [
  `${api}STREAM.INFO.${name}`,
  body,
]
const get = (name: string, body: Record<string, unknown>): Say => [
  `${api}STREAM.MSG.GET.${name}`,
  body,
]

const managing: readonly Say[] = [
  [`${api}INFO`],
  [`${api}STREAM.NAMES`],
  [`${api}STREAM.LIST`],
  info('NONE'),
  create('S1', { subjects: ['s1.>'] }),
  create('S1', { subjects: ['s1.>'] }),
  create('S1', { subjects: ['s1.>'], max_msgs: 5 }),
  create('S2', { subjects: ['s1.a'] }),
  create('R3', { subjects: ['r3'], num_replicas: 3 }),
  create('R6', { subjects: ['r6'], num_replicas: 6 }),
  create('BAD', { subjects: ['bad'], bogus_field: 1 }),
  [`${api}STREAM.CREATE.BAD2`, '{bad json'],
  [`${api}STREAM.CREATE.XX`, { name: 'YY' }],
  create('PL', { subjects: ['pl'], placement: { cluster: 'X' } }),
  create('PT', { subjects: ['pt'], placement: { tags: ['a'] } }),
  create('SW', { subjects: ['sw'], sealed: true }),
  create('JS1', { subjects: ['$JS.foo'] }),
  create('GT', { subjects: ['>'] }),
  create('SYS', { subjects: ['$SYS.>'] }),
  create('N2', { subjects: ['a..b'] }),
  create('N3', { subjects: ['dd', 'dd'] }),
  create('N5', { subjects: ['dd.*', 'dd.a'] }),
  create('NS'),
  create('I1', { subjects: ['i1'], max_age: 1000 }),
  create('I2', { subjects: ['i2'], max_age: secondNs, duplicate_window: 5 * secondNs }),
  create('I3', { subjects: ['i3'], discard_new_per_subject: true }),
  create('I4', { subjects: ['i4'], retention: 'bogus' }),
  create('I5', { subjects: ['i5'], mirror_direct: true }),
  create('P/Q', { subjects: ['pq'] }),
  update('ZZ', { subjects: ['zz'] }),
  update('S1', { subjects: ['s1.>', 's2'], description: 'both', max_msgs: 100 }),
  update('S1', { subjects: ['s1.>', 's2'], storage: 'memory' }),
  update('S1', { subjects: ['s1.>', 'pl'] }),
  update('S1', { subjects: ['s1.>'], retention: 'workqueue' }),
  info('S1'),
  [`${api}STREAM.NAMES`],
  [`${api}STREAM.NAMES`, { subject: 's1.x' }],
  [`${api}STREAM.NAMES`, { offset: 2 }],
  [`${api}STREAM.NAMES`, { offset: 99 }],
  [`${api}STREAM.LIST`, { subject: 'pl' }],
  [`${api}STREAM.LEADER.STEPDOWN.S1`],
  [`${api}STREAM.PEER.REMOVE.S1`, { peer: 'x' }],
  [`${api}CONSUMER.LEADER.STEPDOWN.S1.c1`],
  [`${api}STREAM.DELETE.S1`, { a: 1 }],
  [`${api}STREAM.DELETE.S1`],
  [`${api}STREAM.DELETE.S1`],
]

const publishing: readonly Say[] = [
  create('S', { subjects: ['s.>'] }),
  create('ALL', {
    subjects: ['all.>'],
    storage: 'memory',
    allow_rollup_hdrs: true,
    allow_direct: true,
  }),
  ['s.a', 'm0'],
  ['s.b', 'm1'],
  ['s.a', ''],
  ['s.a', 'dup', { 'Nats-Msg-Id': 'x' }],
  ['s.a', 'dup', { 'Nats-Msg-Id': 'x' }],
  ['s.a', 'e', { 'Nats-Expected-Stream': 'NO' }],
  ['s.a', 'e', { 'Nats-Expected-Stream': 'S' }],
  ['s.a', 'e', { 'Nats-Expected-Last-Sequence': '1' }],
  ['s.a', 'e', { 'Nats-Expected-Last-Sequence': '5' }],
  ['s.a', 'e', { 'Nats-Expected-Last-Msg-Id': 'zz' }],
  ['s.a', 'e', { 'Nats-Expected-Last-Subject-Sequence': '0' }],
  ['s.a', 'e', { 'Nats-Expected-Last-Subject-Sequence': '6' }],
  ['s.new', 'e', { 'Nats-Expected-Last-Subject-Sequence': '0' }],
  ['s.other', 'e', { 'Nats-Expected-Last-Subject-Sequence': '3' }],
  ['s.a', 'e', { 'Nats-Rollup': 'sub' }],
  ['all.k', '1'],
  ['all.k', '2'],
  ['all.j', '3'],
  ['all.k', '4', { 'Nats-Rollup': 'sub' }],
  info('ALL', { subjects_filter: '>' }),
  ['all.k', '5', { 'Nats-Rollup': 'all' }],
  info('ALL', { subjects_filter: 'all.*' }),
  info('S', { subjects_filter: 's.a' }),
  info('S', { subjects_filter: 'none' }),
  get('S', { seq: 1 }),
  get('S', { seq: 4 }),
  get('S', { seq: 99 }),
  get('S', {}),
  get('S', { last_by_subj: 's.a' }),
  get('S', { last_by_subj: 's.*' }),
  get('S', { last_by_subj: 'nope' }),
  get('S', { seq: 2, next_by_subj: 's.a' }),
  get('S', { next_by_subj: 's.>' }),
  get('S', { seq: 2, last_by_subj: 's.a' }),
  get('NOPE', { seq: 1 }),
  [`${api}STREAM.MSG.GET.S`, '{bad'],
  [`${api}DIRECT.GET.ALL`, { last_by_subj: 'all.k' }],
  [`${api}DIRECT.GET.ALL.all.k`],
  [`${api}DIRECT.GET.ALL.all.zzz`],
  [`${api}DIRECT.GET.ALL.all.k`, 'x'],
  [`${api}DIRECT.GET.ALL`, { seq: 9999 }],
  [`${api}DIRECT.GET.ALL`, { seq: 5 }],
  [`${api}DIRECT.GET.ALL`],
  [`${api}DIRECT.GET.ALL`, '{bad'],
  [`${api}DIRECT.GET.ALL`, { batch: 10 }],
  [`${api}DIRECT.GET.S`, { seq: 1 }],
  [`${api}DIRECT.GET.NONE`, { seq: 1 }],
  [`${api}STREAM.MSG.DELETE.S`, { seq: 2 }],
  [`${api}STREAM.MSG.DELETE.S`, { seq: 2, no_erase: true }],
  [`${api}STREAM.MSG.DELETE.S`, { seq: 4 }],
  [`${api}STREAM.MSG.DELETE.S`],
  [`${api}STREAM.MSG.DELETE.NOPE`, { seq: 4 }],
  info('S', { deleted_details: true }),
  [`${api}STREAM.PURGE.S`, { filter: 's.new' }],
  [`${api}STREAM.PURGE.S`, { seq: 4 }],
  [`${api}STREAM.PURGE.S`, { keep: 1 }],
  [`${api}STREAM.PURGE.S`, { seq: 1, keep: 2 }],
  info('S'),
  [`${api}STREAM.PURGE.S`],
  info('S'),
  [`${api}STREAM.PURGE.NOPE`],
  [`${api}INFO`],
]

const limits: readonly Say[] = [
  create('DN', { subjects: ['dn.*'], max_msgs: 2, discard: 'new' }),
  ['dn.a', '1'],
  ['dn.a', '2'],
  ['dn.a', '3'],
  create('DO', { subjects: ['do.*'], max_msgs: 2 }),
  ['do.a', '1'],
  ['do.a', '2'],
  ['do.a', '3'],
  info('DO'),
  create('PS', { subjects: ['ps.*'], max_msgs_per_subject: 1 }),
  ['ps.a', '1'],
  ['ps.b', '2'],
  ['ps.a', '3'],
  info('PS', { subjects_filter: 'ps.*', deleted_details: true }),
  create('DP', {
    subjects: ['dp.*'],
    max_msgs_per_subject: 1,
    discard: 'new',
    discard_new_per_subject: true,
  }),
  ['dp.a', '1'],
  ['dp.a', '2'],
  ['dp.b', '2'],
  create('SZ', { subjects: ['sz'], max_msg_size: 10 }),
  ['sz', '0123456789'],
  ['sz', '0123456789a'],
  create('KV_b', {
    subjects: ['$KV.b.>'],
    max_msgs_per_subject: 1,
    discard: 'new',
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
  }),
  ['$KV.b.k', 'v'],
  ['$KV.b.k', 'v', { 'Nats-Expected-Last-Subject-Sequence': '0' }],
  ['$KV.b.k', '', { 'KV-Operation': 'DEL' }],
  ['$KV.b.k', '', { 'KV-Operation': 'PURGE', 'Nats-Rollup': 'sub' }],
  [`${api}DIRECT.GET.KV_b.$KV.b.k`],
  [`${api}STREAM.MSG.DELETE.KV_b`, { seq: 1 }],
  info('KV_b', { subjects_filter: '>' }),
  create('SEAL', { subjects: ['seal'] }),
  ['seal', '1'],
  update('SEAL', { subjects: ['seal'], sealed: true }),
  ['seal', '2'],
  [`${api}STREAM.PURGE.SEAL`],
  [`${api}STREAM.MSG.DELETE.SEAL`, { seq: 1 }],
  update('SEAL', { subjects: ['seal'] }),
  remove('SEAL'),
  create('FS', { subjects: ['fs'], first_seq: 100 }),
  ['fs', '1'],
  info('FS'),
  create('INT', { subjects: ['int'], retention: 'interest' }),
  ['int', '1'],
  ['int', '2'],
  info('INT'),
  create('DPG', { subjects: ['dpg'], deny_purge: true }),
  [`${api}STREAM.PURGE.DPG`],
  update('DPG', { subjects: ['dpg'] }),
]

const silent: readonly Say[] = [
  [`${api}NOPE`],
  [`${api}STREAM.CREATE`],
  [`${api}STREAM.CREATE.N.4`, { name: 'N.4' }],
  [`${api}META.LEADER.STEPDOWN`],
  [`${api}SERVER.REMOVE`, { peer: 'x' }],
  [`${api}ACCOUNT.PURGE.X`],
  [`${api}STREAM.TEMPLATE.CREATE.X`, { name: 'X' }],
  [`${api}STREAM.TEMPLATE.NAMES`],
  [`${api}SERVER.EVACUATE`, { peer: 'x' }],
  [`${api}META.RESCUE`],
  [`${api}ACCOUNT.STREAM.MOVE.A.X`, { server: 'x' }],
  [`${api}ACCOUNT.STREAM.CANCEL_MOVE.A.X`],
]

const nobody: readonly Say[] = [
  [`${api}CONSUMER.MSG.NEXT.S1.none`, { batch: 1 }],
  [`${api}DIRECT.GET.NONE`, { seq: 1 }],
]

const edgeApi = '$JS.edge.API.'

const inDomain: readonly Say[] = [
  [`${edgeApi}INFO`],
  [`${edgeApi}STREAM.CREATE.D`, { name: 'D', subjects: ['d', '$KV.b.>'], allow_direct: true }],
  [`${api}STREAM.INFO.D`],
  [`${edgeApi}STREAM.INFO.D`],
  [`${edgeApi}STREAM.UPDATE.D`, { name: 'D', subjects: ['d', '$KV.b.>'], allow_direct: true }],
  ['d', 'x', { 'Nats-Msg-Id': '1' }],
  ['d', 'x', { 'Nats-Msg-Id': '1' }],
  ['d', 'x', { 'Nats-Expected-Last-Sequence': '9' }],
  [`${edgeApi}$KV.b.k`, 'v'],
  [`${edgeApi}$KV.none.k`, 'v'],
  [`${edgeApi}STREAM.LIST`],
  [`${edgeApi}STREAM.NAMES`],
  [`${edgeApi}STREAM.MSG.GET.D`, { seq: 2 }],
  [`${edgeApi}DIRECT.GET.D`, { seq: 2 }],
  [`${edgeApi}DIRECT.GET.D.$KV.b.k`],
  [`${edgeApi}DIRECT.GET.NONE`, { seq: 2 }],
  [`${edgeApi}CONSUMER.MSG.NEXT.D.none`],
  [`${edgeApi}CONSUMER.NAMES.D`],
  ['$JS.other.API.INFO'],
  [`${edgeApi}STREAM.PURGE.D`],
  [`${edgeApi}STREAM.DELETE.D`],
]

/** Advisories that two connections hear while the same is said to both. */
async function hearing(nc: NatsConnection, says: readonly Say[], count: number): Promise<string[]> {
  const subscription: ClientSubscription = nc.subscribe('$JS.EVENT.ADVISORY.>', { max: count })
  const heard = (async () => {
    const texts: string[] = []
    for await (const message of subscription) {
      const fields = message.json<Record<string, unknown>>()
      // Who asked is told more fully by nats-server.
      if (typeof fields.client === 'object') fields.client = {}
      const text = blot(`${message.subject} ${JSON.stringify(fields)}`)
      texts.push(text.replace(/"id":"[^"]{22}"/, '"id":"<id>"').replace(/"server":"\w+"/, ''))
    }
    // nats-server audits a request before or after it tells of its effect.
    return texts.sort()
  })()
  await nc.flush()
  for (const say of says) await ask(nc, say)
  return heard
}

spec('jetstream api beside nats-server 2.15', (it, hooks) => {
  let hub: Hub
  let broker: Broker
  let hubWithDomain: Hub
  let brokerWithDomain: Broker
  let theirs: NatsConnection
  let ours: NatsConnection
  let theirsWithDomain: NatsConnection
  let oursWithDomain: NatsConnection

  hooks.before(async () => {
    hub = await startHub({ jetstream: true })
    broker = await startBroker()
    hubWithDomain = await startHub({ jetstream: 'edge' })
    brokerWithDomain = await startBroker({ domain: 'edge' })
    theirs = await connect({ servers: hub.url })
    ours = await connect({ servers: broker.url })
    theirsWithDomain = await connect({ servers: hubWithDomain.url })
    oursWithDomain = await connect({ servers: brokerWithDomain.url })
  })
  hooks.after(async () => {
    for (const nc of [theirs, ours, theirsWithDomain, oursWithDomain]) await nc?.close()
    for (const one of [broker, brokerWithDomain]) await one?.close()
    for (const one of [hub, hubWithDomain]) await one?.stop()
  })

  const compare = async (
    [left, right]: readonly [NatsConnection, NatsConnection],
    says: readonly Say[],
    quiet = false,
  ): Promise<void> => {
    const differences: string[] = []
    for (const say of says) {
      const [expected, actual] = await Promise.all([ask(left, say, quiet), ask(right, say, quiet)])
      if (actual === expected) continue
      differences.push(`${JSON.stringify(say)}\n  theirs ${expected}\n  ours   ${actual}`)
    }
    assert.is(differences.join('\n'), '')
  }
  const converse = (says: readonly Say[], quiet = false): Promise<void> =>
    compare([theirs, ours], says, quiet)

  it('manages streams', () => converse(managing))
  it('publishes, gets, deletes and purges', () => converse(publishing))
  it('keeps limits', () => converse(limits))
  it('says nothing to subjects it does not know', () => converse(silent, true))
  it('has no responders where no consumer or stream listens', () => converse(nobody))
  it('answers a domain as itself', () => compare([theirsWithDomain, oursWithDomain], inDomain))

  it('tells the same of what happens to streams', async () => {
    const says: readonly Say[] = [
      create('ADV', { subjects: ['adv'] }),
      update('ADV', { subjects: ['adv.*'] }),
      info('ADV'),
      create('ADV', { subjects: ['adv.b'] }),
      [`${api}STREAM.PURGE.ADV`],
      remove('ADV'),
    ]
    const [expected, actual] = await Promise.all([hearing(theirs, says, 9), hearing(ours, says, 9)])
    assert.equal(actual, expected)
  })
})
