// The messages of a stream that wait for the next group: rows in memory, by sequence without gaps.

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
  /** null: removed before it was written, or skipped. */
  #rows: (WaitingRow | null)[] = []
  /** Sequence of the first one, or of the next to come. */
  #from = 1

  get fromSeq(): number {
    return this.#from
  }

  get rows(): readonly (WaitingRow | null)[] {
    return this.#rows
  }

  push(row: WaitingRow): void {
    if (this.#rows.length === 0) this.#from = row.seq
    this.#rows.push(row)
  }

  skip(seq: number): void {
    if (this.#rows.length > 0) this.#rows.push(null)
    else this.#from = seq + 1
  }

  /** Is this where the message would be? */
  covers(seq: number): boolean {
    return this.#rows.length > 0 && seq >= this.#from
  }

  at(seq: number): WaitingRow | null {
    return this.#rows[seq - this.#from] ?? null
  }

  drop(seq: number): void {
    this.#rows[seq - this.#from] = null
  }

  /** Sequence of the first one; 0 when there is none. */
  first(): number {
    const at = this.#rows.findIndex(row => row !== null)
    return at < 0 ? 0 : this.#from + at
  }

  firstOf(subject: SubjectEntry): number {
    const at = this.#rows.findIndex(row => row !== null && row.subject === subject)
    return at < 0 ? 0 : this.#from + at
  }

  lastOf(subject: SubjectEntry): number {
    const at = this.#rows.findLastIndex(row => row !== null && row.subject === subject)
    return at < 0 ? 0 : this.#from + at
  }

  clear(nextSeq: number): void {
    this.#rows = []
    this.#from = nextSeq
  }
}
