// What a user's JWT makes of whoever brings it, or of whom a callout service gives it to.

import type { Identity, UserClaims as ShownClaims } from '../account/authenticate.ts'
import type { Permissions } from '../account/permissions.ts'
import type { UserClaims, UserLimits } from './claims.ts'
import { permissionsOf } from './user-permissions.ts'

/** `limits`: the user's own or its template's; `untilWallMs`: when its hours end, or Infinity. */
export function identityOf(
  { token, subject, issuer, name, tags, expires }: UserClaims,
  limits: UserLimits,
  account: { readonly name: string; readonly defaults: Permissions | null },
  untilWallMs: number,
): Identity & { readonly claims: ShownClaims } {
  const expiresWallMs = expires > 0 ? Math.min(expires * 1000, untilWallMs) : untilWallMs
  return {
    user: subject,
    account: account.name,
    permissions: permissionsOf(limits.permissions) ?? account.defaults,
    limits: {
      subscriptionsMax: bounded(limits.subscriptions),
      payloadBytesMax: bounded(limits.payload),
    },
    ...(Number.isFinite(expiresWallMs) ? { expiresWallMs } : {}),
    claims: { jwt: token.text, issuerKey: issuer, nameTag: name, tags },
  }
}

/** -1 is without limit. */
function bounded(max: number): number {
  return max < 0 ? Number.POSITIVE_INFINITY : max
}
