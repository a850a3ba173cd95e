// The store's bounds: at each, one past it, and after it. And the store's time by itself.

import * as path from 'node:path'
import * as assert from 'uvu/assert'
import { Db } from '../../edge/store/db.ts'
import { Dedupe, msgIdOf } from '../../edge/store/dedupe.ts'
import { Filter, literalPrefix } from '../../edge/store/filter.ts'
import { fileName } from '../../edge/store/salvage.ts'
import { StoreTime } from '../../edge/store/time.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { spec } from '../support/spec.ts'
import { TestStore, none, put, streamConfig } from './support.ts'

spec('store bounds', it => {
  it('subjects beyond the cache are counted all the same', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    const count = 9000
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < count; i++) put(stream, `s.${i}`)
      await test.onDisk()
    }
    assert.is(stream.state().subjects, count)
    assert.is(stream.last('s.17')?.seq, count + 18)
    assert.is(stream.count(['s.17', 's.8999'], 1), 4)
    assert.is(stream.count(['s.17', 's.8999'], 18), 4)
    assert.is(stream.count(['s.17', 's.8999'], 19), 3)
    assert.is(stream.lastPerSubject(['s.*'], 2 * count).length, count)
    await test.reopen()
    assert.is(test.store.stream('$G', 's')?.state().subjects, count)
    await test.done()
  })

  it('a purge beyond the cache counts what comes in the same group', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    for (let i = 0; i < 9000; i++) put(stream, `s.${i}`)
    await test.onDisk()
    assert.is(stream.purge({}), 9000)
    put(stream, 's.0')
    put(stream, 's.8999')
    await test.onDisk()
    assert.is(stream.state().subjects, 2)
    assert.equal(
      stream.batch([], 1, 5).map(one => one.subject),
      ['s.0', 's.8999'],
    )
    assert.is(stream.purge({}), 2)
    await test.done()
  })

  it('message ids: the oldest is forgotten, and counted', () => {
    const dedupe = new Dedupe()
    for (let i = 1; i <= 100_000; i++) dedupe.add(`id${i}`, i, i, 0)
    assert.is(dedupe.find('id1', 0), 1)
    assert.is(dedupe.dropped, 0)
    dedupe.add('one more', 100_001, 100_001, 0)
    assert.is(dedupe.find('id1', 0), undefined)
    assert.is(dedupe.find('id2', 0), 2)
    assert.is(dedupe.dropped, 1)
    dedupe.forgetAfter(50)
    assert.is(dedupe.size, 49)
    assert.is(dedupe.find('id51', 0), undefined)
  })

  it('message ids of the last 100,000 messages are read at start', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's', duplicate_window: 3_600_000_000_000 })
    const append = (id: string) =>
      stream.append({ subject: 's.a', headers: withId(id), payload: none }, { msgId: id })
    append('first')
    append('second')
    for (let i = 0; i < 99_998; i++) put(stream, 's.a', '')
    await test.onDisk()
    await test.reopen()
    const at = test.store.stream('$G', 's')
    assert.ok(at)
    assert.is(at.dedupe.find('first', 0), 1)
    put(at, 's.a', '')
    await test.onDisk()
    await test.reopen()
    const after = test.store.stream('$G', 's')
    assert.is(after?.dedupe.find('first', 0), undefined)
    assert.is(after?.dedupe.find('second', 0), 2)
    await test.done()
  })

  it('message ids outside the window make room', () => {
    const dedupe = new Dedupe()
    for (let i = 1; i <= 100; i++) dedupe.add(`id${i}`, i, i, i - 10)
    assert.ok(dedupe.size <= 12, `${dedupe.size}`)
    assert.is(dedupe.find('id95', 96), undefined)
    assert.is(dedupe.find('id96', 96), 96)
  })

  it('reads the id of a header block', () => {
    const id = (text: string) => msgIdOf(Buffer.from(text))
    assert.is(id('NATS/1.0\r\nNats-Msg-Id: a b\r\nOther: c\r\n\r\n'), 'a b')
    assert.is(id('NATS/1.0\r\nNats-Msg-Id:x\r\n\r\n'), 'x')
    assert.is(id('NATS/1.0\r\nNot-Nats-Msg-Id:x\r\n\r\n'), '')
    assert.is(id('NATS/1.0\r\n\r\n'), '')
  })

  it('headers up to 65,535 bytes', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    const add = (bytes: number) =>
      stream.append({ subject: 's.a', headers: Buffer.alloc(bytes, 'h'), payload: none }, {})
    assert.is(add(65_535).is, 'stored')
    const over = add(65_536)
    assert.is(over.is === 'refused' && over.error.err_code, 10097)
    assert.is(add(65_535).is, 'stored')
    await test.onDisk()
    assert.is(stream.get(1)?.headers.length, 65_535)
    await test.done()
  })

  it('a payload of 8 MiB and one of none', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    put(stream, 's.a', 'x'.repeat(8 * 1024 * 1024))
    put(stream, 's.a', '')
    assert.is(await test.onDisk(), undefined)
    assert.is(stream.get(1)?.payload.length, 8 * 1024 * 1024)
    assert.is(stream.get(2)?.payload.length, 0)
    await test.done()
  })

  it('8,000 streams, and the numbers of deleted ones again', async () => {
    const test = await TestStore.start()
    const first = test.stream({ name: 'first' })
    const { db, commit } = test.store
    commit.begin()
    const config = JSON.stringify(streamConfig({ name: 'x' }))
    const stream = db.prepare(
      'INSERT INTO stream(id, data, account, name, created, config) VALUES(?, ?, ?, ?, 0, ?)',
    )
    const state = db.prepare('INSERT INTO stream_state VALUES(?, 1, 0, 0, 0, 0, 0, 0)')
    for (let id = 2; id < 8000; id++) {
      stream.run(id, id, '$G', `s${id}`, config)
      state.run(id)
    }
    for (const store of [first, ...test.store.streamsOf('$G')]) store.rows.reload()
    const last = test.stream({ name: 'last' })
    assert.is(last.id, 8000)
    put(last, 'last.a', 'the last number holds messages')
    const over = test.store.create('$G', streamConfig({ name: 'over' }))
    assert.is('err_code' in over && over.err_code, 10027)
    assert.is(test.store.delete(first), null)
    assert.is(test.stream({ name: 'again' }).id, 1)
    await test.onDisk()
    assert.is(last.get(1)?.payload.toString(), 'the last number holds messages')
    await test.done()
  })

  it('a WAL that another process reads grows, and is cut when it lets go', async () => {
    const test = await TestStore.start({ walBytesMax: 20_000 })
    const stream = test.stream({ name: 's' })
    put(stream, 's.a')
    await test.onDisk()
    const reader = new Db(path.join(test.dir, fileName))
    reader.exec('BEGIN')
    assert.is(reader.value('SELECT count(*) FROM messages'), 1)
    for (let i = 0; i < 30; i++) {
      put(stream, 's.a', 'x'.repeat(3000))
      await test.onDisk()
    }
    const grown = test.store.db.walBytes()
    assert.ok(grown > 60_000, `${grown}`)
    assert.is(reader.value('SELECT count(*) FROM messages'), 1)
    reader.exec('COMMIT')
    const before = test.store.commit.checkpoints
    for (let i = 0; i < 60; i++) {
      put(stream, 's.a', 'x'.repeat(3000))
      await test.onDisk()
    }
    assert.ok(test.store.commit.checkpoints > before)
    assert.is(reader.value('SELECT count(*) FROM messages'), 91)
    reader.close()
    await test.done()
  })
})

