// Message ids seen within a stream's duplicate window, and the id of the last message.
//
// Nothing is written for it: ids stand in the headers of the stored messages, and the window is
// read back at start, as nats-server does it. So an id whose message was removed is forgotten by a
// restart, and so is one with more than idsMax messages after it.

import type { Shelf } from './reader.ts'

/** Ids beyond these are forgotten before their window ends, oldest first; `dropped` counts them. */
const idsMax = 100_000

export class Dedupe {
  lastId = ''
  dropped = 0
  /** Oldest first: a Map keeps the order of insertion. */
  readonly #seen = new Map<string, { readonly seq: number; readonly timeUs: number }>()

  /** The sequence stored under this id, unless it is from before `cutoffUs`. */
  find(id: string, cutoffUs: number): number | undefined {
    const seen = this.#seen.get(id)
    return seen && seen.timeUs >= cutoffUs ? seen.seq : undefined
  }

  add(id: string, seq: number, timeUs: number, cutoffUs: number): void {
    // A few oldest ones each time, so that no call pays for all.
    let looked = 0
    for (const [old, seen] of this.#seen) {
      if (seen.timeUs >= cutoffUs || ++looked > 4) break
      this.#seen.delete(old)
    }
    this.#seen.delete(id)
    this.#seen.set(id, { seq, timeUs })
    if (this.#seen.size <= idsMax) return
    for (const oldest of this.#seen.keys()) {
      this.#seen.delete(oldest)
      this.dropped++
      break
    }
  }

  /** Reads back the ids of the window, from a sequence on: those of the last idsMax messages. */
  load({ blocks, data, lastSeq }: Shelf, fromSeq: number, cutoffUs: number): void {
    for (let from = Math.max(fromSeq, lastSeq + 1 - idsMax); from <= lastSeq; ) {
      const block = blocks.from(data, from)
      if (!block) return
      for (let i = block.indexFrom(from); i < block.count; i++) {
        if (block.isGone(i)) continue
        const start = block.start(i)
        const bytes = block.headerBytes(i)
        this.lastId = bytes > 0 ? msgIdOf(block.bodies.subarray(start, start + bytes)) : ''
        if (this.lastId !== '') this.add(this.lastId, block.seq(i), block.time(i), cutoffUs)
      }
      from = block.lastSeq + 1
    }
  }

  /** A rollback took back all messages after `seq`. */
  forgetAfter(seq: number): void {
    for (const [id, seen] of this.#seen) if (seen.seq > seq) this.#seen.delete(id)
  }

  clear(): void {
    this.#seen.clear()
  }

  get size(): number {
    return this.#seen.size
  }
}

const name = Buffer.from('\r\nNats-Msg-Id:')

/** The Nats-Msg-Id of a header block; '' when there is none. */
export function msgIdOf(headers: Buffer): string {
  const at = headers.indexOf(name)
  if (at < 0) return ''
  const from = at + name.length
  const end = headers.indexOf('\r\n', from)
  return headers.toString('utf8', from, end < 0 ? headers.length : end).trim()
}
