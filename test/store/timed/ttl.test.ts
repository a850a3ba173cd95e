// Messages with a TTL in the store, on a clock that is held still: parsing, expiry, markers, what
// is forgotten, restarts, groups that are rolled back, clocks that jump. Every case ends with
// verify(). What nats-server does is compared in test/peer/timed.test.ts.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { publishOptions } from '../../../edge/store/publish-headers.ts'
import { keptSeconds, neverExpires, ttlOf } from '../../../edge/store/timed/ttl.ts'
import { spec } from '../../support/spec.ts'
import { streamConfig, TestStore } from '../support.ts'
import {
  block,
  codeOf,
  held,
  hourMs,
  in1970,
  open,
  pass,
  publish,
  reopened,
  rowsOf,
  secondMs,
  settled,
  yearMs,
} from './support.ts'

const ttl = (value: string) => ({ 'Nats-TTL': value })

spec('TTL header', it => {
  it('is read as seconds, as a duration, as never', () => {
    const rows: readonly (readonly [string, number])[] = [
      ['1', 1],
      ['90', 90],
      ['1s', 1],
      ['1h30m', 5400],
      ['1.9s', 1],
      ['999ms', Number.NaN],
      ['1000ms', 1],
      ['never', neverExpires],
      ['NEVER', neverExpires],
      ['0', Number.NaN],
      ['00', 0],
      ['-1', Number.NaN],
      ['-5s', Number.NaN],
      ['5x', Number.NaN],
      ['1.5', Number.NaN],
      ['', Number.NaN],
      ['9223372036', 9_223_372_036],
      ['99999999999999999999', 9_223_372_036],
      ['9999999h', Number.NaN],
    ]
    for (const [text, seconds] of rows) assert.equal(ttlOf(text), seconds, text)
  })

  it('is found in its block, the first of several, an empty one is none', () => {
    const found = (text: string) => publishOptions(Buffer.from(text), 0, text.length).ttl
    assert.is(found('NATS/1.0\r\nNats-TTL: 5s\r\nNats-TTL: 7s\r\n\r\n'), 5)
    assert.is(found('NATS/1.0\r\nNats-TTL:\r\n\r\n'), undefined)
    assert.is(found('NATS/1.0\r\nnats-ttl: 5s\r\n\r\n'), undefined)
  })

  it('is no shorter than a marker lives, but for one message a subject', () => {
    const marked = streamConfig({ name: 'S', subject_delete_marker_ttl: 10_500_000_000 })
    assert.is(keptSeconds(marked, 9), 10)
    assert.is(keptSeconds(marked, 10), 10)
    assert.is(keptSeconds(marked, 11), 11)
    assert.is(keptSeconds(marked, neverExpires), neverExpires)
    assert.is(keptSeconds({ ...marked, max_msgs_per_subject: 1 }, 9), 9)
  })
})

