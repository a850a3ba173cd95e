// A cursor over the text of one config file: characters, blanks, comments, and the place
// (file, line, column) of any character.

import type { Place } from './option.ts'

/** What stops the parse; `conf.ts` turns it into a value. */
export class ConfError extends Error {
  readonly place: Place
  /** True when the file itself is the trouble: then its place says less than the include's. */
  readonly wholeFile: boolean

  constructor(place: Place, text: string, wholeFile = false) {
    super(text)
    this.place = place
    this.wholeFile = wholeFile
  }
}

export class ConfText {
  readonly file: string
  readonly text: string
  /** Index of the next character. */
  at = 0
  readonly #lineStarts: number[] = [0]

  constructor(file: string, text: string) {
    this.file = file
    this.text = text
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) {
      this.#lineStarts.push(end + 1)
    }
  }

  /** The next character; '' at the end. */
  get next(): string {
    return this.text.charAt(this.at)
  }

  get ended(): boolean {
    return this.at >= this.text.length
  }

  place(at = this.at): Place {
    let low = 0
    let high = this.#lineStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#lineStarts[middle] as number) <= at) low = middle
      else high = middle - 1
    }
    return { file: this.file, line: low + 1, column: at - (this.#lineStarts[low] as number) + 1 }
  }

  fail(text: string, at = this.at): never {
    throw new ConfError(this.place(at), text)
  }

  /** Takes what the sticky expression matches here, or ''. */
  take(pattern: RegExp): string {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (!found) return ''
    this.at += found[0].length
    return found[0]
  }

  /** Spaces and tabs. */
  skipBlanks(): void {
    while (isBlank(this.next)) this.at++
  }

  /** Blanks and line ends. */
  skipSpace(): void {
    while (isSpace(this.next)) this.at++
  }

  /** Blanks, line ends and comments. */
  skipFiller(): void {
    for (;;) {
      this.skipSpace()
      if (!this.atComment()) return
      const end = this.text.indexOf('\n', this.at)
      this.at = end < 0 ? this.text.length : end
    }
  }

  atComment(): boolean {
    return this.next === '#' || this.text.startsWith('//', this.at)
  }
}

export function isBlank(c: string): boolean {
  return c === ' ' || c === '\t'
}

export function isLineEnd(c: string): boolean {
  return c === '\n' || c === '\r'
}

/** As Go's unicode.IsSpace has it for Latin-1. */
export function isSpace(c: string): boolean {
  return c !== '' && ' \t\n\v\f\r\u0085\u00a0'.includes(c)
}

/** How nats-server shows a character in an error. */
export function show(c: string): string {
  if (c === '') return 'EOF'
  return c === '\n' ? '\\n' : c
}
