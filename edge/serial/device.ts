// A serial device by the `serialport` package, loaded when the first port is there to be opened.
//
// Only its binding is used, and on Linux only that part is loaded (2.3 MB; the whole is 4.5): it
// opens, locks and sets up the line, and waits for readiness. Reading and writing are done here, because the binding's own read calls itself for ever when a read
// gives no bytes, which is how Linux says that a USB adapter was pulled out; and because a
// descriptor must not be closed while a read of it is under way in the thread pool, where the
// same number may already mean another file.

import { read as fsRead, write as fsWrite } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createRequire } from 'node:module'

export interface LineSettings {
  readonly path: string
  readonly baud: number
  readonly dataBits: number
  readonly stopBits: number
  readonly parity: string
  readonly flowControl: string
}

export interface SerialDevice {
  /**
   * Waits for bytes; resolves with their count, or 0 when the device is gone. One at a time, and
   * never in the same turn of the loop, so that a device that floods starves nobody.
   */
  read(into: Buffer): Promise<number>
  /** Resolves when the operating system has taken all bytes. One at a time. */
  write(bytes: Buffer): Promise<void>
  /** Idempotent. A read or write under way ends with an error or 0. */
  close(): Promise<void>
}

export type Opened = { readonly is: 'open'; readonly device: SerialDevice } | OpenFailure

export interface OpenFailure {
  readonly is: 'missing' | 'denied' | 'locked' | 'failed'
  readonly error: string
}

export type OpenDevice = (line: LineSettings) => Promise<Opened>

/** Opens the device; what stands in the way is told, not thrown. */
export async function openDevice(line: LineSettings): Promise<Opened> {
  const unfit = await unfitReason(line.path)
  if (unfit) return unfit
  let binding: Binding
  try {
    binding = loadBinding()
  } catch (error) {
    return { is: 'failed', error: `serial ports are not supported here: ${textOf(error)}` }
  }
  try {
    return { is: 'open', device: new BoundDevice(await binding.open(bindingOptions(line))) }
  } catch (error) {
    return failureOf(textOf(error), line.path)
  }
}

/** The parts of the package's Linux binding that are used. */
interface Binding {
  open(options: object): Promise<BoundPort>
}

interface BoundPort {
  readonly fd: number | null
  readonly poller: {
    once(event: 'readable' | 'writable', fire: (error: Error | null) => void): unknown
    poll(events: number): void
    stop(): void
  }
  close(): Promise<void>
}

/** The package's own dependency, found from where the package is. */
function loadBinding(): Binding {
  const require = createRequire(import.meta.url)
  if (process.platform !== 'linux') {
    return (require('serialport') as { SerialPort: { binding: Binding } }).SerialPort.binding
  }
  const inside = createRequire(require.resolve('serialport'))
  const linux = inside('@serialport/bindings-cpp/dist/linux.js') as { LinuxBinding: Binding }
  return linux.LinuxBinding
}

const pollReadable = 1
const pollWritable = 2

class BoundDevice implements SerialDevice {
  readonly #port: BoundPort
  readonly #fd: number
  #closing: Promise<void> | null = null
  /** What uses the descriptor now; close waits for it. */
  #reading: Promise<number> | null = null
  #writing: Promise<void> | null = null
  #waitingFor = 0

  constructor(port: BoundPort) {
    if (port.fd === null) throw new Error('the port has no descriptor')
    this.#port = port
    this.#fd = port.fd
  }

  read(into: Buffer): Promise<number> {
    this.#reading = this.#read(into)
    return this.#reading
  }

  write(bytes: Buffer): Promise<void> {
    this.#writing = this.#write(bytes)
    return this.#writing
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // Wakes who waits; they go on after `#closing` is set.
    this.#port.poller.stop()
    await Promise.allSettled([this.#reading, this.#writing])
    await this.#port.close()
  }

  async #read(into: Buffer): Promise<number> {
    while (this.#closing === null) {
      const result = await readSome(this.#fd, into)
      if (typeof result === 'number') return result
      if (!isNotReady(result)) throw result
      await this.#ready('readable', pollReadable)
    }
    return 0
  }

  async #write(bytes: Buffer): Promise<void> {
    let at = 0
    while (at < bytes.length) {
      if (this.#closing !== null) throw new Error('closed')
      const result = await writeSome(this.#fd, bytes, at)
      if (typeof result === 'number') at += result
      else if (isNotReady(result)) await this.#ready('writable', pollWritable)
      else throw result
    }
  }

  #ready(event: 'readable' | 'writable', flag: number): Promise<void> {
    if (this.#closing !== null) return Promise.resolve()
    return new Promise(resolve => {
      // Also called with an error when polling stops or fails: the next try will tell.
      this.#port.poller.once(event, () => {
        this.#waitingFor &= ~flag
        resolve()
      })
      this.#waitingFor |= flag
      // The poller forgets one event when asked for another: ask for both.
      if (this.#waitingFor !== flag) this.#port.poller.poll(this.#waitingFor)
    })
  }
}

function readSome(fd: number, into: Buffer): Promise<number | NodeJS.ErrnoException> {
  return new Promise(resolve => {
    fsRead(fd, into, 0, into.length, null, (error, count) => resolve(error ?? count))
  })
}

function writeSome(fd: number, bytes: Buffer, at: number): Promise<number | NodeJS.ErrnoException> {
  return new Promise(resolve => {
    fsWrite(fd, bytes, at, bytes.length - at, null, (error, count) => resolve(error ?? count))
  })
}

function isNotReady(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EAGAIN' || error.code === 'EWOULDBLOCK' || error.code === 'EINTR'
}

/**
 * What is certain before opening. A path that is no character device is never opened: the
 * binding would leave its descriptor behind, once a try.
 */
async function unfitReason(path: string): Promise<OpenFailure | null> {
  try {
    const found = await stat(path)
    if (found.isCharacterDevice()) return null
    return { is: 'failed', error: `${path} is not a serial device` }
  } catch (error) {
    return failureOf(textOf(error), path)
  }
}

/** The binding gives the system's text, not its code. */
function failureOf(text: string, path: string): OpenFailure {
  if (/ENOENT|ENOTDIR|ENXIO|ENODEV|No such|not a directory/i.test(text)) {
    return { is: 'missing', error: `${path} is not there` }
  }
  if (/EACCES|EPERM|Permission denied|not permitted/i.test(text)) {
    const error = `permission denied on ${path}: the user needs the group of the device (dialout)`
    return { is: 'denied', error }
  }
  if (/EBUSY|busy|Cannot lock port/i.test(text)) {
    return { is: 'locked', error: `${path} is in use by another program` }
  }
  return { is: 'failed', error: `cannot open ${path}: ${text.replace(/^Error:? /, '')}` }
}

function bindingOptions(line: LineSettings): object {
  const software = line.flowControl === 'xonxoff'
  return {
    path: line.path,
    baudRate: line.baud,
    dataBits: line.dataBits,
    stopBits: line.stopBits,
    parity: line.parity,
    rtscts: line.flowControl === 'rtscts',
    xon: software,
    xoff: software,
    lock: true,
  }
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
