// The fields of a stream's config in the API, by name and type (reference 6.3). The names of the
// types are those of nats-server's own: they stand in the texts of its errors.

import {
  duration,
  flag,
  foldedWord,
  int,
  int32,
  int64,
  labels,
  list,
  type Shape,
  struct,
  text,
  time,
  uint64,
  word,
} from './decode.ts'

const transform = struct('SubjectTransformConfig', { src: text, dest: text })

const source = struct('StreamSource', {
  name: text,
  opt_start_seq: uint64,
  opt_start_time: time,
  filter_subject: text,
  subject_transforms: list(transform),
  external: struct('ExternalStream', { api: text, deliver: text }),
  consumer: struct('StreamConsumerSource', { name: text, deliver_subject: text }),
})

function unknownCompression(raw: string): string {
  if (raw.startsWith('"') || raw === 'null') return 'unknown compression algorithm'
  const kinds: Readonly<Record<string, string>> = {
    '{': 'object',
    '[': 'array',
    t: 'bool',
    f: 'bool',
  }
  const kind = kinds[raw.charAt(0)] ?? 'number'
  return `json: cannot unmarshal ${kind} into Go value of type string`
}

const streamFields: Readonly<Record<string, Shape>> = {
  name: text,
  description: text,
  subjects: list(text),
  retention: word(['limits', 'interest', 'workqueue']),
  max_consumers: int,
  max_msgs: int64,
  max_bytes: int64,
  max_age: duration,
  max_msgs_per_subject: int64,
  max_msg_size: int32,
  discard: foldedWord(['old', 'new']),
  storage: word(['memory', 'file']),
  num_replicas: int,
  no_ack: flag,
  duplicate_window: duration,
  placement: struct('Placement', { cluster: text, tags: list(text), preferred: text }),
  mirror: source,
  sources: list(source, true),
  compression: word(['none', 's2'], unknownCompression),
  first_seq: uint64,
  subject_transform: transform,
  republish: struct('RePublish', { src: text, dest: text, headers_only: flag }),
  allow_direct: flag,
  mirror_direct: flag,
  discard_new_per_subject: flag,
  sealed: flag,
  deny_delete: flag,
  deny_purge: flag,
  allow_rollup_hdrs: flag,
  consumer_limits: struct('StreamConsumerLimits', {
    inactive_threshold: duration,
    max_ack_pending: int,
  }),
  allow_msg_ttl: flag,
  subject_delete_marker_ttl: duration,
  allow_msg_counter: flag,
  allow_atomic: flag,
  allow_msg_schedules: flag,
  persist_mode: word(['', 'default', 'async']),
  allow_batched: flag,
  metadata: labels,
}

/** Of STREAM.CREATE and STREAM.UPDATE. */
export const streamConfigRequest = struct('StreamConfigRequest', {
  ...streamFields,
  pedantic: flag,
})

/** Inside other requests: STREAM.RESTORE. */
export const streamConfig = struct('StreamConfig', streamFields)
