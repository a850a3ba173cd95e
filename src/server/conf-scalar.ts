// The values of the config grammar that hold nothing else: strings in their four spellings,
// numbers with units, dates, booleans and references to variables.
//
// Rule: reference section 2.1, observed on nats-server 2.9 to 2.15. Two traps are kept on
// purpose: a bare `2m` is two million, and a bare word may hold `\` escapes.

import { type ConfText, isBlank, isLineEnd, show } from './conf-text.ts'

export type Scalar =
  | { readonly is: 'string'; readonly value: string; readonly quoted: boolean }
  | { readonly is: 'integer'; readonly value: number; readonly text: string }
  | { readonly is: 'float'; readonly value: number }
  | { readonly is: 'boolean'; readonly value: boolean }
  | { readonly is: 'date'; readonly value: Date }
  | { readonly is: 'variable'; readonly name: string }

const integerMax = 2n ** 63n - 1n
const integerMin = -(2n ** 63n)

const unitSteps = ['k', 'm', 'g', 't', 'p', 'e']
const booleans: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  false: false,
  no: false,
  off: false,
}

/** Reads the scalar that begins here. Lists and maps are the parser's. */
export function readScalar(text: ConfText): Scalar {
  const c = text.next
  if (c === "'") return quoted(readRaw(text))
  if (c === '"') return quoted(readEscaped(text))
  if (c === '(') return quoted(readBlock(text))
  if (c === '-') return readNegative(text)
  if (isDigit(c)) return readNumberOrWord(text)
  if (c === '.') text.fail('Floats must start with a digit')
  if (isLineEnd(c)) text.fail('Expected value but found new line')
  if (c === '' || c === ',' || c === ';' || c === '}' || c === ']') {
    text.fail(`Expected value but found '${show(c)}'`)
  }
  return readWord(text)
}

/** '…': everything counts, nothing is escaped. */
export function readRaw(text: ConfText): string {
  return readUntil(text, "'")
}

/** The text up to the next `quote`; also used for keys, which know no escapes. */
export function readUntil(text: ConfText, quote: string): string {
  const start = text.at + 1
  const end = text.text.indexOf(quote, start)
  if (end < 0) text.fail(`Unexpected EOF: the ${quote} is never closed.`)
  text.at = end + 1
  return text.text.slice(start, end)
}

/**
 * The number that text such as "1k", "1MiB" or "-5" means, or why it means none. Kilo is 1000,
 * KB, Ki and KiB are 1024.
 */
export function parseInteger(spelling: string): number | string {
  const found = /^(-?\d+)([a-z]*)$/i.exec(spelling)
  if (!found) return `expected integer, but got '${spelling}'`
  const suffix = (found[2] as string).toLowerCase()
  const unit = /^([kmgtpe])(b|i|ib)?$/.exec(suffix)
  if (suffix !== '' && !unit) return `unknown unit '${found[2]}' in '${spelling}'`
  const step = unit ? unitSteps.indexOf(unit[1] as string) + 1 : 0
  const value = BigInt(found[1] as string) * (unit?.[2] ? 1024n : 1000n) ** BigInt(step)
  if (value > integerMax || value < integerMin) {
    return `integer '${spelling}' is out of the range`
  }
  return Number(value)
}

function quoted(value: string): Scalar {
  return { is: 'string', value, quoted: true }
}

