// The store as a whole: what a restart keeps, time, ages, duplicates, and that it always starts.

import * as fs from 'node:fs'
import * as path from 'node:path'
import * as assert from 'uvu/assert'
import { Db, versionProblem } from '../../edge/store/db.ts'
import { fileName } from '../../edge/store/salvage.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { spec } from '../support/spec.ts'
import { TestStore, none, put, streamConfig, temporaryDir } from './support.ts'

const yearMs = 365 * 86_400_000
const secondNs = 1_000_000_000

spec('store restart', it => {
  it('keeps messages, state and configs', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's', description: 'kept' })
    for (let i = 1; i <= 9; i++) put(stream, `s.${i % 2}`, `${i}`)
    stream.remove(9)
    stream.purge({ seq: 3 })
    const before = stream.state()
    await test.reopen()
    const again = test.store.stream('$G', 's')
    assert.ok(again)
    assert.equal(again.state(), before)
    assert.is(again.config.description, 'kept')
    assert.is(again.readableSeq, 9)
    assert.is(again.get(5)?.payload.toString(), '5')
    assert.is(put(again, 's.1'), 10)
    await test.done()
  })

  it('forgets memory streams and deleted ones', async () => {
    const test = await TestStore.start()
    const memory = test.stream({ name: 'm', storage: 'memory' })
    const gone = test.stream({ name: 'g' })
    put(memory, 'm.1')
    put(gone, 'g.1')
    await test.onDisk()
    assert.is(test.store.delete(gone), null)
    assert.is(test.store.delete(gone)?.err_code, 10051)
    const next = test.stream({ name: 'n' })
    assert.is(next.state().messages, 0)
    await test.reopen()
    assert.equal(
      [...test.store.streamsOf('$G')].map(one => one.config.name),
      ['n'],
    )
    await test.done()
  })

  it('keeps accounts apart', async () => {
    const test = await TestStore.start()
    const one = test.stream({ name: 's' }, 'one')
    const two = test.stream({ name: 's' }, 'two')
    put(one, 's.x')
    await test.reopen()
    assert.is(test.store.stream('one', 's')?.state().messages, 1)
    assert.is(test.store.stream('two', 's')?.state().messages, 0)
    assert.is(two.account, 'two')
    await test.done()
  })

  it('takes a config that moves limits', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    for (let i = 0; i < 12; i++) put(stream, `s.${i % 2}`)
    await test.onDisk()
    const config = streamConfig({ name: 's', max_msgs_per_subject: 3, max_msgs: 5 })
    assert.is(test.store.update(stream, config), null)
    assert.is(stream.state().messages, 5)
    assert.is(stream.state().firstSeq, 8)
    await test.reopen()
    const again = test.store.stream('$G', 's')
    assert.is(again?.config.max_msgs, 5)
    await test.done()
  })

  it('refuses a first sequence it cannot hold', async () => {
    const test = await TestStore.start()
    const over = test.store.create('$G', streamConfig({ name: 's', first_seq: 2 ** 40 }))
    assert.is('err_code' in over && over.err_code, 10051)
    const at = test.stream({ name: 's', first_seq: 2 ** 40 - 1 })
    assert.is(put(at, 's.a'), 2 ** 40 - 1)
    const full = at.append({ subject: 's.a', headers: none, payload: none }, {})
    assert.is(full.is, 'refused')
    await test.done()
  })
})

