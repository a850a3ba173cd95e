// How a consumer's messages leave: to pull requests or to a deliver subject.

import type { StoredMessage } from '../shapes.ts'

export interface Outlet {
  readonly isPush: boolean
  /** How many messages may go now. */
  wanted(nowMs: number): number
  /**
   * Sends one; false when nobody took it. `size` is subject, reply, headers and payload together,
   * as pull requests count bytes.
   */
  deliver(message: StoredMessage, reply: string, size: number, nowMs: number): boolean
  /** After a round. `isDry`: there is nothing more, rather than no room for more. */
  settled(nowMs: number, isDry: boolean): void
  /** Some message of the consumer was acknowledged: it is in use. */
  touched(): void
  /** A pull request came. */
  request(reply: string, body: Buffer, nowMs: number): void
  /** The consumer begins again: nothing is outstanding. */
  reset(): void
  /** The config has changed. */
  updated(): void
  close(isDeleted: boolean): void
}

/** What an outlet needs of its consumer. */
export interface OutletOwner {
  readonly nextConsumerSeq: number
  readonly nextStreamSeq: number
  /** Deliveries that wait for an ack, and whether there may be no more of them. */
  readonly ackPending: number
  readonly isAckFull: boolean
  /** Messages waiting: new ones and those to be delivered again. */
  pendingCount(): number
  /** There may be room again: deliver at the end of this turn. */
  wake(): void
  /** Unused for longer than inactive_threshold. */
  expire(): void
}
