// The pull side of a consumer: requests on `$JS.API.CONSUMER.MSG.NEXT.<stream>.<consumer>`
// (reference 6.6).
//
// A request whose inbox nobody listens on any more is dropped when a message finds nobody there;
// that message then goes to the next request and does not count as delivered.

import type { Clock, Timer } from '../../../src/base/clock.ts'
import type { StoredMessage } from '../shapes.ts'
import type { ConsumerConfig } from './config.ts'
import { durationText } from './duration.ts'
import type { Delivery, Outlet, OutletOwner } from './outlet.ts'
import type { Pin } from './pin.ts'
import { type PriorityPolicy, refusalOf } from './priority.ts'
import { type PullRequest, readPull } from './request.ts'
import type { Sender } from './sender.ts'
import * as status from './status.ts'
import { type WaitingOwner, WaitingQueue } from './waiting.ts'

const nsPerMs = 1e6
const never = Number.POSITIVE_INFINITY
/** Requests are checked for a lost inbox at most this often when the queue is full. */
const pruneMs = 1000
/** A batch nobody can mean; it keeps sums exact. */
const batchMax = 1_000_000_000

export interface PullParts {
  readonly owner: OutletOwner
  readonly sender: Sender
  readonly clock: Clock
  readonly config: () => ConsumerConfig
  readonly pin: Pin
}

export class PullOutlet implements Outlet, WaitingOwner {
  readonly isPush = false
  readonly pin: Pin
  readonly #owner: OutletOwner
  readonly #sender: Sender
  readonly #clock: Clock
  readonly #config: () => ConsumerConfig
  readonly #waiting: WaitingQueue
  #timer: Timer | null = null
  #timerDueMs = never
  #inactivity: Timer | null = null
  #activeMs: number
  /** Acks came since `#activeMs`; when, nobody needs to know exactly. */
  #isTouched = false
  #prunedMs = 0

  constructor({ owner, sender, clock, config, pin }: PullParts) {
    this.#owner = owner
    this.#sender = sender
    this.#clock = clock
    this.#config = config
    this.pin = pin
    this.#activeMs = clock.monotonicMs()
    this.#waiting = new WaitingQueue(this, config().max_waiting ?? 512)
    this.#armInactivity()
  }

  // ---- for the requests that wait

  get policy(): PriorityPolicy {
    return this.#config().priority_policy ?? 'none'
  }

  tell(reply: string, headers: Buffer): number {
    return this.#sender.tell(reply, headers)
  }

  heartbeat(): Buffer {
    const { nextConsumerSeq, nextStreamSeq } = this.#owner
    return status.idleHeartbeat(nextConsumerSeq - 1, nextStreamSeq - 1, '')
  }

  /** Requests waiting, those without a listener left out. */
  get count(): number {
    this.#waiting.check(this.#clock.monotonicMs(), false)
    this.#prune()
    return this.#waiting.count
  }

  wanted(): number {
    return this.#waiting.wanted
  }

  deliver(message: StoredMessage, delivery: Delivery, nowMs: number): boolean {
    const waiting = this.#waiting
    const sender = this.#sender
    for (;;) {
      const request = waiting.take(delivery, nowMs)
      if (request === null) return false
      const { reply } = delivery
      const taken =
        this.policy === 'pinned_client'
          ? sender.sendPinned(request.reply, request.match, message, reply, this.pin.id)
          : sender.send(request.reply, request.match, message, reply)
      if (taken > 0) {
        request.match = sender.match
        this.#activeMs = nowMs
        waiting.served(request, delivery.size, nowMs)
        return true
      }
      waiting.lost(request)
    }
  }

  settled(nowMs: number, isEnd: boolean): void {
    if (this.#waiting.count > 0) this.#arm(this.#waiting.check(nowMs, isEnd))
  }

  touched(): void {
    this.#isTouched = true
  }

  request(reply: string, body: Buffer, nowMs: number): void {
    if (reply === '') return
    const read = readPull(body)
    if (read.is === 'bad') return this.refuse(reply, status.badRequest(read.why))
    const { pull } = read
    const refusal = this.#refusal(pull) ?? this.#refusedPin(pull)
    if (refusal) return this.refuse(reply, refusal)
    this.#activeMs = nowMs
    if (this.#waiting.isFull && nowMs - this.#prunedMs >= pruneMs) {
      this.#prunedMs = nowMs
      this.#waiting.check(nowMs, false)
      this.#prune()
    }
    if (pull.noWait && !this.#mayNotWait(reply, pull, nowMs)) return
    if (this.#waiting.isFull) {
      // Who gets heartbeats asks again when they stop; who is told at once asks at once.
      if (pull.heartbeat === 0) this.refuse(reply, status.exceededMaxWaiting)
      return
    }
    const heartbeatMs = pull.heartbeat / nsPerMs
    this.#waiting.add({
      reply,
      left: Math.min(pull.batch, batchMax),
      had: 0,
      bytesLeft: pull.maxBytes,
      expiresMs: pull.expires === 0 ? never : nowMs + pull.expires / nsPerMs,
      heartbeatMs,
      heartbeatDueMs: heartbeatMs > 0 ? nowMs + heartbeatMs : never,
      noWait: pull.noWait,
      group: pull.group,
      match: null,
    })
    this.#owner.wake()
  }