spec('store duplicates', it => {
  const once = {
    subject: 's.a',
    headers: Buffer.from('NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n'),
    payload: none,
  }

  it('are told within the window, also after a restart', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's', duplicate_window: 10 * secondNs })
    assert.equal(stream.append(once, { msgId: '1' }), { is: 'stored', seq: 1 })
    assert.equal(stream.append(once, { msgId: '1' }), { is: 'duplicate', seq: 1 })
    test.clock.advance(5000)
    await test.reopen()
    const again = test.store.stream('$G', 's')
    assert.ok(again)
    assert.equal(again.append(once, { msgId: '1' }), { is: 'duplicate', seq: 1 })
    assert.is(again.dedupe.lastId, '1')
    test.clock.advance(5000)
    assert.equal(again.append(once, { msgId: '1' }), { is: 'duplicate', seq: 1 })
    test.clock.advance(1)
    assert.equal(again.append(once, { msgId: '1' }), { is: 'stored', seq: 2 })
    await test.done()
  })

  it('are told although the clock is set right in between', async () => {
    const test = await TestStore.start({}, new FakeClock(0))
    const stream = test.stream({ name: 's', duplicate_window: 10 * secondNs })
    stream.append(once, { msgId: '1' })
    test.clock.jump(50 * yearMs)
    assert.equal(stream.append(once, { msgId: '1' }), { is: 'duplicate', seq: 1 })
    await test.done()
  })
})

spec('store time', it => {
  it('drops what is older than max_age', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's', max_age: 10 * secondNs })
    put(stream, 's.a')
    test.clock.advance(4000)
    put(stream, 's.a')
    await test.onDisk()
    test.clock.advance(6000)
    assert.is(stream.state().messages, 2)
    test.clock.advance(10)
    assert.is(stream.state().firstSeq, 2)
    test.clock.advance(4000)
    assert.is(stream.state().messages, 0)
    assert.is(stream.state().firstSeq, 3)
    await test.done()
  })

  it('drops many at once', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's', max_age: secondNs })
    for (let i = 0; i < 1000; i++) put(stream, 's.a')
    await test.onDisk()
    test.clock.advance(1001)
    assert.is(stream.state().messages, 0)
    await test.done()
  })

  it('drops very many after a long time off', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's', max_age: secondNs })
    const few = test.stream({ name: 't', max_age: secondNs })
    for (let i = 0; i < 10_000; i++) put(stream, 's.a', '')
    for (let i = 0; i < 100; i++) put(few, 't.a', '')
    await test.onDisk()
    await test.store.close()
    test.clock.advance(2000)
    await test.reopen()
    const left = (name: string) => test.store.stream('$G', name)?.state().messages ?? -1
    // What is wholly too old goes at once.
    assert.is(left('t'), 0)
    assert.is(left('s'), 0)
    await test.done()
  })

  it('drops very many in steps, and what is younger stays', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's', max_age: 2 * secondNs })
    for (let i = 0; i < 10_000; i++) put(stream, 's.a', '')
    test.clock.advance(1000)
    for (let i = 0; i < 500; i++) put(stream, 's.a', '')
    await test.onDisk()
    const left = [stream.messages]
    test.clock.advance(1001)
    for (let step = 0; step < 20 && left.at(-1) !== 500; step++) {
      left.push(stream.messages)
      await test.onDisk()
      test.clock.advance(10)
    }
    assert.is(left.at(-1), 500)
    assert.ok(left.length >= 5 && left.length <= 9, left.join())
    await test.done()
  })

  it('looks for what aged out every 50 ms, not more often, while the disk is sick', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's', max_age: secondNs })
    put(stream, 's.a')
    await test.onDisk()
    const { db } = test.store
    const { syncWal } = db
    db.syncWal = done => done(new Error('sick'))
    put(stream, 's.b')
    assert.ok(await test.onDisk())
    db.syncWal = syncWal
    test.clock.advance(990)
    db.rewriteWal = () => {
      throw Object.assign(new Error('still sick'), { code: 'EIO' })
    }
    let timers = 0
    const after = test.clock.after.bind(test.clock)
    test.clock.after = (ms, fire) => {
      timers++
      return after(ms, fire)
    }
    test.clock.advance(1010)
    assert.is(stream.state().messages, 2)
    assert.ok(timers <= 23, `${timers} timers in 1010 ms`)
    delete (db as Partial<typeof db>).rewriteWal
    test.clock.advance(1100)
    assert.is(stream.state().messages, 0)
    await test.done()
  })

  it('ages nothing when a clock from 1970 is set right', async () => {
    const test = await TestStore.start({}, new FakeClock(1000))
    const stream = test.stream({ name: 's', max_age: 60 * secondNs })
    put(stream, 's.a')
    await test.onDisk()
    test.clock.advance(30_000)
    test.clock.jump(50 * yearMs)
    put(stream, 's.a')
    await test.onDisk()
    assert.is(stream.state().messages, 2)
    test.clock.advance(29_000)
    assert.is(stream.state().messages, 2)
    test.clock.advance(1100)
    assert.is(stream.state().messages, 1)
    await test.reopen()
    assert.is(test.store.stream('$G', 's')?.state().messages, 1)
    test.clock.advance(30_000)
    assert.is(test.store.stream('$G', 's')?.state().messages, 0)
    await test.done()
  })

  it('never goes backward, not even over a restart', async () => {
    const test = await TestStore.start({}, new FakeClock(10 * yearMs))
    const stream = test.stream({ name: 's', max_age: 60 * secondNs })
    put(stream, 's.a')
    const first = stream.state().lastTimeUs
    await test.onDisk()
    await test.reopen(new FakeClock(0))
    const again = test.store.stream('$G', 's')
    assert.ok(again)
    put(again, 's.a')
    assert.ok(again.state().lastTimeUs >= first)
    await test.onDisk()
    assert.is(again.get(2)?.timeUs, again.state().lastTimeUs)
    await test.done()
  })

  it('ticks on when the clock is set back', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's', max_age: 10 * secondNs })
    put(stream, 's.a')
    await test.onDisk()
    test.clock.jump(-yearMs)
    test.clock.advance(10_100)
    assert.is(stream.state().messages, 0)
    await test.done()
  })
})

