// Consumers of a store whose disk fails for a while: what was acknowledged, deleted or changed
// meanwhile holds once it can write again.

import * as assert from 'uvu/assert'
import { Removals, owedMax } from '../../edge/store/consumer/removals.ts'
import type { Stream } from '../../edge/store/shapes.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'
import { ConsumerBench, type Got, figures } from './consumer-bench.ts'

/** Statements that start like this find the disk full, until the returned function is called. */
function fill(bench: ConsumerBench, start: string): () => void {
  const { db } = bench.store
  const { prepare } = db
  db.prepare = text => {
    if (!text.startsWith(start)) return prepare.call(db, text)
    throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
  }
  return () => Reflect.deleteProperty(db, 'prepare')
}

/** The store tries again, and what waited for it is saved. */
async function recover(bench: ConsumerBench): Promise<void> {
  await bench.pass(1000)
  assert.is(bench.store.commit.sick, null)
  await bench.pass(250)
  await bench.onDisk()
}

async function delivered(bench: ConsumerBench, name: string, count: number) {
  const inbox = bench.inbox(`in.${name}`)
  bench.pull('S', name, `in.${name}`, { batch: count })
  const got = await inbox.take(count)
  await bench.pass(250)
  await bench.onDisk()
  return got
}

const replyOf = (got: readonly Got[], at: number): string => got[at]?.reply ?? ''

async function again(bench: ConsumerBench, dir: string): Promise<ConsumerBench> {
  await bench.close()
  return new ConsumerBench(dir, new FakeClock()).start()
}

spec('consumers of a sick store', it => {
  it('do not bring back an answered ack whose first save failed midway', async () => {
    const dir = scratch('consumers')
    let bench = await new ConsumerBench(dir).start()
    const stream = bench.stream('S', { subjects: ['s.>'] })
    await bench.fill(stream, ['s.a', '1'], ['s.a', '2'])
    await bench.create('S', 'c')
    await bench.create('S', 'd')
    const c = await delivered(bench, 'c', 2)
    const d = await delivered(bench, 'd', 2)
    const answers = bench.inbox('answer.*')
    const restore = fill(bench, 'UPDATE consumer SET delivered')
    bench.say(replyOf(c, 0), '', 'answer.c')
    bench.say(replyOf(d, 0), '', 'answer.d')
    await bench.settle()
    assert.ok(bench.store.commit.sick)
    assert.is(answers.got.length, 0)
    restore()
    await recover(bench)
    bench.say(replyOf(c, 0), '', 'answer.c')
    bench.say(replyOf(d, 0), '', 'answer.d')
    assert.equal(await answers.expect(2), ['answer.c |', 'answer.d |'])
    bench = await again(bench, dir)
    assert.is((await bench.info('S', 'c')).num_ack_pending, 1)
    assert.is((await bench.info('S', 'd')).num_ack_pending, 1)
    await bench.close()
  })

  it('keep a pause and a reset whose group was rolled back', async () => {
    const dir = scratch('consumers')
    let bench = await new ConsumerBench(dir).start()
    const stream = bench.stream('S', { subjects: ['s.>'] })
    await bench.fill(stream, ['s.a', '1'], ['s.a', '2'], ['s.a', '3'])
    await bench.create('S', 'c')
    const got = await delivered(bench, 'c', 3)
    bench.say(replyOf(got, 0))
    await bench.pass(250)
    await bench.onDisk()
    const answers = bench.inbox('answer')
    const restore = fill(bench, 'UPDATE consumer SET config')
    await bench.api('CONSUMER.PAUSE.S.c', { pause_until: '2100-01-01T00:00:00Z' })
    bench.say('$JS.API.CONSUMER.RESET.S.c', '', 'answer')
    await bench.settle()
    assert.ok(bench.store.commit.sick)
    restore()
    await recover(bench)
    // Who was told that the reset failed finds it done: it was asked for.
    for (const { payload } of answers.got) assert.match(payload, /error|"reset_seq":2/)
    bench = await again(bench, dir)
    const info = await bench.info('S', 'c')
    assert.is(figures(info), '0/1 0/1 0 0 0 2')
    assert.is((info as { paused?: boolean }).paused, true)
    await bench.close()
  })

  it('deleted meanwhile can be created again, and no second one comes back', async () => {
    const dir = scratch('consumers')
    let bench = await new ConsumerBench(dir).start()
    const stream = bench.stream('S', { subjects: ['s.>'] })
    await bench.fill(stream, ['s.a', '1'], ['s.a', '2'])
    await bench.create('S', 'c')
    await bench.create('S', 'd')
    await bench.create('S', 'e')
    await delivered(bench, 'c', 2)
    const restore = fill(bench, 'UPDATE consumer SET delivered')
    bench.inbox('in.d')
    bench.pull('S', 'd', 'in.d')
    await bench.pass(250)
    assert.ok(bench.store.commit.sick)
    restore()
    const group = bench.consumers.group(stream)
    for (const name of ['c', 'd', 'e']) {
      const consumer = group?.consumers.get(name)
      assert.ok(consumer)
      group?.remove(consumer)
    }
    await bench.settle()
    await bench.pass(1000)
    assert.is(bench.store.commit.sick, null)
    await bench.create('S', 'c')
    await recover(bench)
    bench = await again(bench, dir)
    assert.equal((await bench.api('CONSUMER.NAMES.S')).consumers, ['c'])
    assert.is(figures(await bench.info('S', 'c')), '0/0 0/0 0 0 0 2')
    await bench.close()
  })

  it('keep a new config whose group was taken back', async () => {
    const dir = scratch('consumers')
    let bench = await new ConsumerBench(dir).start()
    bench.stream('S', { subjects: ['s.>'] })
    await bench.create('S', 'c')
    const restore = fill(bench, 'UPDATE consumer SET config')
    await bench.create('S', 'c', { description: 'first' })
    await bench.create('S', 'c', { description: 'second' })
    assert.ok(bench.store.commit.sick)
    restore()
    await recover(bench)
    bench = await again(bench, dir)
    const { config } = await bench.api('CONSUMER.INFO.S.c')
    assert.is((config as { description?: string }).description, 'second')
    await bench.close()
  })

  it('come back with their stream when its deletion was taken back', async () => {
    const dir = scratch('consumers')
    let bench = await new ConsumerBench(dir).start()
    const stream = bench.stream('S', { subjects: ['s.>'] })
    await bench.create('S', 'c')
    const { db } = bench.store
    db.commit = () => {
      throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' })
    }
    bench.store.delete(stream)
    bench.consumers.detach(stream)
    assert.ok(await bench.onDisk())
    Reflect.deleteProperty(db, 'commit')
    const back = bench.store.stream('$G', 'S')
    assert.ok(back)
    bench.consumers.attach(bench.jetstream, back)
    assert.equal((await bench.api('CONSUMER.NAMES.S')).consumers, ['c'])
    await recover(bench)
    bench = await again(bench, dir)
    assert.equal((await bench.api('CONSUMER.NAMES.S')).consumers, ['c'])
    await bench.close()
  })

  for (const retention of ['workqueue', 'interest'] as const) {
    it(`leave no acknowledged message behind for ever: ${retention}`, async () => {
      const dir = scratch('consumers')
      let bench = await new ConsumerBench(dir).start()
      const stream = bench.stream('S', { subjects: ['s.>'], retention })
      await bench.create('S', 'c')
      await bench.fill(stream, ['s.a', '1'], ['s.a', '2'], ['s.a', '3'])
      const got = await delivered(bench, 'c', 3)
      const answers = bench.inbox('answer.*')
      const { db } = bench.store
      db.commit = () => {
        throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' })
      }
      bench.say(replyOf(got, 0))
      await bench.settle()
      assert.ok(bench.store.commit.sick)
      assert.is(stream.state().messages, 3)
      bench.say(replyOf(got, 1), '', 'answer.sick')
      await bench.settle()
      assert.is((await bench.info('S', 'c')).num_ack_pending, 2)
      Reflect.deleteProperty(db, 'commit')
      bench.clock.advance(1000)
      bench.say(replyOf(got, 0), '', 'answer.again')
      assert.equal(await answers.expect(1), ['answer.again |'])
      assert.is(stream.state().messages, 2)
      await recover(bench)
      bench.say(replyOf(got, 1), '', 'answer.well')
      assert.equal(await answers.expect(1), ['answer.well |'])
      assert.is(stream.state().messages, 1)
      bench = await again(bench, dir)
      assert.is(bench.store.stream('$G', 'S')?.state().messages, 1)
      assert.is((await bench.info('S', 'c')).num_ack_pending, 1)
      await bench.close()
    })
  }
})

