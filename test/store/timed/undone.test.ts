// Timed messages in a group that the disk refuses: what was noted, expired or sent in it never
// happened, and happens once when there is room again. Every case ends with verify().

import * as assert from 'uvu/assert'
import { FakeClock } from '../../../src/base/clock.ts'
import { spec } from '../../support/spec.ts'
import { TestStore } from '../support.ts'
import { held, open, pass, publish, rowsOf, secondMs, settled } from './support.ts'

const huge = 'x'.repeat(200_000)

function leavePages(test: TestStore, pages: number): void {
  const { db } = test.store
  db.exec(`PRAGMA max_page_count = ${Number(db.value('PRAGMA page_count')) + pages}`)
}

async function refused(test: TestStore): Promise<void> {
  assert.match((await test.onDisk())?.message ?? '', /full/)
}

async function mend(test: TestStore): Promise<void> {
  test.store.db.exec('PRAGMA max_page_count = 1000000')
  await pass(test, secondMs)
  await settled(test)
}

spec('timed messages in a group that is rolled back', it => {
  it('leave no time behind', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'S' })
    publish(stream, 'S.a', { 'Nats-TTL': '10' })
    await settled(test)
    leavePages(test, 2)
    publish(stream, 'S.b', { 'Nats-TTL': '10' }, huge)
    stream.remove(1)
    await refused(test)
    await mend(test)
    assert.equal(held(stream), ['1 S.a'])
    assert.is(rowsOf(test), 1)
    publish(stream, 'S.c', { 'Nats-TTL': '20' })
    await pass(test, 10 * secondMs)
    assert.equal(held(stream), ['2 S.c'])
    await test.done()
  })

  it('expire later, once', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'S', subject_delete_marker_ttl: 60_000_000_000 })
    publish(stream, 'S.a', { 'Nats-TTL': '60' })
    await settled(test)
    leavePages(test, 2)
    test.clock.advance(61 * secondMs)
    assert.is(stream.lastSeqOf('S.a'), 2)
    publish(stream, 'S.b', {}, huge)
    await refused(test)
    assert.equal(held(stream), ['1 S.a'])
    await mend(test)
    assert.equal(held(stream), ['2 S.a'])
    assert.is(rowsOf(test), 1)
    await test.done()
  })

  it('age later, although they were passed already', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'S', max_age: 10_000_000_000 })
    publish(stream, 'S.a', { 'Nats-TTL': 'never' })
    publish(stream, 'S.b')
    publish(stream, 'S.c')
    await settled(test)
    leavePages(test, 2)
    test.clock.advance(10 * secondMs)
    assert.is(stream.state().messages, 1)
    publish(stream, 'S.d', {}, huge)
    await refused(test)
    assert.is(stream.state().messages, 3)
    await mend(test)
    assert.equal(held(stream), ['1 S.a'])
    await test.done()
  })

  it('are sent later, once', async () => {
    const test = await TestStore.start({}, new FakeClock(1_700_000_000_000))
    const stream = open(test, { name: 'S', allow_msg_schedules: true })
    const often = { 'Nats-Schedule': '@every 10s', 'Nats-Schedule-Target': 'S.out' }
    publish(stream, 'S.often', often)
    publish(stream, 'S.once', { ...often, 'Nats-Schedule': '@at 2023-11-14T22:13:30Z' })
    await settled(test)
    leavePages(test, 2)
    test.clock.advance(10 * secondMs)
    assert.is(stream.state().lastSeq, 4)
    publish(stream, 'S.d', {}, huge)
    await refused(test)
    assert.equal(held(stream), ['1 S.often', '2 S.once'])
    await mend(test)
    assert.equal(held(stream), ['1 S.often', '3 S.out', '4 S.out'])
    assert.is(rowsOf(test), 1)
    await test.done()
  })

  it('of a stream that was not made leave nothing', async () => {
    const test = await TestStore.start()
    const other = open(test, { name: 'O' })
    await settled(test)
    leavePages(test, 2)
    const stream = open(test, { name: 'S' })
    publish(stream, 'S.a', { 'Nats-TTL': '1' }, huge)
    await refused(test)
    await mend(test)
    assert.is(test.store.stream('$G', 'S'), undefined)
    assert.is(rowsOf(test), 0)
    publish(other, 'O.a', { 'Nats-TTL': '1' })
    await pass(test, 2 * secondMs)
    assert.is(other.state().messages, 0)
    await test.done()
  })
})
