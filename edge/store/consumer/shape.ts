// The fields of the API's requests about consumers, by name and type (reference 6.4).

import {
  duration,
  flag,
  int,
  int64,
  labels,
  list,
  struct,
  text,
  time,
  uint64,
  word,
} from '../api/decode.ts'

const consumerConfig = struct('ConsumerConfig', {
  durable_name: text,
  name: text,
  description: text,
  deliver_policy: word([
    'all',
    'last',
    'new',
    'by_start_sequence',
    'by_start_time',
    'last_per_subject',
    'undefined',
  ]),
  opt_start_seq: uint64,
  opt_start_time: time,
  ack_policy: word(['none', 'all', 'explicit', 'flow_control']),
  ack_wait: duration,
  max_deliver: int,
  backoff: list(duration),
  filter_subject: text,
  filter_subjects: list(text),
  replay_policy: word(['instant', 'original']),
  rate_limit_bps: uint64,
  sample_freq: text,
  max_waiting: int,
  max_ack_pending: int,
  flow_control: flag,
  headers_only: flag,
  max_batch: int,
  max_expires: duration,
  max_bytes: int,
  deliver_subject: text,
  deliver_group: text,
  idle_heartbeat: duration,
  inactive_threshold: duration,
  num_replicas: int,
  mem_storage: flag,
  direct: flag,
  sourcing: flag,
  metadata: labels,
  pause_until: time,
  priority_groups: list(text),
  priority_policy: word(
    ['none', 'overflow', 'pinned_client', 'prioritized'],
    raw => `unknown priority policy: ${raw}`,
  ),
  priority_timeout: duration,
})

/** Of CONSUMER.CREATE in all its forms. */
export const consumerCreateRequest = struct('CreateConsumerRequest', {
  stream_name: text,
  config: consumerConfig,
  action: word(['', 'create', 'update'], raw => `unknown consumer action: ${raw}`),
  pedantic: flag,
})

/** Of CONSUMER.NAMES and CONSUMER.LIST. */
export const consumerPageRequest = struct('JSApiConsumersRequest', { offset: int })

export const consumerResetRequest = struct('JSApiConsumerResetRequest', { seq: uint64 })

export const consumerPauseRequest = struct('JSApiConsumerPauseRequest', { pause_until: time })

export const consumerUnpinRequest = struct('JSApiConsumerUnpinRequest', { group: text })

/** Its Go type has no name that its errors would show. */
export const pullRequest = struct('', {
  expires: duration,
  batch: int,
  max_bytes: int,
  no_wait: flag,
  idle_heartbeat: duration,
  group: text,
  min_pending: int64,
  min_ack_pending: int64,
  id: text,
  priority: int,
})
