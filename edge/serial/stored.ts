// What became of a port's readings in the streams that want them: how many are on disk, how many
// were refused (a full stream, a full disk). A change is logged once, not each reading.

import type { Log } from '../../src/base/log.ts'
import type { Receipt } from '../../src/message.ts'

/** One for all readings of a port. Counts; a reading that no stream wants is counted nowhere. */
export class Stored implements Receipt {
  stored = 0
  refused = 0
  lastRefusal: string | null = null
  #isRefusing = false
  readonly #port: string
  readonly #log: Log

  constructor(port: string, log: Log) {
    this.#port = port
    this.#log = log
  }

  hold(): void {}

  release(error?: Error): void {
    if (error === undefined) {
      this.stored++
      if (this.#isRefusing) this.#log.info(`Serial port ${this.#port}: readings are stored again`)
      this.#isRefusing = false
      return
    }
    this.refused++
    this.lastRefusal = error.message
    if (!this.#isRefusing) {
      this.#log.error(`Serial port ${this.#port}: readings are not stored: ${error.message}`)
    }
    this.#isRefusing = true
  }
}
