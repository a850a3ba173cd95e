// The store: one directory, one SQLite database, all streams of all accounts.
//
// It always starts (invariant 5): a damaged database is salvaged, a wrong clock is lived with. It
// refuses two things only: a directory another process holds, and a store of a newer version.

import type { Clock, Timer } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import type { Turn } from '../../src/base/turn.ts'
import { Commit, type Participant } from './commit.ts'
import { consumerTables } from './consumer/schema.ts'
import { type Db, DirectoryLock, type Value } from './db.ts'
import { isDamage } from './damage.ts'
import { insufficientStorage, maximumStreams, streamGeneral } from './errors.ts'
import { Held } from './held.ts'
import { figures, type Vault, newVault, openMemory } from './vault.ts'
import { enforceAll, expire, expiryUs, rekey } from './retention.ts'
import { Reserve } from './reserve.ts'
import { openStore } from './salvage.ts'
import { seqsMax, streamsMax } from './ids.ts'
import type { Tables } from './schema.ts'
import type { ApiError, Durable, Stream, StreamConfig } from './shapes.ts'
import { Positions, sourceTables } from './source/positions.ts'
import { StoreStream } from './stream.ts'
import { StoreTime } from './time.ts'
import { timedTables } from './timed/schema.ts'
import { Timekeeper } from './timed/timekeeper.ts'

export interface StoreOptions {
  readonly dir: string
  readonly log: Log
  readonly clock: Clock
  readonly turn: Turn
  /** null: an acknowledgement means on disk. A duration: at most this long before it is. */
  readonly syncIntervalMs?: number | null
  /** A checkpoint follows when the WAL is longer. */
  readonly walBytesMax?: number
  /** What may wait for the disk in memory; beyond it appends are refused. */
  readonly queueBytesMax?: number
  /** Room kept on the disk, so that a full store can be emptied. */
  readonly reserveBytes?: number
  /** Tables of other nouns in the same database, e.g. MQTT sessions. */
  readonly tables?: Tables
}

const walBytesMaxDefault = 4 * 1024 * 1024
const queueBytesMaxDefault = 32 * 1024 * 1024
/** How often the clock is persisted while messages come. */
const timeSaveUs = 10_000_000
/** More is due than one step takes. */
const expireMoreMs = 10
const sickRetryMs = 50
const expireMsMax = 60_000

export class Store implements Participant {
  readonly options: StoreOptions
  readonly time: StoreTime
  /** What was found wrong at start, for health. */
  readonly problems: string[] = []
  readonly #streams = new Map<string, StoreStream>()
  readonly #held = new Map<string, Held>()
  #lock: DirectoryLock | null = null
  #file: Vault | null = null
  #memory: Vault | null = null
  #timer: Timer | null = null
  #reserve: Reserve | null = null
  readonly #timekeeper: Timekeeper
  #timeSavedUs = 0
  #closing = false

  constructor(options: StoreOptions) {
    this.options = options
    this.time = new StoreTime(options.clock)
    const saveTime = (): void => this.#file?.commit.touch(this, 0)
    this.#timekeeper = new Timekeeper({ clock: options.clock, time: this.time, saveTime })
  }

  /** Opens the directory and loads its streams. */
  async start(): Promise<void> {
    this.#lock = new DirectoryLock(this.options.dir)
    try {
      try {
        this.#open('')
      } catch (error) {
        // Damage that opening did not show, met while the streams were loaded.
        if (!isUnreadable(error)) throw error
        await this.#abandon()
        this.#open((error as Error).message)
      }
    } catch (error) {
      await this.#abandon()
      this.#lock.close()
      throw error
    }
    this.#reserve?.start()
  }

