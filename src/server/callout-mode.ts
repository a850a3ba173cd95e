// Brings auth callout to a server whose config asks for it. Loaded only then.

import { Callout } from '../callout/callout.ts'
import { newXKey } from '../callout/xkey.ts'
import { permissionsOf } from './authorization.ts'
import type { Server } from './server.ts'

export async function startCallout(server: Server): Promise<Callout | null> {
  const block = server.options.authorization?.auth_callout ?? null
  if (block === null) return null
  const { log, clock, key } = server
  const xkey = block.xkey === null ? null : await newXKey()
  const callout = new Callout({
    rules: () => {
      const now = server.options.authorization?.auth_callout ?? block
      const { issuer, account, auth_users, allowed_accounts } = now
      return {
        issuer: issuer ?? '',
        account,
        authUsers: auth_users,
        xkey: now.xkey,
        allowedAccounts: allowed_accounts,
      }
    },
    clock,
    log,
    xkey,
    asker: () => ({
      name: server.name,
      host: server.address.host,
      version: server.version,
      cluster: null,
      tags: server.options.server_tags,
      xkey: xkey?.publicKey ?? '',
      key,
    }),
    account: name => server.accounts.get(name),
    defaults: name =>
      permissionsOf(server.options.accounts?.get(name)?.default_permissions ?? null),
    timeoutMs: () => server.authorization.timeoutMs,
  })
  server.useCallout(callout, xkey?.publicKey ?? '')
  return callout
}
