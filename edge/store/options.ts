// The `jetstream` option: true, false, enabled, disabled, or a block. Names and aliases are
// nats-server's (reference 2.8); one default differs on purpose: every acknowledged message is on
// disk (`sync_interval: always`).

import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkConfig } from '../../src/server/check.ts'
import { parseDurationMs } from '../../src/server/duration.ts'
import type { Block, ConfNode, Report, Values } from '../../src/server/option.ts'
import { backupBlock, verifyBackup } from './backup/copy-options.ts'

/** null: each group of writes is synced before anybody hears of it. */
type SyncInterval = number | null

const batchBlock = {
  max_inflight_per_stream: {
    type: 'integer',
    default: 0,
    min: 0,
    about: 'Open batches of a stream; 0 = 50 atomic and 1000 fast ones.',
  },
  max_inflight_total: {
    type: 'integer',
    default: 0,
    min: 0,
    about: 'Open batches of all streams; 0 = 1000 atomic and 50000 fast ones.',
  },
  max_msgs: {
    type: 'integer',
    default: 0,
    min: 0,
    about: 'Messages of an atomic batch; 0 = 1000.',
  },
  timeout: {
    type: 'duration',
    default: 0,
    min: 0,
    about: 'A batch without a message for so long is abandoned; 0 = 10 s.',
  },
} as const satisfies Block

const limitsBlock = {
  max_ack_pending: {
    type: 'integer',
    default: 0,
    min: -1,
    about: 'The largest max_ack_pending of a consumer; 0 = without limit.',
  },
  max_request_batch: {
    type: 'integer',
    default: 0,
    min: -1,
    about: 'The largest max_batch of a pull consumer, and what it has when it sets none; 0 = none.',
  },
  duplicate_window: {
    type: 'duration',
    default: 0,
    min: 0,
    about: 'The longest duplicate_window of a stream; 0 = without limit.',
  },
  max_ha_assets: { type: 'ignored', about: 'There is no JetStream cluster.' },
  batch: {
    type: 'block',
    block: batchBlock,
    always: true,
    about: 'What batches of published messages may take.',
  },
} as const satisfies Block

export const jetstreamBlock = {
  enabled: { type: 'boolean', default: true, aliases: ['enable'], about: 'Turns the store on.' },
  store_dir: {
    type: 'string',
    default: null,
    defaultText: "`nats` in the system's temporary folder",
    aliases: ['storedir', 'store'],
    about: 'Folder of the store; `jetstream` is made inside it.',
  },
  max_memory_store: {
    type: 'size',
    default: null,
    defaultText: 'a quarter of the memory',
    min: 0,
    aliases: ['max_mem_store', 'max_mem'],
    about: 'Bytes that streams in memory may hold and reserve.',
  },
  max_file_store: {
    type: 'size',
    default: null,
    defaultText: 'three quarters of the free disk',
    min: 0,
    aliases: ['max_file'],
    about: 'Bytes that streams on disk may hold and reserve.',
  },
  domain: {
    type: 'custom',
    default: null as string | null,
    read: readDomain,
    about: 'Name under which other servers reach this store: `$JS.<domain>.API`.',
  },
  sync_interval: {
    type: 'custom',
    default: null as SyncInterval,
    defaultText: 'always',
    aliases: ['sync'],
    read: readSyncInterval,
    about: '`always`, or how long an acknowledged message may be lost by a power cut.',
  },
  backup: {
    type: 'block',
    block: backupBlock,
    verify: verifyBackup,
    about: 'Whole copies of the store, made while it runs.',
  },
  key: { type: 'unsupported', aliases: ['ek', 'encryption_key'], about: 'Encrypt the disk.' },
  prev_key: {
    type: 'unsupported',
    aliases: ['prev_ek', 'prev_encryption_key'],
    about: 'Encrypt the disk.',
  },
  cipher: { type: 'unsupported', about: 'Encrypt the disk.' },
  tpm: { type: 'unsupported', about: 'Encrypt the disk.' },
  limits: {
    type: 'block',
    block: limitsBlock,
    always: true,
    about: 'What any account may ask for.',
  },
  strict: {
    type: 'boolean',
    default: true,
    about: 'Refuse requests with fields the API does not know; otherwise only warn of them.',
  },
  extension_hint: { type: 'ignored', about: 'There is no JetStream cluster.' },
  unique_tag: { type: 'ignored', about: 'There is no JetStream cluster.' },
  max_outstanding_catchup: { type: 'ignored', about: 'There is no JetStream cluster.' },
  max_buffered_size: { type: 'ignored', about: 'Messages are not queued before the store.' },
  max_buffered_msgs: { type: 'ignored', about: 'Messages are not queued before the store.' },
  request_queue_limit: {
    type: 'integer',
    default: 10_000,
    min: 0,
    about: 'API requests that may wait for the disk; more are dropped, with an advisory.',
  },
  info_queue_limit: { type: 'ignored', about: 'What only reads is answered at once.' },
  meta_compact: { type: 'ignored', about: 'There is no JetStream cluster.' },
  meta_compact_size: { type: 'ignored', about: 'There is no JetStream cluster.' },
  meta_compact_sync: { type: 'ignored', about: 'There is no JetStream cluster.' },
  max_concurrent_io: {
    type: 'ignored',
    about: 'The disk is written by one transaction at a time.',
  },
} as const satisfies Block

