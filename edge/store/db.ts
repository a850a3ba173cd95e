// SQLite, and the only file that knows better-sqlite3.
//
// A Db is one connection and, for a file, two descriptors of our own: one of the database file and
// one of its WAL, both for fdatasync on the thread pool. They stay open until after SQLite has
// closed: closing any descriptor of the database file drops the POSIX locks SQLite holds on it.
//
// SQLite itself never syncs while we run (synchronous=OFF): commit.ts does, off the loop.

import * as fs from 'node:fs'
import * as path from 'node:path'
import Database from 'better-sqlite3'
import { isDamage, suspectFile } from './damage.ts'
import { syncDirectory } from './directory.ts'

/** Before this one a WAL reset could lose commits made by a second connection. */
const versionMin = [3, 51, 3] as const

/** How long a write waits for another process that writes. */
const busyMsMax = 5000
const cacheKiB = 2048
const pageBytes = 4096
/** Of a frame, and of the WAL itself (SQLite's file format, section 4). */
const frameHeaderBytes = 24
const walHeader = Buffer.alloc(32)
const growBytes = 256 * 1024
const zeros = Buffer.alloc(growBytes)

/** What can be bound: numbers are exact up to 2^53, null is NULL. */
export type Value = number | string | Buffer | null

export interface Statement {
  run(...values: Value[]): { readonly changes: number }
  /** One row as an array of columns. */
  get(...values: Value[]): readonly Value[] | undefined
  /** All rows as arrays of columns. */
  all(...values: Value[]): readonly (readonly Value[])[]
}

/** Outcome of one `wal_checkpoint`. */
export interface Checkpointed {
  readonly complete: boolean
  readonly walFrames: number
}

/** Says why this SQLite cannot be used, or nothing. */
export function versionProblem(version: string): string | undefined {
  const parts = version.split('.').map(Number)
  for (const [i, min] of versionMin.entries()) {
    const part = parts[i] ?? 0
    if (part > min) return undefined
    if (part < min) return `SQLite ${version} is older than ${versionMin.join('.')}`
  }
  return undefined
}

export class Db {
  /** Path of the database file; '' for one in memory. */
  readonly file: string
  readonly #isLook: boolean
  #raw: Database.Database | null
  #dbFd = -1
  #walFd = -1
  #walBytes = 0
  #restartsSynced = false
  #isReading = false
  readonly #statements = new Map<string, Statement>()

