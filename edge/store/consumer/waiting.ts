// Pull requests that wait for messages: a bounded queue, served in turn.
//
//   add -> [ r1 r2 r3 … ] -> take: r1 gets a message and goes to the end, or leaves when it has
//                            its batch; expired ones leave with 408, idle ones get a heartbeat
//
// With a priority policy the one at the head may have to let others go first (priority.ts), or
// belongs to a client that does not hold the pin (pin.ts). Prioritized requests stand in order of
// their priority, and go to the end of their own. (Reference 6.6, ADR-42.)

import type { Match } from '../../../src/message.ts'
import type { Delivery } from './outlet.ts'
import type { Pin } from './pin.ts'
import { type PriorityPolicy, isOverflowing, rankOf } from './priority.ts'
import type { PullGroup } from './request.ts'
import * as status from './status.ts'

export interface Waiting {
  readonly reply: string
  /** Messages it still wants. */
  left: number
  /** Messages it has had. */
  had: number
  /** Bytes it still takes; 0 = it did not say. */
  bytesLeft: number
  /** Monotonic ms; Infinity = it waits as long as its inbox does. */
  readonly expiresMs: number
  readonly heartbeatMs: number
  /** When the next heartbeat is due; Infinity = none wanted. */
  heartbeatDueMs: number
  readonly noWait: boolean
  readonly group: PullGroup | null
  /** The inbox's match: looked up once for a batch. */
  match: Match | null
}

/** What the queue tells the outside: status messages to requests. */
export interface WaitingOwner {
  readonly policy: PriorityPolicy
  readonly pin: Pin
  /** Sends a header block to an inbox; returns 0 when nobody listens there. */
  tell(reply: string, headers: Buffer): number
  /** The heartbeat as of now. */
  heartbeat(): Buffer
}

/** What becomes of the request at the head. */
type Verdict = 'serve' | 'pinned' | 'pass' | 'wrong pin'

export class WaitingQueue {
  readonly #owner: WaitingOwner
  readonly #countMax: number
  #queue: Waiting[] = []
  /** The request that a pin was made for, until a message has gone there. */
  #pinned: Waiting | null = null

  constructor(owner: WaitingOwner, countMax: number) {
    this.#owner = owner
    this.#countMax = countMax
  }

  get count(): number {
    return this.#queue.length
  }

  get isFull(): boolean {
    return this.#queue.length >= this.#countMax
  }

  /** Messages all requests together still want. */
  get wanted(): number {
    let sum = 0
    for (const request of this.#queue) sum += Math.max(1, request.left)
    return sum
  }

  add(request: Waiting): void {
    const queue = this.#queue
    if (this.#owner.policy !== 'prioritized') {
      queue.push(request)
      return
    }
    const rank = rankOf(request.group)
    let at = queue.length
    while (at > 0 && rankOf((queue[at - 1] as Waiting).group) > rank) at--
    queue.splice(at, 0, request)
  }

  /**
   * The request that gets this message; null when nobody does. Requests that cannot take it any
   * more are told and dropped on the way.
   */
  take(delivery: Delivery, nowMs: number): Waiting | null {
    const { policy } = this.#owner
    let passed = 0
    for (;;) {
      const request = this.#queue[0]
      if (!request) return null
      if (nowMs >= request.expiresMs) {
        this.#drop(request, status.requestTimeout(request.left, request.bytesLeft))
        continue
      }
      if (policy !== 'none') {
        const verdict = this.#judge(policy, request, delivery)
        if (verdict === 'wrong pin') {
          this.#drop(request, status.wrongPinId(request.left, request.bytesLeft))
          continue
        }
        if (verdict === 'pass') {
          this.#toEnd()
          if (++passed >= this.#queue.length) return null
          continue
        }
        if (verdict === 'pinned') this.#pinned = request
      }
      if (request.bytesLeft <= 0 || delivery.size <= request.bytesLeft) return request
      this.#drop(request, status.messageTooLarge(request.left, request.bytesLeft))
    }
  }

  #judge(policy: PriorityPolicy, { group }: Waiting, delivery: Delivery): Verdict {
    if (policy === 'overflow') return isOverflowing(group, delivery) ? 'serve' : 'pass'
    if (policy !== 'pinned_client') return 'serve'
    const { pin } = this.#owner
    const shown = group?.id ?? ''
    if (pin.id !== '' && shown === pin.id) return 'serve'
    if (shown !== '') return 'wrong pin'
    if (pin.id !== '') return 'pass'
    if (group === null || group.group === '') return 'serve'
    group.id = pin.assign(group.group)
    return 'pinned'
  }

  /** The request at the head has had its message of `bytes`. */
  served(request: Waiting, bytes: number, nowMs: number): void {
    this.#pinned = null
    request.had++
    request.left--
    if (request.bytesLeft > 0) {
      request.bytesLeft -= bytes
      // Nothing fits any more: it is complete.
      if (request.bytesLeft === 0) request.left = 0
    }
    if (request.heartbeatMs > 0) request.heartbeatDueMs = nowMs + request.heartbeatMs
    if (request.left > 0) {
      if (this.#queue.length > 1) this.#toEnd()
      return
    }
    this.#queue.shift()
    if (request.bytesLeft > 0) {
      this.#owner.tell(request.reply, status.batchCompleted(request.left, request.bytesLeft))
    }
  }

  /** Its inbox is gone: dropped without a word. */
  lost(request: Waiting): void {
    const at = this.#queue.indexOf(request)
    if (at >= 0) this.#queue.splice(at, 1)
    if (this.#pinned !== request) return
    this.#pinned = null
    this.#owner.pin.release()
  }

  /** Drops requests whose inbox nobody listens on. */
  keepOnly(isHeard: (reply: string) => boolean): void {
    this.#queue = this.#queue.filter(request => isHeard(request.reply))
  }

  /**
   * Ends what has expired, sends due heartbeats and, when nothing more can be delivered (`isEnd`),
   * ends the no_wait requests. Returns when to look again; Infinity = never.
   */
  check(nowMs: number, isEnd: boolean): number {
    let next = Number.POSITIVE_INFINITY
    for (const request of this.#queue.slice()) {
      if (nowMs >= request.expiresMs) {
        this.#drop(request, status.requestTimeout(request.left, request.bytesLeft))
        continue
      }
      const isOneShot = isEnd && request.noWait
      if (isOneShot && (request.had > 0 || request.expiresMs === Number.POSITIVE_INFINITY)) {
        this.#drop(request, status.noMessages)
        continue
      }
      if (nowMs >= request.heartbeatDueMs) {
        request.heartbeatDueMs = nowMs + request.heartbeatMs
        if (this.#owner.tell(request.reply, this.#owner.heartbeat()) === 0) {
          this.lost(request)
          continue
        }
      }
      next = Math.min(next, request.expiresMs, request.heartbeatDueMs)
    }
    return next
  }

  /** Ends all of them, each with its status. */
  release(statusOf: (request: Waiting) => Buffer): void {
    const queue = this.#queue
    this.#queue = []
    this.#pinned = null
    for (const request of queue) this.#owner.tell(request.reply, statusOf(request))
  }

  /** The head lets the others go first. */
  #toEnd(): void {
    const request = this.#queue.shift()
    if (request) this.add(request)
  }

  #drop(request: Waiting, headers: Buffer): void {
    this.lost(request)
    this.#owner.tell(request.reply, headers)
  }
}
