// What this side of a leaf connection has told the other side it is interested in: one count a
// subject, or a subject and queue, and LS+ and LS- when it begins, changes its weight or ends.

import type { Subscription } from '../../message.ts'

interface Entry {
  readonly subject: string
  readonly queue: string
  /** Subscriptions; for a queue, the members behind them, which is the weight told. */
  count: number
}

export class LeafInterest {
  readonly #send: (line: string) => void
  #entries = new Map<string, Entry>()

  constructor(send: (line: string) => void) {
    this.#send = send
  }

  /** Subjects and queues the other side knows of. */
  get size(): number {
    return this.#entries.size
  }

  add(subject: string, queue: string, weight: number): void {
    const known = this.#entries.get(keyOf(subject, queue))
    if (known) known.count += weight
    else this.#entries.set(keyOf(subject, queue), { subject, queue, count: weight })
    const entry = known ?? { subject, queue, count: weight }
    if (!known || queue !== '') this.#send(plusLine(entry))
  }

  /** What was never added (it was not permitted then) is not removed. */
  remove(subject: string, queue: string, weight: number): void {
    const key = keyOf(subject, queue)
    const entry = this.#entries.get(key)
    if (!entry) return
    entry.count -= weight
    if (entry.count > 0) {
      if (queue !== '') this.#send(plusLine(entry))
      return
    }
    this.#entries.delete(key)
    this.#send(minusLine(entry))
  }

  /** Makes the whole list this one, telling only what differs. */
  replace(subscriptions: Iterable<Subscription>, subjects: Iterable<string>): void {
    const before = this.#entries
    const after = new Map<string, Entry>()
    for (const { subject, queue, weight } of subscriptions) count(after, subject, queue, weight)
    for (const subject of subjects) count(after, subject, '', 1)
    this.#entries = after
    for (const [key, entry] of before) if (!after.has(key)) this.#send(minusLine(entry))
    for (const [key, entry] of after) {
      const known = before.get(key)
      if (!known || (entry.queue !== '' && known.count !== entry.count)) this.#send(plusLine(entry))
    }
  }
}

function count(entries: Map<string, Entry>, subject: string, queue: string, weight: number): void {
  const key = keyOf(subject, queue)
  const known = entries.get(key)
  if (known) known.count += weight
  else entries.set(key, { subject, queue, count: weight })
}

/** As it stands on the wire; no subject holds a blank. */
function keyOf(subject: string, queue: string): string {
  return queue === '' ? subject : `${subject} ${queue}`
}

function plusLine({ subject, queue, count }: Entry): string {
  return queue === '' ? `LS+ ${subject}\r\n` : `LS+ ${subject} ${queue} ${count}\r\n`
}

function minusLine({ subject, queue }: Entry): string {
  return `LS- ${keyOf(subject, queue)}\r\n`
}
