// Group commit, checkpoints, and a disk that fails: SQLite's own limit makes a full one, a replaced
// fdatasync a slow or a sick one.

import * as fs from 'node:fs'
import * as path from 'node:path'
import * as assert from 'uvu/assert'
import type { StoreStream } from '../../edge/store/stream.ts'
import { spec } from '../support/spec.ts'
import { TestStore, none, put } from './support.ts'

type Done = (error: Error | null) => void

/** Takes the WAL's fdatasync into the test's hands: each call waits to be let go. */
function holdSyncs(test: TestStore): Done[] {
  const waiting: Done[] = []
  test.store.db.syncWal = done => {
    waiting.push(done)
  }
  return waiting
}

/** What the thread pool does comes when it comes. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setImmediate(resolve))
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(() => setImmediate(resolve)))

spec('commit', it => {
  it('shares one group among the writes of a turn', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    await test.onDisk()
    const before = test.store.commit.groups
    for (let i = 0; i < 100; i++) put(stream, 's.a')
    await test.onDisk()
    assert.is(test.store.commit.groups, before + 1)
    await test.done()
  })

  it('tells nobody before the fdatasync is done, then all in order', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    await test.onDisk()
    const syncs = holdSyncs(test)
    const told: string[] = []
    stream.watch({ readable: seq => told.push(`readable ${seq}`), removed() {} })
    put(stream, 's.a')
    test.store.durable.onDisk(() => told.push('first'))
    test.store.durable.onDisk(() => told.push('second'))
    await turn()
    put(stream, 's.a')
    test.store.durable.onDisk(() => told.push('third'))
    await turn()
    assert.is(syncs.length, 1)
    assert.equal(told, [])
    syncs.shift()?.(null)
    assert.equal(told, ['readable 1', 'first', 'second'])
    await turn()
    syncs.shift()?.(null)
    assert.equal(told.slice(3), ['readable 2', 'third'])
    Reflect.deleteProperty(test.store.db, 'syncWal')
    await test.done()
  })

  it('a purge does not make the open group readable with the one being synced', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    await test.onDisk()
    const syncs = holdSyncs(test)
    put(stream, 's.a')
    await turn()
    put(stream, 's.a')
    stream.purge({ seq: 1 })
    syncs.shift()?.(null)
    assert.is(stream.readableSeq, 1)
    await turn()
    syncs.shift()?.(null)
    assert.is(stream.readableSeq, 2)
    Reflect.deleteProperty(test.store.db, 'syncWal')
    await test.done()
  })

  it('may relax the fdatasync, never leave it out', async () => {
    const test = await TestStore.start({ syncIntervalMs: 1000 })
    const stream = test.stream({ name: 's' })
    const syncs = holdSyncs(test)
    put(stream, 's.a')
    assert.is(await test.onDisk(), undefined)
    assert.is(stream.readableSeq, 1)
    assert.is(syncs.length, 0)
    test.clock.advance(1000)
    assert.is(syncs.length, 1)
    syncs.shift()?.(null)
    Reflect.deleteProperty(test.store.db, 'syncWal')
    await test.done()
  })

  it('refuses appends when too much waits', async () => {
    const test = await TestStore.start({ queueBytesMax: 10_000 })
    const stream = test.stream({ name: 's' })
    await test.onDisk()
    const syncs = holdSyncs(test)
    put(stream, 's.a')
    await turn()
    const payload = Buffer.alloc(4980)
    const add = () => stream.append({ subject: 's.a', headers: none, payload }, {})
    assert.is(add().is, 'stored')
    assert.is(add().is, 'stored')
    assert.equal(add(), {
      is: 'refused',
      error: { code: 429, err_code: 10167, description: 'too many requests' },
    })
    syncs.shift()?.(null)
    await turn()
    assert.is(add().is, 'stored')
    Reflect.deleteProperty(test.store.db, 'syncWal')
    for (const done of syncs) done(null)
    await test.done()
  })
})

spec('checkpoint', it => {
  it('cuts the WAL while messages keep coming', async () => {
    const test = await TestStore.start({ walBytesMax: 50_000 })
    const stream = test.stream({ name: 's' })
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 20; i++) put(stream, `s.${i}`, 'x'.repeat(200))
      if (round % 2 === 0) await test.onDisk()
      else await turn()
    }
    await test.onDisk()
    assert.ok(test.store.commit.checkpoints > 3, `${test.store.commit.checkpoints} checkpoints`)
    assert.is(stream.readableSeq, 1200)
    assert.is(stream.batch([], 1, 2000).length, 1200)
    await test.done()
  })

  it('holds messages, finishes at once for a rare write', async () => {
    const test = await TestStore.start({ walBytesMax: 1 })
    const stream = test.stream({ name: 's' })
    let release: Done | null = null
    test.store.db.syncFile = done => {
      release = done
    }
    put(stream, 's.a')
    await test.onDisk()
    assert.is(test.store.commit.held, true)
    put(stream, 's.a')
    await turn()
    assert.is(stream.readableSeq, 1)
    assert.is(stream.remove(1), true)
    assert.is(stream.state().messages, 1)
    test.stream({ name: 'rare' })
    assert.is(test.store.commit.held, false)
    assert.is(test.store.commit.blockedCheckpoints, 1)
    assert.ok(release)
    ;(release as Done)(null)
    Reflect.deleteProperty(test.store.db, 'syncFile')
    await test.onDisk()
    assert.is(stream.readableSeq, 2)
    await test.done()
  })

  it('runs held writes before the next direct one', async () => {
    const test = await TestStore.start({ walBytesMax: 1 })
    const stream = test.stream({ name: 's' })
    test.store.db.syncFile = () => {}
    put(stream, 's.a')
    await test.onDisk()
    const order: string[] = []
    test.store.commit.write(() => order.push('held'), 10)
    assert.equal(order, [])
    test.store.commit.begin()
    order.push('direct')
    assert.equal(order, ['held', 'direct'])
    Reflect.deleteProperty(test.store.db, 'syncFile')
    await test.done()
  })
})

spec('disk trouble', it => {
  it('full: refuses with an error, reads go on, recovers by itself', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    put(stream, 's.a', 'kept')
    await test.onDisk()
    const pages = Number(test.store.db.value('PRAGMA page_count'))
    test.store.db.exec(`PRAGMA max_page_count = ${pages + 2}`)
    for (let i = 0; i < 50; i++) put(stream, 's.b', 'x'.repeat(1000))
    const error = await test.onDisk()
    assert.match(error?.message ?? '', /full/)
    assert.is(stream.state().lastSeq, 1)
    assert.is(stream.state().messages, 1)
    assert.is(stream.get(1)?.payload.toString(), 'kept')
    assert.equal(stream.append({ subject: 's.a', headers: none, payload: none }, {}), {
      is: 'refused',
      error: {
        code: 500,
        err_code: 10047,
        description: 'insufficient storage resources available',
      },
    })
    assert.is(stream.remove(1), false)
    assert.is(stream.purge({}), 0)
    assert.match(test.store.health()[0] ?? '', /cannot write/)
    test.clock.advance(1000)
    assert.is(test.store.health().length, 1)
    test.store.db.exec('PRAGMA max_page_count = 1000000')
    test.clock.advance(1000)
    assert.equal(test.store.health(), [])
    assert.is(put(stream, 's.b'), 2)
    assert.is(await test.onDisk(), undefined)
    assert.is(stream.readableSeq, 2)
    await test.done()
  })

  it('an fdatasync that fails: nothing is acknowledged or shown before it is on disk', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    await test.onDisk()
    const syncs = holdSyncs(test)
    put(stream, 's.a')
    const first = test.onDisk()
    await turn()
    put(stream, 's.a')
    const second = test.onDisk()
    syncs.shift()?.(new Error('EIO: i/o error, fdatasync'))
    assert.match((await first)?.message ?? '', /EIO/)
    assert.match((await second)?.message ?? '', /EIO/)
    assert.is(stream.readableSeq, 0)
    assert.is(stream.state().lastSeq, 1)
    assert.is(stream.append({ subject: 's.a', headers: none, payload: none }, {}).is, 'refused')
    Reflect.deleteProperty(test.store.db, 'syncWal')
    test.clock.advance(1000)
    assert.is(stream.readableSeq, 1)
    assert.is(put(stream, 's.a'), 2)
    assert.is(await test.onDisk(), undefined)
    await test.done()
  })

  it('an fdatasync slower than the recovery from another error loses nobody who waits', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    await test.onDisk()
    const syncs = holdSyncs(test)
    put(stream, 's.a')
    const told: (Error | undefined)[] = []
    test.store.durable.onDisk(error => told.push(error))
    await turn()
    const full = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
    test.store.commit.attempt(() => {
      throw full
    })
    assert.equal(told, [])
    test.clock.advance(1000)
    assert.equal(told, [undefined])
    assert.is(stream.readableSeq, 1)
    syncs.shift()?.(null)
    assert.is(told.length, 1)
    Reflect.deleteProperty(test.store.db, 'syncWal')
    assert.is(put(stream, 's.a'), 2)
    assert.is(await test.onDisk(), undefined)
    await test.done()
  })

  it('full: the reserve lets removals through, and what they free lets messages in', async () => {
    const reserveBytes = 300_000
    const test = await TestStore.start({ reserveBytes })
    const stream = test.stream({ name: 's' })
    for (let i = 0; i < 200; i++) put(stream, 's.a', 'x'.repeat(4000))
    await test.onDisk()
    const reserve = path.join(test.dir, 'store.reserve')
    await until(() => fs.existsSync(reserve))
    assert.is(fs.statSync(reserve).size, reserveBytes)
    const { db } = test.store
    const noRoom = () => Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })
    // A disk with no room but what the reserve takes.
    db.rewriteWal = () => {
      if (fs.existsSync(reserve)) throw noRoom()
    }
    const syncs = holdSyncs(test)
    put(stream, 's.a')
    await turn()
    syncs.shift()?.(noRoom())
    Reflect.deleteProperty(db, 'syncWal')
    test.clock.advance(1000)
    Reflect.deleteProperty(db, 'rewriteWal')
    assert.equal(test.store.health(), ['disk is full: nothing is stored'])
    const add = () => stream.append({ subject: 's.a', headers: none, payload: none }, {})
    assert.is(add().is, 'refused')
    assert.is(stream.remove(1), true)
    assert.is(await test.onDisk(), undefined)
    assert.is(add().is, 'refused')
    assert.is(stream.purge({ seq: 150 }), 148)
    assert.is(await test.onDisk(), undefined)
    assert.ok(db.freeBytes() >= reserveBytes)
    assert.is(add().is, 'stored')
    assert.equal(test.store.health(), [])
    test.clock.advance(5000)
    await until(() => fs.existsSync(reserve))
    await test.done()
  })

  it('a purge and a deletion that fail leave everything as it was', async () => {
    const test = await TestStore.start()
    let stream = test.stream({ name: 's' })
    for (let i = 0; i < 200; i++) put(stream, `s.${i % 9}`, 'x'.repeat(500))
    await test.onDisk()
    const full = () => Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
    const { db } = test.store
    for (const run of [() => stream.purge({}), () => test.store.delete(stream)]) {
      put(stream, 's.1')
      const waits = test.onDisk()
      db.commit = () => {
        throw full()
      }
      assert.ok(run() !== 0)
      assert.match((await waits)?.message ?? '', /full/)
      Reflect.deleteProperty(db, 'commit')
      stream = test.store.stream('$G', 's') as StoreStream
      assert.is(stream.state().messages, 200)
      assert.is(stream.batch([], 1, 999).length, 200)
      test.clock.advance(1000)
      assert.equal(test.store.health(), [])
    }
    assert.is(put(stream, 's.1'), 201)
    assert.is(await test.onDisk(), undefined)
    assert.is(stream.purge({}), 201)
    await test.done()
  })

  it('a stream whose creation fails is not there', async () => {
    const test = await TestStore.start()
    await test.onDisk()
    const pages = Number(test.store.db.value('PRAGMA page_count'))
    test.store.db.exec(`PRAGMA max_page_count = ${pages}`)
    const stream = test.stream({ name: 's' })
    for (let i = 0; i < 50; i++) put(stream, 's.b', 'x'.repeat(1000))
    assert.ok(await test.onDisk())
    assert.is(test.store.stream('$G', 's'), undefined)
    test.store.db.exec('PRAGMA max_page_count = 1000000')
    test.clock.advance(1000)
    put(test.stream({ name: 's' }), 's.a')
    assert.is(await test.onDisk(), undefined)
    await test.done()
  })
})
