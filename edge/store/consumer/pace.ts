// Slowing a consumer down on purpose: `replay_policy: original` keeps the gaps the messages were
// stored with, `rate_limit_bps` bounds the bits a second of a push consumer.

import type { StoredMessage } from '../shapes.ts'
import type { ConsumerConfig } from './config.ts'

/** A gap longer than a day is not waited for whole in one timer. */
const waitMsMax = 24 * 3600 * 1000

export class Pace {
  readonly #bitsPerSecond: number
  /** The last sequence that is replayed at its original pace. */
  readonly #replayUntil: number
  #lastTimeUs = 0
  #lastSentMs = 0
  #freeMs = 0

  constructor(config: ConsumerConfig, lastSeq: number) {
    this.#bitsPerSecond = config.rate_limit_bps ?? 0
    this.#replayUntil = config.replay_policy === 'original' ? lastSeq : 0
  }

  get isOn(): boolean {
    return this.#bitsPerSecond > 0 || this.#replayUntil > 0
  }

  /** How long this message must still wait; 0 = not at all. */
  waitMs(message: StoredMessage, nowMs: number): number {
    let wait = this.#bitsPerSecond > 0 ? this.#freeMs - nowMs : 0
    if (this.#lastTimeUs > 0 && message.seq <= this.#replayUntil) {
      const gapMs = (message.timeUs - this.#lastTimeUs) / 1000
      wait = Math.max(wait, this.#lastSentMs + gapMs - nowMs)
    }
    return wait < 1 ? 0 : Math.min(wait, waitMsMax)
  }

  sent(message: StoredMessage, size: number, nowMs: number): void {
    this.#lastTimeUs = message.timeUs
    this.#lastSentMs = nowMs
    if (this.#bitsPerSecond === 0) return
    this.#freeMs = Math.max(this.#freeMs, nowMs) + (size * 8 * 1000) / this.#bitsPerSecond
  }
}
