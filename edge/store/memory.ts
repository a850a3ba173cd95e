// Streams with `storage: memory`: the same code on a database in memory. Nothing of it touches the
// disk, and its commits wait for none: a message is readable at the end of its turn.

import type { Clock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import type { Turn } from '../../src/base/turn.ts'
import { Commit } from './commit.ts'
import { Db } from './db.ts'
import { Rows } from './rows.ts'
import { prepareSchema } from './schema.ts'

/** A database with the commit group and the statements that go with it. */
export interface Vault {
  readonly db: Db
  readonly commit: Commit
  readonly rows: Rows
}

export interface VaultParts {
  readonly log: Log
  readonly clock: Clock
  readonly turn: Turn
  readonly queueBytesMax: number
}

export function openMemory(parts: VaultParts): Vault {
  const db = new Db('')
  prepareSchema(db, [])
  const commit = new Commit({ ...parts, db, syncIntervalMs: null, walBytesMax: 0 })
  return { db, commit, rows: new Rows(db) }
}
