// Pull requests that wait for messages: a bounded queue, served in turn.
//
//   add -> [ r1 r2 r3 … ] -> take: r1 gets a message and goes to the end, or leaves when it has
//                            its batch; expired ones leave with 408, idle ones get a heartbeat
//
// (Reference 6.6; nats-server's wait queue behaves the same.)

import type { Match } from '../../../src/message.ts'
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
  /** The inbox's match: looked up once for a batch. */
  match: Match | null
}

/** What the queue tells the outside: status messages to requests. */
export interface WaitingOwner {
  /** Sends a header block to an inbox; returns 0 when nobody listens there. */
  tell(reply: string, headers: Buffer): number
  /** The heartbeat as of now. */
  heartbeat(): Buffer
}

export class WaitingQueue {
  readonly #owner: WaitingOwner
  readonly #countMax: number
  #queue: Waiting[] = []

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
    for (const request of this.#queue) sum += request.left
    return sum
  }

  add(request: Waiting): void {
    this.#queue.push(request)
  }

  /**
   * The request that gets a message of `bytes`; null when nobody waits. Requests that cannot take
   * it any more are told and dropped on the way.
   */
  take(bytes: number, nowMs: number): Waiting | null {
    for (;;) {
      const request = this.#queue[0]
      if (!request) return null
      if (nowMs >= request.expiresMs) {
        this.#drop(request, status.requestTimeout(request.left, request.bytesLeft))
        continue
      }
      if (request.bytesLeft === 0 || bytes <= request.bytesLeft) return request
      this.#drop(request, status.messageTooLarge(request.left, request.bytesLeft))
    }
  }

  /** The request at the head has had its message of `bytes`. */
  served(request: Waiting, bytes: number, nowMs: number): void {
    request.had++
    request.left--
    if (request.bytesLeft > 0) {
      request.bytesLeft -= bytes
      // Nothing fits any more: it is complete.
      if (request.bytesLeft === 0) request.left = 0
    }
    if (request.heartbeatMs > 0) request.heartbeatDueMs = nowMs + request.heartbeatMs
    if (request.left > 0) {
      if (this.#queue.length === 1) return
      this.#queue.shift()
      this.#queue.push(request)
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
  }

  /** Drops requests whose inbox nobody listens on. */
  keepOnly(isHeard: (reply: string) => boolean): void {
    this.#queue = this.#queue.filter(request => isHeard(request.reply))
  }

  /**
   * Ends what has expired, sends due heartbeats and, when there is nothing more to deliver
   * (`isDry`), ends the no_wait requests. Returns when to look again; Infinity = never.
   */
  check(nowMs: number, isDry: boolean): number {
    let next = Number.POSITIVE_INFINITY
    for (const request of this.#queue.slice()) {
      const isOver = nowMs >= request.expiresMs
      if (isOver || (isDry && request.noWait && request.had > 0)) {
        this.#drop(request, status.requestTimeout(request.left, request.bytesLeft))
        continue
      }
      if (isDry && request.noWait && request.expiresMs === Number.POSITIVE_INFINITY) {
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

  /** Ends all of them with one status. */
  release(headers: Buffer): void {
    const queue = this.#queue
    this.#queue = []
    for (const request of queue) this.#owner.tell(request.reply, headers)
  }

  #drop(request: Waiting, headers: Buffer): void {
    this.lost(request)
    this.#owner.tell(request.reply, headers)
  }
}
