// The rows `exports` and `imports` of an account (reference 2.4): how they are read, and how those of
// all accounts are checked against each other. Texts of errors are nats-server's; it reads the keys
// of an entry in random order, so where its text depends on that order ours is the one it has when
// `stream` or `service` comes first.

import { planSharing } from '../account/sharing-plan.ts'
import {
  type ExportRule,
  type ImportRule,
  type LatencyRule,
  newExport,
  newImport,
  type ResponseType,
  type ShareKind,
  type SharingSet,
} from '../account/sharing.ts'
import { goType } from './check.ts'
import type { ConfMap } from './conf.ts'
import { parseDurationMs } from './duration.ts'
import type { Block, ConfEntry, ConfNode, Report } from './option.ts'

const rulesMax = 10_000
const accountsMax = 1024

const exportBlock = {
  stream: { type: 'string', default: null, about: 'Messages on this subject may be imported.' },
  service: { type: 'string', default: null, about: 'Requests on this subject may be imported.' },
  accounts: { type: 'strings', default: [], defaultText: 'all', about: 'Who may import it.' },
  response_type: {
    type: 'string',
    default: null,
    defaultText: 'singleton',
    aliases: ['response'],
    about: 'Answers to a request: `singleton`, or `stream` or `chunked` up to an empty one.',
  },
  response_threshold: {
    type: 'duration',
    default: 120_000,
    aliases: ['threshold', 'response_max_time', 'response_time'],
    about: 'Time a service has for an answer, and for the next one.',
  },
  latency: {
    type: 'string',
    default: null,
    about: 'Subject that is told how long answers take, or `{ subject, sampling }`.',
  },
  account_token_position: {
    type: 'integer',
    default: 0,
    about: 'Which token, a `*`, every importer has to fill with its own name.',
  },
  allow_trace: { type: 'boolean', default: false, about: 'Accepted; messages are not traced.' },
} as const satisfies Block

const importBlock = {
  stream: { type: 'string', default: null, about: '`{ account, subject }` of the export.' },
  service: { type: 'string', default: null, about: '`{ account, subject }` of the export.' },
  to: {
    type: 'string',
    default: null,
    defaultText: 'the same',
    about: 'The subject here; `$1` or `*` for the tokens behind wildcards.',
  },
  prefix: { type: 'string', default: null, about: 'In front of the subjects of a stream.' },
  share: { type: 'boolean', default: false, about: 'The service is told all of who asks.' },
  allow_trace: { type: 'boolean', default: false, about: 'Accepted; messages are not traced.' },
} as const satisfies Block

export const exportsRow = {
  type: 'custom',
  default: [] as readonly ExportRule[],
  defaultText: '',
  read: readExports,
  block: exportBlock,
  reloadable: true,
  about: 'What other accounts may import.',
} as const

export const importsRow = {
  type: 'custom',
  default: [] as readonly ImportRule[],
  defaultText: '',
  read: readImports,
  block: importBlock,
  reloadable: true,
  about: 'What it takes from other accounts.',
} as const

/** The rules of all accounts against each other. */
export function verifySharing(set: SharingSet, node: ConfNode, report: Report): void {
  const { faults } = planSharing(set, { cluster: () => '', isActivated: () => false })
  for (const { text } of faults) report.error(node.place, text)
}

function readExports(node: ConfNode, report: Report): readonly ExportRule[] {
  return readRules(node, 'Exports', readExport, report)
}

function readImports(node: ConfNode, report: Report): readonly ImportRule[] {
  const rules = readRules(node, 'Imports', readImport, report)
  const seen = new Map<string, ImportRule>()
  for (const rule of rules) {
    if (rule.kind !== 'service') continue
    const here = rule.to || rule.subject
    const key = `${rule.account} ${here}`
    const before = seen.get(key)
    if (before) {
      const used = `previously used in import for account "${before.account}", subject "${before.subject}"`
      report.error(node.place, `Duplicate service import subject "${here}", ${used}`)
    }
    seen.set(key, rule)
  }
  return rules
}

function readRules<T>(
  node: ConfNode,
  what: string,
  read: (map: ConfMap, report: Report) => T | null,
  report: Report,
): readonly T[] {
  if (node.is !== 'list') {
    report.error(node.place, `${what} should be an array, got ${goType(node)}`)
    return []
  }
  if (node.items.length > rulesMax) {
    report.error(node.place, `more than ${rulesMax} ${what.toLowerCase()}`)
    return []
  }
  return node.items.flatMap(item => {
    if (item.is === 'map') return read(item, report) ?? []
    const one = what.slice(0, -1)
    const text = `${one} Items should be a map with type entry, got ${goType(item)}`
    report.error(item.place, text)
    return []
  })
}

