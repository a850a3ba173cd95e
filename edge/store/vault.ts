// A vault: a database with its commit group, its statements and its blocks. Streams with
// `storage: memory` have one in memory: the same code, nothing of it touches the disk, and its
// commits wait for none: a message is readable at the end of its turn.

import type { Clock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import type { Turn } from '../../src/base/turn.ts'
import { Blocks } from './blocks.ts'
import { Commit } from './commit.ts'
import { Db } from './db.ts'
import type { Held } from './held.ts'
import { Rows } from './rows.ts'
import { prepareSchema } from './schema.ts'
import type { StreamConfig } from './shapes.ts'
import { sourceTables } from './source/positions.ts'
import { Sweeper } from './sweeper.ts'
import type { StoreTime } from './time.ts'
import { timedTables } from './timed/schema.ts'

/** A database with the commit group and the statements that go with it. */
export interface Vault {
  readonly db: Db
  readonly commit: Commit
  readonly rows: Rows
  readonly blocks: Blocks
  readonly sweeper: Sweeper
}

/** What a stream is made of. */
export interface StreamParts {
  readonly id: number
  /** The number its blocks have. */
  readonly data: number
  readonly account: string
  readonly config: StreamConfig
  readonly createdUs: number
  readonly rows: Rows
  readonly blocks: Blocks
  readonly sweeper: Sweeper
  readonly commit: Commit
  /** What the account's streams hold, this one's messages among it. */
  readonly held: Held
  readonly time: StoreTime
  /** The stream is being written, inside the transaction. */
  readonly onFlush: () => void
}

export interface VaultParts {
  readonly log: Log
  readonly clock: Clock
  readonly turn: Turn
  readonly queueBytesMax: number
}

export function openMemory(parts: VaultParts): Vault {
  const db = new Db('')
  prepareSchema(db, [...sourceTables, ...timedTables])
  return newVault(db, new Commit({ ...parts, db, syncIntervalMs: null, walBytesMax: 0 }))
}

export function newVault(db: Db, commit: Commit): Vault {
  const [rows, blocks] = [new Rows(db), new Blocks(db)]
  return { db, commit, rows, blocks, sweeper: new Sweeper({ db, rows, blocks, commit }) }
}

/** What monitoring shows of a database; null: it is not open. */
export function figures(vault: Vault | null): object {
  const { db, commit, sweeper } = vault ?? {}
  return {
    file_bytes: db?.fileBytes() ?? 0,
    free_bytes: db?.freeBytes() ?? 0,
    wal_bytes: db?.walBytes() ?? 0,
    garbage: sweeper?.waiting ?? 0,
    groups: commit?.groups ?? 0,
    checkpoints: commit?.checkpoints ?? 0,
    blocked_checkpoints: commit?.blockedCheckpoints ?? 0,
    queue_bytes: commit?.queueBytes ?? 0,
  }
}
