// What the trace log shows of a message.

import { payloadOf } from '../broker/post.ts'
import type { Message } from '../message.ts'

/** The payload quoted as Go quotes it, cut after `bytesMax` (0 = whole). */
export function tracePayload(message: Message, bytesMax: number): string {
  const payload = payloadOf(message)
  const isCut = bytesMax > 0 && payload.length > bytesMax
  const shown = isCut ? payload.subarray(0, bytesMax) : payload
  return `${JSON.stringify(shown.toString('utf8'))}${isCut ? '...' : ''}`
}