/** `stream` or `service`; null: neither, or both. */
function kindOf(map: ConfMap, both: (key: ConfEntry) => string, report: Report): ShareKind | null {
  const found = [...map.entries.values()].filter(({ key }) => /^(stream|service)$/i.test(key))
  const [first, second] = found
  if (second !== undefined) report.error(second.node.place, both(second))
  return first === undefined ? null : (first.key.toLowerCase() as ShareKind)
}

function readExport(map: ConfMap, report: Report): ExportRule | null {
  const other = (entry: ConfEntry) => {
    const name = entry.node.is === 'string' ? entry.node.value : ''
    const isStream = entry.key.toLowerCase() === 'stream'
    return isStream
      ? `Detected stream "${name}" but already saw a service`
      : `Detected service "${name}" but already saw a stream`
  }
  const kind = kindOf(map, other, report)
  if (kind === null) return null
  const rule: { -readonly [K in keyof ExportRule]: ExportRule[K] } = newExport(kind, '')
  const seen = new Set<string>()
  for (const entry of map.entries.values()) readExportKey(entry, rule, seen, report)
  return rule.subject === '' ? null : rule
}

type Draft<T> = { -readonly [K in keyof T]: T[K] }

function readExportKey(
  entry: ConfEntry,
  rule: Draft<ExportRule>,
  seen: Set<string>,
  report: Report,
): void {
  const { node } = entry
  const key = exportKeys[entry.key.toLowerCase()]
  const fail = (text: string) => report.error(node.place, text)
  if (key === undefined) return unknown(entry, report)
  if (seen.has(key)) return fail(duplicates[key] ?? `Duplicate ${key}`)
  seen.add(key)
  const about = ofServices[key]
  if (about !== undefined && rule.kind === 'stream') {
    return fail(`Detected ${about} directive on non-service`)
  }
  switch (key) {
    case 'stream':
    case 'service':
      if (key !== rule.kind) return
      if (node.is === 'string') rule.subject = node.value
      else fail(`Expected ${key} name to be string, got ${goType(node)}`)
      return
    case 'accounts':
      rule.accounts = readNames(node, report)
      return
    case 'response':
      rule.responseType = readResponseType(node, report)
      return
    case 'threshold': {
      const ms = node.is === 'string' ? parseDurationMs(node.value) : null
      const got = node.is === 'string' ? `"${node.value}"` : goType(node)
      if (ms !== null && ms > 0) rule.responseThresholdMs = ms
      else if (ms === null) {
        fail(`Expected response threshold to be a parseable time duration, got ${got}`)
      }
      return
    }
    case 'latency':
      rule.latency = readLatency(node, report)
      return
    case 'position':
      if (node.is === 'integer' && node.value >= 0) rule.accountTokenPosition = node.value
      else fail('Expected account_token_position to be a positive integer')
      return
    case 'trace':
      if (node.is === 'boolean') rule.allowTrace = node.value
      else fail('Expected allow_trace to be true or false')
  }
}

const exportKeys: Readonly<Record<string, string>> = {
  stream: 'stream',
  service: 'service',
  accounts: 'accounts',
  response: 'response',
  response_type: 'response',
  threshold: 'threshold',
  response_threshold: 'threshold',
  response_max_time: 'threshold',
  response_time: 'threshold',
  latency: 'latency',
  account_token_position: 'position',
  allow_trace: 'trace',
}

const duplicates: Readonly<Record<string, string>> = {
  response: 'Duplicate response type definition',
  threshold: 'Duplicate response threshold detected',
}

const ofServices: Readonly<Record<string, string>> = {
  response: 'response',
  threshold: 'response',
  latency: 'latency',
  trace: 'allow_trace',
}

const responseTypes: Readonly<Record<string, ResponseType>> = {
  single: 'Singleton',
  singleton: 'Singleton',
  stream: 'Streamed',
  chunk: 'Chunked',
  chunked: 'Chunked',
}

function readResponseType(node: ConfNode, report: Report): ResponseType {
  const type = node.is === 'string' ? responseTypes[node.value.toLowerCase()] : undefined
  if (type !== undefined) return type
  const text =
    node.is === 'string'
      ? `Unknown response type: "${node.value}"`
      : `Expected response type to be string, got ${goType(node)}`
  report.error(node.place, text)
  return 'Singleton'
}

