// The log, in nats-server's line format: `[pid] 2006/01/02 15:04:05.000000 [INF] text`.
//
// A warning or error that comes again and again is counted, not repeated: after
// `repeatsShown` times within `windowMs` the same text is held back, and at the end of the
// window one line says how often it came. Rule: reference section 9.

import { isDeepStrictEqual } from 'node:util'
import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type LogFile, LogSink } from './log-sink.ts'
import { type Severity, Syslog, type SyslogPlace } from './syslog.ts'

export interface LoggerOptions {
  readonly debug: boolean
  readonly trace: boolean
  readonly logtime: boolean
  readonly logtimeUtc: boolean
  readonly file: LogFile | null
  /** Instead of standard error; a file wins over it. */
  readonly syslog?: SyslogPlace | null
}

export interface LoggerParts {
  readonly options: LoggerOptions
  readonly clock: Clock
  readonly pid: number
  /** Standard error is a terminal: colour the levels. */
  readonly isTerminal: boolean
}

export const repeatsShown = 3
const windowMs = 10_000
/** Distinct texts watched at one time. */
const textsMax = 256

type Level = 'INF' | 'WRN' | 'ERR' | 'FTL' | 'DBG' | 'TRC'

const severities: Readonly<Record<Level, Severity>> = {
  INF: 'notice',
  WRN: 'warning',
  ERR: 'err',
  FTL: 'crit',
  DBG: 'debug',
  TRC: 'notice',
}

/** The name of our lines in a syslog. */
const syslogTag = 'nats-edge'

/** nats-server's own colours. */
const colours: Readonly<Record<Level, string>> = {
  INF: '32',
  WRN: '0;93',
  ERR: '31',
  FTL: '31',
  DBG: '36',
  TRC: '33',
}

export class Logger implements Log {
  debugOn: boolean
  traceOn: boolean
  #options: LoggerOptions
  readonly #clock: Clock
  readonly #isTerminal: boolean
  readonly #pid: string
  readonly #pidNumber: number
  readonly #sink: LogSink
  #syslog: Syslog | null = null
  readonly #repeats = new Map<string, number>()
  #window: Timer | null = null
  /** Wall clock minus monotonic, so that lines within a millisecond keep their order. */
  #offsetMs: number
  #second = -1
  #secondText = ''

  constructor({ options, clock, pid, isTerminal }: LoggerParts) {
    this.#options = options
    this.debugOn = options.debug
    this.traceOn = options.trace
    this.#clock = clock
    this.#pid = `[${pid}] `
    this.#pidNumber = pid
    this.#isTerminal = isTerminal
    this.#offsetMs = clock.wallMs() - clock.monotonicMs()
    this.#sink = new LogSink({
      file: options.file,
      wallMs: () => clock.wallMs(),
      notice: (level, text) => this.#line(level, text),
    })
  }

  /** Opens the log file; throws when that is not possible. */
  start(): void {
    this.#sink.start()
    this.#openSyslog()
  }

  info(text: string): void {
    this.#line('INF', text)
  }

  warn(text: string): void {
    this.#counted('WRN', text)
  }

  error(text: string): void {
    this.#counted('ERR', text)
  }

  /** The last words: the caller ends the process with status 1. */
  fatal(text: string): void {
    this.#line('FTL', text)
  }

  debug(text: string): void {
    if (this.debugOn) this.#line('DBG', text)
  }

  trace(text: string): void {
    if (this.traceOn) this.#line('TRC', text)
  }

  /** SIGUSR1: the file was moved away by logrotate. */
  reopen(): void {
    if (!this.#sink.isFile) return this.info('File log re-open ignored, not a file logger')
    try {
      this.#sink.reopen()
      this.info('File log re-opened')
    } catch (error) {
      this.error(`Unable to re-open the log file: ${(error as Error).message}`)
    }
  }

  /** Takes over reloaded options. Throws, and changes nothing, when the file cannot be opened. */
  reload(options: LoggerOptions): void {
    const before = placeOf(this.#options)
    this.#sink.move(options.file)
    this.#options = options
    if (!isDeepStrictEqual(before, placeOf(options))) {
      void this.#syslog?.close()
      this.#openSyslog()
    }
    this.debugOn = options.debug
    this.traceOn = options.trace
    this.#second = -1
  }

  /** Everything written so far is out; for the way out of a crash. */
  flush(): void {
    this.#endWindow()
    this.#sink.flush()
  }

  async close(): Promise<void> {
    this.#endWindow()
    await this.#sink.close()
    await this.#syslog?.close()
  }

  #openSyslog(): void {
    const place = placeOf(this.#options)
    const wallMs = () => this.#clock.wallMs()
    const parts = { tag: syslogTag, pid: this.#pidNumber, wallMs }
    this.#syslog = place === null ? null : new Syslog({ ...parts, place })
    this.#syslog?.start()
  }

  #counted(level: 'WRN' | 'ERR', text: string): void {
    const key = level + text
    const count = (this.#repeats.get(key) ?? 0) + 1
    if (count > 1 || this.#repeats.size < textsMax) this.#repeats.set(key, count)
    if (count <= repeatsShown) this.#line(level, text)
    this.#window ??= this.#clock.after(windowMs, () => this.#endWindow())
  }

  #endWindow(): void {
    this.#window?.cancel()
    this.#window = null
    for (const [key, count] of this.#repeats) {
      const more = count - repeatsShown
      if (more <= 0) continue
      this.#line(key.slice(0, 3) as Level, `${key.slice(3)} (repeated ${more} more times)`)
    }
    this.#repeats.clear()
  }

  #line(level: Level, text: string): void {
    const { logtime, file } = this.#options
    if (this.#syslog !== null) return this.#syslog.add(severities[level], printable(text))
    const shown =
      this.#isTerminal && file === null ? `\x1b[${colours[level]}m${level}\x1b[0m` : level
    // A line is a line: whatever a peer sent cannot forge another one.
    this.#sink.add(`${this.#pid}${logtime ? this.#time() : ''}[${shown}] ${printable(text)}\n`)
  }

  /** `2006/01/02 15:04:05.000000 ` */
  #time(): string {
    const wall = this.#clock.wallMs()
    const monotonic = this.#clock.monotonicMs()
    if (Math.abs(wall - monotonic - this.#offsetMs) > 2) this.#offsetMs = wall - monotonic
    const ms = monotonic + this.#offsetMs
    const second = Math.floor(ms / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#secondText = dateText(new Date(second * 1000), this.#options.logtimeUtc)
    }
    const micros = Math.floor((ms - second * 1000) * 1000)
    return `${this.#secondText}.${String(micros).padStart(6, '0')} `
  }
}

function placeOf({ file, syslog }: LoggerOptions): SyslogPlace | null {
  return file === null ? (syslog ?? null) : null
}

function printable(text: string): string {
  return hasControl(text) ? text.replace(controls, shownControl) : text
}

// Line ends and escapes; a tab is harmless, and the banner has none of these.
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const controls = /[\x00-\x08\x0a-\x1f\x7f]/g

function hasControl(text: string): boolean {
  return text.search(controls) >= 0
}

function shownControl(c: string): string {
  if (c === '\n') return '\\n'
  if (c === '\r') return '\\r'
  return `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`
}

function dateText(time: Date, utc: boolean): string {
  const local = utc ? time : new Date(time.getTime() - time.getTimezoneOffset() * 60_000)
  const iso = local.toISOString()
  return `${iso.slice(0, 10).replaceAll('-', '/')} ${iso.slice(11, 19)}`
}
