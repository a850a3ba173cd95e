// /healthz: may traffic be sent here? The texts and status codes are nats-server 2.10's.

import type { Query } from './query.ts'
import type { HealthSource } from './shapes.ts'

type FaultType = 'CONNECTION' | 'BAD_REQUEST' | 'JETSTREAM' | 'ACCOUNT' | 'STREAM' | 'CONSUMER'

interface Fault {
  readonly code: number
  readonly status: 'error' | 'unavailable'
  readonly type: FaultType
  readonly error: string
  readonly account?: string
  readonly stream?: string
  readonly consumer?: string
}

export interface Health {
  /** HTTP status. */
  readonly code: number
  readonly body: object
}

/** Throws QueryError when a parameter is wrong. */
export function healthz(source: HealthSource | undefined, query: Query): Health {
  const isOldName = query.bool('js-enabled')
  const enabledOnly = query.bool('js-enabled-only') || isOldName
  // What only clusters tell apart: their server and their meta leader.
  query.bool('js-server-only')
  query.bool('js-meta-only')
  const withDetails = query.bool('details')
  const asked = {
    account: query.text('account'),
    stream: query.text('stream'),
    consumer: query.text('consumer'),
  }
  const fault = requestFault(asked) ?? brokerFault(source) ?? storeFault(source, asked, enabledOnly)
  if (fault === null) return { code: 200, body: { status: 'ok' } }
  const { code, status, error, ...named } = fault
  if (!withDetails) return { code, body: { status, error } }
  return { code, body: { status: 'error', errors: [{ ...named, error }] } }
}

const notEnabled = 'JetStream not enabled (10076)'

interface Asked {
  readonly account: string
  readonly stream: string
  readonly consumer: string
}

function requestFault({ account, stream, consumer }: Asked): Fault | null {
  const bad = (field: string, what: string): Fault => ({
    code: 400,
    status: 'error',
    type: 'BAD_REQUEST',
    error: `"${field}" must not be empty when checking ${what} health`,
  })
  if (account === '' && stream !== '') return bad('account', 'stream')
  if (stream === '' && consumer !== '') return bad('stream', 'consumer')
  return null
}

function brokerFault(source: HealthSource | undefined): Fault | null {
  const missing = source?.notReady() ?? []
  if (missing.length === 0) return null
  const error = `failed to be ready for connections after 1ms: ${missing.join(', ')}`
  return { code: 500, status: 'error', type: 'CONNECTION', error }
}

function storeFault(
  source: HealthSource | undefined,
  { account, stream, consumer }: Asked,
  enabledOnly: boolean,
): Fault | null {
  const jetstream = source?.jetstream ?? null
  if (jetstream === null) return null
  const sick = { code: 503, status: 'unavailable', type: 'JETSTREAM' } as const
  if (!jetstream.isEnabled()) return { ...sick, error: notEnabled }
  // Who asks only whether it runs restarts what does not: that would mend no disk.
  if (enabledOnly) return null
  const problem = jetstream.problem()
  if (problem !== null) return { ...sick, error: problem }
  if (account === '') return null
  const missing = { code: 404, status: 'unavailable', account } as const
  if (!jetstream.hasAccount(account)) {
    return { ...missing, type: 'ACCOUNT', error: `JetStream account "${account}" not found` }
  }
  if (stream === '') return null
  if (!jetstream.hasStream(account, stream)) {
    const error = `JetStream stream "${stream}" not found on account "${account}"`
    return { ...missing, stream, type: 'STREAM', error }
  }
  if (consumer === '' || jetstream.hasConsumer(account, stream, consumer)) return null
  const error = `JetStream consumer "${consumer}" not found for stream "${stream}" on account "${account}"`
  return { ...missing, stream, consumer, type: 'CONSUMER', error }
}
