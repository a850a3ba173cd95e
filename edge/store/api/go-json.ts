// JSON as nats-server 2.15 reads it: the same texts are accepted, and what is wrong with the rest
// is told in the words of Go's encoding/json, which clients and their users know.
//
// It keeps what JSON.parse forgets: the order of members, those named twice and how a number was
// written. Depth is bounded, so a body of brackets cannot exhaust the stack.

export type Json =
  | { readonly is: 'object'; readonly members: readonly Member[]; readonly raw: string }
  | { readonly is: 'array'; readonly items: readonly Json[]; readonly raw: string }
  | { readonly is: 'string'; readonly text: string; readonly raw: string }
  | { readonly is: 'number' | 'bool' | 'null'; readonly raw: string }

export type Member = readonly [name: string, value: Json]

/** What is wrong, and behind which byte; null: the text ends too early. */
export interface SyntaxFault {
  readonly why: string
  readonly offset: number | null
  /** The same where a text is one value, and no place is told. */
  readonly loosely: string
}

/** Go allows 10,000; no request of the API is deeper than six. */
const depthMax = 1000

const behind = 'after top-level value'

/** The values of a text, one behind the other, as Go's decoder takes them. */
export function parseJson(text: string): readonly Json[] | SyntaxFault {
  const parser = new JsonParser(text)
  const values: Json[] = []
  for (;;) {
    if (parser.atEnd()) return values
    const isBehind = values.length > 0
    const first = parser.here()
    const value = parser.value(0)
    if (value === null) {
      const fault = parser.fault()
      return isBehind ? { ...fault, loosely: `invalid character ${first} ${behind}` } : fault
    }
    values.push(value)
  }
}

export function isFault(parsed: object): parsed is SyntaxFault {
  return 'why' in parsed
}

class JsonParser {
  readonly #text: string
  #at = 0
  #why = ''
  /** -1: the text ended. */
  #faultAt = -1

  constructor(text: string) {
    this.#text = text
  }

