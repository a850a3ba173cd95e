// Messages on their way to another server of the cluster: RMSG, HMSG, and LMSG for what came from
// a leaf node (reference 4.1). Replies carry the subject of a JetStream delivery as on leaf links.

import type { Message } from '../../message.ts'
import type { ByteWriter } from '../../wire/encode.ts'
import { middleOf } from '../leaf/encode.ts'

const crlf = Buffer.from('\r\n')

/** Encodes for one route; keeps the prefix of the last account and subject. */
export class RouteEncoder {
  #account = ''
  #subject = ''
  #origin = ''
  #plainPrefix: Buffer = crlf
  #headerPrefix: Buffer = crlf

  /**
   * Appends one message. The usual case is two copies, as in wire/encode.ts. `origin`: the cluster
   * of the leaf node it came from, or ''.
   */
  encode(
    to: ByteWriter,
    account: string,
    message: Message,
    queues: readonly string[] | null,
    origin: string,
  ): void {
    const { target, bodyStart, payloadStart, payloadEnd } = message
    if (target !== this.#subject || account !== this.#account || origin !== this.#origin) {
      this.#prefixFor(account, target, origin)
    }
    const hasHeaders = payloadStart > bodyStart
    const prefix = hasHeaders ? this.#headerPrefix : this.#plainPrefix
    to.append(prefix, 0, prefix.length)
    if (message.reply !== '' || queues !== null) to.appendText(middleOf(message, queues))
    // With a leaf's cluster the header size is always there.
    if (origin !== '' && !hasHeaders) to.appendText('0 ')
    if (message.lineStart >= 0) {
      to.append(message.chunk, message.lineStart, payloadEnd + 2)
      return
    }
    const bytes = payloadEnd - bodyStart
    to.appendText(hasHeaders ? `${payloadStart - bodyStart} ${bytes}\r\n` : `${bytes}\r\n`)
    if (bytes > 0) to.append(message.chunk, bodyStart, payloadEnd)
    to.append(crlf, 0, 2)
  }

  #prefixFor(account: string, subject: string, origin: string): void {
    this.#account = account
    this.#subject = subject
    this.#origin = origin
    const where = `${account} ${subject} `
    this.#plainPrefix = Buffer.from(origin === '' ? `RMSG ${where}` : `LMSG ${origin} ${where}`)
    this.#headerPrefix = Buffer.from(origin === '' ? `HMSG ${where}` : `LMSG ${origin} ${where}`)
  }
}
