// The prepared statements of a database's streams and subjects, one set a connection, and the
// numbers that streams' blocks have. They are named after what they ask.

import type { Db, Statement } from './db.ts'
import { dataMax } from './ids.ts'

export class Rows {
  readonly db: Db
  readonly insertSubject: Statement
  readonly updateSubject: Statement
  readonly deleteSubject: Statement
  readonly subjectByName: Statement
  readonly subjectById: Statement
  readonly subjectsFrom: Statement
  readonly updateState: Statement
  readonly stateById: Statement
  readonly #insertGarbage: Statement
  readonly #updateData: Statement
  #nextSubjectId: number
  /** Data numbers in use, by streams, by garbage, or about to be. */
  readonly #data = new Set<number>()

  constructor(db: Db) {
    this.db = db
    const on = (sql: string): Statement => db.prepare(sql)
    this.stateById = on(
      `SELECT first, last, count, bytes, subjects, last_time, keyed, data
         FROM stream_state t JOIN stream s ON s.id = t.stream WHERE t.stream = ?`,
    )
    this.insertSubject = on('INSERT INTO subject VALUES(?, ?, ?, ?, ?)')
    this.updateSubject = on('UPDATE subject SET count = ?, last = ? WHERE id = ?')
    this.deleteSubject = on('DELETE FROM subject WHERE id = ?')
    this.subjectByName = on('SELECT id, count, last FROM subject WHERE stream = ? AND name = ?')
    this.subjectById = on('SELECT name, count, last FROM subject WHERE id = ?')
    this.subjectsFrom = on(
      'SELECT id, name, count, last FROM subject WHERE stream = ? AND name >= ? AND name < ?',
    )
    this.updateState = on(
      `UPDATE stream_state SET first = ?, last = ?, count = ?, bytes = ?, subjects = ?,
         last_time = ?, keyed = ? WHERE stream = ?`,
    )
    this.#insertGarbage = on('INSERT OR IGNORE INTO garbage VALUES(?)')
    this.#updateData = on('UPDATE stream SET data = ? WHERE id = ?')
    this.#nextSubjectId = Number(db.value('SELECT coalesce(max(id), 0) FROM subject')) + 1
    this.reload()
  }

  /** A rollback: the database says which data numbers are in use. */
  reload(): void {
    this.#data.clear()
    const used = 'SELECT data FROM stream UNION ALL SELECT data FROM garbage'
    for (const [data] of this.db.prepare(used).all()) this.#data.add(Number(data))
  }

  get nextSubjectId(): number {
    return this.#nextSubjectId
  }

  newSubjectId(): number {
    return this.#nextSubjectId++
  }

  /** The lowest number nobody has; 0 when all are in use. */
  newData(): number {
    for (let data = 1; data <= dataMax; data++) {
      if (this.#data.has(data)) continue
      this.#data.add(data)
      return data
    }
    return 0
  }

  /** What stands under a data number goes, a little at a time (sweeper.ts). */
  discard(data: number): void {
    this.#insertGarbage.run(data)
  }

  /** Nothing is left under the number. */
  release(data: number): void {
    this.#data.delete(data)
  }

  setData(stream: number, data: number): void {
    this.#updateData.run(data, stream)
  }
}