  reset(): void {}

  updated(): void {
    this.#armInactivity()
  }

  stopping(): void {
    this.#waiting.release(({ left, bytesLeft }) => status.serverShutdown(left, bytesLeft))
  }

  close(isDeleted: boolean): void {
    if (isDeleted) this.#waiting.release(() => status.consumerDeleted)
    this.pin.release()
    this.#timer?.cancel()
    this.#inactivity?.cancel()
    this.#timer = null
    this.#inactivity = null
  }

  #refusal(pull: PullRequest): Buffer | null {
    const config = this.#config()
    const { max_batch = 0, max_expires = 0, max_bytes = 0 } = config
    if (max_batch > 0 && pull.batch > max_batch) return status.exceededMaxBatch(max_batch)
    if (max_expires > 0 && pull.expires > max_expires) {
      return status.exceededMaxExpires(durationText(max_expires))
    }
    if (max_bytes > 0 && pull.maxBytes > max_bytes) return status.exceededMaxBytes(max_bytes)
    return refusalOf(config, pull.group)
  }

  /** Whoever shows the pin keeps it; whoever shows another one is told. */
  #refusedPin({ group }: PullRequest): Buffer | null {
    const { pin } = this
    if (pin.id === '' || group === null || group.id === '') return null
    if (group.id !== pin.id) return status.pinIdMismatch
    pin.used(group.group)
    return null
  }

  /** A no_wait request is answered at once when there is nothing for it. */
  #mayNotWait(reply: string, pull: PullRequest, nowMs: number): boolean {
    const pending = this.#owner.pendingCount()
    if (pending === 0) {
      if (pull.expires !== 0) return true
      this.refuse(reply, status.noMessages)
      return false
    }
    this.#waiting.check(nowMs, false)
    this.#prune()
    if (pending >= this.#waiting.wanted) return true
    this.refuse(reply, status.requestsPending)
    return false
  }

  refuse(reply: string, headers: Buffer): void {
    this.#sender.tell(reply, headers)
  }

  #prune(): void {
    this.#waiting.keepOnly(reply => this.#sender.isHeard(reply))
  }

  #arm(dueMs: number): void {
    if (dueMs >= this.#timerDueMs || dueMs === never) return
    this.#timer?.cancel()
    this.#timerDueMs = dueMs
    this.#timer = this.#clock.after(Math.max(1, dueMs - this.#clock.monotonicMs()), () => {
      this.#timer = null
      this.#timerDueMs = never
      this.#arm(this.#waiting.check(this.#clock.monotonicMs(), false))
    })
  }

  // ---- inactivity: nobody has asked for longer than the threshold

  #armInactivity(): void {
    this.#inactivity?.cancel()
    this.#inactivity = null
    const thresholdMs = (this.#config().inactive_threshold ?? 0) / nsPerMs
    if (thresholdMs > 0) this.#inactivityIn(thresholdMs)
  }

  #inactivityIn(ms: number): void {
    this.#inactivity = this.#clock.after(Math.max(1, ms), () => this.#checkInactivity())
  }

  #checkInactivity(): void {
    const thresholdMs = (this.#config().inactive_threshold ?? 0) / nsPerMs
    if (this.#isTouched) this.#activeMs = this.#clock.monotonicMs()
    this.#isTouched = false
    const idleMs = this.#clock.monotonicMs() - this.#activeMs
    if (idleMs < thresholdMs) return this.#inactivityIn(thresholdMs - idleMs)
    // A request that still waits, with somebody at its inbox, is use enough.
    if (this.count > 0) return this.#inactivityIn(thresholdMs)
    // Who works on a message may be silent until its ack_wait is over.
    const busyMs = this.#owner.lastDueMs() + thresholdMs - this.#clock.monotonicMs()
    if (this.#owner.ackPending > 0 && busyMs > 0) return this.#inactivityIn(busyMs)
    this.#owner.expire()
  }
}
