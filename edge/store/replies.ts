// Short answers of the store: publish acknowledgements and status messages. Each is written into
// one scratch buffer and published at once; sinks copy, so the next answer may reuse it.

import type { Account } from '../../src/account/account.ts'
import { messageOf } from '../../src/broker/post.ts'
import { publish } from '../../src/broker/publish.ts'
import type { Message, Origin } from '../../src/message.ts'
import type { PubAck } from './pub-ack.ts'
import type { StoredMessage } from './shapes.ts'

/** Who publishes what JetStream has to say. */
export const jetstreamOrigin: Origin = {
  kind: 'jetstream',
  sink: null,
  echo: true,
  permissions: null,
}

/** Room for `<size>\r\n` before the answer. */
const sizeBytesMax = 12
/** Answers name a stream and a domain, both bounded; longer texts take the slow way. */
const answerBytesMax = 4096

export class Replies {
  readonly #account: Account
  readonly #scratch = Buffer.allocUnsafe(sizeBytesMax + answerBytesMax + 2)
  readonly #message: Message

  constructor(account: Account) {
    this.#account = account
    this.#message = messageOf({ subject: '', payload: this.#scratch })
  }

  /** A payload without headers. */
  send(reply: string, text: string): void {
    const bytes = Buffer.byteLength(text)
    if (bytes > answerBytesMax) return this.#sendLong(reply, Buffer.from(text))
    const sizeText = `${bytes}\r\n`
    const start = sizeText.length
    const scratch = this.#scratch
    scratch.write(sizeText, 0, 'latin1')
    scratch.write(text, start)
    scratch.write('\r\n', start + bytes, 'latin1')
    const message = this.#message
    message.lineStart = 0
    message.bodyStart = start
    message.payloadStart = start
    message.payloadEnd = start + bytes
    message.chunk = scratch
    this.#publish(message, reply)
  }

  /** A message was stored under this sequence. */
  sendStored(reply: string, ack: PubAck, seq: number): void {
    ack.write(seq)
    const message = this.#message
    message.lineStart = ack.lineStart
    message.bodyStart = ack.bodyStart
    message.payloadStart = ack.bodyStart
    message.payloadEnd = ack.bodyEnd
    message.chunk = ack.chunk
    this.#publish(message, reply)
  }

  /** A header block and a stored payload; false when they are too long for the scratch. */
  sendBlock(reply: string, block: string, { chunk, payloadStart, end }: StoredMessage): boolean {
    const scratch = this.#scratch
    const payloadBytes = end - payloadStart
    // Three bytes a character at most.
    if (3 * block.length + payloadBytes > scratch.length) return false
    const bytes = scratch.write(block, 0)
    chunk.copy(scratch, bytes, payloadStart, end)
    const message = this.#message
    message.lineStart = -1
    message.bodyStart = 0
    message.payloadStart = bytes
    message.payloadEnd = bytes + payloadBytes
    message.chunk = scratch
    this.#publish(message, reply)
    return true
  }

  /** A header block alone: `NATS/1.0 404 Message Not Found\r\n\r\n`. */
  sendStatus(reply: string, status: string): void {
    const bytes = this.#scratch.write(`NATS/1.0 ${status}\r\n\r\n`, 0, 'latin1')
    const message = this.#message
    message.lineStart = -1
    message.bodyStart = 0
    message.payloadStart = bytes
    message.payloadEnd = bytes
    message.chunk = this.#scratch
    this.#publish(message, reply)
  }

  #sendLong(reply: string, payload: Buffer): void {
    publish(this.#account, messageOf({ subject: reply, payload }), jetstreamOrigin)
  }

  #publish(message: Message, reply: string): void {
    message.subject = reply
    message.target = reply
    message.match = null
    publish(this.#account, message, jetstreamOrigin)
  }
}
