// The messages of a stream that wait for the next group: blocks in the making, in the order of
// their sequences; a mirror's may have gaps.

import type { Block } from './block.ts'
import type { Draft, Drafts } from './draft.ts'
import { idOf } from './ids.ts'
import type { SubjectEntry } from './subjects.ts'

export class Waiting {
  /** The last one is still being filled. */
  #drafts: Draft[] = []
  readonly #pool: Drafts
  /** Id of the stream's sequence 0. */
  #base: number
  /** Subjects of the messages in here: the blocks know their numbers only. */
  readonly #entries = new Map<number, SubjectEntry>()
  #last: Draft | null = null
  /** Sequence of the first one, or of the next to come. */
  #from = 1
  #count = 0

  /** `data`: the number that the blocks will have. */
  constructor(data: number, pool: Drafts) {
    this.#base = idOf(data, 0)
    this.#pool = pool
  }

  get fromSeq(): number {
    return this.#from
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  push(
    seq: number,
    subject: SubjectEntry,
    timeUs: number,
    headers: Uint8Array,
    payload: Uint8Array,
    previous: number,
  ): void {
    if (this.#count++ === 0) this.#from = seq
    let draft = this.#last
    if (draft === null || !draft.takes(seq, timeUs, headers.length + payload.length)) {
      draft = this.#pool.take()
      this.#last = draft
      this.#drafts.push(draft)
    }
    draft.add(seq, subject.id, timeUs, headers, payload, previous)
    this.#entries.set(subject.id, subject)
  }

  /** No message up to `seq` will come. */
  skipTo(seq: number): void {
    if (this.#count === 0) this.#from = seq + 1
  }

  /** Is this where the message would be? */
  covers(seq: number): boolean {
    return this.#count > 0 && seq >= this.#from
  }

  /** The block that holds it, as far as it has come; its bytes move when it grows. */
  holding(seq: number): Block | undefined {
    const draft = this.#draftOf(seq)
    return draft?.block(this.#base)
  }

  subject(id: number): SubjectEntry | undefined {
    return this.#entries.get(id)
  }

  drop(seq: number): void {
    const draft = this.#draftOf(seq)
    if (draft) draft.drop(seq)
  }

  /** Sequence of the first one; 0 when there is none. */
  first(): number {
    return this.#find(false, () => true)
  }

  firstOf(subject: SubjectEntry): number {
    return this.nextOf(subject, 0)
  }

  /** The first on the subject at or after a sequence. */
  nextOf({ id }: SubjectEntry, fromSeq: number): number {
    if (!this.#entries.has(id)) return 0
    return this.#find(false, (block, i) => block.subject(i) === id && block.seq(i) >= fromSeq)
  }

  lastOf({ id }: SubjectEntry): number {
    return this.#entries.has(id) ? this.#find(true, (block, i) => block.subject(i) === id) : 0
  }

  /** Those with anything in them. */
  *blocks(): Generator<Block> {
    for (const draft of this.#drafts) if (draft.live > 0) yield draft.block(this.#base)
  }

  clear(nextSeq: number, data: number): void {
    this.#base = idOf(data, 0)
    for (const draft of this.#drafts) this.#pool.give(draft)
    this.#drafts = []
    this.#last = null
    this.#count = 0
    this.#entries.clear()
    this.#from = nextSeq
  }

  #find(isBackward: boolean, wanted: (block: Block, i: number) => boolean): number {
    const drafts = isBackward ? this.#drafts.slice().reverse() : this.#drafts
    for (const draft of drafts) {
      const block = draft.block(this.#base)
      for (let n = 0; n < block.count; n++) {
        const i = isBackward ? block.count - 1 - n : n
        if (!block.isGone(i) && wanted(block, i)) return block.seq(i)
      }
    }
    return 0
  }

  #draftOf(seq: number): Draft | undefined {
    if (!this.covers(seq)) return undefined
    let low = 0
    let high = this.#drafts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#drafts[middle]?.lastSeq ?? 0) < seq) low = middle + 1
      else high = middle
    }
    return this.#drafts[low]
  }
}
