// The API level a consumer's config needs, kept in its metadata (ADR-44).

import { comparableMetadata, storedMetadata } from '../api/level.ts'
import { json } from '../api/text.ts'
import { type ConsumerConfig, withFields } from './config.ts'

/** The config as it is stored: its metadata tell what it needs. */
export function withLevel(config: ConsumerConfig): ConsumerConfig {
  return withFields(config, { metadata: storedMetadata(config.metadata, levelOf(config)) })
}

function levelOf(config: ConsumerConfig): number {
  if (config.ack_policy === 'flow_control') return 4
  const { pause_until, priority_policy, priority_timeout, priority_groups } = config
  return pause_until || priority_policy || priority_timeout || priority_groups ? 1 : 0
}

/** Do they ask for the same, whatever servers added? */
export function isSameConfig(a: ConsumerConfig, b: ConsumerConfig): boolean {
  return json(labelled(a)) === json(labelled(b))
}

function labelled(config: ConsumerConfig): ConsumerConfig {
  return withFields(config, { metadata: comparableMetadata(config.metadata) })
}
