// What the process knows of itself beside the broker, where no monitoring port counts for it.

import type { Clock } from '../base/clock.ts'
import { CpuShare } from '../monitor/cpu.ts'
import type { ProcessFigures } from '../monitor/varz.ts'

export class Figures {
  readonly #clock: Clock
  readonly #cpu = new CpuShare()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  read(): ProcessFigures {
    return {
      nowWallMs: this.#clock.wallMs(),
      nowMonotonicMs: this.#clock.monotonicMs(),
      residentBytes: process.memoryUsage.rss(),
      cpuPercent: this.#cpu.percent(),
      httpHost: '',
      httpPort: 0,
      httpsPort: 0,
      httpBasePath: '',
      requests: {},
    }
  }
}
