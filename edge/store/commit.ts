// Group commit. The writes of a turn of the loop, and of all turns until the disk is free, share
// one transaction and one fdatasync, which runs on the thread pool; what waits for it (acks,
// deliveries) leaves when it is done.
//
//            first write                 end of turn               WAL is on disk
//   idle ───touch/begin──▶ gathering ───#commit───▶ syncing ───#synced───▶ idle | gathering
//                                                                  │ WAL over walBytesMax
//                                                                  ▼
//     idle ◀──────#cut──── cutting ◀──#copied── copying ◀──#checkpoint
//
// Invariant 1 is kept here: `onDisk` calls back after an fdatasync that began after the COMMIT.
// The order of a checkpoint is its argument: WAL on disk before pages are copied, pages on disk
// before the WAL is cut (its header cleared), the cut on disk before new frames. Until then the
// next transaction is held: rows wait in their participants (bounded by queueBytesMax), `begin`
// finishes the checkpoint at once, on the loop, which is why only rare operations call it.
//
// A commit that fails is rolled back, the participants go back to what is on disk, and everybody
// who waited gets the error. An fdatasync that fails leaves the group in doubt: the error goes
// out, the store is `sick`, refuses writes and tries every retryMs to bring everything to disk.

import type { Clock, Timer } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import type { Turn, TurnJob } from '../../src/base/turn.ts'
import type { Db } from './db.ts'
import { isDiskError, isFull } from './disk-error.ts'
import type { Reserve } from './reserve.ts'
import type { Durable } from './shapes.ts'
import { WalGauge } from './wal-gauge.ts'

/** Somebody with rows of its own to write once a group. */
export interface Participant {
  /** Writes what gathered; runs inside the transaction. */
  flush(): void
  /** What the last `flush` wrote is on disk (or as safe as the options ask). */
  synced(): void
  /** The transaction was rolled back: go back to what the database says. */
  undone(): void
}

export interface CommitOptions {
  readonly db: Db
  readonly log: Log
  readonly clock: Clock
  readonly turn: Turn
  /** null: every group waits for its fdatasync. Else syncs at most this long after a commit. */
  readonly syncIntervalMs: number | null
  readonly walBytesMax: number
  readonly queueBytesMax: number
  /** Room to give up when the disk is full; none without it. */
  readonly reserve?: Reserve
}

type Callback = (error?: Error) => void

type State =
  | { readonly is: 'idle' }
  | { readonly is: 'syncing'; readonly participants: Participant[]; readonly waiting: Callback[] }
  /** Checkpoint: the WAL, then the database file, then the cut WAL are being synced. */
  | { readonly is: 'sealing'; readonly participants: Participant[]; readonly waiting: Callback[] }
  | { readonly is: 'copying' | 'cutting' }
  | { readonly is: 'closed' }

const retryMs = 1000
const idle: State = { is: 'idle' }

export class Commit implements Durable, TurnJob {
  queued = false
  groups = 0
  checkpoints = 0
  /** Times that `begin` had to finish a checkpoint on the loop. */
  blockedCheckpoints = 0
  /** Bytes gathered and not yet handed to SQLite. */
  queueBytes = 0
  readonly #options: CommitOptions
  readonly #db: Db
  #state: State = idle
  /** Counts states, so that a callback of a step that was finished otherwise is ignored. */
  #step = 0
  #participants = new Set<Participant>()
  #waiting: Callback[] = []
  #writes: (() => void)[] = []
  readonly #wal: WalGauge
  #sick: Error | null = null
  /** null: not measured yet. */
  #low: boolean | null = null
  readonly #doubtful = new Set<Participant>()
  #unsynced = false
  #retry: Timer | null = null
  #interval: Timer | null = null
  #closing: (() => void) | null = null

  constructor(options: CommitOptions) {
    this.#options = options
    this.#db = options.db
    this.#wal = new WalGauge(options.db, options.walBytesMax)
    // Nobody else locks a database in memory.
    if (options.db.file !== '') options.db.onRead = () => options.turn.add(this)
  }

