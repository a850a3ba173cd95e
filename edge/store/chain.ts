// The messages of one subject, from its last one back (block.ts: `back`). A step costs a block, so
// it is for subjects with few messages; whoever meets a broken or a long chain searches instead.

import type { Shelf } from './reader.ts'
import type { SubjectEntry } from './subjects.ts'

/** Some tens of ms of the loop. */
const stepsMax = 1024

export interface Chain {
  readonly count: number
  /** 0 when there is none. */
  readonly firstSeq: number
}

/** Messages on the subject in a range; null: too many steps, or the chain is broken. */
export function chainOf(
  shelf: Shelf,
  subject: SubjectEntry,
  fromSeq: number,
  uptoSeq: number,
): Chain | null {
  const from = Math.max(fromSeq, shelf.firstSeq)
  let seq = subject.last
  if (seq === 0) return null
  let count = 0
  let firstSeq = 0
  for (let steps = 0; seq >= from; steps++) {
    if (steps >= stepsMax) return null
    const block = shelf.shapeOf(seq)
    const i = block ? block.indexOf(seq) : -1
    if (!block || i < 0 || block.subject(i) !== subject.id) return null
    if (seq <= uptoSeq && !block.isGone(i) && !shelf.removed.has(seq)) {
      count++
      firstSeq = seq
    }
    seq = block.previous(i)
    if (seq < 0) return null
  }
  return { count, firstSeq }
}

/** The last message at or before `uptoSeq`; 0: there is none, -1: look for it. */
export function lastInChain(shelf: Shelf, subject: SubjectEntry, uptoSeq: number): number {
  let seq = subject.last
  if (seq === 0) return -1
  for (let steps = 0; seq >= shelf.firstSeq && seq > 0; steps++) {
    const block = steps < stepsMax ? shelf.shapeOf(seq) : undefined
    const i = block ? block.indexOf(seq) : -1
    if (!block || i < 0 || block.subject(i) !== subject.id) return -1
    if (seq <= uptoSeq && !block.isGone(i) && !shelf.removed.has(seq)) return seq
    seq = block.previous(i)
    if (seq < 0) return -1
  }
  return 0
}
