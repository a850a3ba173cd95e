// What an update of a consumer may not change, in nats-server 2.15's order and words.

import { timeOf } from '../api/text.ts'
import type { ApiError } from '../shapes.ts'
import type { ConsumerConfig } from './config.ts'
import * as errors from './errors.ts'

/** Null when it may. `isBound`: somebody listens on the old deliver subject. */
export function checkUpdate(
  old: ConsumerConfig,
  config: ConsumerConfig,
  isBound: boolean,
): ApiError | null {
  for (const [name, text] of unchangeable) {
    if (old[name] === config[name]) continue
    if (name === 'opt_start_time' && isSameTime(old, config)) continue
    return errors.createFailed(`${text} can not be updated`)
  }
  if (old.deliver_subject !== config.deliver_subject) {
    if (!old.deliver_subject) {
      return errors.createFailed('can not update pull consumer to push based')
    }
    if (!config.deliver_subject) {
      return errors.createFailed('can not update push consumer to pull based')
    }
    if (isBound) return errors.nameInUse
  }
  return old.max_waiting !== config.max_waiting
    ? errors.createFailed('max waiting can not be updated')
    : null
}

const unchangeable: readonly (readonly [keyof ConsumerConfig, string])[] = [
  ['deliver_policy', 'deliver policy'],
  ['mem_storage', 'storage type'],
  ['direct', 'direct'],
  ['sourcing', 'sourcing'],
  ['opt_start_seq', 'start sequence'],
  ['opt_start_time', 'start time'],
  ['ack_policy', 'ack policy'],
  ['replay_policy', 'replay policy'],
  ['idle_heartbeat', 'heart beats'],
  ['flow_control', 'flow control'],
]

function isSameTime({ opt_start_time: old = '' }: ConsumerConfig, config: ConsumerConfig): boolean {
  return old !== '' && timeOf(old) === timeOf(config.opt_start_time ?? '')
}
