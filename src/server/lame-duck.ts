// Lame-duck mode (SIGUSR2): no new clients, a grace period, then the clients are closed one by
// one so that they do not all reconnect elsewhere at once. Rule: reference section 3.12.

import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'

/** The longest pause between two clients, as nats-server has it. */
const pauseMsMax = 1000
/** Timers are not finer than this: more clients than that go in groups. */
const pauseMsMin = 10

export interface Duck {
  readonly clients: ReadonlyMap<number, { close(reason: string): void }>
  /** Stops accepting and tells the clients. */
  enterLameDuck(): void
}

export interface LameDuckParts {
  readonly server: Duck
  readonly graceMs: number
  /** With the grace period. */
  readonly durationMs: number
  readonly clock: Clock
  readonly log: Log
  /** Every client is gone: the process may end. */
  readonly done: () => void
}

export class LameDuck {
  readonly #parts: LameDuckParts
  #timer: Timer | null = null
  #isOn = false

  constructor(parts: LameDuckParts) {
    this.#parts = parts
  }

  get isOn(): boolean {
    return this.#isOn
  }

  enter(): void {
    if (this.#isOn) return
    this.#isOn = true
    const { server, graceMs, clock, log, done } = this.#parts
    log.info('Entering lame duck mode, stop accepting new clients')
    server.enterLameDuck()
    if (server.clients.size === 0) return done()
    this.#timer = clock.after(graceMs, () => {
      log.info('Closing existing clients')
      this.#closeSome()
    })
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #closeSome(): void {
    const { server, graceMs, durationMs, clock, done } = this.#parts
    const ids = [...server.clients.keys()]
    if (ids.length === 0) return done()
    const spreadMs = durationMs - graceMs
    const pauseMs = Math.min(pauseMsMax, Math.max(pauseMsMin, spreadMs / ids.length))
    const group = Math.max(1, Math.ceil((ids.length * pauseMs) / spreadMs))
    const closeGroup = () => {
      for (const id of ids.splice(0, group)) server.clients.get(id)?.close('Server Shutdown')
      if (ids.length === 0) return done()
      this.#timer = clock.after(pauseMs, closeGroup)
    }
    closeGroup()
  }
}
