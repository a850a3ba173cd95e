// Batches of direct gets: in slices, waiting for a requester who does not keep up, and not too
// many at a time.

import * as assert from 'uvu/assert'
import { batchesMax, DirectBatches } from '../../edge/store/api/direct-batch.ts'
import { type DirectRequest, directRequest } from '../../edge/store/api/direct-request.ts'
import type { JetStreamAccount } from '../../edge/store/api/request.ts'
import { Replies } from '../../edge/store/replies.ts'
import { Account } from '../../src/account/account.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { headersOf, newSubscription, payloadOf } from '../../src/broker/post.ts'
import type { Message } from '../../src/message.ts'
import { spec } from '../support/spec.ts'
import { put, TestStore } from './support.ts'

const ask = (fields: object): DirectRequest =>
  directRequest(Buffer.from(JSON.stringify(fields))) as DirectRequest

async function bench(count: number) {
  const test = await TestStore.start()
  const stream = test.stream({ name: 'S', subjects: ['s'] })
  for (let i = 0; i < count; i++) put(stream, 's', 'x'.repeat(1000))
  await test.onDisk()
  const account = new Account('$G')
  const clock = new FakeClock()
  const jetstream = { account } as JetStreamAccount
  const replies = new Replies(account)
  const batches = new DirectBatches({ jetstream, stream, replies, clock })
  const requester = {
    remote: false as const,
    pendingBytes: 0,
    heard: [] as string[],
    deliver(message: Message): void {
      const head = headersOf(message).toString()
      this.heard.push(
        head.startsWith('NATS/1.0 ') ? head.slice(9, 12) : `${payloadOf(message).length}`,
      )
    },
  }
  const subscription = newSubscription('r', requester)
  account.subscribe(subscription)
  return { test, account, clock, batches, requester, subscription }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

spec('direct batches', it => {
  it('leave in slices, one a turn', async () => {
    const { test, batches, requester } = await bench(200)
    batches.start(ask({ seq: 1, batch: 1000 }), 'r')
    assert.is(requester.heard.length, 64)
    await turn()
    assert.is(requester.heard.length, 128)
    for (let i = 0; i < 4; i++) await turn()
    assert.is(requester.heard.length, 201)
    assert.is(requester.heard.at(-1), '204')
    await test.done()
  })

  it('wait while the requester is behind, and end when it has gone', async () => {
    const { test, account, clock, batches, requester, subscription } = await bench(200)
    requester.pendingBytes = 1024 * 1024 + 1
    batches.start(ask({ seq: 1, batch: 1000 }), 'r')
    clock.advance(100)
    assert.is(requester.heard.length, 0)
    requester.pendingBytes = 1024 * 1024
    clock.advance(2)
    assert.is(requester.heard.length, 64)
    account.unsubscribe(subscription)
    for (let i = 0; i < 4; i++) await turn()
    assert.is(requester.heard.length, 64)
    await test.done()
  })

  it('are bounded in number, and come back', async () => {
    const { test, clock, batches, requester } = await bench(1)
    requester.pendingBytes = 1024 * 1024 + 1
    for (let i = 0; i < batchesMax; i++) batches.start(ask({ seq: 1, batch: 2 }), 'r')
    assert.is(requester.heard.length, 0)
    batches.start(ask({ seq: 1, batch: 2 }), 'r')
    assert.equal(requester.heard, ['429'])
    requester.pendingBytes = 0
    clock.advance(2)
    await turn()
    assert.is(requester.heard.length, 1 + 2 * batchesMax)
    batches.start(ask({ seq: 1, batch: 2 }), 'r')
    await turn()
    assert.is(requester.heard.length, 3 + 2 * batchesMax)
    batches.close()
    await test.done()
  })
})
