// How far a stream has come with each of its sources: the source's sequence of the last message
// that was dealt with, written in the same transaction as the message itself (invariant S8). So a
// power cut or a deleted message brings nothing a second time.
//
// A mirror needs none of this: its own last sequence is its position.

import type { Commit, Participant } from '../commit.ts'
import type { Db } from '../db.ts'

/** For prepareSchema: run at every start. */
export const sourceTables: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS source_position(stream INTEGER NOT NULL, source TEXT NOT NULL,
     seq INTEGER NOT NULL, PRIMARY KEY(stream, source)) WITHOUT ROWID`,
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
  readonly #changed = new Set<string>()
  #closed = false

  constructor(parts: PositionsParts) {
    this.#parts = parts
  }

  /** Reads what is on disk. */
  load(): void {
    const { db, stream } = this.#parts
    this.#seqs.clear()
    this.#changed.clear()
    const rows = db.prepare('SELECT source, seq FROM source_position WHERE stream = ?').all(stream)
    for (const [source, seq] of rows) this.#seqs.set(String(source), Number(seq))
  }

  /** undefined: nothing of this source has come yet. */
  get(source: string): number | undefined {
    return this.#seqs.get(source)
  }

  set(source: string, seq: number): void {
    this.#seqs.set(source, seq)
    this.#change(source)
  }

  /** The config names it no longer. */
  forget(source: string): void {
    if (this.#seqs.delete(source)) this.#change(source)
  }

  /** The stream is gone: nothing is written any more. */
  close(): void {
    this.#closed = true
  }

  get names(): Iterable<string> {
    return this.#seqs.keys()
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
  }

  synced(): void {}

  undone(): void {
    this.load()
  }

  #change(source: string): void {
    this.#changed.add(source)
    this.#parts.commit.touch(this, 0)
  }
}
