// One consumer: takes messages off its stream, hands them to its outlet, and keeps account of
// what was acknowledged (reference 6.4, 6.6).
//
//   stream ─cursor─> deliver ─outlet─> inbox or deliver subject
//                       ▲                     │ +ACK -NAK +WPI +NXT +TERM, or ack_wait passes
//                       └── redelivery queue ─┴─> acked: floor moves, interest streams forget it
//
// Everything happens at the end of a turn: requests, acks and new messages only wake it, so that
// a turn's worth is delivered in one go and saved in one row. What one turn may deliver is
// bounded, and so is what may wait for an ack, even where max_ack_pending says it is not.

import type { Timer } from '../../../src/base/clock.ts'
import type { TurnJob } from '../../../src/base/turn.ts'
import type { StoredMessage, Stream, StreamListener } from '../shapes.ts'
import { type AckedMessage, ackVerb, nakDelayMs, readAckNumbers, termReason } from './ack.ts'
import { AckAnswers } from './ack-answers.ts'
import { Advisories } from './advisories.ts'
import type { ConsumerConfig } from './config.ts'
import { Cursor } from './cursor.ts'
import { Floor } from './floor.ts'
import type { ConsumerState, Kept, StoredConsumer } from './keeper.ts'
import type { Outlet, OutletOwner } from './outlet.ts'
import type { ConsumerOwner } from './owner.ts'
import { Pace } from './pace.ts'
import { type Pending, PendingMessages } from './pending.ts'
import { Redelivery, ackWaitMs, isLastDelivery } from './redelivery.ts'
import type { Sender } from './sender.ts'

/** Whatever max_ack_pending says (invariant 3): about 10 MB of records. */
export const ackPendingMax = 100_000
const turnMessagesMax = 512
const turnBytesMax = 2 * 1024 * 1024
const deletedReason = 'Unacknowledged message was deleted'

export interface ConsumerParts {
  readonly owner: ConsumerOwner<Consumer>
  readonly stream: Stream
  readonly name: string
  readonly createdUs: number
  readonly config: ConsumerConfig
  readonly sender: Sender
  readonly outlet: (owner: OutletOwner, config: () => ConsumerConfig) => Outlet
}

export class Consumer implements TurnJob, StreamListener, OutletOwner, Kept {
  queued = false
  closed = false
  gone = false
  id = 0
  readonly stream: Stream
  readonly name: string
  readonly createdUs: number
  readonly ackPrefix: string
  readonly cursor: Cursor
  readonly pending = new PendingMessages()
  readonly outlet: Outlet
  config: ConsumerConfig
  nextConsumerSeq = 1
  lastDeliveredUs = 0
  lastAckedUs = 0
  readonly #owner: ConsumerOwner<Consumer>
  readonly #answers: AckAnswers<Consumer>
  readonly #advisories: Advisories<Consumer>
  readonly #redelivery: Redelivery
  readonly #floor = new Floor()
  #isStarted = false
  #pace: Pace
  #paceTimer: Timer | null = null
  /** Times are taken once for many deliveries or acks. */
  #hasDelivered = false
  #hasAcked = false
  readonly #acked: AckedMessage = { deliveries: 0, streamSeq: 0, consumerSeq: 0 }

