// `write_deadline`: how long a peer may take to accept a write before it is cut off as slow.

import type { Clock, Timer } from '../base/clock.ts'

/** What waits for the peer; writes that get done are progress. */
export interface Writes {
  readonly isWriting: boolean
  readonly writesDone: number
}

export class WriteDeadline {
  readonly #clock: Clock
  readonly #writes: Writes
  readonly #exceeded: () => void
  #timer: Timer | null = null

  constructor(clock: Clock, writes: Writes, exceeded: () => void) {
    this.#clock = clock
    this.#writes = writes
    this.#exceeded = exceeded
  }

  /** A write waits for the peer: it has so long to take it. */
  begin(deadlineMs: number): void {
    if (this.#timer !== null) return
    const written = this.#writes.writesDone
    this.#timer = this.#clock.after(deadlineMs, () => {
      this.#timer = null
      if (!this.#writes.isWriting) return
      if (this.#writes.writesDone === written) this.#exceeded()
      else this.begin(deadlineMs)
    })
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}
