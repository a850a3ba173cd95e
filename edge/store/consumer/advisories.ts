// What a consumer tells about itself and single messages on `$JS.EVENT.…` (reference 6.10).

import { type Fields, timeText } from '../api/text.ts'
import type { ConsumerConfig } from './config.ts'
import type { ConsumerOwner } from './owner.ts'
import { untilOf } from './pause.ts'
import type { Pending } from './pending.ts'

const nsPerMs = 1e6

export class Advisories<C extends { readonly config: ConsumerConfig }> {
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

  /** The pause has begun, changed or ended. */
  paused(): void {
    const untilUs = untilOf(this.#consumer.config)
    this.#owner.advise(this.#consumer, 'PAUSE', 'consumer_pause', {
      paused: this.#owner.nowUs() < untilUs,
      pause_until: timeText(untilUs),
    })
  }

  /** A client of a priority group got the pin, or has lost it. */
  group(event: 'PINNED' | 'UNPINNED', fields: Fields): void {
    const type = `consumer_group_${event.toLowerCase()}`
    this.#owner.advise(this.#consumer, event, type, fields)
  }

  /** An ack that is sampled; the delivery it is for was `ageMs` ago. */
  acked(seq: number, consumerSeq: number, deliveries: number, ageMs: number): void {
    this.#owner.measure(this.#consumer, 'ACK', 'consumer_ack', {
      consumer_seq: consumerSeq,
      stream_seq: seq,
      ack_time: Math.round(ageMs * nsPerMs),
      deliveries,
    })
  }
}
