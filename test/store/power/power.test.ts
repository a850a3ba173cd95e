// The power-cut test: the judge of invariants 1, 2 and 5. A writer runs under strace, which
// records all it does to its store and all it tells the world; then the disk is rebuilt as a power
// cut could have left it at many moments, opened, and asked for everything that was promised.
//
// POWER_CUTS=n tries n cuts (2,000 by default); POWER_SEED=n other ones; POWER_WORKERS=n with so
// many processes.

import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { availableParallelism } from 'node:os'
import * as path from 'node:path'
import * as assert from 'uvu/assert'
import { spec } from '../../support/spec.ts'
import { temporaryDir } from '../support.ts'
import type { Cuts, Found } from './cuts.ts'
import { tracedCalls } from './recording.ts'

const cuts = Number(process.env.POWER_CUTS ?? 2000)
const seed = Number(process.env.POWER_SEED ?? 1)
const workers = Number(process.env.POWER_WORKERS ?? Math.min(2, availableParallelism()))
/** Of the writer: more cuts deserve more to cut. */
const rounds = cuts > 5000 ? 400 : 200
const sabotagedRounds = 70
const startMsMax = 2000
/** Of each process; one is enough where there must be one. */
const failuresMax = 5

spec('power cut', it => {
  it('keeps every promise', () => judge('', cuts, expectKept), 3_600_000)
  it('would be noticed without fdatasync', () => judge('no-sync', 48, expectBroken), 120_000)
  it(
    'would be noticed without the fdatasync of a checkpoint',
    () => judge('no-file-sync', 160, expectBroken),
    120_000,
  )
})

function expectKept({ tried, failures, startMsMax: slowestMs }: Found): void {
  assert.equal(failures, [])
  assert.is(tried, cuts)
  console.log(`${tried} cuts, slowest start ${slowestMs.toFixed(0)} ms`)
  assert.ok(slowestMs < startMsMax, `a start took ${slowestMs} ms`)
}

function expectBroken({ failures }: Found): void {
  assert.ok(failures.length > 0, 'nothing was lost although nothing was synced')
}

async function judge(
  sabotage: string,
  count: number,
  expect: (found: Found) => void,
): Promise<void> {
  // What is left is opened and synced thousands of times: in memory where there is such a place.
  const base = fs.existsSync('/dev/shm') ? temporaryDir('/dev/shm') : temporaryDir()
  try {
    await record(base, sabotage)
    expect(await tryCuts(base, count, sabotage === '' ? failuresMax : 1))
  } finally {
    fs.rmSync(base, { recursive: true, force: true })
  }
}

const logOf = (base: string): string => path.join(base, 'strace')
const eventsOf = (base: string): string => path.join(base, 'events')
const storeOf = (base: string): string => path.join(base, 'store')

async function record(base: string, sabotage: string): Promise<void> {
  const trace = `trace=${tracedCalls.join()}`
  await run('strace', [
    ...['-f', '--seccomp-bpf', '-xx', '-s', '1000000', '-o', logOf(base), '-e', trace],
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    path.join(import.meta.dirname, 'writer.ts'),
    ...[storeOf(base), eventsOf(base)],
    ...[String(sabotage === '' ? rounds : sabotagedRounds), sabotage],
  ])
}

async function tryCuts(base: string, count: number, failuresMax: number): Promise<Found> {
  const found = await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      const settings: Cuts = { count, seed, worker, workers, failuresMax }
      const output = await run(process.execPath, [
        '--disable-warning=ExperimentalWarning',
        path.join(import.meta.dirname, 'cuts.ts'),
        ...[logOf(base), storeOf(base), eventsOf(base), path.join(base, `left-${worker}`)],
        JSON.stringify(settings),
      ])
      return JSON.parse(output) as Found
    }),
  )
  const [first] = found
  assert.ok(first && first.events > sabotagedRounds, 'events recorded')
  assert.ok(first.checkpoints >= 5, `${first.checkpoints} checkpoints recorded`)
  return {
    ...first,
    tried: found.reduce((sum, one) => sum + one.tried, 0),
    failures: found.flatMap(one => one.failures),
    startMsMax: Math.max(...found.map(one => one.startMsMax)),
  }
}

/** Runs a program to its good end; returns what it printed. */
function run(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code =>
      code === 0 ? resolve(output) : reject(new Error(`${program} ${args[0]}: ${code}`)),
    )
  })
}
