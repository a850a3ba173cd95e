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

/**
 * True for what SQLite says of a file that is not, or no longer, a sound database. A constraint
 * that fails is damage as well: nothing we write breaks one, unless the tables contradict each
 * other.
 */
export function isDamage(error: unknown): boolean {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined
  if (typeof code !== 'string') return false
  return /^SQLITE_(CORRUPT|CONSTRAINT|NOTADB|FORMAT|IOERR_READ|IOERR_SHORT_READ)/.test(code)
}

/** Beside the database: it was found damaged while running, to be checked at the next start. */
export const suspectFile = (file: string): string => `${file}.suspect`
