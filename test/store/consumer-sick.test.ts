// Consumers of a store whose disk fails for a while: what was acknowledged, deleted or changed
// meanwhile holds once it can write again.

import * as assert from 'uvu/assert'
import { FakeClock } from '../../src/base/clock.ts'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'
import { ConsumerBench, type Got } from './consumer-bench.ts'

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
})
