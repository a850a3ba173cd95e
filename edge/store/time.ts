// The store's time: microseconds since 1970 that never go backward, whatever the wall clock does
// (invariant 6). A board without a real-time clock starts in 1970 or days behind and is set right
// by NTP minutes later.
//
//   wall ahead a little      follow it (drift, NTP slewing)
//   wall behind              tick on from where we are at the monotonic clock's rate
//   wall jumps ahead         follow it, and remember the jump: time that did not pass ages nothing
//
// Ages are measured without the jumps, so that a clock set right does not expire everything that
// was stored before. What passed while the program was off counts if the clock says so.

import type { Clock } from '../../src/base/clock.ts'

interface Jump {
  /** Store time right after the jump. */
  readonly atUs: number
  readonly byUs: number
}

/** A wall clock further ahead of the monotonic one than this has jumped. */
const jumpUsMin = 10_000_000
/** Oldest jumps beyond these become one at time 0: ages before them are then over-counted. */
const jumpsMax = 64

export class StoreTime {
  readonly #clock: Clock
  #lastUs = 0
  #lastMonotonicUs = 0
  #jumps: Jump[] = []
  /** Sum of the jumps. */
  #jumpedUs = 0
  #jumpsChanged = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Goes on from what was persisted; with '' and 0 it starts at the wall clock. */
  start(jumps: string, lastUs: number): void {
    this.#jumps = parseJumps(jumps)
    this.#jumpedUs = this.#jumps.reduce((sum, jump) => sum + jump.byUs, 0)
    this.#lastMonotonicUs = Math.round(this.#clock.monotonicMs() * 1000)
    this.#lastUs = Math.max(lastUs, Math.round(this.#clock.wallMs() * 1000))
  }

  /** Now; never less than what it said before. */
  nowUs(): number {
    const monotonicUs = Math.round(this.#clock.monotonicMs() * 1000)
    const passedUs = Math.max(0, monotonicUs - this.#lastMonotonicUs)
    const steadyUs = this.#lastUs + passedUs
    const wallUs = Math.round(this.#clock.wallMs() * 1000)
    this.#lastMonotonicUs = monotonicUs
    this.#lastUs = Math.max(steadyUs, wallUs)
    if (wallUs - steadyUs > jumpUsMin) this.#jumped(wallUs, wallUs - steadyUs)
    return this.#lastUs
  }

  /** Store time `ageUs` ago, jumps left out: what is before it is older than that. */
  cutoffUs(ageUs: number): number {
    let cutoff = this.nowUs() - ageUs
    for (let i = this.#jumps.length - 1; i >= 0; i--) {
      const jump = this.#jumps[i] as Jump
      if (jump.atUs <= cutoff) break
      cutoff -= jump.byUs
    }
    return cutoff
  }

  /** Store time at which what was stored at `timeUs` will be `ageUs` old, if no jump comes. */
  dueUs(timeUs: number, ageUs: number): number {
    let due = timeUs + ageUs
    for (const jump of this.#jumps)
      if (jump.atUs > timeUs && jump.atUs <= due + jump.byUs) due += jump.byUs
    return due
  }

  /**
   * Steady time: store time without any jump. It says when something that has so long to live has
   * lived so long, and a jump to come does not change the answer.
   */
  steadyNowUs(): number {
    return this.nowUs() - this.#jumpedUs
  }

  /** Steady time at a store time; what claims to be of the future is of now. */
  steadyUs(timeUs: number): number {
    const nowUs = this.steadyNowUs()
    let jumpedUs = this.#jumpedUs
    for (let i = this.#jumps.length - 1; i >= 0; i--) {
      const jump = this.#jumps[i] as Jump
      if (jump.atUs <= timeUs) break
      jumpedUs -= jump.byUs
    }
    return Math.min(timeUs - jumpedUs, nowUs)
  }

  /** What the clock on the wall shows. */
  wallUs(): number {
    return Math.round(this.#clock.wallMs() * 1000)
  }

  /** Are there jumps to persist? */
  get changed(): boolean {
    return this.#jumpsChanged
  }

  /** The jumps to persist when they changed since the last call. */
  takeChanged(): string | undefined {
    if (!this.#jumpsChanged) return undefined
    this.#jumpsChanged = false
    return JSON.stringify(this.#jumps.map(jump => [jump.atUs, jump.byUs]))
  }

  #jumped(atUs: number, byUs: number): void {
    this.#jumps.push({ atUs, byUs })
    this.#jumpedUs += byUs
    if (this.#jumps.length > jumpsMax) {
      const [first, second] = this.#jumps.splice(0, 2) as [Jump, Jump]
      this.#jumps.unshift({ atUs: 0, byUs: first.byUs + second.byUs })
    }
    this.#jumpsChanged = true
  }
}

function parseJumps(text: string): Jump[] {
  if (text === '') return []
  const pairs = JSON.parse(text) as [number, number][]
  return pairs.map(([atUs, byUs]) => ({ atUs, byUs }))
}
