// The blocks of one database: read through a bounded cache, written, and changed in place.
//
// The cache holds what was read last; what was written is read back for the first who asks. After
// a rollback nothing in it can be trusted: `forget`.

import {
  backAt,
  Block,
  bytesOf,
  endAt,
  headNumbers,
  numbersOf,
  shapeAt,
  shapeProblem,
} from './block.ts'
import type { Db, Statement, Value } from './db.ts'
import { compacted, Drafts } from './draft.ts'
import { damaged } from './damage.ts'
import { dataOf, idOf, seqOf, seqsMax } from './ids.ts'

/** Of all blocks kept in memory; the one that was asked for last may be longer. */
export const cachedBytesMax = 4 * 1024 * 1024
const scannedRows = 32

/** A block without its messages: what a search looks at. */
export interface Outline {
  readonly id: number
  readonly firstSeq: number
  readonly lastSeq: number
  readonly live: number
  readonly subjects: Uint32Array
}

export class Blocks {
  /** For what waits to be written. */
  readonly drafts = new Drafts()
  readonly #db: Db
  /** The head of a single message, while it is written. */
  readonly #head = new Uint32Array(headNumbers)
  readonly #headBytes = bytesOf(this.#head)
  /** The least recently used first: a Map keeps the order of insertion. */
  readonly #cached = new Map<number, Block>()
  #cachedBytes = 0
  #latest: Block | null = null
  readonly #place: Statement
  readonly #byId: Statement
  readonly #headById: Statement
  readonly #after: Statement
  readonly #outlines: Statement
  readonly #outlinesBack: Statement
  readonly #insert: Statement
  readonly #update: Statement
  readonly #delete: Statement
  readonly #deleteAlone: Statement
  readonly #deleteBelow: Statement
  readonly #keyedFrom: Statement
  readonly #keyedBefore: Statement

