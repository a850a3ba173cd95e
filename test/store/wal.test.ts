// When the WAL is copied into the database, and what another process that reads it costs.

import * as path from 'node:path'
import * as assert from 'uvu/assert'
import { Db } from '../../edge/store/db.ts'
import { fileName } from '../../edge/store/salvage.ts'
import { spec } from '../support/spec.ts'
import { put, TestStore } from './support.ts'

const MiB = 1024 * 1024

async function whileHeld(test: TestStore): Promise<void> {
  while (test.store.commit.held) await new Promise(resolve => setImmediate(resolve))
}

spec('wal', it => {
  it('one checkpoint a bound, not one more with every small group that follows', async () => {
    const test = await TestStore.start({ walBytesMax: 5 * MiB })
    const stream = test.stream({ name: 's' })
    put(stream, 's.a', 'x'.repeat(6 * MiB))
    await test.onDisk()
    await whileHeld(test)
    assert.is(test.store.commit.checkpoints, 1)
    for (let i = 0; i < 20; i++) {
      put(stream, 's.a')
      await test.onDisk()
      await whileHeld(test)
    }
    assert.is(test.store.commit.checkpoints, 1)
    await test.done()
  })

  it('one checkpoint a bound, also when a rare write finished it', async () => {
    const test = await TestStore.start({ walBytesMax: 5 * MiB })
    const { db, commit } = test.store
    const stream = test.stream({ name: 's' })
    await test.onDisk()
    put(stream, 's.a', 'x'.repeat(6 * MiB))
    // A group is open when the checkpoint begins: it is sealed first, and that never ends.
    await new Promise<void>(resolve => {
      commit.onDisk(() => {
        commit.begin()
        db.syncWal = () => {}
        resolve()
      })
    })
    assert.is(commit.held, true)
    test.stream({ name: 'rare' })
    Reflect.deleteProperty(db, 'syncWal')
    assert.equal([commit.blockedCheckpoints, commit.checkpoints], [1, 1])
    for (let i = 0; i < 20; i++) {
      put(stream, 's.a')
      await test.onDisk()
      await whileHeld(test)
    }
    assert.is(commit.checkpoints, 1)
    await test.done()
  })

  it('another process that reads does not stop the loop until it is done', async () => {
    const test = await TestStore.start()
    put(test.stream({ name: 's' }), 's.a')
    await test.onDisk()
    const { db } = test.store
    const reader = new Db(path.join(test.dir, fileName))
    reader.exec('BEGIN')
    assert.is(reader.value('SELECT count(*) FROM messages'), 1)
    assert.is(db.checkpoint('PASSIVE').complete, true)
    const began = performance.now()
    assert.is(db.checkpoint('RESTART').complete, false)
    const waitedMs = performance.now() - began
    assert.ok(waitedMs < Number(db.value('PRAGMA busy_timeout')), `waited ${waitedMs} ms`)
    reader.close()
    assert.is(db.checkpoint('RESTART').complete, true)
    await test.done()
  })
})
