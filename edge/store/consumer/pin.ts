// The pin of a consumer with the priority policy `pinned_client` (2.11, ADR-42): one client gets
// all messages until it is silent for priority_timeout, or an operator takes the pin away.
//
//   none ── the first request that a message goes to ──> held ── unpin (admin) ──> none
//                                                          └─── priority_timeout ──┘
//
// As with nats-server it is not kept: after a restart the first to ask gets a new one, and who
// still shows the old one is told so.

import type { Clock, Timer } from '../../../src/base/clock.ts'
import type { Fields } from '../api/text.ts'
import type { ConsumerConfig } from './config.ts'
import { randomName } from './name.ts'

const nsPerMs = 1e6
const idLength = 22

export interface PinOwner {
  readonly config: ConsumerConfig
  nowUs(): number
  /** `consumer_group_<event>` on `CONSUMER.<EVENT>.<stream>.<consumer>`. */
  adviseGroup(event: 'PINNED' | 'UNPINNED', fields: Fields): void
  wake(): void
}

export class Pin {
  /** '' while nobody holds it. */
  id = ''
  sinceUs = 0
  readonly #owner: PinOwner
  readonly #clock: Clock
  #timer: Timer | null = null

  constructor(owner: PinOwner, clock: Clock) {
    this.#owner = owner
    this.#clock = clock
  }

  /** A new one, for somebody of this group. */
  assign(group: string): string {
    this.id = randomName(idLength)
    this.sinceUs = this.#owner.nowUs()
    this.used(group)
    this.#owner.adviseGroup('PINNED', { group, pinned_id: this.id })
    return this.id
  }

  /** Its holder asks for more: it is his for another priority_timeout. */
  used(group: string): void {
    this.#timer?.cancel()
    const timeoutMs = (this.#owner.config.priority_timeout ?? 0) / nsPerMs
    this.#timer = this.#clock.after(Math.max(1, timeoutMs), () => this.unpin(group, 'timeout'))
  }

  /** It is taken away. */
  unpin(group: string, reason: 'admin' | 'timeout'): void {
    this.release()
    this.#owner.adviseGroup('UNPINNED', { group, reason })
    this.#owner.wake()
  }

  /** The same without a word: nobody has used it yet, or the consumer ends. */
  release(): void {
    this.id = ''
    this.sinceUs = 0
    this.#timer?.cancel()
    this.#timer = null
  }
}
