// Batches nobody has added to for too long: one timer for all of a stream, which is set only while
// there are any, and no work for each message but to note the time.

import type { Clock, Timer } from '../../../src/base/clock.ts'

export interface Touched {
  /** Of the last message, on the monotonic clock. */
  touchedMs: number
}

export class Idle<T extends Touched> {
  readonly #clock: Clock
  readonly #idleMsMax: number
  readonly #all: ReadonlyMap<string, T>
  readonly #abandon: (one: T) => void
  #timer: Timer | null = null

  constructor(
    clock: Clock,
    idleMsMax: number,
    all: ReadonlyMap<string, T>,
    abandon: (one: T) => void,
  ) {
    this.#clock = clock
    this.#idleMsMax = idleMsMax
    this.#all = all
    this.#abandon = abandon
  }

  touch(one: T): void {
    one.touchedMs = this.#clock.monotonicMs()
    this.#timer ??= this.#clock.after(this.#idleMsMax, () => this.#look())
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #look(): void {
    this.#timer = null
    const nowMs = this.#clock.monotonicMs()
    let waitMs = Number.POSITIVE_INFINITY
    for (const one of this.#all.values()) {
      const leftMs = one.touchedMs + this.#idleMsMax - nowMs
      if (leftMs <= 0) this.#abandon(one)
      else waitMs = Math.min(waitMs, leftMs)
    }
    if (waitMs === Number.POSITIVE_INFINITY) return
    this.#timer = this.#clock.after(Math.ceil(waitMs), () => this.#look())
  }
}
