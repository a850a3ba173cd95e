// From the config's `authorization` block to what authenticate() asks (reference 2.3).

import type { Authorization, User } from '../account/authenticate.ts'
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

type Options = Pick<ServerOptions, 'authorization' | 'no_auth_user'>

/** `authorization` absent: everybody may do everything. */
export function authorizationOf(options: Options, hashes: HashCheck): Authorization {
  const block = options.authorization
  const users = new Map<string, User>()
  const defaults = block?.default_permissions ?? null
  const add = (user: UserOptions) => {
    // A user's name is its nkey when it has one: then it has no password.
    const name = user.nkey ?? user.user
    if (name === null) return
    users.set(name, {
      name,
      password: user.nkey === null ? (user.password ?? '') : null,
      account: globalAccountName,
      permissions: permissionsOf(user.permissions ?? defaults),
      connectionTypes: user.allowed_connection_types,
    })
  }
  const { user, password } = block ?? {}
  if (user) add({ ...noUser, user, password: password ?? '' })
  for (const entry of block?.users ?? []) add(entry)
  return {
    users,
    hasNkeys: (block?.users ?? []).some(entry => entry.nkey !== null),
    token: block?.token ?? '',
    noAuthUser: options.no_auth_user,
    timeoutMs: block?.timeout ?? 2000,
    hashes,
  }
}

function permissionsOf(rules: PermissionRules | null): Permissions | null {
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
