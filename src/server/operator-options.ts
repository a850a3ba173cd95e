// The rows of operator mode at the top of the config file (reference 2.9): operators, the resolver
// of accounts, and what is there before it is asked. The rules between them are in
// operator-rules.ts.

import { readFileSync, statSync } from 'node:fs'
import { isPublicKey } from '../account/nkey.ts'
import { type OperatorClaims, readAccount, readOperator } from '../operator/claims.ts'
import type { ResolverSettings } from '../operator/settings.ts'
import { tokenBytesMax } from '../operator/token.ts'
import { fetchMsDefault } from '../operator/url-resolver.ts'
import { parseDurationMs } from './duration.ts'
import type { Block, ConfEntry, ConfNode, Report } from './option.ts'
import { tlsResolverRow } from './tls-options.ts'

const intervalMsDefault = 60_000
const cacheTtlMsDefault = 0

export const operatorRows = {
  operator: {
    type: 'custom',
    default: [] as readonly OperatorClaims[],
    defaultText: '[]',
    aliases: ['operators', 'root', 'roots', 'root_operator', 'root_operators'],
    field: 'TrustedOperators',
    read: readOperators,
    about:
      'Operator mode: files with the JWT of the operators whom we trust, or the JWTs themselves.',
  },
  trusted: {
    type: 'custom',
    default: [] as readonly string[],
    defaultText: '[]',
    aliases: ['trusted_keys'],
    field: 'TrustedKeys',
    read: readTrusted,
    about: 'Public operator keys that we trust, instead of operators.',
  },
  resolver: {
    type: 'custom',
    default: null as ResolverSettings | null,
    aliases: ['account_resolver', 'accounts_resolver'],
    field: 'AccountResolver',
    read: readResolver,
    about:
      'Where account JWTs come from: `MEMORY`, `URL(…)`, or `{ type: full | cache, dir, allow_delete, hard_delete, interval, limit, timeout, ttl }`.',
  },
  resolver_preload: {
    type: 'custom',
    default: new Map() as ReadonlyMap<string, string>,
    defaultText: '{}',
    read: readPreload,
    reloadable: true,
    about: 'Account JWTs by public key, known from the start.',
  },
  resolver_tls: {
    ...tlsResolverRow,
    about: 'TLS towards the resolver with a URL.',
  },
  resolver_pinned_accounts: {
    type: 'strings',
    default: [],
    about: 'The only accounts that may be used here, and the system account.',
  },
  default_sentinel: {
    type: 'string',
    default: null,
    reloadable: true,
    about: 'The user JWT of clients that bring none; it must be a bearer token.',
  },
} as const satisfies Block

const operatorsMax = 32
const preloadsMax = 10_000

function readOperators(node: ConfNode, report: Report): readonly OperatorClaims[] {
  const items = node.is === 'list' ? node.items : [node]
  const operators: OperatorClaims[] = []
  for (const item of items.slice(0, operatorsMax)) {
    if (item.is !== 'string') {
      report.error(item.place, 'error parsing operators: unsupported type where string is expected')
      continue
    }
    const text = operatorText(item.value)
    const claims = text instanceof Error ? text.message : readOperator(text)
    if (typeof claims !== 'string') operators.push(claims)
    else report.error(item.place, `error parsing operator JWT: ${claims}`)
  }
  if (items.length > operatorsMax) report.error(node.place, `more than ${operatorsMax} operators`)
  return operators
}

/** A file, plain or with lines of dashes around the JWT; or the JWT itself. */
function operatorText(value: string): string | Error {
  try {
    if (statSync(value).size > 2 * tokenBytesMax) return new Error(`${value}: file too large`)
    return undecorated(readFileSync(value, 'utf8'))
  } catch (error) {
    // All JWTs begin like this: it is no file, then.
    if (value.startsWith('eyJ')) return undecorated(value)
    return new Error(`open ${value}: ${goReason(error as NodeJS.ErrnoException)}`)
  }
}

function undecorated(text: string): string {
  const framed = /(?:^|\n)-{3,}[^\n]*-{3,}\r?\n([\w\-.=]+)\r?\n-{3,}/.exec(text)
  return (framed?.[1] ?? text).trim()
}

function goReason({ code, message }: NodeJS.ErrnoException): string {
  return code === 'ENOENT' || code === 'ENAMETOOLONG' ? 'no such file or directory' : message
}

function readTrusted(node: ConfNode, report: Report): readonly string[] {
  const keys: string[] = []
  for (const item of node.is === 'list' ? node.items : [node]) {
    if (item.is !== 'string') {
      report.error(item.place, 'error parsing trusted: unsupported type where string is expected')
    } else if (isPublicKey(item.value, 'operator')) keys.push(item.value)
    else {
      const text = `trust key "${item.value}" required to be a valid public operator nkey`
      report.error(item.place, text)
    }
  }
  return keys
}

const resolverForms =
  'error parsing account resolver, should be MEM or  URL("url") or a map containing dir and type state=[FULL|CACHE])'

