// A pull request's body: empty (one message), a number, or JSON (reference 6.6).

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
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(text) as Record<string, unknown>
  } catch {
    // The requester is told what nats-server would tell it.
    return { is: 'bad', why: goSyntaxError(text) }
  }
  for (const name of Object.keys(fields)) {
    const type = goTypes[name]
    const value = fields[name]
    if (type === undefined || value === null || isOf(type, value)) continue
    return { is: 'bad', why: goTypeError(name, type, value) }
  }
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

/** The fields and, in Go's words, what they must be. */
const goTypes: Readonly<Record<string, string>> = {
  batch: 'int',
  expires: 'time.Duration',
  max_bytes: 'int',
  idle_heartbeat: 'time.Duration',
  no_wait: 'bool',
  group: 'string',
  min_pending: 'int64',
  min_ack_pending: 'int64',
  id: 'string',
  priority: 'int',
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'bool') return typeof value === 'boolean'
  return type === 'string' ? typeof value === 'string' : Number.isSafeInteger(value)
}

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The commonest of encoding/json's complaints; the rest is told in one sentence. */
function goSyntaxError(text: string): string {
  const inside = text.slice(1).trimStart()
  const first = inside.charAt(0)
  if (first !== '' && first !== '"' && first !== '}') {
    return `invalid character '${first}' looking for beginning of object key string`
  }
  return 'unexpected end of JSON input'
}

function goTypeError(name: string, type: string, value: unknown): string {
  const isNumber = type !== 'string' && type !== 'bool'
  let kind = Array.isArray(value) ? 'array' : goKinds[typeof value]
  if (isNumber && typeof value === 'number') kind = `number ${value}`
  return `json: cannot unmarshal ${kind} into Go struct field .${name} of type ${type}`
}

const goKinds: Readonly<Record<string, string>> = {
  string: 'string',
  boolean: 'bool',
  object: 'object',
  number: 'number',
}
