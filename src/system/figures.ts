// What the process knows of itself beside the broker: time, memory, processor share.

import type { Clock } from '../base/clock.ts'
import type { ProcessFigures } from '../monitor/varz.ts'

/** The processor share is measured over at least this long. */
const cpuWindowMs = 1000

type Listening = Pick<ProcessFigures, 'httpHost' | 'httpPort' | 'httpBasePath' | 'requests'>

export class Figures {
  readonly #clock: Clock
  /** Of the monitoring port. */
  readonly #listening: () => Listening
  #cpu = { percent: 0, atMs: 0, usedMs: 0 }

  constructor(clock: Clock, listening: () => Listening) {
    this.#clock = clock
    this.#listening = listening
  }

  read(): ProcessFigures {
    return {
      nowWallMs: this.#clock.wallMs(),
      nowMonotonicMs: this.#clock.monotonicMs(),
      residentBytes: process.memoryUsage.rss(),
      cpuPercent: this.#cpuPercent(),
      httpsPort: 0,
      ...this.#listening(),
    }
  }

  /** Of one core, since the last time it was measured. */
  #cpuPercent(): number {
    const nowMs = performance.now()
    const { user, system } = process.cpuUsage()
    const usedMs = (user + system) / 1000
    const elapsedMs = nowMs - this.#cpu.atMs
    if (elapsedMs >= cpuWindowMs) {
      const percent = Math.round(((usedMs - this.#cpu.usedMs) / elapsedMs) * 1000) / 10
      this.#cpu = { percent, atMs: nowMs, usedMs }
    }
    return this.#cpu.percent
  }
}
