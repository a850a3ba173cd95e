// Where a message stands in its stream, in the headers it is directly gotten with (ADR-31).

import type { StoredMessage } from '../shapes.ts'
import { timeText } from './text.ts'

/** `more`: further lines, each with its CRLF. */
export function directHeaders(stream: string, message: StoredMessage, more = ''): Buffer {
  const { headers, subject, seq, timeUs } = message
  const lines =
    `Nats-Stream: ${stream}\r\nNats-Subject: ${subject}\r\n` +
    `Nats-Sequence: ${seq}\r\nNats-Time-Stamp: ${timeText(timeUs)}\r\n${more}\r\n`
  if (headers.length === 0) return Buffer.from(`NATS/1.0\r\n${lines}`)
  return Buffer.concat([headers.subarray(0, headers.length - 2), Buffer.from(lines)])
}
