// What is due of one kind in one stream, by sequence: rows of `timed`, and what this group has
// changed of them in memory. Written with the group (keeps T1); a group that is rolled back takes
// its changes along. RAM is what the group brings, whatever the number of rows.

import type { Commit, Participant } from '../commit.ts'
import type { Db } from '../db.ts'
import * as sql from './schema.ts'

export interface AgendaParts {
  /** The stream's number. */
  readonly stream: number
  readonly kind: sql.Kind
  readonly db: Db
  readonly commit: Pick<Commit, 'touch'>
}

interface Entry {
  readonly due: number
  /** Of a schedule; null otherwise. */
  readonly subject: string | null
}

export type Due = readonly [seq: number, due: number]

/** What a change takes in the commit's queue, about. */
const changeBytes = 64
const rowsAtOnce = 64
/** While there are no more, what goes without a row costs nothing. */
const knownMax = 4096
const never = Number.POSITIVE_INFINITY

export class Agenda implements Participant {
  readonly #parts: AgendaParts
  /** Not written yet; null: no row any more. */
  #changes = new Map<number, Entry | null>()
  /** Of the changes alone. */
  readonly #subjects = new Map<string, number>()
  /** Sequences of all there are; null: too many. */
  #known: Set<number> | null = null
  #earliest = never
  #rows = 0
  #closed = false

  constructor(parts: AgendaParts) {
    this.#parts = parts
    this.#load()
  }

  /** Nothing is due before this; Infinity: nothing at all. */
  get earliest(): number {
    return this.#earliest
  }

  /** How many rows there are, those of this group not counted. */
  get rows(): number {
    return this.#rows
  }

  has(seq: number): boolean {
    if (this.#known !== null) return this.#known.has(seq)
    const { stream, kind, db } = this.#parts
    const change = this.#changes.get(seq)
    if (change !== undefined) return change !== null
    return db.prepare(sql.rowOf).get(stream, kind, seq) !== undefined
  }

  add(seq: number, due: number, subject: string | null = null): void {
    if (subject !== null) {
      const old = this.on(subject)
      if (old > 0 && old !== seq) this.forget(old)
      this.#subjects.set(subject, seq)
    }
    this.#change(seq, { due, subject })
    if (this.#known?.add(seq) && this.#known.size > knownMax) this.#known = null
    if (due < this.#earliest) this.#earliest = due
  }

  forget(seq: number): void {
    if (this.#earliest === never || this.#known?.delete(seq) === false) return
    const subject = this.#changes.get(seq)?.subject
    if (subject != null && this.#subjects.get(subject) === seq) this.#subjects.delete(subject)
    this.#change(seq, null)
  }

  /** Sequence of the schedule on a subject; 0: there is none. */
  on(subject: string): number {
    if (this.#earliest === never) return 0
    const fresh = this.#subjects.get(subject)
    if (fresh !== undefined) return fresh
    const row = this.#parts.db.prepare(sql.rowOn).get(this.#parts.stream, subject)
    const seq = Number(row?.[0] ?? 0)
    return this.#changes.get(seq) === null ? 0 : seq
  }

  /** What is there is due at another time. */
  move(seq: number, due: number): void {
    const subject = this.#changes.get(seq)?.subject ?? null
    this.#change(seq, { due, subject })
    if (due < this.#earliest) this.#earliest = due
  }

  /** Up to `countMax` that are due at this time, the earliest first. */
  due(time: number, countMax: number): readonly Due[] {
    if (time < this.#earliest) return []
    const due = this.#written(time, countMax)
    for (const [seq, entry] of this.#changes) {
      if (entry !== null && entry.due <= time) due.push([seq, entry.due])
    }
    return due.sort((a, b) => a[1] - b[1] || a[0] - b[0]).slice(0, countMax)
  }

  /** Up to `countMax` of those written, by sequence, from one on. */
  from(seq: number, countMax: number): readonly Due[] {
    const { stream, kind, db } = this.#parts
    return db.prepare(sql.rowsFrom).all(stream, kind, seq, countMax) as unknown as readonly Due[]
  }

  /** Looks again when the earliest is due. */
  settle(): void {
    this.#earliest = this.#written(never, 1)[0]?.[1] ?? never
    for (const entry of this.#changes.values()) {
      if (entry !== null && entry.due < this.#earliest) this.#earliest = entry.due
    }
  }

  /** The stream is gone: nothing is written any more. */
  close(): void {
    this.#closed = true
    this.#changes.clear()
  }

  // ---- Participant ----

  flush(): void {
    if (this.#closed) return
    const { stream, kind, db } = this.#parts
    // What goes first: a subject has one row (T2).
    for (const [seq, entry] of this.#changes) {
      if (entry === null) this.#rows -= db.prepare(sql.deleteRow).run(stream, kind, seq).changes
    }
    for (const [seq, entry] of this.#changes) {
      if (entry === null) continue
      const { due, subject } = entry
      const { changes } = db.prepare(sql.insertRow).run(stream, kind, seq, due, subject)
      this.#rows += changes
      if (changes === 0) db.prepare(sql.updateRow).run(due, stream, kind, seq)
    }
    this.#changes.clear()
    this.#subjects.clear()
  }

  synced(): void {}

  undone(): void {
    if (!this.#closed) this.#load()
  }

  #load(): void {
    const { stream, kind, db } = this.#parts
    this.#changes.clear()
    this.#subjects.clear()
    const [count = 0, first = null] = db.prepare(sql.countAndFirst).get(stream, kind) ?? []
    this.#rows = Number(count)
    this.#earliest = first === null ? never : Number(first)
    this.#known = null
    if (this.#rows <= knownMax) {
      this.#known = new Set(this.from(0, knownMax).map(([seq]) => Number(seq)))
    }
  }

  /** The first rows that this group has not changed. */
  #written(time: number, countMax: number): [number, number][] {
    const { stream, kind, db } = this.#parts
    const upTo = Math.min(time, Number.MAX_SAFE_INTEGER)
    const found: [number, number][] = []
    for (let offset = 0; found.length < countMax; offset += rowsAtOnce) {
      const rows = db.prepare(sql.rowsDue).all(stream, kind, upTo, rowsAtOnce, offset)
      for (const row of rows) {
        const seq = Number(row[0])
        if (!this.#changes.has(seq) && found.length < countMax) found.push([seq, Number(row[1])])
      }
      if (rows.length < rowsAtOnce) break
    }
    return found
  }

  #change(seq: number, entry: Entry | null): void {
    if (this.#closed) return
    this.#changes.set(seq, entry)
    this.#parts.commit.touch(this, changeBytes)
  }
}
