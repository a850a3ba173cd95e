// Why a text is no RFC 3339 time, in the words of Go's time package.

const layout = '2006-01-02T15:04:05Z07:00'

/** Element of the layout, and what may stand there. */
const elements: readonly (readonly [string, RegExp])[] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d\d/],
  ['-', /^-/],
  ['02', /^\d\d/],
  ['T', /^T/],
  ['15', /^\d\d/],
  [':', /^:/],
  ['04', /^\d\d/],
  [':', /^:/],
  ['05', /^\d\d(?:\.\d+)?/],
  ['Z07:00', /^(?:Z|[+-]\d\d:\d\d)/],
]

/** `text` was found to be none. */
export function timeFault(text: string): string {
  let rest = text
  const taken: string[] = []
  for (const [element, pattern] of elements) {
    const found = pattern.exec(rest)
    if (found === null) return cannotParse(text, rest, element)
    taken.push(found[0])
    rest = rest.slice(found[0].length)
    const range = rangeOf(element, found[0], taken)
    if (range !== null) return `parsing time ${quoted(text)}: ${range} out of range`
  }
  if (rest !== '') return `parsing time ${quoted(text)}: extra text: ${quoted(rest)}`
  return `parsing time ${quoted(text)}: time out of range`
}

function cannotParse(text: string, rest: string, element: string): string {
  const head = `parsing time ${quoted(text)} as ${quoted(layout)}`
  return `${head}: cannot parse ${quoted(rest)} as ${quoted(element)}`
}

function rangeOf(element: string, found: string, taken: readonly string[]): string | null {
  const value = Number.parseInt(found, 10)
  switch (element) {
    case '01':
      return value < 1 || value > 12 ? 'month' : null
    case '02':
      return value < 1 || value > daysOf(Number(taken[0]), Number(taken[2])) ? 'day' : null
    case '15':
      return value > 23 ? 'hour' : null
    case '04':
      return value > 59 ? 'minute' : null
    case '05':
      return value > 59 ? 'second' : null
    default:
      return null
  }
}

function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
}

function quoted(text: string): string {
  return JSON.stringify(text)
}
