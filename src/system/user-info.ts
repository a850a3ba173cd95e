// `$SYS.REQ.USER.INFO`: who am I here? Each client of each account may ask, and hears of itself
// alone: the connection that brings the request says whose it is, not the request.

import type { Identity } from '../account/authenticate.ts'
import type { Permissions } from '../account/permissions.ts'
import type { Client } from '../link/client.ts'

const nsPerMs = 1_000_000

/** `accountTag` is what its account is called besides. */
export function userInfo({ identity }: Client, accountTag: string, nowWallMs: number): object {
  const { user = '', account = '', permissions, claims, expiresWallMs } = identity ?? nobody
  return {
    user,
    account,
    account_name: accountTag,
    ...(claims?.nameTag ? { user_name: claims.nameTag } : {}),
    ...(permissions ? { permissions: permissionsBlock(permissions) } : {}),
    ...(expiresWallMs === undefined ? {} : { expires: leftNs(expiresWallMs - nowWallMs) }),
  }
}

const nobody: Partial<Identity> = {}

/** In whole seconds. */
function leftNs(ms: number): number {
  return Math.trunc(ms / 1000) * 1000 * nsPerMs
}

function permissionsBlock({ lists, responses }: Permissions): object {
  const list = (name: string, subjects: readonly string[] | null) =>
    subjects === null || subjects.length === 0 ? {} : { [name]: subjects }
  return {
    publish: {
      ...list('allow', lists.publishAllow),
      ...list('deny', lists.publishDeny),
    },
    subscribe: {
      ...list('allow', lists.subscribeAllow),
      ...list('deny', lists.subscribeDeny),
    },
    ...(responses === null
      ? {}
      : { responses: { max: responses.max, ttl: responses.expiresMs * nsPerMs } }),
  }
}
