// How long the WAL has become: says when a checkpoint is due, and keeps room ahead of the frames.

import type { Db } from './db.ts'

/** A group of this size is small: eight of them do not fill a WAL of the usual bound. */
const smallGroupBytes = 64 * 1024
const unmeasuredGroupsMax = 8

export class WalGauge {
  readonly #db: Db
  readonly #bytesMax: number
  #bytes = 0
  #dueBytes: number
  #unmeasuredGroups = 0

  constructor(db: Db, bytesMax: number) {
    this.#db = db
    this.#bytesMax = bytesMax
    this.#dueBytes = bytesMax
  }

  /** The WAL has passed its bound: copy it into the database. */
  get isDue(): boolean {
    return this.#bytes > this.#dueBytes
  }

  /** A group was committed. Looks now and then only: a small one adds a few pages. */
  added(groupBytes: number): void {
    this.#unmeasuredGroups++
    const few = this.#unmeasuredGroups * smallGroupBytes < this.#bytesMax / 8
    const isSmall = few && groupBytes < smallGroupBytes
    if (isSmall && this.#unmeasuredGroups < unmeasuredGroupsMax) return
    this.#unmeasuredGroups = 0
    this.#bytes = this.#db.walBytes()
    this.#db.growWal(this.#bytesMax)
  }

  /** A checkpoint was tried; an incomplete one is due again a whole bound later. */
  checkpointed(complete: boolean): void {
    // Not due again before the next look.
    if (complete) this.#bytes = 0
    this.#dueBytes = this.#bytesMax + (complete ? 0 : this.#db.walBytes())
  }
}
