// One serial port: opens it, reads frames, writes what is asked, and opens it again for ever.
//
//   closed --start--> opening --opened--> open --read or write fails--> waiting
//      ^                 |  ^                                              |
//      |               fails +------------- after the delay ---------------+
//      |                 +--> waiting
//      +------------------------------ close, from everywhere
//
// A port that is missing, is pulled out and comes back is normal: each change is logged and told
// once, retries that find the same trouble are silent. The delay doubles from reopen_delay to
// reopen_delay_max and starts anew once the port stayed open for that long.

import type { Clock, Timer } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { type Framer, newFramer } from './frame.ts'
import { type OpenDevice, type SerialDevice, textOf } from './device.ts'
import type { SerialPortOptions } from './options.ts'
import { type Output, readingOf, timeText } from './reading.ts'
import { type Answer, Writes } from './writes.ts'

/** Taken in one read; bounds the work a flooding port makes in one turn of the loop. */
const readBytesMax = 4096

export interface Trouble {
  readonly is: 'missing' | 'denied' | 'locked' | 'failed' | 'lost'
  readonly error: string
}

type State =
  | { readonly is: 'closed' }
  | { readonly is: 'opening'; readonly trouble: Trouble | null }
  | { readonly is: 'waiting'; readonly trouble: Trouble; readonly timer: Timer }
  | { readonly is: 'open'; readonly device: SerialDevice; readonly sinceMs: number }

/** What a port hands out. */
export interface PortEvents {
  reading(payload: Buffer): void
  status(payload: Buffer): void
}

export interface PortInit {
  readonly options: SerialPortOptions
  readonly open: OpenDevice
  readonly clock: Clock
  readonly log: Log
  readonly events: PortEvents
}

export class Port {
  readonly name: string
  frames = 0
  bytes = 0
  opened = 0
  /** Times the port could not be opened or was lost, retries included. */
  errors = 0
  #state: State = { is: 'closed' }
  #lastError = ''
  #lastErrorMs = 0
  #lastFrameMs = 0
  #retries = 0
  #lastByteMs = 0
  #silence: Timer | null = null
  readonly #path: string
  readonly #options: SerialPortOptions
  readonly #open: OpenDevice
  readonly #clock: Clock
  readonly #log: Log
  readonly #events: PortEvents
  readonly #framer: Framer
  readonly #writes: Writes

