// The official JetStream client against the program itself, unchanged, and against nats-server
// with the same expectations: managing streams, publishing, reading, limits.

import {
  DiscardPolicy,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { type Edge, startEdge } from '../support/edge.ts'
import { type Hub, startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'

type Scenario = (nc: NatsConnection) => Promise<void>

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it was accepted')
}

const scenarios: Readonly<Record<string, Scenario>> = {
  async 'manages streams'(nc) {
    const manager = await jetstreamManager(nc)
    const added = await manager.streams.add({
      name: 'M1',
      subjects: ['m1.>'],
      max_age: 3_600_000_000_000,
      storage: StorageType.Memory,
      metadata: { owner: 'test' },
    })
    assert.is(added.config.max_age, 3_600_000_000_000)
    assert.is(added.config.metadata?.owner, 'test')
    const updated = await manager.streams.update('M1', { subjects: ['m1.>', 'm2'], max_msgs: 10 })
    assert.equal(updated.config.subjects, ['m1.>', 'm2'])
    assert.is(updated.config.max_msgs, 10)
    await nc.flush()
    const names: string[] = []
    for await (const name of manager.streams.names()) names.push(name)
    assert.ok(names.includes('M1'))
    assert.is(await manager.streams.find('m2'), 'M1')
    const infos = await manager.streams.list().next()
    assert.ok(infos.some(({ config }) => config.name === 'M1'))
    assert.ok(await manager.streams.delete('M1'))
    assert.match(await refusal(manager.streams.info('M1')), /stream not found/)
    assert.match(
      await refusal(manager.streams.add({ name: 'R3', num_replicas: 3 })),
      /replicas > 1 not supported/,
    )
    const account = await manager.getAccountInfo()
    assert.is(account.limits.max_streams, -1)
  },

  async 'publishes with expectations'(nc) {
    const manager = await jetstreamManager(nc)
    const js = jetstream(nc)
    await manager.streams.add({ name: 'P', subjects: ['p.*'] })
    const first = await js.publish('p.a', 'one', { msgID: 'id-1' })
    assert.equal([first.stream, first.seq, first.duplicate], ['P', 1, false])
    assert.ok((await js.publish('p.a', 'one', { msgID: 'id-1' })).duplicate)
    const expect = (options: Record<string, unknown>): Promise<unknown> =>
      js.publish('p.a', 'x', { expect: options })
    assert.match(await refusal(expect({ streamName: 'Q' })), /expected stream does not match/)
    assert.match(await refusal(expect({ lastSequence: 7 })), /wrong last sequence: 1/)
    assert.match(await refusal(expect({ lastMsgID: 'no' })), /wrong last msg ID: id-1/)
    assert.match(await refusal(expect({ lastSubjectSequence: 9 })), /wrong last sequence: 1/)
    await expect({ streamName: 'P', lastSequence: 1, lastMsgID: 'id-1', lastSubjectSequence: 1 })
    assert.match(await refusal(js.publish('nobody.listens', 'x')), /no responders|503|jetstream/i)
    const h = headers()
    h.set('X-Own', 'ü value')
    await js.publish('p.b', 'with headers', { headers: h })
    const message = await manager.streams.getMessage('P', { last_by_subj: 'p.b' })
    assert.is(message?.header.get('X-Own'), 'ü value')
    assert.is(message?.string(), 'with headers')
    assert.is(message?.seq, 3)
    const { state } = await manager.streams.info('P', { subjects_filter: 'p.*' })
    assert.equal(state.subjects, { 'p.a': 2, 'p.b': 1 })
  },

  async 'publishes many at once and in order'(nc) {
    const manager = await jetstreamManager(nc)
    const js = jetstream(nc)
    await manager.streams.add({ name: 'MANY', subjects: ['many'] })
    const acks = await Promise.all(
      Array.from({ length: 2000 }, (_, i) => js.publish('many', String(i))),
    )
    assert.equal(
      acks.map(({ seq }) => seq),
      acks.map((_, i) => i + 1),
    )
    const stream = await js.streams.get('MANY')
    assert.is((await stream.getMessage({ seq: 1234 }))?.string(), '1233')
    assert.is((await stream.info()).state.messages, 2000)
  },

  async 'deletes and purges'(nc) {
    const manager = await jetstreamManager(nc)
    const js = jetstream(nc)
    await manager.streams.add({ name: 'DEL', subjects: ['del.*'] })
    for (let i = 1; i <= 6; i++) await js.publish(`del.${i % 2}`, String(i))
    assert.ok(await manager.streams.deleteMessage('DEL', 3))
    assert.match(await refusal(manager.streams.deleteMessage('DEL', 3)), /sequence 3 not found/)
    const { state } = await manager.streams.info('DEL', { deleted_details: true })
    assert.equal([state.num_deleted, state.deleted], [1, [3]])
    assert.is((await manager.streams.purge('DEL', { filter: 'del.0', keep: 1 })).purged, 2)
    assert.is((await manager.streams.purge('DEL', { seq: 6 })).purged, 2)
    assert.is((await manager.streams.purge('DEL')).purged, 1)
    assert.is((await manager.streams.info('DEL')).state.first_seq, 7)
  },

  async 'keeps to its limits'(nc) {
    const manager = await jetstreamManager(nc)
    const js = jetstream(nc)
    await manager.streams.add({
      name: 'FULL',
      subjects: ['full.*'],
      max_msgs: 3,
      discard: DiscardPolicy.New,
    })
    for (let i = 1; i <= 3; i++) await js.publish('full.a', String(i))
    assert.match(await refusal(js.publish('full.a', '4')), /maximum messages exceeded/)
    await manager.streams.deleteMessage('FULL', 1)
    assert.is((await js.publish('full.a', '4')).seq, 4)
    await manager.streams.add({ name: 'OLD', subjects: ['old.*'], max_msgs_per_subject: 2 })
    for (let i = 1; i <= 5; i++) await js.publish('old.a', String(i))
    const { state } = await manager.streams.info('OLD')
    assert.equal([state.messages, state.first_seq, state.last_seq], [2, 4, 5])
    await manager.streams.add({
      name: 'WQ',
      subjects: ['wq'],
      retention: RetentionPolicy.Workqueue,
      max_bytes: 100,
    })
    await js.publish('wq', 'x'.repeat(60))
    assert.is((await js.publish('wq', 'y'.repeat(60))).seq, 2)
    assert.is((await manager.streams.info('WQ')).state.messages, 1)
  },
}

spec('the JetStream client', (it, hooks) => {
  let hub: Hub
  let edge: Edge
  let theirs: NatsConnection
  let ours: NatsConnection

  hooks.before(async () => {
    hub = await startHub({ version: '2.10', jetstream: true })
    edge = await startEdge({ jetstream: true })
    theirs = await connect({ servers: hub.url })
    ours = await connect({ servers: edge.url })
  })
  hooks.after(async () => {
    await theirs?.close()
    await ours?.close()
    await edge?.stop()
    await hub?.stop()
  })

  for (const [name, scenario] of Object.entries(scenarios)) {
    it(`nats-server ${name}`, () => scenario(theirs))
    it(`we ${name}`, () => scenario(ours))
  }

  it('finds everything acknowledged after a kill', async () => {
    const manager = await jetstreamManager(ours)
    await manager.streams.add({ name: 'KILL', subjects: ['kill'] })
    const js = jetstream(ours)
    let acked = 0
    const publishing = (async () => {
      for (;;) {
        const acks = await Promise.all(Array.from({ length: 50 }, () => js.publish('kill', 'x')))
        acked = Math.max(acked, ...acks.map(({ seq }) => seq))
      }
    })().catch(() => {})
    while (acked < 500) await ours.flush()
    await edge.restart('SIGKILL')
    await publishing
    const again = await connect({ servers: edge.url })
    try {
      const { state } = await (await jetstreamManager(again)).streams.info('KILL')
      assert.ok(state.last_seq >= acked, `${state.last_seq} < ${acked}`)
      assert.is(state.messages, state.last_seq)
    } finally {
      await again.close()
    }
  })
})
