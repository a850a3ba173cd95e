// From the config's `authorization` block to what authenticate() asks (reference 2.3).

import type { Authorization, User } from '../account/authenticate.ts'
import { Permissions } from '../account/permissions.ts'
import { globalAccountName } from '../account/account.ts'
import type { PermissionRules } from './auth-options.ts'
import type { ServerOptions } from './options.ts'

type Options = Pick<ServerOptions, 'authorization' | 'no_auth_user'>

/** `authorization` absent: everybody may do everything. */
export function authorizationOf(options: Options): Authorization {
  const block = options.authorization
  const users = new Map<string, User>()
  const defaults = block?.default_permissions ?? null
  const add = (name: string, password: string, rules: PermissionRules | null) => {
    const permissions = permissionsOf(rules ?? defaults)
    users.set(name, { name, password, account: globalAccountName, permissions })
  }
  if (block?.user) add(block.user, block.password ?? '', null)
  for (const user of block?.users ?? []) {
    if (user.user !== null) add(user.user, user.password ?? '', user.permissions)
  }
  return {
    users,
    token: block?.token ?? '',
    noAuthUser: options.no_auth_user,
    timeoutMs: block?.timeout ?? 2000,
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
