// Brings auth callout to a server: to one whose config asks for it, and to one in operator mode,
// where JWTs of accounts may. Loaded only then.

import { Callout } from '../callout/callout.ts'
import { newXKey, type XKey } from '../callout/xkey.ts'
import { permissionsOf } from './authorization.ts'
import type { Server } from './server.ts'

export async function startCallout(server: Server): Promise<Callout | null> {
  const block = server.options.authorization?.auth_callout ?? null
  if (block === null) return null
  const own = ownKey()
  const xkey = block.xkey === null ? '' : (await own()).publicKey
  const callout = newCallout(server, own, () => {
    const now = server.options.authorization?.auth_callout ?? block
    const { issuer, account, auth_users, allowed_accounts } = now
    return {
      issuer: issuer ?? '',
      account,
      authUsers: auth_users,
      xkey: now.xkey,
      allowedAccounts: allowed_accounts,
    }
  })
  server.useCallout(callout, xkey)
  return callout
}

/** JWTs of accounts say which services are asked. */
export function operatorCallout(server: Server): Callout {
  return newCallout(server, ownKey(), () => null)
}

/** tweetnacl is loaded with the first question that is sealed. */
function ownKey(): () => Promise<XKey> {
  let key: Promise<XKey> | null = null
  return () => (key ??= newXKey())
}

type Parts = ConstructorParameters<typeof Callout>[0]

function newCallout(server: Server, xkey: Parts['xkey'], rules: Parts['rules']): Callout {
  const { log, clock, key } = server
  return new Callout({
    rules,
    clock,
    log,
    xkey,
    asker: sealing => ({
      name: server.name,
      host: server.address.host,
      version: server.version,
      cluster: null,
      tags: server.options.server_tags,
      xkey: sealing,
      key,
    }),
    account: name => server.accounts.get(name),
    defaults: name =>
      permissionsOf(server.options.accounts?.get(name)?.default_permissions ?? null),
    timeoutMs: () => server.authorization.timeoutMs,
  })
}