for (const storage of ['file', 'memory'] as const) {
  spec(`TTL in ${storage}`, it => {
    it('expires each message in its time, in whatever order', async () => {
      const test = await TestStore.start()
      const stream = open(test, { name: 'S', storage })
      for (const value of ['3', '1', 'never', '2s', '1h']) publish(stream, 'S.a', ttl(value))
      publish(stream, 'S.b')
      await pass(test, 900)
      assert.is(stream.state().messages, 6)
      await pass(test, 100)
      assert.equal(held(stream), ['1 S.a', '3 S.a', '4 S.a', '5 S.a', '6 S.b'])
      await pass(test, 2 * secondMs)
      assert.equal(held(stream), ['3 S.a', '5 S.a', '6 S.b'])
      await pass(test, 2 * hourMs)
      assert.equal(held(stream), ['3 S.a', '6 S.b'])
      assert.is(stream.timed?.ttls, 0)
      assert.is(stream.timed?.expired, 4)
      await test.done()
    })

    it('refuses what nats-server refuses', async () => {
      const test = await TestStore.start()
      const stream = open(test, { name: 'S', storage })
      assert.is(codeOf(publish(stream, 'S.a', ttl('0'))), 10165)
      assert.is(codeOf(publish(stream, 'S.a', ttl('bogus'))), 10165)
      const without = open(test, { name: 'W', storage, allow_msg_ttl: false })
      assert.is(codeOf(publish(without, 'W.a', ttl('5'))), 10166)
      assert.is(codeOf(publish(without, 'W.a', ttl('never'))), 10166)
      assert.is(codeOf(publish(without, 'W.a', ttl('bogus'))), 10165)
      assert.is(codeOf(publish(without, 'W.a', ttl('00'))), 0)
      // From a source it is stored, and stays.
      assert.is(codeOf(publish(without, 'W.a', ttl('1'), 'x', { sourced: true })), 0)
      await pass(test, hourMs)
      assert.is(without.state().messages, 2)
      assert.is(stream.state().messages, 0)
      await test.done()
    })

    it('leaves a marker where the last message of a subject expired, and no second one', async () => {
      const test = await TestStore.start()
      const stream = open(test, { name: 'S', storage, subject_delete_marker_ttl: 5_000_000_000 })
      publish(stream, 'S.a', ttl('6'))
      publish(stream, 'S.a', ttl('7'))
      publish(stream, 'S.b', { ...ttl('6'), 'KV-Operation': 'PURGE' })
      publish(stream, 'S.c', ttl('6'))
      publish(stream, 'S.c')
      await settled(test)
      await pass(test, 6 * secondMs)
      assert.equal(held(stream), ['2 S.a', '5 S.c'])
      await pass(test, secondMs)
      assert.equal(held(stream), ['5 S.c', '6 S.a'])
      assert.is(
        stream.get(6)?.headers.toString(),
        'NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: 5s\r\nNats-Rollup: sub\r\n\r\n',
      )
      await pass(test, 5 * secondMs)
      assert.equal(held(stream), ['5 S.c'])
      await test.done()
    })

    it('lengthens what is shorter than a marker, in the header too', async () => {
      const test = await TestStore.start()
      const stream = open(test, { name: 'S', storage, subject_delete_marker_ttl: 60_000_000_000 })
      publish(stream, 'S.a', { A: 'b', ...ttl('1s'), C: 'd' })
      await pass(test, 2 * secondMs)
      assert.is(
        stream.get(1)?.headers.toString(),
        'NATS/1.0\r\nA: b\r\nC: d\r\nNats-TTL: 60\r\n\r\n',
      )
      await pass(test, 57 * secondMs)
      assert.equal(held(stream), ['1 S.a'])
      await pass(test, secondMs)
      assert.equal(held(stream), ['2 S.a'])
      await test.done()
    })

    it('keeps what is never to expire from max_age, and marks what max_age takes', async () => {
      const test = await TestStore.start()
      const stream = open(test, {
        name: 'S',
        storage,
        max_age: 10_000_000_000,
        subject_delete_marker_ttl: 2_000_000_000,
      })
      publish(stream, 'S.a', ttl('never'))
      publish(stream, 'S.b')
      publish(stream, 'S.b', ttl('1h'))
      await pass(test, 9 * secondMs)
      publish(stream, 'S.c')
      await pass(test, secondMs)
      assert.equal(held(stream), ['1 S.a', '4 S.c', '5 S.b'])
      await pass(test, 2 * secondMs)
      assert.equal(held(stream), ['1 S.a', '4 S.c'])
      await pass(test, 30 * secondMs)
      assert.equal(held(stream), ['1 S.a'])
      publish(stream, 'S.d')
      await pass(test, 10 * secondMs)
      assert.equal(held(stream), ['1 S.a', '7 S.d'])
      await test.done()
    })
  })
}

