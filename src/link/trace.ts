// What the trace log shows of a connection's lines and messages (reference 9).

import { payloadOf } from '../broker/post.ts'
import type { Log } from '../base/log.ts'
import type { Message } from '../message.ts'

/** Whose line it is. */
export interface Labelled {
  readonly label: string
}

export function traceIn(log: Log, { label }: Labelled, line: string): void {
  log.trace(`${label} - <<- [${line}]`)
}

export function traceOut(log: Log, { label }: Labelled, line: string): void {
  log.trace(`${label} - ->> [${line}]`)
}

/** The line and the payload, of which `bytesMax` are shown (0 = all). */
export function tracePublish(log: Log, from: Labelled, message: Message, bytesMax: number): void {
  traceIn(log, from, publishText(message))
  log.trace(`${from.label} - <<- MSG_PAYLOAD: [${tracePayload(message, bytesMax)}]`)
}

/** A publish as the client wrote it. */
function publishText(message: Message): string {
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
