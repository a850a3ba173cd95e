// A store on a disk that was full before it started: statfs says how much is free.

import * as fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import * as path from 'node:path'
import * as assert from 'uvu/assert'
import type { StoreStream } from '../../edge/store/stream.ts'
import { spec } from '../support/spec.ts'
import { none, put, TestStore } from './support.ts'

const reserveBytes = 300_000
const { default: system } = fs as unknown as { default: typeof fs }
const { statfsSync } = system

/** Makes the disk seem to have that many bytes free. */
function setFree(bytes: number): void {
  const free = { bavail: bytes, bsize: 1 } as fs.StatsFs
  Object.assign(system, { statfsSync: () => free })
  syncBuiltinESMExports()
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setImmediate(resolve))
}

const append = (stream: StoreStream): string =>
  stream.append({ subject: 's.a', headers: none, payload: none }, {}).is

/** Holds 200 messages; started again without its reserve and with so much free. */
async function restarted(freeBytes: number): Promise<{ test: TestStore; stream: StoreStream }> {
  const test = await TestStore.start({ reserveBytes })
  const made = test.stream({ name: 's' })
  for (let i = 0; i < 200; i++) put(made, 's.a', 'x'.repeat(4000))
  await test.onDisk()
  await test.store.close()
  fs.rmSync(path.join(test.dir, 'store.reserve'), { force: true })
  setFree(freeBytes)
  await test.reopen()
  return { test, stream: test.store.stream('$G', 's') as StoreStream }
}

spec('reserve', (it, hooks) => {
  hooks.after.each(() => {
    Object.assign(system, { statfsSync })
    syncBuiltinESMExports()
  })

  it('a full store can still be emptied after a restart', async () => {
    const { test, stream } = await restarted(2 * reserveBytes - 1)
    assert.equal(test.store.health(), ['disk is full: nothing is stored'])
    assert.is(append(stream), 'refused')
    assert.is(stream.remove(1), true)
    assert.is(await test.onDisk(), undefined)
    assert.is(append(stream), 'refused')
    assert.is(stream.purge({}), 199)
    assert.is(await test.onDisk(), undefined)
    assert.is(append(stream), 'stored')
    assert.equal(test.store.health(), [])
    await test.done()
  })

  it('what a purge freed before a restart takes messages after it', async () => {
    const { test, stream } = await restarted(0)
    stream.purge({})
    await test.onDisk()
    await test.reopen()
    // The purged is swept up after the start.
    await until(() => append(test.store.stream('$G', 's') as StoreStream) === 'stored')
    await test.done()
  })

  it('takes messages again once there is room for the reserve', async () => {
    const { test, stream } = await restarted(0)
    assert.is(append(stream), 'refused')
    setFree(2 * reserveBytes)
    test.clock.advance(5000)
    await until(() => test.store.health().length === 0)
    assert.ok(fs.existsSync(path.join(test.dir, 'store.reserve')))
    assert.is(append(stream), 'stored')
    await test.done()
  })

  it('refuses nothing when there is room from the start', async () => {
    const { test, stream } = await restarted(2 * reserveBytes)
    assert.is(append(stream), 'stored')
    await test.done()
  })
})
