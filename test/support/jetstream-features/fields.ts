// The rows of fields: of configs, pull requests and direct gets (reference 6.3, 6.4, 6.6).

import { consumerFields, directFields, pullFields, sourceFields, streamFields } from './names.ts'
import { both, bothButDiffers, type Row } from './row.ts'

const file = 'peer/fields/field-rows.ts'
const config = 'peer/stream-config.test.ts'

/** In other files, or with a note. */
const streamElsewhere: ReadonlyMap<string, Row> = new Map(
  [
    both('placement.preferred', config, "preferred: 'p'"),
    both('pedantic', config, 'no default in silence, when asked for'),
    bothButDiffers('subjects', 'at most 4,096', file, "['subjects', "),
    bothButDiffers('sources', 'at most 64', file, "['sources', "),
    bothButDiffers('num_replicas', '1 only, as on any single server', file, "['num_replicas', "),
    bothButDiffers('compression', 'kept and shown, without effect', file, "['compression', "),
  ].map(row => [row.name, row]),
)

export const streamFieldRows: readonly Row[] = streamFields.map(
  name => streamElsewhere.get(name) ?? both(name, file, `['${name}', `),
)

export const sourceFieldRows: readonly Row[] = sourceFields.map(name =>
  both(name, file, `${name}: `),
)

const consumerElsewhere: ReadonlyMap<string, Row> = new Map(
  [
    both('deliver_policy', file, "['deliver_policy', policy]"),
    both('ack_policy', file, "['ack_policy', policy]"),
    both('action', 'peer/errors/consumer-rows.ts', "action: 'create'"),
    both('pedantic', 'peer/errors/consumer-rows.ts', 'pedantic: true'),
  ].map(row => [row.name, row]),
)

export const consumerFieldRows: readonly Row[] = consumerFields.map(
  name => consumerElsewhere.get(name) ?? both(name, file, `['${name}', `),
)

const inGroups = 'peer/consumer-priority.test.ts'
const statuses = 'peer/heard/status-rows.ts'
const pullTests: Readonly<Record<string, readonly [string, string]>> = {
  batch: [statuses, 'pull({ batch: 6 })'],
  expires: [statuses, 'pull({ expires: 100 * ms })'],
  no_wait: [statuses, 'no_wait: true'],
  max_bytes: [statuses, 'max_bytes: 1000'],
  idle_heartbeat: [statuses, 'idle_heartbeat: 200 * ms'],
  group: [statuses, "group: 'g'"],
  min_pending: [inGroups, 'let overflow help once enough is left'],
  min_ack_pending: [inGroups, 'let overflow help once enough waits for acks'],
  id: [inGroups, 'pin one client, and tell the others'],
  priority: [inGroups, 'serve who asks with the lower number first'],
}

export const pullFieldRows: readonly Row[] = pullFields.map(name => {
  const [where, text] = pullTests[name] ?? ['', '']
  return both(name, where, text)
})

export const directFieldRows: readonly Row[] = directFields.map(name =>
  both(name, 'peer/direct-get.test.ts', `${name}: `),
)
