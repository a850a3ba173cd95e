// How a consumer's messages leave: to pull requests or to a deliver subject.

import type { StoredMessage } from '../shapes.ts'

/** What goes with a message; the same object for every one. */
export interface Delivery {
  reply: string
  /** Subject, reply, headers and payload together, as pull requests count bytes. */
  size: number
  /** Messages left behind this one. */
  left: number
  /** Other deliveries that wait for their acks. */
  ackPending: number
}

export interface Outlet {
  readonly isPush: boolean
  /** How many messages may go now. */
  wanted(nowMs: number): number
  /** Sends one; false when nobody took it. */
  deliver(message: StoredMessage, delivery: Delivery, nowMs: number): boolean
  /** After a round. `isEnd`: more could not go, rather than may not before some acks come. */
  settled(nowMs: number, isEnd: boolean): void
  /** Some message of the consumer was acknowledged: it is in use. */
  touched(): void
  /** A pull request came. */
  request(reply: string, body: Buffer, nowMs: number): void
  /** A request that cannot be taken is told so. */
  refuse(reply: string, headers: Buffer): void
  /** The consumer begins again: nothing is outstanding. */
  reset(): void
  /** The config has changed. */
  updated(): void
  /** The server is about to stop: whoever waits is told. */
  stopping(): void
  close(isDeleted: boolean): void
}

/** What an outlet needs of its consumer. */
export interface OutletOwner {
  readonly nextConsumerSeq: number
  readonly nextStreamSeq: number
  /** Deliveries that wait for an ack, and whether there may be no more of them. */
  readonly ackPending: number
  readonly isAckFull: boolean
  /** When the last of them falls due, in monotonic ms; 0 = none does. */
  lastDueMs(): number
  /** Messages waiting: new ones and those to be delivered again. */
  pendingCount(): number
  /** There may be room again: deliver at the end of this turn. */
  wake(): void
  /** Unused for longer than inactive_threshold. */
  expire(): void
}
