// What a mirror or a source asks of its origin, as nats-server 2.14 and 2.15 ask it (reference 4.9,
// ADR-59, ADR-60), and what stands in the answer and behind each delivery.
//
//   new     a consumer that the origin knows for a source's: on a work queue or an interest stream
//           it makes it a durable one that is acknowledged by flow control. Level 4 is required; an
//           origin of 2.15 compares the identity besides, older ones do not look at it.
//   old     for an origin that refuses the new form: what nats-server 2.10 asks
//   reset   the consumer was made by somebody else and has a name: it only begins anew

import { randomBytes } from 'node:crypto'
import { type Fields, isFields, readFields } from '../api/text.ts'
import { hashOf } from '../identity.ts'
import type { ApiError, StreamSourceConfig } from '../shapes.ts'
import { indexName } from './config.ts'

const secondNs = 1_000_000_000
const ownPrefix = '$JS.API'
const levelRequired = 4

/** Where to begin. */
export type Start =
  | { readonly deliver_policy: 'all' }
  | { readonly deliver_policy: 'by_start_sequence'; readonly opt_start_seq: number }
  | { readonly deliver_policy: 'by_start_time'; readonly opt_start_time: string }

/** `M` a mirror's, `S` a source's. */
export type FeedKind = 'M' | 'S'

export type Form = 'new' | 'old' | 'reset'

/** Who asks: the stream that mirrors or sources. */
export interface Asker {
  readonly account: string
  readonly domain: string
  readonly stream: string
}

export interface Wish {
  readonly source: StreamSourceConfig
  readonly kind: FeedKind
  readonly asker: Asker
  /** The name that the consumer has as long as the config is what it is. */
  readonly consumer: string
  readonly start: Start
  /** Of the origin as it was known last; '' when it is not. */
  readonly identity: string
}

export interface ConsumerRequest {
  readonly subject: string
  readonly deliverSubject: string
  readonly headers: Buffer
  readonly body: Buffer
}

const nothing = Buffer.alloc(0)

export function consumerRequest(wish: Wish, form: Form, isOrphaned = false): ConsumerRequest {
  const { source, kind, consumer } = wish
  const headers = form === 'old' ? nothing : requestHeaders(wish)
  if (source.consumer) {
    const { name = '', deliver_subject = '' } = source.consumer
    return {
      subject: apiSubject(source, `CONSUMER.RESET.${source.name}.${name}`),
      deliverSubject: deliver_subject,
      headers,
      body: nothing,
    }
  }
  const prefix = source.external?.deliver || '$JS'
  const deliverSubject = `${prefix}.${kind}.${token()}`.replaceAll('..', '.')
  const filters = filtersOf(source)
  const only = filters.length === 1 ? filters[0] : undefined
  // An older origin gives no name of its own, and may still have the last one.
  const name = form === 'old' || isOrphaned ? `${consumer}_${token()}` : consumer
  const config = {
    name,
    ...wish.start,
    ack_policy: 'none',
    ack_wait: 22 * 3600 * secondNs,
    max_deliver: 1,
    ...(only !== undefined && { filter_subject: only }),
    ...(filters.length > 1 && { filter_subjects: filters }),
    replay_policy: 'instant',
    flow_control: true,
    deliver_subject: deliverSubject,
    idle_heartbeat: secondNs,
    inactive_threshold: 10 * secondNs,
    num_replicas: 0,
    direct: true,
    ...(form === 'new' && { sourcing: true }),
    metadata: metadataOf(wish),
  }
  const path = `CONSUMER.CREATE.${source.name}`
  return {
    subject: apiSubject(source, only === undefined ? path : `${path}.${name}.${only}`),
    deliverSubject,
    headers,
    body: Buffer.from(JSON.stringify({ stream_name: source.name, config, action: '' })),
  }
}

/** Asks that the origin forgets the consumer that was made under this name. */
export function deletionSubject(source: StreamSourceConfig, consumer: string): string {
  return apiSubject(source, `CONSUMER.DELETE.${source.name}.${consumer}`)
}

function apiSubject({ external }: StreamSourceConfig, path: string): string {
  return `${external?.api || ownPrefix}.${path}`.replaceAll('..', '.')
}

/** A mirror does not say which stream it knew: its own sequences tell how far it is. */
function requestHeaders({ kind, identity, source }: Wish): Buffer {
  if (kind === 'M') {
    if (source.consumer) return nothing
    return Buffer.from(`NATS/1.0\r\nNats-Required-Api-Level: ${levelRequired}\r\n\r\n`)
  }
  return Buffer.from(
    `NATS/1.0\r\nNats-Required-Api-Level: ${levelRequired}\r\nNats-Stream-Identity: ${identity}\r\n\r\n`,
  )
}

