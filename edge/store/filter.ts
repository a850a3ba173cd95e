// What a reader of a stream asks for: subject patterns, made ready once.

import { covers, hasWildcard, matches } from '../../src/subject/subject.ts'

export class Filter {
  /** Names the same question again. */
  readonly key: string
  readonly patterns: readonly string[]
  /** True when every subject of the stream matches: ask no further. */
  readonly all: boolean
  /** The only subjects that match, when no pattern holds a wildcard. */
  readonly literals: readonly string[] | null

  constructor(patterns: readonly string[], streamSubjects: readonly string[] | undefined) {
    this.patterns = patterns
    this.key = patterns.join(' ')
    this.all =
      patterns.length === 0 ||
      patterns.includes('>') ||
      (streamSubjects !== undefined &&
        streamSubjects.length > 0 &&
        streamSubjects.every(subject => patterns.some(pattern => covers(pattern, subject))))
    this.literals = patterns.some(hasWildcard) ? null : patterns
  }

  matches(subject: string): boolean {
    if (this.all) return true
    for (const pattern of this.patterns) if (matches(pattern, subject)) return true
    return false
  }
}

/** Text that every subject matching the pattern starts with, for a range of an index. */
export function literalPrefix(pattern: string): string {
  const tokens = pattern.split('.')
  const wild = tokens.findIndex(token => token === '*' || token === '>')
  if (wild < 0) return pattern
  return wild === 0 ? '' : `${tokens.slice(0, wild).join('.')}.`
}
