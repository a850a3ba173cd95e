// From the config's `authorization` and `accounts` to what authenticate() asks (reference 2.3, 2.4).

import type {
  Authorization,
  CalloutCheck,
  ConnectionType,
  OperatorCheck,
  User,
} from '../account/authenticate.ts'
import { CertificateUsers } from '../account/certificate-users.ts'
import type { HashCheck } from '../account/hashes.ts'
import { Permissions } from '../account/permissions.ts'
import { globalAccountName } from '../account/account.ts'
import type { PermissionRules, UserOptions } from './auth-options.ts'
import type { ServerOptions } from './options.ts'

const noUser: UserOptions = {
  user: null,
  password: null,
  nkey: null,
  permissions: null,
  allowed_connection_types: null,
}

type Options = Pick<
  ServerOptions,
  | 'authorization'
  | 'accounts'
  | 'system_account'
  | 'no_auth_user'
  | 'operator'
  | 'trusted'
  | 'tls'
  | 'websocket'
  | 'leafnodes'
> & {
  /** The room of edge/ has it, and the users here. */
  readonly mqtt?: { readonly tls: Mapping | null } | null
}

type Mapping = { readonly verify_and_map: boolean }

/** In operator mode, for as long as nobody can check JWTs. */
const nobody: OperatorCheck = { check: () => null }
/** As long as no service can be asked. */
const unasked: CalloutCheck = { decide: () => null }

/** Neither users nor a token: everybody may do everything. */
export function authorizationOf(
  options: Options,
  hashes: HashCheck,
  operator: OperatorCheck = nobody,
  callout: CalloutCheck = unasked,
): Authorization {
  const block = options.authorization
  const users = new Map<string, User>()
  const add = (user: UserOptions, account: string, defaults: PermissionRules | null) => {
    // A user's name is its nkey when it has one: then it has no password.
    const name = user.nkey ?? user.user
    if (name === null) return
    users.set(name, {
      name,
      password: user.nkey === null ? (user.password ?? '') : null,
      account,
      permissions: permissionsOf(user.permissions ?? defaults),
      connectionTypes: user.allowed_connection_types,
    })
  }
  const { user, password } = block ?? {}
  const defaults = block?.default_permissions ?? null
  if (user) add({ ...noUser, user, password: password ?? '' }, globalAccountName, defaults)
  for (const entry of block?.users ?? []) add(entry, globalAccountName, defaults)
  for (const [name, account] of options.accounts ?? []) {
    for (const entry of account.users) add(entry, name, account.default_permissions)
  }
  const all = [...users.values()]
  const isOperatorMode = options.operator.length > 0 || options.trusted.length > 0
  const isForSystemOnly = all.length > 0 && all.every(one => one.account === options.system_account)
  return {
    users,
    hasNkeys: isOperatorMode || all.some(one => one.password === null),
    token: block?.token ?? '',
    noAuthUser: options.no_auth_user,
    openAccount: isForSystemOnly ? globalAccountName : null,
    timeoutMs: block?.timeout ?? 2000,
    hashes,
    operator: isOperatorMode ? operator : null,
    certificates: certificateUsers(options, users),
    callout: block?.auth_callout ? callout : null,
  }
}

/** null: nowhere, or there are only nkeys and the user that stands alone. */
function certificateUsers(
  options: Options,
  users: ReadonlyMap<string, User>,
): CertificateUsers | null {
  const { tls, websocket, mqtt, leafnodes, authorization } = options
  const blocks: readonly (readonly [Mapping | null | undefined, readonly ConnectionType[]])[] = [
    [tls, ['STANDARD']],
    [websocket?.tls, ['WEBSOCKET']],
    // In WebSocket, too: the certificate is the one shown there.
    [mqtt?.tls, ['MQTT', 'MQTT_WS']],
    [leafnodes.tls, ['LEAFNODE', 'LEAFNODE_WS']],
  ]
  const ways = blocks.flatMap(([block, types]) => (block?.verify_and_map ? types : []))
  if (ways.length === 0) return null
  const listed = new Map(users)
  if (authorization?.user) listed.delete(authorization.user)
  for (const [name, { password }] of users) if (password === null) listed.delete(name)
  return listed.size === 0 ? null : new CertificateUsers(new Set(ways), listed)
}

export function permissionsOf(rules: PermissionRules | null): Permissions | null {
  if (rules === null) return null
  const { publish, subscribe, allowResponses } = rules
  // With allow_responses and no publish rules, only replies may be published.
  const publishAllow = publish === null && allowResponses !== null ? [] : (publish?.allow ?? null)
  return new Permissions(
    {
      publishAllow,
      publishDeny: publish?.deny ?? [],
      subscribeAllow: subscribe?.allow ?? null,
      subscribeDeny: subscribe?.deny ?? [],
    },
    allowResponses,
  )
}
