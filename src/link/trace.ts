// What the trace log shows of a connection's lines and messages (reference 9).

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

/** Of what a message holds, so much is shown. */
export interface Shown {
  /** 0 = all. */
  readonly tracedBytesMax: number
  readonly tracesHeadersOnly?: boolean
}

/** The line and what it carries. */
export function tracePublish(log: Log, from: Labelled, message: Message, shown: Shown): void {
  traceIn(log, from, publishText(message))
  const body = bodyText(message, shown)
  if (body !== '') log.trace(`${from.label} - <<- MSG_PAYLOAD: [${body}]`)
}

/** A publish as the client wrote it. */
function publishText(message: Message): string {
  const { subject, payloadStart, bodyStart } = message
  const headerBytes = payloadStart - bodyStart
  const head = `${headerBytes > 0 ? 'HPUB' : 'PUB'} ${subject}${replyText(message)}`
  return `${head}${headerBytes > 0 ? ` ${headerBytes}` : ''} ${bodyBytes(message)}`
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

/** Headers and payload quoted as Go quotes them; '' when nothing is to be shown. */
export function bodyText(message: Message, { tracedBytesMax, tracesHeadersOnly }: Shown): string {
  // The headers end with an empty line, which nats-server leaves out.
  const end = tracesHeadersOnly ? message.payloadStart - 4 : message.payloadEnd
  const bytes = message.chunk.subarray(message.bodyStart, Math.max(message.bodyStart, end))
  if (tracesHeadersOnly && bytes.length === 0) return ''
  const isCut = tracedBytesMax > 0 && bytes.length > tracedBytesMax
  return isCut ? `${goQuoted(bytes.subarray(0, tracedBytesMax)).slice(0, -1)}..."` : goQuoted(bytes)
}

/** As Go's %q; of bytes that are no text the ones beyond ASCII are \xff. */
function goQuoted(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  if (!text.includes('\ufffd')) return JSON.stringify(text).replace(escapes, goEscape)
  const hexed = JSON.stringify(bytes.toString('latin1')).replace(escapes, goEscape)
  return hexed.replace(/[\x80-\xff]/g, c => `\\x${c.charCodeAt(0).toString(16)}`)
}

/** What JSON writes differently, and pairs of backslashes, which are to be left alone. */
const escapes = /\\\\|\\u00([0-9a-f]{2})|\x7f/g

function goEscape(found: string, hex?: string): string {
  if (found === '\\\\') return found
  if (hex === undefined) return '\\x7f'
  if (hex === '07') return '\\a'
  return hex === '0b' ? '\\v' : `\\x${hex}`
}
