// The invariants of schema.ts as queries. Empty answer: all hold. Reads everything: for tests and
// for an operator's check, not for a running server.

import type { Db } from './db.ts'
import { sizeOf } from './retention.ts'
import { idOf, seqsMax } from './schema.ts'
import type { StreamConfig } from './shapes.ts'

/** Queries that answer with the rows that break an invariant. */
const rules: readonly (readonly [string, string])[] = [
  [
    'S1: message without a stream',
    `SELECT m.id FROM message m LEFT JOIN stream s ON s.id = m.id / ${seqsMax} WHERE s.id IS NULL`,
  ],
  [
    'S3: message without its subject',
    `SELECT m.id FROM message m LEFT JOIN subject j ON j.id = m.subject
       WHERE j.id IS NULL OR j.stream <> m.id / ${seqsMax}`,
  ],
  [
    'S4: count of a subject',
    `WITH tally AS MATERIALIZED (SELECT subject, count(*) AS count FROM message GROUP BY subject)
       SELECT j.id, j.count, t.count FROM subject j LEFT JOIN tally t ON t.subject = j.id
       WHERE j.count = 0 OR j.count IS NOT t.count`,
  ],
  [
    'S4: last sequence of a subject',
    `WITH tally AS MATERIALIZED
       (SELECT subject, max(id) % ${seqsMax} AS last FROM message GROUP BY subject)
       SELECT j.id, j.last, t.last FROM subject j JOIN tally t ON t.subject = j.id
       WHERE j.last <> 0 AND j.last <> t.last`,
  ],
  [
    'S5: time goes down',
    `SELECT id FROM (SELECT id, time, lag(time) OVER (ORDER BY id) AS before,
       lag(id) OVER (ORDER BY id) AS previous FROM message)
       WHERE id / ${seqsMax} = previous / ${seqsMax} AND time < before`,
  ],
  [
    'S6: keyed',
    `SELECT m.id FROM message m JOIN stream_state t ON t.stream = m.id / ${seqsMax}
       WHERE m.keyed <> t.keyed`,
  ],
  [
    'S7: state without a stream',
    `SELECT stream FROM stream_state WHERE stream NOT IN (SELECT id FROM stream)`,
  ],
  [
    'T1: time of a message without a stream',
    `SELECT stream, seq FROM timed WHERE stream NOT IN (SELECT id FROM stream)`,
  ],
  [
    'S8: position of a source without a stream',
    `SELECT stream FROM source_position WHERE stream NOT IN (SELECT id FROM stream)
       UNION SELECT stream FROM source_identity WHERE stream NOT IN (SELECT id FROM stream)`,
  ],
]

const shownMax = 3

/** What is wrong, a sentence each. Everything written must be in the database: settle first. */
export function verify(db: Db): string[] {
  const wrong: string[] = []
  const check = String(db.value('PRAGMA integrity_check(5)'))
  if (check !== 'ok') wrong.push(`integrity: ${check}`)
  for (const [name, sql] of rules) {
    const rows = db.prepare(sql).all()
    if (rows.length === 0) continue
    const shown = rows.slice(0, shownMax).map(row => row.join('/'))
    wrong.push(`${name}: ${rows.length} rows, ${shown.join(', ')}`)
  }
  for (const row of db.prepare('SELECT id, name, config FROM stream').all()) {
    const config = JSON.parse(String(row[2])) as StreamConfig
    const problem = stateProblem(db, Number(row[0]), config)
    if (problem) wrong.push(`S2: stream ${String(row[1])}: ${problem}`)
  }
  return wrong
}

function stateProblem(db: Db, id: number, config: StreamConfig): string | undefined {
  const state = db.prepare(
    'SELECT first, last, count, bytes, subjects, last_time FROM stream_state WHERE stream = ?',
  )
  const row = state.get(id)
  if (!row) return 'no state'
  const [first = 0, last = 0, count = 0, bytes = 0, subjects = 0, lastTime = 0] = row.map(Number)
  const seen = { count: 0, bytes: 0, first: 0, last: 0, time: 0 }
  const messages = db.prepare(
    `SELECT m.id, m.time, length(CAST(j.name AS BLOB)), length(m.headers), length(m.payload)
       FROM message m JOIN subject j ON j.id = m.subject
       WHERE m.id >= ? AND m.id < ? ORDER BY m.id`,
  )
  for (const message of messages.all(idOf(id, 0), idOf(id + 1, 0))) {
    const [key = 0, time = 0, name = 0, headers = 0, payload = 0] = message.map(Number)
    seen.count++
    seen.bytes += sizeOf(config.storage, name, headers, payload)
    seen.last = key % seqsMax
    seen.first ||= seen.last
    seen.time = time
  }
  if (seen.count !== count) return `${seen.count} messages, state says ${count}`
  if (seen.bytes !== bytes) return `${seen.bytes} bytes, state says ${bytes}`
  if (count === 0 && first !== last + 1) return `empty from ${first} to ${last}`
  if (count > 0 && seen.first !== first) return `first is ${seen.first}, state says ${first}`
  if (seen.last > last) return `last is ${seen.last}, state says ${last}`
  if (seen.time > lastTime) return `last message is later than the state`
  const names = Number(db.value('SELECT count(*) FROM subject WHERE stream = ?', id))
  return names === subjects ? undefined : `${names} subjects, state says ${subjects}`
}
