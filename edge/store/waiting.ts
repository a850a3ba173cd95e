// The messages of a stream that wait for the next group: rows in memory, by sequence; a mirror's may have gaps.

import type { SubjectEntry } from './subjects.ts'

export interface WaitingRow {
  readonly seq: number
  readonly subject: SubjectEntry
  readonly timeUs: number
  readonly headers: Buffer | null
  readonly payload: Buffer | null
  readonly headerBytes: number
  readonly payloadBytes: number
}

export class Waiting {
  /** In the order of their sequences. */
  readonly #rows = new Map<number, WaitingRow>()
  /** Sequence of the first one, or of the next to come. */
  #from = 1

  get fromSeq(): number {
    return this.#from
  }

  get rows(): Iterable<WaitingRow> {
    return this.#rows.values()
  }

  push(row: WaitingRow): void {
    if (this.#rows.size === 0) this.#from = row.seq
    this.#rows.set(row.seq, row)
  }

  /** No message up to `seq` will come. */
  skipTo(seq: number): void {
    if (this.#rows.size === 0) this.#from = seq + 1
  }

  /** Is this where the message would be? */
  covers(seq: number): boolean {
    return this.#rows.size > 0 && seq >= this.#from
  }

  at(seq: number): WaitingRow | null {
    return this.#rows.get(seq) ?? null
  }

  drop(seq: number): void {
    this.#rows.delete(seq)
  }

  /** Sequence of the first one; 0 when there is none. */
  first(): number {
    for (const seq of this.#rows.keys()) return seq
    return 0
  }

  firstOf(subject: SubjectEntry): number {
    for (const row of this.#rows.values()) if (row.subject === subject) return row.seq
    return 0
  }

  lastOf(subject: SubjectEntry): number {
    let last = 0
    for (const row of this.#rows.values()) if (row.subject === subject) last = row.seq
    return last
  }

  clear(nextSeq: number): void {
    this.#rows.clear()
    this.#from = nextSeq
  }
}
