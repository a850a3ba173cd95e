// How much is done at once before everybody else has a turn: some steps, some milliseconds.

import type { Clock } from '../../../src/base/clock.ts'

const stepsMax = 256
const sliceMsMax = 4
/** The clock is looked at after so many steps. */
const stepsUnwatched = 16

export class Slice {
  readonly #clock: Clock
  readonly #untilMs: number
  #left = stepsMax

  constructor(clock: Clock) {
    this.#clock = clock
    this.#untilMs = clock.monotonicMs() + sliceMsMax
  }

  get left(): number {
    return this.#left
  }

  get isOver(): boolean {
    return this.#left <= 0
  }

  nowMs(): number {
    return this.#clock.monotonicMs()
  }

  /** One more step; true: not any more. */
  take(): boolean {
    if (this.#left <= 0) return true
    if (--this.#left % stepsUnwatched === 0 && this.nowMs() >= this.#untilMs) this.#left = 0
    return false
  }
}
