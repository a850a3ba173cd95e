// Where a reset takes a consumer (2.14, ADR-60): behind its ack floor, or to a sequence that its
// deliver policy allows.

import { timeOf } from '../api/text.ts'
import type { Stream } from '../shapes.ts'
import type { ConsumerConfig } from './config.ts'
import type { Ledger } from './ledger.ts'

export interface Resettable {
  readonly config: ConsumerConfig
  readonly stream: Stream
  readonly ledger: Ledger
}

/** The next sequence, or why not in nats-server's words. `seq` 0: behind the floor. */
export function resetTarget({ config, stream, ledger }: Resettable, seq: number): number | string {
  if (seq === 0) {
    ledger.settleFloor()
    return ledger.floor.streamSeq + 1
  }
  switch (config.deliver_policy) {
    case 'all':
      return seq
    case 'by_start_sequence':
      return seq < (config.opt_start_seq ?? 0) ? 'below start seq' : seq
    case 'by_start_time': {
      const startUs = timeOf(config.opt_start_time ?? '') ?? 0
      return seq < stream.seqAt(startUs) ? 'below start time' : seq
    }
    default:
      return 'not allowed'
  }
}
