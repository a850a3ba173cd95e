// The rooms' part of /metrics: tables of which fields of their views are figures to be watched.

import { type Family, figure } from '../src/monitor/metrics.ts'
import { Query } from '../src/monitor/query.ts'

/** The rooms that run, by the name they have on `/edgez`. */
export interface MeasuredRooms {
  readonly views: ReadonlyMap<string, { view(): object }>
  readonly jetstream: { jsz(query: Query): object } | null
  /** Hubs that the config names. */
  readonly remotes: number
}

type Type = Family['type']
/** Field of the view, metric name, type, help. */
type Row = readonly [string, string, Type, string]

const jetstreamRows: readonly Row[] = [
  ['streams', 'jetstream_streams', 'gauge', 'Streams.'],
  ['consumers', 'jetstream_consumers', 'gauge', 'Consumers.'],
  ['messages', 'jetstream_messages', 'gauge', 'Messages that streams hold.'],
  ['bytes', 'jetstream_bytes', 'gauge', 'Bytes of the messages that streams hold.'],
  ['memory', 'jetstream_memory_used_bytes', 'gauge', 'Bytes held by streams in memory.'],
  ['storage', 'jetstream_file_used_bytes', 'gauge', 'Bytes held by streams on disk.'],
  ['reserved_memory', 'jetstream_memory_reserved_bytes', 'gauge', 'Bytes reserved in memory.'],
  ['reserved_storage', 'jetstream_file_reserved_bytes', 'gauge', 'Bytes reserved on disk.'],
]

const apiRows: readonly Row[] = [
  ['total', 'jetstream_api_requests_total', 'counter', 'JetStream API requests.'],
  ['errors', 'jetstream_api_errors_total', 'counter', 'JetStream API requests that failed.'],
]

const limitRows: readonly Row[] = [
  ['max_memory', 'jetstream_memory_max_bytes', 'gauge', 'Bytes streams in memory may hold.'],
  ['max_storage', 'jetstream_file_max_bytes', 'gauge', 'Bytes streams on disk may hold.'],
]

const storeRows: readonly Row[] = [
  ['file_bytes', 'store_file_bytes', 'gauge', 'Size of the database.'],
  ['free_bytes', 'store_free_bytes', 'gauge', 'Bytes of it that hold nothing.'],
  ['wal_bytes', 'store_wal_bytes', 'gauge', 'Size of its write-ahead log.'],
  ['queue_bytes', 'store_queue_bytes', 'gauge', 'Bytes waiting to be written.'],
  ['groups', 'store_groups_total', 'counter', 'Groups of writes committed with one fsync.'],
  ['checkpoints', 'store_checkpoints_total', 'counter', 'Checkpoints of the write-ahead log.'],
  [
    'blocked_checkpoints',
    'store_blocked_checkpoints_total',
    'counter',
    'Checkpoints that could not be completed.',
  ],
  ['refused_messages', 'store_refused_messages_total', 'counter', 'Messages without room.'],
  ['ttl_messages', 'store_ttl_messages', 'gauge', 'Messages with a TTL.'],
  ['expired_messages', 'store_expired_messages_total', 'counter', 'Messages whose TTL was over.'],
  ['schedules', 'store_schedules', 'gauge', 'Message schedules.'],
  ['scheduled_messages', 'store_scheduled_messages_total', 'counter', 'Messages they sent.'],
]

const backupRows: readonly Row[] = [
  ['copies', 'store_backup_copies', 'gauge', 'Copies of the store that are kept.'],
  ['successes', 'store_backups_total', 'counter', 'Copies made since the start.'],
  ['failures', 'store_backup_failures_total', 'counter', 'Copies that could not be made.'],
  [
    'last_success_seconds',
    'store_backup_last_success_timestamp_seconds',
    'gauge',
    'When the newest copy was made.',
  ],
  ['last_bytes', 'store_backup_last_bytes', 'gauge', 'Size of the newest copy.'],
  ['last_duration_ms', 'store_backup_last_duration_ms', 'gauge', 'Time the last copy took.'],
]

const mqttRows: readonly Row[] = [
  ['sessions', 'mqtt_sessions', 'gauge', 'MQTT sessions.'],
  ['kept_sessions', 'mqtt_kept_sessions', 'gauge', 'MQTT sessions that outlive connections.'],
  ['subscriptions', 'mqtt_subscriptions', 'gauge', 'Topic filters of all sessions.'],
  ['queued_msgs', 'mqtt_queued_messages', 'gauge', 'Messages waiting for sessions.'],
  ['queued_bytes', 'mqtt_queued_bytes', 'gauge', 'Bytes waiting for sessions.'],
  ['ack_pending', 'mqtt_ack_pending', 'gauge', 'QoS 1 messages without PUBACK.'],
  ['retained_msgs', 'mqtt_retained_messages', 'gauge', 'Retained messages.'],
  ['retained_bytes', 'mqtt_retained_bytes', 'gauge', 'Bytes of retained messages.'],
  ['dropped_msgs', 'mqtt_dropped_messages_total', 'counter', 'Messages of full sessions.'],
  ['unmapped_msgs', 'mqtt_unmapped_messages_total', 'counter', 'Subjects that are no topic.'],
  ['redelivered_msgs', 'mqtt_redelivered_messages_total', 'counter', 'Messages sent again.'],
  ['unretained_msgs', 'mqtt_unretained_messages_total', 'counter', 'Retained without room.'],
  ['violations', 'mqtt_violations_total', 'counter', 'Connections that broke the protocol.'],
]

