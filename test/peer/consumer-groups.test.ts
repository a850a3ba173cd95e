// The official client with priority groups, pauses, resets and ordered consumers, from us and
// from nats-server.

import type { Consumer, JsMsg } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { besideNats, fetchAll, fill, texts } from './consumer-talkers.ts'

const pinned = {
  priority_policy: 'pinned_client',
  priority_groups: ['g'],
  priority_timeout: nanos(60_000),
}

besideNats('priority groups of clients', (it, talkers) => {
  it('overflow: a second client helps when enough is left', async () => {
    const consumer = await fill(talkers(), 'OV', 10, {
      priority_policy: 'overflow',
      priority_groups: ['g'],
    })
    const few = { max_messages: 2, expires: 1000, group: 'g' }
    const idle = await consumer.fetch({ ...few, min_pending: 20 })
    assert.is((await all(idle)).length, 0)
    assert.is(texts(await all(await consumer.fetch({ ...few, min_pending: 5 }))), '1 2')
    assert.is(texts(await all(await consumer.fetch({ ...few, min_ack_pending: 2 }))), '3 4')
  })

  it('pinned: one client gets everything until it is unpinned', async () => {
    const { jsm, js } = talkers()
    const first = await fill(talkers(), 'PI', 5, pinned)
    const second = await js.consumers.get('PI', 'c')
    const fetch = async (consumer: Consumer, max_messages: number) =>
      texts(await all(await consumer.fetch({ max_messages, expires: 1000, group: 'g' })))
    assert.is(await fetch(first, 2), '1 2')
    const pin = async () => {
      const info = (await first.info()) as { priority_groups?: { pinned_client_id?: string }[] }
      return info.priority_groups?.[0]?.pinned_client_id
    }
    const before = await pin()
    assert.match(before ?? '', /^\w{22}$/)
    assert.is(await fetch(second, 1), '')
    assert.is(await pin(), before)
    await jsm.consumers.unpin('PI', 'c', 'g')
    assert.is(await fetch(second, 2), '3 4')
    assert.is.not(await pin(), before)
  })

  it('prioritized: the lower number is served first', async () => {
    const { js } = talkers()
    const consumer = await fill(talkers(), 'PR', 0, {
      priority_policy: 'prioritized',
      priority_groups: ['g'],
    })
    const fetch = (priority: number) =>
      consumer.fetch({ max_messages: 1, expires: 2000, group: 'g', priority })
    const late = await fetch(5)
    const early = await fetch(1)
    await consumer.info()
    await js.publish('PR.m', 'a')
    await js.publish('PR.m', 'b')
    assert.is(texts(await all(early)), 'a')
    assert.is(texts(await all(late)), 'b')
  })
})

besideNats('pauses and resets of clients', (it, talkers) => {
  it('a paused consumer delivers nothing until it is resumed', async () => {
    const { jsm } = talkers()
    const consumer = await fill(talkers(), 'PAU', 3)
    const paused = await jsm.consumers.pause('PAU', 'c', new Date(Date.now() + 60_000))
    assert.is(paused.paused, true)
    assert.is((await fetchAll(consumer, 3, 1000)).length, 0)
    assert.is((await consumer.info()).paused, true)
    assert.is((await jsm.consumers.resume('PAU', 'c')).paused, false)
    assert.is(texts(await fetchAll(consumer, 3)), '1 2 3')
  })

  it('a pause ends by itself', async () => {
    const { jsm } = talkers()
    const consumer = await fill(talkers(), 'PAE', 2)
    await jsm.consumers.pause('PAE', 'c', new Date(Date.now() + 700))
    assert.is(texts(await fetchAll(consumer, 2, 5000)), '1 2')
  })

  it('a reset begins again at the floor or at a sequence', async () => {
    const { jsm } = talkers()
    const consumer = await fill(talkers(), 'RES', 5)
    const got = await fetchAll(consumer, 4)
    await got[0]?.ackAck()
    const floor = await jsm.consumers.reset('RES', 'c')
    assert.is(floor.reset_seq, 2)
    assert.is(texts(await fetchAll(consumer, 2)), '2 3')
    assert.is((await jsm.consumers.reset('RES', 'c', 5)).reset_seq, 5)
    assert.is(texts(await fetchAll(consumer, 1)), '5')
    assert.is((await jsm.consumers.reset('RES', 'c', 1)).reset_seq, 1)
    assert.is(texts(await fetchAll(consumer, 5)), '1 2 3 4 5')
  })

  it('an ordered consumer goes on when its consumer is gone', async () => {
    const { js, jsm } = talkers()
    await fill(talkers(), 'ORD', 2)
    const ordered = await js.consumers.get('ORD')
    const messages = await ordered.consume({ expires: 1000 })
    const got: string[] = []
    for await (const message of messages) {
      got.push(message.string())
      if (got.length === 2) {
        await jsm.consumers.delete('ORD', (await ordered.info(true)).name)
        for (const body of ['3', '4']) await js.publish('ORD.m', body)
      }
      if (got.length === 4) break
    }
    assert.is(got.join(' '), '1 2 3 4')
  })
})

async function all(messages: AsyncIterable<JsMsg>): Promise<JsMsg[]> {
  const got: JsMsg[] = []
  for await (const message of messages) got.push(message)
  return got
}
