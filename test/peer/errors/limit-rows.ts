// What provokes the error codes of the limits of servers and accounts.

import { consumer, type Row, stream } from './provoke.ts'

/** Inside `jetstream { … }`. */
export const serverLimits =
  'max_memory_store: 20000, max_file_store: 100000, limits { max_request_batch: 7 }'

export const accounts = `accounts {
  LIMITED { users: [ { user: limited, password: pw } ]
    jetstream: { max_mem: 1000, max_store: 4000, max_streams: 1, disk_max_stream_bytes: 3000 } }
  BOUND { users: [ { user: bound, password: pw } ], jetstream: { max_bytes_required: true } }
  FREE { users: [ { user: free, password: pw } ], jetstream: enabled }
  NONE { users: [ { user: none, password: pw } ] }
}`

const memory = { storage: 'memory' }
const kilobyte = 'x'.repeat(1000)

export const limitedRows: readonly Row[] = [
  [10002, stream(memory), ['x.a', kilobyte], ['x.a', kilobyte]],
  [10027, stream(), stream({}, 'Y')],
  [10028, stream({ ...memory, max_bytes: 1001 })],
  [10122, stream({ max_bytes: 3001 })],
  [10125, stream(), consumer({ max_batch: 8 })],
]

export const boundRows: readonly Row[] = [[10113, stream()]]

export const noneRows: readonly Row[] = [[10039, ['$JS.API.INFO']]]

export const freeRows: readonly Row[] = [
  [10047, stream({ max_bytes: 100_001 })],
  [10023, stream(memory), ...Array.from({ length: 25 }, () => ['x.a', kilobyte] as const)],
]
