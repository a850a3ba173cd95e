// JSON and times as Go prints them, and request bodies read with a bound.

/** A request larger than this is refused unread; the largest useful one is a stream's config. */
export const requestBytesMax = 512 * 1024

/** JSON as Go's encoder writes it: `<`, `>`, `&` and the two line separators are escaped. */
export function json(value: unknown): string {
  const text = JSON.stringify(value)
  return escapable.test(text) ? text.replace(escapableAll, escapeCharacter) : text
}

const escapable = /[<>&\u2028\u2029]/
const escapableAll = /[<>&\u2028\u2029]/g

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** RFC 3339 with as many decimals as are needed, in UTC; 0 is Go's zero time. */
export function timeText(timeUs: number): string {
  if (timeUs === 0) return '0001-01-01T00:00:00Z'
  const seconds = Math.floor(timeUs / 1_000_000)
  const whole = wholeText(seconds)
  const micros = timeUs - seconds * 1_000_000
  if (micros === 0) return `${whole}Z`
  let end = 6
  const digits = String(micros).padStart(6, '0')
  while (digits.charCodeAt(end - 1) === 0x30) end--
  return `${whole}.${digits.slice(0, end)}Z`
}

/** Many messages share a second. */
let lastSeconds = Number.NaN
let lastWhole = ''

function wholeText(seconds: number): string {
  if (seconds === lastSeconds) return lastWhole
  lastSeconds = seconds
  lastWhole = new Date(seconds * 1000).toISOString().slice(0, 19)
  return lastWhole
}

/** Microseconds of an RFC 3339 time, null when it is none. */
export function timeOf(text: string): number | null {
  const found = rfc3339.exec(text)
  if (!found) return null
  const ms = Date.parse(`${found[1]}${found[3]}`)
  if (Number.isNaN(ms)) return null
  const micros = Number((found[2] ?? '').padEnd(6, '0').slice(0, 6))
  return ms * 1000 + micros
}

const rfc3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/

export type Fields = Readonly<Record<string, unknown>>

/** The object in a body: null when it is not JSON or not an object. An empty body is `{}`. */
export function readFields(body: Buffer): Fields | null {
  if (body.length === 0) return {}
  if (body.length > requestBytesMax) return null
  try {
    const value: unknown = JSON.parse(body.toString())
    return isFields(value) ? value : null
  } catch {
    // What is not JSON is the requester's mistake; the caller answers with the API's error.
    return null
  }
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Nothing in it: as good as no request at all. */
export function isEmpty(fields: Fields): boolean {
  for (const _ in fields) return false
  return true
}

/** Takes fields of known types out of a request; `wrong` is set by the first of another type. */
export class FieldReader {
  readonly #fields: Fields
  wrong = false

  constructor(fields: Fields) {
    this.#fields = fields
  }

  has(name: string): boolean {
    const value = this.#fields[name]
    return value !== undefined && value !== null
  }

  text(name: string): string {
    const value = this.#take(name)
    return value === undefined ? '' : this.#expect(typeof value === 'string', value, '')
  }

  /** A whole number; Go's integers are 64 bits wide, ours are exact to 2^53. */
  integer(name: string): number {
    const value = this.#take(name)
    return value === undefined ? 0 : this.#expect(isWhole(value), value, 0)
  }

  /** A whole number from 0 on, exact. */
  count(name: string): number {
    const value = this.integer(name)
    if (value < 0 || value > Number.MAX_SAFE_INTEGER) this.wrong = true
    return value
  }

  flag(name: string): boolean {
    const value = this.#take(name)
    return value === undefined ? false : this.#expect(typeof value === 'boolean', value, false)
  }

  texts(name: string): readonly string[] {
    const value = this.#take(name)
    if (value === undefined) return []
    const good = Array.isArray(value) && value.every(item => typeof item === 'string')
    return this.#expect(good, value, [])
  }

  /** An object whose values are all texts. */
  labels(name: string): Readonly<Record<string, string>> | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    const good = isFields(value) && Object.values(value).every(item => typeof item === 'string')
    return this.#expect<Readonly<Record<string, string>>>(good, value, {})
  }

  fields(name: string): Fields | undefined {
    const value = this.#take(name)
    return value === undefined ? undefined : this.#expect<Fields>(isFields(value), value, {})
  }

  /** One of the words; `first` when absent. */
  word<T extends string>(name: string, words: readonly T[], first: T): T {
    const value = this.#take(name)
    if (value === undefined) return first
    return this.#expect<T>((words as readonly unknown[]).includes(value), value, first)
  }

  #take(name: string): unknown {
    const value = this.#fields[name]
    return value === null || !Object.hasOwn(this.#fields, name) ? undefined : value
  }

  #expect<T>(good: boolean, value: unknown, otherwise: T): T {
    if (good) return value as T
    this.wrong = true
    return otherwise
  }
}

const int64Max = 2 ** 63

function isWhole(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(value as number) <= int64Max
}
