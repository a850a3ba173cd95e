// Direct gets of more than one message (ADR-31, reference 6.6): many from a sequence or a time on,
// or the last of each of many subjects. They leave in slices, one a turn of the loop, and wait
// while the requester has a backlog: a batch neither holds the loop nor fills an outbox.

import type { Clock, Timer } from '../../../src/base/clock.ts'
import { post } from '../../../src/broker/post.ts'
import type { Subscription } from '../../../src/message.ts'
import { jetstreamOrigin, type Replies } from '../replies.ts'
import type { StoredMessage, Stream } from '../shapes.ts'
import { directHeaders } from './direct-headers.ts'
import type { DirectRequest } from './direct-request.ts'
import type { JetStreamAccount } from './request.ts'

/** Of one slice. */
const messagesMax = 64
const sliceBytesMax = 256 * 1024
/** A requester with more than this unsent is let alone for `backlogRetryMs`. */
const backlogBytesMax = 1024 * 1024
const backlogRetryMs = 2
/** Of one stream, at a time. */
export const batchesMax = 256
/** Subjects of one request, as in nats-server. */
export const subjectsMax = 1024
/** What a request without max_bytes may get: nats-server's max_pending. */
const batchBytesMax = 64 * 1024 * 1024

export interface BatchParts {
  readonly jetstream: JetStreamAccount
  readonly stream: Stream
  readonly replies: Replies
  readonly clock: Clock
}

/** Where the next messages come from, and what is said at the end. */
interface Supply {
  /** Up to `countMax` more; fewer: there are no more. */
  next(countMax: number): readonly StoredMessage[]
  /** How many are left. */
  pending(): number
  sent(message: StoredMessage): void
  /** Lines of the end's header block. */
  end(lastSeq: number): string
  readonly countMax: number
}

export class DirectBatches {
  readonly #parts: BatchParts
  readonly #running = new Set<Batch>()

  constructor(parts: BatchParts) {
    this.#parts = parts
  }