  /**
   * Opens or creates; throws SQLite's error for a file that is not a database. `look`: only to read
   * what is there, while nobody writes it; `salvage`: the same where pages are missing.
   */
  constructor(file: string, mode: 'write' | 'look' | 'salvage' = 'write') {
    this.file = file
    const isLook = mode !== 'write'
    this.#isLook = isLook
    const options = { timeout: busyMsMax, ...(isLook && { readonly: true, fileMustExist: true }) }
    const raw = new Database(file === '' ? ':memory:' : file, options)
    this.#raw = raw
    try {
      if (mode === 'salvage') {
        // A file that is shorter than it says is refused otherwise.
        raw.unsafeMode(true)
        raw.pragma('writable_schema=ON')
      }
      const problem = versionProblem(String(raw.prepare('SELECT sqlite_version()').pluck().get()))
      if (problem) throw new Error(problem)
      if (!isLook) {
        raw.pragma(`page_size=${pageBytes}`)
        // A new file is made so that it can give back what is free; asked of an old one it writes.
        if (raw.pragma('page_count', { simple: true }) === 0) raw.pragma('auto_vacuum=INCREMENTAL')
      }
      raw.pragma(`cache_size=-${cacheKiB}`)
      raw.pragma('mmap_size=0')
      raw.pragma('temp_store=MEMORY')
      if (isLook) raw.prepare('SELECT count(*) FROM sqlite_schema').get()
      if (file === '' || isLook) return
      try {
        openWal(raw)
      } catch (error) {
        // A full disk has no room for the shared index of the WAL: go on with one of our own.
        // Nobody else can read the store then, but it is there.
        if (!hasNoRoom(error)) throw error
        raw.pragma('locking_mode=EXCLUSIVE')
        openWal(raw)
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  get #db(): Database.Database {
    if (!this.#raw) throw new Error('database is closed')
    return this.#raw
  }

  /** Is a group open? One that was begun for reading alone does not count. */
  get inTransaction(): boolean {
    return !this.#isReading && (this.#raw?.inTransaction ?? false)
  }

  /**
   * SQLite takes and drops a lock, by system calls, for every read outside a transaction: 6 of the
   * 8 µs that a message costs. So the first read of a turn begins one, `onRead` says so, and the
   * end of the turn ends it.
   */
  onRead: (() => void) | null = null

  /** A read comes. */
  beginRead(): void {
    if (this.#isReading || this.onRead === null || this.#db.inTransaction) return
    this.#begin.run()
    this.#isReading = true
    this.onRead()
  }

  /** The turn is over. Idempotent; what is open for writing stays open. */
  endRead(): void {
    if (!this.#isReading) return
    this.#isReading = false
    try {
      if (this.#raw?.inTransaction) this.#commit.run()
    } catch {
      // A damaged page makes it fail as well; whoever read that page was told.
      if (this.#raw?.inTransaction) this.rollback()
    }
  }

  /** From here on commits only append to the WAL; takes the descriptors commit.ts syncs. */
  unsync(): void {
    this.#db.pragma('synchronous=OFF')
    if (this.file === '') return
    this.#dbFd = fs.openSync(this.file, 'r+')
    this.#walFd = fs.openSync(`${this.file}-wal`, 'r+')
    fs.fdatasyncSync(this.#walFd)
    fs.fdatasyncSync(this.#dbFd)
    syncDirectory(path.dirname(this.file))
  }

  exec(sql: string): void {
    this.#db.exec(sql)
  }

  /** What was begun for reading goes on for writing. */
  begin(): void {
    if (!this.#isReading) this.#begin.run()
    this.#isReading = false
  }

  commit(): void {
    this.#commit.run()
  }

  get #begin(): Statement {
    return this.prepare('BEGIN')
  }

  get #commit(): Statement {
    return this.prepare('COMMIT')
  }

  rollback(): void {
    this.prepare('ROLLBACK').run()
  }

  /** Prepares once; the same text gives the same statement. */
  prepare(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (!statement) {
      const made = this.#db.prepare<Value[], readonly Value[]>(sql)
      statement = new Watched(made.reader ? made.raw() : made, this)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /** First column of the first row. */
  value(sql: string, ...values: Value[]): Value | undefined {
    return this.prepare(sql).get(...values)?.[0]
  }

  /** Leaves the mark for the next start when the error says "damaged"; returns the error. */
  noticed(error: unknown): unknown {
    if (this.file !== '' && !this.#isLook && isDamage(error))
      fs.writeFileSync(suspectFile(this.file), '')
    return error
  }

  /** Bytes of the WAL in use, its file may be longer; within a transaction those before it. */
  walBytes(): number {
    if (this.#walFd >= 0 && !this.inTransaction) {
      this.#walBytes = this.#walFrames() * (pageBytes + frameHeaderBytes)
    }
    return this.#walBytes
  }

  #walFrames(): number {
    this.endRead()
    // NOOP only looks: (busy, frames in the WAL, frames copied).
    const [row] = this.#db.pragma('wal_checkpoint(NOOP)') as { log: number }[]
    return row?.log ?? 0
  }

  fileBytes(): number {
    return this.#dbFd < 0 ? 0 : fs.fstatSync(this.#dbFd).size
  }

  /** Pages of the database file that hold nothing: removals leave them for what comes. */
  freeBytes(): number {
    return Number(this.value('PRAGMA freelist_count') ?? 0) * pageBytes
  }

  /** Within a transaction: moves so many pages at most from the file's end to free places. */
  vacuum(pages: number): void {
    this.#db.exec(`PRAGMA incremental_vacuum(${pages})`)
  }

  /** False for a file that was made without: a whole VACUUM changes it. */
  get givesBack(): boolean {
    return Number(this.value('PRAGMA auto_vacuum')) === 2
  }

  /**
   * Keeps zeros ahead of the last frame, up to `bytesMax`: an fdatasync after a write in place
   * costs half of one that also grows the file. Recovery ends where the frames end, as ever.
   */
  growWal(bytesMax: number): void {
    if (this.#walFd < 0) return
    const size = fs.fstatSync(this.#walFd).size
    if (size >= bytesMax || size - this.#walBytes > growBytes) return
    try {
      fs.writeSync(this.#walFd, zeros, 0, Math.min(growBytes, bytesMax - size), size)
    } catch {
      // No room for room: SQLite's own writes say so where it matters.
    }
  }

  syncWal(done: (error: Error | null) => void): void {
    fs.fdatasync(this.#walFd, done)
  }

  syncWalNow(): void {
    fs.fdatasyncSync(this.#walFd)
  }

  syncFile(done: (error: Error | null) => void): void {
    fs.fdatasync(this.#dbFd, done)
  }

  syncFileNow(): void {
    fs.fdatasyncSync(this.#dbFd)
  }

  /**
   * Makes the WAL on disk empty by clearing its header, and syncs that. The file keeps its
   * length: an fdatasync of bytes written in place costs half of one that also grows the file.
   * Only after a complete RESTART: SQLite then begins again at the first frame.
   */
  cutWal(done: (error: Error | null) => void): void {
    // Written at once (32 bytes into the page cache): were it still on its way when somebody
    // begins a transaction, it would wipe out the header that SQLite writes then.
    fs.writeSync(this.#walFd, walHeader, 0, walHeader.length, 0)
    fs.fdatasync(this.#walFd, done)
  }

  cutWalNow(): void {
    fs.writeSync(this.#walFd, walHeader, 0, walHeader.length, 0)
    fs.fdatasyncSync(this.#walFd)
  }

  /**
   * While the WAL is copied but could not be cut, SQLite may begin it anew at any write. True makes
   * SQLite sync the new header before frames follow: else a cut could leave old frames under an
   * old header, to be replayed over newer pages. Costs one sync on the loop, in that case alone.
   */
  set restartsSynced(on: boolean) {
    if (on === this.#restartsSynced) return
    this.#restartsSynced = on
    this.#db.pragma(`synchronous=${on ? 'NORMAL' : 'OFF'}`)
  }

  /** Writes the WAL's bytes over themselves, so that the next sync covers them once more. */
  rewriteWal(): void {
    const page = Buffer.alloc(frameHeaderBytes + pageBytes)
    const size = fs.fstatSync(this.#walFd).size
    for (let at = 0; at < size; at += page.length) {
      const bytes = fs.readSync(this.#walFd, page, 0, page.length, at)
      fs.writeSync(this.#walFd, page, 0, bytes, at)
    }
  }

  /** The same for the pages of the database file that the WAL's frames name. */
  rewriteFile(): void {
    const frames = this.#walFrames()
    const header = Buffer.alloc(frameHeaderBytes)
    const page = Buffer.alloc(pageBytes)
    for (let frame = 0; frame < frames; frame++) {
      const at = walHeader.length + frame * (frameHeaderBytes + pageBytes)
      fs.readSync(this.#walFd, header, 0, header.length, at)
      const offset = (header.readUInt32BE(0) - 1) * pageBytes
      const bytes = fs.readSync(this.#dbFd, page, 0, pageBytes, offset)
      fs.writeSync(this.#dbFd, page, 0, bytes, offset)
    }
  }

  /**
   * PASSIVE copies pages from the WAL to the database file; RESTART moreover lets the next
   * transaction begin at the WAL's start. Incomplete while another process reads: RESTART would
   * wait for it on the loop, unlike writes, for whom another process's lock is short.
   */
  checkpoint(mode: 'PASSIVE' | 'RESTART'): Checkpointed {
    this.endRead()
    const db = this.#db
    let rows: { busy: number; log: number; checkpointed: number }[]
    if (mode === 'RESTART') db.pragma('busy_timeout=0')
    try {
      rows = db.pragma(`wal_checkpoint(${mode})`) as typeof rows
    } finally {
      if (mode === 'RESTART') db.pragma(`busy_timeout=${busyMsMax}`)
    }
    const row = rows[0] ?? { busy: 1, log: 0, checkpointed: 0 }
    return { complete: row.busy === 0 && row.log === row.checkpointed, walFrames: row.log }
  }

  /** Idempotent. SQLite's own closing checkpoint runs with its own syncs. */
  close(): void {
    const raw = this.#raw
    if (!raw) return
    this.#raw = null
    this.#statements.clear()
    try {
      if (raw.inTransaction) raw.exec('ROLLBACK')
      if (this.#walFd >= 0) raw.pragma('synchronous=FULL')
    } finally {
      raw.close()
      if (this.#walFd >= 0) fs.closeSync(this.#walFd)
      if (this.#dbFd >= 0) fs.closeSync(this.#dbFd)
      this.#walFd = -1
      this.#dbFd = -1
    }
  }
}

function openWal(raw: Database.Database): void {
  raw.pragma('journal_mode=WAL')
  raw.pragma('wal_autocheckpoint=0')
  // Until `unsync()`: what opening and migrating write is synced by SQLite itself.
  raw.pragma('synchronous=FULL')
  // Reads the schema and makes SQLite open the WAL, so that its file is there.
  raw.prepare('SELECT count(*) FROM sqlite_schema').get()
}

function hasNoRoom(error: unknown): boolean {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' && /^SQLITE_(IOERR_SHM|FULL)/.test(code)
}

/** Passes everything on, and leaves a mark when SQLite says that the database is damaged. */
class Watched implements Statement {
  readonly #raw: Statement
  readonly #db: Db

  constructor(raw: unknown, db: Db) {
    this.#raw = raw as Statement
    this.#db = db
  }

  run(...values: Value[]): { readonly changes: number } {
    try {
      return this.#raw.run(...values)
    } catch (error) {
      throw this.#db.noticed(error)
    }
  }

  get(...values: Value[]): readonly Value[] | undefined {
    this.#db.beginRead()
    try {
      return this.#raw.get(...values)
    } catch (error) {
      throw this.#db.noticed(error)
    }
  }

  all(...values: Value[]): readonly (readonly Value[])[] {
    this.#db.beginRead()
    try {
      return this.#raw.all(...values)
    } catch (error) {
      throw this.#db.noticed(error)
    }
  }
}

/**
 * Keeps a second process out of a directory for as long as this one lives: a lock the system
 * drops with the process, held through SQLite because Node has none of its own.
 */
export class DirectoryLock {
  #raw: Database.Database | null

  /** Throws when another process holds the directory. */
  constructor(dir: string) {
    fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
    const raw = new Database(path.join(dir, 'store.lock'), { timeout: 0 })
    try {
      raw.pragma('journal_mode=MEMORY')
      raw.pragma('synchronous=OFF')
      raw.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      raw.close()
      if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error
      throw new Error(`store directory ${dir} is in use by another process`)
    }
    this.#raw = raw
  }

  /** Idempotent. */
  close(): void {
    this.#raw?.close()
    this.#raw = null
  }
}

/** Pages copied in one step, and after how many what was copied is synced. */
const copyPages = 64
const copySyncPages = 512

const restCell = new Int32Array(new SharedArrayBuffer(4))

/**
 * Copies a database that somebody else writes, as it is at this moment; returns its bytes. For a
 * thread of its own: every step blocks, and it syncs. Leaves `spareBytes` of the disk free.
 */
export async function copyDatabase(from: string, to: string, spareBytes: number): Promise<number> {
  const raw = new Database(from, { readonly: true, fileMustExist: true, timeout: busyMsMax })
  let fd = -1
  try {
    raw.pragma(`cache_size=-${cacheKiB}`)
    // One transaction from here to the end: steps of a copy go on where they were.
    raw.exec('BEGIN')
    raw.prepare('SELECT count(*) FROM sqlite_schema').get()
    const pages = Number(raw.pragma('page_count', { simple: true }))
    const bytes = pages * Number(raw.pragma('page_size', { simple: true }))
    const { bavail, bsize } = fs.statfsSync(path.dirname(to))
    if (bavail * bsize < bytes + spareBytes) {
      throw new Error(`no room: ${bytes} bytes and ${spareBytes} to spare, ${bavail * bsize} free`)
    }
    let synced = pages
    let begunMs = performance.now()
    await raw.backup(to, {
      progress: ({ remainingPages }) => {
        if (fd < 0) fd = fs.openSync(to, 'r+')
        if (synced - remainingPages < copySyncPages) return copyPages
        // A little at a time, and a rest as long as the work was: the disk is the store's.
        fs.fdatasyncSync(fd)
        synced = remainingPages
        Atomics.wait(restCell, 0, 0, performance.now() - begunMs)
        begunMs = performance.now()
        return copyPages
      },
    })
    if (fd < 0) fd = fs.openSync(to, 'r+')
    fs.fsyncSync(fd)
    return bytes
  } finally {
    if (fd >= 0) fs.closeSync(fd)
    raw.close()
  }
}