  constructor(db: Db) {
    this.#db = db
    const on = (sql: string): Statement => db.prepare(sql)
    const columns = 'id, last, live, time, subject, subjects, heads, bodies'
    const outline = 'SELECT id, last, live, subject, subjects FROM block WHERE id >= ? AND id <= ?'
    this.#byId = on(`SELECT ${columns} FROM block WHERE id = ?`)
    this.#headById = on(
      'SELECT id, last, live, time, subject, subjects, heads FROM block WHERE id = ?',
    )
    this.#after = on(`SELECT ${columns} FROM block WHERE id > ? AND id < ? ORDER BY id LIMIT 1`)
    this.#outlines = on(`${outline} ORDER BY id LIMIT ${scannedRows}`)
    this.#outlinesBack = on(`${outline} ORDER BY id DESC LIMIT ${scannedRows}`)
    this.#place = on(
      'SELECT id, time, last FROM block WHERE id <= ? AND id >= ? ORDER BY id DESC LIMIT 1',
    )
    this.#insert = on('INSERT INTO block VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)')
    this.#update = on('UPDATE block SET live = ?, heads = ?, bodies = ? WHERE id = ?')
    this.#delete = on('DELETE FROM block WHERE id = ?')
    this.#deleteAlone = on('DELETE FROM block WHERE id = ? AND last = ?')
    this.#deleteBelow = on('DELETE FROM block WHERE id >= ? AND id < ? AND last < ?')
    // `keyed = 1`, "INDEXED BY": the planner must not guess.
    const keyed = `SELECT id FROM block INDEXED BY block_keyed
      WHERE keyed = 1 AND subject = ? AND id >= ? AND id <= ?`
    this.#keyedFrom = on(`${keyed} ORDER BY id LIMIT 1`)
    this.#keyedBefore = on(`${keyed} ORDER BY id DESC LIMIT 1`)
  }

  /** The block that holds the sequence, if any does. */
  holding(data: number, seq: number): Block | undefined {
    const block = this.atOrBefore(data, seq)
    return block && block.lastSeq >= seq ? block : undefined
  }

  /** The last block that begins at or before the sequence. */
  atOrBefore(data: number, seq: number): Block | undefined {
    const low = idOf(data, 0)
    const latest = this.#latest
    if (latest && latest.id >= low && latest.id <= low + seq && latest.lastSeq >= seq) return latest
    const id = this.#place.get(low + seq, low)?.[0]
    if (id === undefined) return undefined
    const cached = this.#cached.get(Number(id))
    if (cached) return this.#used(cached)
    const row = this.#byId.get(Number(id))
    return row && this.#read(row)
  }

  /** As `holding`; a block of one message comes without its body, which may be long. */
  shape(data: number, seq: number): Block | undefined {
    const low = idOf(data, 0)
    const place = this.#cached.has(low + seq) ? undefined : this.#place.get(low + seq, low)
    const isAlone = place !== undefined && place[0] === low + seq && Number(place[2]) === seq
    if (!isAlone || this.#cached.has(low + seq)) return this.holding(data, seq)
    const row = this.#headById.get(low + seq)
    return row && blockOf([...row, null], this.#db)
  }

  /** The block that begins with the sequence. */
  at(data: number, seq: number): Block | undefined {
    const id = idOf(data, seq)
    const cached = this.#cached.get(id)
    if (cached) return this.#used(cached)
    const row = this.#byId.get(id)
    return row && this.#read(row)
  }

  /** The first block that begins after the sequence. */
  after(data: number, seq: number): Block | undefined {
    const row = this.#after.get(idOf(data, seq), idOf(data + 1, 0))
    return row && this.#read(row)
  }

  /** The block that holds the sequence, or the first one behind it. */
  from(data: number, seq: number): Block | undefined {
    return this.holding(data, seq) ?? this.after(data, seq - 1)
  }

  /** The next ones from the sequence's own on, in their order; none when there are none. */
  outlines(data: number, fromSeq: number, uptoSeq: number): Outline[] {
    const before = this.#place.get(idOf(data, fromSeq), idOf(data, 0))
    const from = before ? Number(before[0]) : idOf(data, fromSeq)
    const rows = this.#outlines.all(from, idOf(data, uptoSeq))
    return rows.map(row => outlineOf(row, this.#db)).filter(one => one.lastSeq >= fromSeq)
  }

  /** Those before, the nearest first. */
  outlinesBack(data: number, uptoSeq: number, fromSeq: number): Outline[] {
    const before = this.#place.get(idOf(data, fromSeq), idOf(data, 0))
    const from = before ? Number(before[0]) : idOf(data, fromSeq)
    const rows = this.#outlinesBack.all(from, idOf(data, uptoSeq))
    return rows.map(row => outlineOf(row, this.#db)).filter(one => one.lastSeq >= fromSeq)
  }

  /** First sequence and time of the last block that begins at or before; undefined: none does. */
  startBefore(data: number, seq: number): { readonly seq: number; timeUs: number } | undefined {
    const row = this.#place.get(idOf(data, seq), idOf(data, 0))
    return row && { seq: seqOf(Number(row[0])), timeUs: Number(row[1]) }
  }

  /** First block of one message on the subject in a range, by the index; 0: there is none. */
  keyedFrom(data: number, subject: number, fromSeq: number, uptoSeq: number): number {
    const row = this.#keyedFrom.get(subject, idOf(data, fromSeq), idOf(data, uptoSeq))
    return row ? seqOf(Number(row[0])) : 0
  }

  keyedBefore(data: number, subject: number, uptoSeq: number, fromSeq: number): number {
    const row = this.#keyedBefore.get(subject, idOf(data, fromSeq), idOf(data, uptoSeq))
    return row ? seqOf(Number(row[0])) : 0
  }

  /**
   * `keyed`: in the index of subjects. A block of one message names its subject by itself. Nothing
   * is kept of it: its bytes are the writer's.
   */
  insert(block: Block, keyed: boolean): void {
    const alone = block.count === 1
    this.#insert.run(
      block.id,
      block.lastSeq,
      block.live,
      block.timeUs,
      keyed ? 1 : null,
      alone ? block.subject(0) : null,
      alone ? null : bytesOf(block.subjects),
      bytesOf(block.heads),
      block.bodies,
    )
  }

  /** One message of a block as a block of its own. */
  insertSingly(block: Block, i: number, keyed: boolean): void {
    const seq = block.seq(i)
    const [start, end] = [block.start(i), block.end(i)]
    this.#head[shapeAt] = block.headerBytes(i) * 65536
    this.#head[endAt] = end - start
    this.#head[backAt] = block.heads[i * headNumbers + backAt] as number
    this.#insert.run(
      block.id - block.firstSeq + seq,
      seq,
      1,
      block.time(i),
      keyed ? 1 : null,
      block.subject(i),
      null,
      this.#headBytes,
      block.bodies.subarray(start, end),
    )
  }

  /**
   * Takes messages out, `seqs` ascending; those to `erase` are overwritten too. `mayBeAlone`: most
   * have a block of their own, which goes without being read.
   */
  remove(
    data: number,
    seqs: readonly number[],
    erase: ReadonlySet<number>,
    mayBeAlone: boolean,
  ): void {
    for (let from = 0; from < seqs.length; ) {
      const seq = seqs[from] as number
      const id = idOf(data, seq)
      if (mayBeAlone && !erase.has(seq) && this.#deleteAlone.run(id, seq).changes > 0) {
        this.#drop(id)
        from++
        continue
      }
      const block = this.holding(data, seq)
      let to = from + 1
      while (block && to < seqs.length && (seqs[to] as number) <= block.lastSeq) to++
      if (block) this.takeOut(block, seqs.slice(from, to), erase)
      from = to
    }
  }

  /** Marks messages as gone; a block with nothing left goes. */
  takeOut(block: Block, seqs: readonly number[], erase: ReadonlySet<number>): void {
    let isErased = false
    let bodies = block.bodies
    for (const seq of seqs) {
      const i = block.indexOf(seq)
      if (i < 0) continue
      block.markGone(i)
      if (!erase.has(seq)) continue
      if (!isErased) bodies = Buffer.from(bodies)
      isErased = true
      bodies.fill(0, block.start(i), block.end(i))
    }
    block.bodies = bodies
    // Zeros first: what is deleted as it stands stays readable on the disk.
    if (isErased || block.live > 0) {
      this.#update.run(block.live, bytesOf(block.heads), bodies, block.id)
    }
    if (block.live === 0) this.delete(block)
    else if (block.liveBodyBytes() * 2 < bodies.length) this.#compact(block)
  }

  delete(block: Block): void {
    this.#delete.run(block.id)
    this.#drop(block.id)
  }

  /** Deletes blocks that end before the sequence. */
  deleteBelow(data: number, fromSeq: number, seq: number): void {
    const before = this.startBefore(data, fromSeq)?.seq ?? fromSeq
    this.#deleteBelow.run(idOf(data, before), idOf(data, seq), seq)
    for (const block of this.#cached.values()) {
      if (block.id >= idOf(data, 0) && block.id < idOf(data, seq) && block.lastSeq < seq) {
        this.#drop(block.id)
      }
    }
  }

  /** Puts the messages of a block into blocks of their own, in the index of subjects. */
  split(block: Block, fromSeq: number): void {
    this.delete(block)
    for (let i = 0; i < block.count; i++) {
      if (!block.isGone(i) && block.seq(i) >= fromSeq) this.insertSingly(block, i, true)
    }
  }

  /** Nobody reads under this data number any more; another stream may come to have it. */
  leave(data: number): void {
    for (const { id } of this.#cached.values()) if (dataOf(id) === data) this.#drop(id)
  }

  /** A rollback: what is cached may never have been written. */
  forget(): void {
    this.#cached.clear()
    this.#cachedBytes = 0
    this.#latest = null
  }

  #compact(block: Block): void {
    this.delete(block)
    this.insert(compacted(block), false)
  }

  #read(row: readonly Value[]): Block {
    const id = Number(row[0])
    const cached = this.#cached.get(id)
    if (cached) return this.#used(cached)
    const block = blockOf(row, this.#db)
    this.#keep(block)
    return block
  }

  #used(block: Block): Block {
    if (this.#latest === block) return block
    this.#latest = block
    this.#cached.delete(block.id)
    this.#cached.set(block.id, block)
    return block
  }

  #keep(block: Block): void {
    this.#drop(block.id)
    this.#cached.set(block.id, block)
    this.#cachedBytes += block.bytes
    this.#latest = block
    for (const oldest of this.#cached.values()) {
      if (this.#cachedBytes <= cachedBytesMax || oldest === block) break
      this.#drop(oldest.id)
    }
  }

  #drop(id: number): void {
    const block = this.#cached.get(id)
    if (!block) return
    this.#cached.delete(id)
    this.#cachedBytes -= block.bytes
    if (this.#latest === block) this.#latest = null
  }
}

const nothing = Buffer.alloc(0)

/**
 * `id, last, live, time, subject, subjects, heads, bodies`; without the bodies for a look at its
 * heads alone. Throws for what is damaged.
 */
export function blockOf(row: readonly Value[], db: Db): Block {
  const block = decodeBlock(row)
  if (typeof block === 'string') throw broken(db, seqOf(Number(row[0])), block)
  return block
}

/** The same, or what of it cannot be right. */
export function decodeBlock(row: readonly Value[]): Block | string {
  const [id = 0, last, live, time, subject, subjects, heads, bodies] = row
  const numbers = Buffer.isBuffer(heads) ? numbersOf(heads) : null
  const known = subjectsOf(subject, subjects)
  if (numbers === null || known === null) return 'its blobs'
  if (numbers.length !== known.length * headNumbers) return 'its counts'
  const block = new Block({
    id: Number(id),
    firstSeq: seqOf(Number(id)),
    lastSeq: Number(last) % seqsMax,
    live: Number(live),
    timeUs: Number(time),
    subjects: known,
    heads: numbers,
    bodies: Buffer.isBuffer(bodies) ? bodies : nothing,
  })
  return (bodies === null ? null : shapeProblem(block)) ?? block
}

function outlineOf(row: readonly Value[], db: Db): Outline {
  const [id = 0, last, live, subject, subjects] = row
  const firstSeq = seqOf(Number(id))
  const numbers = subjectsOf(subject, subjects)
  if (numbers === null) throw broken(db, firstSeq, 'subjects')
  return { id: Number(id), firstSeq, lastSeq: Number(last), live: Number(live), subjects: numbers }
}

function subjectsOf(subject: Value | undefined, subjects: Value | undefined): Uint32Array | null {
  if (Buffer.isBuffer(subjects)) return numbersOf(subjects)
  return typeof subject === 'number' ? Uint32Array.of(subject) : null
}

function broken(db: Db, seq: number, what: string): Error {
  return damaged(db, `block at ${seq}: ${what} cannot be right`)
}
