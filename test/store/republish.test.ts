// Republishing through the door: not before the message is on disk, never what was not stored.

import * as assert from 'uvu/assert'
import { Republisher } from '../../edge/store/republish.ts'
import type { Durable, Stream } from '../../edge/store/shapes.ts'
import { Account } from '../../src/account/account.ts'
import { headersOf, newSubscription, payloadOf, post } from '../../src/broker/post.ts'
import type { LocalSink, Message, Origin } from '../../src/message.ts'
import { spec } from '../support/spec.ts'
import { startBroker } from './broker.ts'
import { streamConfig } from './support.ts'

const origin: Origin = { kind: 'client', sink: null, echo: true, permissions: null }

/** Calls back when told, with or without an error. */
class FakeDurable implements Durable {
  groups = 0
  #waiting: ((error?: Error) => void)[] = []

  onDisk(done: (error?: Error) => void): void {
    this.#waiting.push(done)
  }

  settle(error?: Error): void {
    this.groups++
    const waiting = this.#waiting
    this.#waiting = []
    for (const done of waiting) done(error)
  }
}

function listen(account: Account, subject: string): string[] {
  const seen: string[] = []
  const sink: LocalSink = {
    remote: false,
    deliver: (message: Message) => {
      const lines = headersOf(message).toString().split('\r\n').slice(1, -2).join('; ')
      seen.push(`${message.subject} ${lines} ${payloadOf(message)}`)
    },
  }
  account.subscribe(newSubscription(subject, sink))
  return seen
}

function fixture(storage: 'file' | 'memory' = 'file') {
  const account = new Account('$G')
  const durable = new FakeDurable()
  const stream = {
    config: streamConfig({ name: 'S', storage, republish: { src: 's.*', dest: 'out.$1' } }),
    state: () => ({ lastTimeUs: 1_700_000_000_000_001 }),
  } as unknown as Stream
  const republisher = new Republisher(account, durable, stream)
  const payload = Buffer.from('one')
  const message = { subject: 's.a', headers: Buffer.alloc(0), payload }
  return { account, durable, republisher, message, payload, seen: listen(account, 'out.>') }
}

const head = 'Nats-Stream: S; Nats-Subject: s.a; '
const time = 'Nats-Time-Stamp: 2023-11-14T22:13:20.000001Z'

spec('republish', it => {
  it('waits for the disk and copies what it keeps', () => {
    const { durable, republisher, message, payload, seen } = fixture()
    assert.is(republisher.wants('s.a'), true)
    assert.is(republisher.wants('s.a.b'), false)
    republisher.stored(message, 1, 0)
    payload.fill('x')
    republisher.stored(message, 2, 1)
    assert.equal(seen, [])
    durable.settle()
    assert.equal(seen, [
      `out.a ${head}Nats-Sequence: 1; ${time}; Nats-Last-Sequence: 0 one`,
      `out.a ${head}Nats-Sequence: 2; ${time}; Nats-Last-Sequence: 1 xxx`,
    ])
  })

  it('says nothing of what was not stored, and goes on after it', () => {
    const { durable, republisher, message, seen } = fixture()
    republisher.stored(message, 1, 0)
    durable.settle(new Error('no space'))
    assert.equal(seen, [])
    republisher.stored(message, 1, 0)
    durable.settle()
    assert.is(seen.length, 1)
  })

  it('of a stream in memory does not mind the disk', () => {
    const { durable, republisher, message, seen } = fixture('memory')
    republisher.stored(message, 1, 0)
    assert.equal(seen, [])
    durable.settle(new Error('no space'))
    assert.is(seen.length, 1)
  })

  it('leaves once the message can be read', async () => {
    const broker = await startBroker()
    try {
      const account = broker.server.account('$G')
      const streams = broker.jetstream.streams('$G')
      const config = streamConfig({ name: 'S', republish: { src: '>', dest: 'out.>' } })
      assert.not('err_code' in (streams?.create({ ...config, subjects: ['s.>'] }) ?? {}))
      const stream = streams?.stream('S') as Stream
      const readable: number[] = []
      const sink: LocalSink = {
        remote: false,
        deliver: () => readable.push(stream.readableSeq),
      }
      account.subscribe(newSubscription('out.>', sink))
      for (const payload of ['1', '2', '3']) {
        post(account, origin, { subject: 's.a', payload: Buffer.from(payload) })
      }
      assert.equal(readable, [])
      await new Promise<void>(done => broker.jetstream.store.durable.onDisk(() => done()))
      assert.equal(readable, [3, 3, 3])
    } finally {
      await broker.close()
    }
  })

  it('of two streams in memory that feed each other leaves the loop alive', async () => {
    const broker = await startBroker()
    try {
      const account = broker.server.account('$G')
      const streams = broker.jetstream.streams('$G')
      const storage = 'memory'
      const limit = { storage, max_msgs: 5 } as const
      const ring = [
        streamConfig({ name: 'A', ...limit, republish: { src: 'A.>', dest: 'B.>' } }),
        streamConfig({ name: 'B', ...limit, republish: { src: 'B.>', dest: 'A.>' } }),
      ]
      for (const config of ring) streams?.create(config)
      post(account, origin, { subject: 'A.x' })
      const circled = () => (streams?.stream('A')?.state().lastSeq ?? 0) > 1
      while (!circled()) await new Promise(done => setImmediate(done))
      for (const { name } of ring) streams?.delete(streams.stream(name) as Stream)
    } finally {
      await broker.close()
    }
  })
})
