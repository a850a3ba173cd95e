// The prepared statements of the store's hot tables, one set a connection.
//
// They are named after what they ask; ids are stream * 2^40 + seq (schema.ts).

import type { Db, Statement } from './db.ts'
import { seqOf, seqsMax } from './schema.ts'

const message = 'id, subject, time, headers, payload'

export class Rows {
  readonly db: Db
  #nextSubjectId: number
  readonly insertMessage: Statement
  readonly deleteMessage: Statement
  readonly deleteRange: Statement
  readonly messageById: Statement
  /** First message in a range. */
  readonly messageFrom: Statement
  readonly messagesFrom: Statement
  readonly metaById: Statement
  readonly idFrom: Statement
  readonly idBefore: Statement
  readonly timeFrom: Statement
  readonly subjectsOfIds: Statement
  readonly idFromOfSubject: Statement
  readonly idFromOfSubjectKeyed: Statement
  readonly idBeforeOfSubject: Statement
  readonly idBeforeOfSubjectKeyed: Statement
  readonly insertSubject: Statement
  readonly updateSubject: Statement
  readonly deleteSubject: Statement
  readonly subjectByName: Statement
  readonly subjectById: Statement
  readonly subjectsFrom: Statement
  readonly updateState: Statement
  readonly stateById: Statement

  constructor(db: Db) {
    this.db = db
    const on = (sql: string): Statement => db.prepare(sql)
    const range = 'FROM message WHERE id >= ? AND id <= ?'
    this.insertMessage = on('INSERT INTO message VALUES(?, ?, ?, ?, ?, ?)')
    this.deleteMessage = on('DELETE FROM message WHERE id = ?')
    this.deleteRange = on(`DELETE ${range}`)
    this.messageById = on(`SELECT ${message} FROM message WHERE id = ?`)
    this.messageFrom = on(`SELECT ${message} ${range} ORDER BY id LIMIT 1`)
    this.messagesFrom = on(`SELECT ${message} ${range} ORDER BY id LIMIT ?`)
    this.metaById = on(
      'SELECT subject, time, length(headers), length(payload) FROM message WHERE id = ?',
    )
    this.stateById = on(
      'SELECT first, last, count, bytes, subjects, last_time, keyed FROM stream_state WHERE stream = ?',
    )
    this.idFrom = on(`SELECT id ${range} ORDER BY id LIMIT 1`)
    this.idBefore = on(`SELECT id ${range} ORDER BY id DESC LIMIT 1`)
    this.timeFrom = on(`SELECT id, time ${range} ORDER BY id LIMIT 1`)
    this.subjectsOfIds = on(`SELECT id, subject ${range} ORDER BY id LIMIT ?`)
    // "+id", "NOT INDEXED": the planner must not guess; `keyed` decides which one is asked.
    const ofSubject = 'SELECT id FROM message NOT INDEXED WHERE subject = ? AND id >= ? AND id <= ?'
    const keyed = `SELECT id FROM message INDEXED BY message_keyed
         WHERE keyed = 1 AND subject = ? AND id >= ? AND id <= ?`
    this.idFromOfSubject = on(`${ofSubject} ORDER BY id LIMIT 1`)
    this.idFromOfSubjectKeyed = on(`${keyed} ORDER BY id LIMIT 1`)
    this.idBeforeOfSubject = on(`${ofSubject} ORDER BY id DESC LIMIT 1`)
    this.idBeforeOfSubjectKeyed = on(`${keyed} ORDER BY id DESC LIMIT 1`)
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
    this.#nextSubjectId = Number(db.value('SELECT coalesce(max(id), 0) FROM subject')) + 1
  }

  /** id, subject, time, bytes of headers and of payload of a stream's messages after one. */
  *messagesAfter(id: number): Generator<[number, number, number, number, number]> {
    const read = this.db.prepare(
      `SELECT id, subject, time, length(headers), length(payload) FROM message
         WHERE id > ? AND id < ? ORDER BY id LIMIT 512`,
    )
    const end = id - seqOf(id) + seqsMax
    for (let after = id; ; ) {
      const found = read.all(after, end)
      for (const row of found) {
        const numbers = row.map(Number) as [number, number, number, number, number]
        after = numbers[0]
        yield numbers
      }
      if (found.length < 512) return
    }
  }

  newSubjectId(): number {
    return this.#nextSubjectId++
  }
}
