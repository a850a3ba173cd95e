// MQTT sessions and retained messages on the shared store: same connection, same commit group, so
// a publish that a stream captures and a kept session queues costs one fsync.
//
// The room of MQTT describes what it needs (its keeper); this class has the same shape, and
// neither knows the other. Invariants:
//
//   M1  A filter, a received packet identifier and a queued message belong to a session.
//   M2  A queued message's id is session * 2^36 + seq; sequences ascend as messages came.
//   M3  An account has one session of a client id, and one retained message of a topic.
//
// Rows gather in memory and are written once a group. What came and went within one group, a
// message acknowledged at once, is never written: an online session costs an SD card little. Every
// write can be made twice, so a group that was rolled back is simply written with the next one:
// nothing that was accepted is forgotten. While the store is sick no message is accepted.

import type { Commit, Participant } from './commit.ts'
import type { Db } from './db.ts'
import { seqsMax, sessionsMax } from './session-schema.ts'

export interface StoredFilter {
  readonly filter: string
  readonly qos: 0 | 1
}

export interface StoredSession {
  readonly id: number
  readonly account: string
  readonly clientId: string
  readonly filters: readonly StoredFilter[]
  readonly received: readonly number[]
  readonly messages: number
  readonly bytes: number
  readonly lastSeq: number
}

export interface QueuedMessage {
  readonly seq: number
  readonly topic: string
  readonly payload: Buffer
  readonly retain: boolean
}

export interface StoredRetained {
  readonly account: string
  readonly topic: string
  readonly qos: 0 | 1 | 2
  readonly payload: Buffer
}

const idOf = (session: number, seq: number): number => session * seqsMax + seq
const bytesOf = (message: QueuedMessage): number => message.topic.length + message.payload.length
/** What a row adds to the commit's queue besides its bytes, roughly. */
const rowBytes = 64

/** What a session's queue has that the database does not, and the other way round. */
interface Overlay {
  lastSeq: number
  /** Rows in the database, those in `removed` included. */
  stored: number
  readonly added: Map<number, QueuedMessage>
  readonly removed: Set<number>
}

/** What one flush wrote, until it is on disk. */
interface Batch {
  readonly writes: readonly (() => void)[]
  readonly added: readonly (readonly [number, QueuedMessage])[]
  readonly removed: readonly (readonly [number, number])[]
}

/** The commit group, as far as it is needed. */
export type SessionCommit = Pick<Commit, 'touch' | 'onDisk' | 'sick' | 'full'>

export class SessionStore implements Participant {
  readonly #db: Db
  readonly #commit: SessionCommit
  readonly #overlays = new Map<number, Overlay>()
  readonly #dirty = new Set<number>()
  /** Writes other than of messages, in order. */
  #writes: (() => void)[] = []
  #batch: Batch | null = null
  /** Flushes whose group is not on disk yet. */
  #unsynced = 0
  #nextId = 1

  constructor(db: Db, commit: SessionCommit) {
    this.#db = db
    this.#commit = commit
  }

  sessions(): readonly StoredSession[] {
    const queues = new Map<number, { messages: number; bytes: number; lastSeq: number }>()
    const query = `SELECT id / ${seqsMax}, count(*), sum(bytes), max(id) % ${seqsMax}
      FROM mqtt_queue GROUP BY 1`
    for (const [id, messages, bytes, lastSeq] of this.#db.prepare(query).all()) {
      const queue = { messages: Number(messages), bytes: Number(bytes), lastSeq: Number(lastSeq) }
      queues.set(Number(id), queue)
    }
    const rows = this.#db.prepare('SELECT id, account, client FROM mqtt_session').all()
    return rows.map(([key, account, client]) => {
      const id = Number(key)
      const queue = queues.get(id) ?? { messages: 0, bytes: 0, lastSeq: 0 }
      this.#overlays.set(id, newOverlay(queue.messages, queue.lastSeq))
      return {
        id,
        account: String(account),
        clientId: String(client),
        filters: this.#filters(id),
        received: this.#received(id),
        ...queue,
      }
    })
  }

  retained(): readonly StoredRetained[] {
    const rows = this.#db.prepare('SELECT account, topic, qos, payload FROM mqtt_retained').all()
    return rows.map(([account, topic, qos, payload]) => ({
      account: String(account),
      topic: String(topic),
      qos: qosOf(Number(qos)),
      payload: payload as Buffer,
    }))
  }

  createSession(account: string, clientId: string): number {
    const id = this.#freeId()
    this.#overlays.set(id, newOverlay(0, 0))
    this.#write('INSERT OR REPLACE INTO mqtt_session VALUES(?, ?, ?)', id, account, clientId)
    return id
  }

