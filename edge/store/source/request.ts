// The request for the consumer that a mirror or a source follows, as nats-server 2.10 sends it
// (reference 4.9), and what stands in the answer and behind each delivery.

import { randomBytes } from 'node:crypto'
import { type Fields, isFields, readFields } from '../api/text.ts'
import type { ApiError, StreamSourceConfig } from '../shapes.ts'

const secondNs = 1_000_000_000
const ownPrefix = '$JS.API'

/** Where to begin. */
export type Start =
  | { readonly deliver_policy: 'all' }
  | { readonly deliver_policy: 'by_start_sequence'; readonly opt_start_seq: number }
  | { readonly deliver_policy: 'by_start_time'; readonly opt_start_time: string }

/** `M` a mirror's, `S` a source's. */
export type FeedKind = 'M' | 'S'

export interface ConsumerRequest {
  readonly subject: string
  readonly deliverSubject: string
  readonly body: Buffer
}

export function consumerRequest(
  source: StreamSourceConfig,
  kind: FeedKind,
  start: Start,
): ConsumerRequest {
  const { api = '', deliver = '' } = source.external ?? {}
  const deliverSubject = `${deliver === '' ? '$JS' : deliver}.${kind}.${token()}`
  const filters = filtersOf(source)
  const only = filters.length === 1 ? filters[0] : undefined
  const name = `${kind === 'M' ? 'mirror' : 'src'}-${token()}`
  const config = {
    ...(only !== undefined && { name }),
    ...start,
    ack_policy: 'none',
    ack_wait: 22 * 3600 * secondNs,
    max_deliver: 1,
    ...(only !== undefined && { filter_subject: only }),
    ...(filters.length > 1 && { filter_subjects: filters }),
    replay_policy: 'instant',
    idle_heartbeat: secondNs,
    flow_control: true,
    deliver_subject: deliverSubject,
    inactive_threshold: 10 * secondNs,
    num_replicas: 0,
    direct: true,
  }
  const path = `CONSUMER.CREATE.${source.name}`
  return {
    subject: `${api || ownPrefix}.${only === undefined ? path : `${path}.${name}.${only}`}`,
    deliverSubject,
    body: Buffer.from(JSON.stringify({ stream_name: source.name, config, action: '' })),
  }
}

function filtersOf({ filter_subject, subject_transforms }: StreamSourceConfig): readonly string[] {
  if (filter_subject !== undefined) return [filter_subject]
  return (subject_transforms ?? []).map(({ src }) => src || '>')
}

export type Answer =
  | { readonly is: 'made'; readonly consumer: string; readonly deliveredSeq: number }
  | { readonly is: 'refused'; readonly error: ApiError }

/** null: this is no answer to a request for a consumer. */
export function readAnswer(payload: Buffer): Answer | null {
  const fields = readFields(payload)
  if (fields === null) return null
  if (isFields(fields.error)) return { is: 'refused', error: errorOf(fields.error) }
  const delivered = isFields(fields.delivered) ? fields.delivered.stream_seq : undefined
  if (typeof fields.name !== 'string' || !Number.isSafeInteger(delivered)) return null
  return { is: 'made', consumer: fields.name, deliveredSeq: Number(delivered) }
}

function errorOf({ code, err_code, description }: Fields): ApiError {
  return {
    code: Number(code) || 500,
    err_code: Number(err_code) || 0,
    description: typeof description === 'string' ? description.slice(0, 1024) : '',
  }
}

/** What a delivery's reply subject says of it. */
export interface Delivery {
  readonly consumer: string
  readonly deliveries: number
  readonly streamSeq: number
  readonly consumerSeq: number
  readonly timeUs: number
  readonly pending: number
}

/**
 *   $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<ns>.<pending>
 *   $JS.ACK.<domain>.<account>.<stream>.<consumer>.…                       since 2.15, if told to
 */
export function readDelivery(reply: string): Delivery | null {
  if (!reply.startsWith('$JS.ACK.')) return null
  const tokens = reply.split('.')
  const at = tokens.length === 9 ? 3 : tokens.length >= 11 ? 5 : 0
  if (at === 0) return null
  const numbers = tokens.slice(at + 1, at + 6)
  if (!numbers.every(text => /^\d{1,19}$/.test(text))) return null
  const [deliveries = '', streamSeq = '', consumerSeq = '', ns = '', pending = ''] = numbers
  return {
    consumer: tokens[at] as string,
    deliveries: Number(deliveries),
    streamSeq: Number(streamSeq),
    consumerSeq: Number(consumerSeq),
    // Nanoseconds are not exact in a double: to microseconds before they become a number.
    timeUs: Number(ns.slice(0, -3)),
    pending: Number(pending),
  }
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** 8 random characters, as in nats-server's own subjects. */
export function token(): string {
  return [...randomBytes(8)].map(byte => digits[byte % digits.length]).join('')
}
