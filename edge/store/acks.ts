// Publish acknowledgements. They leave when the group they were written with is on disk, all of
// a group in one burst (keeps invariant 1).

import type { Receipt } from '../../src/message.ts'
import { json } from './api/text.ts'
import { accountResourcesExceeded, storeFailed } from './errors.ts'
import type { PubAck } from './pub-ack.ts'
import type { Replies } from './replies.ts'
import type { ApiError, Durable } from './shapes.ts'

/**
 * Those who wait for one group: place by place, because one object for each of thousands would
 * outlive several collections of the young ones.
 */
interface Batch {
  readonly group: number
  readonly replies: string[]
  /** The answer whole, or what writes it with the number beside it. */
  readonly answers: (string | PubAck)[]
  readonly seqs: number[]
  readonly streams: string[]
  readonly receipts: (Receipt | null)[]
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
    this.#wait(reply, receipt, stream, text, 0)
  }

  /** The same, of a message that was stored as any other. */
  stored(reply: string, receipt: Receipt | null, ack: PubAck, seq: number): void {
    this.#wait(reply, receipt, ack.stream, ack, seq)
  }

  #wait(
    reply: string,
    receipt: Receipt | null,
    stream: string,
    answer: string | PubAck,
    seq: number,
  ): void {
    receipt?.hold()
    let batch = this.#open
    if (batch === null || batch.group !== this.#durable.groups) {
      const group = this.#durable.groups
      batch = { group, replies: [], answers: [], seqs: [], streams: [], receipts: [] }
      this.#open = batch
      this.#await(batch)
    }
    batch.replies.push(reply)
    batch.answers.push(answer)
    batch.seqs.push(seq)
    batch.streams.push(stream)
    batch.receipts.push(receipt)
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
      for (let i = 0; i < batch.replies.length; i++) this.#settle(batch, i, error)
    })
  }

  #settle(batch: Batch, i: number, error: Error | undefined): void {
    const reply = batch.replies[i] ?? ''
    const answer = batch.answers[i] ?? ''
    if (reply !== '') {
      if (error) {
        this.#replies.send(reply, refusal(batch.streams[i] ?? '', storeFailed(error.message)))
      } else if (typeof answer === 'string') this.#replies.send(reply, answer)
      else this.#replies.sendStored(reply, answer, batch.seqs[i] ?? 0)
    }
    batch.receipts[i]?.release(error)
  }
}

/** The message itself, or the stream's config, is the reason: no room will ever help. */
function isForGood(error: ApiError): boolean {
  return error.code === 400 && error !== accountResourcesExceeded
}

function refusal(stream: string, error: ApiError): string {
  return json({ error, stream, seq: 0 })
}