  /** Why nothing can be written just now; null when all is well. */
  get sick(): Error | null {
    return this.#sick
  }

  /** True while there is room for removals only. */
  get low(): boolean {
    if (!this.#options.reserve?.spent) return false
    if (this.#low === null) this.#measureRoom()
    return this.#low === true
  }

  /** True while a checkpoint keeps the next transaction waiting. */
  get held(): boolean {
    const is = this.#state.is
    return is === 'sealing' || is === 'copying' || is === 'cutting'
  }

  /** True when a new append must be refused: too much waits for the disk. */
  get full(): boolean {
    return this.queueBytes >= this.#options.queueBytesMax
  }

  /** The participant's `flush` runs with this group. */
  touch(participant: Participant, bytes: number): void {
    this.#participants.add(participant)
    this.queueBytes += bytes
    this.#options.turn.add(this)
  }

  /**
   * Opens the transaction, for a direct write of a rare operation. Throws while the store is
   * sick: ask first. During a checkpoint it blocks until that is done.
   */
  begin(): void {
    if (this.#sick) throw this.#sick
    if (this.#db.inTransaction) return
    if (this.held) this.#finishCheckpoint()
    this.#db.begin()
    this.#options.turn.add(this)
    // What a checkpoint held up comes first.
    const writes = this.#writes
    this.#writes = []
    for (const run of writes) run()
  }

  /**
   * Runs direct writes that the disk may refuse. An error means that the whole group was taken
   * back, also what was written before: SQLite itself rolls back when it runs out of room.
   */
  attempt(run: () => void): Error | null {
    if (this.#sick) return this.#sick
    try {
      run()
      return null
    } catch (error) {
      if (!isDiskError(error)) throw error
      this.#fail(error)
      return error
    }
  }

  /** Runs a write within this group: now, or after a checkpoint that holds it up. */
  write(run: () => void, bytes = 0): void {
    if (this.held || this.#sick) {
      this.#writes.push(run)
      this.queueBytes += bytes
      this.#options.turn.add(this)
      return
    }
    this.attempt(() => {
      this.begin()
      run()
    })
  }

  onDisk(done: Callback): void {
    this.#waiting.push(done)
    this.#options.turn.add(this)
  }

  endTurn(): void {
    if (this.#state.is === 'closed') this.#callBack([], this.#takeWaiting(), new Error('closed'))
    else if (this.#sick) this.#refuse(this.#sick)
    else if (this.#state.is === 'idle') this.#commit()
    this.#db.endRead()
  }

  /** Commits and syncs what gathered, then resolves. Idempotent. */
  async close(): Promise<void> {
    if (this.#state.is === 'closed') return
    if (!this.#sick) await new Promise<void>(resolve => this.onDisk(() => resolve()))
    if (this.#state.is !== 'idle') {
      await new Promise<void>(resolve => {
        this.#closing = resolve
        if (this.#sick) resolve()
      })
    }
    if (!this.#sick && this.#unsynced) this.#db.syncWalNow()
    this.#retry?.cancel()
    this.#interval?.cancel()
    this.#step++
    this.#state = { is: 'closed' }
  }

  get #dirty(): boolean {
    return this.#db.inTransaction || this.#participants.size > 0 || this.#writes.length > 0
  }

  #commit(): void {
    if (!this.#dirty) return this.#callBack([], this.#takeWaiting())
    const participants = [...this.#participants]
    const failed = this.#write(participants)
    if (failed) return this.#fail(failed)
    this.groups++
    const waiting = this.#takeWaiting()
    if (this.#db.file === '') return this.#callBack(participants, waiting)
    this.#unsynced = true
    if (this.#options.syncIntervalMs !== null) {
      this.#callBack(participants, waiting)
      this.#syncLater(this.#options.syncIntervalMs)
      return
    }
    this.#sync(participants, waiting)
  }

  /** Everything gathered into one transaction, committed; the error when that failed. */
  #write(participants: readonly Participant[]): Error | null {
    try {
      if (!this.#db.inTransaction) this.#db.begin()
      for (const run of this.#writes) run()
      for (const participant of participants) participant.flush()
      this.#db.commit()
      this.#wal.added(this.queueBytes)
    } catch (error) {
      if (!isDiskError(error)) throw error
      return error
    }
    this.#participants.clear()
    this.#writes = []
    this.queueBytes = 0
    this.#measureRoom()
    return null
  }

  #sync(participants: Participant[], waiting: Callback[]): void {
    this.#state = { is: 'syncing', participants, waiting }
    const step = ++this.#step
    this.#unsynced = false
    this.#db.syncWal(error => {
      if (step === this.#step) this.#synced(error)
    })
  }

  #synced(error: Error | null): void {
    const state = this.#state
    if (state.is !== 'syncing') return
    if (error) return this.#inDoubt(error, state.participants, state.waiting)
    this.#state = idle
    // Before a checkpoint writes the next group: `synced` speaks of the last `flush`.
    this.#callBack(state.participants, state.waiting)
    if (this.#wal.isDue) this.#checkpoint()
    this.#next()
  }

  #next(): void {
    if (this.#state.is !== 'idle') return
    if (this.#dirty || this.#waiting.length > 0) this.#options.turn.add(this)
    else this.#closing?.()
  }

  #syncLater(afterMs: number): void {
    this.#interval ??= this.#options.clock.after(afterMs, () => {
      this.#interval = null
      if (this.#state.is === 'idle' && !this.#sick && this.#unsynced) this.#sync([], [])
    })
  }

  // ---- checkpoint ----

  /** Seals the open group first: a checkpoint needs no transaction open and a synced WAL. */
  #checkpoint(): void {
    const open = this.#db.inTransaction
    const participants = open ? [...this.#participants] : []
    if (open) {
      const failed = this.#write(participants)
      if (failed) return this.#fail(failed)
      this.groups++
    }
    const waiting = open ? this.#takeWaiting() : []
    this.#state = { is: 'sealing', participants, waiting }
    const step = ++this.#step
    if (!open && !this.#unsynced) return this.#copy()
    this.#db.syncWal(error => {
      if (step !== this.#step) return
      if (error) return this.#inDoubt(error, participants, waiting)
      this.#unsynced = false
      this.#copy()
      this.#callBack(participants, waiting)
    })
  }

  #copy(): void {
    const step = ++this.#step
    this.#state = { is: 'copying' }
    let complete: boolean
    try {
      complete = this.#db.checkpoint('PASSIVE').complete
    } catch (error) {
      if (!isDiskError(error)) throw error
      this.#state = idle
      return this.#fail(error)
    }
    // Another process reads an older state: the WAL stays and grows until it lets go.
    this.#wal.checkpointed(complete)
    if (!complete) return this.#resume()
    this.#db.syncFile(error => {
      if (step !== this.#step) return
      if (error) return this.#fail(error)
      this.#cut()
    })
  }

  #cut(): void {
    const step = ++this.#step
    const failed = this.attempt(() => {
      // Another process began to read meanwhile: the WAL stays.
      if (!this.#db.checkpoint('RESTART').complete) {
        this.#db.restartsSynced = true
        return this.#resume()
      }
      this.#state = { is: 'cutting' }
      this.#db.cutWal(error => {
        if (step !== this.#step) return
        if (error) return this.#fail(error)
        this.checkpoints++
        this.#db.restartsSynced = false
        this.#resume()
      })
    })
    // Still held: the next transaction must not begin before `#recover` has cut the WAL.
    if (failed) this.#state = { is: 'copying' }
  }

  #resume(): void {
    this.#state = idle
    this.#next()
  }

  /** The rest of a checkpoint on the loop. Throws when the disk fails: `attempt` catches. */
  #finishCheckpoint(): void {
    const state = this.#state
    this.#step++
    this.blockedCheckpoints++
    try {
      this.#db.syncWalNow()
      const { complete } = this.#db.checkpoint('PASSIVE')
      this.#wal.checkpointed(complete)
      if (complete) {
        this.#db.syncFileNow()
        this.#cutNow()
        this.checkpoints++
      }
    } catch (error) {
      if (state.is === 'sealing' && isDiskError(error)) {
        this.#inDoubt(error, state.participants, state.waiting)
      }
      throw error
    }
    this.#unsynced = false
    this.#state = idle
    if (state.is !== 'sealing') return
    // On disk now, but its callbacks must not run inside our caller: they go first next time.
    const { participants, waiting } = state
    this.#waiting.unshift(
      () => {
        for (const participant of participants) participant.synced()
      },
      ...waiting,
    )
  }

  #cutNow(): void {
    const complete = this.#db.checkpoint('RESTART').complete
    if (complete) this.#db.cutWalNow()
    this.#db.restartsSynced = !complete
  }

  // ---- trouble ----

  /** Committed, but the fdatasync failed: nobody may see it before `#recover` has it on disk. */
  #inDoubt(error: Error, participants: Participant[], waiting: Callback[]): void {
    this.#state = idle
    this.#unsynced = true
    for (const participant of participants) this.#doubtful.add(participant)
    this.#callBack([], waiting, error)
    this.#fail(error)
  }

  #fail(error: Error): void {
    if (!this.#sick) this.#options.log.error(`JetStream store cannot write: ${error.message}`)
    this.#sick = error
    this.#refuse(error)
    this.#retry ??= this.#options.clock.after(retryMs, () => {
      this.#retry = null
      this.#recover()
    })
    this.#closing?.()
  }

