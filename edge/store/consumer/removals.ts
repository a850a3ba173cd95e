// Messages of a work-queue or interest stream that nobody needs any more, taken out of it.
//
// A group that is rolled back brings them back into the stream, while the consumers have long
// forgotten them: nobody would ever remove them again. So they are remembered until their group
// is in the database, and removed once more when the store can write again.

import type { Clock, Timer } from '../../../src/base/clock.ts'
import type { Participant } from '../commit.ts'
import type { Stream } from '../shapes.ts'

/** The commit group, as far as it is needed. */
export interface RemovalCommit {
  readonly sick: Error | null
  touch(participant: Participant, bytes: number): void
}

export interface RemovalParts {
  readonly stream: Stream
  readonly commit: RemovalCommit
  readonly clock: Clock
  /** Somebody may want it by now: a consumer made since. */
  readonly isNeeded: (seq: number) => boolean
}

/** Later than this, a message is removed by the stream's limits only (invariant 3). */
export const owedMax = 100_000
/** Removed again in one go. */
const againMax = 1024
const retryMs = 250

export class Removals implements Participant {
  readonly #parts: RemovalParts
  /** Removed in this group, which is still open. */
  #open: number[] = []
  /** Removed in the group that was flushed last. */
  #flushed: number[] = []
  /** To be removed again. */
  readonly #owed = new Set<number>()
  #timer: Timer | null = null
  #isClosed = false

  constructor(parts: RemovalParts) {
    this.#parts = parts
  }

  /** True when an acknowledgement that removes a message cannot be taken just now. */
  get isSick(): boolean {
    const { stream, commit } = this.#parts
    return stream.config.storage === 'file' && commit.sick !== null
  }

  remove(seq: number): void {
    const { stream, commit } = this.#parts
    if (!stream.remove(seq)) {
      if (this.isSick) this.#owe(seq)
      return
    }
    // A memory stream's groups are its own and do not fail.
    if (stream.config.storage !== 'file') return
    if (this.#open.push(seq) === 1) commit.touch(this, 0)
  }

  /** Removes again what is owed, if it can be: before an ack of such a message is answered. */
  again(): void {
    if (this.#owed.size === 0 || this.isSick) return
    for (const seq of this.#take(againMax)) this.remove(seq)
  }

  /** The server stops, after what can be done was done; or the stream goes. Idempotent. */
  close(isDeleted: boolean): void {
    if (!isDeleted && !this.isSick) for (const seq of this.#take(owedMax)) this.remove(seq)
    this.#isClosed = true
    this.#timer?.cancel()
    this.#timer = null
  }

  // ---- Participant

  flush(): void {
    this.#flushed = this.#open
    this.#open = []
  }

  synced(): void {
    this.#flushed = []
  }

  undone(): void {
    for (const seq of this.#flushed) this.#owe(seq)
    for (const seq of this.#open) this.#owe(seq)
    this.#flushed = []
    this.#open = []
  }

  // ---- inside

  #owe(seq: number): void {
    if (this.#isClosed || this.#owed.size >= owedMax) return
    this.#owed.add(seq)
    this.#timer ??= this.#parts.clock.after(retryMs, () => this.#retry())
  }

  #retry(): void {
    this.#timer = null
    this.again()
    if (this.#owed.size === 0) return
    this.#timer ??= this.#parts.clock.after(retryMs, () => this.#retry())
  }

  #take(countMax: number): number[] {
    const taken: number[] = []
    for (const seq of this.#owed) {
      if (taken.length >= countMax) break
      this.#owed.delete(seq)
      if (!this.#parts.isNeeded(seq)) taken.push(seq)
    }
    return taken
  }
}
