// What this side of a leaf connection has told the other side it is interested in: one count a
// subject, or a subject and queue, and LS+ and LS- when it begins, changes its weight or ends.
//
// A hub's whole list may be larger than what an outbox may hold: it goes out piece by piece, as
// fast as the other side takes it.

import type { Subscription } from '../../message.ts'

interface Entry {
  readonly subject: string
  readonly queue: string
  /** Subscriptions; for a queue, the members behind them, which is the weight told. */
  count: number
  /** The other side has been told. */
  isTold: boolean
}

/** Where the lines go. */
export interface InterestLines {
  /** Without its CRLF. */
  send(line: string): void
  /** So much waits there that the rest of a list has to wait too. */
  readonly isFull: boolean
}

export class LeafInterest {
  readonly #lines: InterestLines
  #entries = new Map<string, Entry>()
  /** Where telling the whole list goes on; null when it is told. */
  #untold: Iterator<Entry> | null = null

  constructor(lines: InterestLines) {
    this.#lines = lines
  }

  /** Subjects and queues the other side knows of. */
  get size(): number {
    return this.#entries.size
  }

  add(subject: string, queue: string, weight: number): void {
    const known = this.#entries.get(keyOf(subject, queue))
    if (known) {
      known.count += weight
      if (queue !== '' && known.isTold) this.#lines.send(plusLine(known))
      return
    }
    const entry = { subject, queue, count: weight, isTold: this.#untold === null }
    this.#entries.set(keyOf(subject, queue), entry)
    if (entry.isTold) this.#lines.send(plusLine(entry))
  }

  /** What was never added (it was not permitted then) is not removed. */
  remove(subject: string, queue: string, weight: number): void {
    const key = keyOf(subject, queue)
    const entry = this.#entries.get(key)
    if (!entry) return
    entry.count -= weight
    if (entry.count > 0) {
      if (queue !== '' && entry.isTold) this.#lines.send(plusLine(entry))
      return
    }
    this.#entries.delete(key)
    if (entry.isTold) this.#lines.send(minusLine(entry))
  }

  /** Makes the whole list this one, telling only what differs. */
  replace(subscriptions: Iterable<Subscription>, subjects: Iterable<string>): void {
    const before = this.#entries
    const after = new Map<string, Entry>()
    for (const { subject, queue, weight } of subscriptions) count(after, subject, queue, weight)
    for (const subject of subjects) count(after, subject, '', 1)
    this.#entries = after
    for (const [key, entry] of before) {
      const now = after.get(key)
      if (!now) {
        if (entry.isTold) this.#lines.send(minusLine(entry))
      } else if (entry.queue === '' || entry.count === now.count) now.isTold = entry.isTold
    }
    this.#untold = after.values()
    this.resume()
  }

  /** Goes on telling, until all is told or the way is full. */
  resume(): void {
    while (this.#untold !== null && !this.#lines.isFull) {
      const next = this.#untold.next()
      if (next.done) {
        this.#untold = null
      } else if (!next.value.isTold) {
        next.value.isTold = true
        this.#lines.send(plusLine(next.value))
      }
    }
  }
}

function count(entries: Map<string, Entry>, subject: string, queue: string, weight: number): void {
  const key = keyOf(subject, queue)
  const known = entries.get(key)
  if (known) known.count += weight
  else entries.set(key, { subject, queue, count: weight, isTold: false })
}

/** As it stands on the wire; no subject holds a blank. */
function keyOf(subject: string, queue: string): string {
  return queue === '' ? subject : `${subject} ${queue}`
}

function plusLine({ subject, queue, count }: Entry): string {
  return queue === '' ? `LS+ ${subject}` : `LS+ ${subject} ${queue} ${count}`
}

function minusLine({ subject, queue }: Entry): string {
  return `LS- ${keyOf(subject, queue)}`
}
