// $JS.API.INFO: what an account uses and may use.

import type { ApiAnswer, ApiRequest, ApiRow, StreamAdmin } from './request.ts'

export const accountRows: readonly ApiRow<StreamAdmin>[] = [
  { subject: 'INFO', type: 'account_info_response', handle: accountInfo },
]

/** An account without limits of its own: the server's bound it. */
const unlimited = {
  max_memory: -1,
  max_storage: -1,
  max_streams: -1,
  max_consumers: -1,
  max_ack_pending: -1,
  memory_max_stream_bytes: -1,
  storage_max_stream_bytes: -1,
  max_bytes_required: false,
}

function accountInfo({ jetstream }: ApiRequest<StreamAdmin>): ApiAnswer {
  const usage = jetstream.usage()
  return {
    memory: usage.memoryBytes,
    storage: usage.fileBytes,
    reserved_memory: usage.memoryReservedBytes,
    reserved_storage: usage.fileReservedBytes,
    streams: jetstream.streams.size,
    consumers: usage.consumers,
    limits: unlimited,
    ...(jetstream.domain !== '' && { domain: jetstream.domain }),
    api: { total: usage.requests, errors: usage.errors },
  }
}
