// $JS.API.INFO: what an account uses and may use.

import type { StreamLimits, TieredLimits } from '../../../src/account/stream-limits.ts'
import { apiLevel } from '../../../src/server/version.ts'
import type { AccountUsage, ApiAnswer, ApiRequest, ApiRow, StreamAdmin } from './request.ts'
import type { Fields } from './text.ts'

export const accountRows: readonly ApiRow<StreamAdmin>[] = [
  { subject: 'INFO', type: 'account_info_response', handle: accountInfo },
]

function accountInfo({ jetstream }: ApiRequest<StreamAdmin>): ApiAnswer {
  const usage = jetstream.usage()
  const { limits, tiers } = jetstream.quota
  return {
    ...usageFields(usage, jetstream.streams.size, tiers === null ? limits : null),
    ...(jetstream.domain !== '' && { domain: jetstream.domain }),
    api: { level: apiLevel, total: usage.requests, errors: usage.errors },
    ...(tiers && { tiers: tierFields(tiers, usage, jetstream.streams.size) }),
  }
}

/** On a server that stands alone everything has one replica. */
function tierFields(tiers: TieredLimits, usage: AccountUsage, streams: number): Fields {
  const names = [...tiers.keys()].sort()
  const of = (name: string) =>
    usageFields(
      name === 'R1' ? usage : unused,
      name === 'R1' ? streams : 0,
      tiers.get(name) ?? null,
    )
  return Object.fromEntries(names.map(name => [name, of(name)]))
}

const unused: AccountUsage = {
  memoryBytes: 0,
  fileBytes: 0,
  memoryReservedBytes: 0,
  fileReservedBytes: 0,
  consumers: 0,
  requests: 0,
  errors: 0,
}

/** null: the tiers have them. */
function usageFields(usage: AccountUsage, streams: number, limits: StreamLimits | null): Fields {
  return {
    memory: usage.memoryBytes,
    storage: usage.fileBytes,
    reserved_memory: usage.memoryReservedBytes,
    reserved_storage: usage.fileReservedBytes,
    streams,
    consumers: usage.consumers,
    limits: {
      max_memory: limits?.memoryBytesMax ?? 0,
      max_storage: limits?.diskBytesMax ?? 0,
      max_streams: limits?.streamsMax ?? 0,
      max_consumers: limits?.consumersMax ?? 0,
      max_ack_pending: limits?.ackPendingMax ?? 0,
      memory_max_stream_bytes: limits?.memoryStreamBytesMax ?? 0,
      storage_max_stream_bytes: limits?.diskStreamBytesMax ?? 0,
      max_bytes_required: limits?.maxBytesRequired ?? false,
    },
  }
}
