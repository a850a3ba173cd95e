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
import type { Fields } from '../api/text.ts'
import type { StoredMessage, Stream, StreamListener } from '../shapes.ts'
import { AckAnswers } from './ack-answers.ts'
import { AckIntake } from './acks.ts'
import { Advisories } from './advisories.ts'
import type { ConsumerConfig } from './config.ts'
import type { Cursor } from './cursor.ts'
import type { ConsumerState, Kept, StoredConsumer } from './keeper.ts'
import { Ledger } from './ledger.ts'
import type { Delivery, Outlet, OutletOwner } from './outlet.ts'
import type { ConsumerOwner } from './owner.ts'
import { Pace } from './pace.ts'
import { Pause } from './pause.ts'
import type { Pending, PendingMessages, Waits } from './pending.ts'
import type { PinOwner } from './pin.ts'
import { Redelivery, ackWaitMs, isLastDelivery } from './redelivery.ts'
import { resetTarget } from './reset.ts'
import type { Sender } from './sender.ts'
import { Stamp } from './stamp.ts'

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
  readonly outlet: (owner: OutletOwner & PinOwner, config: () => ConsumerConfig) => Outlet
}

export class Consumer implements TurnJob, StreamListener, OutletOwner, PinOwner, Waits, Kept {
  queued = false
  closed = false
  gone = false
  id = 0
  readonly stream: Stream
  readonly name: string
  readonly createdUs: number
  readonly ackPrefix: string
  readonly ledger: Ledger
  readonly acks: AckIntake<Consumer>
  readonly outlet: Outlet
  config: ConsumerConfig
  readonly #owner: ConsumerOwner<Consumer>
  readonly #answers: AckAnswers<Consumer>
  readonly #advisories: Advisories<Consumer>
  readonly #redelivery: Redelivery
  readonly #pause: Pause
  readonly #sender: Sender
  readonly #stamp = new Stamp()
  readonly #delivery: Delivery = { reply: '', size: 0, left: 0, ackPending: 0 }
  #isStarted = false
  #pace: Pace
  #paceTimer: Timer | null = null
  /** Times are taken once for many deliveries. */
  #hasDelivered = false

  constructor(parts: ConsumerParts) {
    const { owner, stream, config } = parts
    const { clock } = owner
    this.#owner = owner
    this.#answers = new AckAnswers(this, owner, parts.sender)
    this.#advisories = new Advisories(this, owner)
    this.stream = stream
    this.name = parts.name
    this.createdUs = parts.createdUs
    this.config = config
    this.ackPrefix = `$JS.ACK.${stream.config.name}.${parts.name}.`
    this.#sender = parts.sender
    const nowUs = (): number => owner.nowUs()
    this.ledger = new Ledger({ stream, config, clock, waits: this, nowUs })
    this.#pause = new Pause({ clock, nowUs, ended: () => this.#unpaused() })
    this.#pace = new Pace(config, 0)
    this.#redelivery = new Redelivery(this.pending, clock, entries => this.#redeliverDue(entries))
    this.outlet = parts.outlet(this, () => this.config)
    this.acks = new AckIntake({
      consumer: this,
      owner,
      answers: this.#answers,
      advisories: this.#advisories,
      redelivery: this.#redelivery,
    })
  }

  /** A new one finds its place in the stream. */
  place(): void {
    this.ledger.place(this.config)
    this.#pace = new Pace(this.config, this.stream.state().lastSeq)
  }

