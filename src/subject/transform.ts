// Subject transforms: a subject that matches a pattern becomes another one, put together from its
// tokens. The functions, their bounds and the texts of their errors are nats-server's: 2.10's, with partition(n) and random(n) of 2.12.
//
//   src  orders.*.*     dest  out.{{wildcard(2)}}.{{partition(3,1)}}     $2 means {{wildcard(2)}}
//
// Positions count characters; for text outside ASCII nats-server counts bytes. A result that is
// no subject, or longer than `subjectCharactersMax`, counts as no match.

import { isSubject, matches } from './subject.ts'

const tokensMax = 256
const subjectCharactersMax = 4096

/** What one token of the destination becomes. */
type Part = (tokens: readonly string[]) => string

export class SubjectTransform {
  readonly source: string
  readonly destination: string
  readonly #parts: readonly Part[]
  /** Tokens from here on are carried over by `>`; -1: none are. */
  readonly #restFrom: number

  constructor(source: string, destination: string, parts: readonly Part[], restFrom: number) {
    this.source = source
    this.destination = destination
    this.#parts = parts
    this.#restFrom = restFrom
  }

  /** The new subject; null when the subject is not one of the source's. */
  apply(subject: string): string | null {
    if (!matches(this.source, subject)) return null
    const tokens = subject.split('.')
    const made = this.#parts.map(part => part(tokens))
    const all = this.#restFrom < 0 ? made : [...made, ...tokens.slice(this.#restFrom)]
    const result = all.join('.')
    return result.length <= subjectCharactersMax && isSubject(result) ? result : null
  }
}

/** The transform, or what is wrong with it. A source of '' is all subjects. */
export function newTransform(source: string, destination: string): SubjectTransform | string {
  const from = source === '' ? '>' : source
  const src = shapeOf(from)
  const dest = shapeOf(destination)
  if (!src || !dest || dest.wildcards.length > 0 || src.hasRest !== dest.hasRest) {
    return 'invalid subject'
  }
  const parts: Part[] = []
  for (const token of dest.hasRest ? dest.tokens.slice(0, -1) : dest.tokens) {
    const part = partOf(token, src.wildcards)
    if (typeof part === 'string') return `invalid mapping destination: ${part}`
    parts.push(part)
  }
  const restFrom = src.hasRest ? src.tokens.length - 1 : -1
  return new SubjectTransform(from, destination, parts, restFrom)
}

/** All subjects that the destination may become, as a pattern: wider rather than narrower. */
export function reachOf(destination: string): string {
  const tokens: string[] = []
  for (const token of destination.split('.')) {
    const named = functionOf(token)
    if (named && !oneToken.has(named.name)) return open(tokens)
    tokens.push(named || /^\$[+-]?\d+$/.test(token) ? '*' : token)
  }
  return tokens.join('.')
}

/** Functions that make exactly one token. */
const oneToken: ReadonlySet<FunctionName> = new Set(['wildcard', 'partition', 'random'])

const open = (tokens: readonly string[]): string => [...tokens, '>'].join('.')

/** Could this be a destination at all, whatever its source? */
export function isDestination(text: string): boolean {
  const shape = shapeOf(text)
  if (!shape || shape.wildcards.length > 0) return false
  return shape.tokens.every(token =>
    isFunction(token) ? functionOf(token) !== null : !/[ \t\r\n\f]/.test(token),
  )
}

/** Does the token look like a function that is none of nats-server's? */
export function unknownFunctionFault(token: string): string | null {
  const isUnknown = isFunction(token) && functionOf(token) === null
  return isUnknown ? `invalid mapping destination: ${unknownFunction} in ${token}` : null
}

interface Shape {
  readonly tokens: readonly string[]
  /** Positions of the `*`. */
  readonly wildcards: readonly number[]
  readonly hasRest: boolean
}

function shapeOf(text: string): Shape | null {
  const tokens = text.split('.')
  const last = tokens.length - 1
  const good = tokens.every((token, i) => token !== '' && (token !== '>' || i === last))
  if (!good || tokens.length > tokensMax) return null
  const wildcards = tokens.flatMap((token, i) => (token === '*' ? [i] : []))
  return { tokens, wildcards, hasRest: tokens[last] === '>' }
}

const unknownFunction = 'unknown function'
const outOfRange = 'wildcard index out of range'
const notEnough = 'not enough arguments passed to the function'
const tooMany = 'too many arguments passed to the function'
const invalidArgument = 'function argument is invalid or in the wrong format'

/** What the token becomes; a text: what is wrong with it. */
function partOf(token: string, wildcards: readonly number[]): Part | string {
  const short = /^\$([+-]?\d+)$/.exec(token)
  if (short) return wildcard([short[1] as string], wildcards, token)
  if (!isFunction(token)) return () => token
  const named = functionOf(token)
  if (!named) return `${unknownFunction} in ${token}`
  return functions[named.name](named.args, wildcards, token)
}

type Make = (args: readonly string[], wildcards: readonly number[], token: string) => Part | string

const functions = {
  wildcard,
  partition,
  random,
  splitfromleft: sized((text, at) => [text.slice(0, at), text.slice(at)]),
  splitfromright: sized((text, at) => [text.slice(0, -at), text.slice(-at)]),
  slicefromleft: sized((text, size) => slices(text, size, 0)),
  slicefromright: sized((text, size) => slices(text, size, text.length % size)),
  right: sized((text, size) => [text.slice(-size)]),
  left: sized((text, size) => [text.slice(0, size)]),
  split,
} satisfies Record<string, Make>

