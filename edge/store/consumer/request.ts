// A pull request's body: empty (one message), a number, or JSON (reference 6.6).

/** Nanoseconds where it is a time. */
export interface PullRequest {
  readonly batch: number
  readonly expires: number
  readonly noWait: boolean
  readonly maxBytes: number
  readonly heartbeat: number
}

/** The request, or why it is none, in nats-server's (that is, Go's) words. */
export type ReadPull =
  | { readonly is: 'pull'; readonly pull: PullRequest }
  | { readonly is: 'bad'; readonly why: string }

const one: PullRequest = { batch: 1, expires: 0, noWait: false, maxBytes: 0, heartbeat: 0 }

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
  for (const name of numbers) {
    const value = fields[name]
    if (value === undefined || value === null || Number.isSafeInteger(value)) continue
    return { is: 'bad', why: goTypeError(name, value) }
  }
  const noWait = fields.no_wait ?? false
  if (typeof noWait !== 'boolean') return { is: 'bad', why: goTypeError('no_wait', noWait) }
  const pull: PullRequest = {
    batch: count(fields.batch),
    expires: count(fields.expires),
    noWait,
    maxBytes: count(fields.max_bytes),
    heartbeat: count(fields.idle_heartbeat),
  }
  if (pull.heartbeat > 0 && pull.heartbeat * 2 > pull.expires) {
    return { is: 'bad', why: 'heartbeat value too large' }
  }
  return { is: 'pull', pull }
}

const numbers = ['batch', 'expires', 'max_bytes', 'idle_heartbeat'] as const

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0
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

function goTypeError(name: string, value: unknown): string {
  const kind = Array.isArray(value) ? 'array' : value === null ? 'null' : goKinds[typeof value]
  const type =
    name === 'no_wait' ? 'bool' : name.endsWith('s') || name === 'idle_heartbeat' ? 'int64' : 'int'
  const shown = typeof value === 'number' ? `number ${value}` : kind
  return `json: cannot unmarshal ${shown} into Go struct field JSApiConsumerGetNextRequest.${name} of type ${goType(name, type)}`
}

function goType(name: string, type: string): string {
  if (name === 'expires' || name === 'idle_heartbeat') return 'time.Duration'
  return name === 'max_bytes' ? 'int' : type
}

const goKinds: Readonly<Record<string, string>> = {
  string: 'string',
  boolean: 'bool',
  object: 'object',
  number: 'number',
}
