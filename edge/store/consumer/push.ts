// The push side of a consumer: messages go to the deliver subject as long as somebody listens.
//
//   inactive ──interest──> active ──no interest, or a message nobody took──> inactive
//       └── inactive_threshold without interest ──> the consumer expires
//
// Flow control (reference 6.6, 3.14): with `flow_control` a window of bytes may be outstanding;
// past half of it the subscriber is asked for an empty reply on $JS.FC.<stream>.<consumer>.<id>,
// which frees the bytes sent before the question. The window doubles with every reply. With the
// ack policy `flow_control` these replies are the acknowledgements as well (ADR-60), so they are
// also asked for when max_ack_pending is reached and with heartbeats. Without
// flow control the subscriber's own backlog is looked at, so that a catch-up of millions of
// messages waits for the socket instead of filling memory (invariant 3).

import type { Account } from '../../../src/account/account.ts'
import type { Clock, Timer } from '../../../src/base/clock.ts'
import type { Match, Subscription } from '../../../src/message.ts'
import { matches } from '../../../src/subject/subject.ts'
import type { StoredMessage } from '../shapes.ts'
import type { ConsumerConfig } from './config.ts'
import type { Delivery, Outlet, OutletOwner } from './outlet.ts'
import type { Sender } from './sender.ts'
import * as status from './status.ts'

const nsPerMs = 1e6
/** nats-server's is 32 MiB; a board has less memory, and a link gains nothing beyond this. */
const windowBytesMax = 8 * 1024 * 1024
const windowBytesFirst = 512 * 1024
/** A subscriber with more than this unsent is let alone for `backlogRetryMs`. */
const backlogBytesMax = 1024 * 1024
const backlogRetryMs = 2
const batch = 256

export interface PushParts {
  readonly owner: OutletOwner
  readonly sender: Sender
  readonly account: Account
  readonly clock: Clock
  readonly config: () => ConsumerConfig
  /** `$JS.FC.<stream>.<consumer>.` */
  readonly flowPrefix: string
  /** A random token. */
  readonly token: () => string
}

export class PushOutlet implements Outlet {
  readonly isPush = true
  readonly #parts: PushParts
  #isActive = false
  #match: Match | null = null
  #heartbeat: Timer | null = null
  #lastSentMs: number
  #isTouched = false
  #inactivity: Timer | null = null
  #retry: Timer | null = null
  // Flow control.
  #window = windowBytesFirst
  #outstanding = 0
  #asked = ''
  #askedBytes = 0

  constructor(parts: PushParts) {
    this.#parts = parts
    this.#lastSentMs = parts.clock.monotonicMs()
  }

  get isActive(): boolean {
    return this.#isActive
  }

  get deliverSubject(): string {
    return this.#parts.config().deliver_subject ?? ''
  }

  start(): void {
    this.#setActive(this.#isHeard())
    this.#armHeartbeat()
  }

  wanted(): number {
    return this.#isActive && !this.#isFull() ? batch : 0
  }