  deleteSession(id: number): void {
    this.#overlays.delete(id)
    this.#dirty.delete(id)
    const ends = [idOf(id, 0), idOf(id + 1, 0)] as const
    this.#write('DELETE FROM mqtt_queue WHERE id >= ? AND id < ?', ...ends)
    this.#write('DELETE FROM mqtt_received WHERE session = ?', id)
    this.#write('DELETE FROM mqtt_filter WHERE session = ?', id)
    this.#write('DELETE FROM mqtt_session WHERE id = ?', id)
  }

  subscribe(id: number, filter: string, qos: 0 | 1): void {
    this.#write('INSERT OR REPLACE INTO mqtt_filter VALUES(?, ?, ?)', id, filter, qos)
  }

  unsubscribe(id: number, filter: string): void {
    this.#write('DELETE FROM mqtt_filter WHERE session = ? AND filter = ?', id, filter)
  }

  receive(id: number, packetId: number): void {
    this.#write('INSERT OR REPLACE INTO mqtt_received VALUES(?, ?)', id, packetId)
  }

  release(id: number, packetId: number): void {
    this.#write('DELETE FROM mqtt_received WHERE session = ? AND packet = ?', id, packetId)
  }

  retain({ account, topic, qos, payload }: StoredRetained): void {
    if (payload.length === 0) {
      this.#write('DELETE FROM mqtt_retained WHERE account = ? AND topic = ?', account, topic)
      return
    }
    const copy = Buffer.from(payload)
    const insert = 'INSERT OR REPLACE INTO mqtt_retained VALUES(?, ?, ?, ?)'
    this.#write(insert, account, topic, qos, copy)
  }

