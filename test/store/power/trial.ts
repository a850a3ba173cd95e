// One trial: a writer runs under strace, which records all it does to its store and all it tells
// the world; then processes try cuts on what it did.
//
// POWER_SEED=n tries other cuts; POWER_WORKERS=n with so many processes.

import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { availableParallelism } from 'node:os'
import * as path from 'node:path'
import * as assert from 'uvu/assert'
import { temporaryDir } from '../support.ts'
import type { Cuts, Found } from './cuts.ts'
import { tracedCalls } from './recording.ts'

export interface Trial {
  /** What the writer leaves out (writer.ts); '' = nothing. */
  readonly sabotage: string
  /** Of the writer. */
  readonly rounds: number
  /** Cuts to try. */
  readonly count: number
  /** Of each process; one is enough where there must be one. */
  readonly failuresMax: number
}

const seed = Number(process.env.POWER_SEED ?? 1)
const workers = Number(process.env.POWER_WORKERS ?? Math.min(2, availableParallelism()))

export async function hold(trial: Trial): Promise<Found> {
  // What is left is opened and synced thousands of times: in memory where there is such a place.
  const base = fs.existsSync('/dev/shm') ? temporaryDir('/dev/shm') : temporaryDir()
  try {
    await record(base, trial)
    return await tryCuts(base, trial)
  } finally {
    fs.rmSync(base, { recursive: true, force: true })
  }
}

const logOf = (base: string): string => path.join(base, 'strace')
const eventsOf = (base: string): string => path.join(base, 'events')
const storeOf = (base: string): string => path.join(base, 'store')

async function record(base: string, { sabotage, rounds }: Trial): Promise<void> {
  const trace = `trace=${tracedCalls.join()}`
  await run('strace', [
    ...['-f', '--seccomp-bpf', '-xx', '-s', '1000000', '-o', logOf(base), '-e', trace],
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    path.join(import.meta.dirname, 'writer.ts'),
    ...[storeOf(base), eventsOf(base), String(rounds), sabotage],
  ])
}

async function tryCuts(base: string, { count, failuresMax, rounds }: Trial): Promise<Found> {
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
  assert.ok(first && first.events > rounds, 'events recorded')
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
