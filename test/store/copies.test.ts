// Whole copies of the store, made by the thread while the store is written: each is a store of one
// moment. And what happens where none can be made.

import * as fs from 'node:fs'
import * as path from 'node:path'
import * as assert from 'uvu/assert'
import { Copies } from '../../edge/store/backup/copies.ts'
import { type BackupOptions, backupSchedule } from '../../edge/store/backup/copy-options.ts'
import { jetstreamOption } from '../../edge/store/options.ts'
import { FakeClock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { checkConfig } from '../../src/server/check.ts'
import { parseConfText } from '../../src/server/conf.ts'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'
import { put, TestStore } from './support.ts'

const hourMs = 3_600_000

interface Kept {
  readonly dir: string
  readonly clock: FakeClock
  readonly lines: string[]
  readonly copies: Copies
}

function newCopies(from: string, more: Partial<BackupOptions> = {}, clock = new FakeClock()): Kept {
  const dir = more.dir ?? path.join(scratch('copies'), 'made', 'here')
  const lines: string[] = []
  const log = { info: note, warn: note, error: note, debugOn: false } as unknown as Log
  function note(text: string): void {
    lines.push(text)
  }
  const options = { dir, schedule: '@every 1h', timezone: 'UTC', keep: 3, ...more }
  const copies = new Copies({ options, from, clock, log, soonMs: 1000 })
  return { dir, clock, lines, copies }
}

interface View {
  readonly running: boolean
  readonly copies: number
  readonly successes: number
  readonly failures: number
  readonly last_bytes: number
  readonly last_success: string | null
  readonly next: string | null
  readonly problem?: string
}

const viewOf = ({ copies }: Kept): View => copies.view() as View

async function settled(kept: Kept): Promise<void> {
  while (viewOf(kept).running) await new Promise(resolve => setTimeout(resolve, 5))
}

const copiesIn = (dir: string): string[] => fs.readdirSync(dir).sort()

/** The copy in the place of a store, opened. */
async function opened(file: string): Promise<TestStore> {
  const dir = scratch('restored')
  fs.copyFileSync(file, path.join(dir, 'store.db'))
  return TestStore.start({ dir })
}

spec('store/copies', it => {
  it('copies a store of one moment while it is written', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S', subjects: ['s'] })
    const twin = test.stream({ name: 'T', subjects: ['t'] })
    for (let i = 0; i < 3000; i++) put(stream, 's', 'x'.repeat(500))
    await test.onDisk()
    const kept = newCopies(path.join(test.dir, 'store.db'))
    kept.copies.start()
    assert.is(viewOf(kept).running, false)
    kept.clock.advance(1000)
    assert.is(viewOf(kept).running, true)
    // Pairs: no copy may hold one half.
    while (viewOf(kept).running) {
      for (let i = 0; i < 20; i++) {
        put(stream, 's', 'y'.repeat(300))
        put(twin, 't', 'y'.repeat(300))
      }
      await test.onDisk()
    }
    const written = stream.state().messages
    assert.is(viewOf(kept).failures, 0, kept.lines.join('\n'))
    assert.is(viewOf(kept).successes, 1)
    await kept.copies.close()
    const [name = ''] = copiesIn(kept.dir)
    assert.is(name, 'store-000001-2023-11-14T22-13-21Z.db')
    assert.is(fs.statSync(path.join(kept.dir, name)).size, viewOf(kept).last_bytes)
    const copy = await opened(path.join(kept.dir, name))
    const there = copy.store.stream('$G', 'S')?.state().messages ?? 0
    assert.ok(there >= 3000 && there <= written, `${there} of ${written}`)
    assert.is(copy.store.stream('$G', 'T')?.state().messages, there - 3000)
    assert.equal(copy.store.problems, [])
    await copy.done()
    await test.done()
  })

  it('keeps the newest and removes the oldest, by their numbers', async () => {
    const test = await TestStore.start()
    const kept = newCopies(path.join(test.dir, 'store.db'), { keep: 2 })
    fs.mkdirSync(kept.dir, { recursive: true })
    fs.writeFileSync(path.join(kept.dir, 'notes.txt'), 'not ours')
    kept.copies.start()
    for (let n = 1; n <= 4; n++) {
      // A clock that was set back in between makes a copy no older.
      if (n === 3) kept.clock.jump(-400 * 24 * hourMs)
      kept.clock.advance(n === 1 ? 1000 : hourMs)
      if (n >= 3) kept.clock.advance(400 * 24 * hourMs)
      await settled(kept)
    }
    await kept.copies.close()
    const names = copiesIn(kept.dir)
    assert.is(names.length, 3)
    assert.is(names[0], 'notes.txt')
    const numbers = names.slice(1).map(name => Number(name.slice(6, 12)))
    assert.is((numbers[1] as number) - (numbers[0] as number), 1)
    assert.is(viewOf(kept).copies, 2)
    await test.done()
  })

  it('makes up for a time that was missed, and does not repeat what was made', async () => {
    const test = await TestStore.start()
    const first = newCopies(path.join(test.dir, 'store.db'), { schedule: '@daily' })
    first.copies.start()
    first.clock.advance(1000)
    await settled(first)
    await first.copies.close()
    const { dir } = first
    // An hour later: the next is due at midnight.
    const again = new FakeClock(first.clock.wallMs() + hourMs)
    const second = newCopies(path.join(test.dir, 'store.db'), { dir, schedule: '@daily' }, again)
    second.copies.start()
    assert.is(viewOf(second).last_success, '2023-11-14T22:13:21.000Z')
    assert.is(viewOf(second).next, '2023-11-15T00:00:00.000Z')
    again.advance(60_000)
    assert.is(viewOf(second).running, false)
    await second.copies.close()
    // Off for three days.
    const late = new FakeClock(first.clock.wallMs() + 72 * hourMs)
    const third = newCopies(path.join(test.dir, 'store.db'), { dir, schedule: '@daily' }, late)
    third.copies.start()
    late.advance(1000)
    assert.is(viewOf(third).running, true)
    await settled(third)
    assert.is(viewOf(third).copies, 2)
    await third.copies.close()
    await test.done()
  })

  it('says what is wrong, leaves nothing behind, and tries again', async () => {
    const test = await TestStore.start()
    put(test.stream({ name: 'S', subjects: ['s'] }), 's')
    await test.onDisk()
    const dir = scratch('copies')
    const file = path.join(dir, 'file')
    fs.writeFileSync(file, '')
    const kept = newCopies(path.join(test.dir, 'store.db'), { dir: path.join(file, 'below') })
    kept.copies.start()
    kept.clock.advance(1000)
    await settled(kept)
    assert.match(
      kept.lines[0] ?? '',
      /^JetStream store could not be copied: ENOTDIR.*; next time 2/,
    )
    assert.is(viewOf(kept).failures, 1)
    assert.match(viewOf(kept).problem ?? '', /ENOTDIR/)
    fs.rmSync(file)
    kept.clock.advance(hourMs)
    await settled(kept)
    assert.is(viewOf(kept).successes, 1, kept.lines.join('\n'))
    assert.is(viewOf(kept).problem, undefined)
    await kept.copies.close()
    await test.done()
  })

  it('leaves a damaged store and a missing one alone', async () => {
    for (const text of ['no database at all, but a text', null]) {
      const dir = scratch('damaged')
      const file = path.join(dir, 'store.db')
      if (text !== null) fs.writeFileSync(file, text.repeat(400))
      const kept = newCopies(file)
      kept.copies.start()
      kept.clock.advance(1000)
      await settled(kept)
      assert.is(viewOf(kept).failures, 1)
      assert.equal(copiesIn(kept.dir), [])
      assert.equal(fs.readdirSync(dir), text === null ? [] : ['store.db'])
      await kept.copies.close()
    }
  })

  it('gives a copy up when the server stops, and cleans up after a crash', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 'S', subjects: ['s'] })
    for (let i = 0; i < 30; i++) put(stream, 's', 'x'.repeat(900_000))
    await test.onDisk()
    const kept = newCopies(path.join(test.dir, 'store.db'))
    fs.mkdirSync(kept.dir, { recursive: true })
    const crashed = path.join(kept.dir, 'store-000007-2023-11-14T22-13-21Z.db.part')
    fs.writeFileSync(crashed, 'half')
    fs.writeFileSync(`${crashed}-journal`, 'half')
    kept.copies.start()
    kept.clock.advance(1000)
    assert.is(viewOf(kept).running, true)
    await kept.copies.close()
    assert.equal(copiesIn(kept.dir), [])
    put(stream, 's')
    await test.done()
  })

  it('reads the block and says what is wrong in it', () => {
    const read = (text: string) => {
      const source = { read: () => '', env: {} }
      const parsed = parseConfText(`jetstream { backup { ${text} } }`, source, 'edge.conf')
      if (parsed.is !== 'parsed') throw new Error(parsed.problem.text)
      const { values, errors } = checkConfig(parsed.root, { jetstream: jetstreamOption })
      return errors.length > 0 ? errors.map(error => error.text) : values.jetstream?.backup
    }
    const all = { dir: '/b', schedule: '@daily', timezone: 'Local', keep: 7 }
    assert.equal(read('dir: "/b"'), all)
    assert.equal(read('dir: "/b", keep: 1, schedule: "@every 6h"'), {
      ...all,
      keep: 1,
      schedule: '@every 6h',
    })
    assert.equal(read('keep: 3'), ['backup needs dir, the folder of the copies'])
    assert.match(
      String(read('dir: "/b", schedule: "now and then"')),
      /wrong schedule "now and then"/,
    )
    assert.match(String(read('dir: "/b", schedule: "@at 2030-01-01T00:00:00Z"')), /wrong schedule/)
    assert.match(String(read('dir: "/b", timezone: "Europe/Atlantis"')), /unknown time zone/)
    assert.ok(Array.isArray(read('dir: "/b", keep: 0')))
    for (const schedule of ['@hourly', '30 3 * * *', '0 30 3 * * *', '@weekly', '@every 90s']) {
      assert.ok(backupSchedule({ schedule, timezone: 'Local' }), schedule)
    }
  })
})
