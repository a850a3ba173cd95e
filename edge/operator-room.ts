// Operator mode and the store: accounts have streams when their JWT grants them.

import type { Account } from '../src/account/account.ts'
import type { Operator } from '../src/operator/operator.ts'
import type { Server } from '../src/server/server.ts'
import { startOperator } from '../src/server/operator-mode.ts'
import type { StreamRefusals } from './no-streams.ts'
import type { JetStream } from './store/jetstream.ts'

/** What asks callout services has a view too. */
export function newOperator(
  server: Server,
  views: Map<string, { view(): object }>,
): Promise<Operator | null> {
  return startOperator(server, callout => views.set('auth_callout', callout))
}

/** Accounts that come, change and go have streams as their JWTs say; the others are refused. */
export async function followClaims(
  server: Server,
  operator: Operator,
  jetstream: JetStream,
  refusals: StreamRefusals,
): Promise<void> {
  const follow = (account: Account, isExpired: boolean) => {
    const isGranted = (account.streamLimits?.size ?? 0) > 0 && !account.isSystem && !isExpired
    if (isGranted) {
      refusals.end(account)
      jetstream.enable(account)
    } else {
      jetstream.disable(account)
      refusals.begin(account)
    }
  }
  server.claimsWatchers.add(({ account, isRemoved }) => follow(account.account, isRemoved))
  for (const { account } of operator.accounts.all) follow(account, false)
  // Whose streams are on the disk takes messages before the first of its users comes.
  await operator.fetch(jetstream.store.accounts())
}