const systemRows: readonly Row[] = [
  ['requests', 'system_requests_total', 'counter', 'Requests to the system account.'],
  ['dropped_requests', 'system_dropped_requests_total', 'counter', 'Requests that were too many.'],
  ['pending_requests', 'system_pending_requests', 'gauge', 'Requests waiting for answers.'],
  ['messages', 'system_messages_total', 'counter', 'Events and answers.'],
  ['servers', 'system_servers', 'gauge', 'Servers of the system account, this one too.'],
]

const portRows: readonly Row[] = [
  ['frames', 'serial_frames_total', 'counter', 'Readings of a serial port.'],
  ['bytes', 'serial_received_bytes_total', 'counter', 'Bytes read from a serial port.'],
  ['oversize', 'serial_oversize_frames_total', 'counter', 'Readings dropped for their length.'],
  ['skipped_bytes', 'serial_skipped_bytes_total', 'counter', 'Bytes outside of readings.'],
  ['writes', 'serial_writes_total', 'counter', 'Messages written to a serial port.'],
  ['written_bytes', 'serial_written_bytes_total', 'counter', 'Bytes written to a serial port.'],
  ['refused_writes', 'serial_refused_writes_total', 'counter', 'Messages not written.'],
  ['write_queue_bytes', 'serial_write_queue_bytes', 'gauge', 'Bytes waiting to be written.'],
  ['opened', 'serial_opened_total', 'counter', 'Times a serial port was opened.'],
  ['errors', 'serial_errors_total', 'counter', 'Times a serial port failed.'],
  ['stored', 'serial_stored_total', 'counter', 'Readings that a stream has on disk.'],
  ['refused', 'serial_refused_total', 'counter', 'Readings that a stream refused.'],
]

const telemetryRows: readonly Row[] = [
  ['samples', 'telemetry_samples_total', 'counter', 'Telemetry messages published.'],
  ['skipped', 'telemetry_skipped_total', 'counter', 'Samples skipped as one was under way.'],
  ['failures', 'telemetry_failures_total', 'counter', 'Samples that failed.'],
]

const scheduleRows: readonly Row[] = [
  ['runs', 'schedule_runs_total', 'counter', 'Messages published by a schedule.'],
]

const calloutRows: readonly Row[] = [
  ['asked', 'auth_callout_requests_total', 'counter', 'Logins that a service was asked about.'],
  ['admitted', 'auth_callout_admitted_total', 'counter', 'Logins that the service allowed.'],
  ['refused', 'auth_callout_refused_total', 'counter', 'Logins that came to nothing.'],
  ['unanswered', 'auth_callout_unanswered_total', 'counter', 'Questions without an answer.'],
]

export function* roomFamilies(rooms: MeasuredRooms): Iterable<Family> {
  yield figure('gauge', 'leaf_remotes', 'Hubs that the configuration names.', rooms.remotes)
  if (rooms.jetstream !== null) {
    const jsz = fieldsOf(rooms.jetstream.jsz(new Query(new URLSearchParams())))
    yield* single(jetstreamRows, jsz)
    yield* single(apiRows, fieldsOf(jsz.api))
    yield* single(limitRows, fieldsOf(jsz.config))
  }
  const view = (name: string) => fieldsOf(rooms.views.get(name)?.view())
  const store = view('store')
  yield* single(storeRows, store)
  yield* single(backupRows, fieldsOf(store.backup))
  if (Array.isArray(store.problems)) {
    yield figure('gauge', 'store_problems', 'What is wrong with the store.', store.problems.length)
  }
  yield* single(mqttRows, view('mqtt'))
  yield* single(systemRows, view('system'))
  const ports = listOf(view('serial').ports)
  if (ports.length > 0) yield open(ports)
  yield* labelled(portRows, ports, 'port')
  yield* single(telemetryRows, view('telemetry'))
  yield* single(calloutRows, view('auth_callout'))
  yield* labelled(scheduleRows, listOf(view('schedules').schedules), 'schedule')
}

type Fields = Readonly<Record<string, unknown>>

function fieldsOf(view: unknown): Fields {
  return typeof view === 'object' && view !== null ? (view as Fields) : {}
}

function listOf(views: unknown): readonly Fields[] {
  return Array.isArray(views) ? views.map(fieldsOf) : []
}

function* single(rows: readonly Row[], view: Fields): Iterable<Family> {
  for (const [field, name, type, help] of rows) {
    const value = view[field]
    if (typeof value === 'number') yield figure(type, name, help, value)
  }
}

/** One series for each of the views, told apart by their names. */
function* labelled(
  rows: readonly Row[],
  views: readonly Fields[],
  label: string,
): Iterable<Family> {
  for (const [field, name, type, help] of rows) {
    const samples = views.flatMap(view => {
      const value = view[field]
      const labels = { [label]: String(view.name) }
      return typeof value === 'number' ? [{ labels, value }] : []
    })
    yield { name, type, help, samples }
  }
}

function open(ports: readonly Fields[]): Family {
  const samples = ports.map(({ name, state }) => ({
    labels: { port: String(name) },
    value: state === 'open' ? 1 : 0,
  }))
  return { name: 'serial_open', type: 'gauge', help: '1 when a serial port is open.', samples }
}
