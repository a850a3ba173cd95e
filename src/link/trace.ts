// What the trace log shows of a message.

import { payloadOf } from '../broker/post.ts'
import type { Message } from '../message.ts'

/** A publish as the client wrote it. */
export function publishText(message: Message): string {
  const verb = message.payloadStart > message.bodyStart ? 'HPUB' : 'PUB'
  return `${verb} ${message.subject}${replyText(message)} ${bodyBytes(message)}`
}

export function deliveryText(message: Message, sid: string): string {
  return `MSG ${message.subject} ${sid}${replyText(message)} ${bodyBytes(message)}`
}

function replyText({ reply }: Message): string {
  return reply === '' ? '' : ` ${reply}`
}

function bodyBytes({ bodyStart, payloadEnd }: Message): number {
  return payloadEnd - bodyStart
}

/** The payload quoted as Go quotes it, cut after `bytesMax` (0 = whole). */
export function tracePayload(message: Message, bytesMax: number): string {
  const payload = payloadOf(message)
  const isCut = bytesMax > 0 && payload.length > bytesMax
  const shown = isCut ? payload.subarray(0, bytesMax) : payload
  return `${JSON.stringify(shown.toString('utf8'))}${isCut ? '...' : ''}`
}
