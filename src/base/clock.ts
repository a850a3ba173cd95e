// Time, passed in wherever it is needed, so that tests hold it still.

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall clock, ms since 1970. May jump either way: never use it for durations. */
  wallMs(): number
  /** Never goes backward; its zero means nothing. */
  monotonicMs(): number
  /** Calls `fire` once after `ms`. The timer alone does not keep the process alive. */
  after(ms: number, fire: () => void): Timer
  /** Calls `fire` every `ms` until cancelled. */
  every(ms: number, fire: () => void): Timer
}

/** setTimeout's own bound: a longer delay would fire at once. */
const delayMsMax = 2_147_483_647

export const realClock: Clock = {
  wallMs: Date.now,
  monotonicMs: () => performance.now(),
  after(ms, fire) {
    const timer = setTimeout(fire, Math.min(ms, delayMsMax)).unref()
    return { cancel: () => clearTimeout(timer) }
  },
  every(ms, fire) {
    const timer = setInterval(fire, Math.min(ms, delayMsMax)).unref()
    return { cancel: () => clearInterval(timer) }
  },
}

interface Pending {
  readonly dueMs: number
  readonly order: number
  readonly periodMs: number
  readonly fire: () => void
}

/** A clock that moves only when told. */
export class FakeClock implements Clock {
  #nowMs = 0
  #wallOffsetMs: number
  #order = 0
  readonly #pending = new Set<Pending>()

  constructor(wallMs = 1_700_000_000_000) {
    this.#wallOffsetMs = wallMs
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  after(ms: number, fire: () => void): Timer {
    return this.#add(ms, 0, fire)
  }

  every(ms: number, fire: () => void): Timer {
    return this.#add(ms, Math.max(1, ms), fire)
  }

  /** Moves on by `ms`, firing what falls due, in order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const next = this.#next(untilMs)
      if (!next) break
      this.#nowMs = next.dueMs
      this.#pending.delete(next)
      if (next.periodMs > 0) {
        const again = { ...next, dueMs: next.dueMs + next.periodMs, order: this.#order++ }
        this.#pending.add(again)
        this.#replaced.set(next, again)
      }
      next.fire()
    }
    this.#nowMs = untilMs
  }

  /** Moves the wall clock alone, as NTP does on a board without a real-time clock. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms
  }

  readonly #replaced = new WeakMap<Pending, Pending>()

  #add(ms: number, periodMs: number, fire: () => void): Timer {
    const first: Pending = { dueMs: this.#nowMs + ms, order: this.#order++, periodMs, fire }
    this.#pending.add(first)
    return {
      cancel: () => {
        let timer: Pending | undefined = first
        while (timer) {
          this.#pending.delete(timer)
          timer = this.#replaced.get(timer)
        }
      },
    }
  }

  #next(untilMs: number): Pending | undefined {
    let best: Pending | undefined
    for (const timer of this.#pending) {
      if (timer.dueMs > untilMs) continue
      if (!best || timer.dueMs < best.dueMs) best = timer
      else if (timer.dueMs === best.dueMs && timer.order < best.order) best = timer
    }
    return best
  }
}
