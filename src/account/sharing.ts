// What accounts share, as rules: exports, imports and mappings (reference 2.4, 5.4). They come from
// the config file or from the JWTs of accounts; sharing-plan.ts checks a whole set, and Sharing of
// the broker puts it into force.

export type ShareKind = 'stream' | 'service'

/** How an answer ends: with its first message, with an empty one, or likewise. */
export type ResponseType = 'Singleton' | 'Streamed' | 'Chunked'

export interface ExportRule {
  readonly kind: ShareKind
  /** May hold wildcards. */
  readonly subject: string
  /** Who may import it; null = every account. */
  readonly accounts: readonly string[] | null
  /** Only with an activation; see `PlanOptions.isActivated`. */
  readonly needsActivation: boolean
  /** Which token, a `*`, an importer fills with its own name; counts from 1, 0 = none. */
  readonly accountTokenPosition: number
  // Of services:
  readonly responseType: ResponseType
  readonly responseThresholdMs: number
  readonly latency: LatencyRule | null
  /** Accepted; messages are not traced. */
  readonly allowTrace: boolean
}

export interface LatencyRule {
  /** Percent of requests that are measured; 0: those whose headers ask for it. */
  readonly sampling: number
  /** Where the exporting account is told. */
  readonly subject: string
}

export interface ImportRule {
  readonly kind: ShareKind
  /** The account that exports. */
  readonly account: string
  /** The subject there; may be narrower than the export's. */
  readonly subject: string
  /** The subject here; '' = the same, with the prefix in front. */
  readonly to: string
  /** Of streams; '' = none. */
  readonly prefix: string
  /** Of services: the exporter learns who asks. */
  readonly share: boolean
  readonly allowTrace: boolean
  /** An activation JWT; '' = none. */
  readonly activation: string
}

export interface MappingRule {
  readonly from: string
  readonly to: readonly MappedTo[]
}

export interface MappedTo {
  /** May use the mapping functions of subject/transform.ts. */
  readonly subject: string
  /** Percent; what is missing from 100 stays as it was. */
  readonly weight: number
  /** Only on servers of this cluster; '' = on all. */
  readonly cluster: string
}

export interface SharingRules {
  readonly exports: readonly ExportRule[]
  readonly imports: readonly ImportRule[]
  readonly mappings: readonly MappingRule[]
}

/** By account; one that exports to others stands in it, even without rules of its own. */
export type SharingSet = ReadonlyMap<string, SharingRules>

export const noRules: SharingRules = { exports: [], imports: [], mappings: [] }

export const responseThresholdMsDefault = 120_000

/** A public service or stream, to be changed by the caller. */
export function newExport(kind: ShareKind, subject: string): ExportRule {
  return {
    kind,
    subject,
    accounts: null,
    needsActivation: false,
    accountTokenPosition: 0,
    responseType: 'Singleton',
    responseThresholdMs: responseThresholdMsDefault,
    latency: null,
    allowTrace: false,
  }
}

export function newImport(kind: ShareKind, account: string, subject: string, to = ''): ImportRule {
  return {
    kind,
    account,
    subject,
    to,
    prefix: '',
    share: false,
    allowTrace: false,
    activation: '',
  }
}
