// `nats-edge --verify_store`: all invariants of a store that nobody uses, and what is wrong.
//
//   closed in order    read as it is
//   not so             (a power cut, kill -9) its state follows at the next start: a copy beside it
//                      is started and checked, and removed again
//
// Nothing is changed: store.db and store.db-wal stay as they are, byte by byte, and whatever
// SQLite or we put beside them goes. While it runs, no server can start on the directory.

import * as fs from 'node:fs'
import * as path from 'node:path'
import type { Clock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Turn } from '../../src/base/turn.ts'
import { verifyConsumers } from './consumer/verify.ts'
import { Db, DirectoryLock } from './db.ts'
import { type JetStreamOptions, storeDirOf } from './options.ts'
import { fileName } from './salvage.ts'
import { applicationId, schemaVersion } from './schema.ts'
import { sessionTables } from './session-schema.ts'
import { sessionProblems } from './session.ts'
import { Store } from './store.ts'
import { verify } from './verify.ts'

export interface StoreCheck {
  readonly lines: readonly string[]
  readonly isGood: boolean
}

/** The checks, in the order in which their answers are printed. */
const checks: readonly ((db: Db) => string[])[] = [verify, verifyConsumers, sessionProblems]
const lockName = 'store.lock'
/** Room that a copy must leave. */
const spareBytes = 16 * 1024 * 1024

export async function checkStore(
  options: JetStreamOptions | null,
  clock: Clock,
): Promise<StoreCheck> {
  if (options === null) return bad('JetStream is not configured: there is no store')
  const dir = storeDirOf(options)
  const file = path.join(dir, fileName)
  if (!fs.existsSync(file)) return bad(`there is no store in ${dir}`)
  const before = new Set(fs.readdirSync(dir))
  let lock: DirectoryLock | null = null
  try {
    lock = new DirectoryLock(dir)
    const problems = await problemsOf(file, clock)
    if (problems.length > 0) return { lines: problems, isGood: false }
    return { lines: [`store ${file} is in order`], isGood: true }
  } catch (error) {
    return bad((error as Error).message)
  } finally {
    lock?.close()
    removeNew(dir, before, lock !== null)
  }
}

function bad(line: string): StoreCheck {
  return { lines: [line], isGood: false }
}

async function problemsOf(file: string, clock: Clock): Promise<string[]> {
  const alien = lookAt(file, alienProblem)
  if (alien.length > 0) return alien
  return wasClosed(file)
    ? lookAt(file, db => checks.flatMap(check => attempt(() => check(db))))
    : checkCopy(file, clock)
}

function lookAt(file: string, look: (db: Db) => string[]): string[] {
  return attempt(() => {
    const db = new Db(file, 'look')
    try {
      return look(db)
    } finally {
      db.close()
    }
  })
}

/** What SQLite says of a damaged file is a finding like any other. */
function attempt(check: () => string[]): string[] {
  try {
    return check()
  } catch (error) {
    if (typeof (error as { code?: unknown }).code !== 'string') throw error
    return [`cannot be read: ${(error as Error).message}`]
  }
}

function alienProblem(db: Db): string[] {
  if (Number(db.value('PRAGMA application_id')) !== applicationId) {
    return ['not a store of nats-edge']
  }
  const version = Number(db.value('PRAGMA user_version'))
  if (version <= schemaVersion) return []
  return [
    `store was written by a newer version (schema ${version}, this one knows ${schemaVersion})`,
  ]
}

/** Then SQLite has taken the WAL into the file, and every state is written. */
function wasClosed(file: string): boolean {
  return (fs.statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0
}

async function checkCopy(file: string, clock: Clock): Promise<string[]> {
  const dir = fs.mkdtempSync(path.join(path.dirname(file), '..', 'verify-'))
  try {
    const names = [fileName, `${fileName}-wal`]
    const bytes = names.reduce((sum, name) => {
      return sum + fs.statSync(path.join(path.dirname(file), name)).size
    }, 0)
    const { bavail, bsize } = fs.statfsSync(dir)
    if (bavail * bsize < bytes + spareBytes) {
      return [`was not closed in order, and there is no room for a copy of ${bytes} bytes to check`]
    }
    for (const name of names) {
      const to = path.join(dir, name)
      fs.copyFileSync(path.join(path.dirname(file), name), to, fs.constants.COPYFILE_FICLONE)
    }
    return await startAndCheck(dir, clock)
  } finally {
    fs.rmSync(dir, { recursive: true, force: true })
  }
}

async function startAndCheck(dir: string, clock: Clock): Promise<string[]> {
  const turn = new Turn()
  const store = new Store({ dir, log: silentLog, clock, turn, tables: sessionTables })
  await store.start()
  try {
    store.saveAll()
    const failed = await new Promise<Error | undefined>(done => store.durable.onDisk(done))
    if (failed) return [failed.message]
    return [...store.problems, ...checks.flatMap(check => check(store.db))]
  } finally {
    await store.close()
  }
}

/** What SQLite makes to read, and the lock if there was none. */
function removeNew(dir: string, before: ReadonlySet<string>, isOurs: boolean): void {
  if (!isOurs) return
  for (const name of [lockName, `${fileName}-shm`, `${fileName}-wal`]) {
    if (!before.has(name)) fs.rmSync(path.join(dir, name), { force: true })
  }
}
