// Opening the store's database whatever state it is in (invariant 5). A file that is damaged is
// moved aside with its date, what can still be read is copied into a new one, and what happened
// is told. A store of a newer version is left alone: that is an error for the operator.

import * as fs from 'node:fs'
import * as path from 'node:path'
import type { Log } from '../../src/base/log.ts'
import { isDiskError } from './disk-error.ts'
import { Db, type Value } from './db.ts'
import { isDamage, suspectFile } from './damage.ts'
import { syncDirectory } from './directory.ts'
import { hasStrays, mend } from './mend.ts'
import { idOf } from './ids.ts'
import { ForeignDatabase, type Tables, prepareSchema, schemaVersion } from './schema.ts'

export const fileName = 'store.db'

export interface Opened {
  readonly db: Db
  /** What was wrong, for the log and for health. */
  readonly problems: readonly string[]
}

/** Opens the store of a directory; `nowMs` dates what is moved aside, `damage` says that it is. */
export function openStore(
  dir: string,
  tables: Tables,
  log: Log,
  nowMs: number,
  damage: string,
): Opened {
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
  const file = path.join(dir, fileName)
  if (damage !== '') return repair(file, tables, log, nowMs, damage)
  let db: Db | null = null
  try {
    db = new Db(file)
    prepareSchema(db, tables)
    const wrong = plausible(db) ?? suspected(db)
    if (!wrong) return { db, problems: [] }
    db.close()
    return repair(file, tables, log, nowMs, wrong)
  } catch (error) {
    db?.close()
    if (error instanceof ForeignDatabase || isDamage(error)) {
      return repair(file, tables, log, nowMs, (error as Error).message)
    }
    throw error
  }
}

/** Cheap questions only, whatever the store holds: it must start at once. */
function plausible(db: Db): string | undefined {
  const without = db.value(
    `SELECT count(*) FROM stream s LEFT JOIN stream_state t ON t.stream = s.id
       WHERE t.stream IS NULL`,
  )
  if (without !== 0) return 'a stream has no state'
  const unreadable = db.value('SELECT count(*) FROM stream WHERE NOT json_valid(config)')
  if (unreadable !== 0) return 'the config of a stream is unreadable'
  const states = db.prepare(
    'SELECT s.name, s.data, first, last, count FROM stream_state t JOIN stream s ON s.id = t.stream',
  )
  for (const [name, ...numbers] of states.all()) {
    const [data = 0, first = 0, last = 0, count = 0] = numbers.map(Number)
    // Messages after the state are counted by the stream when it loads.
    const isThere = count === 0 || endOfBlock(db, data, first) >= first
    if (!isThere || endOfBlock(db, data, last) > last) {
      return `stream ${String(name)} does not hold what its state says`
    }
  }
  return undefined
}

/** Last sequence of the block that begins at or before `seq`; 0: none does. */
function endOfBlock(db: Db, data: number, seq: number): number {
  const last = db.value(
    'SELECT last FROM block WHERE id <= ? AND id >= ? ORDER BY id DESC LIMIT 1',
    idOf(data, seq),
    idOf(data, 0),
  )
  return Number(last ?? 0)
}

/** A whole check, when the last run met damage; the mark goes when it was answered. */
function suspected(db: Db): string | undefined {
  const mark = suspectFile(db.file)
  if (!fs.existsSync(mark)) return undefined
  let found: string | undefined
  try {
    const check = String(db.value('PRAGMA quick_check(1)'))
    if (check !== 'ok') found = check.replaceAll('\n', ' ')
    else found = hasStrays(db)
  } catch (error) {
    if (!isDamage(error)) throw error
    found = (error as Error).message
  }
  fs.rmSync(mark, { force: true })
  return found
}

function repair(file: string, tables: Tables, log: Log, nowMs: number, why: string): Opened {
  const aside = moveAside(file, nowMs)
  fs.rmSync(suspectFile(file), { force: true })
  log.error(`JetStream store is damaged (${why}), moved to ${aside}`)
  const db = new Db(file)
  const copied = copyAll(aside, db, tables)
  const problem = `store was damaged (${why}); ${copied} messages salvaged, rest in ${aside}`
  log.warn(`JetStream store: ${copied} messages salvaged`)
  return { db, problems: [problem] }
}

