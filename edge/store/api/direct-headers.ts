// Where a message stands in its stream, in the headers it is directly gotten with (ADR-31).

import type { StoredMessage } from '../shapes.ts'
import { timeText } from './text.ts'

/** `more`: further lines, each with its CRLF. */
export function directHeaders(stream: string, message: StoredMessage, more = ''): Buffer {
  const { headers } = message
  const lines = directLines(stream, message, more)
  if (headers.length === 0) return Buffer.from(`NATS/1.0\r\n${lines}`)
  return Buffer.concat([headers.subarray(0, headers.length - 2), Buffer.from(lines)])
}

/** The lines alone, with the end of the block. */
export function directLines(
  stream: string,
  { subject, seq, timeUs }: StoredMessage,
  more = '',
): string {
  return (
    `Nats-Stream: ${stream}\r\nNats-Subject: ${subject}\r\n` +
    `Nats-Sequence: ${seq}\r\nNats-Time-Stamp: ${timeText(timeUs)}\r\n${more}\r\n`
  )
}
