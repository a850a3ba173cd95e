// Request bodies read against their shape: names and types of every field, in the words Go's
// encoding/json has for what does not fit. The first thing wrong, in the text's order, counts.
//
// What comes out has exactly the shape's names and types; null and absent fields are left out, as
// Go leaves its zero values.

import { isFault, type Json, parseJson, type SyntaxFault } from './go-json.ts'
import { timeFault } from './go-time.ts'
import { type Fields, requestBytesMax, timeOf } from './text.ts'

export type Shape =
  | { readonly is: 'text' }
  | { readonly is: 'flag' }
  | { readonly is: 'whole'; readonly type: WholeType }
  | { readonly is: 'time' }
  | { readonly is: 'word'; readonly words: Words; readonly wrong: (raw: string) => string }
  | { readonly is: 'folded'; readonly words: readonly string[] }
  | { readonly is: 'list'; readonly of: Shape; readonly pointers: boolean }
  | { readonly is: 'labels' }
  | { readonly is: 'anything' }
  | StructShape

export interface StructShape {
  readonly is: 'struct'
  /** Of the Go type, which the texts name. */
  readonly name: string
  readonly fields: Readonly<Record<string, Shape>>
}

type WholeType = 'int' | 'int32' | 'int64' | 'uint64' | 'time.Duration'
/** A word as it is written, and what it stands for. */
type Words = Readonly<Record<string, string>>

export const text: Shape = { is: 'text' }
export const flag: Shape = { is: 'flag' }
export const time: Shape = { is: 'time' }
export const labels: Shape = { is: 'labels' }
/** What nobody reads. */
export const anything: Shape = { is: 'anything' }
export const int: Shape = { is: 'whole', type: 'int' }
export const int32: Shape = { is: 'whole', type: 'int32' }
export const int64: Shape = { is: 'whole', type: 'int64' }
export const uint64: Shape = { is: 'whole', type: 'uint64' }
export const duration: Shape = { is: 'whole', type: 'time.Duration' }
export const list = (of: Shape, pointers = false): Shape => ({ is: 'list', of, pointers })
export const struct = (name: string, fields: Readonly<Record<string, Shape>>): StructShape => ({
  is: 'struct',
  name,
  fields,
})

/** A word is compared as it is written in the JSON, quotes and all. */
export function word(words: readonly string[], wrong = cannotUnmarshal): Shape {
  return { is: 'word', words: Object.fromEntries(words.map(one => [`"${one}"`, one])), wrong }
}

/** The same without regard to case. */
export function foldedWord(words: readonly string[]): Shape {
  return { is: 'folded', words }
}

function cannotUnmarshal(raw: string): string {
  return `can not unmarshal ${JSON.stringify(raw)}`
}

/** What a body says. */
export interface Decoded {
  readonly fields: Fields
  /** The first field the shape does not have; null: there is none, or something is wrong before. */
  readonly unknown: string | null
  /** What does not fit; null: nothing. */
  readonly wrong: string | null
}

const tooLarge = { why: 'request too large', offset: 0, loosely: 'request too large' }

/** A SyntaxFault when it is no JSON. */
export function decode(body: Buffer, shape: StructShape): Decoded | SyntaxFault {
  if (body.length > requestBytesMax) return tooLarge
  const values = parseJson(body.toString())
  if (isFault(values)) return values
  const decoder = new Decoder(shape.name)
  const fields: Record<string, unknown> = {}
  for (const value of values) {
    if (value.is !== 'null') Object.assign(fields, decoder.value(value, shape, []))
  }
  return { fields, unknown: decoder.unknown, wrong: decoder.wrong }
}

type Path = readonly (string | number)[]

class Decoder {
  /** The first field of a wrong type, unless an unknown one comes before it. */
  wrong: string | null = null
  unknown: string | null = null
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  value(json: Json, shape: Shape, path: Path): unknown {
    switch (shape.is) {
      case 'text':
        return json.is === 'string' ? json.text : this.#mismatch(json, shape, path)
      case 'flag':
        return json.is === 'bool' ? json.raw === 'true' : this.#mismatch(json, shape, path)
      case 'whole':
        return this.#whole(json, shape.type, path)
      case 'time':
        return this.#time(json, path)
      case 'word':
        return Object.hasOwn(shape.words, json.raw)
          ? shape.words[json.raw]
          : this.#fail(shape.wrong(json.raw))
      case 'folded':
        return this.#folded(json, shape.words)
      case 'list':
        return this.#list(json, shape, path)
      case 'labels':
        return this.#labels(json, shape, path)
      case 'anything':
        return undefined
      case 'struct':
        return this.#struct(json, shape, path)
      default:
        return shape satisfies never
    }
  }

