// How long services take to answer other accounts: a measurement of some requests, published in the
// account of the service (`io.nats.server.metric.v1.service_latency`, reference 5.4).
//
// Of whoever asks only the account and the round trip are told, unless the import shares more.

import type { Account } from '../account/account.ts'
import type { LatencyRule } from '../account/sharing.ts'
import type { Clock } from '../base/clock.ts'
import { newNuid } from '../base/nuid.ts'
import type { Message, Origin } from '../message.ts'
import { headersOf, post } from './post.ts'
import type { RequestInfo } from './request-info.ts'

type Headers = Readonly<Record<string, readonly string[]>>

/** Begun with the request. */
export interface Measurement {
  readonly rule: LatencyRule
  readonly asker: RequestInfo | null
  readonly startWallMs: number
  readonly startMs: number
  /** The headers that asked for it; null = the sampling did. */
  readonly headers: Headers | null
}

const origin: Origin = { kind: 'system', sink: null, echo: true, permissions: null }
const type = 'io.nats.server.metric.v1.service_latency'
const nsPerMs = 1_000_000
const percent = 100

const failures = {
  unasked: { status: 400, description: 'Bad Request' },
  unwanted: { status: 408, description: 'Request Timeout' },
  undelivered: { status: 503, description: 'Service Unavailable' },
  late: { status: 504, description: 'Service Timeout' },
} as const

export type Failure = keyof typeof failures

export class Latency {
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Is this request one to measure? null = no. */
  begin(rule: LatencyRule, message: Message, asker: () => RequestInfo | null): Measurement | null {
    const { sampling } = rule
    const isDrawn = sampling > 0 && Math.random() * percent < sampling
    const headers = isDrawn ? null : tracingHeaders(message)
    if (!isDrawn && headers === null) return null
    const startWallMs = this.#clock.wallMs()
    return { rule, asker: asker(), startWallMs, startMs: this.#clock.monotonicMs(), headers }
  }

  answered(service: Account, measurement: Measurement, responder: RequestInfo | null): void {
    const tookNs = (this.#clock.monotonicMs() - measurement.startMs) * nsPerMs
    const answererNs = rttOf(responder)
    this.#tell(service, measurement, {
      status: 200,
      ...(responder === null ? {} : { responder }),
      serviceNs: Math.max(0, tookNs - answererNs),
      totalNs: rttOf(measurement.asker) + tookNs,
    })
  }

  failed(service: Account, measurement: Measurement, failure: Failure): void {
    this.#tell(service, measurement, { ...failures[failure], serviceNs: 0, totalNs: 0 })
  }

  #tell(
    service: Account,
    { rule, asker, headers, startWallMs }: Measurement,
    outcome: {
      readonly status: number
      readonly description?: string
      readonly responder?: RequestInfo
      readonly serviceNs: number
      readonly totalNs: number
    },
  ): void {
    const { status, description, responder, serviceNs, totalNs } = outcome
    const body = {
      type,
      id: newNuid(),
      timestamp: new Date(this.#clock.wallMs()).toISOString(),
      status,
      ...(description === undefined ? {} : { description }),
      ...(asker === null ? {} : { requestor: asker }),
      ...(responder === undefined ? {} : { responder }),
      ...(headers === null ? {} : { header: headers }),
      start: new Date(startWallMs - rttOf(asker) / nsPerMs).toISOString(),
      service: Math.round(serviceNs),
      system: 0,
      total: Math.round(totalNs),
    }
    post(service, origin, { subject: rule.subject, payload: Buffer.from(JSON.stringify(body)) })
  }
}

function rttOf(info: RequestInfo | null): number {
  const rtt = info?.rtt
  return typeof rtt === 'number' ? rtt : 0
}

/** The headers of a request that is traced by one of the usual systems; null = it is not. */
function tracingHeaders(message: Message): Headers | null {
  if (message.payloadStart === message.bodyStart) return null
  const found = new Map<string, string>()
  for (const line of headersOf(message).toString().split('\r\n').slice(1)) {
    const colon = line.indexOf(':')
    if (colon > 0) found.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  const uber = found.get('uber-trace-id')
  if (uber !== undefined) {
    const flags = uber.split(':')[3] ?? ''
    return /^[0-9a-f]{1,2}$/i.test(flags) && (Number.parseInt(flags, 16) & 1) === 1
      ? { 'Uber-Trace-Id': [uber], ...beginningWith(found, 'uberctx-') }
      : null
  }
  return zipkinHeaders(found) ?? w3cHeaders(found)
}

function zipkinHeaders(found: ReadonlyMap<string, string>): Headers | null {
  const sampled = found.get('x-b3-sampled')
  const id = found.get('x-b3-traceid')
  if (sampled === '1' || (id !== undefined && sampled !== '0')) return beginningWith(found, 'x-b3-')
  const b3 = sampled === '0' ? undefined : found.get('b3')
  if (b3 === undefined) return null
  const parts = b3.split('-')
  const isDenied = parts[2] === '0' || (parts.length === 1 && parts[0] === '0')
  return isDenied ? null : { B3: [b3] }
}

function w3cHeaders(found: ReadonlyMap<string, string>): Headers | null {
  if (found.has('x-b3-sampled') || found.has('b3')) return null
  const parent = found.get('traceparent')
  const flags = parent?.split('-')[3] ?? ''
  if (parent === undefined || !/^[0-9a-f]{2}$/i.test(flags)) return null
  if ((Number.parseInt(flags, 16) & 1) === 0) return null
  const state = found.get('tracestate')
  return { Traceparent: [parent], ...(state === undefined ? {} : { Tracestate: [state] }) }
}

/** With the spelling that Go gives to header names. */
function beginningWith(found: ReadonlyMap<string, string>, start: string): Headers {
  const chosen = [...found].filter(([name]) => name.startsWith(start))
  return Object.fromEntries(chosen.map(([name, value]) => [spelt(name), [value]]))
}

function spelt(name: string): string {
  const words = name.split('-').map(word => word.charAt(0).toUpperCase() + word.slice(1))
  return words.join('-').replace('Traceid', 'TraceId').replace('Spanid', 'SpanId')
}
