// Reading one stream. Sees messages from the first to the last readable one: what a power cut
// could take back stays out of sight (invariant 2), and what is removed is gone at once, although
// its row may wait for the next group.

import { Filter } from './filter.ts'
import type { Rows } from './rows.ts'
import { idOf, seqOf } from './schema.ts'
import type { StoredMessage, StreamConfig } from './shapes.ts'
import type { SubjectEntry, Subjects } from './subjects.ts'

/** What the reader needs of a stream. */
export interface Shelf {
  readonly id: number
  readonly config: StreamConfig
  readonly firstSeq: number
  readonly lastSeq: number
  readonly readableSeq: number
  /** Messages from first to last, readable or not. */
  readonly messages: number
  readonly keyed: boolean
  /** Removed, their rows not yet deleted. */
  readonly removed: ReadonlySet<number>
  readonly interned: Subjects
  readonly rows: Rows
}

const nothing = Buffer.alloc(0)
const scanRows = 256
/** Messages looked at for a list of deleted ones: about a tenth of a second of the loop. */
const deletedStepsMax = 100_000
const missesMax = 64
/** With more subjects than these a scan is cheaper than asking the index for each. */
const keyedSubjectsMax = 16

export class Reader {
  readonly #shelf: Shelf
  /** For a filter: nothing matches from one sequence up to another. Spares repeated scans. */
  readonly #misses = new Map<string, { readonly fromSeq: number; toSeq: number }>()

  constructor(shelf: Shelf) {
    this.#shelf = shelf
  }

  get(seq: number): StoredMessage | undefined {
    const { firstSeq, readableSeq, removed } = this.#shelf
    if (seq < firstSeq || seq > readableSeq || removed.has(seq)) return undefined
    return this.stored(seq)
  }

  /** Whatever stands in the database, on disk or not. */
  stored(seq: number): StoredMessage | undefined {
    const { id, rows } = this.#shelf
    const row = rows.messageById.get(idOf(id, seq))
    return row && this.#message(row)
  }

  batch(filters: readonly string[], fromSeq: number, countMax: number): StoredMessage[] {
    const filter = this.filter(filters)
    const found: StoredMessage[] = []
    let seq = fromSeq
    while (found.length < countMax) {
      const wanted = countMax - found.length
      if (filter.all) {
        const more = this.#range(seq, wanted)
        for (const message of more.messages) found.push(message)
        if (more.nextSeq > this.#shelf.readableSeq) break
        seq = more.nextSeq
        continue
      }
      const at = this.nextSeq(filter, seq)
      const message = at > 0 ? this.get(at) : undefined
      if (!message) break
      found.push(message)
      seq = at + 1
      if (wanted === 1) break
      const more = this.#matching(filter, seq, wanted - 1)
      for (const next of more.seqs) {
        const also = this.get(next)
        if (also) found.push(also)
      }
      seq = more.nextSeq
    }
    return found
  }

  /** Matches in the next rows: one read for many, where `nextSeq` would read them for each. */
  #matching(
    filter: Filter,
    fromSeq: number,
    countMax: number,
  ): { seqs: number[]; nextSeq: number } {
    const { id, readableSeq, removed, rows, interned } = this.#shelf
    const seqs: number[] = []
    const known = new Map<number, boolean>()
    let nextSeq = fromSeq
    for (const row of rows.subjectsOfIds.all(idOf(id, fromSeq), idOf(id, readableSeq), scanRows)) {
      const subject = Number(row[1])
      let matching = known.get(subject)
      if (matching === undefined) {
        matching = filter.matches(interned.byId(subject)?.name ?? '')
        known.set(subject, matching)
      }
      const seq = seqOf(Number(row[0]))
      nextSeq = seq + 1
      if (!matching || removed.has(seq)) continue
      if (seqs.push(seq) === countMax) break
    }
    return { seqs, nextSeq }
  }

  filter(filters: readonly string[]): Filter {
    const { config, interned } = this.#shelf
    // A filter as wide as the stream's subjects is none, unless something else is stored as well:
    // from a source, transformed, or from before an update.
    const filter = new Filter(filters, config.subjects)
    if (!filter.all || filters.length === 0 || filters.includes('>')) return filter
    return interned.within(config.subjects ?? []) ? filter : new Filter(filters, undefined)
  }

  /** Sequence of the first message at or after `fromSeq` that matches; 0 when there is none. */
  nextSeq(filter: Filter, fromSeq: number): number {
    const { firstSeq, readableSeq } = this.#shelf
    let from = Math.max(fromSeq, firstSeq)
    if (from > readableSeq) return 0
    if (filter.all) return this.firstFrom(from)
    const miss = this.#misses.get(filter.key)
    if (miss && from >= miss.fromSeq && from <= miss.toSeq) from = miss.toSeq + 1
    const found = from > readableSeq ? 0 : this.#find(filter, from)
    this.#remember(filter.key, from, (found === 0 ? readableSeq + 1 : found) - 1, miss)
    return found
  }

