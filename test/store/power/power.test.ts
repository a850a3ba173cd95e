// The power-cut test: the judge of invariants 1, 2 and 5. A writer runs under strace, which
// records all it does to its store and all it tells the world; then the disk is rebuilt as a power
// cut could have left it at many moments, opened, and asked for everything that was promised.
//
// POWER_CUTS=n tries n cuts (240 by default); POWER_SEED=n other ones.

import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as assert from 'uvu/assert'
import { spec } from '../../support/spec.ts'
import { temporaryDir } from '../support.ts'
import { Promises, broken } from './check.ts'
import { Disk, losses } from './disk.ts'
import { type Operation, readRecording, tracedCalls } from './recording.ts'

const cuts = Number(process.env.POWER_CUTS ?? 240)
const seed = Number(process.env.POWER_SEED ?? 1)
const rounds = 260
/** What a checkpoint leaves at the start of the WAL. */
const clearedHeader = Buffer.alloc(32)

spec('power cut', it => {
  it('keeps every promise', () => judge('', cuts, expectKept), 3_600_000)
  it('would be noticed without fdatasync', () => judge('no-sync', 48, expectBroken), 120_000)
  it(
    'would be noticed without the fdatasync of a checkpoint',
    () => judge('no-file-sync', 120, expectBroken),
    120_000,
  )
})

function expectKept(failures: readonly string[]): void {
  assert.equal(failures, [])
}

function expectBroken(failures: readonly string[]): void {
  assert.ok(failures.length > 0, 'nothing was lost although nothing was synced')
}

async function judge(
  sabotage: string,
  count: number,
  expect: (failures: readonly string[]) => void,
): Promise<void> {
  const base = temporaryDir()
  // What is left is opened and synced hundreds of times: in memory where there is such a place.
  const left = fs.existsSync('/dev/shm') ? temporaryDir('/dev/shm') : path.join(base, 'left')
  try {
    const operations = await record(base, sabotage)
    assert.ok(operations.filter(one => one.is === 'event').length > rounds, 'events recorded')
    const cut = operations.filter(
      one => one.is === 'write' && one.file.endsWith('-wal') && one.data.equals(clearedHeader),
    )
    assert.ok(cut.length >= 5, `${cut.length} checkpoints recorded`)
    expect(await tryCuts(path.join(base, 'store'), left, operations, count))
  } finally {
    fs.rmSync(base, { recursive: true, force: true })
    fs.rmSync(left, { recursive: true, force: true })
  }
}

async function record(base: string, sabotage: string): Promise<Operation[]> {
  const dir = path.join(base, 'store')
  const events = path.join(base, 'events')
  const log = path.join(base, 'strace')
  const writer = path.join(import.meta.dirname, 'writer.ts')
  const trace = `trace=${tracedCalls.join()}`
  const strace = ['-f', '--seccomp-bpf', '-xx', '-s', '1000000', '-o', log, '-e', trace]
  const program = [process.execPath, writer, dir, events, String(rounds), sabotage]
  const child = spawn('strace', [...strace, ...program], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', resolve)
  })
  assert.is(code, 0, 'the writer ends well')
  return readRecording(log, dir, events)
}

async function tryCuts(
  dir: string,
  left: string,
  operations: readonly Operation[],
  count: number,
): Promise<string[]> {
  const random = randomOf(seed)
  const disk = new Disk(dir)
  const promises = new Promises()
  const failures: string[] = []
  const every = operations.length / Math.ceil(count / losses.length)
  let nextCut = every * random()
  for (const [at, operation] of operations.entries()) {
    disk.apply(operation)
    if (operation.is === 'event') promises.hear(operation.text)
    if (at < nextCut) continue
    nextCut += every
    for (const loss of losses) {
      fs.rmSync(left, { recursive: true, force: true })
      fs.mkdirSync(left)
      disk.leave(left, loss, random)
      const wrong = await broken(left, promises)
      if (wrong.length > 0) failures.push(`cut ${at}, lost ${loss}: ${wrong.join('; ')}`)
    }
    if (failures.length >= 5) break
  }
  return failures
}

/** The same numbers every time (mulberry32). */
function randomOf(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
