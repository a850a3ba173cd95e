// The process: command line, log, signals, and the rooms between start and stop.
//
// Exit status: 0 for a stop by INT or TERM and after lame-duck mode, 1 when it cannot start or
// breaks. nats-server 2.10 ends with 1 on TERM, 2.11 with 0: systemd calls 1 a failure, so 0.

import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { formatProblem } from '../src/server/check.ts'
import { type CommandParts, readCommand, readConfig } from '../src/server/command.ts'
import { fileSource } from '../src/server/conf-file.ts'
import type { Config } from '../src/server/config.ts'
import type { Flags } from '../src/server/flags.ts'
import { LameDuck } from '../src/server/lame-duck.ts'
import { Logger, type LoggerOptions } from '../src/server/logger.ts'
import { Notify } from '../src/server/notify.ts'
import { compareOptions } from '../src/server/reload.ts'
import { handleSignals, processTitle } from '../src/server/signals.ts'
import { parseSyslog, type SyslogPlace } from '../src/server/syslog.ts'
import { writePidFile, writePortsFile } from '../src/server/ports.ts'
import { realClock } from '../src/base/clock.ts'
import { Turn } from '../src/base/turn.ts'
import { type EdgeOptions, edgeBlock, edgeProblems, withStoreFlags } from './options.ts'
import { Rooms } from './rooms.ts'

/** A close that takes longer than this is given up. */
const closeMsMax = 60_000

type Env = Readonly<Record<string, string | undefined>>
type Parts = CommandParts<typeof edgeBlock, EdgeOptions>

/**
 * The young generation stays at its first megabyte instead of growing to 48: a thousand idle
 * connections leave 4 MB less behind, and messages a second stay the same (npm run bench).
 */
setFlagsFromString('--semi-space-growth-factor=1')

/** Returns once everything runs, or has printed what it had to. */
export async function run(args: readonly string[], env: Env): Promise<void> {
  const parts: Parts = {
    block: edgeBlock,
    source: fileSource(env),
    productVersion: productVersion(),
    finish: withStoreFlags,
    problems: edgeProblems,
  }
  const command = readCommand(args, parts)
  if (command.is === 'done') {
    process.stdout.write(command.stdout)
    process.stderr.write(command.stderr)
    process.exitCode = command.code
    return
  }
  if (command.flags.verifyStore) {
    const { checkStore } = await import('./store/check-store.ts')
    const { lines, isGood } = await checkStore(command.config.options.jetstream, realClock)
    process.stdout.write(lines.map(line => `${line}\n`).join(''))
    process.exitCode = isGood ? 0 : 1
    return
  }
  process.title = processTitle
  await new App(parts, command.flags, command.config, env).start()
}

class App {
  readonly #parts: Parts
  readonly #flags: Flags
  readonly #log: Logger
  readonly #notify: Notify
  readonly #rooms: Rooms
  readonly #duck: LameDuck
  #config: Config<EdgeOptions>
  #removePortsFile = () => {}
  #isStopping = false

