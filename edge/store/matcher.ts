// Which subjects a filter takes, by their numbers: each is asked once by its name.

import type { Filter } from './filter.ts'
import type { Subjects } from './subjects.ts'

/** Numbers beyond these are asked by name each time: a byte each is kept for those below. */
const knownMax = 4 * 1024 * 1024
const yes = 1
const no = 2

export class Matcher {
  readonly #filter: Filter
  readonly #subjects: Subjects
  #known = new Uint8Array(1024)
  /** Below this number, what is not known to match does not. */
  #completeBelow = 0

  constructor(filter: Filter, subjects: Subjects) {
    this.#filter = filter
    this.#subjects = subjects
  }

  /** Asks for all that match at once, before many blocks are looked at. */
  prepare(): void {
    if (this.#completeBelow > 0) return
    const below = this.#subjects.nextId
    for (const entry of this.#subjects.matching(this.#filter)) this.#note(entry.id, yes)
    this.#completeBelow = below
  }

  matches(id: number): boolean {
    const known = this.#known[id]
    if (known === yes) return true
    if (known === no || id < this.#completeBelow) return false
    const isMatch = this.#filter.matches(this.#subjects.byId(id)?.name ?? '')
    this.#note(id, isMatch ? yes : no)
    return isMatch
  }

  #note(id: number, value: number): void {
    if (id >= knownMax) return
    if (id >= this.#known.length) {
      const known = new Uint8Array(Math.min(knownMax, Math.max(id + 1, 2 * this.#known.length)))
      known.set(this.#known)
      this.#known = known
    }
    this.#known[id] = value
  }
}
