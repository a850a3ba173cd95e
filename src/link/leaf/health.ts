// Whether the other end of a leaf connection is still there. On a mobile link a socket dies
// without a word, and TCP goes on believing for a quarter of an hour; a link that only sends
// would not notice either. So:
//
//   - every pingIntervalMs a PING, and the link is stale after unansweredMax of them (reference
//     3.11);
//   - when we have sent and heard nothing since, a PING after probeMs, and the link is stale
//     answerMsMax later, unless the kernel still takes bytes it could not take before (the answer
//     waits behind them).

import type { Clock, Timer } from '../../base/clock.ts'
import type { KeepaliveOptions } from '../keepalive.ts'

/** Where the link's bytes go, as far as progress can be seen there. */
export interface Progress {
  /** A block waits for the kernel. */
  readonly isWriting: boolean
  /** Blocks the kernel has taken. */
  readonly blocksDone: number
}

const tickMs = 1_000
/** Sent without hearing anything for so long: ask. */
const probeMs = 10_000
/** So long for the answer: satellite and crowded mobile links take many seconds. */
const answerMsMax = 30_000

export interface LeafHealthOwner {
  sendPing(): void
  wentStale(): void
}

export class LeafHealth {
  /** Round trip of the last answered PING, ms; 0 = none yet. */
  rttMs = 0
  readonly #owner: LeafHealthOwner
  readonly #progress: Progress
  readonly #clock: Clock
  readonly #options: KeepaliveOptions
  #timer: Timer | null = null
  #ticks = 0
  /** Something was sent since the peer was last heard. */
  #hasSent = false
  #heardMs = 0
  #pingedMs = 0
  /** When the first PING that still has no answer was sent. */
  #askedMs = 0
  #unanswered = 0
  /** A block waited at the last tick, and how many had gone then. */
  #isStalled = false
  #blocksSeen = 0

  constructor(owner: LeafHealthOwner, progress: Progress, clock: Clock, options: KeepaliveOptions) {
    this.#owner = owner
    this.#progress = progress
    this.#clock = clock
    this.#options = options
  }

  start(): void {
    this.#heardMs = this.#clock.monotonicMs()
    this.#pingedMs = this.#heardMs
    this.#timer = this.#clock.every(tickMs, this.#tick)
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  /** Bytes came: whatever they are, the peer lives. */
  heard(): void {
    this.#heardMs = this.#clock.monotonicMs()
    this.#hasSent = false
  }

  sent(): void {
    this.#hasSent = true
  }

  pong(): void {
    if (this.#unanswered > 0) this.rttMs = this.#clock.monotonicMs() - this.#pingedMs
    this.#unanswered = 0
  }

  readonly #tick = (): void => {
    const nowMs = this.#clock.monotonicMs()
    this.#noteProgress(nowMs)
    const { intervalMs, unansweredMax } = this.#options
    const quietMs = nowMs - this.#heardMs
    const askedForMs = this.#unanswered > 0 ? nowMs - this.#askedMs : 0
    if (this.#hasSent && Math.min(askedForMs, quietMs) >= answerMsMax) {
      return this.#owner.wentStale()
    }
    const sincePingMs = nowMs - this.#pingedMs
    // The first PING comes at once, to measure the round trip.
    const isFirst = ++this.#ticks === 1
    const isDue = sincePingMs >= intervalMs
    const isProbe = this.#unanswered === 0 && this.#hasSent && quietMs >= probeMs
    if (!isFirst && !isDue && !isProbe) return
    if (isDue && this.#unanswered >= unansweredMax && quietMs >= intervalMs) {
      return this.#owner.wentStale()
    }
    if (this.#unanswered === 0) this.#askedMs = nowMs
    this.#unanswered++
    this.#pingedMs = nowMs
    this.#owner.sendPing()
  }

  /** A backlog that shrinks is a sign of life: the peer's kernel takes what ours holds. */
  #noteProgress(nowMs: number): void {
    const { isWriting, blocksDone } = this.#progress
    if (this.#isStalled && blocksDone !== this.#blocksSeen) this.#heardMs = nowMs
    this.#isStalled = isWriting
    this.#blocksSeen = blocksDone
  }
}