  constructor(parts: ConsumerParts) {
    this.#owner = parts.owner
    this.#answers = new AckAnswers(this, parts.owner, parts.sender)
    this.#advisories = new Advisories(this, parts.owner)
    this.stream = parts.stream
    this.name = parts.name
    this.createdUs = parts.createdUs
    this.config = parts.config
    this.ackPrefix = `$JS.ACK.${parts.stream.config.name}.${parts.name}.`
    this.cursor = new Cursor(parts.stream, parts.config, parts.owner.clock)
    this.#pace = new Pace(parts.config, 0)
    this.#redelivery = new Redelivery(this.pending, parts.owner.clock, entries =>
      this.#redeliverDue(entries),
    )
    this.outlet = parts.outlet(this, () => this.config)
  }

  /** A new one finds its place in the stream. */
  place(): void {
    this.cursor.start(this.config)
    this.#pace = new Pace(this.config, this.stream.state().lastSeq)
    if (this.config.direct) this.#floor.set(0, this.cursor.nextSeq - 1)
  }

  /** A stored one goes on; what was pending falls due after a whole ack_wait from now. */
  restore(stored: StoredConsumer): void {
    const { state } = stored
    this.id = stored.id
    this.cursor.resumeAt(state.deliveredStreamSeq, state.skipUntil)
    this.nextConsumerSeq = state.deliveredConsumerSeq + 1
    this.#floor.set(state.floorConsumerSeq, state.floorStreamSeq)
    this.lastDeliveredUs = state.lastDeliveredUs
    this.lastAckedUs = state.lastAckedUs
    this.#pace = new Pace(this.config, this.stream.state().lastSeq)
    const dueMs = this.#nowMs() + ackWaitMs(this.config, 1)
    for (const [chunk, entries] of stored.chunks) this.pending.restore(chunk, entries, dueMs)
    this.#dropMissing()
    this.#redelivery.armNext()
  }

  /** From now on it delivers. */
  start(): void {
    if (this.closed || this.#isStarted) return
    this.#isStarted = true
    this.stream.watch(this)
    this.wake()
  }

  close(isDeleted: boolean): void {
    if (this.closed) return
    this.closed = true
    this.gone = isDeleted
    if (this.#isStarted) this.stream.unwatch(this)
    this.outlet.close(isDeleted)
    this.#redelivery.close()
    this.#paceTimer?.cancel()
    this.#paceTimer = null
  }

  update(config: ConsumerConfig): void {
    const old = this.config
    this.config = config
    this.cursor.refilter(config)
    this.outlet.updated()
    if (old.deliver_subject !== config.deliver_subject) {
      for (const entry of [...this.pending.entries()]) this.pending.enqueue(entry)
    }
    if (old.rate_limit_bps !== config.rate_limit_bps) this.#pace = new Pace(config, 0)
    this.wake()
  }

  wake(): void {
    this.#owner.soon(this)
  }

  expire(): void {
    this.#owner.expired(this)
  }

  get nextStreamSeq(): number {
    return this.cursor.nextSeq
  }

  get acks(): boolean {
    return this.config.ack_policy !== 'none'
  }

  pendingCount(): number {
    return this.cursor.pending() + this.pending.queued
  }

  // ---- the stream's news

  readable(): void {
    this.wake()
  }

  removed(seq: number): void {
    if (seq === 0) this.#purged()
    else {
      this.cursor.removed(seq)
      const entry = this.pending.remove(seq)
      if (entry) this.#lostMessage(entry)
    }
  }

  /** Many went. */
  #purged(): void {
    this.cursor.purged()
    if (!this.#dropMissing()) return
    this.#floor.moved()
    this.#owner.saveSoon(this)
    this.wake()
  }

  /**
   * What lies before the first message cannot be acknowledged any more; what lies beyond the last
   * one was lost with a damaged store.
   */
  #dropMissing(): boolean {
    const { firstSeq } = this.stream.state()
    const isMissing = (seq: number): boolean => seq < firstSeq || seq >= this.cursor.nextSeq
    const missing = this.pending.sequences().filter(isMissing)
    for (const seq of missing) this.pending.remove(seq)
    return missing.length > 0
  }

  /** keeps nats-server's word: a message that is gone counts as terminated. */
  #lostMessage(entry: Pending): void {
    this.#floor.moved()
    this.#advisories.terminated(entry.seq, entry.consumerSeq, entry.deliveries, deletedReason)
    this.#owner.saveSoon(this)
    this.wake()
  }

  #nowMs(): number {
    return this.#owner.clock.monotonicMs()
  }

  get #isLimits(): boolean {
    return this.stream.config.retention === 'limits'
  }

  // ---- delivering

  endTurn(): void {
    if (this.closed) return
    this.#answers.endTurn()
    if (this.#isStarted) this.#deliver()
  }

  #deliver(): void {
    const nowMs = this.#nowMs()
    let messages = turnMessagesMax
    let bytes = turnBytesMax
    let isBlocked = false
    while (!isBlocked && messages > 0 && bytes > 0) {
      const wanted = this.outlet.wanted(nowMs)
      if (wanted <= 0) break
      if (this.pending.hasQueued) {
        isBlocked = !this.#redeliverOne(nowMs)
        messages--
        continue
      }
      const room = Math.min(wanted, messages, this.#ackRoom())
      if (room <= 0) break
      const batch = this.cursor.fetch(this.#pace.isOn ? 1 : room)
      if (batch.length === 0) break
      for (const message of batch) {
        isBlocked = this.#isTooSoon(message, nowMs) || !this.#sendNew(message, nowMs)
        if (isBlocked) break
        messages--
        bytes -= message.payload.length + message.headers.length
        if (bytes <= 0) break
      }
    }
    this.#delivered()
    const isCut = messages <= 0 || bytes <= 0
    this.outlet.settled(nowMs, !isCut && !this.pending.hasQueued && this.cursor.isDry)
    if (isCut && !isBlocked) this.#owner.later(this)
  }

  /** A round is over: what it delivered is noted once. */
  #delivered(): void {
    if (!this.#hasDelivered) return
    this.#hasDelivered = false
    this.lastDeliveredUs = this.#owner.nowUs()
    this.#owner.saveSoon(this)
  }

  /** How many more may wait for an ack. */
  #ackRoom(): number {
    if (!this.acks) return Number.POSITIVE_INFINITY
    const max = this.config.max_ack_pending ?? 0
    return Math.min(max > 0 ? max : ackPendingMax, ackPendingMax) - this.pending.count
  }

  /** False when nobody takes anything just now. */
  #redeliverOne(nowMs: number): boolean {
    const entry = this.pending.dequeue()
    if (!entry) return true
    if (isLastDelivery(this.config, entry)) {
      this.#exhaust(entry)
      return true
    }
    const message = this.stream.get(entry.seq)
    if (!message) {
      this.pending.remove(entry.seq)
      this.#lostMessage(entry)
      return true
    }
    const again: Pending = {
      seq: entry.seq,
      consumerSeq: entry.consumerSeq,
      deliveries: entry.deliveries + 1,
      dueMs: nowMs + ackWaitMs(this.config, entry.deliveries + 1),
    }
    this.pending.add(again)
    this.#redelivery.arm(again.dueMs)
    if (this.#send(message, again.deliveries, this.cursor.pending(), nowMs)) return true
    this.pending.add(entry)
    this.pending.putBack(entry)
    return false
  }

  #sendNew(message: StoredMessage, nowMs: number): boolean {
    const { seq } = message
    const left = this.cursor.leftBehind()
    this.cursor.advance(seq)
    if (this.acks) {
      const dueMs = nowMs + ackWaitMs(this.config, 1)
      this.pending.add({ seq, consumerSeq: this.nextConsumerSeq, deliveries: 1, dueMs })
      this.#redelivery.arm(dueMs)
    }
    if (this.#send(message, 1, left, nowMs)) {
      if (!this.acks) this.#sentUnacked(seq)
      return true
    }
    if (this.acks) this.pending.remove(seq)
    this.cursor.rewind(seq)
    return false
  }

  #send(message: StoredMessage, deliveries: number, left: number, nowMs: number): boolean {
    const { seq, subject, timeUs, headers, payload } = message
    const consumerSeq = this.nextConsumerSeq
    const reply = `${this.ackPrefix}${deliveries}.${seq}.${consumerSeq}.${timeUs}000.${left}`
    const size = subject.length + reply.length + headers.length + payload.length
    this.nextConsumerSeq = consumerSeq + 1
    if (!this.outlet.deliver(message, reply, size, nowMs)) {
      this.nextConsumerSeq = consumerSeq
      return false
    }
    if (this.#pace.isOn) this.#pace.sent(message, size, nowMs)
    this.#hasDelivered = true
    return true
  }

  #sentUnacked(seq: number): void {
    this.#floor.set(this.nextConsumerSeq - 1, seq)
    if (!this.#isLimits) this.#owner.acked(this, seq)
  }

  #isTooSoon(message: StoredMessage, nowMs: number): boolean {
    const waitMs = this.#pace.isOn ? this.#pace.waitMs(message, nowMs) : 0
    if (waitMs === 0) return false
    this.#paceTimer?.cancel()
    this.#paceTimer = this.#owner.clock.after(waitMs, () => this.wake())
    return true
  }

  /** What was not acknowledged in time. */
  #redeliverDue(entries: readonly Pending[]): void {
    for (const entry of entries) {
      if (isLastDelivery(this.config, entry)) this.#exhaust(entry)
      else this.pending.enqueue(entry)
    }
    this.wake()
  }

  #exhaust(entry: Pending): void {
    this.pending.exhaust(entry)
    this.#owner.saveSoon(this)
    this.#advisories.exhausted(entry)
  }

  // ---- acknowledgements

  /** A message on the consumer's ack subject; `from`: where its numbers start. */
  ack(subject: string, from: number, reply: string, body: Buffer): void {
    const acked = this.#acked
    if (this.closed || !readAckNumbers(subject, from, acked)) return
    this.outlet.touched()
    const { streamSeq, consumerSeq, deliveries } = acked
    switch (ackVerb(body)) {
      case 'ack':
        if (!this.#takeAck(streamSeq, consumerSeq)) return
        break
      case 'next':
        this.#takeAck(streamSeq, consumerSeq)
        this.outlet.request(reply, body.subarray('+NXT'.length), this.#nowMs())
        return
      case 'nak':
        this.#takeNak(streamSeq, consumerSeq, deliveries, body)
        break
      case 'progress':
        this.#takeProgress(streamSeq)
        break
      case 'term': {
        const isTaken = this.#takeAck(streamSeq, consumerSeq)
        this.#advisories.terminated(streamSeq, consumerSeq, deliveries, termReason(body))
        if (!isTaken) return
        break
      }
      case 'unknown':
        break
    }
    if (reply === '') return
    this.#answers.add(reply)
    this.wake()
  }

  /** False for what this consumer has not delivered, or the store cannot take: no answer. */
  #takeAck(seq: number, consumerSeq: number): boolean {
    if (seq === 0 || seq >= this.cursor.nextSeq || !this.acks || !this.#owner.takesAcks)
      return false
    const hadRoom = this.#ackRoom() > 0
    if (this.config.ack_policy === 'all') {
      if (consumerSeq <= this.#floor.consumerSeq || seq <= this.#floor.streamSeq) return true
      const covered = this.pending.upTo(seq)
      for (const each of covered) this.pending.remove(each)
      this.#floor.set(consumerSeq, seq)
      if (!this.#isLimits) for (const each of covered) this.#owner.acked(this, each)
    } else {
      const wasGivenUp = this.pending.isExhausted(seq)
      const isKnown = this.pending.remove(seq) !== undefined
      if (isKnown) this.#floor.moved()
      if (!isKnown && !wasGivenUp) return true
      if (!this.#isLimits) this.#owner.acked(this, seq)
    }
    this.#hasAcked = true
    this.#owner.saveSoon(this)
    if (!hadRoom) this.wake()
    return true
  }

  #takeNak(seq: number, consumerSeq: number, deliveries: number, body: Buffer): void {
    this.#settleFloor()
    if (consumerSeq <= this.#floor.consumerSeq || consumerSeq >= this.nextConsumerSeq) return
    const entry = this.pending.get(seq)
    if (!entry) return
    this.#advisories.refused(seq, consumerSeq, deliveries)
    const delayMs = nakDelayMs(body)
    if (delayMs === null) {
      this.pending.enqueue(entry)
      this.wake()
      return
    }
    const dueMs = this.#nowMs() + delayMs
    this.pending.postpone(entry, dueMs)
    this.#redelivery.arm(dueMs)
  }

  #takeProgress(seq: number): void {
    const entry = this.pending.get(seq)
    if (!entry) return
    this.pending.postpone(entry, this.#nowMs() + ackWaitMs(this.config, entry.deliveries))
  }

  /** Does this consumer still need the message? Asked by work-queue and interest streams. */
  needs(seq: number): boolean {
    if (seq >= this.cursor.nextSeq || this.pending.has(seq)) return true
    return this.acks && this.pending.isExhausted(seq)
  }

  // ---- state

  #settleFloor(): void {
    this.#floor.settle(this.pending, this.nextConsumerSeq - 1, this.cursor.nextSeq - 1)
  }

  state(): ConsumerState {
    this.#settleFloor()
    if (this.#hasAcked) this.lastAckedUs = this.#owner.nowUs()
    this.#hasAcked = false
    return {
      deliveredConsumerSeq: this.nextConsumerSeq - 1,
      deliveredStreamSeq: this.cursor.nextSeq - 1,
      floorConsumerSeq: this.#floor.consumerSeq,
      floorStreamSeq: this.#floor.streamSeq,
      skipUntil: this.cursor.skipUntil,
      lastDeliveredUs: this.lastDeliveredUs,
      lastAckedUs: this.lastAckedUs,
    }
  }

  takeChanges(): readonly (readonly [number, string | null])[] {
    return this.pending.takeChanges()
  }

  changesLost(chunks: readonly number[]): void {
    this.pending.touchChunks(chunks)
  }
}
