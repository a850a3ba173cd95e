// Publish acknowledgements. They leave when the group they were written with is on disk, all of
// a group in one burst (keeps invariant 1).

import type { Receipt } from '../../src/message.ts'
import { json } from './api/text.ts'
import { accountResourcesExceeded, storeFailed } from './errors.ts'
import type { Replies } from './replies.ts'
import type { ApiError, Durable } from './shapes.ts'

/** One publisher who waits. */
interface Waiting {
  readonly reply: string
  readonly receipt: Receipt | null
  readonly stream: string
  /** The answer, whole. */
  readonly text: string
}

/** Those who wait for one group. */
interface Batch {
  readonly group: number
  readonly waiting: Waiting[]
}

export class Acks {
  readonly #replies: Replies
  readonly #durable: Durable
  #open: Batch | null = null

  constructor(replies: Replies, durable: Durable) {
    this.#replies = replies
    this.#durable = durable
  }

  /** Answers once everything written so far is on disk. `reply` '' : only the receipt. */
  whenOnDisk(reply: string, receipt: Receipt | null, stream: string, text: string): void {
    receipt?.hold()
    let batch = this.#open
    if (batch === null || batch.group !== this.#durable.groups) {
      batch = { group: this.#durable.groups, waiting: [] }
      this.#open = batch
      this.#await(batch)
    }
    batch.waiting.push({ reply, receipt, stream, text })
  }

  /** Answers at once: the stream lives in memory. */
  now(reply: string, text: string): void {
    if (reply !== '') this.#replies.send(reply, text)
  }

  /** Nothing was stored. */
  refuse(reply: string, receipt: Receipt | null, stream: string, error: ApiError): void {
    if (reply !== '') this.#replies.send(reply, refusal(stream, error))
    if (receipt === null) return
    receipt.hold()
    receipt.release(new Error(error.description), isForGood(error))
  }

  #await(batch: Batch): void {
    this.#durable.onDisk(error => {
      if (this.#open === batch) this.#open = null
      for (const one of batch.waiting) this.#settle(one, error)
    })
  }

  #settle({ reply, receipt, stream, text }: Waiting, error: Error | undefined): void {
    if (reply !== '') {
      this.#replies.send(reply, error ? refusal(stream, storeFailed(error.message)) : text)
    }
    receipt?.release(error)
  }
}

/** The message itself, or the stream's config, is the reason: no room will ever help. */
function isForGood(error: ApiError): boolean {
  return error.code === 400 && error !== accountResourcesExceeded
}

function refusal(stream: string, error: ApiError): string {
  return json({ error, stream, seq: 0 })
}
