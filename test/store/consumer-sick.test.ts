// Consumers of a store whose disk fails for a while: what was acknowledged, deleted or changed
// meanwhile holds once it can write again.

import * as assert from 'uvu/assert'
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
})