  /** A stored one goes on; the ack_wait of what is pending begins anew. */
  restore(stored: StoredConsumer): void {
    this.id = stored.id
    this.#pace = new Pace(this.config, this.stream.state().lastSeq)
    this.ledger.restore(stored, this.#nowMs())
    this.#redelivery.armNext()
  }

  /**
   * Begins again as if nothing was ever delivered: at `seq`, or 0 for behind the ack floor.
   * Returns where, or why it may not (2.14).
   */
  reset(seq: number): number | string {
    const target = resetTarget(this, seq)
    if (typeof target === 'string') return target
    this.#redelivery.close()
    this.ledger.reset(target)
    this.outlet.reset()
    this.#owner.saveNow(this)
    this.wake()
    return target
  }

  /** From now on it delivers. */
  start(): void {
    if (this.closed || this.#isStarted) return
    this.#isStarted = true
    this.stream.watch(this)
    this.#pause.start(this.config)
    this.wake()
  }

  close(isDeleted: boolean): void {
    if (this.closed) return
    this.closed = true
    this.gone = isDeleted
    if (this.#isStarted) this.stream.unwatch(this)
    this.outlet.close(isDeleted)
    this.#redelivery.close()
    this.#pause.close()
    this.#paceTimer?.cancel()
    this.#paceTimer = null
  }

  update(config: ConsumerConfig): void {
    const old = this.config
    this.config = config
    this.#sender.isHeadersOnly = config.headers_only ?? false
    this.cursor.refilter(config)
    this.outlet.updated()
    if (old.deliver_subject !== config.deliver_subject) {
      for (const seq of this.pending.waiting()) this.pending.enqueue(seq)
    }
    if (old.rate_limit_bps !== config.rate_limit_bps) this.#pace = new Pace(config, 0)
    if (old.pause_until !== config.pause_until) {
      this.#pause.start(config)
      this.advisePause()
    }
    this.#redelivery.close()
    this.#redelivery.armNext()
    this.wake()
  }

  /** The server is about to stop. */
  stopping(): void {
    this.outlet.stopping()
  }

  get isPaused(): boolean {
    return this.#pause.isOn
  }

  advisePause(): void {
    this.#advisories.paused()
  }

  #unpaused(): void {
    this.advisePause()
    this.wake()
  }

  // ---- for the pin of its clients

  nowUs(): number {
    return this.#owner.nowUs()
  }

  adviseGroup(event: 'PINNED' | 'UNPINNED', fields: Fields): void {
    this.#advisories.group(event, fields)
  }

  wake(): void {
    this.#owner.soon(this)
  }

  expire(): void {
    this.#owner.expired(this)
  }

  get cursor(): Cursor {
    return this.ledger.cursor
  }

  get pending(): PendingMessages {
    return this.ledger.pending
  }

  get nextConsumerSeq(): number {
    return this.ledger.nextConsumerSeq
  }

  get nextStreamSeq(): number {
    return this.cursor.nextSeq
  }

  /** Deliveries wait for an acknowledgement. */
  get tracks(): boolean {
    return this.config.ack_policy !== 'none'
  }

  get isAckFull(): boolean {
    return this.ackRoom() <= 0
  }

  get ackPending(): number {
    return this.pending.count
  }

  waitMs(deliveries: number): number {
    return ackWaitMs(this.config, deliveries)
  }

  get isSteady(): boolean {
    return this.config.backoff === undefined
  }

  lastDueMs(): number {
    return this.pending.lastDueMs()
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
      const entry = this.pending.get(seq)
      this.pending.remove(seq)
      if (entry) this.#lostMessage(entry)
    }
  }

  /** Many went. */
  #purged(): void {
    this.cursor.purged()
    if (!this.ledger.dropMissing()) return
    this.ledger.floor.moved()
    this.#owner.saveSoon(this)
    this.wake()
  }

