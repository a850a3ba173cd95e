// Publishing from inside the process: a schedule, telemetry, a stream's acknowledgement.

import type { Account } from '../account/account.ts'
import { emptyMessage } from '../base/message.ts'
import type { Message, Origin, Receipt, Sink, Subscription } from '../message.ts'
import { publish } from './publish.ts'

const nothing = Buffer.alloc(0)

export interface Post {
  readonly subject: string
  /** Matched instead of `subject` when given (a JetStream delivery to an inbox). */
  readonly target?: string
  readonly reply?: string
  /** A whole header block, `NATS/1.0…\r\n\r\n`. */
  readonly headers?: Buffer
  readonly payload?: Buffer
  readonly receipt?: Receipt
}

/** Publishes; returns the number of deliveries, 0 when nobody listens. */
export function post(account: Account, origin: Origin, what: Post): number {
  return publish(account, messageOf(what), origin)
}

/** A message over bytes of one's own. */
export function messageOf(what: Post): Message {
  const headers = what.headers ?? nothing
  const payload = what.payload ?? nothing
  const chunk = headers.length > 0 ? Buffer.concat([headers, payload]) : payload
  const message = emptyMessage()
  message.subject = what.subject
  message.target = what.target ?? what.subject
  message.reply = what.reply ?? ''
  message.chunk = chunk
  message.payloadStart = headers.length
  message.payloadEnd = chunk.length
  message.receipt = what.receipt ?? null
  return message
}

/** A subscription of a room's own; give it to `account.subscribe`. */
export function newSubscription(subject: string, sink: Sink, queue = '', sid = ''): Subscription {
  return {
    subject,
    queue,
    sid,
    sink,
    weight: 1,
    delivered: 0,
    max: 0,
    closed: false,
    prefix: null,
    prefixSubject: '',
  }
}

/** The header block of a message, a view; empty when there is none. */
export function headersOf(message: Message): Buffer {
  return message.chunk.subarray(message.bodyStart, message.payloadStart)
}

/** The payload of a message, a view. */
export function payloadOf(message: Message): Buffer {
  return message.chunk.subarray(message.payloadStart, message.payloadEnd)
}
