// When unacknowledged messages come again: one timer a consumer, set to the first that falls due.

import type { Clock, Timer } from '../../../src/base/clock.ts'
import type { ConsumerConfig } from './config.ts'
import type { Pending, PendingMessages } from './pending.ts'

const nsPerMs = 1e6
const never = Number.POSITIVE_INFINITY
/** What falls due is gathered for this long, and for longer when very many are pending. */
const gatherMs = 1
const pendingPerMs = 100

/** ack_wait, or the backoff step behind this delivery; Infinity where nothing falls due. */
export function ackWaitMs(config: ConsumerConfig, deliveries: number): number {
  const { backoff, ack_wait = 0 } = config
  if (!backoff) return ack_wait > 0 ? ack_wait / nsPerMs : never
  return (backoff[Math.min(deliveries, backoff.length) - 1] as number) / nsPerMs
}

/** It has been delivered as often as max_deliver allows. */
export function isLastDelivery(config: ConsumerConfig, entry: Pending): boolean {
  const max = config.max_deliver ?? -1
  return max > 0 && entry.deliveries >= max
}

export class Redelivery {
  readonly #pending: PendingMessages
  readonly #clock: Clock
  readonly #due: (entries: readonly Pending[]) => void
  #timer: Timer | null = null
  #dueMs = never

  constructor(pending: PendingMessages, clock: Clock, due: (entries: readonly Pending[]) => void) {
    this.#pending = pending
    this.#clock = clock
    this.#due = due
  }

  /** Something falls due then. */
  arm(dueMs: number): void {
    if (dueMs >= this.#dueMs || dueMs === never) return
    this.#timer?.cancel()
    this.#dueMs = dueMs
    const waitMs = Math.max(0, dueMs - this.#clock.monotonicMs())
    const extraMs = gatherMs + this.#pending.count / pendingPerMs
    this.#timer = this.#clock.after(waitMs + extraMs, () => {
      this.#timer = null
      this.#dueMs = never
      this.#due(this.#pending.due(this.#clock.monotonicMs()))
      this.armNext()
    })
  }

  /** Looks for the first that falls due. */
  armNext(): void {
    this.arm(this.#pending.nextDueMs())
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#dueMs = never
  }
}