  /** keeps nats-server's word: a message that is gone counts as terminated. */
  #lostMessage(entry: Pending): void {
    this.ledger.floor.moved()
    this.#advisories.terminated(entry.seq, entry.consumerSeq, entry.deliveries, deletedReason)
    this.#owner.saveSoon(this)
    this.wake()
  }

  #nowMs(): number {
    return this.#owner.clock.monotonicMs()
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
    let isEnd = true
    while (!isBlocked && messages > 0 && bytes > 0) {
      const wanted = this.#pause.isOn ? 0 : this.outlet.wanted(nowMs)
      if (wanted <= 0) break
      if (this.pending.hasQueued) {
        isBlocked = !this.#redeliverOne(nowMs)
        messages--
        continue
      }
      const room = Math.min(wanted, messages, this.ackRoom())
      isEnd = room > 0
      if (room <= 0) break
      const batch = this.cursor.fetch(this.#pace.isOn ? 1 : room)
      if (batch.length === 0) break
      for (const message of batch) {
        const isTooSoon = this.#isTooSoon(message, nowMs)
        if (isTooSoon) isEnd = false
        isBlocked = isTooSoon || !this.#sendNew(message, nowMs)
        if (isBlocked) break
        messages--
        bytes -= message.end - message.start
        if (bytes <= 0) break
      }
    }
    this.#delivered()
    const isCut = messages <= 0 || bytes <= 0
    this.outlet.settled(nowMs, isEnd && !isCut)
    if (isCut && !isBlocked) this.#owner.later(this)
  }

  /** A round is over: what it delivered is noted once. */
  #delivered(): void {
    if (!this.#hasDelivered) return
    this.#hasDelivered = false
    this.ledger.lastDeliveredUs = this.#owner.nowUs()
    this.#owner.saveSoon(this)
  }

  /** How many more may wait for an ack. */
  ackRoom(): number {
    if (!this.tracks) return Number.POSITIVE_INFINITY
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
    const deliveries = entry.deliveries + 1
    this.pending.sendAgain(entry.seq, nowMs)
    this.#redelivery.arm(nowMs + this.waitMs(deliveries))
    this.#delivery.ackPending = this.pending.count
    if (this.#send(message, deliveries, this.cursor.pending(), nowMs)) return true
    this.pending.notSent(entry.seq)
    return false
  }

  #sendNew(message: StoredMessage, nowMs: number): boolean {
    const { seq } = message
    const left = this.cursor.leftBehind()
    this.cursor.advance(seq)
    if (this.tracks) {
      this.pending.add(seq, this.ledger.nextConsumerSeq, nowMs)
      this.#redelivery.arm(nowMs + this.waitMs(1))
      this.#delivery.ackPending = this.pending.count - 1
    }
    if (this.#send(message, 1, left, nowMs)) {
      if (!this.tracks) this.#sentUnacked(seq)
      return true
    }
    if (this.tracks) this.pending.remove(seq)
    this.cursor.rewind(seq)
    return false
  }

  #send(message: StoredMessage, deliveries: number, left: number, nowMs: number): boolean {
    const { seq, subject } = message
    const { ledger } = this
    const delivery = this.#delivery
    const consumerSeq = ledger.nextConsumerSeq
    const time = this.#stamp.text(message.timeUs)
    const reply = `${this.ackPrefix}${deliveries}.${seq}.${consumerSeq}.${time}.${left}`
    const size = subject.length + reply.length + this.#sender.sizeOf(message)
    delivery.reply = reply
    delivery.size = size
    delivery.left = left
    ledger.nextConsumerSeq = consumerSeq + 1
    if (!this.outlet.deliver(message, delivery, nowMs)) {
      ledger.nextConsumerSeq = consumerSeq
      return false
    }
    if (this.#pace.isOn) this.#pace.sent(message, size, nowMs)
    this.#hasDelivered = true
    return true
  }

  #sentUnacked(seq: number): void {
    this.ledger.floor.set(this.ledger.nextConsumerSeq - 1, seq)
    if (this.#owner.removesAcked) this.#owner.acked(this, seq)
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
      else this.pending.enqueue(entry.seq)
    }
    this.wake()
  }

  #exhaust(entry: Pending): void {
    this.pending.exhaust(entry)
    this.#owner.saveSoon(this)
    this.#advisories.exhausted(entry)
  }

  /** Does this consumer still need the message? Asked by work-queue and interest streams. */
  needs(seq: number): boolean {
    if (seq >= this.cursor.nextSeq || this.pending.has(seq)) return true
    return this.tracks && this.pending.isExhausted(seq)
  }

  // ---- state

  state(): ConsumerState {
    return this.ledger.state()
  }

  takeChanges(): readonly (readonly [number, string | null])[] {
    return this.pending.takeChanges()
  }

  changesLost(chunks: readonly number[]): void {
    this.pending.touchChunks(chunks)
  }
}
