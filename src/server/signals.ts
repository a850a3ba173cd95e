// Signals: what the process does on each, and `--signal`, which sends one to another process.
// Rule: reference section 1.2.

import { readdirSync, readFileSync } from 'node:fs'
import type { Log } from '../base/log.ts'

export interface SignalHandlers {
  /** SIGINT: flush, close, exit 0. */
  readonly stop: () => void
  /** SIGTERM: the same, unless it is stopping gently already. */
  readonly terminate: () => void
  /** SIGHUP. */
  readonly reload: () => void
  /** SIGUSR1: open the log file anew. */
  readonly reopen: () => void
  /** SIGUSR2. */
  readonly lameDuck: () => void
}

type Caught = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2'

/** As Go names them in the log. */
const names: Readonly<Record<Caught, string>> = {
  SIGINT: 'interrupt',
  SIGTERM: 'terminated',
  SIGHUP: 'hangup',
  SIGUSR1: 'user defined signal 1',
  SIGUSR2: 'user defined signal 2',
}

/** Returns what takes the handlers away again. */
export function handleSignals(handlers: SignalHandlers, log: Log): () => void {
  const actions: Readonly<Record<Caught, () => void>> = {
    SIGINT: handlers.stop,
    SIGTERM: handlers.terminate,
    SIGHUP: handlers.reload,
    SIGUSR1: handlers.reopen,
    SIGUSR2: handlers.lameDuck,
  }
  const heard = (signal: NodeJS.Signals) => {
    log.debug(`Trapped "${names[signal as Caught]}" signal`)
    actions[signal as Caught]()
  }
  for (const signal of Object.keys(actions)) process.on(signal, heard)
  return () => {
    for (const signal of Object.keys(actions)) process.off(signal, heard)
  }
}

const commands: ReadonlyMap<string, NodeJS.Signals> = new Map([
  ['stop', 'SIGKILL'],
  ['quit', 'SIGINT'],
  ['term', 'SIGTERM'],
  ['reopen', 'SIGUSR1'],
  ['ldm', 'SIGUSR2'],
  ['reload', 'SIGHUP'],
])

/** The process title, by which `--signal` finds a running broker. */
export const processTitle = 'nats-edge'

export interface Processes {
  /** Ids of running brokers, without our own. */
  find(): readonly number[]
  kill(pid: number, signal: NodeJS.Signals): void
  /** The text of a file, or null when there is none. */
  readFile(path: string): string | null
}

/** `reload`, `reload=123`, `reload=/run/x.pid`, `reload=12*`. Returns why not, or null. */
export function sendSignal(argument: string, processes: Processes = real): string | null {
  const [command = '', target = '', ...more] = argument.split('=')
  if (more.length > 0) return `invalid signal parameters: [${more.join(' ')}]`
  const pids = resolvePids(target, processes)
  if (typeof pids === 'string') return pids
  const signal = commands.get(command)
  if (!signal) return `unknown signal "${command}"`
  const failed: string[] = []
  for (const pid of pids) {
    try {
      processes.kill(pid, signal)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const text = killErrors[code ?? ''] ?? message
      failed.push(`\nsignal "${command}" ${pid}: ${text}`)
    }
  }
  return failed.length === 0 ? null : failed.join('')
}

const killErrors: Readonly<Record<string, string>> = {
  ESRCH: 'no such process',
  EPERM: 'operation not permitted',
}

function resolvePids(target: string, processes: Processes): readonly number[] | string {
  const isGlob = target.endsWith('*')
  const prefix = isGlob ? target.slice(0, -1) : target
  let text = prefix
  if (prefix !== '' && !/^\d+$/.test(prefix)) {
    const read = processes.readFile(prefix)
    if (read === null) return `invalid pid: ${prefix}`
    text = read.trim()
    if (!/^\d+$/.test(text)) return `invalid pid: ${text.slice(0, 32)}`
  }
  if (text !== '' && !isGlob) return [Number(text)]
  const found = processes.find().filter(pid => String(pid).startsWith(text))
  if (found.length === 0) return 'no nats-server processes running'
  if (found.length > 1 && !isGlob) {
    return `multiple nats-server processes running:\n${found.join('\n')}`
  }
  return found
}

const real: Processes = {
  find() {
    return readdirSync('/proc')
      .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter(pid => real.readFile(`/proc/${pid}/comm`)?.trim() === processTitle)
      .map(Number)
  },
  kill(pid, signal) {
    process.kill(pid, signal)
  },
  readFile(path) {
    try {
      return readFileSync(path, 'latin1').slice(0, 4096)
    } catch {
      // A process that ended meanwhile, or a file that is not there: both mean "none".
      return null
    }
  },
}
