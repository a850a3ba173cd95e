// The rows of `authorization`, and how users and permissions are read.
//
// Rule: reference section 2.3. A permission is a subject, a list of subjects, or
// `{ allow, deny }`; `allow_responses` is true or `{ max, expires }`.

import { type ConnectionType, connectionTypes } from '../account/authenticate.ts'
import { hashCost, isHash } from '../account/hashes.ts'
import { isPublicKey } from '../account/nkey.ts'
import { calloutBlock, verifyCallout } from './callout-options.ts'
import { parseDurationMs } from './duration.ts'
import type { Block, ConfEntry, ConfNode, Report, Values } from './option.ts'

/** null = no list: everything is allowed, or nothing is denied. */
export interface SubjectRules {
  readonly allow: readonly string[] | null
  readonly deny: readonly string[] | null
}

/** May publish to a reply subject it received, so often and so long; -1 = without limit. */
export interface ResponseRules {
  readonly max: number
  readonly expiresMs: number
}

export interface PermissionRules {
  readonly publish: SubjectRules | null
  readonly subscribe: SubjectRules | null
  readonly allowResponses: ResponseRules | null
}

const responsesDefault: ResponseRules = { max: 1, expiresMs: 120_000 }
const subjectsMax = 10_000

/** The reading of a permissions option; whoever has one says what it is about. */
export const permissionsRow = {
  type: 'custom',
  default: null as PermissionRules | null,
  read: readPermissions,
} as const

export const userBlock = {
  user: { type: 'string', default: null, aliases: ['username'], about: 'Name.' },
  password: {
    type: 'string',
    default: null,
    aliases: ['pass'],
    about: 'Its password, in plain text or as a bcrypt hash.',
  },
  permissions: {
    ...permissionsRow,
    aliases: ['permission', 'authorization'],
    about: 'What the user may publish and subscribe; default_permissions when absent.',
  },
  nkey: {
    type: 'string',
    default: null,
    about: 'Its public key, `U…`, instead of name and password: it signs what INFO says.',
  },
  allowed_connection_types: {
    type: 'custom',
    default: null as ReadonlySet<ConnectionType> | null,
    defaultText: 'all',
    aliases: ['connection_types', 'clients'],
    read: readConnectionTypes,
    about:
      'Ways it may connect: `STANDARD`, `WEBSOCKET`, `LEAFNODE`, `LEAFNODE_WS`, `MQTT`, `MQTT_WS`.',
  },
  proxy_required: { type: 'unsupported', about: 'There are no trusted proxies.' },
} as const satisfies Block

export const authorizationBlock = {
  user: {
    type: 'string',
    default: null,
    aliases: ['username'],
    reloadable: true,
    about: 'The only user.',
  },
  password: {
    type: 'string',
    default: null,
    aliases: ['pass'],
    reloadable: true,
    about: 'Its password, in plain text or as a bcrypt hash.',
  },
  token: {
    type: 'string',
    default: null,
    reloadable: true,
    about: 'One token for everybody, instead of users; may be a bcrypt hash.',
  },
  timeout: {
    type: 'duration',
    default: 2000,
    defaultText: '2s, or the TLS timeout + 1s',
    min: 1,
    plainSeconds: true,
    reloadable: true,
    about: 'Time a connection has to authenticate.',
  },
  users: {
    type: 'blocks',
    block: userBlock,
    reloadable: true,
    about: 'Users, each with a password or nkey and permissions of its own.',
  },
  default_permissions: {
    ...permissionsRow,
    aliases: ['default_permission', 'permissions'],
    reloadable: true,
    about: 'Permissions of users that have none of their own.',
  },
  auth_callout: {
    type: 'block',
    block: calloutBlock,
    verify: verifyCallout,
    aliases: ['auth_hook'],
    reloadable: true,
    about: 'A service that decides who may connect.',
  },
  proxy_required: { type: 'unsupported', about: 'There are no trusted proxies.' },
} as const satisfies Block

export type AuthorizationOptions = Values<typeof authorizationBlock>
export type UserOptions = Values<typeof userBlock>

/** The rules between the options of the block. */
export function verifyAuthorization(
  value: AuthorizationOptions,
  node: ConfNode,
  report: Report,
): void {
  const { user, password, token, users } = value
  const single = user !== null || password !== null
  if (single && token !== null) report.error(node.place, 'Cannot have a user/pass and token')
  if (users.length > 0 && single) {
    report.error(node.place, 'Can not have a single user/pass and a users array')
  }
  if (users.length > 0 && token !== null) {
    report.error(node.place, 'Can not have a token and a users array')
  }
  for (const secret of [password, token]) verifySecret(secret, node, report)
  verifyUsers(users, new Set(), node, report)
}

