// What a consumer's config gets where the request says nothing, in nats-server 2.15's order. A
// pedantic request wants to be told instead of having its values changed (2.11).

import type { ConsumerBounds } from '../quota.ts'
import type { ApiError, StreamConfig } from '../shapes.ts'
import { type Changes, type ConsumerConfig, withFields } from './config.ts'
import * as errors from './errors.ts'

const nsPerMs = 1_000_000
const ackWaitNsDefault = 30_000 * nsPerMs
const ackPendingDefault = 1000
const waitingDefault = 512
export const inactiveNsDefault = 5000 * nsPerMs
const pinnedNsDefault = 120_000 * nsPerMs
/** Of consumers that flow control acknowledges: the receiver counts on it (ADR-60). */
export const sourceHeartbeatNs = 1000 * nsPerMs

/** Fields that may not be below `least`, and what a pedantic request is told. */
const floors: readonly (readonly [keyof ConsumerConfig, number, number, string])[] = [
  ['max_deliver', -1, -1, 'max_deliver must be set to -1'],
  ['max_waiting', 0, 0, 'max_waiting must not be negative'],
  ['max_ack_pending', -1, -1, 'max_ack_pending must be set to -1'],
  ['max_batch', 0, 0, 'max_batch must not be negative'],
  ['max_expires', 0, 0, 'max_expires must not be negative'],
  ['max_bytes', 0, 0, 'max_bytes must not be negative'],
  ['idle_heartbeat', 0, 0, 'idle_heartbeat must not be negative'],
  ['inactive_threshold', 0, 0, 'inactive_threshold must not be negative'],
  ['priority_timeout', 0, 0, 'priority_timeout must not be negative'],
]

/** The config with the server's and the stream's defaults in it; an error to a pedantic request. */
export function withDefaults(
  config: ConsumerConfig,
  stream: StreamConfig,
  bounds: ConsumerBounds,
  isPedantic = false,
): ConsumerConfig | ApiError {
  const fields: Changes = { ...config }
  const changed = fields as Record<string, unknown>
  for (const [name, least, value, text] of floors) {
    if (((fields[name] as number | undefined) ?? 0) >= least) continue
    if (isPedantic) return errors.pedantic(text)
    changed[name] = value
  }
  if (!fields.max_deliver) fields.max_deliver = -1
  const isPull = !fields.deliver_subject
  const { ack_policy } = config
  if (isPull && !fields.max_waiting) fields.max_waiting = waitingDefault
  if (!fields.ack_wait && (ack_policy === 'explicit' || ack_policy === 'all')) {
    fields.ack_wait = ackWaitNsDefault
  }
  const backoff = config.backoff?.[0]
  if (backoff !== undefined) {
    if (isPedantic && fields.ack_wait !== backoff) {
      return errors.pedantic('first backoff value has to equal batch AckWait')
    }
    fields.ack_wait = backoff
  }
  return (
    inherit(fields, stream, isPedantic) ??
    bound(fields, bounds, isPedantic, isPull) ??
    withFields(config, settle(fields, isPedantic))
  )
}

/** What the stream says for all its consumers. */
function inherit(fields: Changes, stream: StreamConfig, isPedantic: boolean): ApiError | null {
  const { max_ack_pending = 0, inactive_threshold = 0 } = stream.consumer_limits
  if (!fields.max_ack_pending) {
    if (isPedantic && max_ack_pending > 0) return errors.pedantic(inheritText('max_ack_pending'))
    fields.max_ack_pending = max_ack_pending
  }
  if (!fields.inactive_threshold) {
    if (isPedantic && inactive_threshold > 0) {
      return errors.pedantic(inheritText('inactive_threshold'))
    }
    fields.inactive_threshold = inactive_threshold
  }
  return null
}

const inheritText = (name: string): string =>
  `${name} must be set if it's configured in stream limits`

/** What the server and the account allow. */
function bound(
  fields: Changes,
  bounds: ConsumerBounds,
  isPedantic: boolean,
  isPull: boolean,
): ApiError | null {
  if (!fields.max_ack_pending && fields.ack_policy !== 'none') {
    const limits = [bounds.serverAckPendingMax, bounds.ackPendingMax].filter(max => max > 0)
    fields.max_ack_pending = Math.min(ackPendingDefault, ...limits)
  }
  if (isPull && !fields.max_batch && bounds.serverBatchMax > 0) {
    if (isPedantic) {
      return errors.pedantic("max_request_batch must be set if it's JetStream limits are set")
    }
    fields.max_batch = bounds.serverBatchMax
  }
  return null
}

function settle(fields: Changes, isPedantic: boolean): Changes {
  if (fields.priority_policy === 'pinned_client' && !fields.priority_timeout) {
    fields.priority_timeout = pinnedNsDefault
  }
  if (fields.ack_policy === 'flow_control' && !isPedantic) {
    fields.flow_control = true
    fields.idle_heartbeat = sourceHeartbeatNs
  }
  // What is not durable ends when nobody uses it.
  if (!fields.inactive_threshold && !fields.durable_name) {
    fields.inactive_threshold = inactiveNsDefault
  }
  return fields
}
