// Direct get: a message by number or subject, raw, without JSON (ADR-31, reference 6.6). A real
// subscription of each stream that allows it, so that a missing one gives 503 no responders.

import { newSubscription, payloadOf, post } from '../../../src/broker/post.ts'
import type { LocalSink, Message, Subscription } from '../../../src/message.ts'
import { jetstreamOrigin, type Replies } from '../replies.ts'
import type { StoredMessage, Stream } from '../shapes.ts'
import { chosen, isContradiction, isNothing, type MessageChoice, readChoice } from './messages.ts'
import type { JetStreamAccount } from './request.ts'
import { readFields, timeText } from './text.ts'

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

  readonly #subjectFrom: number

  /** `name`: of the stream it answers for; a mirror does so for its origin too. */
  constructor(
    jetstream: JetStreamAccount,
    stream: Stream,
    replies: Replies,
    name = stream.config.name,
  ) {
    this.#jetstream = jetstream
    this.#stream = stream
    this.#replies = replies
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
  }

  deliver(message: Message, subscription: Subscription): void {
    if (message.reply === '') return
    const choice =
      subscription === this.#bySubject ? this.#subjectChoice(message) : requestChoice(message)
    if (typeof choice === 'string') {
      this.#replies.sendStatus(message.reply, choice)
      return
    }
    const found = chosen(this.#stream, choice)
    if (!found) {
      this.#replies.sendStatus(message.reply, '404 Message Not Found')
      return
    }
    post(this.#jetstream.account, jetstreamOrigin, {
      subject: message.reply,
      headers: this.#headers(found),
      payload: found.payload,
    })
  }

  /** `$JS.API.DIRECT.GET.<stream>.<subject>`: the last message on that subject. */
  #subjectChoice(message: Message): MessageChoice | string {
    if (payloadOf(message).length > 0) return '408 Malformed Request'
    const lastBySubject = message.target.slice(this.#subjectFrom)
    return { seq: 0, lastBySubject, nextBySubject: '' }
  }

  #headers({ headers, subject, seq, timeUs }: StoredMessage): Buffer {
    const lines =
      `Nats-Stream: ${this.#stream.config.name}\r\nNats-Subject: ${subject}\r\n` +
      `Nats-Sequence: ${seq}\r\nNats-Time-Stamp: ${timeText(timeUs)}\r\n\r\n`
    if (headers.length === 0) return Buffer.from(`NATS/1.0\r\n${lines}`)
    return Buffer.concat([headers.subarray(0, headers.length - 2), Buffer.from(lines)])
  }
}

/** What the body asks for, or the status that says what is wrong with it. */
function requestChoice(message: Message): MessageChoice | string {
  const body = payloadOf(message)
  if (body.length === 0) return '408 Empty Request'
  const fields = readFields(body)
  const choice = fields === null ? null : readChoice(fields)
  if (choice === null) return '408 Malformed Request'
  if (isNothing(choice)) return '408 Empty Request'
  return isContradiction(choice) ? '408 Bad Request' : choice
}