  /** Takes back what gathered and tells everybody who waits. */
  #refuse(error: Error): void {
    if (this.#db.inTransaction) this.#db.rollback()
    const participants = [...this.#participants]
    this.#participants.clear()
    this.#writes = []
    this.queueBytes = 0
    for (const participant of participants) participant.undone()
    this.#callBack([], this.#takeWaiting(), error)
  }

  /**
   * Brings everything committed to disk, by the order of a checkpoint; then all is well. After a
   * failed sync the system holds pages for clean that are not on disk: all are written again.
   */
  #recover(): void {
    let failed = this.#bringToDisk()
    if (failed && isFull(failed) && this.#options.reserve?.spend()) {
      this.#options.log.warn('JetStream store is out of space, only removals are possible')
      failed = this.#bringToDisk()
    }
    if (failed) {
      this.#sick = failed
      this.#retry = this.#options.clock.after(retryMs, () => {
        this.#retry = null
        this.#recover()
      })
      return
    }
    this.#sick = null
    this.#measureRoom()
    this.#unsynced = false
    this.#step++
    const state = this.#state
    this.#state = idle
    const doubtful = [...this.#doubtful]
    this.#doubtful.clear()
    this.#callBack(doubtful, [])
    // A sync was still under way: nobody hears of its end now, but it is all on disk.
    const isSyncing = state.is === 'syncing' || state.is === 'sealing'
    if (isSyncing) this.#callBack(state.participants, state.waiting)
    this.#options.log.info('JetStream store can write again')
    this.#next()
  }

  /** With the reserve gone, free pages inside the database are the reserve. */
  #measureRoom(): void {
    const reserve = this.#options.reserve
    this.#low = reserve?.spent === true && this.#db.freeBytes() < reserve.bytes
  }

  #bringToDisk(): Error | null {
    try {
      this.#db.rewriteWal()
      this.#db.syncWalNow()
      if (this.#db.checkpoint('PASSIVE').complete) {
        this.#db.rewriteFile()
        this.#db.syncFileNow()
        this.#cutNow()
      }
      this.#db.begin()
      this.#db.exec(`INSERT OR REPLACE INTO meta VALUES('probe', zeroblob(65536))`)
      this.#db.exec(`DELETE FROM meta WHERE key = 'probe'`)
      this.#db.commit()
      this.#db.syncWalNow()
      return null
    } catch (error) {
      if (this.#db.inTransaction) this.#db.rollback()
      if (!isDiskError(error)) throw error
      return error
    }
  }

  #takeWaiting(): Callback[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }

  #callBack(participants: readonly Participant[], waiting: readonly Callback[], error?: Error) {
    for (const participant of participants) participant.synced()
    for (const done of waiting) done(error)
  }
}