  /** The first message at or after `fromSeq`; 0 when there is none. */
  firstFrom(fromSeq: number): number {
    const { id, readableSeq, removed, rows } = this.#shelf
    for (let from = fromSeq; from <= readableSeq; from++) {
      const row = rows.idFrom.get(idOf(id, from), idOf(id, readableSeq))
      if (!row) return 0
      from = seqOf(Number(row[0]))
      if (!removed.has(from)) return from
    }
    return 0
  }

  /** Up to `countMax` sequences that are gone; `goneCount`: how many there are in all. */
  deleted(goneCount: number, countMax: number): number[] {
    const { firstSeq, readableSeq } = this.#shelf
    const gone: number[] = []
    const wanted = Math.min(goneCount, countMax)
    let steps = 0
    for (let from = firstSeq; gone.length < wanted && from <= readableSeq; from++) {
      if (++steps > deletedStepsMax) break
      const at = this.firstFrom(from) || readableSeq + 1
      for (; from < at && gone.length < wanted; from++) gone.push(from)
    }
    return gone
  }

  /** The last message on the subject at or before `uptoSeq`; 0 when there is none. */
  lastOf(subject: SubjectEntry, uptoSeq: number): number {
    const { id, firstSeq, keyed, removed, rows } = this.#shelf
    if (subject.last > 0 && subject.last <= uptoSeq) return subject.last
    const ask = keyed ? rows.idBeforeOfSubjectKeyed : rows.idBeforeOfSubject
    for (let upto = uptoSeq; upto >= firstSeq; upto--) {
      const row = ask.get(subject.id, idOf(id, firstSeq), idOf(id, upto))
      if (!row) return 0
      upto = seqOf(Number(row[0]))
      if (!removed.has(upto)) return upto
    }
    return 0
  }

  /** The first stored message on the subject at or after `fromSeq`; 0 when there is none. */
  firstOf(subject: SubjectEntry, fromSeq: number, uptoSeq: number): number {
    const { id, firstSeq, keyed, removed, rows } = this.#shelf
    const ask = keyed ? rows.idFromOfSubjectKeyed : rows.idFromOfSubject
    for (let from = Math.max(fromSeq, firstSeq); from <= uptoSeq; from++) {
      const row = ask.get(subject.id, idOf(id, from), idOf(id, uptoSeq))
      if (!row) return 0
      from = seqOf(Number(row[0]))
      if (!removed.has(from)) return from
    }
    return 0
  }

  lastPerSubject(filter: Filter, uptoSeq: number): number[] {
    const upto = Math.min(uptoSeq, this.#shelf.readableSeq)
    return this.#shelf.interned
      .matching(filter)
      .map(subject => this.lastOf(subject, upto))
      .filter(seq => seq > 0)
      .sort((a, b) => a - b)
  }

  last(filter: Filter): StoredMessage | undefined {
    const { id, firstSeq, readableSeq, rows } = this.#shelf
    if (filter.all) {
      const row = rows.idBefore.get(idOf(id, firstSeq), idOf(id, readableSeq))
      if (!row) return undefined
      const found = this.get(seqOf(Number(row[0])))
      if (found) return found
    }
    const seqs = this.lastPerSubject(filter, readableSeq)
    const seq = seqs[seqs.length - 1]
    return seq === undefined ? undefined : this.get(seq)
  }

  /** How many readable messages at or after `fromSeq` match; without reading them if it can. */
  count(filter: Filter, fromSeq: number): number {
    const { firstSeq, interned, lastSeq, messages, readableSeq } = this.#shelf
    if (readableSeq !== lastSeq || messages === 0) return this.#counted(filter, fromSeq)
    if (filter.all) {
      if (fromSeq <= firstSeq) return messages
      if (lastSeq + 1 - firstSeq === messages) return Math.max(0, lastSeq + 1 - fromSeq)
    } else if (fromSeq <= firstSeq) {
      return interned.matching(filter).reduce((sum, entry) => sum + entry.count, 0)
    }
    return this.#counted(filter, fromSeq)
  }

  #counted(filter: Filter, fromSeq: number): number {
    const { id, firstSeq, readableSeq, removed, rows, interned } = this.#shelf
    const from = Math.max(fromSeq, firstSeq)
    if (from > readableSeq) return 0
    const range = [idOf(id, from), idOf(id, readableSeq)] as const
    if (filter.all) {
      let count = Number(
        rows.db.value('SELECT count(*) FROM message WHERE id >= ? AND id <= ?', ...range),
      )
      for (const seq of removed) if (seq >= from && seq <= readableSeq) count--
      return count
    }
    const ids = interned.matching(filter).map(subject => subject.id)
    if (ids.length === 0) return 0
    const counted = rows.db.value(
      `SELECT count(*) FROM message WHERE id >= ? AND id <= ?
         AND subject IN (SELECT value FROM json_each(?))`,
      ...range,
      JSON.stringify(ids),
    )
    return Number(counted) - this.#removedOf(new Set(ids), from)
  }