spec('store start', it => {
  it('refuses an old SQLite', () => {
    assert.is(versionProblem('3.51.2'), 'SQLite 3.51.2 is older than 3.51.3')
    assert.is(versionProblem('3.51.3'), undefined)
    assert.is(versionProblem('3.9.99'), 'SQLite 3.9.99 is older than 3.51.3')
    assert.is(versionProblem('4.0.0'), undefined)
  })

  it('refuses a directory that is in use', async () => {
    const test = await TestStore.start()
    const second = new TestStore({ dir: test.dir })
    await rejects(second.store.start(), /in use by another process/)
    await test.done()
  })

  it('refuses a store of a newer version and leaves it alone', async () => {
    const test = await TestStore.start()
    put(test.stream({ name: 's' }), 's.a')
    await test.store.close()
    const db = new Db(path.join(test.dir, fileName))
    db.exec('PRAGMA user_version = 99')
    db.close()
    const before = fs.readdirSync(test.dir)
    const second = new TestStore({ dir: test.dir })
    await rejects(second.store.start(), /written by a newer version \(schema 99/)
    await second.store.close()
    assert.equal(fs.readdirSync(test.dir), before)
    fs.rmSync(test.dir, { recursive: true })
  })

  for (const [name, content] of [
    ['all zeros', Buffer.alloc(40_960)],
    ['a text', Buffer.from('not a database at all'.repeat(300))],
    ['a few bytes', Buffer.from('SQLite')],
  ] as const) {
    it(`moves ${name} aside and starts empty`, async () => {
      const test = new TestStore()
      fs.writeFileSync(path.join(test.dir, fileName), content)
      await test.store.start()
      assert.is(test.store.problems.length, 1)
      assert.ok(fs.readdirSync(test.dir).includes(`${fileName}.damaged-2023-11-14T22-13-20Z`))
      put(test.stream({ name: 's' }), 's.a')
      await test.done()
    })
  }

  it('moves a foreign database aside', async () => {
    const test = new TestStore()
    const db = new Db(path.join(test.dir, fileName))
    db.exec('CREATE TABLE theirs(x)')
    db.close()
    await test.store.start()
    assert.match(test.store.health()[0] ?? '', /not a store of nats-edge/)
    await test.done()
  })

  it('salvages what a damaged page leaves, met at start', async () => {
    const test = await damagedStore(120_000_000_000)
    await test.store.start()
    await expectSalvaged(test)
  })

  it('salvages what a damaged page leaves, met while reading', async () => {
    const test = await damagedStore(0)
    await test.store.start()
    assert.equal(test.store.problems, [])
    assert.throws(() => test.store.stream('$G', 's')?.batch([], 1, 3000), /malformed/)
    await test.reopen()
    await expectSalvaged(test)
  })
})

for (const [name, count] of [
  ['a few messages', 3],
  ['many messages', 300],
] as const) {
  spec(`store of ${name}, some without their subject`, it => {
    const stored = async (max_age: number): Promise<TestStore> => {
      const test = await TestStore.start()
      const stream = test.stream({ name: 's', max_age })
      for (let i = 1; i <= count; i++) put(stream, i === 1 ? 's.lost' : 's.a')
      put(test.stream({ name: 't' }), 't.a')
      await test.store.close()
      const db = new Db(path.join(test.dir, fileName))
      db.exec(`DELETE FROM subject WHERE name = 's.lost'`)
      db.close()
      return new TestStore({ dir: test.dir }, test.clock)
    }

    it('starts although they age out at once', async () => {
      const test = await stored(60 * secondNs)
      test.clock.advance(61_000)
      await test.store.start()
      assert.is(test.store.stream('$G', 's')?.state().messages, 0)
      assert.is(test.store.stream('$G', 't')?.state().messages, 1)
      await test.done()
    })

    it('is salvaged by the start after it was noticed', async () => {
      const test = await stored(0)
      await test.store.start()
      assert.throws(() => test.store.stream('$G', 's')?.purge({ keep: 1 }), /without subject/)
      // As a crash leaves it.
      const dir = temporaryDir()
      fs.cpSync(test.dir, dir, { recursive: true })
      test.store.db.rollback()
      await test.store.close()
      fs.rmSync(test.dir, { recursive: true })
      const next = await TestStore.start({ dir }, test.clock)
      assert.match(next.store.problems.join(), /a message has no subject/)
      assert.is(next.store.stream('$G', 's')?.state().messages, count - 1)
      await next.done()
    })
  })
}

/** A page in the middle of 3,000 messages is overwritten. */
async function damagedStore(duplicate_window: number): Promise<TestStore> {
  const test = await TestStore.start()
  const stream = test.stream({ name: 's', duplicate_window })
  for (let i = 1; i <= 3000; i++) put(stream, `s.${i % 5}`, 'x'.repeat(100))
  await test.store.close()
  const file = path.join(test.dir, fileName)
  const bytes = fs.readFileSync(file)
  const page = Math.floor(bytes.length / 4096 / 2)
  bytes.fill(0xaa, page * 4096, (page + 1) * 4096)
  fs.writeFileSync(file, bytes)
  test.clock.advance(1000)
  return new TestStore({ dir: test.dir }, test.clock)
}

async function expectSalvaged(test: TestStore): Promise<void> {
  const stream = test.store.stream('$G', 's')
  assert.ok(stream)
  const { messages, lastSeq, firstSeq } = stream.state()
  // A block goes as a whole: some hundred messages.
  assert.ok(messages > 2400 && messages < 3000, `${messages} salvaged`)
  assert.is(firstSeq, 1)
  assert.is(lastSeq, 3000)
  assert.match(test.store.problems[0] ?? '', new RegExp(`${messages} messages salvaged`))
  assert.is(stream.batch([], 1, 5000).length, messages)
  assert.is(put(stream, 's.1'), 3001)
  await test.done()
}

async function rejects(promise: Promise<unknown>, text: RegExp): Promise<void> {
  let message = 'nothing was refused'
  try {
    await promise
  } catch (error) {
    message = (error as Error).message
  }
  assert.match(message, text)
}
