// How far a stream has come with each of its sources: the source's sequence of the last message
// that was dealt with, written in the same transaction as the message itself (invariant S8). So a
// power cut or a deleted message brings nothing a second time. Beside it the identity that the
// source had then: one that was made anew under its name begins at its beginning.
//
// A mirror needs none of this: its own last sequence is its position.

import type { Commit, Participant } from '../commit.ts'
import type { Db } from '../db.ts'

/** For prepareSchema: run at every start. */
export const sourceTables: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS source_position(stream INTEGER NOT NULL, source TEXT NOT NULL,
     seq INTEGER NOT NULL, PRIMARY KEY(stream, source)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS source_identity(stream INTEGER NOT NULL, source TEXT NOT NULL,
     identity TEXT NOT NULL, PRIMARY KEY(stream, source)) WITHOUT ROWID`,
]

export interface PositionsParts {
  /** The stream's number. */
  readonly stream: number
  readonly db: Db
  readonly commit: Pick<Commit, 'touch'>
}

export class Positions implements Participant {
  readonly #parts: PositionsParts
  readonly #seqs = new Map<string, number>()
  readonly #identities = new Map<string, string>()
  readonly #changed = new Set<string>()
  readonly #renamed = new Set<string>()
  #closed = false

  constructor(parts: PositionsParts) {
    this.#parts = parts
  }

  /** Reads what is on disk. */
  load(): void {
    const { db, stream } = this.#parts
    this.#seqs.clear()
    this.#identities.clear()
    this.#changed.clear()
    this.#renamed.clear()
    const rows = db.prepare('SELECT source, seq FROM source_position WHERE stream = ?').all(stream)
    for (const [source, seq] of rows) this.#seqs.set(String(source), Number(seq))
    const identities = 'SELECT source, identity FROM source_identity WHERE stream = ?'
    for (const [source, identity] of db.prepare(identities).all(stream)) {
      this.#identities.set(String(source), String(identity))
    }
  }

  /** undefined: nothing of this source has come yet. */
  get(source: string): number | undefined {
    return this.#seqs.get(source)
  }

  set(source: string, seq: number): void {
    this.#seqs.set(source, seq)
    this.#changed.add(source)
    this.#parts.commit.touch(this, 0)
  }

  /** '': it never told. */
  identity(source: string): string {
    return this.#identities.get(source) ?? ''
  }

  identify(source: string, identity: string): void {
    if (this.identity(source) === identity) return
    this.#identities.set(source, identity)
    this.#renamed.add(source)
    this.#parts.commit.touch(this, 0)
  }

  /** The config names it no longer. */
  forget(source: string): void {
    if (this.#seqs.delete(source)) this.#changed.add(source)
    if (this.#identities.delete(source)) this.#renamed.add(source)
    this.#parts.commit.touch(this, 0)
  }

  /** The stream is gone: nothing is written any more. */
  close(): void {
    this.#closed = true
  }

  get names(): Iterable<string> {
    return new Set([...this.#seqs.keys(), ...this.#identities.keys()])
  }

  // ---- Participant ----

  flush(): void {
    if (this.#closed) return
    const { db, stream } = this.#parts
    for (const source of this.#changed) {
      const seq = this.#seqs.get(source)
      if (seq === undefined) {
        const remove = 'DELETE FROM source_position WHERE stream = ? AND source = ?'
        db.prepare(remove).run(stream, source)
      } else {
        const upsert = 'INSERT OR REPLACE INTO source_position VALUES(?, ?, ?)'
        db.prepare(upsert).run(stream, source, seq)
      }
    }
    this.#changed.clear()
    for (const source of this.#renamed) {
      const identity = this.#identities.get(source)
      const remove = 'DELETE FROM source_identity WHERE stream = ? AND source = ?'
      if (identity === undefined) db.prepare(remove).run(stream, source)
      else {
        const upsert = 'INSERT OR REPLACE INTO source_identity VALUES(?, ?, ?)'
        db.prepare(upsert).run(stream, source, identity)
      }
    }
    this.#renamed.clear()
  }

  synced(): void {}

  undone(): void {
    this.load()
  }
}
