// PING to the peer, and the end of a connection that does not answer (reference 3.11).

import type { Clock, Timer } from '../base/clock.ts'

export interface KeepaliveOptions {
  readonly intervalMs: number
  /** Unanswered pings that are still forgiven. */
  readonly unansweredMax: number
  /** The first PING comes early, to measure the round trip. */
  readonly firstMs: number
}

export interface KeepaliveOwner {
  sendPing(): void
  /** `unansweredMax` pings were not answered. */
  wentStale(): void
}

export class Keepalive {
  /** Round trip of the last answered PING, ms; 0 = none yet. */
  rttMs = 0
  readonly #owner: KeepaliveOwner
  readonly #clock: Clock
  readonly #options: KeepaliveOptions
  #unanswered = 0
  #sentMs = 0
  #heardMs = 0
  #timer: Timer | null = null

  constructor(owner: KeepaliveOwner, clock: Clock, options: KeepaliveOptions) {
    this.#owner = owner
    this.#clock = clock
    this.#options = options
  }

  start(): void {
    // Jitter keeps a thousand clients that came back together from pinging together.
    const firstMs = this.#options.firstMs * (1 + Math.random() * 0.25)
    this.#timer = this.#clock.after(Math.min(firstMs, this.#options.intervalMs), this.#tick)
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  /** The peer sent something: the next PING can wait, as it is plainly alive. */
  heard(): void {
    this.#heardMs = this.#clock.monotonicMs()
  }

  pong(): void {
    if (this.#unanswered > 0) this.rttMs = this.#clock.monotonicMs() - this.#sentMs
    this.#unanswered = 0
  }

  readonly #tick = (): void => {
    const nowMs = this.#clock.monotonicMs()
    const { intervalMs, unansweredMax } = this.#options
    const isQuiet = nowMs - this.#heardMs >= intervalMs / 2
    if (this.rttMs === 0 || isQuiet || this.#unanswered > 0) {
      if (this.#unanswered >= unansweredMax && isQuiet) {
        this.#owner.wentStale()
        return
      }
      if (this.#unanswered === 0 || isQuiet) this.#ping(nowMs)
    }
    this.#timer = this.#clock.after(intervalMs, this.#tick)
  }

  #ping(nowMs: number): void {
    this.#unanswered++
    this.#sentMs = nowMs
    this.#owner.sendPing()
  }
}