export type JetStreamOptions = Values<typeof jetstreamBlock>

/** The row for the top of the config file; null when JetStream is off. */
export const jetstreamOption = {
  type: 'custom',
  default: null as JetStreamOptions | null,
  read: readJetStream,
  block: jetstreamBlock,
  about: 'The embedded store: true, false, or a block.',
} as const

/** Where the store itself is. */
export function storeDirOf(options: JetStreamOptions): string {
  return join(options.store_dir ?? join(tmpdir(), 'nats'), 'jetstream')
}

/** Every default, as `jetstream: true` gives. */
export function jetstreamDefaults(): JetStreamOptions {
  return checkConfig(null, jetstreamBlock).values
}

function readJetStream(node: ConfNode, report: Report): JetStreamOptions | null {
  switch (node.is) {
    case 'boolean':
      return node.value ? jetstreamDefaults() : null
    case 'string': {
      const word = node.value.toLowerCase()
      if (word === 'enabled' || word === 'enable') return jetstreamDefaults()
      if (word === 'disabled' || word === 'disable') return null
      report.error(node.place, `Expected 'enabled' or 'disabled' for string value, got '${word}'`)
      return null
    }
    case 'map': {
      const { values, errors, warnings, notes } = checkConfig(node, jetstreamBlock)
      for (const { place, text } of errors) report.error(place, text)
      for (const { place, text } of warnings) report.warning(place, text)
      for (const { place, text } of notes) report.note?.(place, text)
      return values.enabled ? values : null
    }
    default:
      report.error(node.place, 'Expected map, bool or string to define JetStream')
      return null
  }
}

const domainBytesMax = 255

function readDomain(node: ConfNode, report: Report): string | null {
  if (node.is !== 'string') {
    report.error(node.place, 'the JetStream domain is a name')
    return null
  }
  if (/^[A-Za-z0-9_-]+$/.test(node.value) && node.value.length <= domainBytesMax) return node.value
  report.error(
    node.place,
    `invalid domain name: may only contain letters, numbers, '_' and '-': "${node.value}"`,
  )
  return null
}

function readSyncInterval(node: ConfNode, report: Report): SyncInterval {
  if (node.is === 'string') {
    if (node.value.toLowerCase() === 'always') return null
    const ms = parseDurationMs(node.value)
    if (ms !== null && ms > 0) return ms
  }
  report.error(node.place, 'sync_interval is "always" or a duration like "2m"')
  return null
}
