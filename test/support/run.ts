// The whole verification in one command: peers, types, lint, import directions, every test.
//
//   node test/support/run.ts              everything
//   node test/support/run.ts store peer   only the tests whose path holds one of the words
//   node test/support/run.ts /tmp/x.ts    only that file
//
// Each test file runs in a process of its own, so that a leaked timer or a crash names its file.
// A file that reports no test, skips one, or outlives its limit has failed. The last line is
// `N passed, N failed`; the exit code is 0 only when nothing failed.

import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { isAbsolute, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { violations } from './imports.ts'
import { install } from './peers.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const runMsMax = 25 * 60_000
const fileMsMax = 5 * 60_000
/** From a file's last result to its end; what is open then was forgotten. */
const endMsMax = 10_000
const parallelMax = 2

interface Outcome {
  readonly passed: number
  readonly failed: number
}

interface Ended {
  readonly code: number | null
  readonly output: string
  readonly late: 'running' | 'open' | null
}

const alive = new Set<ChildProcess>()
let passed = 0
let failed = 0

const startedMs = performance.now()
const limit = setTimeout(() => {
  console.error(`not done after ${runMsMax / 60_000} minutes`)
  failed++
  finish()
}, runMsMax)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    failed++
    finish()
  })
}

await main(process.argv.slice(2))
finish()

async function main(words: readonly string[]): Promise<void> {
  const named = words.filter(word => isAbsolute(word))
  const found = testFiles(join(root, 'test')).filter(
    file => words.length === 0 || words.some(word => relative(root, file).includes(word)),
  )
  const files = [...named, ...found]
  if (files.length === 0) {
    console.error(`no test file matches ${words.join(' ')}`)
    failed++
    return
  }
  if (words.length === 0) {
    if (!preparePeers()) return
    await check('types', ['tsc', '-p', 'test/tsconfig.json'])
    await check('lint', ['biome', 'check'])
    checkImports()
  }
  const queue = [...files]
  const worker = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) await runFile(file)
  }
  await Promise.all(Array.from({ length: Math.min(parallelMax, availableParallelism()) }, worker))
}

function preparePeers(): boolean {
  try {
    for (const peer of install()) console.log(`peer   ${peer}`)
    return true
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    failed++
    return false
  }
}

function checkImports(): void {
  const found = violations(root)
  for (const violation of found) console.error(violation)
  report('imports', found.length === 0)
}

async function check(name: string, [program, ...args]: [string, ...string[]]): Promise<void> {
  const { code, output } = await execute(join(root, 'node_modules', '.bin', program), args)
  if (code !== 0) process.stderr.write(output)
  report(name, code === 0)
}

function report(name: string, good: boolean): void {
  console.log(`${good ? 'ok    ' : 'FAILED'} ${name}`)
  if (good) passed++
  else failed++
}

async function runFile(file: string): Promise<void> {
  const name = relative(root, file)
  const fileStartedMs = performance.now()
  const ended = await execute(process.execPath, ['--disable-warning=ExperimentalWarning', file])
  const outcome = read(ended)
  passed += outcome.passed
  failed += outcome.failed
  const seconds = ((performance.now() - fileStartedMs) / 1000).toFixed(1)
  const verdict = outcome.failed === 0 ? 'ok    ' : 'FAILED'
  console.log(`${verdict} ${name}  ${outcome.passed} passed in ${seconds} s`)
  if (outcome.failed > 0) process.stdout.write(`${ended.output}\n${why(ended)}\n`)
}

/** The counts at the end of a uvu run; anything doubtful counts as one failure. */
function read({ code, output, late }: Ended): Outcome {
  const count = (label: string) =>
    Number(new RegExp(`^  ${label}:\\s+(\\d+)`, 'm').exec(output)?.[1])
  const total = count('Total')
  const good = count('Passed')
  const skipped = count('Skipped')
  if (!(total > 0)) return { passed: 0, failed: 1 }
  const bad = total - good
  if (bad === 0 && (code !== 0 || late !== null || skipped > 0)) return { passed: good, failed: 1 }
  return { passed: good, failed: bad }
}

function why({ code, output, late }: Ended): string {
  if (late === 'running') return `not done after ${fileMsMax / 60_000} minutes`
  if (late === 'open') return 'every test was done, but something is still open'
  return /^ {2}Total:\s+[1-9]/m.test(output) ? `exit code ${code}` : 'it ran no test at all'
}

/** Runs a program in a process group of its own, which goes with it. */
function execute(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise(resolve => {
    const child = spawn(program, args, {
      cwd: root,
      detached: true,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    alive.add(child)
    let output = ''
    let late: Ended['late'] = null
    const giveUp = (what: Ended['late']) => {
      late = what
      killGroup(child)
    }
    let timer = setTimeout(giveUp, fileMsMax, 'running')
    const add = (chunk: string) => {
      output += chunk
      if (!/^ {2}Duration: /m.test(chunk)) return
      clearTimeout(timer)
      timer = setTimeout(giveUp, endMsMax, 'open')
    }
    child.stdout.setEncoding('utf8').on('data', add)
    child.stderr.setEncoding('utf8').on('data', add)
    const end = (code: number | null) => {
      clearTimeout(timer)
      killGroup(child)
      alive.delete(child)
      resolve({ code, output, late })
    }
    child.once('error', error => {
      add(`${error.message}\n`)
      end(127)
    })
    child.once('exit', code => {
      // What a test left running holds the pipes open: it goes now, and then they close.
      killGroup(child)
      child.once('close', () => end(code))
    })
  })
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // The group is gone already, which is what we want.
  }
}

function testFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.test.ts'))
    .map(name => join(dir, name))
    .sort()
}

function finish(): never {
  clearTimeout(limit)
  for (const child of alive) killGroup(child)
  console.log(`total  ${((performance.now() - startedMs) / 1000).toFixed(0)} s`)
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed === 0 && passed > 0 ? 0 : 1)
}
