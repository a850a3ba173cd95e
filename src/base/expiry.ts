// The end of a login that was given for a time only (a JWT's `exp`), by the wall clock.

import type { Clock, Timer } from './clock.ts'

/** Timers hold 31 bits of milliseconds, and clocks are set: what ends later is looked at again. */
const lookMsMax = 3_600_000

export class Expiry {
  readonly #clock: Clock
  readonly #expired: () => void
  #timer: Timer | null = null

  constructor(clock: Clock, expired: () => void) {
    this.#clock = clock
    this.#expired = expired
  }

  /** Instead of what was set before; undefined = never. */
  set(wallMs: number | undefined): void {
    this.cancel()
    if (wallMs === undefined) return
    const leftMs = Math.max(0, wallMs - this.#clock.wallMs())
    this.#timer = this.#clock.after(Math.min(leftMs, lookMsMax), () => {
      if (this.#clock.wallMs() >= wallMs) this.#expired()
      else this.set(wallMs)
    })
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}