type FunctionName = keyof typeof functions

/** A name's first letters may be capitals: `SplitFromLeft`, as nats-server has it. */
const names: readonly (readonly [FunctionName, RegExp])[] = (
  [
    ['wildcard', '[wW]ildcard'],
    ['partition', '[pP]artition'],
    ['random', '[rR]andom'],
    ['splitfromleft', '[sS]plit[fF]rom[lL]eft'],
    ['splitfromright', '[sS]plit[fF]rom[rR]ight'],
    ['slicefromleft', '[sS]lice[fF]rom[lL]eft'],
    ['slicefromright', '[sS]lice[fF]rom[rR]ight'],
    ['right', '[rR]ight'],
    ['left', '[lL]eft'],
    ['split', '[sS]plit'],
  ] as const
).map(([name, spelt]) => [name, new RegExp(`^\\{\\{\\s*${spelt}\\s*\\((.*)\\)\\s*\\}\\}$`)])

function isFunction(token: string): boolean {
  return token.length > 4 && token.startsWith('{{') && token.endsWith('}}')
}

function functionOf(token: string): { name: FunctionName; args: readonly string[] } | null {
  if (!token.startsWith('{{')) return null
  for (const [name, spelt] of names) {
    const found = spelt.exec(token)
    if (found) return { name, args: (found[1] as string).split(/,\s*/) }
  }
  return null
}

function wildcard(args: readonly string[], wildcards: readonly number[], token: string) {
  if (args.length === 1 && args[0] === '') return `${notEnough} in ${token}`
  if (args.length > 1) return `${tooMany} in ${token}`
  const at = place(args[0], wildcards, token)
  if (typeof at === 'string') return at
  return (tokens: readonly string[]) => tokens[at] as string
}

/** A bucket by the FNV-1a hash of some tokens; of the whole subject when none is named. */
function partition(args: readonly string[], wildcards: readonly number[], token: string) {
  const buckets = numberOf(args[0])
  // nats-server takes 0 buckets and fails at the first message.
  if (buckets === null || buckets < 1) return `${invalidArgument} in ${token}`
  const places: number[] = []
  for (const arg of args.slice(1)) {
    const at = place(arg, wildcards, token)
    if (typeof at === 'string') return at
    places.push(at)
  }
  return (tokens: readonly string[]) => {
    const key = places.length === 0 ? tokens.join('.') : places.map(at => tokens[at]).join('')
    return String(fnv1a(Buffer.from(key)) % buckets)
  }
}

/** Any number below the bound. */
function random(args: readonly string[], _: readonly number[], token: string) {
  if (args.length !== 1) return `${notEnough} in ${token}`
  const bound = numberOf(args[0])
  if (bound === null || bound < 1) return `${invalidArgument} in ${token}`
  return () => String(Math.floor(Math.random() * bound))
}

/** A token cut at an index or into pieces; left whole when it is too short for that. */
function sized(cut: (text: string, size: number) => readonly string[]): Make {
  return (args, wildcards, token) => {
    if (args.length < 2) return `${notEnough} in ${token}`
    if (args.length > 2) return `${tooMany} in ${token}`
    const at = place(args[0], wildcards, token)
    if (typeof at === 'string') return at
    const size = numberOf(args[1])
    if (size === null) return `${invalidArgument} in ${token}`
    return tokens => {
      const text = tokens[at] as string
      return size > 0 && size < text.length ? cut(text, size).join('.') : text
    }
  }
}

function split(args: readonly string[], wildcards: readonly number[], token: string) {
  if (args.length < 2) return `${notEnough} in ${token}`
  if (args.length > 2) return `${tooMany} in ${token}`
  const at = place(args[0], wildcards, token)
  if (typeof at === 'string') return at
  const delimiter = args[1] as string
  if (/[ .]/.test(delimiter)) return `${invalidArgument} in ${token}`
  return (tokens: readonly string[]) => {
    const pieces = (tokens[at] as string).split(delimiter)
    return pieces.filter(piece => piece !== '').join('.')
  }
}

/** Pieces of a size; the odd one stands first or last. */
function slices(text: string, size: number, oddLength: number): string[] {
  const pieces = oddLength > 0 ? [text.slice(0, oddLength)] : []
  for (let at = oddLength; at < text.length; at += size) pieces.push(text.slice(at, at + size))
  return pieces
}

/** Position of the token behind the n-th wildcard; a text: what is wrong. */
function place(arg: string | undefined, wildcards: readonly number[], token: string) {
  const index = numberOf(arg)
  if (index === null) return `${invalidArgument} in ${token}`
  if (wildcards.length === 0) return `${outOfRange} in ${token}`
  if (index > wildcards.length) return `${outOfRange} in ${token}: [${index}]`
  // nats-server takes 0 and below for the subject's first token.
  return wildcards[index - 1] ?? 0
}

function numberOf(arg: string | undefined): number | null {
  const text = (arg ?? '').replace(/^ +| +$/g, '')
  return /^[+-]?\d{1,9}$/.test(text) ? Number(text) : null
}

function fnv1a(bytes: Buffer): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