  /** Commits what waits, closes the files. Idempotent. */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    this.#timer?.cancel()
    this.#timer = null
    this.#timekeeper.close()
    await this.#reserve?.close()
    const file = this.#file
    if (file) {
      this.#timeSavedUs = 0
      if (!file.commit.sick) {
        file.commit.touch(this, 0)
        this.saveAll()
      }
      await file.commit.close()
      this.#file = null
      file.db.close()
    }
    if (this.#memory) {
      await this.#memory.commit.close()
      this.#memory.db.close()
      this.#memory = null
    }
    this.#lock?.close()
    this.#lock = null
  }

  /** The file's commit group: consumers, sessions and acknowledgements wait for it. */
  get commit(): Commit {
    return this.#vault.commit
  }

  get durable(): Durable {
    return this.#vault.commit
  }

  get db(): Db {
    return this.#vault.db
  }

  /** All open databases, for verify.ts. */
  get databases(): readonly Db[] {
    return this.#memory ? [this.db, this.#memory.db] : [this.db]
  }

  nowUs(): number {
    return this.time.nowUs()
  }

  /** What is wrong now; empty when all is well. */
  health(): readonly string[] {
    const sick = this.#file?.commit.sick
    if (sick) return [...this.problems, `store cannot write: ${sick.message}`]
    const low = this.#file?.commit.low
    return low ? [...this.problems, 'disk is full: nothing is stored'] : this.problems
  }

  *streamsOf(account: string): Generator<StoreStream> {
    for (const stream of this.#streams.values()) if (stream.account === account) yield stream
  }

  *accounts(): Generator<string> {
    yield* new Set([...this.#streams.values()].map(stream => stream.account))
  }

  /** What an account's streams hold; one for as long as the store is open. */
  held(account: string): Held {
    let held = this.#held.get(account)
    if (!held) {
      held = new Held()
      this.#held.set(account, held)
    }
    return held
  }

  stream(account: string, name: string): StoreStream | undefined {
    return this.#streams.get(keyOf(account, name))
  }

  /** The config is checked already; what the store cannot hold is an error all the same. */
  create(account: string, config: StreamConfig): StoreStream | ApiError {
    const key = keyOf(account, config.name)
    const firstSeq = config.first_seq ?? 0
    if (this.#streams.has(key)) return streamGeneral('stream name already in use')
    if (firstSeq >= seqsMax) return streamGeneral(`first sequence must be below ${seqsMax}`)
    const vault = config.storage === 'memory' ? this.#openMemory() : this.#vault
    if (vault.commit.sick) return insufficientStorage
    const id = this.#freeId(vault)
    const data = id > streamsMax ? 0 : vault.rows.newData()
    if (data === 0) return maximumStreams
    const createdUs = this.time.nowUs()
    const stream = this.#made(vault, id, data, account, config, createdUs)
    const failed = vault.commit.attempt(() => {
      vault.commit.touch(this, 0)
      vault.commit.begin()
      this.#timekeeper.erase(vault.db, id)
      this.#insert(vault.db, stream)
      stream.load()
      this.#timekeeper.attach(stream, vault.db, vault.commit, true)
      this.#streams.set(key, stream)
    })
    return failed ? insufficientStorage : stream
  }

  /** Changes the stream's config in place; it is brought under its new limits at once. */
  update(stream: Stream, config: StreamConfig): ApiError | null {
    const known = this.#streams.get(keyOf(stream.account, stream.config.name))
    if (!known || known !== stream) return streamGeneral('stream is gone')
    const { commit } = known
    const failed = commit.attempt(() => {
      commit.touch(this, 0)
      commit.begin()
      known.rows.db
        .prepare('UPDATE stream SET config = ? WHERE id = ?')
        .run(JSON.stringify(config), known.id)
      known.config = config
      rekey(known, isKeyed(config))
      enforceAll(known)
    })
    if (failed) return insufficientStorage
    this.#timekeeper.attach(known, known.rows.db, commit, false)
    this.#expire()
    return null
  }

  delete(stream: Stream): ApiError | null {
    const key = keyOf(stream.account, stream.config.name)
    const known = this.#streams.get(key)
    if (!known || known !== stream) return streamGeneral('stream is gone')
    const { commit } = known
    const failed = commit.attempt(() => {
      commit.touch(this, 0)
      known.settle()
      const { db } = known.rows
      known.rows.discard(known.data)
      db.prepare('DELETE FROM source_position WHERE stream = ?').run(known.id)
      db.prepare('DELETE FROM source_identity WHERE stream = ?').run(known.id)
      this.#timekeeper.erase(db, known.id)
      db.prepare('DELETE FROM stream_state WHERE stream = ?').run(known.id)
      db.prepare('DELETE FROM stream WHERE id = ?').run(known.id)
    })
    if (failed) return insufficientStorage
    known.close()
    this.#streams.delete(key)
    this.#vaultOf(known)?.sweeper.wake()
    return null
  }

  /** How far a stream has come with each of its sources. */
  positions(stream: Stream): Positions {
    const known = this.#streams.get(keyOf(stream.account, stream.config.name))
    if (!known || known !== stream) throw new Error('stream is gone')
    return new Positions({ stream: known.id, db: known.rows.db, commit: known.commit })
  }

  /** Brings every stream's state up to its messages; verify.ts asks for it. */
  saveAll(): void {
    for (const stream of this.#streams.values()) stream.saveSoon()
  }

  view(): object {
    return {
      streams: this.#streams.size,
      ...figures(this.#file),
      problems: this.health(),
      ...this.#timekeeper.view(),
    }
  }

  // ---- Participant: the clock is persisted with the groups ----

  flush(): void {
    const db = this.#file?.db
    if (db?.inTransaction) this.#saveTime(db)
  }

  synced(): void {
    if (this.#timer === null && !this.#closing) this.#expire()
  }

  /** Streams made or deleted by a group that was rolled back. */
  undone(): void {
    const vault = this.#vault
    const rows = vault.db
      .prepare('SELECT id, data, account, name, created, config FROM stream')
      .all()
    const there = new Set<string>()
    for (const row of rows) {
      const key = keyOf(String(row[2]), String(row[3]))
      there.add(key)
      const known = this.#streams.get(key)
      // Not one that took the place of another in the same group.
      if (known && known.id === Number(row[0]) && known.createdUs === Number(row[4])) {
        known.config = JSON.parse(String(row[5])) as StreamConfig
        known.undone()
        this.#timekeeper.attach(known, vault.db, vault.commit, true)
      } else {
        known?.close()
        this.#load(vault, row)
      }
    }
    for (const [key, stream] of this.#streams) {
      if (stream.config.storage !== 'file' || there.has(key)) continue
      stream.close()
      this.#streams.delete(key)
    }
  }

  // ---- inside ----

  /** `damage`: why it must be salvaged; '' when nothing is known against it. */
  #open(damage: string): void {
    const { dir, log, clock, turn } = this.options
    const own = [...consumerTables, ...sourceTables, ...timedTables]
    const tables = [...own, ...(this.options.tables ?? [])]
    const { db, problems } = openStore(dir, tables, log, clock.wallMs(), damage)
    this.problems.push(...problems)
    db.unsync()
    const reserve = new Reserve(dir, this.options.reserveBytes ?? 0, clock)
    this.#reserve = reserve
    const commit = new Commit({
      db,
      reserve,
      log,
      clock,
      turn,
      syncIntervalMs: this.options.syncIntervalMs ?? null,
      walBytesMax: this.options.walBytesMax ?? walBytesMaxDefault,
      queueBytesMax: this.options.queueBytesMax ?? queueBytesMaxDefault,
    })
    this.#file = newVault(db, commit)
    this.#startTime(db)
    this.#timekeeper.start()
    for (const row of db
      .prepare('SELECT id, data, account, name, created, config FROM stream')
      .all()) {
      this.#load(this.#file, row)
    }
    this.#expire()
    this.#file.sweeper.wake()
  }

  /** Takes back an `#open` that failed half way: nothing of it is written. */
  async #abandon(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = null
    for (const stream of this.#streams.values()) stream.close()
    this.#streams.clear()
    const file = this.#file
    this.#file = null
    if (!file) return
    if (file.db.inTransaction) file.db.rollback()
    await file.commit.close()
    file.db.close()
  }

  #load(vault: Vault, row: readonly Value[]): void {
    const [id, data, account, name, created, text] = row
    const config = JSON.parse(String(text)) as StreamConfig
    const numbers = [Number(id), Number(data)] as const
    const stream = this.#made(vault, ...numbers, String(account), config, Number(created))
    // Before it loads, so that `#abandon` finds it.
    this.#streams.set(keyOf(String(account), String(name)), stream)
    stream.load()
    // After damage, what the messages themselves say counts.
    this.#timekeeper.attach(stream, vault.db, vault.commit, this.problems.length === 0)
  }

  get #vault(): Vault {
    if (!this.#file) throw new Error('store is closed')
    return this.#file
  }

  #vaultOf(stream: StoreStream): Vault | null {
    return stream.config.storage === 'memory' ? this.#memory : this.#file
  }

  #openMemory(): Vault {
    const { log, clock, turn } = this.options
    const queueBytesMax = this.options.queueBytesMax ?? queueBytesMaxDefault
    this.#memory ??= openMemory({ log, clock, turn, queueBytesMax })
    return this.#memory
  }

  #made(
    vault: Vault,
    id: number,
    data: number,
    account: string,
    config: StreamConfig,
    createdUs: number,
  ): StoreStream {
    const { rows, blocks, sweeper, commit } = vault
    const onFlush = (): void => this.#flushed()
    return new StoreStream({
      id,
      data,
      account,
      config,
      createdUs,
      rows,
      blocks,
      sweeper,
      commit,
      held: this.held(account),
      time: this.time,
      onFlush,
    })
  }

  #insert(db: Db, stream: StoreStream): void {
    const { id, data, account, config, createdUs } = stream
    const last = Math.max(0, (config.first_seq ?? 0) - 1)
    const text = JSON.stringify(config)
    db.prepare(
      'INSERT INTO stream(id, data, account, name, created, config) VALUES(?, ?, ?, ?, ?, ?)',
    ).run(id, data, account, config.name, createdUs, text)
    const keyed = isKeyed(config) ? 1 : 0
    const state = db.prepare('INSERT INTO stream_state VALUES(?, ?, ?, 0, 0, 0, 0, ?)')
    state.run(id, last + 1, last, keyed)
  }

  /** The lowest number no stream has: numbers are few, and a deleted stream's rows are gone. */
  #freeId(vault: Vault): number {
    const row = vault.db.value(
      `SELECT min(id) + 1 FROM (SELECT 0 AS id UNION ALL SELECT id FROM stream)
         WHERE id + 1 NOT IN (SELECT id FROM stream)`,
    )
    return Number(row)
  }

  #startTime(db: Db): void {
    const jumps = db.value(`SELECT value FROM meta WHERE key = 'jumps'`) ?? ''
    const saved = Number(db.value(`SELECT value FROM meta WHERE key = 'time'`) ?? 0)
    // Times of a mirror are its origin's.
    const newest = Number(
      db.value(`SELECT coalesce(max(t.last_time), 0) FROM stream_state t JOIN stream s
        ON s.id = t.stream WHERE json_extract(s.config, '$.mirror') IS NULL
          AND json_extract(s.config, '$.restore') IS NULL`),
    )
    this.time.start(String(jumps), Math.max(saved, newest))
  }

  #saveTime(db: Db): void {
    const nowUs = this.time.nowUs()
    const jumps = this.time.takeChanged()
    if (jumps === undefined && nowUs - this.#timeSavedUs < timeSaveUs) return
    const save = db.prepare('INSERT OR REPLACE INTO meta VALUES(?, ?)')
    save.run('time', nowUs)
    if (jumps !== undefined) save.run('jumps', jumps)
    this.#timeSavedUs = nowUs
  }

  /** A stream is being written: the clock goes with it, and a timer for its ages is set. */
  #flushed(): void {
    const file = this.#file
    if (!file) return
    if (file.db.inTransaction) this.#saveTime(file.db)
    if (this.#timer === null) this.#schedule()
  }

  /** Drops what is too old in every stream and sets the timer for the next. */
  #expire(): void {
    this.#timer?.cancel()
    this.#timer = null
    let inMs: number | undefined
    for (const stream of this.#streams.values()) {
      // What is due and cannot go now must not set a timer for at once.
      if (stream.commit.sick) inMs ??= sickRetryMs
      else if (!expire(stream)) inMs = expireMoreMs
    }
    this.#schedule(inMs)
  }

  #schedule(inMs?: number): void {
    let dueUs = Number.POSITIVE_INFINITY
    for (const stream of this.#streams.values()) {
      dueUs = Math.min(dueUs, expiryUs(stream) ?? Number.POSITIVE_INFINITY)
    }
    if (this.#closing || (dueUs === Number.POSITIVE_INFINITY && inMs === undefined)) return
    const ms = inMs ?? Math.ceil((dueUs - this.time.nowUs()) / 1000)
    const bounded = Math.min(Math.max(ms, 1), expireMsMax)
    this.#timer = this.options.clock.after(bounded, () => this.#expire())
  }
}

/** Damage, as SQLite sees it or as we do: a number where bytes should be, JSON that is none. */
function isUnreadable(error: unknown): boolean {
  const isOfLanguage = error instanceof TypeError || error instanceof SyntaxError
  return isOfLanguage || error instanceof RangeError || isDamage(error)
}

const keyOf = (account: string, name: string): string => `${account} ${name}`

/** Whether finding the oldest message of a subject must be quick. */
function isKeyed(config: StreamConfig): boolean {
  return config.max_msgs_per_subject > 1
}
