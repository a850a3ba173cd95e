// How a control line is cut into words, for every protocol of ours that has lines.

import { decimalAt, textAt } from '../base/bytes.ts'

const blank = 0x20
const tab = 0x09

/** The words of a line: places in `line`, made anew for each line, never allocated. */
export interface Words {
  line: Buffer
  count: number
  readonly starts: number[]
  readonly ends: number[]
}

export const newWords = (): Words => ({ line: Buffer.alloc(0), count: 0, starts: [], ends: [] })

/** Splits on blanks and tabs; false when there are more than `countMax`. */
export function splitWords(
  into: Words,
  line: Buffer,
  start: number,
  end: number,
  countMax: number,
): boolean {
  into.line = line
  into.count = 0
  let at = start
  for (;;) {
    while (at < end && isBlank(line[at] as number)) at++
    if (at === end) return true
    if (into.count === countMax) return false
    into.starts[into.count] = at
    while (at < end && !isBlank(line[at] as number)) at++
    into.ends[into.count++] = at
  }
}

export function word(words: Words, index: number): string {
  return textAt(words.line, words.starts[index] as number, words.ends[index] as number)
}

/** A word as a decimal number; -1 when it is none. */
export function numberOf(words: Words, index: number): number {
  return decimalAt(words.line, words.starts[index] as number, words.ends[index] as number)
}

/**
 * Are the last words, one or two sizes, set apart by one blank and ended by the line's own end,
 * as in a line we would write? Then they can be sent on as they stand.
 */
export function sizesAreTidy(words: Words, sizes: number, lineEnd: number): boolean {
  const last = words.count - 1
  if (words.ends[last] !== lineEnd) return false
  if (sizes === 1) return true
  const gap = words.ends[last - 1] as number
  return words.line[gap] === blank && words.starts[last] === gap + 1
}

/** The row whose name the line begins with, followed by a blank or the line's end; else null. */
export function verbAt<V extends { readonly name: string }>(
  verbs: readonly V[],
  line: Buffer,
  start: number,
  end: number,
): V | null {
  for (const verb of verbs) {
    const after = start + verb.name.length
    if (after > end || (after < end && !isBlank(line[after] as number))) continue
    if (isName(verb.name, line, start)) return verb
  }
  return null
}

/** Without regard to case; names stand in upper case. */
function isName(name: string, line: Buffer, start: number): boolean {
  for (let i = 0; i < name.length; i++) {
    const byte = line[start + i] as number
    const upper = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte
    if (upper !== name.charCodeAt(i)) return false
  }
  return true
}

function isBlank(byte: number): boolean {
  return byte === blank || byte === tab
}
