// Programs that a test starts. Each is killed when the test process ends, however it ends, and
// what it printed is part of every error message.

import { type ChildProcess, spawn } from 'node:child_process'

export interface StartOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** How long the ready text may take. */
  readonly readyMsMax?: number
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Running {
  readonly child: ChildProcess
  readonly pid: number
  /** Everything printed so far on stdout and stderr, the newest megabyte. */
  output(): string
  /** Resolves with the output once it holds `text`, looking from `from` on. */
  waitFor(text: string | RegExp, msMax?: number, from?: number): Promise<string>
  readonly exited: Promise<Exit>
  /** Sends the signal and waits; SIGKILL when it has not ended after 5 s. Idempotent. */
  stop(signal?: NodeJS.Signals): Promise<Exit>
}

const outputBytesMax = 1 << 20
const stopMsMax = 5000
const alive = new Set<ChildProcess>()

process.on('exit', killAll)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll()
    process.exit(1)
  })
}

/** Starts a program and waits until it has printed `ready` ('' = do not wait). */
export async function start(
  program: string,
  args: readonly string[],
  ready: string | RegExp = '',
  options: StartOptions = {},
): Promise<Running> {
  const running = launch(program, args, options)
  if (ready === '') return running
  try {
    await running.waitFor(ready, options.readyMsMax ?? 15_000)
    return running
  } catch (error) {
    await running.stop('SIGKILL')
    throw error
  }
}

/** Runs a program to its end; throws when it fails. */
export async function run(program: string, args: readonly string[], options: StartOptions = {}) {
  const running = launch(program, args, options)
  const { code, signal } = await running.exited
  if (code !== 0) throw new Error(`${name(program, args)}: ${code ?? signal}\n${running.output()}`)
  return running.output()
}

function launch(program: string, args: readonly string[], options: StartOptions): Running {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  alive.add(child)
  let output = ''
  const watchers = new Set<() => void>()
  const notify = () => {
    for (const watcher of watchers) watcher()
  }
  const add = (chunk: string) => {
    output = (output + chunk).slice(-outputBytesMax)
    notify()
  }
  child.stdout.setEncoding('utf8').on('data', add)
  child.stderr.setEncoding('utf8').on('data', add)
  let exit: Exit | undefined
  const exited = new Promise<Exit>(resolve => {
    child.once('error', error => {
      add(`${error.message}\n`)
      alive.delete(child)
      exit = { code: 127, signal: null }
      resolve(exit)
      notify()
    })
    child.once('close', (code, signal) => {
      alive.delete(child)
      exit = { code, signal }
      resolve(exit)
      notify()
    })
  })
  const what = name(program, args)
  return {
    child,
    pid: child.pid ?? -1,
    output: () => output,
    exited,
    waitFor: (text, msMax = 15_000, from = 0) =>
      new Promise((resolve, reject) => {
        const fail = (why: string) => {
          done()
          reject(new Error(`${what}: ${why} ${String(text)}\n${output.slice(-4000)}`))
        }
        const timer = setTimeout(() => fail(`not within ${msMax} ms:`), msMax)
        const look = () => {
          if (holds(output.slice(from), text)) {
            done()
            resolve(output)
          } else if (exit) fail(`ended (${exit.code ?? exit.signal}) before it said`)
        }
        const done = () => {
          clearTimeout(timer)
          watchers.delete(look)
        }
        watchers.add(look)
        look()
      }),
    stop: async (signal = 'SIGTERM') => {
      if (exit) return exit
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax)
      const end = await exited
      clearTimeout(timer)
      return end
    },
  }
}

function holds(output: string, text: string | RegExp): boolean {
  return typeof text === 'string' ? output.includes(text) : text.test(output)
}

function name(program: string, args: readonly string[]): string {
  return [program, ...args].join(' ')
}

function killAll(): void {
  for (const child of alive) child.kill('SIGKILL')
  alive.clear()
}
