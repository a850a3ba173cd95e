// What consumers persist, and when.
//
//   a delivery, a plain ack   saved within saveDelayMs, many of them in one row
//   an ack that is answered   saved with this turn's group; the answer waits for its fsync (I1)
//   a new config, an end      with this turn's group, again and again until one succeeds
//
// A delivery that a crash forgets is made again; an ack that was answered is never forgotten.
// Saving late spares an SD card: a consumer that acks ten messages a second costs four writes.

import type { Clock, Timer } from '../../../src/base/clock.ts'
import type { Participant } from '../commit.ts'
import type { Value } from '../db.ts'
import type { ConsumerConfig } from './config.ts'
import * as sql from './schema.ts'

export interface ConsumerState {
  readonly deliveredConsumerSeq: number
  readonly deliveredStreamSeq: number
  readonly floorConsumerSeq: number
  readonly floorStreamSeq: number
  /** Up to here only the last message of each subject is delivered; 0 = no such phase. */
  readonly skipUntil: number
  readonly lastDeliveredUs: number
  readonly lastAckedUs: number
}

export interface StoredConsumer {
  readonly id: number
  readonly name: string
  readonly createdUs: number
  readonly config: ConsumerConfig
  readonly state: ConsumerState
  readonly chunks: readonly (readonly [number, string])[]
}

/** A consumer as the keeper sees it. */
export interface Kept {
  /** Its row; 0 when it is not persisted. */
  readonly id: number
  /** Deleted: there is nothing to save any more. */
  readonly gone: boolean
  state(): ConsumerState
  /** Chunks that changed; null text = now empty. */
  takeChanges(): readonly (readonly [number, string | null])[]
  /** The changes were rolled back: they are changes again. */
  changesLost(chunks: readonly number[]): void
}

/** The one connection, as far as it is needed. */
export interface KeeperDb {
  prepare(text: string): {
    run(...values: Value[]): unknown
    all(...values: Value[]): readonly (readonly Value[])[]
  }
  value(text: string, ...values: Value[]): Value | undefined
}

/** The commit group, as far as it is needed. */
export interface KeeperCommit {
  /** Why nothing can be written just now; null when all is well. */
  readonly sick: Error | null
  touch(participant: Participant, bytes: number): void
  write(run: () => void, bytes?: number): void
  onDisk(done: (error?: Error) => void): void
}

const saveDelayMs = 250
/** What a saved consumer adds to the commit's queue, roughly. */
const savedBytes = 256

export class ConsumerKeeper implements Participant {
  readonly commit: KeeperCommit
  readonly #db: KeeperDb
  readonly #clock: Clock
  #lastId = 0
  #dirty = new Set<Kept>()
  /** What the last flush was to save, and the changes it took: dirty again when it is undone. */
  #saving = new Set<Kept>()
  /** By row: a new config, or null to delete it. */
  #changes = new Map<number, string | null>()
  #changing = new Map<number, string | null>()
  #taken: { readonly kept: Kept; readonly chunks: readonly number[] }[] = []
  #timer: Timer | null = null
  #isTouched = false

  constructor(db: KeeperDb, commit: KeeperCommit, clock: Clock) {
    this.#db = db
    this.commit = commit
    this.#clock = clock
  }

  start(): void {
    this.#lastId = Number(this.#db.value(sql.selectLastId) ?? 0)
  }