spec('TTL on disk', it => {
  it('goes on after a restart, and expires at once what came due meanwhile', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'S' })
    for (const value of ['5', '10', 'never', '1h']) publish(stream, 'S.a', ttl(value))
    // Not even the end of the turn.
    await test.reopen()
    await pass(test, 4 * secondMs)
    assert.is(reopened(test, 'S').state().messages, 4)
    await test.store.close()
    test.clock.advance(8 * secondMs)
    await test.reopen()
    await settled(test)
    assert.equal(held(reopened(test, 'S')), ['3 S.a', '4 S.a'])
    assert.is(rowsOf(test), 1)
    await test.done()
  })

  it('is forgotten with its message: limits, deletes, purges, roll-ups', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'S', max_msgs_per_subject: 2, max_msgs: 6 })
    for (let i = 0; i < 20; i++) publish(stream, `S.${i % 4}`, ttl('1h'))
    await settled(test)
    assert.is(stream.state().messages, 6)
    assert.is(rowsOf(test), 6)
    stream.remove(20)
    await settled(test)
    assert.is(rowsOf(test), 5)
    publish(stream, 'S.0', { ...ttl('1h'), 'Nats-Rollup': 'all' })
    stream.purge({})
    await settled(test)
    assert.is(stream.state().messages, 0)
    assert.is(rowsOf(test), 0)
    await test.done()
  })

  it('costs nothing where the messages that go have none', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'S', max_msgs: 10 })
    publish(stream, 'S.a', ttl('1h'))
    await settled(test)
    for (let i = 0; i < 20; i++) publish(stream, 'S.b')
    assert.is(stream.commit.queueBytes < 20 * 320, true)
    await settled(test)
    assert.is(rowsOf(test), 0)
    // Beyond 4,096 they are not known one by one.
    const many = open(test, { name: 'T', max_msgs: 5000 })
    for (let i = 0; i < 6000; i++) publish(many, 'T.a', ttl('1h'))
    await settled(test)
    assert.is(many.timed?.ttls, 5000)
    many.purge({ keep: 10 })
    await settled(test, 60)
    assert.ok(rowsOf(test) <= 5000)
    await pass(test, hourMs)
    await settled(test, 60)
    assert.is(many.state().messages, 0)
    assert.is(rowsOf(test), 0)
    await test.done()
  })

  it('is swept when many went at once: never more than twice the rows', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'S' })
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 1000; i++) publish(stream, 'S.many', ttl('1h'))
      publish(stream, 'S.one', ttl('2h'))
      await settled(test)
      stream.purge({ filter: 'S.many' })
      await settled(test, 20)
      assert.ok(rowsOf(test) <= 2 * stream.state().messages + 1024 + 1000, `${rowsOf(test)}`)
    }
    assert.ok(rowsOf(test) < 2100)
    stream.purge({})
    await settled(test, 40)
    assert.is(rowsOf(test), 0)
    await test.done()
  })

  it('goes with its stream, and a new one of its number has none', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'S' })
    publish(stream, 'S.a', ttl('1h'))
    await settled(test)
    assert.is(test.store.delete(stream), null)
    await settled(test)
    assert.is(rowsOf(test), 0)
    const other = open(test, { name: 'T' })
    assert.is(other.id, stream.id)
    publish(other, 'T.a')
    await pass(test, 2 * hourMs)
    assert.is(other.state().messages, 1)
    await test.done()
  })

  it('is found in messages from before it was allowed', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'S', allow_msg_ttl: false })
    for (let i = 0; i < 700; i++) publish(stream, 'S.a', ttl('10'), 'x', { sourced: true })
    publish(stream, 'S.b')
    await pass(test, 5 * secondMs)
    test.store.update(stream, { ...stream.config, allow_msg_ttl: true })
    await settled(test)
    assert.is(stream.timed?.ttls, 700)
    await test.reopen()
    await pass(test, 4 * secondMs)
    assert.is(reopened(test, 'S').state().messages, 701)
    await pass(test, secondMs)
    assert.equal(held(reopened(test, 'S')), ['701 S.b'])
    await test.done()
  })

  it('is found again in what is left of a damaged store', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'S' })
    for (let i = 0; i < 2000; i++) publish(stream, `S.${i % 5}`, ttl('1h'), 'x'.repeat(100))
    await test.store.close()
    const file = join(test.dir, 'store.db')
    const bytes = readFileSync(file)
    const page = Math.floor(bytes.length / 4096 / 2)
    bytes.fill(0xaa, page * 4096, (page + 1) * 4096)
    writeFileSync(file, bytes)
    await test.reopen()
    assert.is(test.store.problems.length, 1)
    await settled(test, 30)
    const left = reopened(test, 'S')
    const { messages } = left.state()
    assert.ok(messages > 1000, `${messages} are left`)
    assert.ok(rowsOf(test) >= messages, `${rowsOf(test)} rows`)
    await pass(test, hourMs)
    await settled(test, 30)
    assert.is(left.state().messages, 0)
    await test.done()
  })

  it('of a mirror counts from the time of its origin', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'M' })
    const nowUs = test.store.nowUs()
    const place = (seq: number, agoMs: number) => ({
      place: { seq, timeUs: nowUs - agoMs * 1000 },
    })
    publish(stream, 'o.a', ttl('10'), 'x', place(5, 9000))
    publish(stream, 'o.a', ttl('10'), 'x', place(7, 2000))
    // An origin with a clock ahead of ours.
    publish(stream, 'o.a', ttl('10'), 'x', place(9, -hourMs))
    await pass(test, secondMs)
    assert.equal(held(stream), ['7 o.a', '9 o.a'])
    await pass(test, 7 * secondMs)
    assert.equal(held(stream), ['9 o.a'])
    await pass(test, 2 * secondMs)
    assert.equal(held(stream), [])
    await test.done()
  })
})

