// Direct get: a message by number or subject, raw, without JSON (ADR-31, reference 6.6). A real
// subscription of each stream that allows it, so that a missing one gives 503 no responders.

import type { Clock } from '../../../src/base/clock.ts'
import { headersOf, newSubscription, payloadOf, post } from '../../../src/broker/post.ts'
import type { LocalSink, Message, Subscription } from '../../../src/message.ts'
import { jetstreamOrigin, type Replies } from '../replies.ts'
import type { StoredMessage, Stream } from '../shapes.ts'
import { DirectBatches } from './direct-batch.ts'
import { directHeaders, directLines } from './direct-headers.ts'
import { type DirectRequest, directRequest, subjectRequest } from './direct-request.ts'
import { demandsMore } from './level.ts'
import { chosen, isOnItsWay } from './messages.ts'
import type { JetStreamAccount } from './request.ts'

const prefix = '$JS.API.DIRECT.GET.'
/** One of a stream and its mirrors answers. */
const group = '_sys_'

export class DirectGet implements LocalSink {
  readonly remote = false
  readonly isService = true
  readonly #jetstream: JetStreamAccount
  readonly #stream: Stream
  readonly #replies: Replies
  readonly #byRequest: Subscription
  readonly #bySubject: Subscription

  readonly #batches: DirectBatches
  readonly #subjectFrom: number

  /** `name`: of the stream it answers for; a mirror does so for its origin too. */
  constructor(
    jetstream: JetStreamAccount,
    stream: Stream,
    replies: Replies,
    clock: Clock,
    name = stream.config.name,
  ) {
    this.#jetstream = jetstream
    this.#stream = stream
    this.#replies = replies
    this.#batches = new DirectBatches({ jetstream, stream, replies, clock })
    this.#subjectFrom = prefix.length + name.length + 1
    this.#byRequest = newSubscription(`${prefix}${name}`, this, group)
    this.#bySubject = newSubscription(`${prefix}${name}.>`, this, group)
  }

  start(): void {
    this.#jetstream.account.subscribe(this.#byRequest)
    this.#jetstream.account.subscribe(this.#bySubject)
  }

  close(): void {
    this.#jetstream.account.unsubscribe(this.#byRequest)
    this.#jetstream.account.unsubscribe(this.#bySubject)
    this.#batches.close()
  }

  deliver(message: Message, subscription: Subscription): void {
    const { reply } = message
    if (reply === '') return
    // What clients of key-value buckets ask: the last message of a subject, and nothing more.
    if (subscription === this.#bySubject && message.bodyStart === message.payloadEnd) {
      this.#last(message.target.slice(this.#subjectFrom), reply)
      return
    }
    const request = this.#read(message, subscription)
    if (typeof request === 'string') this.#replies.sendStatus(reply, request)
    else this.#answer(request, reply)
  }

  #last(subject: string, reply: string): void {
    const stream = this.#stream
    if (isOnItsWay(stream, subject)) {
      stream.onReadable(() => this.#send(stream.last(subject), reply, true))
    } else this.#send(stream.last(subject), reply, true)
  }

  #answer(request: DirectRequest, reply: string): void {
    const { lastBySubject, multiLast } = request
    const last = multiLast.length > 0 ? '>' : lastBySubject
    if (last !== '' && isOnItsWay(this.#stream, last)) {
      this.#stream.onReadable(() => this.#now(request, reply))
    } else this.#now(request, reply)
  }

  #now(request: DirectRequest, reply: string): void {
    const { batch, multiLast } = request
    if (batch !== 0 || multiLast.length > 0) this.#batches.start(request, reply)
    else this.#one(request, reply)
  }

  #read(message: Message, subscription: Subscription): DirectRequest | string {
    if (demandsMore(headersOf(message))) return '412 Required Api Level'
    const body = payloadOf(message)
    if (subscription !== this.#bySubject) return directRequest(body)
    return subjectRequest(message.target.slice(this.#subjectFrom), body)
  }

  #one({ seq, startUs, ...request }: DirectRequest, reply: string): void {
    const from = startUs === null ? seq : this.#stream.seqAt(startUs)
    this.#send(chosen(this.#stream, { ...request, seq: from }), reply, !request.noHeaders)
  }

  #send(found: StoredMessage | undefined, reply: string, hasHeaders: boolean): void {
    if (!found) {
      this.#replies.sendStatus(reply, '404 Message Not Found')
      return
    }
    if (hasHeaders && found.start === found.payloadStart) {
      const block = `NATS/1.0\r\n${directLines(this.#stream.config.name, found)}`
      if (this.#replies.sendBlock(reply, block, found)) return
    }
    post(this.#jetstream.account, jetstreamOrigin, {
      subject: reply,
      ...(hasHeaders && { headers: directHeaders(this.#stream.config.name, found) }),
      payload: found.payload,
    })
  }
}
