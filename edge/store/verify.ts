// The invariants of schema.ts as a check. Empty answer: all hold. Reads everything: for tests and
// for an operator's check, not for a running server.

import type { Block } from './block.ts'
import { decodeBlock } from './blocks.ts'
import type { Db } from './db.ts'
import { sizeOf } from './retention.ts'
import { idOf, seqsMax } from './ids.ts'
import type { StreamConfig } from './shapes.ts'

/** Queries that answer with the rows that break an invariant. */
const rules: readonly (readonly [string, string])[] = [
  [
    'S1: block of nobody',
    `SELECT id FROM block WHERE id / ${seqsMax} NOT IN
       (SELECT data FROM stream UNION ALL SELECT data FROM garbage)`,
  ],
  [
    'S1: blocks overlap',
    `SELECT id FROM (SELECT id, lag(last) OVER (ORDER BY id) AS before,
       lag(id) OVER (ORDER BY id) AS previous FROM block)
       WHERE id / ${seqsMax} = previous / ${seqsMax} AND id % ${seqsMax} <= before`,
  ],
  [
    'S3: subject of nobody',
    `SELECT id FROM subject WHERE stream NOT IN
       (SELECT data FROM stream UNION ALL SELECT data FROM garbage)`,
  ],
  [
    'S6: not in the index of subjects',
    `SELECT b.id FROM stream s JOIN stream_state t ON t.stream = s.id
       JOIN block b ON b.id >= s.data * ${seqsMax} AND b.id < (s.data + 1) * ${seqsMax}
       WHERE t.keyed = 1 AND (b.keyed IS NOT 1 OR b.subject IS NULL OR b.last <> b.id % ${seqsMax})`,
  ],
  [
    'S7: state without a stream',
    'SELECT stream FROM stream_state WHERE stream NOT IN (SELECT id FROM stream)',
  ],
  [
    'S7: a data number used twice',
    'SELECT data FROM garbage WHERE data IN (SELECT data FROM stream)',
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
  for (const row of db.prepare('SELECT id, data, name, config FROM stream').all()) {
    const config = JSON.parse(String(row[3])) as StreamConfig
    const seen = new Seen(db, Number(row[1]), config)
    const problems = [...seen.problems(Number(row[0]))].slice(0, shownMax)
    wrong.push(...problems.map(problem => `${problem} in stream ${String(row[2])}`))
  }
  return wrong
}

interface Tally {
  readonly name: string
  readonly count: number
  readonly last: number
  seen: number
  seenLast: number
}

/** What the blocks of one stream hold, read from the first to the last. */
class Seen {
  readonly #db: Db
  readonly #data: number
  readonly #config: StreamConfig
  readonly #subjects = new Map<number, Tally>()
  #count = 0
  #bytes = 0
  #first = 0
  #last = 0
  #timeUs = 0

  constructor(db: Db, data: number, config: StreamConfig) {
    this.#db = db
    this.#data = data
    this.#config = config
  }

  *problems(stream: number): Generator<string> {
    const row = this.#db
      .prepare(
        'SELECT first, last, count, bytes, subjects, last_time FROM stream_state WHERE stream = ?',
      )
      .get(stream)
    if (!row) return yield 'S2: no state'
    const [first = 0, last = 0, count = 0, bytes = 0, subjects = 0, lastTime = 0] = row.map(Number)
    const named = this.#db.prepare('SELECT id, name, count, last FROM subject WHERE stream = ?')
    for (const [id, name, inAll, lastSeq] of named.all(this.#data)) {
      const tally = { count: Number(inAll), last: Number(lastSeq), seen: 0, seenLast: 0 }
      this.#subjects.set(Number(id), { name: String(name), ...tally })
    }
    for (const block of this.#blocks()) {
      if (typeof block === 'string') yield `S1: ${block} of a block cannot be right`
      else yield* this.#read(block, first)
    }
    if (this.#count !== count) yield `S2: ${this.#count} messages, the state says ${count}`
    if (this.#bytes !== bytes) yield `S2: ${this.#bytes} bytes, the state says ${bytes}`
    if (count === 0 && first !== last + 1) yield `S2: empty from ${first} to ${last}`
    if (count > 0 && this.#first !== first) yield `S2: first is ${this.#first}, not ${first}`
    if (this.#last > last) yield `S2: last is ${this.#last}, the state says ${last}`
    if (this.#timeUs > lastTime) yield 'S2: the last message is later than the state'
    if (this.#subjects.size !== subjects)
      yield `S2: ${this.#subjects.size} subjects, not ${subjects}`
    for (const [id, tally] of this.#subjects) {
      if (tally.count !== tally.seen || tally.seen === 0) {
        yield `S4: ${tally.seen} messages of subject ${id}, which says ${tally.count}`
      }
      if (tally.last !== 0 && tally.last !== tally.seenLast) {
        yield `S4: last of subject ${id} is ${tally.seenLast}, not ${tally.last}`
      }
    }
  }

  *#blocks(): Generator<Block | string> {
    const read = this.#db.prepare(
      `SELECT id, last, live, time, subject, subjects, heads, bodies FROM block
         WHERE id > ? AND id < ? ORDER BY id LIMIT 64`,
    )
    for (let after = idOf(this.#data, 0); ; ) {
      const rows = read.all(after, idOf(this.#data + 1, 0))
      for (const row of rows) {
        yield decodeBlock(row)
        after = Number(row[0])
      }
      if (rows.length < 64) return
    }
  }

  *#read(block: Block, first: number): Generator<string> {
    for (let i = 0; i < block.count; i++) {
      const seq = block.seq(i)
      if (block.isGone(i) || seq < first) continue
      const tally = this.#subjects.get(block.subject(i))
      if (!tally) {
        yield `S3: ${seq} has no subject`
        continue
      }
      const previous = block.previous(i)
      if (previous >= 0 && tally.seenLast > previous) {
        yield `S9: ${seq} names ${previous}, but ${tally.seenLast} stands between`
      }
      const [headers, payload] = [block.headerBytes(i), block.payloadBytes(i)]
      tally.seen++
      tally.seenLast = seq
      this.#count++
      this.#bytes += sizeOf(this.#config.storage, Buffer.byteLength(tally.name), headers, payload)
      this.#first ||= seq
      this.#last = seq
      const timeUs = block.time(i)
      if (timeUs < this.#timeUs && !this.#config.mirror) yield `S5: time goes down at ${seq}`
      this.#timeUs = timeUs
    }
  }
}
