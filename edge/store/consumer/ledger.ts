// The account of one consumer's deliveries: how far it has come in its stream (cursor), what is
// not acknowledged yet (pending), up to where everything is (floor). What of it is persisted is
// `state()`; a reset (2.14, ADR-60) takes it back to where it has never delivered from.
//
//   cursor ─ delivered ─> pending ─ acknowledged ─> floor moves up behind the lowest pending
//      └── ack policy none: the floor goes along

import type { Clock } from '../../../src/base/clock.ts'
import type { Stream } from '../shapes.ts'
import type { ConsumerConfig } from './config.ts'
import { Cursor } from './cursor.ts'
import { Floor } from './floor.ts'
import type { ConsumerState, StoredConsumer } from './keeper.ts'
import { PendingMessages, type Waits } from './pending.ts'

/** What an acknowledgement did. */
export type AckOutcome = 'taken' | 'known' | 'never delivered'

const none: readonly number[] = []

export interface LedgerParts {
  readonly stream: Stream
  readonly config: ConsumerConfig
  readonly clock: Clock
  readonly waits: Waits
  readonly nowUs: () => number
}

export class Ledger {
  readonly cursor: Cursor
  readonly pending: PendingMessages
  readonly floor = new Floor()
  nextConsumerSeq = 1
  lastDeliveredUs = 0
  lastAckedUs = 0
  /** What the last acknowledgement covered: interest streams must hear of all. */
  covered: readonly number[] = none
  readonly #stream: Stream
  readonly #nowUs: () => number
  /** Times are taken once for many acks. */
  #hasAcked = false
  readonly #one = [0]

  constructor({ stream, config, clock, waits, nowUs }: LedgerParts) {
    this.#stream = stream
    this.#nowUs = nowUs
    this.pending = new PendingMessages(waits)
    this.cursor = new Cursor(stream, config, clock)
  }

  /** A new consumer's place. */
  place(config: ConsumerConfig): void {
    this.cursor.start(config)
    this.floor.set(0, this.cursor.nextSeq - 1)
  }

  /** A stored one goes on; what was pending counts as sent at `sentMs`. */
  restore({ config, state, chunks }: StoredConsumer, sentMs: number): void {
    const startSeq = config.opt_start_seq ?? 0
    this.cursor.resumeAt(state.deliveredStreamSeq, state.skipUntil, startSeq)
    this.nextConsumerSeq = state.deliveredConsumerSeq + 1
    this.floor.set(state.floorConsumerSeq, state.floorStreamSeq)
    this.lastDeliveredUs = state.lastDeliveredUs
    this.lastAckedUs = state.lastAckedUs
    for (const [chunk, entries] of chunks) this.pending.restore(chunk, entries, sentMs)
    this.dropMissing()
  }

  /** Nothing was ever delivered, and `seq` comes next. */
  reset(seq: number): void {
    this.pending.clear()
    this.cursor.reset(seq)
    this.nextConsumerSeq = 1
    this.floor.set(0, seq - 1)
    this.lastDeliveredUs = 0
    this.lastAckedUs = 0
    this.#hasAcked = false
  }

  /** An ack of one message. */
  ackOne(seq: number): AckOutcome {
    this.covered = none
    if (seq === 0 || seq >= this.cursor.nextSeq) return 'never delivered'
    const wasGivenUp = this.pending.isExhausted(seq)
    const isKnown = this.pending.remove(seq)
    if (isKnown) this.floor.moved()
    if (!isKnown && !wasGivenUp) return 'known'
    this.#one[0] = seq
    this.covered = this.#one
    this.#hasAcked = true
    return 'taken'
  }

  /** An ack of everything up to `seq`, which was delivered as number `consumerSeq`. */
  ackUpTo(seq: number, consumerSeq: number): AckOutcome {
    this.covered = none
    if (seq === 0 || seq >= this.cursor.nextSeq) return 'never delivered'
    if (consumerSeq >= this.nextConsumerSeq) return 'never delivered'
    if (consumerSeq <= this.floor.consumerSeq || seq <= this.floor.streamSeq) return 'known'
    this.covered = this.pending.between(this.floor.streamSeq, seq)
    for (const each of this.covered) this.pending.remove(each)
    this.floor.set(consumerSeq, seq)
    this.#hasAcked = true
    return 'taken'
  }

  /**
   * What lies before the first message cannot be acknowledged any more; what lies beyond the last
   * one was lost with a damaged store. False when there is no such thing.
   */
  dropMissing(): boolean {
    const { firstSeq } = this.#stream.state()
    const isMissing = (seq: number): boolean => seq < firstSeq || seq >= this.cursor.nextSeq
    const missing = this.pending.sequences().filter(isMissing)
    for (const seq of missing) this.pending.remove(seq)
    return missing.length > 0
  }

  settleFloor(): void {
    this.floor.settle(this.pending, this.nextConsumerSeq - 1, this.cursor.nextSeq - 1)
  }

  state(): ConsumerState {
    this.settleFloor()
    if (this.#hasAcked) this.lastAckedUs = this.#nowUs()
    this.#hasAcked = false
    return {
      deliveredConsumerSeq: this.nextConsumerSeq - 1,
      deliveredStreamSeq: this.cursor.nextSeq - 1,
      floorConsumerSeq: this.floor.consumerSeq,
      floorStreamSeq: this.floor.streamSeq,
      skipUntil: this.cursor.skipUntil,
      lastDeliveredUs: this.lastDeliveredUs,
      lastAckedUs: this.lastAckedUs,
    }
  }
}