  start(request: DirectRequest, reply: string): void {
    const { stream, replies } = this.#parts
    if (this.#running.size >= batchesMax) {
      replies.sendStatus(reply, '429 Too Many Requests')
      return
    }
    const supply =
      request.multiLast.length > 0 ? lastOfMany(stream, request) : fromHere(stream, request)
    if (typeof supply === 'string') {
      replies.sendStatus(reply, supply)
      return
    }
    const batch = new Batch(this.#parts, supply, request, reply, () => this.#running.delete(batch))
    this.#running.add(batch)
    batch.run()
  }

  close(): void {
    for (const batch of [...this.#running]) batch.close()
  }
}

class Batch {
  readonly #parts: BatchParts
  readonly #supply: Supply
  readonly #reply: string
  readonly #bytesMax: number
  readonly #noHeaders: boolean
  readonly #ended: () => void
  #lastSeq = 0
  #count = 0
  #bytes = 0
  #isClosed = false
  #timer: Timer | null = null

  constructor(
    parts: BatchParts,
    supply: Supply,
    request: DirectRequest,
    reply: string,
    ended: () => void,
  ) {
    this.#parts = parts
    this.#supply = supply
    this.#reply = reply
    const { bytesMax, noHeaders } = request
    this.#bytesMax = bytesMax === 0 ? batchBytesMax : bytesMax
    this.#noHeaders = noHeaders && request.multiLast.length === 0
    this.#ended = ended
  }

  run(): void {
    if (this.#isClosed) return
    switch (this.#requester()) {
      case 'gone':
        this.close()
        return
      case 'behind':
        this.#timer = this.#parts.clock.after(backlogRetryMs, () => this.run())
        return
      case 'ready':
        if (this.#slice()) setImmediate(() => this.run())
        else this.close()
    }
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#ended()
  }

  /** False: that was all. */
  #slice(): boolean {
    const left = this.#supply.countMax - this.#count
    const wanted = Math.max(0, Math.min(this.#sliceCount(), left))
    const messages = wanted === 0 ? [] : this.#supply.next(wanted)
    let bytes = 0
    for (const message of messages) {
      bytes += this.#send(message)
      if (this.#bytes >= this.#bytesMax) return this.#end()
      if (bytes >= sliceBytesMax && message !== messages.at(-1)) return true
    }
    if (messages.length === 0 && this.#count === 0 && wanted > 0) return this.#nothing()
    return messages.length === wanted && this.#count < this.#supply.countMax ? true : this.#end()
  }

  /** Messages of the usual size of the stream, so that few large ones are read at a time. */
  #sliceCount(): number {
    const { messages, bytes } = this.#parts.stream.state()
    const usual = Math.max(1, bytes / Math.max(1, messages))
    return Math.max(1, Math.min(messagesMax, Math.floor(sliceBytesMax / usual)))
  }

  #send(message: StoredMessage): number {
    const { jetstream, stream } = this.#parts
    const { subject, headers, payload } = message
    this.#supply.sent(message)
    const pending = this.#supply.pending()
    const more = `Nats-Num-Pending: ${pending}\r\nNats-Last-Sequence: ${this.#lastSeq}\r\n`
    post(jetstream.account, jetstreamOrigin, {
      subject: this.#reply,
      ...(!this.#noHeaders && { headers: directHeaders(stream.config.name, message, more) }),
      payload,
    })
    const bytes = Buffer.byteLength(subject) + headers.length + payload.length
    this.#lastSeq = message.seq
    this.#count++
    this.#bytes += bytes
    return bytes
  }

  #nothing(): false {
    this.#parts.replies.sendStatus(this.#reply, '404 Message Not Found')
    return false
  }

  #end(): false {
    const lines = this.#supply.end(this.#lastSeq)
    post(this.#parts.jetstream.account, jetstreamOrigin, {
      subject: this.#reply,
      headers: Buffer.from(`NATS/1.0 204 EOB\r\n${lines}\r\n`),
    })
    return false
  }

  #requester(): 'gone' | 'behind' | 'ready' {
    const match = this.#parts.jetstream.account.sublist.match(this.#reply)
    if (match.plain.length === 0 && match.groups.length === 0) return 'gone'
    const isBehind =
      match.plain.some(isBacklogged) || match.groups.some(members => members.every(isBacklogged))
    return isBehind ? 'behind' : 'ready'
  }
}

function isBacklogged(subscription: Subscription): boolean {
  const sink = subscription.sink as { readonly pendingBytes?: number }
  return !subscription.closed && (sink.pendingBytes ?? 0) > backlogBytesMax
}

/** `seq`, `start_time`, `next_by_subj`: one after the other. */
function fromHere(stream: Stream, request: DirectRequest): Supply {
  const { seq, startUs, nextBySubject, batch } = request
  const filters = nextBySubject === '' ? [] : [nextBySubject]
  let at = Math.max(1, startUs === null ? seq : stream.seqAt(startUs))
  let pending = stream.count(filters, at)
  const validThrough = stream.readableSeq
  return {
    countMax: batch,
    next: countMax => stream.batch(filters, at, countMax),
    sent: message => {
      at = message.seq + 1
      if (pending > 0 && !request.noHeaders) pending--
    },
    pending: () => pending,
    end: lastSeq => {
      if (stream.readableSeq > validThrough) pending = stream.count(filters, at)
      return `Nats-Num-Pending: ${pending}\r\nNats-Last-Sequence: ${lastSeq}\r\n`
    },
  }
}

/** `multi_last`: the last of each subject, as of a sequence or a time. */
function lastOfMany(stream: Stream, request: DirectRequest): Supply | string {
  const { multiLast, batch, upToUs, seq } = request
  const firstSeq = stream.state().firstSeq
  let upToSeq = request.upToSeq || stream.readableSeq
  if (upToUs !== null) {
    const after = stream.seqAt(upToUs)
    if (after <= firstSeq) return '404 No Results'
    upToSeq = after - 1
  }
  if (isTooMuch(stream, multiLast, upToSeq)) return '413 Too Many Results'
  const seqs = stream.lastPerSubject(multiLast, upToSeq).filter(one => one >= seq)
  if (seqs.length === 0) return '404 No Results'
  if (seqs.length > subjectsMax) return '413 Too Many Results'
  let at = 0
  return {
    countMax: batch > 0 ? batch : seqs.length,
    next: countMax => {
      const messages = seqs.slice(at, at + countMax).map(one => stream.get(one))
      return messages.filter(message => message !== undefined)
    },
    sent: () => {
      at++
    },
    pending: () => seqs.length - at,
    end: lastSeq =>
      `Nats-Num-Pending: ${seqs.length - at}\r\nNats-Last-Sequence: ${lastSeq}\r\n` +
      `Nats-UpTo-Sequence: ${upToSeq}\r\n`,
  }
}

/** So many subjects that looking for their messages would be work for nothing. */
function isTooMuch(stream: Stream, filters: readonly string[], upToSeq: number): boolean {
  if (filters.length > subjectsMax) return true
  if (upToSeq < stream.readableSeq) return false
  return filters.some(filter => stream.subjects(filter, 0, subjectsMax + 1).length > subjectsMax)
}
