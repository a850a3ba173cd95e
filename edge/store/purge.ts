// A purge, a piece at a time: so many messages a step, so that neither the loop nor memory pays for
// a stream's worth of them. What comes meanwhile is spared.
//
// All messages of a stream go in one step, whatever they are: the stream starts over under another
// number, and sweeper.ts deletes what is left behind.

import type { Filter } from './filter.ts'
import type { StoreStream } from './stream.ts'

/** `seq`: all before it; `keep`: all but the newest; of the subjects that match. */
export interface PurgeRequest {
  readonly filter?: string
  readonly seq?: number
  readonly keep?: number
}

/** Of each a step: some ms of the loop. A block that loses a message is written anew. */
const stepMessages = 2048
const stepBlocks = 24
const keptPage = 512

export class Purge {
  count = 0
  readonly #stream: StoreStream
  readonly #request: PurgeRequest
  readonly #filter: Filter
  /** What comes at or after this is spared. */
  readonly #end: number
  /** The first one that stays, whatever its subject; -1: not looked for yet. */
  #before = -1
  #from: number

  constructor(stream: StoreStream, request: PurgeRequest) {
    this.#stream = stream
    this.#request = request
    this.#filter = stream.reader.filter(request.filter === undefined ? [] : [request.filter])
    this.#from = stream.firstSeq
    this.#end = stream.lastSeq + 1
  }

  /** All that is there is to go, with no look at any of it. */
  get isWhole(): boolean {
    const { seq = 0, keep = 0 } = this.#request
    return this.#filter.all && keep === 0 && (seq === 0 || seq >= this.#end)
  }

  /** All at once; false when no data number is free: it must go by steps. */
  whole(): boolean {
    const stream = this.#stream
    if (stream.commit.sick) return true
    const { messages } = stream
    if (messages > 0 && !stream.startOver()) return false
    this.count += messages
    // An empty stream may begin further on.
    stream.skipTo((this.#request.seq ?? 0) - 1)
    return true
  }

  /** A piece of what is in the database; true when nothing is left to do. */
  step(): boolean {
    const stream = this.#stream
    if (stream.commit.sick) return true
    const seqs = this.#next()
    for (const seq of seqs.found) {
      const meta = stream.meta(seq)
      if (!meta) continue
      stream.drop(seq, meta)
      this.count++
    }
    this.#from = seqs.nextSeq
    if (seqs.found.length > 0) {
      stream.saveSoon()
      stream.tellRemoved(0)
    }
    return this.#from >= this.#before
  }

  /** The next ones to go. */
  #next(): { readonly found: readonly number[]; readonly nextSeq: number } {
    const { reader } = this.#stream
    const { seq = 0, keep = 0 } = this.#request
    if (this.#before < 0) {
      const end = Math.min(seq || this.#end, this.#end)
      this.#before = keep > 0 ? this.#firstKept(end, keep) : end
    }
    if (this.#from >= this.#before) return { found: [], nextSeq: this.#before }
    const max = { messages: stepMessages, blocks: stepBlocks }
    return reader.seqs(this.#filter, this.#from, this.#before - 1, max)
  }

  /** Sequence of the oldest of the `keep` newest matches before `end`; 0 when all stay. */
  #firstKept(end: number, keep: number): number {
    const { reader } = this.#stream
    let upto = end - 1
    for (let left = keep; left > 0; ) {
      const page = reader.seqsBack(this.#filter, upto, Math.min(left, keptPage))
      const lowest = page.at(-1)
      if (lowest === undefined) return 0
      left -= page.length
      if (left === 0) return lowest
      upto = lowest - 1
    }
    return 0
  }
}
