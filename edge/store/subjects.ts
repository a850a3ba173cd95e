// The subjects of one stream: interned to numbers, each with its count and its last sequence.
//
// All of them stand in the `subject` table; a bounded number is cached. What changed is written
// once a group. Invariants S3 and S4 of schema.ts are kept here.

import { matches } from '../../src/subject/subject.ts'
import { Filter, literalPrefix } from './filter.ts'
import type { Rows } from './rows.ts'
import type { SubjectCount } from './shapes.ts'

export interface SubjectEntry {
  readonly id: number
  readonly name: string
  readonly nameBytes: number
  count: number
  /** Highest sequence on this subject; 0: unknown, look. */
  last: number
  /** No sequence on this subject is below; a hint for finding the oldest one. */
  firstHint: number
  /** Bytes of the message at `firstHint`, which is then the oldest one for certain; 0: unknown. */
  firstBytes: number
  /** Bytes of the last one; 0: unknown. */
  lastBytes: number
  /** The table has no row of it yet. */
  fresh: boolean
  dirty: boolean
}

const cachedMax = 4096

export class Subjects {
  readonly #rows: Rows
  readonly #stream: number
  readonly #byName = new Map<string, SubjectEntry>()
  readonly #byId = new Map<number, SubjectEntry>()
  /** What `within` was asked last, and its answer. */
  #patterns: readonly string[] | null = null
  #isWithin = false
  #dirty: SubjectEntry[] = []
  #fresh: SubjectEntry[] = []

  constructor(rows: Rows, stream: number) {
    this.#rows = rows
    this.#stream = stream
  }

  /** No subject has a number as high as this. */
  get nextId(): number {
    return this.#rows.nextSubjectId
  }

  /** The entry of a subject that has messages. */
  find(name: string): SubjectEntry | undefined {
    const cached = this.#byName.get(name)
    if (cached) return cached.count > 0 ? cached : undefined
    const row = this.#rows.subjectByName.get(this.#stream, name)
    if (!row) return undefined
    return this.#keep(Number(row[0]), name, Number(row[1]), Number(row[2]), false)
  }

  findOrMake(name: string): SubjectEntry {
    const cached = this.#byName.get(name)
    if (cached) return cached
    return this.find(name) ?? this.#keep(this.#rows.newSubjectId(), name, 0, 0, true)
  }

  byId(id: number): SubjectEntry | undefined {
    const cached = this.#byId.get(id)
    if (cached) return cached
    const row = this.#rows.subjectById.get(id)
    if (!row) return undefined
    return this.#keep(id, String(row[0]), Number(row[1]), Number(row[2]), false)
  }

  changed(entry: SubjectEntry): void {
    if (entry.dirty) return
    entry.dirty = true
    // A full cache may have dropped it since it was found: a second one would count on its own.
    this.#byName.set(entry.name, entry)
    this.#byId.set(entry.id, entry)
    this.#dirty.push(entry)
    if (entry.fresh) this.#fresh.push(entry)
  }

  /**
   * Writes the subjects that are new, without a count: it follows with the stream's state, and a
   * start that finds messages after that state counts them.
   */
  flushFresh(): void {
    for (const entry of this.#fresh) {
      if (!entry.fresh) continue
      this.#rows.insertSubject.run(entry.id, this.#stream, entry.name, 0, 0)
      entry.fresh = false
    }
    this.#fresh = []
  }

  flush(): void {
    this.#fresh = []
    for (const entry of this.#dirty) {
      entry.dirty = false
      if (entry.count === 0) {
        this.#byName.delete(entry.name)
        this.#byId.delete(entry.id)
        if (!entry.fresh) this.#rows.deleteSubject.run(entry.id)
      } else if (entry.fresh) {
        this.#rows.insertSubject.run(entry.id, this.#stream, entry.name, entry.count, entry.last)
        entry.fresh = false
      } else {
        this.#rows.updateSubject.run(entry.count, entry.last, entry.id)
      }
    }
    this.#dirty = []
    this.#shrink()
  }

  /** Forgets everything: the table is right (after a rollback, after a purge of all). */
  forget(): void {
    this.#byName.clear()
    this.#byId.clear()
    this.#dirty = []
    this.#fresh = []
  }

  /** One page of those that match, with their counts. */
  page(filter: Filter, offset: number, limit: number): readonly SubjectCount[] {
    const found = this.matching(filter).slice(offset, offset + limit)
    return found.map(entry => [entry.name, entry.count] as const)
  }

  /** All entries that match, by name. Costs a row a subject: for rare questions. */
  matching(filter: Filter): SubjectEntry[] {
    if (!filter.all && filter.literals) {
      const found = filter.literals
        .map(name => this.find(name))
        .filter(entry => entry !== undefined)
      return found.sort(byName)
    }
    const found = new Map<number, SubjectEntry>()
    for (const pattern of filter.all ? ['>'] : filter.patterns) {
      const prefix = literalPrefix(pattern)
      const rows = this.#rows.subjectsFrom.all(this.#stream, prefix, `${prefix}\u{10ffff}`)
      for (const row of rows) {
        const name = String(row[1])
        const id = Number(row[0])
        if (!filter.matches(name) || found.has(id)) continue
        const cached = this.#byId.get(id)
        if (cached?.count === 0) continue
        found.set(id, cached ?? entryOf(id, name, Number(row[2]), Number(row[3]), false))
      }
    }
    for (const entry of this.#dirty) {
      if (entry.fresh && entry.count > 0 && filter.matches(entry.name)) found.set(entry.id, entry)
    }
    return [...found.values()].sort(byName)
  }

  /** Does every subject match one of the patterns? Looked up once, then kept up to date. */
  within(patterns: readonly string[]): boolean {
    if (this.#patterns !== patterns) {
      const all = this.matching(new Filter([], undefined))
      this.#patterns = patterns
      this.#isWithin = all.every(entry => matchesAny(patterns, entry.name))
    }
    return this.#isWithin
  }

  #keep(id: number, name: string, count: number, last: number, fresh: boolean): SubjectEntry {
    const entry = entryOf(id, name, count, last, fresh)
    if (fresh && this.#isWithin && this.#patterns && !matchesAny(this.#patterns, name)) {
      this.#isWithin = false
    }
    this.#byName.set(name, entry)
    this.#byId.set(id, entry)
    if (this.#byName.size > 2 * cachedMax) this.#shrink()
    return entry
  }

  /** Drops the entries that came first; one that is dirty stays until it is written. */
  #shrink(): void {
    if (this.#byName.size <= cachedMax) return
    let excess = this.#byName.size - cachedMax / 2
    for (const entry of this.#byName.values()) {
      if (excess-- <= 0) break
      if (entry.dirty) continue
      this.#byName.delete(entry.name)
      this.#byId.delete(entry.id)
    }
  }
}

function entryOf(
  id: number,
  name: string,
  count: number,
  last: number,
  fresh: boolean,
): SubjectEntry {
  const nameBytes = Buffer.byteLength(name)
  const hints = { firstHint: 0, firstBytes: 0, lastBytes: 0 }
  return { id, name, nameBytes, count, last, ...hints, fresh, dirty: false }
}

function matchesAny(patterns: readonly string[], subject: string): boolean {
  return patterns.some(pattern => matches(pattern, subject))
}

/** By code point, as SQLite's own order and nats-server's: not by locale. */
function byName(a: SubjectEntry, b: SubjectEntry): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}
