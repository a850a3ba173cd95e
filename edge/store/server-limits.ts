// `jetstream { limits { … } }`: what any account of this server may ask for. 0 = without limit.

import type { Fields } from './api/text.ts'
import type { JetStreamOptions } from './options.ts'

const nsPerMs = 1_000_000

export interface ServerLimits {
  /** Of one consumer. */
  readonly ackPendingMax: number
  /** Messages of one pull. */
  readonly requestBatchMax: number
  readonly duplicateWindowNs: number
  /** 0 = the defaults of batch/limits.ts. */
  readonly batch: JetStreamOptions['limits']['batch']
}

export function serverLimitsOf({ limits }: JetStreamOptions): ServerLimits {
  return {
    ackPendingMax: limits.max_ack_pending,
    requestBatchMax: limits.max_request_batch,
    duplicateWindowNs: limits.duplicate_window * nsPerMs,
    batch: limits.batch,
  }
}

/** `limits` of /jsz and /varz: those that are set. */
export function serverLimitFields(limits: ServerLimits): Fields {
  const { ackPendingMax, requestBatchMax, duplicateWindowNs, batch } = limits
  const { max_inflight_per_stream, max_inflight_total, max_msgs, timeout } = batch
  return {
    ...(requestBatchMax > 0 && { max_request_batch: requestBatchMax }),
    ...(ackPendingMax > 0 && { max_ack_pending: ackPendingMax }),
    ...(duplicateWindowNs > 0 && { max_duplicate_window: duplicateWindowNs }),
    ...(max_inflight_per_stream > 0 && { max_batch_inflight_per_stream: max_inflight_per_stream }),
    ...(max_inflight_total > 0 && { max_batch_inflight_total: max_inflight_total }),
    ...(max_msgs > 0 && { max_batch_size: max_msgs }),
    ...(timeout > 0 && { max_batch_timeout: timeout * nsPerMs }),
  }
}
