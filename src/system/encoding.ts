// What the requester can read: `Accept-Encoding` of the request, in nats-server's words. What was
// not asked for has no header; what is unknown is answered plainly and says so.

import { gzipSync } from 'node:zlib'
import { snappyStream } from '../wire/s2.ts'

export type Encoding = 'plain' | 'gzip' | 'snappy' | 'identity'

export interface Encoded {
  readonly payload: Buffer
  readonly headers?: Buffer
}

/** `headers`: the header block of the request. */
export function encodingFor(headers: Buffer): Encoding {
  if (headers.length === 0) return 'plain'
  const accepts = headerOf(headers, 'accept-encoding').toLowerCase()
  if (accepts === '') return 'plain'
  if (/snappy|s2/.test(accepts)) return 'snappy'
  return accepts.includes('gzip') ? 'gzip' : 'identity'
}

export function encode(plain: Buffer, encoding: Encoding): Encoded {
  switch (encoding) {
    case 'plain':
      return { payload: plain }
    case 'gzip':
      return { payload: gzipSync(plain, { level: 1 }), headers: contentEncoding(encoding) }
    case 'snappy':
      return { payload: snappyStream(plain), headers: contentEncoding(encoding) }
    case 'identity':
      return { payload: plain, headers: contentEncoding(encoding) }
  }
}

/** The first value of a header; its name in lower case. '' = there is none. */
export function headerOf(headers: Buffer, name: string): string {
  for (const line of headers.toString().split('\r\n').slice(1)) {
    const colon = line.indexOf(':')
    if (colon < 0 || line.slice(0, colon).trim().toLowerCase() !== name) continue
    return line.slice(colon + 1).trim()
  }
  return ''
}

function contentEncoding(encoding: Encoding): Buffer {
  return Buffer.from(`NATS/1.0\r\nContent-Encoding: ${encoding}\r\n\r\n`)
}
