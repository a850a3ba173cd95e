// A consumer that is paused until some time (2.11): nothing is delivered, heartbeats go on, and
// what falls due waits. The time is the store's, which never goes backward, so that no clock set
// back prolongs a pause; one set right far ahead ends it within `lookMs`.

import type { Clock, Timer } from '../../../src/base/clock.ts'
import { timeOf } from '../api/text.ts'
import type { ConsumerConfig } from './config.ts'

/** How often a paused consumer looks at the clock, at least. */
const lookMs = 1000

export interface PauseParts {
  readonly clock: Clock
  readonly nowUs: () => number
  /** The pause is over. */
  readonly ended: () => void
}

export class Pause {
  readonly #parts: PauseParts
  #untilUs = 0
  #timer: Timer | null = null

  constructor(parts: PauseParts) {
    this.#parts = parts
  }

  /** Does it last at this moment? */
  get isOn(): boolean {
    return this.#untilUs > 0 && this.#parts.nowUs() < this.#untilUs
  }

  start(config: ConsumerConfig): void {
    this.close()
    const untilUs = untilOf(config)
    if (this.#parts.nowUs() >= untilUs) return
    this.#untilUs = untilUs
    this.#wait()
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#untilUs = 0
  }

  #wait(): void {
    const { clock, nowUs } = this.#parts
    const leftMs = (this.#untilUs - nowUs()) / 1000
    this.#timer = clock.after(Math.max(1, Math.min(leftMs, lookMs)), () => {
      if (nowUs() < this.#untilUs) return this.#wait()
      this.close()
      this.#parts.ended()
    })
  }
}

/** Microseconds; 0 = it is not paused. */
export function untilOf({ pause_until }: ConsumerConfig): number {
  return pause_until === undefined ? 0 : Math.max(0, timeOf(pause_until) ?? 0)
}
