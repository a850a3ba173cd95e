// Rows whose messages went with many others at once (a purge, a roll-up), looked for now and then:
// there are never more than twice as many rows as messages with a time, and some (keeps T1).

import type { Stream } from '../shapes.ts'
import type { Agenda } from './agenda.ts'
import type { Slice } from './slice.ts'

const sweptSlackRows = 1024
const rowsAtOnce = 64

export class Sweep {
  readonly #agenda: Agenda
  readonly #stream: Stream
  /** Rows there were after the last one. */
  #cleanRows: number
  /** Where to go on; -1: there is nothing to do. */
  #from = -1

  constructor(agenda: Agenda, stream: Stream) {
    this.#agenda = agenda
    this.#stream = stream
    this.#cleanRows = agenda.rows
  }

  get isPending(): boolean {
    return this.#from >= 0
  }

  /** Many have gone: is it time to look? */
  note(): void {
    const { rows } = this.#agenda
    const isEmptied = rows > 0 && this.#stream.bytes === 0
    if (isEmptied || rows > 2 * this.#cleanRows + sweptSlackRows) this.#from = 0
  }

  /** False: not finished. */
  work(slice: Slice): boolean {
    const stream = this.#stream
    while (this.#from >= 0) {
      const rows = this.#agenda.from(this.#from, rowsAtOnce)
      for (const [seq] of rows) {
        if (slice.take()) return false
        const isSeen = seq <= stream.readableSeq || stream.bytes === 0
        if (isSeen && stream.get(seq) === undefined) this.#agenda.forget(seq)
        this.#from = seq + 1
      }
      if (rows.length < rowsAtOnce) this.#end()
    }
    return true
  }

  #end(): void {
    this.#from = -1
    this.#cleanRows = this.#agenda.rows
  }
}
