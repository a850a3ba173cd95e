// Warnings that a client can cause, and repeat as often as it likes: each text once in a while,
// and not too many different ones (invariant 3).

import type { Clock } from '../../../src/base/clock.ts'
import type { Log } from '../../../src/base/log.ts'

const againMs = 10_000
/** In that time; what is beyond goes unsaid. */
const textsMax = 256
const textCharactersMax = 1024

export class Complaints {
  readonly #log: Log
  readonly #clock: Clock
  readonly #told = new Set<string>()
  #sinceMs = Number.NEGATIVE_INFINITY

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  warn(text: string): void {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#sinceMs >= againMs) {
      this.#sinceMs = nowMs
      this.#told.clear()
    }
    const shown = text.slice(0, textCharactersMax)
    if (this.#told.size >= textsMax || this.#told.has(shown)) return
    this.#told.add(shown)
    this.#log.warn(shown)
  }
}