/** "…": \t \n \r \" \\ and \xHH. */
function readEscaped(text: ConfText): string {
  const start = text.at++
  const parts: string[] = []
  for (;;) {
    parts.push(text.take(/[^"\\]+/y))
    if (text.ended) text.fail('Unexpected EOF: the " is never closed.', start)
    if (text.next === '"') break
    parts.push(readEscape(text))
  }
  text.at++
  return parts.join('')
}

function readEscape(text: ConfText): string {
  const bytes = text.take(/(?:\\x[0-9a-fA-F]{2})+/y)
  if (bytes !== '') return Buffer.from(bytes.replaceAll('\\x', ''), 'hex').toString()
  text.at++
  const c = text.next
  text.at++
  switch (c) {
    case 't':
      return '\t'
    case 'n':
      return '\n'
    case 'r':
      return '\r'
    case '"':
    case '\\':
      return c
    case 'x':
      return text.fail("Expected two hexadecimal digits after '\\x'", text.at - 2)
    default:
      return text.fail(
        `Invalid escape character '${show(c)}'. Only the following escape characters are ` +
          'allowed: \\xXX, \\t, \\n, \\r, \\", \\\\.',
        text.at - 2,
      )
  }
}

/** ( … ): ends at a line that holds `)` alone; keeps the line ends, as JWTs are pasted. */
function readBlock(text: ConfText): string {
  const start = text.at + 1
  const end = /\n\)(?=\r?\n|$)/g
  end.lastIndex = start
  const found = end.exec(text.text)
  if (!found) text.fail('Unexpected EOF processing block.')
  text.at = found.index + found[0].length
  return text.text.slice(start, found.index + 1)
}

function readNegative(text: ConfText): Scalar {
  const start = text.at
  const digits = text.take(/-\d+/y)
  if (digits === '') {
    text.at++
    if (text.next === '.') text.fail("Floats must start with a digit, not '.'.")
    text.fail(`Expected a digit but got '${show(text.next)}'.`)
  }
  if (text.next === '.') return readFloat(text, start)
  text.take(/[kmgtpe][bi]*/iy)
  return integer(text, start)
}

function readNumberOrWord(text: ConfText): Scalar {
  const start = text.at
  const digits = text.take(/\d+/y)
  if (text.next === '.') return readFloat(text, start)
  if (text.next === '-') return readDate(text, start, digits)
  text.take(/[kmgtpe][bi]*/iy)
  if (endsValue(text.next)) return integer(text, start)
  text.at = start
  return readWord(text)
}

function integer(text: ConfText, start: number): Scalar {
  const spelling = text.text.slice(start, text.at)
  const value = parseInteger(spelling)
  if (typeof value === 'string') text.fail(value, start)
  return { is: 'integer', value, text: spelling }
}

/** 1.5, or an address: 1.2.3.4:4222. */
function readFloat(text: ConfText, start: number): Scalar {
  text.at++
  if (text.take(/\d+/y) === '') {
    text.fail(`Floats must have a digit after the '.', but got '${show(text.next)}' instead.`)
  }
  if (text.next === '.') {
    text.take(/[\d.:-]+/y)
    return { is: 'string', value: text.text.slice(start, text.at), quoted: false }
  }
  const value = Number(text.text.slice(start, text.at))
  if (!Number.isFinite(value)) {
    text.fail(`float '${text.text.slice(start, text.at)}' is out of the range`, start)
  }
  return { is: 'float', value }
}

function readDate(text: ConfText, start: number, year: string): Scalar {
  text.at = start
  const spelling = text.take(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/y)
  if (year.length !== 4 || spelling === '') {
    text.fail('All ISO8601 dates must be in full Zulu form.', start)
  }
  const value = new Date(spelling)
  // Date.parse lets 30 February roll over into March.
  if (Number.isNaN(value.getTime()) || !value.toISOString().startsWith(spelling.slice(0, 19))) {
    text.fail(`expected Zulu formatted DateTime, but got '${spelling}'`, start)
  }
  return { is: 'date', value }
}

/** A word without quotes: a boolean, a `$reference` or a string. */
function readWord(text: ConfText): Scalar {
  const parts: string[] = []
  let escaped = false
  for (;;) {
    parts.push(text.take(/[^\\'\n\r;,\]} \t]+/y))
    if (text.next !== '\\') break
    parts.push(readEscape(text))
    escaped = true
  }
  // A single quote ends a word, and goes with it.
  if (text.next === "'") text.at++
  const value = parts.join('')
  if (escaped) return { is: 'string', value, quoted: false }
  const boolean = Object.hasOwn(booleans, value.toLowerCase())
    ? booleans[value.toLowerCase()]
    : undefined
  if (boolean !== undefined) return { is: 'boolean', value: boolean }
  // $2a$… is a bcrypt hash.
  if (value.startsWith('$') && !/^\$2[abxy]\$/.test(value)) {
    return { is: 'variable', name: value.slice(1) }
  }
  return { is: 'string', value, quoted: false }
}

function isDigit(c: string): boolean {
  return c >= '0' && c <= '9' && c.length === 1
}

function endsValue(c: string): boolean {
  return c === '' || isLineEnd(c) || isBlank(c) || c === ';' || c === ',' || c === '}' || c === ']'
}