function metadataOf({ kind, asker }: Wish): Readonly<Record<string, string>> {
  const prefix = kind === 'M' ? '_nats.mirror' : '_nats.src'
  return {
    [`${prefix}.acc`]: asker.account,
    ...(asker.domain !== '' && { [`${prefix}.domain`]: asker.domain }),
    [`${prefix}.stream`]: asker.stream,
  }
}

/**
 * The consumer's name at the origin: the same again after a restart, so that a durable one is found
 * again, and another for every source of one stream.
 */
export function consumerName(
  kind: FeedKind,
  asker: Asker,
  source: StreamSourceConfig,
  siblings: readonly StreamSourceConfig[],
): string {
  const parts = [asker.stream, asker.account, asker.domain].filter(part => part !== '')
  const stable = hashOf(parts.join(' '))
  if (kind === 'M') return `JS_MIRROR_${stable}`
  const isOnly = siblings.filter(({ name }) => name === source.name).length < 2
  return `JS_SRC_${hashOf(isOnly ? stable : `${stable} ${indexName(source)}`)}`
}

function filtersOf({ filter_subject, subject_transforms }: StreamSourceConfig): readonly string[] {
  if (filter_subject !== undefined) return [filter_subject]
  return (subject_transforms ?? []).map(({ src }) => src || '>')
}

export type Answer =
  | {
      readonly is: 'made'
      readonly consumer: string
      readonly deliveredSeq: number
      /** Acknowledged by flow control, and there until it is deleted. */
      readonly isDurable: boolean
      readonly ackPolicy: string
      /** The origin knew what it is for. */
      readonly isSourcing: boolean
      readonly identity: string
    }
  | { readonly is: 'refused'; readonly error: ApiError }
  /** Nobody serves that consumer. */
  | { readonly is: 'unheard' }

/** null: this is no answer to a request for a consumer. */
export function readAnswer(payload: Buffer, headers: Buffer): Answer | null {
  const lines = headers.toString('latin1')
  if (payload.length === 0 && lines.startsWith('NATS/1.0 503')) return { is: 'unheard' }
  const fields = readFields(payload)
  if (fields === null) return null
  if (isFields(fields.error)) return { is: 'refused', error: errorOf(fields.error) }
  const delivered = isFields(fields.delivered) ? fields.delivered.stream_seq : undefined
  const config = isFields(fields.config) ? fields.config : {}
  if (typeof fields.name !== 'string' || !Number.isSafeInteger(delivered)) return null
  return {
    is: 'made',
    consumer: fields.name,
    deliveredSeq: Number(delivered),
    isDurable: typeof config.durable_name === 'string' && config.durable_name !== '',
    ackPolicy: String(config.ack_policy),
    isSourcing: config.sourcing === true,
    identity: /\r\nNats-Stream-Identity: *([\w-]{1,64})\r\n/i.exec(lines)?.[1] ?? '',
  }
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
  let tokens = 1
  for (let at = reply.indexOf('.'); at >= 0; at = reply.indexOf('.', at + 1)) {
    starts[tokens & tokensMask] = at + 1
    if (++tokens > tokensMask) break
  }
  starts[tokens & tokensMask] = reply.length + 1
  const consumer = tokens === 9 ? 3 : tokens >= 11 ? 5 : 0
  if (consumer === 0) return null
  const deliveries = numberOf(reply, consumer + 1, 0)
  const streamSeq = numberOf(reply, consumer + 2, 0)
  const consumerSeq = numberOf(reply, consumer + 3, 0)
  // Nanoseconds are not exact in a double: to microseconds before they become a number.
  const timeUs = numberOf(reply, consumer + 4, 3)
  const pending = numberOf(reply, consumer + 5, 0)
  if (deliveries < 0 || streamSeq < 0 || consumerSeq < 0 || timeUs < 0 || pending < 0) return null
  const name = reply.slice(starts[consumer], (starts[consumer + 1] ?? 0) - 1)
  return { consumer: name, deliveries, streamSeq, consumerSeq, timeUs, pending }
}

/** Where the tokens of the reply at hand begin, one more than there are. bench: feed. */
const tokensMask = 15
const starts = new Int32Array(tokensMask + 1)
const numberDigitsMax = 19

/** The token's number without its last digits; -1: it is none. */
function numberOf(reply: string, token: number, cutDigits: number): number {
  const from = starts[token] as number
  const to = (starts[token + 1] as number) - 1
  if (to <= from || to - from > numberDigitsMax) return -1
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = reply.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return -1
    if (at < to - cutDigits) value = value * 10 + digit
  }
  return value
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** 8 random characters, as in nats-server's own subjects. */
export function token(): string {
  return [...randomBytes(8)].map(byte => digits[byte % digits.length]).join('')
}
