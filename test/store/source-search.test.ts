// How often a source looks through its stream for where it stands.

import * as assert from 'uvu/assert'
import type { ConsumerRoom } from '../../edge/store/api/request.ts'
import { Intake } from '../../edge/store/intake.ts'
import { LeftOut } from '../../edge/store/source/left-out.ts'
import type { Delivery } from '../../edge/store/source/request.ts'
import { Source } from '../../edge/store/source/source.ts'
import { Account } from '../../src/account/account.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { spec } from '../support/spec.ts'
import { none, put, TestStore } from './support.ts'

const consumers = { wants: () => false } as unknown as ConsumerRoom
const fromOrigin = 'NATS/1.0\r\nNats-Stream-Source: O 7 > >\r\n\r\n'

async function sourceOf(test: TestStore, header: string) {
  const stream = test.stream({ name: 'S' })
  for (let i = 0; i < 20; i++) put(stream, 'S.a', 'x', i === 0 ? header : '')
  await test.onDisk()
  const positions = test.store.positions(stream)
  positions.load()
  const intake = new Intake(new Account('$G'), test.store.durable, stream, consumers)
  const leftOut = new LeftOut(silentLog, new FakeClock(), 'test')
  const parts = { stream, source: { name: 'O' }, intake, leftOut }
  let reads = 0
  const { get } = stream
  stream.get = seq => {
    reads++
    return get.call(stream, seq)
  }
  return { stream, positions, source: new Source(parts, positions), reads: () => reads }
}

const delivery: Delivery = {
  consumer: 'C',
  deliveries: 1,
  streamSeq: 9,
  consumerSeq: 1,
  timeUs: 1,
  pending: 0,
}

spec('source without a position', it => {
  it('does not read the newest messages again every second while nobody hears it', async () => {
    const test = await TestStore.start()
    const { source, reads } = await sourceOf(test, '')
    for (let i = 0; i < 5; i++) assert.equal(source.start(), { deliver_policy: 'all' })
    assert.is(reads(), 20)
    await test.done()
  })

  it('goes on behind what it took after that', async () => {
    const test = await TestStore.start()
    const { source, reads } = await sourceOf(test, '')
    source.start()
    assert.is(source.take({ subject: 'S.a', headers: none, payload: none }, delivery), true)
    assert.is((source.start() as { opt_start_seq: number }).opt_start_seq, 10)
    assert.is(reads(), 20)
    await test.done()
  })

  it('finds its place again when the group that noted it was rolled back', async () => {
    const test = await TestStore.start()
    const { source, positions, reads } = await sourceOf(test, fromOrigin)
    const behind = { deliver_policy: 'by_start_sequence', opt_start_seq: 8 }
    assert.equal(source.start(), behind)
    assert.equal(source.start(), behind)
    assert.is(reads(), 20)
    positions.undone()
    assert.equal(source.start(), behind)
    await test.done()
  })
})
