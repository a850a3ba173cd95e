// Damage that SQLite does not see: tables that contradict each other.

import type { Db } from './db.ts'

/** In SQLite's own terms: no retry mends it. It ends the program; the next start salvages. */
export class Damage extends Error {
  readonly code = 'SQLITE_FORMAT'
}

/** What must be there is not: marks the database for the next start, returns the error. */
export function damaged(db: Db, what: string): Error {
  const error = new Damage(what)
  db.noticed(error)
  return error
}
