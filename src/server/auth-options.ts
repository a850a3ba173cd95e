// The rows of `authorization`, and how users and permissions are read.
//
// Rule: reference section 2.3. A permission is a subject, a list of subjects, or
// `{ allow, deny }`; `allow_responses` is true or `{ max, expires }`.

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

const permissions = {
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
    about: 'Its password, in plain text.',
  },
  permissions: {
    ...permissions,
    aliases: ['permission', 'authorization'],
    about: 'What the user may publish and subscribe; default_permissions when absent.',
  },
  nkey: { type: 'unsupported', about: 'Users log in with a password or a token.' },
  allowed_connection_types: {
    type: 'unsupported',
    aliases: ['connection_types', 'clients'],
    about: 'A user may connect in every way.',
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
    about: 'Its password, in plain text.',
  },
  token: {
    type: 'string',
    default: null,
    reloadable: true,
    about: 'One token for everybody, instead of users.',
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
    about: 'Users, each with a password and permissions of its own.',
  },
  default_permissions: {
    ...permissions,
    aliases: ['default_permission', 'permissions'],
    reloadable: true,
    about: 'Permissions of users that have none of their own.',
  },
  auth_callout: {
    type: 'unsupported',
    aliases: ['auth_hook'],
    about: 'Users stand in the config file.',
  },
  proxy_required: { type: 'unsupported', about: 'There are no trusted proxies.' },
} as const satisfies Block

export type AuthorizationOptions = Values<typeof authorizationBlock>
export type UserOptions = Values<typeof userBlock>

function isBcrypt(secret: string): boolean {
  return /^\$2[abxy]\$\d\d\$/.test(secret)
}

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
  // Compared as plain text, a hash would be a password itself.
  for (const secret of [password, token, ...users.map(entry => entry.password)]) {
    if (secret !== null && isBcrypt(secret)) {
      report.error(node.place, 'bcrypt passwords are not supported by nats-edge')
    }
  }
  const names = new Set<string>()
  for (const { user: name } of users) {
    if (name === null) report.error(node.place, 'User entry requires a user')
    else if (names.has(name)) report.error(node.place, `Duplicate user "${name}" detected`)
    if (name !== null) names.add(name)
  }
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
