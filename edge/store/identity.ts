// What tells a stream from another one that has its name later (nats-server 2.15): sources say
// which one they knew, and begin at the beginning when it is not that any more.

import { createHash } from 'node:crypto'
import { timeText } from './api/text.ts'

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The 8 characters that nats-server makes of names of any length. */
export function hashOf(text: string): string {
  const hash = createHash('sha256').update(text).digest()
  return [...hash.subarray(0, 8)].map(byte => digits[byte % digits.length]).join('')
}

/** Of a stream that was created then. */
export function identityOf({ createdUs }: { readonly createdUs: number }): string {
  return hashOf(timeText(createdUs))
}

export function identityHeaders(identity: string): Buffer {
  return Buffer.from(`NATS/1.0\r\nNats-Stream-Identity: ${identity}\r\n\r\n`)
}
