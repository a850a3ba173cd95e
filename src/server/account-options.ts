// The rows of `accounts`: subject spaces that see nothing of each other, each with its own users,
// limits and streams. Rule: reference section 2.4.

import { globalAccountName } from '../account/account.ts'
import { isPublicKey } from '../account/nkey.ts'
import { permissionsRow, userBlock, verifyUsers } from './auth-options.ts'
import { checkConfig } from './check.ts'
import type { ConfMap } from './conf.ts'
import type { Block, ConfNode, Report, Values } from './option.ts'

const limitsBlock = {
  max_connections: {
    type: 'integer',
    default: -1,
    min: -1,
    aliases: ['max_conn'],
    about: 'Connections of its users at one time, NATS and MQTT; -1 is without limit.',
  },
  max_subscriptions: {
    type: 'integer',
    default: -1,
    min: -1,
    aliases: ['max_subs'],
    about: 'Subscriptions of one connection; the lower of it and the server’s counts.',
  },
  max_payload: {
    type: 'size',
    default: -1,
    min: -1,
    aliases: ['max_pay'],
    about:
      'Size of a message with its headers, of NATS clients; the lower of it and the server’s counts.',
  },
  max_leafnodes: {
    type: 'integer',
    default: -1,
    min: -1,
    aliases: ['max_leafs'],
    about: 'Leaf-node connections of the account, those we dial too; -1 = unlimited.',
  },
} as const satisfies Block

const noTransfer = {
  type: 'unsupported',
  about: 'Nothing passes from one account to another, and subjects are not mapped.',
} as const

export const accountBlock = {
  users: {
    type: 'blocks',
    block: userBlock,
    reloadable: true,
    about: 'Its users; a name stands in one account only.',
  },
  default_permissions: {
    ...permissionsRow,
    reloadable: true,
    about: 'Permissions of users that have none of their own.',
  },
  limits: {
    type: 'block',
    block: limitsBlock,
    always: true,
    reloadable: true,
    about: 'What its users may use.',
  },
  jetstream: {
    type: 'custom',
    default: false,
    read: readJetStream,
    about: '`enabled`: it has streams of its own.',
  },
  nkey: { type: 'custom', default: null, read: readNkey, about: 'Its public key, `A…`.' },
  exports: noTransfer,
  imports: noTransfer,
  mappings: { ...noTransfer, aliases: ['maps'] },
  msg_trace: { type: 'unsupported', aliases: ['trace_dest'], about: 'A key of nats-server 2.11.' },
} as const satisfies Block

export type AccountOptions = Values<typeof accountBlock>

/** By name, in the order of the file; null when the config names none. */
export type AccountsOptions = ReadonlyMap<string, AccountOptions> | null

export const accountsRow = {
  type: 'custom',
  default: null as AccountsOptions,
  read: readAccounts,
  block: accountBlock,
  reloadable: true,
  about: 'Accounts by name; without them everybody shares one, `$G`.',
} as const

const accountsMax = 1024

function readAccounts(node: ConfNode, report: Report): AccountsOptions {
  const accounts = new Map<string, AccountOptions>()
  const add = (name: string, at: ConfNode, map: ConfMap | null) => {
    if (name === globalAccountName) {
      return report.error(at.place, `"${name}" is a Reserved Account`)
    }
    if (accounts.has(name)) return report.error(at.place, `Duplicate Account Entry: ${name}`)
    if (!/^[^\s.*>]+$/.test(name)) return report.error(at.place, `invalid account name "${name}"`)
    if (accounts.size === accountsMax) {
      return report.error(at.place, `more than ${accountsMax} accounts`)
    }
    accounts.set(name, readAccount(map, report))
  }
  if (node.is === 'list') {
    for (const item of node.items) {
      if (item.is === 'string') add(item.value, item, null)
      else report.error(item.place, 'Expected an account name')
    }
  } else if (node.is === 'map') {
    for (const { key, node: inner } of node.entries.values()) {
      if (inner.is === 'map') add(key, inner, inner)
      else report.error(inner.place, 'Expected map entries for accounts')
    }
  } else report.error(node.place, 'Expected accounts to be a map or a list of names')
  const names = new Set<string>()
  for (const { users } of accounts.values()) verifyUsers(users, names, node, report)
  return accounts
}

function readAccount(map: ConfMap | null, report: Report): AccountOptions {
  const { values, errors, warnings, notes } = checkConfig(map, accountBlock)
  for (const { place, text } of errors) report.error(place, text)
  for (const { place, text } of warnings) report.warning(place, text)
  for (const { place, text } of notes) report.note?.(place, text)
  return values
}

/** nats-server tells accounts by their names too where there are no JWTs. */
function readNkey(node: ConfNode, report: Report): string | null {
  if (node.is === 'string' && isPublicKey(node.value, 'account')) return node.value
  report.error(node.place, 'Not a valid public nkey for an account')
  return null
}

function readJetStream(node: ConfNode, report: Report): boolean {
  if (node.is === 'boolean') return node.value
  const word = node.is === 'string' ? node.value.toLowerCase() : ''
  if (word === 'enabled' || word === 'enable') return true
  if (word === 'disabled' || word === 'disable') return false
  const text =
    node.is === 'map'
      ? 'limits of JetStream in one account are not supported by nats-edge: enabled or disabled'
      : `Expected 'enabled' or 'disabled' for JetStream of an account`
  report.error(node.place, text)
  return false
}
