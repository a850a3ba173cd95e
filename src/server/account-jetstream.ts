// `jetstream` of one account: on, off, or a block of what it may store. Names, aliases and texts
// are nats-server's (reference section 2.4).

import { freeStreams, type StreamLimits } from '../account/stream-limits.ts'
import { checkConfig } from './check.ts'
import type { Block, ConfNode, Report, Values } from './option.ts'

type Key =
  | 'max_memory'
  | 'max_store'
  | 'max_streams'
  | 'max_consumers'
  | 'max_ack_pending'
  | 'mem_max_stream_bytes'
  | 'disk_max_stream_bytes'

function count(key: Key, aliases: readonly string[], about: string) {
  return { type: 'custom', default: -1, read: countReader(key), aliases, about } as const
}

const limitsBlock = {
  max_memory: count(
    'max_memory',
    ['max_mem', 'mem', 'memory'],
    'Bytes that its streams in memory may hold and reserve; -1 = without limit of its own.',
  ),
  max_store: count(
    'max_store',
    ['max_file', 'max_disk', 'store', 'disk'],
    'Bytes that its streams on disk may hold and reserve; -1 = without limit of its own.',
  ),
  max_streams: count('max_streams', ['streams'], 'Streams; below 1 = without limit.'),
  max_consumers: count(
    'max_consumers',
    ['consumers'],
    'Consumers of one stream; below 1 = without limit.',
  ),
  max_bytes_required: {
    type: 'custom',
    default: false,
    read: readFlag,
    aliases: ['max_stream_bytes', 'max_bytes'],
    about: 'Streams without max_bytes are refused.',
  },
  mem_max_stream_bytes: count(
    'mem_max_stream_bytes',
    ['memory_max_stream_bytes'],
    'The largest max_bytes of a stream in memory; below 1 = without limit.',
  ),
  disk_max_stream_bytes: count(
    'disk_max_stream_bytes',
    ['store_max_stream_bytes'],
    'The largest max_bytes of a stream on disk; below 1 = without limit.',
  ),
  max_ack_pending: count(
    'max_ack_pending',
    [],
    'The largest max_ack_pending of a consumer, and what it has when it asks for none.',
  ),
  cluster_traffic: {
    type: 'custom',
    default: 'system',
    read: readTraffic,
    about: '`system` or `owner`; without meaning, there is no JetStream cluster.',
  },
} as const satisfies Block

/** null: it has no JetStream. */
export const accountJetStreamRow = {
  type: 'custom',
  default: null as StreamLimits | null,
  defaultText: 'disabled',
  read: readJetStream,
  block: limitsBlock,
  reloadable: true,
  about: '`enabled`, or a block: it has streams of its own; `disabled` by default.',
} as const

function readJetStream(node: ConfNode, report: Report): StreamLimits | null {
  switch (node.is) {
    case 'boolean':
      return node.value ? freeStreams : null
    case 'string': {
      const word = node.value.toLowerCase()
      if (word === 'enabled' || word === 'enable') return freeStreams
      if (word === 'disabled' || word === 'disable') return null
      report.error(
        node.place,
        `Expected 'enabled' or 'disabled' for string value, got '${node.value}'`,
      )
      return null
    }
    case 'map': {
      const { values, errors, warnings, notes } = checkConfig(node, limitsBlock)
      for (const { place, text } of errors) report.error(place, text)
      for (const { place, text } of warnings) report.warning(place, text)
      for (const { place, text } of notes) report.note?.(place, text)
      return limitsOf(values)
    }
    default:
      report.error(node.place, 'Expected map, bool or string to define JetStream')
      return null
  }
}

function limitsOf(values: Values<typeof limitsBlock>): StreamLimits {
  return {
    memoryBytesMax: values.max_memory,
    diskBytesMax: values.max_store,
    streamsMax: values.max_streams,
    consumersMax: values.max_consumers,
    ackPendingMax: values.max_ack_pending,
    memoryStreamBytesMax: values.mem_max_stream_bytes,
    diskStreamBytesMax: values.disk_max_stream_bytes,
    maxBytesRequired: values.max_bytes_required,
  }
}

function countReader(key: Key): (node: ConfNode, report: Report) => number {
  return (node, report) => {
    if (node.is === 'integer') return node.value
    report.error(node.place, `Expected a parseable size for "${key}", got ${shown(node)}`)
    return -1
  }
}

function readFlag(node: ConfNode, report: Report): boolean {
  if (node.is === 'boolean') return node.value
  const got = shown(node)
  report.error(node.place, `Expected a parseable bool for "max_bytes_required", got ${got}`)
  return false
}

function readTraffic(node: ConfNode, report: Report): string {
  if (node.is !== 'string') {
    report.error(
      node.place,
      `Expected either 'system' or 'owner' string value for "cluster_traffic", got ${shown(node)}`,
    )
  } else if (!['', 'system', 'owner'].includes(node.value)) {
    report.error(
      node.place,
      `Expected 'system' or 'owner' string value for "cluster_traffic", got ${node.value}`,
    )
  } else return node.value
  return 'system'
}

/** As the message shows what came instead. */
function shown(node: ConfNode): string {
  switch (node.is) {
    case 'list':
      return `[${node.items.map(shown).join(' ')}]`
    case 'map':
      return 'a map'
    default:
      return String(node.value)
  }
}
