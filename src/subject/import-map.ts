// The mapping of an import's subjects: tokens behind wildcards change places, nothing else, so that
// it can be turned round. `$2` and `{{wildcard(2)}}` name the second wildcard; a bare `*` the next.
//
//   from  orders.*.*    to  in.$2.$1     orders.a.b -> in.b.a, and back
//
// Patterns go through it as well as subjects. Texts of errors are nats-server's.

import { hasWildcard } from './subject.ts'
import { newTransform } from './transform.ts'

const placeholder = /^(?:\$([1-9]\d*)|\{\{\s*[wW]ildcard\s*\(\s*(\d+)\s*\)\s*\}\})$/
const anyFunction = /^\{\{.*\}\}$/

export class ImportMap {
  readonly #from: string
  readonly #to: string
  /** A text stands for itself, a number for the token at that place. */
  readonly #parts: readonly (string | number)[]
  /** Tokens from here on are carried over by `>`; -1: none are. */
  readonly #restFrom: number

  constructor(from: string, to: string) {
    this.#from = from
    this.#to = to
    const tokens = from.split('.')
    const places = tokens.flatMap((token, at) => (token === '*' ? [at] : []))
    this.#restFrom = tokens.at(-1) === '>' ? tokens.length - 1 : -1
    const parts = to.split('.').map(token => {
      const index = indexOf(token)
      return index === 0 ? token : (places[index - 1] ?? token)
    })
    this.#parts = this.#restFrom < 0 ? parts : parts.slice(0, -1)
  }

  /** Of a subject or pattern that the source covers. */
  apply(subject: string): string {
    const tokens = subject.split('.')
    const made = this.#parts.map(part => (typeof part === 'number' ? (tokens[part] ?? '') : part))
    if (this.#restFrom >= 0) made.push(...tokens.slice(this.#restFrom))
    return made.join('.')
  }

  reversed(): ImportMap {
    const named = this.#to
      .split('.')
      .map(indexOf)
      .filter(index => index > 0)
    let count = 0
    const back = this.#from.split('.').map(token => {
      if (token !== '*') return token
      count++
      return `$${named.indexOf(count) + 1}`
    })
    return new ImportMap(withoutPlaces(this.#to), back.join('.'))
  }
}

/** The map, or what is wrong with it. Every wildcard of the source has its place. */
export function newImportMap(from: string, to: string): ImportMap | string {
  const made = newTransform(from, to)
  if (typeof made === 'string') return made
  const wrong = 'invalid mapping destination:'
  const tokens = to.split('.')
  const other = tokens.find(token => anyFunction.test(token) && indexOf(token) === 0)
  if (other !== undefined) {
    return `${wrong} the only mapping function allowed for import transforms is {{Wildcard()}} in ${other}`
  }
  const wildcards = from.split('.').filter(token => token === '*').length
  const used = new Set(tokens.map(indexOf).filter(index => index > 0))
  if (used.size < wildcards) return `${wrong} not using all of the token wildcard(s) in ${to}`
  return new ImportMap(from, to)
}

/** `foo.*.*` -> `foo.$1.$2` */
export function withPlaces(pattern: string): string {
  if (!hasWildcard(pattern)) return pattern
  let count = 0
  const tokens = pattern.split('.').map(token => (token === '*' ? `$${++count}` : token))
  return tokens.join('.')
}

/** `foo.$2.$1` -> `foo.*.*` */
export function withoutPlaces(subject: string): string {
  const tokens = subject.split('.').map(token => (indexOf(token) > 0 ? '*' : token))
  return tokens.join('.')
}

/** Which wildcard the token stands for; 0: it stands for itself. */
function indexOf(token: string): number {
  const found = placeholder.exec(token)
  return found ? Number(found[1] ?? found[2]) : 0
}
