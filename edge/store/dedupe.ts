// Message ids seen within a stream's duplicate window, and the id of the last message.
//
// Nothing is written for it: ids stand in the headers of the stored messages, and the window is
// read back at start, as nats-server does it. So an id whose message was removed is forgotten by a
// restart, and so is one with more than idsMax messages after it.

import type { Rows } from './rows.ts'
import { seqOf, seqsMax } from './schema.ts'

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

  /** Reads back the ids of the window, from a message's row on: those of the last idsMax rows. */
  load(rows: Rows, fromId: number, cutoffUs: number): void {
    const read = rows.db.prepare(
      'SELECT id, time, headers FROM message WHERE id >= ? AND id < ? ORDER BY id LIMIT 512',
    )
    const end = fromId - seqOf(fromId) + seqsMax
    const oldest = rows.db.value(
      'SELECT id FROM message WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1 OFFSET ?',
      fromId,
      end,
      idsMax - 1,
    )
    for (let at = Number(oldest ?? fromId); at < end; ) {
      const found = read.all(at, end)
      for (const [id, time, headers] of found) {
        this.lastId = headers ? msgIdOf(headers as Buffer) : ''
        if (this.lastId !== '') this.add(this.lastId, seqOf(Number(id)), Number(time), cutoffUs)
        at = Number(id) + 1
      }
      if (found.length < 512) break
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
