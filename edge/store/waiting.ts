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
  /** null: removed before it was written. */
  #rows: (WaitingRow | null)[] = []
  /** Their sequences, once there is a gap; without one the first tells them all. */
  #seqs: number[] | null = null
  /** Sequence of the first one, or of the next to come. */
  #from = 1

  get fromSeq(): number {
    return this.#from
  }

  get rows(): readonly (WaitingRow | null)[] {
    return this.#rows
  }

  push(row: WaitingRow): void {
    const count = this.#rows.length
    if (count === 0) this.#from = row.seq
    else if (this.#seqs === null && row.seq !== this.#from + count) {
      this.#seqs = this.#rows.map((_, i) => this.#from + i)
    }
    this.#seqs?.push(row.seq)
    this.#rows.push(row)
  }

  /** No message up to `seq` will come. */
  skipTo(seq: number): void {
    if (this.#rows.length === 0) this.#from = seq + 1
  }

  /** Is this where the message would be? */
  covers(seq: number): boolean {
    return this.#rows.length > 0 && seq >= this.#from
  }

  at(seq: number): WaitingRow | null {
    return this.#rows[this.#indexOf(seq)] ?? null
  }

  drop(seq: number): void {
    const at = this.#indexOf(seq)
    if (at >= 0 && at < this.#rows.length) this.#rows[at] = null
  }

  /** Sequence of the first one; 0 when there is none. */
  first(): number {
    return this.#rows.find(row => row !== null)?.seq ?? 0
  }

  firstOf(subject: SubjectEntry): number {
    return this.#rows.find(row => row?.subject === subject)?.seq ?? 0
  }

  lastOf(subject: SubjectEntry): number {
    return this.#rows.findLast(row => row?.subject === subject)?.seq ?? 0
  }

  clear(nextSeq: number): void {
    this.#rows = []
    this.#seqs = null
    this.#from = nextSeq
  }

  /** -1 or beyond the end when there is none. */
  #indexOf(seq: number): number {
    const seqs = this.#seqs
    if (seqs === null) return seq - this.#from
    let low = 0
    let high = seqs.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((seqs[middle] as number) < seq) low = middle + 1
      else high = middle
    }
    return seqs[low] === seq ? low : -1
  }
}
