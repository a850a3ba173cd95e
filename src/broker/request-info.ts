// `Nats-Request-Info`: who asks, in the header of a request that crosses to another account. By
// default the name of the account and how far the client is; with `share` all of it.

import { headersOf, payloadOf } from './post.ts'
import type { Message } from '../message.ts'

/** nats-server's ClientInfo, as it stands in JSON; `acc` is always there. */
export type RequestInfo = Readonly<Record<string, unknown>>

const name = 'Nats-Request-Info'
const infoBytesMax = 65_536
const versionLine = 'NATS/1.0\r\n'

/** What an earlier import said, when the request comes through a second one. */
export function readRequestInfo(message: Message): RequestInfo | null {
  if (message.payloadStart === message.bodyStart) return null
  for (const line of headersOf(message).toString().split('\r\n').slice(1)) {
    if (!line.startsWith(`${name}:`) || line.length > infoBytesMax) continue
    try {
      const value: unknown = JSON.parse(line.slice(name.length + 1))
      return typeof value === 'object' && value !== null ? (value as RequestInfo) : null
    } catch {
      // Somebody else's words: as if there were none.
      return null
    }
  }
  return null
}

/** A copy of the message with this and no other such header. */
export function withRequestInfo(message: Message, info: RequestInfo): Message {
  const headers = headersWith(message, `${name}: ${JSON.stringify(info)}\r\n`)
  const chunk = Buffer.concat([headers, payloadOf(message)])
  return {
    ...message,
    chunk,
    lineStart: -1,
    bodyStart: 0,
    payloadStart: headers.length,
    payloadEnd: chunk.length,
    match: null,
    queues: null,
  }
}

function headersWith(message: Message, line: string): Buffer {
  const block = headersOf(message)
  if (block.length === 0) return Buffer.from(`${versionLine}${line}\r\n`)
  const text = block.toString('latin1')
  if (isPlain(text)) {
    return Buffer.concat([block.subarray(0, block.length - 2), Buffer.from(`${line}\r\n`)])
  }
  const [status = '', ...lines] = text.split(/\r?\n/)
  const kept = lines.filter(one => one !== '' && !isOurs.test(one))
  const rest = Buffer.from(`${[status, ...kept].join('\r\n')}\r\n`, 'latin1')
  return Buffer.concat([rest, Buffer.from(`${line}\r\n`)])
}

/** Libraries read names in any case, and some take a line feed for the end of a line. */
const isOurs = /^\s*nats-request-info\s*:/i

/** Ends where it ends, and has no word of whoever asks about himself. */
function isPlain(text: string): boolean {
  const isEnded = text.endsWith('\r\n\r\n') && text.search(/\n\r?\n/) === text.length - 3
  return isEnded && !/nats-request-info/i.test(text)
}
