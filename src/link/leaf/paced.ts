// A socket that takes one block at a time, so that progress can be seen on a slow link: a write
// of megabytes would say nothing until its end.

import type { ByteSink } from '../outbox.ts'

export class PacedSink implements ByteSink {
  /** Blocks the kernel has taken. */
  blocksDone = 0
  /** A block waits for the kernel. */
  isWriting = false
  readonly #socket: ByteSink
  readonly #done: () => void

  /** `done` is called whenever everything that was written has gone. */
  constructor(socket: ByteSink, done: () => void = () => undefined) {
    this.#socket = socket
    this.#done = done
  }

  write(blocks: readonly Buffer[], done: () => void): void {
    let next = 0
    const step = (): void => {
      if (next > 0) this.blocksDone++
      const block = blocks[next++]
      this.isWriting = block !== undefined
      if (block !== undefined) return this.#socket.write([block], step)
      done()
      this.#done()
    }
    step()
  }
}
