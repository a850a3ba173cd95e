// What a consumer tells about single messages on `$JS.EVENT.ADVISORY.CONSUMER.…` (reference 6.10).

import type { ConsumerOwner } from './owner.ts'
import type { Pending } from './pending.ts'

export class Advisories<C> {
  readonly #consumer: C
  readonly #owner: ConsumerOwner<C>

  constructor(consumer: C, owner: ConsumerOwner<C>) {
    this.#consumer = consumer
    this.#owner = owner
  }

  /** Delivered as often as max_deliver allows. */
  exhausted(entry: Pending): void {
    this.#owner.advise(this.#consumer, 'MAX_DELIVERIES', 'max_deliver', {
      stream_seq: entry.seq,
      deliveries: entry.deliveries,
    })
  }

  /** A -NAK came. */
  refused(seq: number, consumerSeq: number, deliveries: number): void {
    this.#owner.advise(this.#consumer, 'MSG_NAKED', 'nak', {
      consumer_seq: consumerSeq,
      stream_seq: seq,
      deliveries,
    })
  }

  /** It will not come again: +TERM, or it is gone from the stream. */
  terminated(seq: number, consumerSeq: number, deliveries: number, reason: string): void {
    this.#owner.advise(this.#consumer, 'MSG_TERMINATED', 'terminated', {
      consumer_seq: consumerSeq,
      stream_seq: seq,
      deliveries,
      ...(reason !== '' && { reason }),
    })
  }
}
