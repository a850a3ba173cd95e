// The messages a stream makes itself: what a schedule sends, and the marker left where the last
// message of a subject expired.

import { durationText } from '../consumer/duration.ts'
import type { ScheduleHeaders } from './headers.ts'

const nothing = 'NATS/1.0\r\n\r\n'
/** Of the schedule itself, and what would keep the message from being stored. */
const dropped = new RegExp(
  '^(?:Nats-Schedule[^:\\r\\n]*|Nats-Expected-[^:\\r\\n]*|Nats-Msg-Id|Nats-TTL|Nats-Rollup)' +
    ':[^\\r\\n]*\\r\\n',
  'gm',
)

/**
 * Headers of what a schedule sends: those of the message with its content, and where it is from.
 * `next`: when it is due again, or `purge`.
 */
export function scheduledHeaders(
  content: Buffer,
  scheduler: string,
  next: string,
  { ttl, rollup }: ScheduleHeaders,
): Buffer {
  const own = (content.length === 0 ? nothing : content.toString('latin1')).replace(dropped, '')
  const lines =
    `Nats-Scheduler: ${latin1(scheduler)}\r\nNats-Schedule-Next: ${next}\r\n` +
    (ttl === undefined ? '' : `Nats-TTL: ${latin1(ttl)}\r\n`) +
    (rollup === undefined ? '' : `Nats-Rollup: ${latin1(rollup)}\r\n`)
  return Buffer.from(`${own.slice(0, -2)}${lines}\r\n`, 'latin1')
}

/** Headers of a marker: it replaces what expired, and goes itself after a while. */
export function markerHeaders(seconds: number): Buffer {
  const ttl = durationText(seconds * 1_000_000_000)
  return Buffer.from(
    `NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: ${ttl}\r\nNats-Rollup: sub\r\n\r\n`,
  )
}

const marked = /^(?:Nats-Marker-Reason: *[^ \r\n]|KV-Operation: *PURGE\r)/m

/** A marker already, or a key's own: the end of it leaves no other. */
export function isMarker(headers: Buffer): boolean {
  return headers.length > 0 && marked.test(headers.toString('latin1'))
}

/** With another value of a header, at the end, as nats-server does it. */
export function withHeader(headers: Buffer, name: string, value: string): Buffer {
  const text = headers.length === 0 ? nothing : headers.toString('latin1')
  const kept = text.replace(new RegExp(`^${name}:[^\\r\\n]*\\r\\n`, 'gm'), '')
  return Buffer.from(`${kept.slice(0, -2)}${name}: ${value}\r\n\r\n`, 'latin1')
}

/** Text as the bytes it came from, to go out as latin1. */
function latin1(text: string): string {
  return Buffer.from(text).toString('latin1')
}
