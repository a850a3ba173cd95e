// The part of an account's JWT that is about other accounts: what it exports, what it imports, and
// how it maps subjects. Times are milliseconds here, nanoseconds in the token.

import type { Fields } from './fields.ts'

export type ShareKind = 'stream' | 'service'

export interface ExportClaim {
  readonly name: string
  readonly subject: string
  readonly type: string
  readonly tokenRequired: boolean
  /** Of activations: by account key or `*`, seconds since 1970. */
  readonly revocations: ReadonlyMap<string, number>
  readonly responseType: string
  readonly responseThresholdMs: number
  /** `sampling` nought: by headers. */
  readonly latency: { readonly sampling: number; readonly results: string } | null
  readonly accountTokenPosition: number
  readonly allowTrace: boolean
  readonly description: string
  readonly infoUrl: string
}

export interface ImportClaim {
  readonly name: string
  readonly subject: string
  /** The public key of the account that exports. */
  readonly account: string
  /** An activation JWT; '' = the export is public. */
  readonly token: string
  readonly to: string
  readonly localSubject: string
  readonly type: string
  readonly share: boolean
  readonly allowTrace: boolean
}

export interface MappingClaim {
  readonly from: string
  readonly to: readonly MappedClaim[]
}

export interface MappedClaim {
  readonly subject: string
  /** Percent; not given is 100. */
  readonly weight: number
  readonly cluster: string
}

export interface Sharing {
  readonly exports: readonly ExportClaim[]
  readonly imports: readonly ImportClaim[]
  readonly mappings: readonly MappingClaim[]
}

export function sharingOf(nats: Fields): Sharing {
  return {
    exports: nats.inners('exports').map(exportOf),
    imports: nats.inners('imports').map(importOf),
    mappings: nats.entries('mappings').map(([from, to]) => mappingOf(nats, from, to)),
  }
}

const nsPerMs = 1_000_000

function exportOf(fields: Fields): ExportClaim {
  const latency = fields.inner('service_latency')
  return {
    name: fields.text('name'),
    subject: fields.text('subject'),
    type: fields.text('type'),
    tokenRequired: fields.flag('token_req'),
    revocations: new Map(
      fields.entries('revocations').map(([key, at]) => [key, typeof at === 'number' ? at : 0]),
    ),
    responseType: fields.text('response_type'),
    responseThresholdMs: fields.integer('response_threshold') / nsPerMs,
    latency: fields.has('service_latency')
      ? { sampling: samplingOf(latency), results: latency.text('results') }
      : null,
    accountTokenPosition: fields.integer('account_token_position'),
    allowTrace: fields.flag('allow_trace'),
    description: fields.text('description'),
    infoUrl: fields.text('info_url'),
  }
}

function samplingOf(latency: Fields): number {
  const value = latency.raw('sampling')
  const isHeaders = typeof value === 'string' && value.toLowerCase() === 'headers'
  return isHeaders ? 0 : latency.integer('sampling')
}

function importOf(fields: Fields): ImportClaim {
  return {
    name: fields.text('name'),
    subject: fields.text('subject'),
    account: fields.text('account'),
    token: fields.text('token'),
    to: fields.text('to'),
    localSubject: fields.text('local_subject'),
    type: fields.text('type'),
    share: fields.flag('share'),
    allowTrace: fields.flag('allow_trace'),
  }
}

function mappingOf(nats: Fields, from: string, value: unknown): MappingClaim {
  const list = Array.isArray(value) ? value : []
  if (!Array.isArray(value)) nats.fail('json: cannot read field "mappings" as list')
  const to = list.map(item => {
    const fields = nats.of(item, 'mappings')
    return {
      subject: fields.text('subject'),
      weight: fields.integer('weight') || 100,
      cluster: fields.text('cluster'),
    }
  })
  return { from, to }
}
