// Messages of an origin that can never be stored, however often they are tried: they are left out,
// so that what comes after them is not held up, and the log says so. nats-server tries them again
// for ever. Bounded: a line a minute, whatever there is to say.

import type { Clock } from '../../../src/base/clock.ts'
import type { Log } from '../../../src/base/log.ts'
import { headersTooLarge, messageTooLarge, ttlInvalid } from '../errors.ts'
import { counterBroken, incrementInvalid, incrementMissing } from '../publish-errors.ts'
import type { ApiError } from '../shapes.ts'

const forGood: ReadonlySet<number> = new Set(
  [
    messageTooLarge,
    headersTooLarge,
    ttlInvalid,
    incrementMissing,
    incrementInvalid,
    counterBroken,
  ].map(({ err_code }) => err_code),
)

/** It is the message that is wrong, not the time. */
export function isForGood(error: ApiError): boolean {
  return forGood.has(error.err_code)
}

const lineEveryMs = 60_000

export class LeftOut {
  readonly #log: Log
  readonly #clock: Clock
  /** For the log: whose messages. */
  readonly #label: string
  count = 0
  #saidMs = Number.NEGATIVE_INFINITY

  constructor(log: Log, clock: Clock, label: string) {
    this.#log = log
    this.#clock = clock
    this.#label = label
  }

  note(seq: number, { description, err_code }: ApiError): void {
    this.count++
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#saidMs < lineEveryMs) return
    this.#saidMs = nowMs
    const what = `left out message ${seq}: ${description} (${err_code}), ${this.count} so far`
    this.#log.warn(`JetStream ${this.#label} ${what}`)
  }
}
