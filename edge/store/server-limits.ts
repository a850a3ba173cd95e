// `jetstream { limits { … } }`: what any account of this server may ask for. 0 = without limit.

import type { Fields } from './api/text.ts'
import type { JetStreamOptions } from './options.ts'

export interface ServerLimits {
  /** Of one consumer. */
  readonly ackPendingMax: number
  /** Messages of one pull. */
  readonly requestBatchMax: number
  readonly duplicateWindowNs: number
}

export function serverLimitsOf({ limits }: JetStreamOptions): ServerLimits {
  return {
    ackPendingMax: limits.max_ack_pending,
    requestBatchMax: limits.max_request_batch,
    duplicateWindowNs: limits.duplicate_window * 1_000_000,
  }
}

/** `limits` of /jsz and /varz: those that are set. */
export function serverLimitFields(limits: ServerLimits): Fields {
  const { ackPendingMax, requestBatchMax, duplicateWindowNs } = limits
  return {
    ...(requestBatchMax > 0 && { max_request_batch: requestBatchMax }),
    ...(ackPendingMax > 0 && { max_ack_pending: ackPendingMax }),
    ...(duplicateWindowNs > 0 && { max_duplicate_window: duplicateWindowNs }),
  }
}
