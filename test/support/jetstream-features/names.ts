// What a JetStream client can say and hear, as nats-server 2.15 has it: the names only. Each has a
// row in the table (test/packaging/jetstream-features.test.ts).

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

/** Below `$JS.API.`; `<s>` is a stream, `<c>` a consumer. */
export const subjects = words(`
  INFO STREAM.CREATE.<s> STREAM.UPDATE.<s> STREAM.NAMES STREAM.LIST STREAM.INFO.<s>
  STREAM.DELETE.<s> STREAM.PURGE.<s> STREAM.MSG.GET.<s> STREAM.MSG.DELETE.<s>
  STREAM.SNAPSHOT.<s> STREAM.RESTORE.<s> STREAM.LEADER.STEPDOWN.<s> STREAM.PEER.REMOVE.<s>
  STREAM.PEER.EVACUATE.<s> STREAM.CANCEL_MOVE.<s> STREAM.TEMPLATE.>
  CONSUMER.LEADER.STEPDOWN.<s>.<c> CONSUMER.CREATE.<s> CONSUMER.CREATE.<s>.<c>
  CONSUMER.CREATE.<s>.<c>.<filter> CONSUMER.DURABLE.CREATE.<s>.<c> CONSUMER.NAMES.<s>
  CONSUMER.LIST.<s> CONSUMER.INFO.<s>.<c> CONSUMER.DELETE.<s>.<c> CONSUMER.PAUSE.<s>.<c>
  CONSUMER.UNPIN.<s>.<c> CONSUMER.RESET.<s>.<c> CONSUMER.MSG.NEXT.<s>.<c>
  DIRECT.GET.<s> DIRECT.GET.<s>.<subject>
  SERVER.REMOVE SERVER.EVACUATE META.LEADER.STEPDOWN META.RESCUE ACCOUNT.PURGE.<a>
  ACCOUNT.STREAM.MOVE.<a>.<s> ACCOUNT.STREAM.CANCEL_MOVE.<a>.<s>
`)

export const streamFields = words(`
  name description subjects retention max_consumers max_msgs max_bytes max_age
  max_msgs_per_subject max_msg_size discard discard_new_per_subject storage num_replicas no_ack
  duplicate_window placement placement.preferred mirror sources compression first_seq
  subject_transform republish allow_direct mirror_direct sealed deny_delete deny_purge
  allow_rollup_hdrs consumer_limits metadata allow_msg_ttl subject_delete_marker_ttl
  allow_msg_counter allow_atomic allow_msg_schedules persist_mode allow_batched pedantic
`)

/** Of a mirror, and of each of the sources. */
export const sourceFields = words(`
  name opt_start_seq opt_start_time filter_subject external subject_transforms consumer
`)

export const consumerFields = words(`
  durable_name name description deliver_policy opt_start_seq opt_start_time ack_policy ack_wait
  max_deliver backoff filter_subject filter_subjects replay_policy rate_limit_bps sample_freq
  max_waiting max_ack_pending headers_only max_batch max_expires max_bytes deliver_subject
  deliver_group idle_heartbeat flow_control inactive_threshold num_replicas mem_storage direct
  sourcing metadata pause_until priority_groups priority_policy priority_timeout action pedantic
`)

export const pullFields = words(`
  batch expires no_wait max_bytes idle_heartbeat group min_pending min_ack_pending id priority
`)

export const directFields = words(`
  seq last_by_subj next_by_subj batch max_bytes start_time multi_last up_to_seq up_to_time no_hdr
`)

/** Of the other requests that have a body. */
export const requestFields: readonly string[] = [
  ...['STREAM.NAMES', 'STREAM.LIST'].flatMap(verb => [`${verb} offset`, `${verb} subject`]),
  ...words('deleted_details subjects_filter offset').map(name => `STREAM.INFO ${name}`),
  ...words('filter seq keep').map(name => `STREAM.PURGE ${name}`),
  ...words('seq no_erase').map(name => `STREAM.MSG.DELETE ${name}`),
  ...words('deliver_subject no_consumers chunk_size window_size jsck').map(
    name => `STREAM.SNAPSHOT ${name}`,
  ),
  ...words('config state').map(name => `STREAM.RESTORE ${name}`),
  'CONSUMER.NAMES offset',
  'CONSUMER.LIST offset',
  'CONSUMER.PAUSE pause_until',
  'CONSUMER.UNPIN group',
  'CONSUMER.RESET seq',
]