/** `names` are those taken; a user's name, or nkey, stands once in the whole config. */
export function verifyUsers(
  users: readonly UserOptions[],
  names: Set<string>,
  node: ConfNode,
  report: Report,
): void {
  for (const { user, password, nkey } of users) {
    verifySecret(password, node, report)
    if (nkey !== null && (user !== null || password !== null)) {
      report.error(node.place, 'Nkey users do not take usernames or passwords')
    }
    if (nkey !== null && !isPublicKey(nkey, 'user')) {
      report.error(node.place, 'Not a valid public nkey for a user')
    }
    const name = nkey ?? user
    if (name === null) report.error(node.place, 'User entry requires a user')
    else if (names.has(name)) {
      const what = nkey === null ? 'user' : 'nkey'
      report.error(node.place, `Duplicate ${what} "${name}" detected`)
    }
    if (name !== null) names.add(name)
  }
}

/** With this cost a small board computes for longer than a login may take. */
const hashCostMax = 14

/** nats-server starts with a hash that no password has; nobody would ever get in. */
export function verifySecret(secret: string | null, node: ConfNode, report: Report): void {
  if (secret === null || !isHash(secret)) return
  const cost = hashCost(secret)
  if (cost === null) report.error(node.place, 'a password or token begins like a bcrypt hash')
  else if (cost > hashCostMax) {
    report.error(node.place, `the cost of a bcrypt hash is ${cost}, maximum is ${hashCostMax}`)
  }
}

function readConnectionTypes(node: ConfNode, report: Report): ReadonlySet<ConnectionType> | null {
  const found = new Set<ConnectionType>()
  for (const item of node.is === 'list' ? node.items : [node]) {
    if (item.is !== 'string') {
      report.error(item.place, 'allowed connection types must be strings')
      continue
    }
    const name = item.value.toUpperCase()
    const type = connectionTypes.find(one => one === name)
    if (type === undefined) report.error(item.place, `unknown connection type "${item.value}"`)
    else found.add(type)
  }
  // As in nats-server an empty list allows every way.
  return found.size === 0 ? null : found
}

function readPermissions(node: ConfNode, report: Report): PermissionRules | null {
  if (node.is !== 'map') {
    report.error(node.place, 'Expected permissions to be a map/struct')
    return null
  }
  let publish: SubjectRules | null = null
  let subscribe: SubjectRules | null = null
  let allowResponses: ResponseRules | null = null
  for (const entry of node.entries.values()) {
    switch (entry.key.toLowerCase()) {
      case 'publish':
      case 'pub':
      case 'import':
        publish = readRules(entry.node, report)
        break
      case 'subscribe':
      case 'sub':
      case 'export':
        subscribe = readRules(entry.node, report)
        break
      case 'allow_responses':
      case 'publish_allow_responses':
        allowResponses = readResponses(entry.node, report)
        break
      default:
        unknown(entry, report)
    }
  }
  return { publish, subscribe, allowResponses }
}

function readRules(node: ConfNode, report: Report): SubjectRules {
  if (node.is !== 'map') return { allow: readSubjects(node, report), deny: null }
  let allow: readonly string[] | null = null
  let deny: readonly string[] | null = null
  for (const entry of node.entries.values()) {
    const key = entry.key.toLowerCase()
    if (key === 'allow') allow = readSubjects(entry.node, report)
    else if (key === 'deny') deny = readSubjects(entry.node, report)
    else unknown(entry, report)
  }
  return { allow, deny }
}

function readSubjects(node: ConfNode, report: Report): readonly string[] {
  const items = node.is === 'list' ? node.items : [node]
  const subjects: string[] = []
  if (items.length > subjectsMax) {
    report.error(node.place, `more than ${subjectsMax} subjects`)
    return subjects
  }
  for (const item of items) {
    if (item.is === 'string') subjects.push(item.value)
    else report.error(item.place, 'Subject in permissions must be a string')
  }
  return subjects
}

function readResponses(node: ConfNode, report: Report): ResponseRules | null {
  if (node.is === 'boolean') return node.value ? responsesDefault : null
  if (node.is !== 'map') {
    report.error(node.place, 'error parsing response permissions: expected a boolean or a map')
    return null
  }
  let { max, expiresMs } = responsesDefault
  for (const entry of node.entries.values()) {
    const value = entry.node
    switch (entry.key.toLowerCase()) {
      case 'max':
      case 'max_msgs':
      case 'max_messages':
      case 'max_responses':
        if (value.is !== 'integer') report.error(value.place, 'max must be an integer')
        else if (value.value !== 0) max = value.value
        break
      case 'expires':
      case 'expiration':
      case 'ttl': {
        const ms = value.is === 'string' ? parseDurationMs(value.value) : null
        if (ms === null) report.error(value.place, 'expires must be a duration such as "2m"')
        else if (ms !== 0) expiresMs = ms
        break
      }
      default:
        unknown(entry, report)
    }
  }
  return { max: max < 0 ? -1 : max, expiresMs: expiresMs < 0 ? -1 : expiresMs }
}

function unknown(entry: ConfEntry, report: Report): void {
  if (!entry.referenced) report.error(entry.keyPlace, `unknown field "${entry.key}"`)
}
