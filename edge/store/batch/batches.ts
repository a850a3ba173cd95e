// The batches of one stream, atomic and fast: which of a stream's messages are for them, and when
// they are given up.

import { headersOf, payloadOf } from '../../../src/broker/post.ts'
import type { Message } from '../../../src/message.ts'
import type { AppendOptions } from '../shapes.ts'
import { AtomicBatches } from './atomic.ts'
import { isFastReply } from './fast-reply.ts'
import { FastBatches } from './fast.ts'
import type { BatchParts } from './parts.ts'

export class Batches {
  readonly #parts: BatchParts
  readonly #atomic: AtomicBatches
  readonly #fast: FastBatches

  constructor(parts: BatchParts) {
    this.#parts = parts
    this.#atomic = new AtomicBatches(parts)
    this.#fast = new FastBatches(parts)
  }

  /** False: it is a message like any other. `reply`: where a refusal goes. */
  take(message: Message, options: AppendOptions, reply: string): boolean {
    const isFast = isFastReply(message.reply)
    if (!isFast && (options.batchId ?? '') === '') return false
    const part = {
      message: {
        subject: message.target,
        headers: headersOf(message),
        payload: payloadOf(message),
      },
      options,
      reply,
      receipt: message.receipt,
    }
    if (isFast) this.#fast.take(part, message.reply)
    else this.#atomic.take(part)
    return true
  }

  /** The stream's config has changed: what it does not allow any more is given up. */
  updated(): void {
    const { allow_atomic, allow_batched } = this.#parts.stream.config
    if (allow_atomic !== true) this.#atomic.close()
    if (allow_batched !== true) this.#fast.close()
  }

  /** Idempotent. */
  close(): void {
    this.#atomic.close()
    this.#fast.close()
  }
}