  #struct(json: Json, shape: StructShape, path: Path): Fields | undefined {
    if (json.is !== 'object') return this.#mismatch(json, shape, path)
    const fields: Record<string, unknown> = {}
    for (const [written, value] of json.members) {
      const name = nameIn(shape, written)
      const inner = name === null ? undefined : shape.fields[name]
      if (name === null || inner === undefined) {
        if (this.wrong === null) this.unknown ??= written
        continue
      }
      if (value.is === 'null' && inner.is !== 'word' && inner.is !== 'folded') continue
      const decoded = this.value(value, inner, [...path, name])
      if (decoded !== undefined) fields[name] = decoded
    }
    return fields
  }

  #folded(json: Json, words: readonly string[]): unknown {
    const raw = json.raw.toLowerCase()
    const found = words.find(one => raw === `"${one}"`)
    return found ?? this.#fail(cannotUnmarshal(json.raw))
  }

  #list(json: Json, shape: Shape & { is: 'list' }, path: Path): unknown {
    if (json.is !== 'array') return this.#mismatch(json, shape, path)
    return json.items.map((item, i) =>
      item.is === 'null' ? zeroOf(shape.of) : this.value(item, shape.of, [...path, i]),
    )
  }

  #labels(json: Json, shape: Shape, path: Path): unknown {
    if (json.is !== 'object') return this.#mismatch(json, shape, path)
    const entries = json.members.map(([name, value]) => [
      name,
      value.is === 'null' ? '' : this.value(value, text, [...path, name]),
    ])
    return Object.fromEntries(entries)
  }

  /** Go's integers are 64 bits wide; what ours cannot hold exactly comes as near as it can. */
  #whole(json: Json, type: WholeType, path: Path): unknown {
    if (json.is !== 'number') return this.#mismatch(json, { is: 'whole', type }, path)
    if (/^-?\d{1,20}$/.test(json.raw) && fits(BigInt(json.raw), type)) return Number(json.raw) || 0
    return this.#mismatch(json, { is: 'whole', type }, path)
  }

  #time(json: Json, path: Path): unknown {
    if (json.is !== 'string') return this.#mismatch(json, time, path)
    return timeOf(json.text) === null ? this.#fail(timeFault(json.text)) : json.text
  }

  #mismatch(json: Json, shape: Shape, path: Path): undefined {
    const isNumeric = shape.is === 'whole' && json.is === 'number'
    const what = isNumeric ? `number ${json.raw}` : json.is
    const isItem = typeof path.at(-1) === 'number'
    const where = `${isItem ? '' : 'Go struct field '}${[this.#root, ...path].join('.')}`
    const into = path.length === 0 ? 'Go value' : where
    return this.#fail(`json: cannot unmarshal ${what} into ${into} of type ${typeName(shape)}`)
  }

  #fail(why: string): undefined {
    this.wrong ??= why
    return undefined
  }
}

/** Exactly so or, as in Go, without regard to case. */
function nameIn(shape: StructShape, written: string): string | null {
  if (Object.hasOwn(shape.fields, written)) return written
  const folded = written.toLowerCase()
  return Object.hasOwn(shape.fields, folded) ? folded : null
}

function zeroOf(shape: Shape): unknown {
  switch (shape.is) {
    case 'text':
      return ''
    case 'whole':
      return 0
    default:
      return {}
  }
}

const bounds: Readonly<Record<WholeType, readonly [bigint, bigint]>> = {
  int: [-(2n ** 63n), 2n ** 63n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  'time.Duration': [-(2n ** 63n), 2n ** 63n - 1n],
}

function fits(value: bigint, type: WholeType): boolean {
  const [least, most] = bounds[type]
  return value >= least && value <= most
}

function typeName(shape: Shape): string {
  switch (shape.is) {
    case 'text':
      return 'string'
    case 'flag':
      return 'bool'
    case 'whole':
      return shape.type
    case 'time':
      return 'time.Time'
    case 'word':
    case 'folded':
      return 'string'
    case 'labels':
      return 'map[string]string'
    case 'anything':
      return 'any'
    case 'list':
      return `[]${shape.pointers ? '*' : ''}${typeName(shape.of)}`
    case 'struct':
      return `server.${shape.name}`
    default:
      return shape satisfies never
  }
}