spec('removals', it => {
  const newRemovals = () => {
    const clock = new FakeClock()
    const commit = { sick: null as Error | null, touch() {} }
    const gone: number[] = []
    const remove = (seq: number): boolean => commit.sick === null && gone.push(seq) > 0
    const config = { storage: 'file' }
    const stream = { config, remove } as unknown as Stream
    const needed = new Set<number>()
    const isNeeded = (seq: number): boolean => needed.has(seq)
    const removals = new Removals({ stream, commit, clock, isNeeded })
    return { clock, commit, gone, needed, removals }
  }

  for (const past of [-1, 0, 1]) {
    it(`remember ${owedMax} that the store refused, with ${past} past it`, () => {
      const { clock, commit, gone, removals } = newRemovals()
      commit.sick = new Error('full')
      for (let seq = 1; seq <= owedMax + past; seq++) removals.remove(seq)
      clock.advance(1000)
      assert.is(gone.length, 0)
      commit.sick = null
      for (let round = 0; round < 100; round++) clock.advance(250)
      assert.is(gone.length, Math.min(owedMax, owedMax + past))
      removals.flush()
      removals.synced()
      removals.undone()
      clock.advance(250)
      assert.is(gone.length, Math.min(owedMax, owedMax + past))
    })
  }

  it('are made before a stop, and not of what somebody wants by now', () => {
    const { clock, gone, needed, removals } = newRemovals()
    for (const seq of [1, 2, 3]) removals.remove(seq)
    removals.flush()
    removals.remove(4)
    removals.undone()
    needed.add(2)
    removals.close(false)
    assert.equal(gone, [1, 2, 3, 4, 1, 3, 4])
    removals.undone()
    clock.advance(1000)
    assert.is(gone.length, 7)
  })
})
