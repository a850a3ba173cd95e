// Operator mode and the store: accounts have streams when their JWT grants them.

import type { Account } from '../src/account/account.ts'
import type { Operator } from '../src/operator/operator.ts'
import type { Server } from '../src/server/server.ts'
import { startOperator } from '../src/server/operator-mode.ts'
import type { JetStream } from './store/jetstream.ts'

export function newOperator(server: Server): Promise<Operator | null> {
  return startOperator(server)
}

/** Accounts that come, change and go have streams as their JWTs say; `refuse` tells the others. */
export async function followClaims(
  server: Server,
  operator: Operator,
  jetstream: JetStream,
  refuse: (account: Account, isRefused: boolean) => void,
): Promise<void> {
  const follow = (account: Account, isExpired: boolean) => {
    const isGranted = (account.streamLimits?.size ?? 0) > 0 && !account.isSystem && !isExpired
    if (isGranted) {
      refuse(account, false)
      jetstream.enable(account)
    } else {
      jetstream.disable(account)
      refuse(account, true)
    }
  }
  server.claimsWatchers.add(({ account, isRemoved }) => follow(account.account, isRemoved))
  for (const { account } of operator.accounts.all) follow(account, false)
  // Whose streams are on the disk takes messages before the first of its users comes.
  await operator.fetch(jetstream.store.accounts())
}
