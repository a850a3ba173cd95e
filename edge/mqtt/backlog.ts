// The QoS 1 messages of one session that the client has not acknowledged yet, sent or not. A
// clean session's are in memory, a kept one's with the keeper; both hold at most `messagesMax`
// messages and `bytesMax` bytes, and drop the oldest past that (invariant 3): the newest reading
// is worth more than the oldest, and a client that stays away must not stop its publishers.

import type { KeptMessage, Keeper } from './keeper.ts'

export interface BacklogLimits {
  readonly messagesMax: number
  readonly bytesMax: number
}

/** Where a backlog puts its messages. */
interface Shelf {
  append(topic: string, payload: Buffer, retain: boolean): number
  read(afterSeq: number, countMax: number): readonly KeptMessage[]
  remove(seq: number): void
}

export class Backlog {
  messages: number
  bytes: number
  /** Dropped because the session was full. */
  dropped = 0
  lastSeq: number
  /** Everything up to here was acknowledged or dropped. */
  #droppedSeq = 0
  readonly #shelf: Shelf
  readonly #limits: BacklogLimits

  private constructor(
    shelf: Shelf,
    limits: BacklogLimits,
    has: { messages: number; bytes: number; lastSeq: number },
  ) {
    this.#shelf = shelf
    this.#limits = limits
    this.messages = has.messages
    this.bytes = has.bytes
    this.lastSeq = has.lastSeq
  }

  static inMemory(limits: BacklogLimits): Backlog {
    return new Backlog(new MemoryShelf(), limits, { messages: 0, bytes: 0, lastSeq: 0 })
  }

  static kept(
    keeper: Keeper,
    id: number,
    limits: BacklogLimits,
    has = { messages: 0, bytes: 0, lastSeq: 0 },
  ): Backlog {
    const shelf: Shelf = {
      append: (topic, payload, retain) => keeper.append(id, topic, payload, retain),
      read: (afterSeq, countMax) => keeper.read(id, afterSeq, countMax),
      remove: seq => keeper.remove(id, seq),
    }
    return new Backlog(shelf, limits, has)
  }

  /** Adds a copy; returns its sequence, 0 when it cannot be kept. Drops old ones for room. */
  append(topic: string, payload: Buffer, retain: boolean): number {
    const bytes = topic.length + payload.length
    const { messagesMax, bytesMax } = this.#limits
    while (
      this.messages > 0 &&
      (this.messages >= messagesMax || this.bytes + bytes > bytesMax) &&
      this.#dropOldest()
    );
    const seq = this.#shelf.append(topic, payload, retain)
    if (seq === 0) return 0
    this.lastSeq = seq
    this.messages++
    this.bytes += bytes
    return seq
  }

  get(seq: number): KeptMessage | undefined {
    const [message] = this.#shelf.read(seq - 1, 1)
    return message?.seq === seq ? message : undefined
  }

  /** Up to `countMax` messages after `afterSeq`, in order. */
  read(afterSeq: number, countMax: number): readonly KeptMessage[] {
    return this.#shelf.read(afterSeq, countMax)
  }

  /** `bytes` as `sizeOf` has it for the message. A message that was dropped is gone already. */
  remove(seq: number, bytes: number): void {
    if (seq <= this.#droppedSeq) return
    this.#shelf.remove(seq)
    this.messages--
    this.bytes -= bytes
  }

  #dropOldest(): boolean {
    const [oldest] = this.#shelf.read(0, 1)
    if (oldest === undefined) return false
    this.remove(oldest.seq, sizeOf(oldest))
    this.#droppedSeq = oldest.seq
    this.dropped++
    return true
  }
}

export function sizeOf(message: KeptMessage): number {
  return message.topic.length + message.payload.length
}

/** Sequences are consecutive, so a Map and a count do for a queue with holes. */
class MemoryShelf implements Shelf {
  readonly #messages = new Map<number, KeptMessage>()
  #firstSeq = 1
  #lastSeq = 0

  append(topic: string, payload: Buffer, retain: boolean): number {
    const seq = ++this.#lastSeq
    this.#messages.set(seq, { seq, topic, payload: Buffer.from(payload), retain })
    return seq
  }

  read(afterSeq: number, countMax: number): readonly KeptMessage[] {
    const found: KeptMessage[] = []
    for (let seq = Math.max(afterSeq + 1, this.#firstSeq); seq <= this.#lastSeq; seq++) {
      const message = this.#messages.get(seq)
      if (message !== undefined) found.push(message)
      if (found.length === countMax) break
    }
    return found
  }

  remove(seq: number): void {
    this.#messages.delete(seq)
    while (this.#firstSeq <= this.#lastSeq && !this.#messages.has(this.#firstSeq)) this.#firstSeq++
  }
}
