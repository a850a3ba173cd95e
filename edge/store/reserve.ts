// Room kept for the day the disk is full: a file of zeros beside the database. SQLite must write
// to delete, and a checkpoint must grow the file; without room a full store could never be emptied.
//
//   kept ──spend── disk is full: the file goes, acks and purges go on, publishes are refused
//   spent ──again── twice as much is free: the file is made again, all is well
//
// A start without the file and without room for it is a start with it spent.
//
// The database file never shrinks, so what a purge frees is room inside it: commit.ts counts that
// as the reserve while this one is spent, and takes publishes as long as there is more.

import * as fs from 'node:fs'
import * as path from 'node:path'
import type { Clock, Timer } from '../../src/base/clock.ts'

const fileName = 'store.reserve'
const chunkBytes = 256 * 1024
const againMs = 5000

export class Reserve {
  /** True from the day the room was given up until it is there again. */
  spent = false
  readonly bytes: number
  readonly #dir: string
  readonly #clock: Clock
  #timer: Timer | null = null
  #making: Promise<void> | null = null
  #closed = false

  /** `bytes` 0: keeps none. */
  constructor(dir: string, bytes: number, clock: Clock) {
    this.#dir = dir
    this.bytes = bytes
    this.#clock = clock
  }

  /** Makes the file in the background, unless it is there. */
  start(): void {
    if (this.bytes === 0 || sizeOf(this.#file) >= this.bytes) return
    this.spent = !this.#hasRoom()
    this.#make()
  }

  /** Gives the room up. False when there was none. */
  spend(): boolean {
    if (this.bytes === 0 || this.#making || sizeOf(this.#file) === 0) return false
    fs.rmSync(this.#file, { force: true })
    this.spent = true
    this.#later()
    return true
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#timer = null
    await this.#making
  }

  get #file(): string {
    return path.join(this.#dir, fileName)
  }

  #later(): void {
    if (this.#closed) return
    this.#timer?.cancel()
    this.#timer = this.#clock.after(againMs, () => this.#make())
  }

  /** With less free the file alone would fill the disk. */
  #hasRoom(): boolean {
    const { bavail, bsize } = fs.statfsSync(this.#dir)
    return bavail * bsize >= 2 * this.bytes
  }

  #make(): void {
    this.#timer = null
    if (!this.#hasRoom()) return this.#later()
    this.#making = this.#write().then(made => {
      this.#making = null
      if (made) this.spent = false
      else this.#later()
    })
  }

  /** False when there was no room after all. */
  async #write(): Promise<boolean> {
    const part = `${this.#file}.part`
    try {
      const file = await fs.promises.open(part, 'w', 0o600)
      try {
        const chunk = Buffer.alloc(chunkBytes)
        for (let at = 0; at < this.bytes && !this.#closed; at += chunkBytes) {
          await file.write(chunk, 0, Math.min(chunkBytes, this.bytes - at), at)
        }
      } finally {
        await file.close()
      }
      if (this.#closed) throw new Error('closed')
      await fs.promises.rename(part, this.#file)
      return true
    } catch {
      // No room, or a sick disk: the store itself meets it and says so.
      await fs.promises.rm(part, { force: true }).catch(() => {})
      return false
    }
  }
}

function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