  constructor(init: PortInit) {
    const { options } = init
    this.name = options.name
    this.#path = options.path ?? ''
    this.#options = options
    this.#open = init.open
    this.#clock = init.clock
    this.#log = init.log
    this.#events = init.events
    this.#framer = newFramer(options.framing, options.frame_bytes_max, (frame, firstMs) =>
      this.#frame(frame, firstMs),
    )
    this.#writes = new Writes(options.write_bytes_max, (device, error) =>
      this.#lost(device, textOf(error)),
    )
  }

  /** Resolves after the first try, whatever came of it. */
  async start(): Promise<void> {
    if (this.#state.is !== 'closed') return
    await this.#tryOpen(null)
  }

  async close(): Promise<void> {
    const state = this.#state
    if (state.is === 'closed') return
    this.#state = { is: 'closed' }
    if (state.is === 'waiting') state.timer.cancel()
    this.#release(`serial port ${this.name} is closed`)
    this.#tell('closed', '')
    if (state.is === 'open') await state.device.close()
  }

  /** Takes the bytes over; `answer` is called once they are written or refused. */
  write(bytes: Buffer, answer: Answer): void {
    this.#writes.add(bytes, answer)
  }

  view(): object {
    const state = this.#state
    const trouble = state.is === 'waiting' || state.is === 'opening' ? state.trouble : null
    return {
      name: this.name,
      path: this.#path,
      state: trouble?.is ?? state.is,
      frames: this.frames,
      bytes: this.bytes,
      oversize: this.#framer.oversize,
      skipped_bytes: this.#framer.skippedBytes,
      writes: this.#writes.writes,
      written_bytes: this.#writes.writtenBytes,
      refused_writes: this.#writes.refused,
      write_queue_bytes: this.#writes.queuedBytes,
      opened: this.opened,
      errors: this.errors,
      last_error: this.#lastError === '' ? null : this.#lastError,
      last_error_time: timeOrNull(this.#lastErrorMs),
      last_frame_time: timeOrNull(this.#lastFrameMs),
    }
  }

  async #tryOpen(trouble: Trouble | null): Promise<void> {
    const opening: State = { is: 'opening', trouble }
    this.#state = opening
    const options = this.#options
    const result = await this.#open({
      path: this.#path,
      baud: options.baud,
      dataBits: options.data_bits,
      stopBits: options.stop_bits,
      parity: options.parity,
      flowControl: options.flow_control,
    })
    if (this.#state !== opening) {
      // Closed meanwhile.
      if (result.is === 'open') await result.device.close()
      return
    }
    if (result.is === 'open') this.#isOpen(result.device)
    else this.#failed(result, trouble)
  }

  #isOpen(device: SerialDevice): void {
    this.opened++
    this.#state = { is: 'open', device, sinceMs: this.#clock.monotonicMs() }
    this.#writes.open(device)
    const { baud, data_bits, parity, stop_bits } = this.#options
    const line = `${baud} baud ${data_bits}${parity.charAt(0).toUpperCase()}${stop_bits}`
    this.#log.info(`Serial port ${this.name} is open: ${this.#path}, ${line}`)
    this.#tell('open', '')
    void this.#readAll(device)
  }

  #failed(found: Trouble, before: Trouble | null): void {
    // A port that was pulled out is missing until it comes back: that is no news.
    const same = before?.is === 'lost' && found.is === 'missing'
    const trouble = same ? before : found
    this.#trouble(trouble, before?.is !== trouble.is || before.error !== trouble.error)
  }

  async #readAll(device: SerialDevice): Promise<void> {
    const into = Buffer.allocUnsafe(readBytesMax)
    for (;;) {
      let count: number
      try {
        count = await device.read(into)
      } catch (error) {
        this.#lost(device, textOf(error))
        return
      }
      if (this.#state.is !== 'open' || this.#state.device !== device) return
      if (count === 0) {
        this.#lost(device, 'the device hung up')
        return
      }
      this.bytes += count
      this.#framer.push(into.subarray(0, count), this.#clock.wallMs())
      if (this.#framer.silenceMs > 0) this.#awaitSilence()
    }
  }

  #lost(device: SerialDevice, error: string): void {
    const state = this.#state
    if (state.is !== 'open' || state.device !== device) return
    const openMs = this.#clock.monotonicMs() - state.sinceMs
    if (openMs >= this.#options.reopen_delay_max) this.#retries = 0
    this.#trouble({ is: 'lost', error: `${this.#path} was lost: ${error}` }, true)
    this.#release(`serial port ${this.name} was lost`)
    // Nothing waits for it; closing a descriptor of a device that is gone cannot do harm.
    device.close().catch(failure => this.#note(textOf(failure)))
  }

  /** Stays in trouble until the next try. */
  #trouble(trouble: Trouble, news: boolean): void {
    this.errors++
    this.#note(trouble.error)
    const { reopen_delay, reopen_delay_max } = this.#options
    const delayMs = Math.min(reopen_delay_max, reopen_delay * 2 ** Math.min(this.#retries++, 20))
    const timer = this.#clock.after(delayMs, () => void this.#tryOpen(trouble))
    this.#state = { is: 'waiting', trouble, timer }
    if (!news) return
    this.#log.warn(`Serial port ${this.name}: ${trouble.error}`)
    this.#tell(trouble.is, trouble.error)
  }

  #note(error: string): void {
    this.#lastError = error
    this.#lastErrorMs = this.#clock.wallMs()
  }

  #release(why: string): void {
    this.#silence?.cancel()
    this.#silence = null
    this.#framer.reset()
    this.#writes.drop(why)
  }

  #frame(frame: Buffer, firstMs: number): void {
    this.frames++
    this.#lastFrameMs = firstMs
    // `raw` is a view of the framer's bytes: publishing copies it where it must.
    const output = this.#options.output as Output
    this.#events.reading(readingOf(frame, output, this.name, firstMs))
  }

  /** One timer, moved on lazily: a byte costs no timer. */
  #awaitSilence(): void {
    this.#lastByteMs = this.#clock.monotonicMs()
    this.#silence ??= this.#clock.after(this.#framer.silenceMs, () => this.#silenceDue())
  }

  #silenceDue(): void {
    const leftMs = this.#framer.silenceMs - (this.#clock.monotonicMs() - this.#lastByteMs)
    if (leftMs > 0) {
      this.#silence = this.#clock.after(Math.ceil(leftMs), () => this.#silenceDue())
      return
    }
    this.#silence = null
    this.#framer.quiet()
  }

  #tell(state: string, error: string): void {
    const time = timeText(this.#clock.wallMs())
    const told = { time, port: this.name, state, ...(error === '' ? {} : { error }) }
    this.#events.status(Buffer.from(JSON.stringify(told)))
  }
}

function timeOrNull(ms: number): string | null {
  return ms === 0 ? null : timeText(ms)
}