  deliver(message: StoredMessage, { reply, size }: Delivery, nowMs: number): boolean {
    const { sender } = this.#parts
    if (!this.#isActive || this.#isFull()) return false
    if (sender.send(this.deliverSubject, this.#match, message, reply) === 0) {
      this.#setActive(false)
      return false
    }
    this.#match = sender.match
    this.#lastSentMs = nowMs
    if (this.#parts.config().flow_control) this.#count(size)
    return true
  }

  settled(): void {}

  touched(): void {
    this.#isTouched = true
  }

  request(reply: string): void {
    if (reply !== '') this.refuse(reply, status.pushBased)
  }

  refuse(reply: string, headers: Buffer): void {
    this.#parts.sender.tell(reply, headers)
  }

  reset(): void {
    this.#outstanding = 0
    this.#asked = ''
    this.#askedBytes = 0
  }

  updated(): void {
    this.#match = null
    this.#setActive(this.#isHeard())
  }

  stopping(): void {}

  close(): void {
    this.#heartbeat?.cancel()
    this.#inactivity?.cancel()
    this.#retry?.cancel()
    this.#heartbeat = null
    this.#inactivity = null
    this.#retry = null
    this.#isActive = false
  }

  /** A subscription came or went. */
  interestChanged(subscription: Subscription, isNew: boolean): void {
    if (isNew === this.#isActive) return
    if (!matches(subscription.subject, this.deliverSubject)) return
    this.#setActive(this.#isHeard())
  }

  /** A reply to a flow control request; false: not to the one that was sent last. */
  flowed(subject: string): boolean {
    if (this.#asked === '' || subject !== this.#asked) return false
    this.#window = Math.min(this.#window * 2, windowBytesMax)
    this.#outstanding = Math.max(0, this.#outstanding - this.#askedBytes)
    this.#asked = ''
    this.#askedBytes = 0
    this.#parts.owner.wake()
    return true
  }

  #isFull(): boolean {
    if (this.#parts.config().flow_control) return this.#outstanding > this.#window
    return this.#isBehind()
  }

  #count(size: number): void {
    this.#outstanding += size
    if (this.#asked === '') {
      if (this.#outstanding > this.#window / 2 || this.#mustAck()) this.#ask()
    } else if (this.#outstanding - this.#askedBytes >= this.#window) {
      this.#askedBytes += size
    }
  }

  /** No more may go before the answer acknowledges some. */
  #mustAck(): boolean {
    return this.#isFlowAcked && this.#parts.owner.isAckFull
  }

  get #isFlowAcked(): boolean {
    return this.#parts.config().ack_policy === 'flow_control'
  }

  #ask(): void {
    const { sender, flowPrefix, token } = this.#parts
    this.#asked = flowPrefix + token()
    this.#askedBytes = this.#outstanding
    sender.tell(this.deliverSubject, status.flowControlRequest, this.#asked)
  }

  /** With a deliver group only its members count; without one, plain subscribers. */
  #isHeard(): boolean {
    const config = this.#parts.config()
    const match = this.#parts.account.sublist.match(config.deliver_subject ?? '')
    const group = config.deliver_group ?? ''
    if (group === '') return match.plain.length > 0 || match.groups.length > 0
    return match.groups.some(members => members[0]?.queue === group)
  }

  #setActive(isActive: boolean): void {
    const { owner, clock } = this.#parts
    if (isActive && !this.#isActive) {
      // What was outstanding went to somebody else.
      this.reset()
      owner.wake()
    }
    this.#isActive = isActive
    const thresholdMs = (this.#parts.config().inactive_threshold ?? 0) / nsPerMs
    if (isActive || thresholdMs <= 0) {
      this.#inactivity?.cancel()
      this.#inactivity = null
    } else {
      this.#isTouched = false
      this.#inactivity ??= clock.after(thresholdMs, () => {
        this.#inactivity = null
        if (this.#isActive) return
        // Acks still came: that is use as well.
        if (this.#isTouched) this.#setActive(false)
        else owner.expire()
      })
    }
  }

  #armHeartbeat(): void {
    const { clock, config } = this.#parts
    const periodMs = (config().idle_heartbeat ?? 0) / nsPerMs
    if (periodMs <= 0) return
    const idleMs = clock.monotonicMs() - this.#lastSentMs
    this.#heartbeat = clock.after(Math.max(1, periodMs - idleMs), () => this.#beat(periodMs))
  }

  #beat(periodMs: number): void {
    const { owner, sender, clock } = this.#parts
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#lastSentMs >= periodMs) {
      this.#lastSentMs = nowMs
      if (this.#isActive) {
        const { nextConsumerSeq, nextStreamSeq } = owner
        const beat = status.idleHeartbeat(nextConsumerSeq - 1, nextStreamSeq - 1, this.#asked)
        sender.tell(this.deliverSubject, beat)
        if (this.#isFlowAcked && owner.ackPending > 0 && this.#asked === '') this.#ask()
      }
    }
    this.#armHeartbeat()
  }

  /** Some subscriber has too much unsent: look again in a moment. */
  #isBehind(): boolean {
    const match = this.#match
    if (match === null) return false
    const isBehind =
      match.plain.some(isBacklogged) || match.groups.some(members => members.every(isBacklogged))
    if (!isBehind) return false
    this.#retry ??= this.#parts.clock.after(backlogRetryMs, () => {
      this.#retry = null
      this.#parts.owner.wake()
    })
    return true
  }
}

/** Links show what they have not sent yet; sinks inside the process take at once. */
function isBacklogged(subscription: Subscription): boolean {
  const sink = subscription.sink as { readonly pendingBytes?: number }
  return !subscription.closed && (sink.pendingBytes ?? 0) > backlogBytesMax
}
