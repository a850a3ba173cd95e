// What the features of nats-server 2.11 to 2.14 demand of the rest of a stream's config, and what
// they turn on by themselves (reference 6.3).

import { streamInvalidConfig } from '../errors.ts'
import type { ApiError, StreamConfig } from '../shapes.ts'
import type { ConfigContext } from './config-rules.ts'

const markerTtlNsMin = 1_000_000_000

export function checkCounter(config: StreamConfig): StreamConfig | ApiError {
  if (!config.allow_msg_counter) return config
  if (config.discard === 'new') return streamInvalidConfig('counter stream cannot use discard new')
  if (config.allow_msg_ttl) return streamInvalidConfig('counter stream cannot use message TTLs')
  if (config.allow_msg_schedules) {
    return streamInvalidConfig('counter stream cannot use message schedules')
  }
  if (config.retention === 'limits') return config
  return streamInvalidConfig('counter stream can only use limits retention')
}

export function checkMarkers(
  config: StreamConfig,
  { pedantic }: ConfigContext,
): StreamConfig | ApiError {
  const ttl = config.subject_delete_marker_ttl ?? 0
  if (ttl === 0) return config
  if (ttl < 0) return streamInvalidConfig('subject delete marker TTL must not be negative')
  if (ttl < markerTtlNsMin) {
    return streamInvalidConfig('subject delete marker TTL must be at least 1 second')
  }
  if (pedantic && !config.allow_msg_ttl) {
    return streamInvalidConfig('subject delete marker cannot be set if message TTLs are disabled')
  }
  if (pedantic && !config.allow_rollup_hdrs) {
    return streamInvalidConfig('subject delete marker cannot be set if roll-ups are disabled')
  }
  return { ...withRollups(config), allow_msg_ttl: true }
}

export function checkSchedules(
  config: StreamConfig,
  { pedantic }: ConfigContext,
): StreamConfig | ApiError {
  if (!config.allow_msg_schedules) return config
  if (config.discard === 'new') {
    return streamInvalidConfig('message scheduling cannot use discard new')
  }
  if (pedantic && !config.allow_rollup_hdrs) {
    return streamInvalidConfig('message scheduling cannot be set if roll-ups are disabled')
  }
  return withRollups(config)
}

function withRollups(config: StreamConfig): StreamConfig {
  if (config.allow_rollup_hdrs) return config
  return { ...config, allow_rollup_hdrs: true, deny_purge: false }
}

/** Here every acknowledged message is on disk in either mode (invariant 1); it is only echoed. */
export function checkPersistence(config: StreamConfig): StreamConfig | ApiError {
  if (config.persist_mode !== 'async') return config
  if (config.storage !== 'file') {
    return streamInvalidConfig('async persist mode is only supported on file storage')
  }
  if (config.num_replicas > 1) {
    return streamInvalidConfig('async persist mode is not supported on replicated streams')
  }
  if (!config.allow_atomic) return config
  return streamInvalidConfig('async persist mode is not supported with atomic batch publish')
}
