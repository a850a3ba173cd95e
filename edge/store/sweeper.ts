// What purges and deletions left behind goes here, and the room it took goes back to the disk: a
// little with each group, so that the loop is never held for long. It goes on after a restart.
//
//   garbage     blocks and subjects under a data number that no stream has any more
//   free pages  moved to the end of the file and cut off (incremental_vacuum), once they are many;
//               some stay for what comes, because moving pages wears out a card

import type { Blocks } from './blocks.ts'
import type { Commit, Participant } from './commit.ts'
import type { Db, Statement } from './db.ts'
import type { Rows } from './rows.ts'
import { idOf } from './ids.ts'

export interface SweeperParts {
  readonly db: Db
  readonly rows: Rows
  readonly blocks: Blocks
  readonly commit: Commit
}

/** Of each, with one group: some ms of the loop. */
const blocksMax = 16
const subjectsMax = 256
const pagesMax = 64
/** More free pages than this, and than a share of the file, are given back. */
const freeBytesKept = 16 * 1024 * 1024
const freeShareKept = 0.25

export class Sweeper implements Participant {
  readonly #parts: SweeperParts
  readonly #first: Statement
  readonly #lastBlock: Statement
  readonly #deleteBlocks: Statement
  readonly #deleteSubjects: Statement
  readonly #deleteGarbage: Statement
  /** False for a file from before there was a way. */
  readonly #givesBack: boolean
  #isAwake = false
  #isVacuuming = false

  constructor(parts: SweeperParts) {
    this.#parts = parts
    this.#givesBack = parts.db.givesBack
    const on = (sql: string): Statement => parts.db.prepare(sql)
    this.#first = on('SELECT data FROM garbage ORDER BY data LIMIT 1')
    this.#lastBlock = on(
      `SELECT max(id) FROM (SELECT id FROM block WHERE id >= ? AND id < ? ORDER BY id
         LIMIT ${blocksMax})`,
    )
    this.#deleteBlocks = on('DELETE FROM block WHERE id >= ? AND id <= ?')
    this.#deleteSubjects = on(
      `DELETE FROM subject WHERE id IN (SELECT id FROM subject WHERE stream = ?
         LIMIT ${subjectsMax})`,
    )
    this.#deleteGarbage = on('DELETE FROM garbage WHERE data = ?')
  }

  /** There may be something to do. */
  wake(): void {
    if (this.#isAwake || this.#parts.commit.sick) return
    this.#isAwake = true
    this.#parts.commit.touch(this, 0)
  }

  /** Data numbers still to be emptied. */
  get waiting(): number {
    return Number(this.#parts.db.value('SELECT count(*) FROM garbage'))
  }

  flush(): void {
    this.#isAwake = this.#sweep() || this.#vacuum()
  }

  synced(): void {
    if (this.#isAwake) this.#parts.commit.touch(this, 0)
  }

  undone(): void {
    this.#isAwake = false
  }

  /** False: there is no garbage. */
  #sweep(): boolean {
    const row = this.#first.get()
    if (!row) return false
    const data = Number(row[0])
    const from = idOf(data, 0)
    const last = this.#lastBlock.get(from, idOf(data + 1, 0))?.[0]
    if (typeof last === 'number') this.#deleteBlocks.run(from, last)
    else if (this.#deleteSubjects.run(data).changes < subjectsMax) {
      this.#deleteGarbage.run(data)
      this.#parts.blocks.leave(data)
      this.#parts.rows.release(data)
    }
    return true
  }

  /** False: no more is free than may stay so. */
  #vacuum(): boolean {
    if (!this.#givesBack) return false
    const { db } = this.#parts
    const freeBytes = db.freeBytes()
    const keptBytes = Math.max(freeBytesKept, db.fileBytes() * freeShareKept)
    // Begun, it goes on well below the mark: else it would begin again with the next purge.
    this.#isVacuuming = freeBytes > (this.#isVacuuming ? 0.75 * keptBytes : keptBytes)
    if (this.#isVacuuming) db.vacuum(pagesMax)
    return this.#isVacuuming
  }
}
