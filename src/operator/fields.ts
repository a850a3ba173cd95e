// Reads the JSON of a JWT: every field has the type that nats-server's JWT library gives it, and a
// field of another type makes the whole token unreadable, as it does there. `null` is the same as
// absent. Fields that nobody knows are left alone.
//
// Nothing throws: the first wrong field is kept in `problem`, and what was asked for is empty.

export type Json = Readonly<Record<string, unknown>>

/** Shared by the readers of one token. */
export interface Reading {
  problem: string | null
}

/** Whole numbers of Go's int64; beyond 2^53 the last digits are lost, which no limit minds. */
const integerMax = 2 ** 63

export class Fields {
  readonly #json: Json
  readonly #reading: Reading

  constructor(json: Json, reading: Reading) {
    this.#json = json
    this.#reading = reading
  }

  text(name: string): string {
    const value = this.#json[name] ?? ''
    return typeof value === 'string' ? value : this.#wrong(name, 'string', '')
  }

  integer(name: string, absent = 0): number {
    const value = this.#json[name] ?? absent
    if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= integerMax) {
      return value
    }
    return this.#wrong(name, 'integer', absent)
  }

  flag(name: string): boolean {
    const value = this.#json[name] ?? false
    return typeof value === 'boolean' ? value : this.#wrong(name, 'bool', false)
  }

  texts(name: string): readonly string[] {
    const list = this.list(name)
    if (list.every(item => typeof item === 'string')) return list as readonly string[]
    return this.#wrong(name, 'list of strings', [])
  }

  list(name: string): readonly unknown[] {
    const value = this.#json[name] ?? []
    return Array.isArray(value) ? value : this.#wrong(name, 'list', [])
  }

  has(name: string): boolean {
    return (this.#json[name] ?? null) !== null
  }

  raw(name: string): unknown {
    return this.#json[name]
  }

  /** An object inside; empty when absent. */
  inner(name: string): Fields {
    return this.#fieldsOf(this.#json[name] ?? {}, name)
  }

  /** A list of objects. */
  inners(name: string): readonly Fields[] {
    return this.list(name).map(item => this.#fieldsOf(item ?? {}, name))
  }

  /** An object whose keys are free. */
  entries(name: string): readonly (readonly [string, unknown])[] {
    const value = this.#json[name] ?? {}
    return isJson(value) ? Object.entries(value) : this.#wrong(name, 'object', [])
  }

  /** As one of a list of entries. */
  of(value: unknown, name: string): Fields {
    return this.#fieldsOf(value, name)
  }

  fail(text: string): void {
    this.#reading.problem ??= text
  }

  #fieldsOf(value: unknown, name: string): Fields {
    const json = isJson(value) ? value : this.#wrong(name, 'object', {})
    return new Fields(json, this.#reading)
  }

  #wrong<T>(name: string, wanted: string, empty: T): T {
    this.fail(`json: cannot read field "${name}" as ${wanted}`)
    return empty
  }
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Deeper than any claim nests; what is deeper could not be shown by monitoring either. */
const depthMax = 32

export function isTooDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depth >= depthMax) return true
  for (const inner of Object.values(value)) if (isTooDeep(inner, depth + 1)) return true
  return false
}
