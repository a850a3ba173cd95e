// Requests on the wire, and their answers as objects.

import type { Talk } from '../support/talk.ts'

export interface Answer {
  readonly headers: string
  readonly bytes: Buffer
  /** The payload as JSON; null when it is none. */
  readonly json: Json
}

// biome-ignore lint/suspicious/noExplicitAny: answers of another program
export type Json = any

let last = 0

export interface Asking {
  /** Lines of a header block. */
  readonly headers?: string
  /** Give up after this; `answers` says how many come until then. */
  readonly msMax?: number
}

/** The first answer; null: there is none in time. */
export async function ask(
  talk: Talk,
  subject: string,
  body: object | string = '',
  { headers = '', msMax = 5000 }: Asking = {},
): Promise<Answer | null> {
  const sid = `ask${++last}`
  const inbox = `_INBOX.${sid}`
  const payload = typeof body === 'string' ? body : JSON.stringify(body)
  talk.send(`SUB ${inbox} ${sid}\r\nUNSUB ${sid} 1\r\n`)
  const block = `NATS/1.0\r\n${headers}\r\n\r\n`
  const sizes = `${block.length} ${block.length + payload.length}`
  if (headers === '') talk.send(`PUB ${subject} ${inbox} ${payload.length}\r\n${payload}\r\n`)
  else talk.send(`HPUB ${subject} ${inbox} ${sizes}\r\n${block}${payload}\r\n`)
  try {
    return await next(talk, inbox, msMax)
  } catch (error) {
    if (!/not within/.test((error as Error).message)) throw error
    talk.send(`UNSUB ${sid}\r\n`)
    return null
  }
}

/** The next message on the subject; INFO and PING lines before it are passed over. */
export async function next(talk: Talk, subject: string, msMax = 5000): Promise<Answer> {
  for (;;) {
    const line = (await talk.expect(/^[^\n]*\r\n/, msMax)).trimEnd()
    if (line.startsWith('PING')) talk.send('PONG\r\n')
    const [verb = '', about = '', ...rest] = line.split(' ').filter(word => word !== '')
    if (verb !== 'MSG' && verb !== 'HMSG') continue
    const size = Number(rest.at(-1))
    const bytes = (await talk.expect(new RegExp(`^[^]{${size}}\\r\\n`), msMax)).slice(0, size)
    if (about !== subject) continue
    const headBytes = verb === 'HMSG' ? Number(rest.at(-2)) : 0
    return answerOf(bytes.slice(0, headBytes), Buffer.from(bytes.slice(headBytes), 'latin1'))
  }
}

function answerOf(headers: string, bytes: Buffer): Answer {
  let json: Json = null
  try {
    json = JSON.parse(bytes.toString())
  } catch {
    // Packed, or a number: the bytes are what counts.
  }
  return { headers, bytes, json }
}
