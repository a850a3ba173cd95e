// What an update may change of a stream's config (reference 6.3); the rules every config keeps to
// come before (config-rules.ts). Order and texts are nats-server 2.15's.

import { mirrorNotUpdatable, replicasNotSupported, streamInvalidConfig } from '../errors.ts'
import type { ApiError, StreamConfig } from '../shapes.ts'

/** What an update makes of the old config, or the first change that is not allowed. */
export function updatedConfig(old: StreamConfig, wanted: StreamConfig): StreamConfig | ApiError {
  if (wanted.name !== old.name) {
    return streamInvalidConfig('stream configuration name must match original')
  }
  if (wanted.num_replicas > 1) return replicasNotSupported
  const broken = broke(beforeMirror, old, wanted)
  if (broken) return broken
  // Without `mirror` a mirror becomes a stream of its own.
  if (wanted.mirror && JSON.stringify(wanted.mirror) !== JSON.stringify(old.mirror)) {
    return mirrorNotUpdatable
  }
  return broke(behindMirror, old, wanted) ?? (wanted.sealed ? sealed(wanted) : wanted)
}

function sealed(config: StreamConfig): StreamConfig {
  return {
    ...config,
    max_age: 0,
    discard: 'new',
    deny_delete: true,
    deny_purge: true,
    allow_rollup_hdrs: false,
  }
}

type Rule = readonly [text: string, kept: (wanted: StreamConfig, old: StreamConfig) => boolean]

function broke(rules: readonly Rule[], old: StreamConfig, wanted: StreamConfig): ApiError | null {
  const broken = rules.find(([, kept]) => !kept(wanted, old))
  return broken ? streamInvalidConfig(broken[0]) : null
}

const beforeMirror: readonly Rule[] = [
  [
    'stream configuration update can not change storage type',
    (c, old) => c.storage === old.storage,
  ],
  [
    'stream configuration update can not change retention policy to/from workqueue',
    (c, old) => (c.retention === 'workqueue') === (old.retention === 'workqueue'),
  ],
  [
    'stream configuration update can not unseal a sealed stream',
    (c, old) => c.sealed || !old.sealed,
  ],
  [
    'stream configuration update can not cancel deny message deletes',
    (c, old) => c.deny_delete || !old.deny_delete,
  ],
  [
    'stream configuration update can not cancel deny purge',
    (c, old) => c.deny_purge || !old.deny_purge,
  ],
]

const behindMirror: readonly Rule[] = [
  ['message TTL status can not be disabled', (c, old) => c.allow_msg_ttl || !old.allow_msg_ttl],
  [
    'stream configuration update can not change message counter setting',
    (c, old) => (c.allow_msg_counter === true) === (old.allow_msg_counter === true),
  ],
  [
    'message schedules can not be disabled',
    (c, old) => c.allow_msg_schedules === true || !old.allow_msg_schedules,
  ],
  [
    'stream configuration update can not change persist mode',
    (c, old) => c.persist_mode === old.persist_mode,
  ],
]
