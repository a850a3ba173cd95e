// Acknowledgements of one consumer's deliveries (reference 6.6): what each verb means for its
// ledger, and which of them are answered.
//
//   $JS.ACK.….    +ACK -NAK +WPI +NXT +TERM    explicit, all
//   $JS.FC.…      an answer to flow control    flow_control (ADR-60); its headers say up to where

import { headerOf } from '../../../src/system/encoding.ts'
import { type AckedMessage, ackVerb, nakDelayMs, readAckNumbers, termReason } from './ack.ts'
import type { Advisories } from './advisories.ts'
import type { AckAnswers } from './ack-answers.ts'
import type { ConsumerConfig } from './config.ts'
import type { AckOutcome, Ledger } from './ledger.ts'
import type { Outlet } from './outlet.ts'
import type { ConsumerOwner } from './owner.ts'
import { type Redelivery, ackWaitMs } from './redelivery.ts'
import { isSampled, sampleShare } from './sampling.ts'

/** The consumer, as its acknowledgements see it. */
export interface AckOwner {
  readonly config: ConsumerConfig
  readonly ledger: Ledger
  readonly outlet: Outlet
  readonly closed: boolean
  /** How many more may wait for an ack. */
  ackRoom(): number
  wake(): void
}

export interface AckParts<C extends AckOwner> {
  readonly consumer: C
  readonly owner: ConsumerOwner<C>
  readonly answers: AckAnswers<C>
  readonly advisories: Advisories<C>
  readonly redelivery: Redelivery
}

export class AckIntake<C extends AckOwner> {
  readonly #parts: AckParts<C>
  readonly #acked: AckedMessage = { deliveries: 0, streamSeq: 0, consumerSeq: 0 }

  constructor(parts: AckParts<C>) {
    this.#parts = parts
  }

  /** A message on the consumer's ack subject; `from`: where its numbers start. */
  take(subject: string, from: number, reply: string, body: Buffer): void {
    const { consumer, answers, advisories } = this.#parts
    const acked = this.#acked
    if (consumer.closed || !readAckNumbers(subject, from, acked)) return
    const { outlet } = consumer
    outlet.touched()
    const { streamSeq, consumerSeq, deliveries } = acked
    switch (ackVerb(body)) {
      case 'ack':
        if (consumer.config.sample_freq) this.#sample(streamSeq, consumerSeq, deliveries)
        if (this.#ack(streamSeq, consumerSeq) === 'never delivered') return
        break
      case 'next':
        if (consumer.config.sample_freq) this.#sample(streamSeq, consumerSeq, deliveries)
        this.#ack(streamSeq, consumerSeq)
        outlet.request(reply, body.subarray('+NXT'.length), this.#nowMs())
        return
      case 'nak':
        this.#refuse(streamSeq, consumerSeq, deliveries, body)
        break
      case 'progress':
        this.#progress(streamSeq)
        break
      case 'term': {
        const outcome = this.#ack(streamSeq, consumerSeq)
        advisories.terminated(streamSeq, consumerSeq, deliveries, termReason(body))
        if (outcome === 'never delivered') return
        break
      }
      case 'unknown':
        break
    }
    if (reply === '') return
    answers.add(reply)
    consumer.wake()
  }

  /**
   * The receiver has answered a flow control request: what its headers name is stored there. 0 as
   * the last consumer sequence says that nothing came.
   */
  flowed(headers: Buffer): void {
    const { consumer } = this.#parts
    if (consumer.config.ack_policy !== 'flow_control' || consumer.closed) return
    const streamSeq = numberOf(headerOf(headers, 'nats-last-stream'))
    if (streamSeq > 0) this.#ack(streamSeq, numberOf(headerOf(headers, 'nats-last-consumer')))
  }

  #nowMs(): number {
    return this.#parts.owner.clock.monotonicMs()
  }

  /** The store may not be able to take it: no answer, as for what was never delivered. */
  #ack(seq: number, consumerSeq: number): AckOutcome {
    const { consumer, owner } = this.#parts
    const { ledger, config } = consumer
    if (!owner.takesAcks) return 'never delivered'
    const hadRoom = consumer.ackRoom() > 0
    const outcome =
      config.ack_policy === 'explicit' ? ledger.ackOne(seq) : ledger.ackUpTo(seq, consumerSeq)
    if (outcome !== 'taken') return outcome
    if (owner.removesAcked) for (const each of ledger.covered) owner.acked(consumer, each)
    owner.saveSoon(consumer)
    if (!hadRoom) consumer.wake()
    return outcome
  }

  #sample(seq: number, consumerSeq: number, deliveries: number): void {
    const { consumer, advisories } = this.#parts
    const { ack_policy, sample_freq } = consumer.config
    if (ack_policy !== 'explicit' || !isSampled(sampleShare(sample_freq), Math.random())) return
    const entry = consumer.ledger.pending.get(seq)
    if (entry) advisories.acked(seq, consumerSeq, deliveries, this.#nowMs() - entry.sentMs)
  }

  #refuse(seq: number, consumerSeq: number, deliveries: number, body: Buffer): void {
    const { consumer, advisories, redelivery } = this.#parts
    const { ledger } = consumer
    ledger.settleFloor()
    if (consumerSeq <= ledger.floor.consumerSeq || consumerSeq >= ledger.nextConsumerSeq) return
    const entry = ledger.pending.get(seq)
    if (!entry) return
    advisories.refused(seq, consumerSeq, deliveries)
    const delayMs = nakDelayMs(body)
    if (delayMs === null) {
      ledger.pending.enqueue(seq)
      consumer.wake()
      return
    }
    const dueMs = this.#nowMs() + delayMs
    ledger.pending.postpone(entry, dueMs)
    redelivery.arm(dueMs)
  }

  #progress(seq: number): void {
    const { config, ledger } = this.#parts.consumer
    const entry = ledger.pending.get(seq)
    if (!entry) return
    ledger.pending.postpone(entry, this.#nowMs() + ackWaitMs(config, entry.deliveries))
  }
}

function numberOf(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : 0
}
