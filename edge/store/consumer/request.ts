// A pull request's body: empty (one message), a number, or JSON (reference 6.6).

import { decode } from '../api/decode.ts'
import { isFault, type SyntaxFault } from '../api/go-json.ts'
import type { Fields } from '../api/text.ts'
import { pullRequest } from './shape.ts'

/** Which of a consumer's priority groups asks, and under which conditions (ADR-42). */
export interface PullGroup {
  readonly group: string
  /** Overflow: served once so many messages are left, or wait for their acks; 0 = no matter. */
  readonly minPending: number
  readonly minAckPending: number
  /** The pin it believes to hold; it gets the one that is made for it. */
  id: string
  /** Prioritized: 0 is served first. */
  readonly priority: number
}

/** Nanoseconds where it is a time. */
export interface PullRequest {
  readonly batch: number
  readonly expires: number
  readonly noWait: boolean
  readonly maxBytes: number
  readonly heartbeat: number
  /** Null when the request is no JSON: no group is asked of it. */
  readonly group: PullGroup | null
}

/** The request, or why it is none, in nats-server's (that is, Go's) words. */
export type ReadPull =
  | { readonly is: 'pull'; readonly pull: PullRequest }
  | { readonly is: 'bad'; readonly why: string }

const one: PullRequest = {
  batch: 1,
  expires: 0,
  noWait: false,
  maxBytes: 0,
  heartbeat: 0,
  group: null,
}

/** Larger requests are no pull requests. */
const bodyBytesMax = 64 * 1024

export function readPull(body: Buffer): ReadPull {
  if (body.length === 0) return { is: 'pull', pull: one }
  if (body.length > bodyBytesMax) return { is: 'bad', why: 'request too large' }
  const text = body.toString().trim()
  if (text.startsWith('{')) return readJson(text)
  const number = /^[+-]?\d{1,15}$/.test(text) ? Number(text) : 1
  return { is: 'pull', pull: number === 1 ? one : { ...one, batch: number } }
}

function readJson(text: string): ReadPull {
  const fields = fieldsOf(text)
  if (typeof fields === 'string') return { is: 'bad', why: fields }
  const pull: PullRequest = {
    batch: count(fields.batch),
    expires: count(fields.expires),
    noWait: fields.no_wait === true,
    maxBytes: count(fields.max_bytes),
    heartbeat: count(fields.idle_heartbeat),
    group: {
      group: word(fields.group),
      minPending: count(fields.min_pending),
      minAckPending: count(fields.min_ack_pending),
      id: word(fields.id),
      priority: count(fields.priority),
    },
  }
  if (pull.heartbeat > 0 && pull.heartbeat * 2 > pull.expires) {
    return { is: 'bad', why: 'heartbeat value too large' }
  }
  return { is: 'pull', pull }
}

/** The request's fields, or what is wrong with it: only then it is read as Go would read it. */
function fieldsOf(text: string): Fields | string {
  let fields: Fields | null = null
  try {
    fields = JSON.parse(text) as Fields
    if (hasTypes(fields)) return fields
  } catch {
    // The requester is told what nats-server would tell it.
  }
  const decoded = decode(Buffer.from(text), pullRequest)
  if (isFault(decoded)) return faultOf(text, decoded)
  if (decoded.wrong !== null) return decoded.wrong
  return fields === null ? 'invalid character after top-level value' : decoded.fields
}

function hasTypes(fields: Fields): boolean {
  for (const name in fields) {
    const type = pullRequest.fields[name]?.is
    const value = fields[name]
    if (type === 'whole' && !Number.isSafeInteger(value)) return false
    if (type === 'flag' && typeof value !== 'boolean') return false
    if (type === 'text' && typeof value !== 'string') return false
  }
  return true
}

/** One value is expected: whatever stands behind it is too much. */
function faultOf(text: string, { why, offset }: SyntaxFault): string {
  if (offset === null) return 'unexpected end of JSON input'
  const character = /^invalid character ('.+') looking for beginning of value$/.exec(why)?.[1]
  if (character === undefined) return why
  try {
    JSON.parse(text.slice(0, offset - 1))
    return `invalid character ${character} after top-level value`
  } catch {
    // Not behind a whole value.
    return why
  }
}

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