  /** First sequence whose time is not before `timeUs`; when none, one after the readable. */
  seqAt(timeUs: number): number {
    const { id, firstSeq, readableSeq, rows } = this.#shelf
    let low = firstSeq
    let high = readableSeq + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const row = rows.timeFrom.get(idOf(id, middle), idOf(id, high - 1))
      if (!row) high = middle
      else if (Number(row[1]) >= timeUs) high = middle
      else low = seqOf(Number(row[0])) + 1
    }
    return low > readableSeq ? low : this.firstFrom(low) || readableSeq + 1
  }

  timeOf(seq: number): number {
    return Number(this.#shelf.rows.metaById.get(idOf(this.#shelf.id, seq))?.[1] ?? 0)
  }

  #range(fromSeq: number, countMax: number): { messages: StoredMessage[]; nextSeq: number } {
    const { id, firstSeq, readableSeq, removed, rows } = this.#shelf
    const from = Math.max(fromSeq, firstSeq)
    const messages: StoredMessage[] = []
    if (from > readableSeq) return { messages, nextSeq: readableSeq + 1 }
    const read = rows.messagesFrom.all(idOf(id, from), idOf(id, readableSeq), countMax)
    let nextSeq = readableSeq + 1
    for (const row of read) {
      const message = this.#message(row)
      if (!removed.has(message.seq)) messages.push(message)
      if (read.length === countMax) nextSeq = message.seq + 1
    }
    return { messages, nextSeq }
  }

  #find(filter: Filter, from: number): number {
    const { keyed, readableSeq, interned } = this.#shelf
    if (filter.literals) {
      const entries = interned.matching(filter)
      if (entries.every(entry => entry.last > 0 && entry.last < from)) return 0
      if (entries.length === 1 || (keyed && entries.length <= keyedSubjectsMax)) {
        let best = 0
        for (const entry of entries) {
          const seq = this.firstOf(entry, from, best > 0 ? best : readableSeq)
          if (seq > 0) best = seq
        }
        return best
      }
    }
    return this.#scan(filter, from)
  }

  #scan(filter: Filter, fromSeq: number): number {
    const { id, readableSeq, removed, rows, interned } = this.#shelf
    const known = new Map<number, boolean>()
    const end = idOf(id, readableSeq)
    let from = idOf(id, fromSeq)
    for (;;) {
      const read = rows.subjectsOfIds.all(from, end, scanRows)
      for (const row of read) {
        const subject = Number(row[1])
        let matching = known.get(subject)
        if (matching === undefined) {
          matching = filter.matches(interned.byId(subject)?.name ?? '')
          known.set(subject, matching)
        }
        const seq = seqOf(Number(row[0]))
        if (matching && !removed.has(seq)) return seq
      }
      const last = read[scanRows - 1]
      if (!last) return 0
      from = Number(last[0]) + 1
      if (known.size > 4096) known.clear()
    }
  }

  #remember(
    key: string,
    fromSeq: number,
    toSeq: number,
    miss: { readonly fromSeq: number; toSeq: number } | undefined,
  ): void {
    if (miss && fromSeq >= miss.fromSeq && fromSeq <= miss.toSeq + 1) {
      miss.toSeq = Math.max(miss.toSeq, toSeq)
      return
    }
    if (toSeq < fromSeq) return
    if (this.#misses.size >= missesMax) this.#misses.clear()
    this.#misses.set(key, { fromSeq, toSeq })
  }

  #removedOf(subjectIds: ReadonlySet<number>, from: number): number {
    const { id, readableSeq, removed, rows } = this.#shelf
    let count = 0
    for (const seq of removed) {
      if (seq < from || seq > readableSeq) continue
      const row = rows.metaById.get(idOf(id, seq))
      if (row && subjectIds.has(Number(row[0]))) count++
    }
    return count
  }

  #message(row: readonly unknown[]): StoredMessage {
    return {
      seq: seqOf(Number(row[0])),
      subject: this.#shelf.interned.byId(Number(row[1]))?.name ?? '',
      timeUs: Number(row[2]),
      headers: (row[3] as Buffer | null) ?? nothing,
      payload: (row[4] as Buffer | null) ?? nothing,
    }
  }
}
