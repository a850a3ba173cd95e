// Makes what was salvaged one whole again: blocks that cannot be read and messages without a
// subject go, states and subjects say what is left (schema.ts: S1 to S9).

import type { Block } from './block.ts'
import { Blocks, decodeBlock } from './blocks.ts'
import type { Db } from './db.ts'
import { sizeOf } from './retention.ts'
import { idOf, seqsMax } from './ids.ts'

const pageRows = 16
const noneErased: ReadonlySet<number> = new Set()

/** Returns how many messages there are. */
export function mend(db: Db): number {
  db.exec(`
    DELETE FROM stream WHERE NOT json_valid(config) OR typeof(name) <> 'text'
      OR typeof(account) <> 'text' OR json_type(config) <> 'object';
    DELETE FROM garbage;
    DELETE FROM block WHERE id / ${seqsMax} NOT IN (SELECT data FROM stream);
    DELETE FROM subject WHERE stream NOT IN (SELECT data FROM stream);
    DELETE FROM stream_state WHERE stream NOT IN (SELECT id FROM stream);`)
  let count = 0
  for (const row of db.prepare('SELECT id, data FROM stream').all()) {
    count += mendStream(db, Number(row[0]), Number(row[1]))
  }
  return count
}

/** Says what SQLite's own check does not see. */
export function hasStrays(db: Db): string | undefined {
  for (const [data] of db.prepare('SELECT data FROM stream').all()) {
    const known = subjectsOf(db, Number(data))
    let end = 0
    for (const block of readable(db, Number(data))) {
      if (typeof block === 'number') return 'a block cannot be read'
      if (block.firstSeq <= end) return 'blocks overlap'
      end = block.lastSeq
      for (const id of block.subjects) if (!known.has(id)) return 'a message has no subject'
    }
  }
  return undefined
}

interface Subject {
  readonly nameBytes: number
  count: number
  last: number
}

function mendStream(db: Db, stream: number, data: number): number {
  const blocks = new Blocks(db)
  const subjects = subjectsOf(db, data)
  const old = db
    .prepare('SELECT first, last, last_time, keyed FROM stream_state WHERE stream = ?')
    .get(stream)
  const [oldFirst = 0, oldLast = 0, oldTime = 0, keyed = 0] = (old ?? []).map(Number)
  const sum = { count: 0, bytes: 0, first: 0, last: oldLast, timeUs: oldTime }
  let end = 0
  for (const block of readable(db, data)) {
    if (typeof block === 'number' || block.firstSeq <= end) {
      db.prepare('DELETE FROM block WHERE id = ?').run(typeof block === 'number' ? block : block.id)
      continue
    }
    end = block.lastSeq
    const strays: number[] = []
    for (let i = 0; i < block.count; i++) {
      const seq = block.seq(i)
      const subject = subjects.get(block.subject(i))
      if (block.isGone(i) || seq < oldFirst) continue
      if (!subject) {
        strays.push(seq)
        continue
      }
      subject.count++
      subject.last = seq
      sum.count++
      sum.bytes += sizeOf('file', subject.nameBytes, block.headerBytes(i), block.payloadBytes(i))
      sum.first ||= seq
      sum.last = Math.max(sum.last, seq)
      sum.timeUs = Math.max(sum.timeUs, block.time(i))
    }
    if (strays.length > 0) blocks.takeOut(block, strays, noneErased)
  }
  saveSubjects(db, subjects)
  const left = [...subjects.values()].filter(({ count }) => count > 0).length
  const first = sum.count === 0 ? sum.last + 1 : sum.first
  db.prepare('INSERT OR REPLACE INTO stream_state VALUES(?, ?, ?, ?, ?, ?, ?, ?)').run(
    ...[stream, first, sum.last, sum.count, sum.bytes, left, sum.timeUs, keyed],
  )
  return sum.count
}

function saveSubjects(db: Db, subjects: ReadonlyMap<number, Subject>): void {
  const update = db.prepare('UPDATE subject SET count = ?, last = ? WHERE id = ?')
  const remove = db.prepare('DELETE FROM subject WHERE id = ?')
  for (const [id, { count, last }] of subjects) {
    if (count === 0) remove.run(id)
    else update.run(count, last, id)
  }
}

function subjectsOf(db: Db, data: number): Map<number, Subject> {
  const rows = db
    .prepare('SELECT id, length(CAST(name AS BLOB)) FROM subject WHERE stream = ?')
    .all(data)
  return new Map(
    rows.map(([id, bytes]) => [Number(id), { nameBytes: Number(bytes), count: 0, last: 0 }]),
  )
}

/** Each block, or the id of one that cannot be read. */
function* readable(db: Db, data: number): Generator<Block | number> {
  const read = db.prepare(
    `SELECT id, last, live, time, subject, subjects, heads, bodies FROM block
       WHERE id >= ? AND id < ? ORDER BY id LIMIT ${pageRows}`,
  )
  for (let from = idOf(data, 0); ; ) {
    const rows = read.all(from, idOf(data + 1, 0))
    for (const row of rows) {
      from = Number(row[0]) + 1
      const block = decodeBlock(row)
      yield typeof block === 'string' ? from - 1 : block
    }
    if (rows.length < pageRows) return
  }
}
