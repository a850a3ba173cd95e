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
    const message = this.#message
    message.subject = stored.subject
    message.target = target
    message.reply = reply
    message.match = match
    message.queues = null
    const { headers, payload } = stored
    if (this.isHeadersOnly) {
      const only = headersOnly(headers, payload.length)
      this.#body(only, 0, only.length, only.length)
    } else if (headers.length === 0) {
      this.#body(payload, 0, 0, payload.length)
    } else {
      const whole = joined(headers, payload)
      this.#body(whole, 0, headers.length, whole.length)
    }
    return publish(this.#account, message, jetstreamOrigin)
  }

  /** The same to the client that holds the pin. */
  sendPinned(
    target: string,
    match: Match | null,
    stored: StoredMessage,
    reply: string,
    pin: string,
  ): number {
    return this.send(target, match, { ...stored, headers: pinned(stored.headers, pin) }, reply)
  }

  /** Bytes of header block and payload as they are sent. */
  sizeOf({ headers, payload }: StoredMessage): number {
    if (!this.isHeadersOnly) return headers.length + payload.length
    return headersOnly(headers, payload.length).length
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

  #body(chunk: Buffer, bodyStart: number, payloadStart: number, payloadEnd: number): void {
    const message = this.#message
    message.chunk = chunk
    message.bodyStart = bodyStart
    message.payloadStart = payloadStart
    message.payloadEnd = payloadEnd
  }
}

/** Header block and payload in one piece: a view when they stand side by side in memory. */
function joined(headers: Buffer, payload: Buffer): Buffer {
  if (payload.length === 0) return headers
  const end = headers.byteOffset + headers.length
  if (headers.buffer === payload.buffer && end === payload.byteOffset) {
    return Buffer.from(headers.buffer, headers.byteOffset, headers.length + payload.length)
  }
  return Buffer.concat([headers, payload])
}