  constructor(parts: Parts, flags: Flags, config: Config<EdgeOptions>, env: Env) {
    this.#parts = parts
    this.#flags = flags
    this.#config = config
    const { options } = config
    const clock = realClock
    const isTerminal = process.stderr.isTTY === true
    const log = new Logger({ options: logOptions(options), clock, pid: process.pid, isTerminal })
    this.#log = log
    this.#notify = new Notify({ env, clock, log })
    this.#rooms = new Rooms({
      options,
      log,
      clock,
      turn: new Turn(),
      productVersion: parts.productVersion,
      configFile: flags.config === undefined ? null : `${flags.config} (${config.digest})`,
      configDigest: () => this.#config.digest,
      reload: () => this.#reload(),
    })
    this.#duck = new LameDuck({
      server: this.#rooms.server,
      graceMs: options.lame_duck_grace_period,
      durationMs: options.lame_duck_duration,
      clock,
      log,
      done: () => this.#stop(),
    })
  }

  async start(): Promise<void> {
    const { options } = this.#config
    try {
      this.#log.start()
      if (options.pidfile !== null) writePidFile(options.pidfile, process.pid)
    } catch (error) {
      process.stderr.write(`nats-server: ${(error as Error).message}\n`)
      process.exitCode = 1
      return
    }
    process.on('uncaughtException', error => this.#crash(error))
    handleSignals(
      {
        stop: () => this.#stop(),
        terminate: () => this.#terminate(),
        reload: () => void this.#reload(),
        reopen: () => this.#log.reopen(),
        lameDuck: () => this.#duck.enter(),
      },
      this.#log,
    )
    try {
      await this.#rooms.start(() => this.#tellProblems())
      this.#writePorts(options)
    } catch (error) {
      this.#log.fatal((error as Error).message)
      await this.#end(1)
      return
    }
    if (this.#isStopping) return
    this.#log.info('Server is ready')
    this.#rooms.cluster?.start()
    this.#notify.ready()
  }

  #tellProblems(): void {
    const { warnings, notes } = this.#config
    for (const problem of [...warnings, ...notes]) this.#log.warn(formatProblem(problem))
  }

  #writePorts(options: EdgeOptions): void {
    this.#removePortsFile()
    this.#removePortsFile = () => {}
    if (options.ports_file_dir === null) return
    const { ports_file_dir: dir } = options
    try {
      const { ports } = this.#rooms
      this.#removePortsFile = writePortsFile(dir, processTitle, process.pid, ports)
    } catch (error) {
      // The file is a convenience: as in nats-server its lack stops nobody.
      this.#log.error(`Error writing ports file to "${dir}": ${(error as Error).message}`)
    }
  }

  #terminate(): void {
    // Lame-duck mode is a stop already: as in nats-server, TERM does not make it hasty.
    if (!this.#duck.isOn) this.#stop()
  }

  #stop(): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#notify.stopping()
    this.#log.info('Initiating Shutdown...')
    setTimeout(() => {
      this.#log.error(`Not closed after ${closeMsMax / 1000} seconds, giving up`)
      this.#log.flush()
      process.exit(1)
    }, closeMsMax).unref()
    this.#end(0).catch(error => this.#crash(error))
  }

  async #end(code: number): Promise<void> {
    this.#isStopping = true
    this.#duck.close()
    this.#notify.close()
    try {
      await this.#rooms.close()
    } finally {
      this.#removePortsFile()
    }
    if (code === 0) this.#log.info('Server Exiting..')
    await this.#log.close()
    process.exit(code)
  }

  #crash(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    for (const line of text.split('\n')) this.#log.fatal(line)
    this.#log.flush()
    process.exit(1)
  }

  /** Why not, or null. */
  #reload(): string | null {
    const problem = this.#tryReload()
    const digest = this.#config.digest
    if (problem === null) this.#log.info(`Reloaded server configuration (${digest})`)
    else this.#log.error(`Failed to reload server configuration: ${problem}`)
    return problem
  }

  /** All or nothing: whatever may fail is tried before anything changes. */
  #tryReload(): string | null {
    if (this.#flags.config === undefined) {
      return 'can only reload config when a file is provided using -c or --config'
    }
    const config = readConfig(this.#flags, this.#parts)
    if (config.errors.length > 0) return config.errors.map(formatProblem).join('; ')
    const { options } = config
    const changes = compareOptions(edgeBlock, this.#config.options, options)
    if (changes.is === 'refused') return changes.text
    try {
      this.#rooms.verify(options)
      if (options.pidfile !== null) writePidFile(options.pidfile, process.pid)
      this.#log.reload(logOptions(options))
    } catch (error) {
      return (error as Error).message
    }
    this.#config = config
    this.#rooms.reload(options)
    this.#writePorts(options)
    this.#tellProblems()
    for (const text of changes.texts) this.#log.info(text)
    return null
  }
}

function logOptions(options: EdgeOptions): LoggerOptions {
  const { logfile: path, logfile_size_limit: sizeMax, logfile_max_num: filesMax } = options
  return {
    debug: options.debug,
    trace: options.trace,
    logtime: options.logtime,
    logtimeUtc: options.logtime_utc,
    file: path === null || path === '' ? null : { path, sizeMax, filesMax },
    syslog: syslogOf(options),
  }
}

/** A server far away wins over the one here. */
function syslogOf({ remote_syslog: remote, syslog }: EdgeOptions): SyslogPlace | null {
  const place = remote ? parseSyslog(remote) : null
  // A wrong url was an error of the config.
  if (place !== null && typeof place !== 'string') return place
  return syslog ? { is: 'local' } : null
}

/** package.json stands beside `edge` in a checkout, and one higher once compiled to `dist`. */
function productVersion(): string {
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(up, import.meta.url), 'utf8')
      return String((JSON.parse(text) as { version: string }).version)
    } catch {
      // Not there: the next one.
    }
  }
  return 'unknown'
}
