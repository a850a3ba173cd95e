// Finds the row of an API subject. A few dozen rows, compared token by token: API calls are rare.

import type { ApiRow } from './request.ts'
import type { JetStreamAccount } from './request.ts'

export const apiPrefix = '$JS.API.'

export interface Found<J extends JetStreamAccount> {
  readonly row: ApiRow<J>
  readonly names: readonly string[]
}

export class Dispatch<J extends JetStreamAccount> {
  readonly #rows: readonly { readonly row: ApiRow<J>; readonly tokens: readonly string[] }[]

  constructor(rows: readonly ApiRow<J>[]) {
    // Fixed tokens before wildcards: `CONSUMER.LEADER.STEPDOWN.*.*` before `CONSUMER.*.…`.
    this.#rows = rows.map(row => ({ row, tokens: row.subject.split('.') }))
  }

  /** `subject` begins with `$JS.API.`. Null for an unknown one, which gets no answer at all. */
  find(subject: string): Found<J> | null {
    const tokens = subject.slice(apiPrefix.length).split('.')
    for (const { row, tokens: pattern } of this.#rows) {
      const names = namesOf(pattern, tokens)
      if (names !== null) return { row, names }
    }
    return null
  }
}

/** What the wildcards stand for, or null when the subject does not match. */
function namesOf(pattern: readonly string[], tokens: readonly string[]): string[] | null {
  const names: string[] = []
  for (let i = 0; i < pattern.length; i++) {
    const expected = pattern[i]
    const token = tokens[i]
    if (token === undefined) return null
    if (expected === '>') {
      names.push(tokens.slice(i).join('.'))
      return names
    }
    if (expected === '*') names.push(token)
    else if (expected !== token) return null
  }
  return tokens.length === pattern.length ? names : null
}
