// What an account's streams hold is counted as messages come and go: after whatever befalls a
// stream the count is what its messages add up to.

import * as assert from 'uvu/assert'
import type { StreamConfig } from '../../edge/store/shapes.ts'
import { spec } from '../support/spec.ts'
import { TestStore, put, streamConfig } from './support.ts'

const full = () => Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })

/** The messages themselves, added up one by one. */
function stored(test: TestStore, account = '$G') {
  const sum = { memory: 0, file: 0 }
  for (const stream of test.store.streamsOf(account)) {
    const fixed = stream.config.storage === 'memory' ? 16 : 30
    for (const { subject, headers, payload } of stream.batch([], 1, 9999)) {
      const head = headers.length === 0 ? 0 : headers.length + (fixed === 30 ? 4 : 0)
      sum[stream.config.storage] += fixed + subject.length + head + payload.length
    }
  }
  return sum
}

async function right(test: TestStore, what: string, account = '$G'): Promise<void> {
  await test.onDisk()
  const { memory, file } = test.store.held(account)
  assert.equal({ memory, file }, stored(test, account), what)
}

spec('held bytes', it => {
  for (const storage of ['file', 'memory'] as const) {
    it(`of a ${storage} stream, after each way for a message to go`, async () => {
      const test = await TestStore.start()
      const made = (more: Partial<StreamConfig>, name = 's') =>
        test.stream({ name, storage, ...more })
      const stream = made({ max_age: 10e9 })
      for (let i = 0; i < 20; i++)
        put(stream, `s.${i % 3}`, 'x'.repeat(i), i % 2 ? 'NATS/1.0\r\n\r\n' : '')
      await right(test, 'messages came')
      assert.ok(test.store.held('$G')[storage] > 20 * 18)
      assert.ok(stream.remove(7))
      put(stream, 's.waiting')
      assert.ok(stream.remove(21))
      await right(test, 'messages were removed')
      assert.ok(stream.purge({ filter: 's.1' }) > 0)
      await right(test, 'a subject was purged')
      const more = made({ max_msgs: 2, max_msgs_per_subject: 1, allow_rollup_hdrs: true }, 't')
      for (const subject of ['t.a', 't.a', 't.b', 't.c', 't.d']) put(more, subject)
      await right(test, 'limits dropped some')
      const payload = Buffer.from('all')
      more.append({ subject: 't.e', headers: Buffer.alloc(0), payload }, { rollup: 'all' })
      await right(test, 'one replaced all')
      assert.is(test.store.update(more, { ...more.config, max_msgs: 1, max_bytes: 1 }), null)
      await right(test, 'an update dropped the rest')
      test.clock.advance(11_000)
      await right(test, 'the others grew too old')
      assert.is(test.store.held('$G')[storage], 0)
      put(stream, 's.a')
      put(stream, 's.b')
      await right(test, 'new ones came')
      assert.is(test.store.delete(stream), null)
      await right(test, 'the stream was deleted')
      assert.is(test.store.held('$G')[storage], 0)
      await test.done()
    })
  }

  it('of each account apart', async () => {
    const test = await TestStore.start()
    put(test.stream({ name: 's' }, 'A'), 's.a')
    put(test.stream({ name: 's' }, 'B'), 's.a', 'longer')
    await right(test, 'A', 'A')
    await right(test, 'B', 'B')
    assert.is(test.store.held('B').file - test.store.held('A').file, 5)
    assert.is(test.store.held('$G').file, 0)
    await test.done()
  })

  it('after a group that was rolled back', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's', allow_rollup_hdrs: true })
    for (let i = 0; i < 20; i++) put(stream, `s.${i % 3}`, 'x'.repeat(50))
    await right(test, 'before')
    const before = test.store.held('$G').file
    const { db } = test.store
    const payload = Buffer.from('all')
    const message = { subject: 's.a', headers: Buffer.alloc(0), payload }
    const failures: Readonly<Record<string, () => unknown>> = {
      purge: () => stream.purge({}),
      'roll-up': () => stream.append(message, { rollup: 'all' }),
    }
    for (const [name, run] of Object.entries(failures)) {
      put(stream, 's.1', 'taken back')
      stream.remove(3)
      db.commit = () => {
        throw full()
      }
      run()
      assert.ok(await test.onDisk())
      Reflect.deleteProperty(db, 'commit')
      test.clock.advance(1000)
      await right(test, name)
      assert.is(test.store.held('$G').file, before)
    }
    await test.done()
  })

  it('after a stream whose making, change or deletion was rolled back', async () => {
    const test = await TestStore.start()
    const fail = () => {
      test.store.commit.attempt(() => {
        throw full()
      })
      test.clock.advance(1000)
      assert.equal(test.store.health(), [])
    }
    const stream = test.stream({ name: 's' })
    for (let i = 0; i < 20; i++) put(stream, 's.a', 'x'.repeat(50))
    await right(test, 'before')
    const before = test.store.held('$G').file
    const other = test.stream({ name: 't' })
    put(other, 't.a')
    fail()
    await right(test, 'made')
    assert.is(test.store.stream('$G', 't'), undefined)
    assert.is(test.store.update(stream, streamConfig({ name: 's', max_msgs: 3 })), null)
    fail()
    await right(test, 'changed')
    put(stream, 's.a', 'taken back')
    assert.is(test.store.delete(stream), null)
    assert.is(test.store.held('$G').file, 0)
    fail()
    await right(test, 'deleted')
    assert.is(test.store.held('$G').file, before)
    const again = test.store.stream('$G', 's')
    assert.ok(again)
    again.purge({})
    await right(test, 'purged at last')
    assert.is(test.store.held('$G').file, 0)
    await test.done()
  })

  it('after a stream that another one took the place of was rolled back', async () => {
    const test = await TestStore.start()
    const first = test.stream({ name: 'a' })
    const stream = test.stream({ name: 's' })
    for (let i = 0; i < 20; i++) put(stream, 's.a', 'x'.repeat(50))
    // Its number is free for the next one.
    assert.is(test.store.delete(first), null)
    await right(test, 'before')
    const before = test.store.held('$G').file
    assert.is(test.store.delete(stream), null)
    put(test.stream({ name: 's' }), 's.a')
    test.store.commit.attempt(() => {
      throw full()
    })
    test.clock.advance(1000)
    await right(test, 'back again')
    assert.is(test.store.held('$G').file, before)
    assert.is(test.store.stream('$G', 's')?.state().messages, 20)
    await test.done()
  })

  it('after a restart; what was in memory is gone', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's', max_msgs: 700 })
    const memory = test.stream({ name: 'm', storage: 'memory' })
    for (let i = 0; i < 1000; i++) put(stream, `s.${i % 7}`, 'x'.repeat(i % 50))
    put(memory, 'm.a')
    stream.remove(900)
    await right(test, 'before')
    const { file } = test.store.held('$G')
    await test.reopen()
    await right(test, 'after')
    assert.is(test.store.held('$G').file, file)
    assert.is(test.store.held('$G').memory, 0)
    await test.done()
  })
})