spec('TTL and wrong clocks', it => {
  it('a clock that starts in 1970 and is set right ages nothing', async () => {
    const test = await TestStore.start({}, in1970())
    const stream = open(test, { name: 'S', max_age: hourMs * 1e6 })
    publish(stream, 'S.a', ttl('60'))
    await pass(test, 30 * secondMs)
    test.clock.jump(56 * yearMs)
    await pass(test, 29 * secondMs)
    assert.is(stream.state().messages, 1)
    publish(stream, 'S.b', ttl('60'))
    await pass(test, secondMs)
    assert.equal(held(stream), ['2 S.b'])
    // Ten years ahead, and back.
    test.clock.jump(10 * yearMs)
    await pass(test, 30 * secondMs)
    test.clock.jump(-10 * yearMs)
    await pass(test, 28 * secondMs)
    assert.equal(held(stream), ['2 S.b'])
    await pass(test, secondMs)
    assert.equal(held(stream), [])
    await test.done()
  })

  it('a jump is on disk before the program can crash', async () => {
    const test = await TestStore.start({}, in1970())
    const stream = open(test, { name: 'S' })
    publish(stream, 'S.a', ttl('3600'))
    await pass(test, secondMs)
    test.clock.jump(56 * yearMs)
    await pass(test, 60 * secondMs)
    const jumps = test.store.db.value(`SELECT value FROM meta WHERE key = 'jumps'`)
    assert.is(JSON.parse(String(jumps)).length, 1)
    await test.reopen()
    await pass(test, secondMs)
    assert.is(reopened(test, 'S').state().messages, 1)
    await test.done()
  })

  it('more jumps than are remembered one by one age nothing either', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'S' })
    publish(stream, 'S.a', ttl('3600'))
    await settled(test)
    for (let i = 0; i < 100; i++) {
      test.clock.jump(hourMs)
      await pass(test, secondMs)
    }
    assert.is(stream.state().messages, 1)
    await test.reopen()
    await pass(test, 3400 * secondMs)
    assert.is(reopened(test, 'S').state().messages, 1)
    await pass(test, 100 * secondMs)
    assert.is(reopened(test, 'S').state().messages, 0)
    await test.done()
  })
})

spec('TTL in bulk', it => {
  it('expires 100,000 at once in slices', async () => {
    const test = await TestStore.start()
    const stream = open(test, { name: 'S' })
    const headers = block(ttl('10'))
    const options = publishOptions(headers, 0, headers.length)
    const payload = Buffer.alloc(64)
    for (let i = 0; i < 100_000; i++) {
      stream.append({ subject: `S.${i % 100}`, headers, payload }, options)
      if (i % 4096 === 0) await test.onDisk()
    }
    await test.onDisk()
    assert.is(stream.timed?.ttls, 100_000)
    test.clock.advance(10 * secondMs)
    // Each is small, and waits until the one before is on disk.
    let slices = 0
    for (let left = 100_000; left > 0 && slices < 2000; slices++) {
      test.clock.advance(1)
      const { messages } = stream.state()
      assert.ok(left - messages <= 256, `${left - messages} went at once`)
      test.clock.advance(1)
      assert.is(stream.state().messages, messages)
      left = messages
      await test.onDisk()
    }
    assert.is(stream.state().messages, 0)
    assert.is(rowsOf(test), 0)
    assert.ok(slices >= 391, `${slices} slices`)
    const view = test.store.view() as Readonly<Record<string, number>>
    assert.equal([view.ttl_messages, view.expired_messages], [0, 100_000])
    await test.done()
  }, 90_000)
})
