// The rows of `accounts`: subject spaces, each with its own users, limits and streams, and what they
// share with each other. Rule: reference section 2.4.

import { globalAccountName } from '../account/account.ts'
import { isPublicKey } from '../account/nkey.ts'
import { accountJetStreamRow } from './account-jetstream.ts'
import { permissionsRow, userBlock, verifyUsers } from './auth-options.ts'
import { checkConfig } from './check.ts'
import type { ConfMap } from './conf.ts'
import { mappingsRow } from './mapping-options.ts'
import type { Block, ConfNode, Report, Values } from './option.ts'
import { exportsRow, importsRow, verifySharing } from './sharing-options.ts'

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
  jetstream: accountJetStreamRow,
  nkey: { type: 'custom', default: null, read: readNkey, about: 'Its public key, `A…`.' },
  exports: exportsRow,
  imports: importsRow,
  mappings: {
    ...mappingsRow,
    aliases: ['maps'],
    about: 'What published subjects become: `src: dest`, or a list of destinations with weights.',
  },
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

function readAccounts(node: ConfNode, given: Report): AccountsOptions {
  let isSound = true
  const report: Report = {
    ...given,
    warning: (place, text) => given.warning(place, text),
    note: (place, text) => given.note?.(place, text),
    error: (place, text) => {
      isSound = false
      given.error(place, text)
    },
  }
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
  // As nats-server does: with an error before, one more would only follow from it.
  if (isSound) verifySharing(accounts, node, report)
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
