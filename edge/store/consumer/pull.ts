// The pull side of a consumer: requests on `$JS.API.CONSUMER.MSG.NEXT.<stream>.<consumer>`
// (reference 6.6).
//
// A request whose inbox nobody listens on any more is dropped when a message finds nobody there;
// that message then goes to the next request and does not count as delivered.

import type { Clock, Timer } from '../../../src/base/clock.ts'
import type { StoredMessage } from '../shapes.ts'
import type { ConsumerConfig } from './config.ts'
import { durationText } from './duration.ts'
import type { Outlet, OutletOwner } from './outlet.ts'
import { type PullRequest, readPull } from './request.ts'
import type { Sender } from './sender.ts'
import * as status from './status.ts'
import { WaitingQueue } from './waiting.ts'

const nsPerMs = 1e6
const never = Number.POSITIVE_INFINITY
/** Requests are checked for a lost inbox at most this often when the queue is full. */
const pruneMs = 1000
/** A batch nobody can mean; it keeps sums exact. */
const batchMax = 1_000_000_000

export class PullOutlet implements Outlet {
  readonly isPush = false
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

  constructor(owner: OutletOwner, sender: Sender, clock: Clock, config: () => ConsumerConfig) {
    this.#owner = owner
    this.#sender = sender
    this.#clock = clock
    this.#config = config
    this.#activeMs = clock.monotonicMs()
    const teller = {
      tell: (reply: string, headers: Buffer) => sender.tell(reply, headers),
      heartbeat: () => status.idleHeartbeat(owner.nextConsumerSeq - 1, owner.nextStreamSeq - 1, ''),
    }
    this.#waiting = new WaitingQueue(teller, config().max_waiting ?? 512)
    this.#armInactivity()
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

  deliver(message: StoredMessage, reply: string, size: number, nowMs: number): boolean {
    for (;;) {
      const request = this.#waiting.take(size, nowMs)
      if (request === null) return false
      const taken = this.#sender.send(request.reply, request.match, message, reply)
      if (taken > 0) {
        request.match = this.#sender.match
        this.#activeMs = nowMs
        this.#waiting.served(request, size, nowMs)
        return true
      }
      this.#waiting.lost(request)
    }
  }

  settled(nowMs: number, isDry: boolean): void {
    if (this.#waiting.count > 0) this.#arm(this.#waiting.check(nowMs, isDry))
  }

  touched(): void {
    this.#isTouched = true
  }

  request(reply: string, body: Buffer, nowMs: number): void {
    if (reply === '') return
    const read = readPull(body)
    if (read.is === 'bad') return this.#tell(reply, status.badRequest(read.why))
    const { pull } = read
    const refusal = this.#refusal(pull)
    if (refusal) return this.#tell(reply, refusal)
    this.#activeMs = nowMs
    if (this.#waiting.isFull && nowMs - this.#prunedMs >= pruneMs) {
      this.#prunedMs = nowMs
      this.#waiting.check(nowMs, false)
      this.#prune()
    }
    if (pull.noWait && !this.#mayNotWait(reply, pull)) return
    if (this.#waiting.isFull) return this.#tell(reply, status.exceededMaxWaiting)
    const heartbeatMs = pull.heartbeat / nsPerMs
    this.#waiting.add({
      reply,
      // None named means one, as nats-server takes it.
      left: Math.min(Math.max(pull.batch, 1), batchMax),
      had: 0,
      bytesLeft: Math.max(0, pull.maxBytes),
      expiresMs: pull.expires > 0 ? nowMs + pull.expires / nsPerMs : never,
      heartbeatMs,
      heartbeatDueMs: heartbeatMs > 0 ? nowMs + heartbeatMs : never,
      noWait: pull.noWait,
      match: null,
    })
    this.#owner.wake()
  }

  reset(): void {}

  updated(): void {
    this.#armInactivity()
  }

  close(isDeleted: boolean): void {
    if (isDeleted) this.#waiting.release(status.consumerDeleted)
    this.#timer?.cancel()
    this.#inactivity?.cancel()
    this.#timer = null
    this.#inactivity = null
  }

  #refusal(pull: PullRequest): Buffer | null {
    const { max_batch = 0, max_expires = 0, max_bytes = 0 } = this.#config()
    if (max_batch > 0 && pull.batch > max_batch) return status.exceededMaxBatch(max_batch)
    if (max_expires > 0 && pull.expires > max_expires) {
      return status.exceededMaxExpires(durationText(max_expires))
    }
    if (max_bytes > 0 && pull.maxBytes > max_bytes) return status.exceededMaxBytes(max_bytes)
    return null
  }

  /** A no_wait request is answered at once when there is nothing for it. */
  #mayNotWait(reply: string, pull: PullRequest): boolean {
    const pending = this.#owner.pendingCount()
    if (pending === 0) {
      if (pull.expires > 0) return true
      this.#tell(reply, status.noMessages)
      return false
    }
    if (pending >= this.#waiting.wanted) return true
    this.#tell(reply, status.requestsPending)
    return false
  }

  #tell(reply: string, headers: Buffer): void {
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
    this.#owner.expire()
  }
}
