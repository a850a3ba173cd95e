// Slowing producers whose messages go to a consumer that does not keep up (reference 3.14).
//
// A delivery into a congested outbox raises the flag; the link that brought the chunk asks for
// it afterwards and stops reading until that outbox has drained, but never for long: a consumer
// that does not read at all must not stop its producers, it is cut off at max_pending or at the
// write deadline.

import type { Clock } from '../base/clock.ts'

/** nats-server: at most 10 ms per read. */
const stallMsMax = 10

export class Pressure {
  /** Some delivery since the last `wait` went into a congested outbox. */
  raised = false
  /** no_fast_producer_stall: nobody is slowed. */
  isOff = false
  /** Producers stalled so far, for /varz. */
  stalls = 0
  readonly #clock: Clock
  #waiting: (() => void)[] = []
  #isTimed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `resume` once, when a congested outbox has drained or after 10 ms. */
  wait(resume: () => void): void {
    this.raised = false
    if (this.isOff) return resume()
    this.stalls++
    this.#waiting.push(resume)
    if (this.#isTimed) return
    this.#isTimed = true
    this.#clock.after(stallMsMax, () => {
      this.#isTimed = false
      this.drained()
    })
  }

  /** An outbox has drained: everybody may go on. */
  drained(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    for (const resume of waiting) resume()
  }
}
