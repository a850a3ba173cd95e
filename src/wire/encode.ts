// Messages on their way to a client: `MSG subject sid [reply] size` and its header form HMSG.

import { emptyMessage } from '../base/message.ts'
import type { Message, Subscription } from '../message.ts'

/** Where bytes go: an outbox. */
export interface ByteWriter {
  append(from: Buffer, start: number, end: number): void
  appendText(text: string): void
}

const crlf = Buffer.from('\r\n')

/**
 * Appends one delivery. The usual case is two copies: the prefix kept with the subscription, and
 * size line, body and CRLF as they stand in the publisher's bytes. bench: core 16 B 1:1.
 */
export function encodeMessage(
  to: ByteWriter,
  message: Message,
  subscription: Subscription,
  stripHeaders: boolean,
): void {
  const prefix =
    subscription.prefixSubject === message.subject && subscription.prefix !== null
      ? subscription.prefix
      : newPrefix(subscription, message.subject)
  const hasHeaders = message.payloadStart > message.bodyStart
  const keepsHeaders = hasHeaders && !stripHeaders
  to.append(prefix, keepsHeaders ? 0 : 1, prefix.length)
  if (message.reply !== '') to.appendText(`${message.reply} `)
  if (message.lineStart >= 0 && hasHeaders === keepsHeaders) {
    to.append(message.chunk, message.lineStart, message.payloadEnd + 2)
    return
  }
  const bodyStart = keepsHeaders ? message.bodyStart : message.payloadStart
  const bytes = message.payloadEnd - bodyStart
  const headerBytes = message.payloadStart - message.bodyStart
  to.appendText(keepsHeaders ? `${headerBytes} ${bytes}\r\n` : `${bytes}\r\n`)
  if (bytes > 0) to.append(message.chunk, bodyStart, message.payloadEnd)
  to.append(crlf, 0, 2)
}

/** `HMSG <subject> <sid> `: without its first byte it is the prefix of a MSG. */
function newPrefix(subscription: Subscription, subject: string): Buffer {
  const prefix = Buffer.from(`HMSG ${subject} ${subscription.sid} `)
  subscription.prefix = prefix
  subscription.prefixSubject = subject
  return prefix
}

/** The answer to a request that nobody can hear: status 503 (ADR-4), with its subject (2.12). */
export function noResponders(reply: string, subject: string): Message {
  const headers = Buffer.from(`NATS/1.0 503\r\nNats-Subject: ${subject}\r\n\r\n`)
  const message = emptyMessage()
  message.subject = reply
  message.target = reply
  message.chunk = headers
  message.payloadStart = headers.length
  message.payloadEnd = headers.length
  return message
}
