// The ack floor: everything up to it is acknowledged. It follows the lowest message that still
// waits, and is worked out when somebody looks at it, not with every ack.

import type { PendingMessages } from './pending.ts'

export class Floor {
  consumerSeq = 0
  streamSeq = 0
  #isStale = false

  /** Acknowledged up to here, for certain. */
  set(consumerSeq: number, streamSeq: number): void {
    this.consumerSeq = consumerSeq
    this.streamSeq = streamSeq
  }

  /** Some message no longer waits. */
  moved(): void {
    this.#isStale = true
  }

  /** `consumerSeq`, `streamSeq`: what was delivered last. */
  settle(pending: PendingMessages, consumerSeq: number, streamSeq: number): void {
    if (!this.#isStale) return
    this.#isStale = false
    const lowest = pending.lowest()
    if (!lowest) this.set(consumerSeq, streamSeq)
    else if (lowest.consumerSeq - 1 > this.consumerSeq) {
      this.set(lowest.consumerSeq - 1, lowest.seq - 1)
    }
  }
}
