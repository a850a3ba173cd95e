// Where log lines go: standard error or a file. A line never waits for the disk or for whoever
// reads the pipe: lines gather, one asynchronous write is on its way at a time, and what does
// not fit in `waitingBytesMax` is dropped and counted. `flush` at the exit writes the rest.
//
// A file can be reopened (SIGUSR1, for logrotate) and rotates by itself at a size: the full one
// is set aside as <file>.2006.01.02.15.04.05.000000000, as nats-server names it.

import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

export const waitingBytesMax = 1_048_576
const standardError = 2
const fileMode = 0o640
/** Pause when a pipe is full and does not block. */
const againMs = 10

export interface LogFile {
  readonly path: string
  /** Rotate beyond this; 0 = never. */
  readonly sizeMax: number
  /** Files kept, with the current one; 0 = all. */
  readonly filesMax: number
}

export interface LogSinkParts {
  readonly file: LogFile | null
  readonly wallMs: () => number
  /** Told of what the sink did by itself, to be logged: rotated, purged, dropped, failed. */
  readonly notice: (level: 'INF' | 'WRN' | 'ERR', text: string) => void
}

export class LogSink {
  readonly #parts: LogSinkParts
  #file: LogFile | null
  #descriptor = standardError
  #sizeBytes = 0
  #waiting: string[] = []
  #waitingBytes = 0
  #droppedLines = 0
  /** What the asynchronous write is busy with; null when there is none. */
  #writing: Buffer | null = null
  /** Replaced while a write was on its way to them: closed when it is done. */
  readonly #retired: number[] = []
  #scheduled = false
  #closed = false
  readonly #idle: (() => void)[] = []

  constructor(parts: LogSinkParts) {
    this.#parts = parts
    this.#file = parts.file
  }

  get isFile(): boolean {
    return this.#file !== null
  }

  /** Opens the file; throws when that is not possible. */
  start(): void {
    if (this.#file) this.#open(this.#file.path)
  }

  add(line: string): void {
    if (this.#closed) return
    if (this.#waitingBytes + line.length > waitingBytesMax) {
      this.#droppedLines++
      return
    }
    this.#waiting.push(line)
    this.#waitingBytes += line.length
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#write())
  }

  /** Opens the file anew under its name; false when the log is not a file. */
  reopen(): boolean {
    if (!this.#file) return false
    this.#open(this.#file.path)
    return true
  }

  /** Another file, or standard error. Throws, and changes nothing, when it cannot be opened. */
  move(file: LogFile | null): void {
    if (file?.path !== this.#file?.path) {
      if (file) this.#open(file.path)
      else this.#replace(standardError, 0)
    }
    this.#file = file
  }

  /** Writes everything now, blocking: for the end of the process. */
  flush(): void {
    // The write on its way may or may not have happened: a line twice is better than none.
    if (this.#writing) this.#writeNow(this.#writing)
    this.#writeNow(this.#gather())
  }

  /** Waits for what is on its way, then writes the rest. */
  async close(): Promise<void> {
    if (this.#closed) return
    if (this.#writing) await new Promise<void>(done => this.#idle.push(done))
    this.#closed = true
    this.flush()
    this.#replace(standardError, 0)
  }

  #write(): void {
    this.#scheduled = false
    if (this.#closed || this.#writing || this.#waiting.length === 0) return
    this.#writing = this.#gather()
    this.#writeRest(this.#descriptor, this.#writing)
  }

  #writeRest(descriptor: number, rest: Buffer): void {
    write(descriptor, rest, (error, count) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#writeRest(descriptor, rest), againMs)
      } else if (!error && count < rest.length) {
        this.#writeRest(descriptor, rest.subarray(count))
      } else {
        // A log that cannot be written must not stop the broker, and there is nobody to tell.
        if (error) this.#droppedLines++
        this.#sizeBytes += this.#writing?.length ?? 0
        this.#settled()
      }
    })
  }

  #settled(): void {
    this.#writing = null
    for (const descriptor of this.#retired.splice(0)) closeSync(descriptor)
    const { sizeMax = 0 } = this.#file ?? {}
    if (sizeMax > 0 && this.#sizeBytes > sizeMax) this.#rotate()
    const waiting = this.#idle.splice(0)
    if (waiting.length === 0) this.#write()
    for (const done of waiting) done()
  }

  #gather(): Buffer {
    if (this.#droppedLines > 0) {
      const count = this.#droppedLines
      this.#droppedLines = 0
      this.#parts.notice(
        'WRN',
        `${count} log lines were dropped: the log is not written fast enough`,
      )
    }
    const text = this.#waiting.join('')
    this.#waiting = []
    this.#waitingBytes = 0
    return Buffer.from(text)
  }

  #writeNow(bytes: Buffer): void {
    try {
      for (let at = 0, tries = 0; at < bytes.length && tries < 100; ) {
        try {
          at += writeSync(this.#descriptor, bytes, at)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
          tries++
        }
      }
    } catch {
      // A full disk or a closed pipe: there is no other place to say so.
    }
  }

  #open(path: string): void {
    const descriptor = openSync(path, 'a', fileMode)
    this.#replace(descriptor, fstatSync(descriptor).size)
  }

  /** Never closes a descriptor under a write: its number could be somebody else's by then. */
  #replace(descriptor: number, sizeBytes: number): void {
    if (this.#descriptor !== standardError) {
      if (this.#writing) this.#retired.push(this.#descriptor)
      else closeSync(this.#descriptor)
    }
    this.#descriptor = descriptor
    this.#sizeBytes = sizeBytes
  }

  #rotate(): void {
    const { path, filesMax } = this.#file as LogFile
    const backup = `${path}.${stamp(new Date(this.#parts.wallMs()))}`
    try {
      renameSync(path, backup)
      this.#open(path)
      this.#parts.notice('INF', `Rotated log, backup saved as "${backup}"`)
      if (filesMax > 0) this.#purge(path, filesMax - 1)
    } catch (error) {
      // Try again at the next write; the old file goes on meanwhile.
      this.#sizeBytes = 0
      this.#parts.notice('ERR', `Unable to rotate the log: ${(error as Error).message}`)
    }
  }

  #purge(path: string, keep: number): void {
    const prefix = `${basename(path)}.`
    const backups = readdirSync(dirname(path))
      .filter(name => name.startsWith(prefix) && /^[\d.]+$/.test(name.slice(prefix.length)))
      .sort()
    for (const name of backups.slice(0, Math.max(0, backups.length - keep))) {
      const old = join(dirname(path), name)
      unlinkSync(old)
      this.#parts.notice('INF', `Purged log file "${old}"`)
    }
  }
}

function stamp(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())]
  const clock = [two(time.getHours()), two(time.getMinutes()), two(time.getSeconds())]
  return [...day, ...clock, `${String(time.getMilliseconds()).padStart(3, '0')}000000`].join('.')
}
