// Puts a stored message through the door: the stored subject is what the subscriber sees, the
// inbox or deliver subject is what is matched (reference 4.8: a leaf adds the '@' itself).
//
// One Message is used for all deliveries, and the match of an inbox is looked up once for a
// batch: the sinks copy what they keep.

import { emptyMessage } from '../../../src/base/message.ts'
import type { Account } from '../../../src/account/account.ts'
import { post } from '../../../src/broker/post.ts'
import { publish } from '../../../src/broker/publish.ts'
import type { Match, Message, Origin } from '../../../src/message.ts'
import type { StoredMessage } from '../shapes.ts'
import { headersOnly, pinned } from './status.ts'

export const jetstreamOrigin: Origin = {
  kind: 'jetstream',
  sink: null,
  echo: true,
  permissions: null,
}

export class Sender {
  /** Payloads stay here: subscribers are told their sizes. */
  isHeadersOnly: boolean
  readonly #account: Account
  readonly #message: Message = emptyMessage()

  constructor(account: Account, isHeadersOnly: boolean) {
    this.#account = account
    this.isHeadersOnly = isHeadersOnly
  }

  /** The match the last delivery used. */
  get match(): Match | null {
    return this.#message.match
  }

  /** Delivers; returns how many took it, 0 when nobody listens. */
  send(target: string, match: Match | null, stored: StoredMessage, reply: string): number {
    if (this.isHeadersOnly) {
      const only = headersOnly(stored.headers, stored.end - stored.payloadStart)
      this.#body(only, 0, only.length, only.length)
    } else {
      this.#body(stored.chunk, stored.start, stored.payloadStart, stored.end)
    }
    return this.#publish(target, match, stored.subject, reply)
  }

  /** The same to the client that holds the pin. */
  sendPinned(
    target: string,
    match: Match | null,
    stored: StoredMessage,
    reply: string,
    pin: string,
  ): number {
    const { headers } = stored
    const payload = this.isHeadersOnly ? nothing : stored.payload
    const bytes = stored.end - stored.payloadStart
    const shown = pinned(this.isHeadersOnly ? headersOnly(headers, bytes) : headers, pin)
    const whole = Buffer.concat([shown, payload])
    this.#body(whole, 0, shown.length, whole.length)
    return this.#publish(target, match, stored.subject, reply)
  }

  /** Bytes of header block and payload as they are sent. */
  sizeOf(stored: StoredMessage): number {
    if (!this.isHeadersOnly) return stored.end - stored.start
    return headersOnly(stored.headers, stored.end - stored.payloadStart).length
  }

  /** A status message: headers alone. */
  tell(target: string, headers: Buffer, reply = ''): number {
    return post(this.#account, jetstreamOrigin, { subject: target, headers, reply })
  }

  /** An empty message: the answer to an ack. */
  answer(target: string): void {
    post(this.#account, jetstreamOrigin, { subject: target })
  }

  /** Does anybody listen there? */
  isHeard(target: string): boolean {
    const match = this.#account.sublist.match(target)
    return match.plain.length > 0 || match.groups.length > 0
  }

  #publish(target: string, match: Match | null, subject: string, reply: string): number {
    const message = this.#message
    message.subject = subject
    message.target = target
    message.reply = reply
    message.match = match
    message.queues = null
    return publish(this.#account, message, jetstreamOrigin)
  }

  #body(chunk: Buffer, bodyStart: number, payloadStart: number, payloadEnd: number): void {
    const message = this.#message
    message.chunk = chunk
    message.bodyStart = bodyStart
    message.payloadStart = payloadStart
    message.payloadEnd = payloadEnd
  }
}

const nothing = Buffer.alloc(0)