function readResolver(node: ConfNode, report: Report): ResolverSettings | null {
  if (node.is === 'map') return readDirectory(node, report)
  if (node.is !== 'string') {
    report.error(node.place, 'error parsing operator resolver, wrong type')
    return null
  }
  if (/^\s*mem(ory)?\s*$/i.test(node.value)) return { is: 'memory' }
  const url = /^\s*url\s*\(\s*"?([^\s"]*)"?\s*\)\s*$/i.exec(node.value)?.[1]
  if (url === undefined) report.error(node.place, resolverForms)
  else if (!/^https?:\/\/./i.test(url) || !URL.canParse(url)) {
    report.error(node.place, `error parsing account resolver url ["${url}"]`)
  } else return { is: 'url', url }
  return null
}

/** The keys of the form as a block. */
interface DirectoryOptions {
  type: string
  dir: string
  allowDelete: boolean
  hardDelete: boolean | null
  limit: number
  ttlMs: number | null
  intervalMs: number | null
  timeoutMs: number | null
}

function readDirectory(node: ConfNode & { is: 'map' }, report: Report): ResolverSettings | null {
  const options: DirectoryOptions = {
    type: '',
    dir: '',
    allowDelete: false,
    hardDelete: null,
    limit: 0,
    ttlMs: null,
    intervalMs: null,
    timeoutMs: null,
  }
  for (const entry of node.entries.values()) readDirectoryKey(entry, options, report)
  const fail = (text: string) => report.error(node.place, text)
  const { dir, limit: filesMax, ttlMs, intervalMs, hardDelete, allowDelete } = options
  const fetchMs = options.timeoutMs ?? fetchMsDefault
  if (fetchMs <= 0) fail(`Fetch timeout ${fetchMs} is too small`)
  const type = options.type.toUpperCase()
  if (type === 'MEM' || type === 'MEMORY') return { is: 'memory' }
  if (type !== 'FULL' && type !== 'CACHE') {
    fail(resolverForms)
    return null
  }
  verifyDir(dir, fail)
  if (type === 'CACHE') {
    if (intervalMs !== null) fail('CACHE does not accept sync')
    if (allowDelete) fail('CACHE does not accept allow_delete')
    if (hardDelete !== null) fail('CACHE does not accept hard_delete')
    return { is: 'cache', dir, filesMax, fetchMs, ttlMs: ttlMs ?? cacheTtlMsDefault }
  }
  if (ttlMs !== null && ttlMs !== 0) fail('FULL does not accept ttl')
  if (hardDelete !== null && !allowDelete) fail('hard_delete has no effect without delete')
  const deletes = allowDelete ? (hardDelete ? 'hard' : 'rename') : 'no'
  return {
    is: 'full',
    dir,
    filesMax,
    fetchMs,
    deletes,
    intervalMs: intervalMs !== null && intervalMs > 0 ? intervalMs : intervalMsDefault,
  }
}

function readDirectoryKey(entry: ConfEntry, options: DirectoryOptions, report: Report): void {
  const { node } = entry
  const key = entry.key.toLowerCase()
  const wrong = (wanted: string) => report.error(node.place, `${key} must be ${wanted}`)
  switch (key) {
    case 'type':
    case 'dir':
      if (node.is === 'string') options[key] = node.value
      else wrong('a string')
      break
    case 'allow_delete':
      if (node.is === 'boolean') options.allowDelete = node.value
      else wrong('a boolean')
      break
    case 'hard_delete':
      if (node.is === 'boolean') options.hardDelete = node.value
      else wrong('a boolean')
      break
    case 'limit':
      if (node.is === 'integer') options.limit = node.value
      else wrong('an integer')
      break
    case 'ttl':
    case 'interval':
    case 'timeout': {
      const ms = node.is === 'string' ? parseDurationMs(node.value) : null
      if (ms === null) wrong('a duration such as "2m"')
      else options[`${key}Ms`] = ms
      break
    }
    default:
      if (!entry.referenced) report.error(entry.keyPlace, `unknown field "${entry.key}"`)
  }
}

function verifyDir(dir: string, fail: (text: string) => void): void {
  if (dir === '') return fail('dir has no value and needs to point to a directory')
  const status = statSync(dir, { throwIfNoEntry: false })
  if (status !== undefined && (!status.isDirectory() || (status.mode & 0o200) === 0)) {
    fail('dir needs to point to an accessible directory')
  }
}

function readPreload(node: ConfNode, report: Report): ReadonlyMap<string, string> {
  const preloads = new Map<string, string>()
  if (node.is !== 'map') {
    report.error(node.place, 'preload should be a map of account_public_key:account_jwt')
    return preloads
  }
  for (const { key, node: value } of node.entries.values()) {
    if (value.is !== 'string') {
      report.error(value.place, 'preload map value should be a string JWT')
      continue
    }
    const jwt = value.value.trim()
    if (preloads.size >= preloadsMax) report.error(value.place, `more than ${preloadsMax} accounts`)
    else if (typeof readAccount(jwt) === 'string') report.error(value.place, 'invalid account JWT')
    else preloads.set(key, jwt)
  }
  return preloads
}