/** Of what a publisher is answered. */
export const publishFields = words('stream seq domain duplicate val batch count error')

export const headers = words(`
  Nats-Msg-Id Nats-Expected-Stream Nats-Expected-Last-Sequence Nats-Expected-Last-Msg-Id
  Nats-Expected-Last-Subject-Sequence Nats-Expected-Last-Subject-Sequence-Subject Nats-Rollup
  Nats-TTL Nats-Marker-Reason Nats-Incr Nats-Counter-Sources Nats-Batch-Id Nats-Batch-Sequence
  Nats-Batch-Commit $FI Nats-Schedule Nats-Schedule-Target Nats-Schedule-TTL
  Nats-Schedule-Source Nats-Schedule-Rollup Nats-Schedule-Time-Zone Nats-Scheduler
  Nats-Schedule-Next Nats-Stream-Source Nats-Required-Api-Level Nats-Stream-Identity
  Nats-Stream Nats-Subject Nats-Sequence Nats-Time-Stamp Nats-Last-Sequence Nats-Msg-Size
  Nats-Num-Pending Nats-UpTo-Sequence Nats-Pending-Messages Nats-Pending-Bytes
  Nats-Last-Consumer Nats-Last-Stream Nats-Consumer-Stalled Nats-Pin-Id KV-Operation
`)

export const statuses: readonly string[] = [
  '100 Idle Heartbeat',
  '100 FlowControl Request',
  '204 EOB',
  '204',
  '400 Bad Request',
  '404 No Messages',
  '404 Message Not Found',
  '404 No Results',
  '408 Request Timeout',
  '408 Requests Pending',
  '408 Interest Expired',
  '408 Empty Request',
  '408 Malformed Request',
  '408 Bad Request',
  '408 No Interest',
  '408 No Flow Response',
  '409 Consumer Deleted',
  '409 Consumer is push based',
  '409 Exceeded MaxWaiting',
  '409 Exceeded MaxRequestBatch',
  '409 Exceeded MaxRequestExpires',
  '409 Exceeded MaxRequestMaxBytes',
  '409 Message Size Exceeds MaxBytes',
  '409 Batch Completed',
  '409 Leadership Change',
  '409 Server Shutdown',
  '412 Required Api Level',
  '413 Too Many Results',
  '423 Nats-Wrong-Pin-Id',
  '423 Nats-Pin-Id mismatch',
  '429 Too Many Requests',
  '500',
  '503',
]

/** What the body of an acknowledgement says. */
export const acknowledgements: readonly string[] = [
  '(empty)',
  '+ACK',
  '+OK',
  '-NAK',
  '-NAK {"delay": <ns>}',
  '-NAK <duration>',
  '+WPI',
  '+NXT',
  '+NXT <n>',
  '+NXT {…}',
  '+TERM',
  '+TERM <reason>',
  '(with a reply)',
  '$JS.ACK with 11 tokens',
]

/** Below `$JS.EVENT.`. */
export const events = words(`
  ADVISORY.API ADVISORY.API.LIMIT_REACHED
  ADVISORY.STREAM.CREATED ADVISORY.STREAM.UPDATED ADVISORY.STREAM.DELETED
  ADVISORY.STREAM.SNAPSHOT_CREATE ADVISORY.STREAM.SNAPSHOT_COMPLETE
  ADVISORY.STREAM.RESTORE_CREATE ADVISORY.STREAM.RESTORE_COMPLETE
  ADVISORY.STREAM.BATCH_ABANDONED ADVISORY.STREAM.LEADER_ELECTED ADVISORY.STREAM.QUORUM_LOST
  ADVISORY.CONSUMER.CREATED ADVISORY.CONSUMER.DELETED ADVISORY.CONSUMER.PAUSE
  ADVISORY.CONSUMER.PINNED ADVISORY.CONSUMER.UNPINNED ADVISORY.CONSUMER.MAX_DELIVERIES
  ADVISORY.CONSUMER.MSG_NAKED ADVISORY.CONSUMER.MSG_TERMINATED
  ADVISORY.CONSUMER.LEADER_ELECTED ADVISORY.CONSUMER.QUORUM_LOST ADVISORY.DOMAIN.LEADER_ELECTED
  ADVISORY.SERVER.OUT_OF_STORAGE ADVISORY.SERVER.REMOVED ADVISORY.SERVER.META_RESCUE
  METRIC.CONSUMER.ACK
`)
