// Official clients consuming from us, and from nats-server 2.10 with the same expectations:
// fetch, consume, ordered consumers, every kind of ack, redelivery.

import {
  AckPolicy,
  type Consumer,
  DeliverPolicy,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream'
import { connect, nanos } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { startBroker } from '../store/broker.ts'
import { type It, spec } from '../support/spec.ts'
import {
  alone,
  besideNats,
  fetchAll,
  fill,
  infoWhen,
  type Talkers,
  texts,
} from './consumer-talkers.ts'

function pulls(it: It, talkers: () => Talkers): void {
  it('fetches, one by one and in batches', async () => {
    const consumer = await fill(talkers(), 'fetch', 5)
    const first = await consumer.next()
    assert.is(first?.string(), '1')
    assert.is(first?.info.pending, 4)
    first?.ack()
    const rest = await fetchAll(consumer, 4)
    assert.is(texts(rest), '2 3 4 5')
    assert.equal(
      rest.map(m => m.info.pending),
      [3, 2, 1, 0],
    )
    for (const m of rest) m.ack()
    const info = await infoWhen(consumer, ({ num_ack_pending }) => num_ack_pending === 0)
    assert.equal(
      [info.delivered.consumer_seq, info.delivered.stream_seq, info.ack_floor.stream_seq],
      [5, 5, 5],
    )
  })

  it('ends a fetch that finds nothing when it expires', async () => {
    const consumer = await fill(talkers(), 'empty', 0)
    assert.is((await fetchAll(consumer, 3)).length, 0)
    assert.is(await consumer.next({ expires: 1000 }), null)
  })

  it('waits for messages that come later', async () => {
    const { js } = talkers()
    const consumer = await fill(talkers(), 'later', 0)
    const waiting = consumer.next({ expires: 5000 })
    await js.publish('later.a', 'now')
    assert.is((await waiting)?.string(), 'now')
  })

  it('consumes without end', async () => {
    const { js } = talkers()
    const consumer = await fill(talkers(), 'consume', 250)
    const messages = await consumer.consume({ max_messages: 50 })
    let next = 1
    for await (const m of messages) {
      assert.is(m.string(), `${next}`)
      m.ack()
      if (next === 250) await js.publish('consume.m', '251')
      if (next === 251) break
      next++
    }
    await messages.close()
  })

  it('bounds a fetch by bytes', async () => {
    const consumer = await fill(talkers(), 'bytes', 10)
    const got: JsMsg[] = []
    let failure = ''
    try {
      for await (const m of await consumer.fetch({ max_bytes: 200, expires: 1000 })) got.push(m)
    } catch (error) {
      failure = String(error)
    }
    // Each is 59 bytes: subject, reply and payload.
    assert.equal(
      [texts(got), failure],
      ['1 2 3', 'JetStreamStatusError: message size exceeds maxbytes'],
    )
  })

  it('refuses pulls beyond the limits of the consumer', async () => {
    const { nc } = talkers()
    await fill(talkers(), 'limits', 1, { max_batch: 2, max_expires: nanos(1000), max_bytes: 100 })
    const ask = async (body: unknown): Promise<string> => {
      const answer = await nc.request(
        '$JS.API.CONSUMER.MSG.NEXT.limits.c',
        typeof body === 'string' ? body : JSON.stringify(body),
        alone,
      )
      return `${answer.headers?.code} ${answer.headers?.description}`
    }
    assert.is(await ask({ batch: 3 }), '409 Exceeded MaxRequestBatch of 2')
    assert.is(await ask({ expires: nanos(1001) }), '409 Exceeded MaxRequestExpires of 1s')
    assert.is(await ask({ batch: 1, max_bytes: 101 }), '409 Exceeded MaxRequestMaxBytes of 100')
    assert.is(
      await ask({ batch: 1, expires: nanos(300), idle_heartbeat: nanos(200) }),
      '400 Bad Request - heartbeat value too large',
    )
    assert.is(
      await ask('{bad'),
      "400 Bad Request - invalid character 'b' looking for beginning of object key string",
    )
    assert.is(
      await ask({ batch: 1, max_bytes: 5, expires: nanos(500) }),
      '409 Message Size Exceeds MaxBytes',
    )
    const first = await nc.request('$JS.API.CONSUMER.MSG.NEXT.limits.c', '', alone)
    assert.is(first.string(), '1')
    assert.is(await ask({ batch: 1, no_wait: true }), '404 No Messages')
  })

  it('tells waiting pulls that the consumer goes', async () => {
    const { nc, jsm } = talkers()
    await fill(talkers(), 'gone', 0)
    const waiting = nc.request('$JS.API.CONSUMER.MSG.NEXT.gone.c', '', alone)
    await nc.flush()
    await jsm.consumers.delete('gone', 'c')
    assert.is((await waiting).headers?.description, 'Consumer Deleted')
    let failure = ''
    try {
      await nc.request('$JS.API.CONSUMER.MSG.NEXT.gone.c', '')
    } catch (error) {
      failure = String(error)
    }
    assert.match(failure, /no responders/)
  })
}

function acks(it: It, talkers: () => Talkers): void {
  it('redelivers after ack_wait, NAK and a delayed NAK', async () => {
    const consumer = await fill(talkers(), 'again', 1, { ack_wait: nanos(500) })
    const first = await consumer.next()
    assert.is(first?.info.deliveryCount, 1)
    const second = await consumer.next({ expires: 5000 })
    assert.is(second?.info.deliveryCount, 2)
    second?.nak()
    const third = await consumer.next({ expires: 5000 })
    assert.is(third?.info.deliveryCount, 3)
    const askedMs = performance.now()
    third?.nak(300)
    const fourth = await consumer.next({ expires: 5000 })
    assert.is(fourth?.info.deliveryCount, 4)
    assert.ok(performance.now() - askedMs >= 290, 'came too early')
    assert.is((await consumer.info()).num_redelivered, 1)
    assert.is(await fourth?.ackAck(), true)
    const info = await consumer.info()
    assert.equal([info.num_ack_pending, info.num_redelivered], [0, 0])
    assert.is(info.ack_floor.stream_seq, 1)
  })

  it('keeps a message that is in progress, forgets one that is terminated', async () => {
    const consumer = await fill(talkers(), 'progress', 2, { ack_wait: nanos(1500) })
    const [first, second] = await fetchAll(consumer, 2)
    second?.term('broken')
    for (let i = 0; i < 2; i++) {
      first?.working()
      assert.is(await consumer.next({ expires: 1000 }), null)
    }
    assert.is((await consumer.next({ expires: 5000 }))?.string(), '1')
  }, 30_000)

  it('stops at max_deliver and says so', async () => {
    const { nc } = talkers()
    const advisories = nc.subscribe('$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.max.c', { max: 1 })
    const consumer = await fill(talkers(), 'max', 1, { ack_wait: nanos(300), max_deliver: 2 })
    assert.is((await consumer.next())?.info.deliveryCount, 1)
    assert.is((await consumer.next({ expires: 3000 }))?.info.deliveryCount, 2)
    const nothing = consumer.next({ expires: 1500 })
    for await (const m of advisories) {
      const { stream_seq, deliveries } = m.json<{ stream_seq: number; deliveries: number }>()
      assert.equal([stream_seq, deliveries], [1, 2])
    }
    assert.is(await nothing, null)
  })

  it('follows the backoff', async () => {
    const consumer = await fill(talkers(), 'backoff', 1, {
      backoff: [nanos(300), nanos(900)],
      max_deliver: 3,
    })
    await consumer.next()
    const firstMs = performance.now()
    assert.is((await consumer.next({ expires: 5000 }))?.info.deliveryCount, 2)
    const secondMs = performance.now()
    assert.is((await consumer.next({ expires: 5000 }))?.info.deliveryCount, 3)
    const thirdMs = performance.now()
    assert.ok(secondMs - firstMs >= 250, 'first step')
    assert.ok(thirdMs - secondMs >= 850, 'second step')
  })

  it('holds back at max_ack_pending', async () => {
    const consumer = await fill(talkers(), 'pending', 5, { max_ack_pending: 2 })
    const two = await fetchAll(consumer, 5)
    assert.is(texts(two), '1 2')
    await two[0]?.ackAck()
    assert.is(texts(await fetchAll(consumer, 5)), '3')
  })

  it('acknowledges all up to one', async () => {
    const consumer = await fill(talkers(), 'upto', 5, { ack_policy: AckPolicy.All })
    const got = await fetchAll(consumer, 4)
    await got[2]?.ackAck()
    const info = await consumer.info()
    assert.equal([info.num_ack_pending, info.ack_floor.stream_seq], [1, 3])
  })

  it('acknowledges and asks for the next in one', async () => {
    const { nc, js } = talkers()
    const consumer = await fill(talkers(), 'next', 2)
    const first = await consumer.next()
    const answer = await nc.request((first as unknown as { reply: string }).reply, '+NXT', alone)
    assert.is(answer.string(), '2')
    assert.is((await infoWhen(consumer, i => i.num_ack_pending === 1)).ack_floor.stream_seq, 1)
    assert.ok(js)
  })

  it('empties a work queue as it is acknowledged', async () => {
    const { js, jsm } = talkers()
    await jsm.streams.add({ name: 'work', subjects: ['work'], retention: 'workqueue' as never })
    for (let i = 0; i < 3; i++) await js.publish('work', `${i}`)
    await jsm.consumers.add('work', { durable_name: 'w', ack_policy: AckPolicy.Explicit })
    const consumer = await js.consumers.get('work', 'w')
    for (const m of await fetchAll(consumer, 2)) await m.ackAck()
    const { state } = await jsm.streams.info('work')
    assert.equal([state.messages, state.first_seq], [1, 3])
  })

  it('keeps a message as long as some consumer wants it', async () => {
    const { js, jsm } = talkers()
    await jsm.streams.add({ name: 'want', subjects: ['want.>'], retention: 'interest' as never })
    await js.publish('want.a', 'nobody')
    assert.is((await jsm.streams.info('want')).state.messages, 0)
    const make = async (name: string, filter: string): Promise<Consumer> => {
      await jsm.consumers.add('want', {
        durable_name: name,
        ack_policy: AckPolicy.Explicit,
        filter_subject: filter,
      })
      return js.consumers.get('want', name)
    }
    const a = await make('a', 'want.a')
    const all = await make('all', 'want.>')
    await js.publish('want.a', '1')
    await js.publish('want.b', '2')
    for (const m of await fetchAll(all, 2)) await m.ackAck()
    assert.is((await jsm.streams.info('want')).state.messages, 1)
    await (await a.next())?.ackAck()
    assert.is((await jsm.streams.info('want')).state.messages, 0)
  })
}

function policies(it: It, talkers: () => Talkers): void {
  it('starts where the deliver policy says', async () => {
    const { js, jsm } = talkers()
    await fill(talkers(), 'start', 6)
    const from = async (config: Record<string, unknown>): Promise<string> => {
      const info = await jsm.consumers.add('start', { ack_policy: AckPolicy.None, ...config })
      const consumer = await js.consumers.get('start', info.name)
      const pending = (await consumer.info()).num_pending
      const got = pending === 0 ? [] : await fetchAll(consumer, pending)
      return `${pending}: ${texts(got)}`
    }
    assert.is(await from({}), '6: 1 2 3 4 5 6')
    assert.is(await from({ filter_subject: 'start.m0' }), '3: 2 4 6')
    assert.is(await from({ filter_subjects: ['start.m0', 'start.m1'] }), '6: 1 2 3 4 5 6')
    assert.is(await from({ deliver_policy: DeliverPolicy.Last }), '1: 6')
    assert.is(
      await from({ deliver_policy: DeliverPolicy.Last, filter_subject: 'start.m1' }),
      '1: 5',
    )
    assert.is(await from({ deliver_policy: DeliverPolicy.New }), '0: ')
    assert.is(
      await from({ deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: 5 }),
      '2: 5 6',
    )
    assert.is(
      await from({ deliver_policy: DeliverPolicy.LastPerSubject, filter_subject: 'start.>' }),
      '2: 5 6',
    )
    assert.is(
      await from({
        deliver_policy: DeliverPolicy.StartTime,
        opt_start_time: new Date(0).toISOString(),
      }),
      '6: 1 2 3 4 5 6',
    )
  }, 30_000)

  it('sends headers only', async () => {
    const consumer = await fill(talkers(), 'heads', 1, { headers_only: true })
    const m = await consumer.next()
    assert.equal([m?.string(), m?.headers?.get('Nats-Msg-Size')], ['', '1'])
  })

  it('serves ordered consumers', async () => {
    const { js, jsm } = talkers()
    await fill(talkers(), 'ordered', 300)
    const consumer = await js.consumers.get('ordered')
    const messages = await consumer.consume({ max_messages: 40, expires: 1000 })
    let next = 1
    for await (const m of messages) {
      assert.is(m.seq, next)
      // The consumer is recreated where it stopped.
      if (next === 100) {
        for await (const info of jsm.consumers.list('ordered')) {
          if (info.name !== 'c') await jsm.consumers.delete('ordered', info.name)
        }
      }
      if (++next > 300) break
    }
    await messages.close()
  }, 30_000)

  it('counts what is pending while messages come and go', async () => {
    const { js, jsm } = talkers()
    const consumer = await fill(talkers(), 'count', 10, { filter_subject: 'count.m1' })
    assert.is((await consumer.info()).num_pending, 5)
    await jsm.streams.deleteMessage('count', 3)
    assert.is((await consumer.info()).num_pending, 4)
    await js.publish('count.m1', 'x')
    await js.publish('count.m0', 'y')
    assert.is((await consumer.info()).num_pending, 5)
    assert.is((await consumer.next())?.info.pending, 4)
    await jsm.streams.purge('count', { filter: 'count.m1' })
    assert.is((await consumer.info()).num_pending, 0)
  })
}

besideNats('clients consume', (it, talkers) => {
  pulls(it, talkers)
  acks(it, talkers)
  policies(it, talkers)
})

spec('clients consume through a domain', it => {
  it('pulls, acknowledges, and is refused where there is no consumer', async () => {
    const broker = await startBroker({ domain: 'edge' })
    const nc = await connect({ servers: broker.url })
    try {
      const jsm = await jetstreamManager(nc, { domain: 'edge' })
      const js = jetstream(nc, { domain: 'edge' })
      const consumer = await fill({ nc, js, jsm, url: broker.url }, 'dom', 3)
      const got = await fetchAll(consumer, 3)
      assert.is(texts(got), '1 2 3')
      for (const m of got) assert.is(await m.ackAck(), true)
      const answer = await nc.request('$JS.edge.API.CONSUMER.MSG.NEXT.dom.none', '', alone).then(
        m => `${m.headers?.code}`,
        error => String(error),
      )
      assert.match(answer, /503|no responders/i)
    } finally {
      await nc.close()
      await broker.close()
    }
  })
})
