// Looking for the next message instead of sleeping until it comes, when it is likely to come at
// once. To sleep and be woken costs more than all the work on a request: tens of microseconds,
// and on a virtual machine or a core that went idle a hundred. So after a turn that followed the
// one before within `lookMs` the loop goes round without sleeping for as long again.
//
// What it may cost is bounded: traffic that comes more seldom is never looked for, and after a
// look in vain (a burst has ended, or whoever would send waits for this very core) the next
// turns sleep as usual, twice as many after every further one.
// bench: latency, where p50 falls to a third.

const lookMs = 0.1
const passesMax = 1024

export class Lookout {
  readonly #now: () => number
  #lastMs = 0
  #untilMs = 0
  #isLooking = false
  /** Turns that still sleep, and how many did after the last look in vain. */
  #passes = 0
  #penalty = 0

  /** `now`: milliseconds, with fractions. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Is the loop kept from sleeping? */
  get isLooking(): boolean {
    return this.#isLooking
  }

  /** A turn has ended. */
  turned(): void {
    const nowMs = this.#now()
    const gapMs = nowMs - this.#lastMs
    this.#lastMs = nowMs
    if (this.#isLooking) {
      this.#untilMs = nowMs + lookMs
      this.#penalty = 0
      return
    }
    if (gapMs >= lookMs) return
    if (this.#passes > 0) {
      this.#passes--
      return
    }
    this.#untilMs = nowMs + lookMs
    this.#isLooking = true
    setImmediate(this.#look)
  }

  readonly #look = (): void => {
    if (this.#now() < this.#untilMs) {
      setImmediate(this.#look)
      return
    }
    this.#isLooking = false
    this.#penalty = Math.min(passesMax, Math.max(1, this.#penalty * 2))
    this.#passes = this.#penalty
  }
}