/** As in nats-server an empty list is no list: everybody. */
function readNames(node: ConfNode, report: Report): readonly string[] | null {
  const items = node.is === 'list' ? node.items : [node]
  const names: string[] = []
  if (items.length > accountsMax) report.error(node.place, `more than ${accountsMax} accounts`)
  for (const item of items.slice(0, accountsMax)) {
    if (item.is === 'string') names.push(item.value)
    else report.error(item.place, 'Expected an account name')
  }
  return names.length === 0 ? null : names
}

function readLatency(node: ConfNode, report: Report): LatencyRule | null {
  if (node.is === 'string') return { subject: node.value, sampling: 100 }
  if (node.is !== 'map') {
    const text = `Expected latency entry to be a map/struct or string, got ${goType(node)}`
    report.error(node.place, text)
    return null
  }
  let sampling: number | null = 100
  let subject: ConfNode | null = null
  for (const entry of node.entries.values()) {
    if (entry.key === 'sampling') sampling = readSampling(entry.node, report)
    else if (entry.key === 'subject') subject = entry.node
    else unknown(entry, report)
  }
  if (sampling === null) return null
  if (subject === null) report.error(node.place, 'Latency subject required, but missing')
  else if (subject.is === 'string') return { subject: subject.value, sampling }
  else report.error(subject.place, 'Expected latency subject to be a string')
  return null
}

function readSampling(node: ConfNode, report: Report): number | null {
  if (node.is === 'string' && node.value.trim().toLowerCase() === 'headers') return 0
  if (node.is !== 'string' && node.is !== 'integer') {
    const text = `Expected latency sample to be a string or map/struct, got ${goType(node)}`
    report.error(node.place, text)
    return null
  }
  const text = node.is === 'integer' ? String(node.value) : node.value.replace(/%$/, '')
  if (!/^[+-]?\d+$/.test(text)) {
    const why = `strconv.Atoi: parsing "${text}": invalid syntax`
    report.error(node.place, `Failed to parse latency sample: ${why}`)
    return null
  }
  const percent = Number(text)
  if (percent >= 1 && percent <= 100) return percent
  report.error(node.place, 'bad sampling percentage, should be 1-100')
  return null
}

function readImport(map: ConfMap, report: Report): ImportRule | null {
  const other = ({ key }: ConfEntry) => {
    const now = key.toLowerCase()
    return `Detected ${now} but already saw a ${now === 'stream' ? 'service' : 'stream'}`
  }
  const kind = kindOf(map, other, report)
  if (kind === null) return null
  const rule: Draft<ImportRule> = newImport(kind, '', '')
  for (const entry of map.entries.values()) readImportKey(entry, rule, report)
  if (kind === 'stream' && rule.prefix !== '' && rule.to !== '') {
    report.error(map.place, "Stream import can not have a 'prefix' and a 'to' property")
  }
  if (kind === 'service') rule.prefix = ''
  return rule.account === '' || rule.subject === '' ? null : rule
}

function readImportKey(entry: ConfEntry, rule: Draft<ImportRule>, report: Report): void {
  const { node } = entry
  const key = entry.key.toLowerCase()
  switch (key) {
    case 'stream':
    case 'service':
      if (key === rule.kind) readExporter(node, rule, report)
      return
    case 'prefix':
    case 'to':
      if (node.is === 'string') rule[key] = node.value
      else report.error(node.place, `Expected ${key} of an import to be a string`)
      return
    case 'share':
    case 'allow_trace':
      if (key === 'allow_trace' && rule.kind === 'service') {
        report.error(node.place, 'Detected allow_trace directive on a non-stream')
      } else if (node.is !== 'boolean') {
        report.error(node.place, `Expected ${key} to be true or false`)
      } else if (key === 'share') rule.share = node.value
      else rule.allowTrace = node.value
      return
    default:
      unknown(entry, report)
  }
}

/** `{ account: A, subject: s }` */
function readExporter(node: ConfNode, rule: Draft<ImportRule>, report: Report): void {
  if (node.is !== 'map') {
    const name = rule.kind === 'stream' ? 'Stream' : 'Service'
    report.error(node.place, `${name} entry should be an account map, got ${goType(node)}`)
    return
  }
  for (const entry of node.entries.values()) {
    const key = entry.key.toLowerCase()
    if (key !== 'account' && key !== 'subject') unknown(entry, report)
    else if (entry.node.is === 'string') rule[key] = entry.node.value
    else report.error(entry.node.place, `Expected ${key} to be a string`)
  }
  if (rule.account !== '' && rule.subject !== '') return
  report.error(node.place, 'Expect an account name and a subject')
}

function unknown(entry: ConfEntry, report: Report): void {
  if (!entry.referenced) report.error(entry.keyPlace, `unknown field "${entry.key}"`)
}