/** Renames the database with its WAL; its shared memory is worthless. */
function moveAside(file: string, nowMs: number): string {
  const date = new Date(nowMs)
    .toISOString()
    .replaceAll(':', '-')
    .replace(/\.\d+Z$/, 'Z')
  let aside = `${file}.damaged-${date}`
  for (let n = 2; fs.existsSync(aside); n++) aside = `${file}.damaged-${date}-${n}`
  if (fs.existsSync(`${file}-wal`)) fs.renameSync(`${file}-wal`, `${aside}-wal`)
  fs.rmSync(`${file}-shm`, { force: true })
  if (fs.existsSync(file)) fs.renameSync(file, aside)
  syncDirectory(path.dirname(file))
  return aside
}

/** Copies what can be read; returns the number of messages. */
function copyAll(aside: string, to: Db, tables: Tables): number {
  let from: Db | null = null
  try {
    from = new Db(aside, 'salvage')
    from.value('SELECT count(*) FROM sqlite_schema')
  } catch (error) {
    from?.close()
    prepareSchema(to, tables)
    if (isDamage(error) || isDiskError(error)) return 0
    throw error
  }
  try {
    // An old one is copied as what it is, and then migrated.
    const version = Number(from.value('PRAGMA user_version'))
    prepareSchema(to, tables, version > 0 && version < schemaVersion ? version : schemaVersion)
    to.exec('BEGIN')
    for (const row of to.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all()) {
      copyTable(from, to, String(row[0]))
    }
    to.exec('COMMIT')
    prepareSchema(to, [])
    to.exec('BEGIN')
    const count = mend(to)
    to.exec('COMMIT')
    return count
  } finally {
    from.close()
    fs.rmSync(`${aside}-shm`, { force: true })
  }
}

const chunkRows = 256

/** From the front until it breaks, then from the back; row by row where it breaks. */
function copyTable(from: Db, to: Db, table: string): void {
  const key = keyOf(to, table)
  if (!key) return
  for (const order of ['ASC', 'DESC'] as const) {
    if (copyInOrder(from, to, table, key, order)) return
  }
}

/** True when the end was reached. */
function copyInOrder(
  from: Db,
  to: Db,
  table: string,
  key: readonly string[],
  order: 'ASC' | 'DESC',
): boolean {
  const sign = order === 'ASC' ? '>' : '<'
  const beyond = `WHERE (${key.join()}) ${sign} (${key.map(() => '?').join()})`
  const sort = key.map(column => `${column} ${order}`).join()
  let last: readonly Value[] | null = null
  let limit = chunkRows
  for (;;) {
    const sql = `SELECT ${key.join()}, * FROM ${table} ${last ? beyond : ''} ORDER BY ${sort}
      LIMIT ${limit}`
    const rows: readonly (readonly Value[])[] | 'broken' = readRows(from, sql, last ?? [])
    if (rows === 'broken') {
      if (limit === 1) return false
      limit = 1
      continue
    }
    for (const row of rows) {
      // A damaged tree may lead in circles.
      if (last && !isBeyond(row, last, order === 'ASC')) return false
      last = row.slice(0, key.length)
      const values = row.slice(key.length)
      const marks = values.map(() => '?').join()
      to.prepare(`INSERT OR IGNORE INTO ${table} VALUES(${marks})`).run(...values)
    }
    if (rows.length < limit) return true
  }
}

/** Does a key come after another one, in the order asked for? */
function isBeyond(key: readonly Value[], last: readonly Value[], ascending: boolean): boolean {
  for (const [i, before] of last.entries()) {
    const now = key[i] ?? null
    if (now === before || now === null || before === null) continue
    return now > before === ascending
  }
  return false
}

function readRows(
  from: Db,
  sql: string,
  values: readonly Value[],
): readonly (readonly Value[])[] | 'broken' {
  try {
    return from.prepare(sql).all(...values)
  } catch (error) {
    // A table may be missing altogether: SQLITE_ERROR.
    const { code } = error as { code?: unknown }
    if (isDamage(error) || isDiskError(error) || code === 'SQLITE_ERROR') return 'broken'
    throw error
  }
}

function keyOf(db: Db, table: string): readonly string[] | undefined {
  const columns = db.prepare(`SELECT name, pk FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk`)
  const key = columns.all(table).map(row => String(row[0]))
  return key.length > 0 ? key : undefined
}
