// What is wrong with the store, on a subject (invariant 5): every account with streams hears on
// `$JS.EVENT.ADVISORY.STORE.PROBLEM` that the store was damaged and salvaged, cannot be written, or
// has no room; and, with an empty list, that all is well again.
//
//   { "type": "io.nats.jetstream.advisory.v1.store_problem", "id", "timestamp",
//     "server": "<name>", "problems": ["…"] }
//
// Told when it changes, and again every repeatMs while it lasts: who connects later hears of it.

import type { Clock, Timer } from '../../src/base/clock.ts'

export interface ProblemAdvisoryParts {
  readonly clock: Clock
  readonly serverName: string
  /** What is wrong now; empty when all is well. */
  readonly problems: () => readonly string[]
  /** To every account that has streams. */
  readonly advise: (subject: string, type: string, body: () => Record<string, unknown>) => void
}

const lookMs = 2000
const repeatMs = 60_000

export class ProblemAdvisory {
  readonly #parts: ProblemAdvisoryParts
  #timer: Timer | null = null
  #told = ''
  #toldMs = 0

  constructor(parts: ProblemAdvisoryParts) {
    this.#parts = parts
  }

  start(): void {
    this.#timer = this.#parts.clock.every(lookMs, () => this.#look())
  }

  /** Idempotent. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #look(): void {
    const { clock, serverName, advise } = this.#parts
    const problems = this.#parts.problems()
    const text = problems.join('\n')
    const nowMs = clock.monotonicMs()
    const isDue = text !== '' && nowMs - this.#toldMs >= repeatMs
    if (text === this.#told && !isDue) return
    this.#told = text
    this.#toldMs = nowMs
    advise('STORE.PROBLEM', 'store_problem', () => ({ server: serverName, problems }))
  }
}
