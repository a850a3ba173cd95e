// What batches may take of the server (ADR-50; `jetstream { limits { batch { … } } }`), and what
// they have taken: one of it for all streams of all accounts.
//
// Fast batches hold a few numbers each. The messages of an atomic batch wait in memory for its
// commit, so they are bounded in bytes as well; nats-server stages them in files.

import type { JetStreamOptions } from '../options.ts'

export interface BatchLimits {
  readonly atomicPerStreamMax: number
  readonly atomicTotalMax: number
  /** Messages of one atomic batch. */
  readonly messagesMax: number
  readonly fastPerStreamMax: number
  readonly fastTotalMax: number
  /** Without a message for so long a batch is abandoned. */
  readonly idleMsMax: number
}

/** Of the messages of one atomic batch that wait for its commit. */
export const atomicBatchBytesMax = 16 * 1024 * 1024
/** Of those of all atomic batches. */
export const stagedBytesMax = 32 * 1024 * 1024

export function batchLimitsOf({ limits }: JetStreamOptions): BatchLimits {
  const { max_inflight_per_stream, max_inflight_total, max_msgs, timeout } = limits.batch
  return {
    atomicPerStreamMax: max_inflight_per_stream || 50,
    atomicTotalMax: max_inflight_total || 1000,
    messagesMax: max_msgs || 1000,
    fastPerStreamMax: max_inflight_per_stream || 1000,
    fastTotalMax: max_inflight_total || 50_000,
    idleMsMax: timeout || 10_000,
  }
}

/** What is open now, over all streams. */
export class Inflight {
  readonly limits: BatchLimits
  atomic = 0
  fast = 0
  stagedBytes = 0

  constructor(limits: BatchLimits) {
    this.limits = limits
  }
}