spec('store time alone', it => {
  const second = 1_000_000

  it('follows drift, ignores steps back, remembers jumps ahead', () => {
    const clock = new FakeClock(1_000_000)
    const time = new StoreTime(clock)
    time.start('', 0)
    const start = time.nowUs()
    assert.is(start, 1_000_000_000)
    clock.advance(1000)
    clock.jump(9999)
    assert.is(time.nowUs(), start + 1000_000 + 9_999_000)
    assert.is(time.takeChanged(), undefined)
    clock.jump(-50_000)
    clock.advance(1000)
    assert.is(time.nowUs(), start + 11_999_000)
    clock.jump(1_000_000_000)
    const after = time.nowUs()
    assert.is(time.cutoffUs(second), start + 10_999_000)
    clock.advance(3000)
    assert.is(time.cutoffUs(second), after + 2 * second)
    assert.is(time.cutoffUs(4 * second), start + 10_999_000)
    assert.is(time.dueUs(start + 10_999_000, 4 * second), time.nowUs())
    const saved = time.takeChanged()
    assert.ok(saved)
    const again = new StoreTime(clock)
    again.start(saved, time.nowUs())
    assert.is(again.cutoffUs(4 * second), start + 10_999_000)
  })

  it('keeps 64 jumps', () => {
    const clock = new FakeClock(0)
    const time = new StoreTime(clock)
    time.start('', 0)
    for (let i = 0; i < 70; i++) {
      clock.jump(3_600_000)
      time.nowUs()
    }
    assert.is(JSON.parse(time.takeChanged() ?? '[]').length, 64)
  })
})

spec('filter', it => {
  it('knows all, literals and prefixes', () => {
    assert.is(new Filter([], ['a.>']).all, true)
    assert.is(new Filter(['a.>'], ['a.b', 'a.c.*']).all, true)
    assert.is(new Filter(['a.*'], ['a.b', 'a.c.*']).all, false)
    assert.is(new Filter(['a.b'], undefined).all, false)
    assert.equal(new Filter(['a', 'b'], undefined).literals, ['a', 'b'])
    assert.is(new Filter(['a', '*'], undefined).literals, null)
    assert.is(literalPrefix('a.b.*.c'), 'a.b.')
    assert.is(literalPrefix('>'), '')
    assert.is(literalPrefix('a.b'), 'a.b')
  })
})

const withId = (id: string): Buffer => Buffer.from(`NATS/1.0\r\nNats-Msg-Id: ${id}\r\n\r\n`)
