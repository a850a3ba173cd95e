// The room around a consumer, as the consumer sees it; implemented by group.ts for the consumers
// of one stream.

import type { Clock } from '../../../src/base/clock.ts'
import type { TurnJob } from '../../../src/base/turn.ts'
import type { Fields } from '../api/text.ts'

/** What a consumer needs of the room around it. */
export interface ConsumerOwner<C> {
  readonly clock: Clock
  /** The end of this turn, and of the next one. */
  soon(job: TurnJob): void
  later(job: TurnJob): void
  nowUs(): number
  saveSoon(consumer: C): void
  saveNow(consumer: C): void
  /** Calls back when what was saved is on disk. */
  onDisk(consumer: C, done: (error?: Error) => void): void
  /** False while the store cannot remove what an acknowledgement gives free. */
  readonly takesAcks: boolean
  /** A work-queue or interest stream: it must hear of every ack. */
  readonly removesAcked: boolean
  /** There: this consumer needs the message no more. */
  acked(consumer: C, seq: number): void
  advise(consumer: C, event: string, type: string, fields: Fields): void
  /** The same as a metric. */
  measure(consumer: C, event: string, type: string, fields: Fields): void
  /** It has been unused for longer than its threshold. */
  expired(consumer: C): void
}