  /** Returns the sequence; 0 when the store cannot take it (sick, or too much waits). */
  append(id: number, topic: string, payload: Buffer, retain: boolean): number {
    const overlay = this.#overlays.get(id)
    if (!overlay || this.#commit.sick || this.#commit.full) return 0
    const seq = ++overlay.lastSeq
    const message = { seq, topic, payload: Buffer.from(payload), retain }
    overlay.added.set(seq, message)
    this.#touch(id, bytesOf(message) + rowBytes)
    return seq
  }

  remove(id: number, seq: number): void {
    const overlay = this.#overlays.get(id)
    if (!overlay || overlay.added.delete(seq)) return
    overlay.removed.add(seq)
    this.#touch(id, rowBytes)
  }

  read(id: number, afterSeq: number, countMax: number): readonly QueuedMessage[] {
    const overlay = this.#overlays.get(id)
    if (!overlay) return []
    const found: QueuedMessage[] = []
    if (overlay.stored > overlay.removed.size)
      this.#readRows(overlay, id, afterSeq, countMax, found)
    for (const [seq, message] of overlay.added) {
      if (found.length >= countMax) break
      if (seq > afterSeq) found.push(message)
    }
    return found
  }

  onDisk(done: (error?: Error) => void): void {
    this.#commit.onDisk(done)
  }

  // ---- Participant ----

  /** What throws midway leaves everything gathered as it was, but for the counts of rows. */
  flush(): void {
    for (const write of this.#writes) write()
    const flushed: Overlay[] = []
    const added: [number, QueuedMessage][] = []
    const removed: [number, number][] = []
    const insert = this.#db.prepare('INSERT OR REPLACE INTO mqtt_queue VALUES(?, ?, ?, ?, ?)')
    const remove = this.#db.prepare('DELETE FROM mqtt_queue WHERE id = ?')
    for (const id of this.#dirty) {
      const overlay = this.#overlays.get(id)
      if (!overlay) continue
      for (const seq of overlay.removed) {
        overlay.stored -= remove.run(idOf(id, seq)).changes
        removed.push([id, seq])
      }
      for (const [seq, message] of overlay.added) {
        const { topic, payload, retain } = message
        insert.run(idOf(id, seq), bytesOf(message), retain ? 1 : 0, topic, payload)
        added.push([id, message])
      }
      overlay.stored += overlay.added.size
      flushed.push(overlay)
    }
    for (const overlay of flushed) {
      overlay.removed.clear()
      overlay.added.clear()
    }
    this.#batch = { writes: this.#writes, added, removed }
    this.#unsynced++
    this.#writes = []
    this.#dirty.clear()
  }

  synced(): void {
    this.#unsynced = Math.max(0, this.#unsynced - 1)
    if (this.#unsynced === 0) this.#batch = null
  }

  /** The last flush may be gone: it is written again with the next group. */
  undone(): void {
    const batch = this.#batch
    this.#batch = null
    // Nothing came since that flush: it is the one rolled back, and nobody will call it synced.
    const isFlushed = this.#writes.length === 0 && this.#dirty.size === 0
    if (isFlushed) this.#unsynced = Math.max(0, this.#unsynced - 1)
    if (batch) this.#restore(batch)
    for (const id of this.#dirty) this.#recount(id)
  }

  // ---- inside ----

  #restore(batch: Batch): void {
    this.#writes = [...batch.writes, ...this.#writes]
    for (const [id, seq] of batch.removed) {
      const overlay = this.#overlays.get(id)
      if (!overlay) continue
      overlay.removed.add(seq)
      this.#dirty.add(id)
    }
    for (const [id, message] of batch.added) this.#addAgain(id, message)
  }

  /** Back into the overlay, before what came later; not if it was acknowledged meanwhile. */
  #addAgain(id: number, message: QueuedMessage): void {
    const overlay = this.#overlays.get(id)
    if (!overlay) return
    this.#dirty.add(id)
    if (overlay.removed.has(message.seq)) return
    const later = [...overlay.added]
    overlay.added.set(message.seq, message)
    for (const [seq, other] of later) {
      if (seq < message.seq) continue
      overlay.added.delete(seq)
      overlay.added.set(seq, other)
    }
  }

  /** What the database really holds of a session, after a rollback. */
  #recount(id: number): void {
    const overlay = this.#overlays.get(id)
    if (!overlay) return
    const count = 'SELECT count(*) FROM mqtt_queue WHERE id >= ? AND id < ?'
    overlay.stored = Number(this.#db.value(count, idOf(id, 0), idOf(id + 1, 0)))
    // Committed after all, only its fsync failed: what is in both places counts once.
    const row = this.#db.prepare('SELECT 1 FROM mqtt_queue WHERE id = ?')
    for (const seq of overlay.added.keys()) {
      if (row.get(idOf(id, seq)) !== undefined) overlay.added.delete(seq)
    }
    for (const seq of overlay.removed) {
      if (row.get(idOf(id, seq)) === undefined) overlay.removed.delete(seq)
    }
  }

  #readRows(
    overlay: Overlay,
    id: number,
    afterSeq: number,
    countMax: number,
    found: QueuedMessage[],
  ): void {
    const select = this.#db.prepare(`SELECT id, retain, topic, payload FROM mqtt_queue
      WHERE id > ? AND id < ? ORDER BY id LIMIT ?`)
    let from = idOf(id, afterSeq)
    for (;;) {
      const rows = select.all(from, idOf(id + 1, 0), countMax)
      for (const [key, retain, topic, payload] of rows) {
        const seq = Number(key) % seqsMax
        if (overlay.removed.has(seq)) continue
        const message = {
          seq,
          topic: String(topic),
          payload: payload as Buffer,
          retain: retain === 1,
        }
        found.push(message)
        if (found.length === countMax) return
      }
      if (rows.length < countMax) return
      from = Number(rows.at(-1)?.[0])
    }
  }

  #filters(id: number): StoredFilter[] {
    const rows = this.#db.prepare('SELECT filter, qos FROM mqtt_filter WHERE session = ?').all(id)
    return rows.map(([filter, qos]) => ({ filter: String(filter), qos: qos === 0 ? 0 : 1 }))
  }

  #received(id: number): number[] {
    const rows = this.#db.prepare('SELECT packet FROM mqtt_received WHERE session = ?').all(id)
    return rows.map(([packet]) => Number(packet))
  }

  #write(sql: string, ...values: (string | number | Buffer)[]): void {
    this.#writes.push(() => this.#db.prepare(sql).run(...values))
    this.#commit.touch(this, rowBytes)
  }

  #touch(id: number, bytes: number): void {
    this.#dirty.add(id)
    this.#commit.touch(this, bytes)
  }

  #freeId(): number {
    while (this.#overlays.has(this.#nextId)) this.#nextId = (this.#nextId % sessionsMax) + 1
    return this.#nextId
  }
}

/** Broken invariants of these tables, for verify; empty when all is well. */
export function sessionProblems(db: Db): string[] {
  const problems: string[] = []
  const count = (from: string) => Number(db.value(`SELECT count(*) FROM ${from}`))
  const without = 'NOT IN (SELECT id FROM mqtt_session)'
  for (const table of ['mqtt_filter', 'mqtt_received']) {
    if (count(`${table} WHERE session ${without}`) > 0) problems.push(`M1: ${table} has no session`)
  }
  if (count(`mqtt_queue WHERE id / ${seqsMax} ${without}`) > 0) {
    problems.push('M1: mqtt_queue has no session')
  }
  return problems
}

function newOverlay(stored: number, lastSeq: number): Overlay {
  return { stored, lastSeq, added: new Map(), removed: new Set() }
}

function qosOf(value: number): 0 | 1 | 2 {
  return value === 0 ? 0 : value === 1 ? 1 : 2
}
