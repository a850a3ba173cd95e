// Push consumers of the older official client, from us and from nats-server 2.10 with the same
// expectations.

import { AckPolicy } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import * as old from 'nats'
import * as assert from 'uvu/assert'
import type { It } from '../support/spec.ts'
import { besideNats, fill, type Talkers } from './consumer-talkers.ts'

function pushes(it: It, talkers: () => Talkers): void {
  const withOld = async (
    run: (nc: old.NatsConnection, js: old.JetStreamClient) => Promise<void>,
  ): Promise<void> => {
    const nc = await old.connect({ servers: talkers().url })
    try {
      await run(nc, nc.jetstream())
    } finally {
      await nc.close()
    }
  }

  it('pushes to a durable and remembers its acks', async () => {
    await fill(talkers(), 'push', 4)
    await withOld(async (_, js) => {
      const options = old.consumerOpts()
      options.durable('p').manualAck().ackExplicit().deliverAll().deliverTo('deliver.push')
      const sub = await js.subscribe('push.>', options)
      let count = 0
      for await (const m of sub) {
        m.ack()
        if (++count === 3) break
      }
    })
    const { jsm } = talkers()
    for (;;) {
      const info = await jsm.consumers.info('push', 'p')
      if (info.ack_floor.stream_seq === 3) break
    }
  })

  it('serves ordered push consumers with flow control', async () => {
    const { js } = talkers()
    await fill(talkers(), 'flow', 0)
    const payload = 'x'.repeat(20_000)
    for (let i = 0; i < 300; i++) await js.publish('flow.a', payload)
    await withOld(async (_, oldJs) => {
      const sub = await oldJs.subscribe('flow.>', old.consumerOpts().orderedConsumer())
      let count = 0
      for await (const m of sub) {
        assert.is(m.seq, ++count)
        if (count === 300) break
      }
      sub.unsubscribe()
    })
  }, 30_000)

  it('shares a deliver group', async () => {
    await fill(talkers(), 'shared', 20)
    await withOld(async (nc, js) => {
      const jsm = await nc.jetstreamManager()
      await jsm.consumers.add('shared', {
        durable_name: 'g',
        ack_policy: old.AckPolicy.Explicit,
        deliver_subject: 'deliver.shared',
        deliver_group: 'group',
      })
      let count = 0
      const done = new Promise<void>(resolve => {
        const take = (): void => {
          if (++count === 20) resolve()
        }
        nc.subscribe('deliver.shared', { queue: 'group', callback: take })
        nc.subscribe('deliver.shared', { queue: 'group', callback: take })
      })
      await done
      assert.ok(js)
    })
  })

  it('beats when there is nothing to push', async () => {
    const { nc, jsm } = talkers()
    await fill(talkers(), 'beat', 1)
    const sub = nc.subscribe('deliver.beat')
    await jsm.consumers.add('beat', {
      ack_policy: AckPolicy.None,
      deliver_subject: 'deliver.beat',
      idle_heartbeat: nanos(200),
    })
    let beats = 0
    for await (const m of sub) {
      if (!m.headers) continue
      assert.is(m.headers.description, 'Idle Heartbeat')
      assert.equal(
        [m.headers.get('Nats-Last-Consumer'), m.headers.get('Nats-Last-Stream')],
        ['1', '1'],
      )
      if (++beats === 2) break
    }
  })

  it('delivers when somebody subscribes and stops when nobody does', async () => {
    const { nc, js, jsm } = talkers()
    await fill(talkers(), 'watch', 1)
    await jsm.consumers.add('watch', {
      durable_name: 'p',
      ack_policy: AckPolicy.Explicit,
      deliver_subject: 'deliver.watch',
    })
    assert.is((await jsm.consumers.info('watch', 'p')).push_bound, undefined)
    const sub = nc.subscribe('deliver.watch', { max: 1 })
    for await (const m of sub) assert.is(m.string(), '1')
    await js.publish('watch.a', '2')
    const info = await jsm.consumers.info('watch', 'p')
    assert.equal([info.push_bound, info.delivered.stream_seq], [undefined, 1])
    const again = nc.subscribe('deliver.watch', { max: 1 })
    for await (const m of again) assert.is(m.string(), '2')
  })
}

besideNats('push consumers', pushes)
