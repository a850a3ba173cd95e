// From the permissions of a JWT to what the broker asks (nats-server: buildPermissionsFromJwt).

import { Permissions } from '../account/permissions.ts'
import type { PermissionClaims } from './claims.ts'

const responsesMaxDefault = 1
const responsesMsDefault = 120_000
const nsPerMs = 1_000_000

/** null: everything is allowed. */
export function permissionsOf(claims: PermissionClaims): Permissions | null {
  const { publish, subscribe, responses } = claims
  const lists = [publish.allow, publish.deny, subscribe.allow, subscribe.deny]
  if (responses === null && lists.every(list => list.length === 0)) return null
  // Whoever may answer may publish nothing else, unless something is allowed.
  const publishAllow = publish.allow.length > 0 ? publish.allow : responses === null ? null : []
  return new Permissions(
    {
      publishAllow,
      publishDeny: publish.deny,
      subscribeAllow: subscribe.allow.length > 0 ? subscribe.allow : null,
      subscribeDeny: subscribe.deny,
    },
    responses === null
      ? null
      : {
          max: unlimited(responses.max || responsesMaxDefault),
          expiresMs: unlimited(responses.expiresNs / nsPerMs || responsesMsDefault),
        },
  )
}

function unlimited(value: number): number {
  return value < 0 ? -1 : value
}
