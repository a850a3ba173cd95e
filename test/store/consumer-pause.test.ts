// Pauses and pins by the clock, and over failures: whatever the wall clock does, and when the
// disk takes back what was told.

import * as assert from 'uvu/assert'
import { FakeClock } from '../../src/base/clock.ts'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'
import { ConsumerBench, withBench } from './consumer-bench.ts'

const yearMs = 365 * 24 * 3600 * 1000
const pinned = { priority_policy: 'pinned_client', priority_groups: ['A'] }

const until = (bench: ConsumerBench, ms: number) => ({
  pause_until: new Date(Math.round(bench.store.nowUs() / 1000) + ms).toISOString(),
})

async function paused(bench: ConsumerBench, ms: number) {
  const stream = bench.stream('S', { subjects: ['s.>'] })
  await bench.fill(stream, ['s.a', '1'])
  await bench.create('S', 'c')
  const inbox = bench.inbox('in')
  await bench.api('CONSUMER.PAUSE.S.c', until(bench, ms))
  bench.pull('S', 'c', 'in')
  await bench.settle()
  assert.is(inbox.got.length, 0)
  return inbox
}

spec('pauses', it => {
  it('end when their time has come, not before', () =>
    withBench(async bench => {
      const inbox = await paused(bench, 5000)
      await bench.pass(4990)
      assert.is(inbox.got.length, 0)
      await bench.pass(20)
      assert.is((await inbox.take(1)).length, 1)
      const told = bench.advisories.filter(text => text.startsWith('CONSUMER.PAUSE.S.c'))
      assert.equal(
        told.map(text => /"paused":\w+/.exec(text)?.[0]),
        ['"paused":true', '"paused":false'],
      )
    }))

  it('are not prolonged by a wall clock that is set back', () =>
    withBench(async bench => {
      const inbox = await paused(bench, 5000)
      bench.clock.jump(-10 * yearMs)
      await bench.pass(5100)
      assert.is((await inbox.take(1)).length, 1)
    }))

  it('end soon when the wall clock jumps far ahead', () =>
    withBench(async bench => {
      const inbox = await paused(bench, yearMs)
      bench.clock.jump(10 * yearMs)
      await bench.pass(1001)
      assert.is((await inbox.take(1)).length, 1)
    }))

  it('are kept over a restart, and end behind it', async () => {
    const dir = scratch('pause')
    let bench = await new ConsumerBench(dir).start()
    await paused(bench, 60_000)
    await bench.close()
    bench = await new ConsumerBench(dir, new FakeClock()).start()
    const inbox = bench.inbox('in')
    bench.pull('S', 'c', 'in', { expires: 300e9 })
    await bench.pass(30_000)
    assert.is(inbox.got.length, 0)
    await bench.pass(31_000)
    assert.is((await inbox.take(1)).length, 1)
    await bench.close()
  })

  it('let what is due wait, and deliver it first', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.fill(stream, ['s.a', '1'], ['s.a', '2'])
      await bench.create('S', 'c', { ack_wait: 1e9 })
      const inbox = bench.inbox('in')
      bench.pull('S', 'c', 'in')
      await inbox.take(1)
      await bench.api('CONSUMER.PAUSE.S.c', until(bench, 10_000))
      bench.pull('S', 'c', 'in', { batch: 2 })
      await bench.pass(5000)
      assert.is(inbox.got.length, 0)
      await bench.api('CONSUMER.PAUSE.S.c')
      assert.equal(await inbox.expect(2), ['s.a S.c.2.1.2.T.1 |1', 's.a S.c.1.2.3.T.0 |2'])
    }))
})

spec('pins', it => {
  it('are held for as long as their holder asks', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      for (let i = 1; i <= 4; i++) await bench.fill(stream, ['s.a', `${i}`])
      await bench.create('S', 'c', { ...pinned, priority_timeout: 1e9 })
      const [a, b] = [bench.inbox('a'), bench.inbox('b')]
      bench.pull('S', 'c', 'a', { batch: 1, group: 'A', expires: 60e9 })
      const id = /Nats-Pin-Id: (\w{22})/.exec((await a.take(1))[0]?.headers ?? '')?.[1]
      bench.pull('S', 'c', 'b', { batch: 1, group: 'A', expires: 60e9 })
      await bench.pass(999)
      bench.pull('S', 'c', 'a', { batch: 1, group: 'A', expires: 60e9, id })
      assert.is((await a.take(1)).length, 1)
      await bench.pass(999)
      assert.is(b.got.length, 0)
      await bench.pass(2)
      assert.is((await b.take(1)).length, 1)
      bench.pull('S', 'c', 'a', { batch: 1, group: 'A', expires: 60e9, id })
      assert.equal(await a.expect(1), ['a NATS/1.0 423 Nats-Pin-Id mismatch|'])
    }))

  it('are not left with who is gone before a message came', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.create('S', 'c', pinned)
      bench.pull('S', 'c', 'nobody', { batch: 1, group: 'A', expires: 60e9 })
      const b = bench.inbox('b')
      bench.pull('S', 'c', 'b', { batch: 1, group: 'A', expires: 60e9 })
      await bench.fill(stream, ['s.a', '1'])
      assert.match((await b.take(1))[0]?.headers ?? '', /Nats-Pin-Id: \w{22}/)
    }))

  it('are not left with who takes no message of that size', () =>
    withBench(async bench => {
      const stream = bench.stream('S', { subjects: ['s.>'] })
      await bench.create('S', 'c', pinned)
      const [a, b] = [bench.inbox('a'), bench.inbox('b')]
      bench.pull('S', 'c', 'a', { batch: 1, group: 'A', expires: 60e9, max_bytes: 1 })
      bench.pull('S', 'c', 'b', { batch: 1, group: 'A', expires: 60e9 })
      await bench.fill(stream, ['s.a', '1'])
      assert.match((await a.take(1))[0]?.headers ?? '', /409 Message Size Exceeds MaxBytes/)
      assert.match((await b.take(1))[0]?.headers ?? '', /Nats-Pin-Id: \w{22}/)
    }))
})
