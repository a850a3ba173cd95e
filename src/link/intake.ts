// What a connection reads, held back: while it is decided who it is nothing more is read or
// parsed; while those it produces for do not keep up nothing more is read.

import type { Identity, Verdict } from '../account/authenticate.ts'
import type { Pressure } from './pressure.ts'

/** Whose parser and socket they are. */
interface Parts {
  readonly parser: { hold(): void; resume(): void }
  readonly socket: { pause(): void; resume(): void }
  /** Is the connection still there? */
  isWaiting(): boolean
}

export class Intake {
  readonly #parts: Parts
  #isHeld = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Acts on the verdict, at once or when it comes; what the client sends meanwhile waits. */
  decide(verdict: Verdict, act: (identity: Identity | null) => void): void {
    if (!(verdict instanceof Promise)) return act(verdict)
    const { parser, socket } = this.#parts
    this.#isHeld = true
    parser.hold()
    socket.pause()
    void verdict.then(identity => {
      this.#isHeld = false
      if (this.#parts.isWaiting()) act(identity)
      // May be held again, by a CONNECT among what waited.
      if (this.#parts.isWaiting()) parser.resume()
      if (this.#parts.isWaiting() && !this.#isHeld) socket.resume()
    })
  }

  /** Pauses until those who are behind have caught up. */
  wait(pressure: Pressure): void {
    const { socket } = this.#parts
    socket.pause()
    pressure.wait(() => {
      if (!this.#isHeld) socket.resume()
    })
  }
}
