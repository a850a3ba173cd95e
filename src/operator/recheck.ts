// An account has changed: who of those that are in it may stay, and as what (nats-server:
// updateAccountClaimsWithRefresh).

import type { Identity } from '../account/authenticate.ts'
import { accountConnectionsExceeded, type WireError } from '../wire/errors.ts'
import type { AccountChange } from './accounts.ts'
import type { Login } from './login.ts'

/** A connection that logged in. */
export interface LoggedIn {
  /** 'leaf' counts as a leaf node, all else as a connection. */
  readonly kind?: string
  readonly identity: Identity | null
  readonly startedWallMs: number
  readonly id: number
  /** Tells the peer, and closes. */
  violation(error: WireError): void
  /** Logs in again with what it brought then: other permissions, other limits. */
  recheck(): void
}

/** Of too many the youngest go. */
export function recheckLogins(
  logins: Iterable<LoggedIn>,
  { account, altered, isUpdate }: AccountChange,
  login: Login,
): void {
  const own = [...logins].filter(one => one.identity?.account === account.name)
  own.sort((a, b) => a.startedWallMs - b.startedWallMs || a.id - b.id)
  const { connectionsMax, leafsMax } = account.account.limits
  const counts = { leafs: 0, others: 0 }
  for (const one of own) {
    const { identity } = one
    if (identity === null) continue
    const isLeaf = one.kind === 'leaf'
    const isOver = isLeaf ? counts.leafs >= leafsMax : counts.others >= connectionsMax
    const objection = login.objection(identity, account, altered)
    if (isUpdate && isOver) one.violation(accountConnectionsExceeded)
    else if (objection !== null) one.violation(objection)
    else {
      counts[isLeaf ? 'leafs' : 'others']++
      one.recheck()
    }
  }
}