  fault(): SyntaxFault {
    const end = this.#faultAt
    if (end < 0) {
      return { why: 'unexpected EOF', offset: null, loosely: 'unexpected end of JSON input' }
    }
    const offset = Buffer.byteLength(this.#text.slice(0, end))
    return { why: this.#why, offset, loosely: this.#why }
  }

  /** The next character, quoted. */
  here(): string {
    return quoted(String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0))
  }

  atEnd(): boolean {
    this.#skipBlanks()
    return this.#at >= this.#text.length
  }

  /** null: look at fault(). */
  value(depth: number): Json | null {
    this.#skipBlanks()
    const start = this.#at
    const first = this.#text[start]
    if (first === undefined) return null
    if (depth > depthMax) return this.#refuse('exceeded max depth', start)
    if (first === '{') return this.#object(start, depth)
    if (first === '[') return this.#array(start, depth)
    if (first === '"') {
      const text = this.#string()
      return text === null ? null : { is: 'string', text, raw: this.#text.slice(start, this.#at) }
    }
    if (first === '-' || isDigit(first)) return this.#number(start)
    for (const [literal, is] of literals) {
      if (first === literal[0]) return this.#literal(start, literal, is)
    }
    return this.#unexpected('looking for beginning of value')
  }

  #object(start: number, depth: number): Json | null {
    const members: Member[] = []
    this.#at++
    this.#skipBlanks()
    if (this.#text[this.#at] === '}') this.#at++
    else if (!this.#members(members, depth)) return null
    return { is: 'object', members, raw: this.#text.slice(start, this.#at) }
  }

  #members(members: Member[], depth: number): boolean {
    for (;;) {
      this.#skipBlanks()
      if (this.#at >= this.#text.length) return false
      if (this.#text[this.#at] !== '"') {
        return this.#unexpected('looking for beginning of object key string') !== null
      }
      const name = this.#string()
      if (name === null || !this.#expect(':', 'after object key')) return false
      const value = this.value(depth + 1)
      if (value === null) return false
      members.push([name, value])
      this.#skipBlanks()
      if (this.#text[this.#at] === '}') break
      if (!this.#expect(',', 'after object key:value pair')) return false
    }
    this.#at++
    return true
  }

  #array(start: number, depth: number): Json | null {
    const items: Json[] = []
    this.#at++
    this.#skipBlanks()
    if (this.#text[this.#at] === ']') this.#at++
    else if (!this.#items(items, depth)) return null
    return { is: 'array', items, raw: this.#text.slice(start, this.#at) }
  }

  #items(items: Json[], depth: number): boolean {
    for (;;) {
      const item = this.value(depth + 1)
      if (item === null) return false
      items.push(item)
      this.#skipBlanks()
      if (this.#text[this.#at] === ']') break
      if (!this.#expect(',', 'after array element')) return false
    }
    this.#at++
    return true
  }

  #expect(character: string, where: string): boolean {
    this.#skipBlanks()
    if (this.#text[this.#at] === character) {
      this.#at++
      return true
    }
    if (this.#at < this.#text.length) this.#unexpected(where)
    return false
  }

  #string(): string | null {
    const text = this.#text
    const start = this.#at
    let at = start + 1
    let escaped = false
    for (;;) {
      const character = text[at]
      if (character === undefined) return null
      if (character === '"') break
      if (character < ' ') {
        this.#at = at
        this.#unexpected('in string')
        return null
      }
      if (character === '\\') {
        const bytes = this.#escape(at)
        if (bytes === 0) return null
        escaped = true
        at += bytes
      } else at++
    }
    this.#at = at + 1
    const raw = text.slice(start, at + 1)
    return escaped ? (JSON.parse(raw) as string) : raw.slice(1, -1)
  }

  /** Length of the escape sequence; 0: it is none. */
  #escape(at: number): number {
    const kind = this.#text[at + 1]
    if (kind === undefined) return 0
    if (kind !== 'u') {
      if ('"\\/bfnrt'.includes(kind)) return 2
      return this.#badEscape(this.#text.slice(at, at + 2), at)
    }
    const shown = this.#text.slice(at, at + 6)
    if (/^\\u[0-9a-fA-F]{4}$/.test(shown)) return 6
    // Cut off in the middle: the end of the text is what is wrong.
    return /^\\u[0-9a-fA-F]*$/.test(shown) ? 0 : this.#badEscape(shown, at)
  }

  #badEscape(shown: string, at: number): 0 {
    this.#refuse(`invalid escape sequence \`${shown}\` in string`, at + shown.length)
    return 0
  }

  #number(start: number): Json | null {
    if (this.#text[start] === '-') this.#at++
    if (this.#text[this.#at] === '0') this.#at++
    else if (!this.#digits()) return null
    if (this.#text[this.#at] === '.') {
      this.#at++
      if (!this.#digits()) return null
    }
    const exponent = this.#text[this.#at]
    if (exponent === 'e' || exponent === 'E') {
      this.#at++
      const sign = this.#text[this.#at]
      if (sign === '+' || sign === '-') this.#at++
      if (!this.#digits()) return null
    }
    return { is: 'number', raw: this.#text.slice(start, this.#at) }
  }

  /** One at least. */
  #digits(): boolean {
    const start = this.#at
    while (isDigit(this.#text[this.#at])) this.#at++
    if (this.#at > start) return true
    if (this.#at < this.#text.length) this.#unexpected('in numeric literal')
    return false
  }

  #literal(start: number, literal: string, is: 'bool' | 'null'): Json | null {
    for (const expected of literal) {
      const character = this.#text[this.#at]
      if (character === undefined) return null
      if (character !== expected) {
        return this.#unexpected(`in literal ${literal} (expecting '${expected}')`)
      }
      this.#at++
    }
    return { is, raw: this.#text.slice(start, this.#at) }
  }

  #unexpected(where: string): null {
    const point = this.#text.codePointAt(this.#at) ?? 0
    const character = String.fromCodePoint(point)
    return this.#refuse(
      `invalid character ${quoted(character)} ${where}`,
      this.#at + character.length,
    )
  }

  #refuse(why: string, end: number): null {
    this.#why = why
    this.#faultAt = end
    return null
  }

  #skipBlanks(): void {
    while (isBlank(this.#text[this.#at])) this.#at++
  }
}

const literals = [
  ['true', 'bool'],
  ['false', 'bool'],
  ['null', 'null'],
] as const

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9'
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r'
}

const shortEscapes: Readonly<Record<string, string>> = {
  "'": "\\'",
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

/** As Go quotes a rune. */
function quoted(character: string): string {
  const short = shortEscapes[character]
  if (short !== undefined) return `'${short}'`
  const code = character.charCodeAt(0)
  const isControl = code < 0x20 || code === 0x7f
  return isControl ? `'\\x${code.toString(16).padStart(2, '0')}'` : `'${character}'`
}