  /** Hands everything unsaved to the commit group, which must be closed after this. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#isDirty) this.#touch()
  }

  /** What is to be deleted is not among them. */
  load(account: string, stream: string): StoredConsumer[] {
    return this.#db
      .prepare(sql.selectConsumers)
      .all(account, stream)
      .map(row => this.#stored(row))
      .filter(stored => this.#changes.get(stored.id) !== null)
  }

  /** Returns the id of the new row. */
  insert(
    account: string,
    stream: string,
    name: string,
    createdUs: number,
    config: ConsumerConfig,
    state: ConsumerState,
  ): number {
    const id = ++this.#lastId
    const text = JSON.stringify(config)
    const { deliveredStreamSeq, floorStreamSeq, skipUntil } = state
    const place = [deliveredStreamSeq, floorStreamSeq, skipUntil] as const
    this.commit.write(() => {
      // An end that the disk refused leaves its row behind.
      this.#db.prepare(sql.deletePendingNamed).run(account, stream, name)
      this.#db.prepare(sql.deleteNamed).run(account, stream, name)
      this.#db.prepare(sql.insertConsumer).run(id, account, stream, name, createdUs, text, ...place)
    }, savedBytes)
    return id
  }

  updateConfig(id: number, config: ConsumerConfig): void {
    this.#change(id, JSON.stringify(config))
  }

  delete(id: number): void {
    this.#change(id, null)
  }

  /** Its stream goes with this group: should that be taken back, the consumer stays as well. */
  deleteWithStream(id: number): void {
    this.commit.write(() => this.#write(id, null))
  }

  /** Within saveDelayMs. */
  saveSoon(kept: Kept): void {
    if (kept.id === 0) return
    this.#dirty.add(kept)
    if (this.#timer === null && !this.#isTouched) this.#later()
  }

  /** With this turn's group. */
  saveNow(kept: Kept): void {
    if (kept.id === 0) return
    this.#dirty.add(kept)
    if (!this.#isTouched) this.#touch()
  }

  onDisk(done: (error?: Error) => void): void {
    this.commit.onDisk(done)
  }

  // ---- the commit group's participant

  flush(): void {
    this.#isTouched = false
    this.#taken = []
    this.#saving = this.#dirty
    this.#dirty = new Set()
    this.#changing = this.#changes
    this.#changes = new Map()
    for (const kept of this.#saving) if (!kept.gone) this.#save(kept)
    for (const [id, config] of this.#changing) this.#write(id, config)
  }

  synced(): void {}

  undone(): void {
    this.#isTouched = false
    for (const { kept, chunks } of this.#taken) kept.changesLost(chunks)
    for (const kept of this.#saving) this.#dirty.add(kept)
    this.#taken = []
    this.#saving = new Set()
    for (const [id, config] of this.#changing) {
      if (!this.#changes.has(id)) this.#changes.set(id, config)
    }
    this.#changing = new Map()
    if (this.#isDirty && this.#timer === null) this.#later()
  }

  get #isDirty(): boolean {
    return this.#dirty.size > 0 || this.#changes.size > 0
  }

  #change(id: number, config: string | null): void {
    this.#changes.set(id, config)
    if (!this.#isTouched) this.#touch()
  }

  #later(): void {
    this.#timer = this.#clock.after(saveDelayMs, () => {
      this.#timer = null
      if (this.#isDirty && !this.#isTouched) this.#touch()
    })
  }

  #touch(): void {
    this.#isTouched = true
    this.commit.touch(this, savedBytes * (this.#dirty.size + this.#changes.size))
  }

  /** keeps C4: one transaction for a consumer's state and chunks. */
  #save(kept: Kept): void {
    const chunks = kept.takeChanges()
    // Before the first statement, any of which may fail.
    this.#taken.push({ kept, chunks: chunks.map(([chunk]) => chunk) })
    for (const [chunk, entries] of chunks) {
      if (entries === null) this.#db.prepare(sql.deletePending).run(kept.id, chunk)
      else this.#db.prepare(sql.upsertPending).run(kept.id, chunk, entries)
    }
    const state = kept.state()
    this.#db
      .prepare(sql.updateState)
      .run(
        state.deliveredConsumerSeq,
        state.deliveredStreamSeq,
        state.floorConsumerSeq,
        state.floorStreamSeq,
        state.skipUntil,
        state.lastDeliveredUs,
        state.lastAckedUs,
        kept.id,
      )
  }

  #write(id: number, config: string | null): void {
    if (config !== null) {
      this.#db.prepare(sql.updateConfig).run(config, id)
      return
    }
    this.#db.prepare(sql.deletePendingAll).run(id)
    this.#db.prepare(sql.deleteConsumer).run(id)
  }

  #stored(row: readonly Value[]): StoredConsumer {
    const number = (at: number): number => Number(row[at])
    const id = number(0)
    const chunks = this.#db.prepare(sql.selectPending).all(id)
    return {
      id,
      name: String(row[1]),
      createdUs: number(2),
      config: JSON.parse(String(row[3])) as ConsumerConfig,
      state: {
        deliveredConsumerSeq: number(4),
        deliveredStreamSeq: number(5),
        floorConsumerSeq: number(6),
        floorStreamSeq: number(7),
        skipUntil: number(8),
        lastDeliveredUs: number(9),
        lastAckedUs: number(10),
      },
      chunks: chunks.map(([chunk, entries]) => [Number(chunk), String(entries)] as const),
    }
  }
}
