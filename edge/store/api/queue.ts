// Requests whose answers have not left yet: they wait for the disk, or for work that takes more
// than a turn of the loop. `request_queue_limit` bounds them (invariant 3); what comes beyond is
// dropped, as in nats-server, and an advisory says how many were, once a turn.

import type { Complaints } from './complaints.ts'

/** nats-server's `request_queue_limit`. */
export const requestsMaxDefault = 10_000

type Tell = (dropped: number) => void

export class ApiQueue {
  /** Of all accounts. */
  inflight = 0
  readonly #requestsMax: number
  readonly #complaints: Complaints
  readonly #dropped = new Map<Tell, number>()

  constructor(requestsMax: number, complaints: Complaints) {
    this.#requestsMax = requestsMax > 0 ? requestsMax : requestsMaxDefault
    this.#complaints = complaints
  }

  get isFull(): boolean {
    return this.inflight >= this.#requestsMax
  }

  /** `tell` hears how many of its requests were dropped in this turn. */
  drop(tell: Tell): void {
    if (this.#dropped.size === 0) setImmediate(() => this.#tellAll())
    this.#dropped.set(tell, (this.#dropped.get(tell) ?? 0) + 1)
  }

  #tellAll(): void {
    for (const [tell, dropped] of this.#dropped) {
      this.#complaints.warn(`JetStream API queue limit reached, dropping ${dropped} requests`)
      tell(dropped)
    }
    this.#dropped.clear()
  }
}
