// Which subjects a filter takes, by their numbers: each is asked once by its name.

import type { Filter } from './filter.ts'
import type { Subjects } from './subjects.ts'

/** Numbers beyond these are asked by name each time: a byte each is kept for those below. */
const knownMax = 4 * 1024 * 1024
const yes = 1
const no = 2

/** Picks messages by the number of their subject. */
export interface Picker {
  matches(id: number): boolean
  /** Whether any of these is picked. */
  any(ids: Uint32Array): boolean
}

/** Messages of one subject. */
export class OneSubject implements Picker {
  readonly #id: number

  constructor(id: number) {
    this.#id = id
  }

  matches(id: number): boolean {
    return id === this.#id
  }

  any(ids: Uint32Array): boolean {
    return ids.includes(this.#id)
  }
}

/** All messages. */
export const everything: Picker = { matches: () => true, any: () => true }

export class Matcher implements Picker {
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

  any(ids: Uint32Array): boolean {
    for (let i = 0; i < ids.length; i++) if (this.matches(ids[i] as number)) return true
    return false
  }

  /** How many of them match. Hot where millions are counted: most are known by then. */
  count(ids: Uint32Array): number {
    let known = this.#known
    let count = 0
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] as number
      const value = known[id]
      if (value === yes) count++
      else if (value !== no && id >= this.#completeBelow && this.matches(id)) {
        known = this.#known
        count++
      }
    }
    return count
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
