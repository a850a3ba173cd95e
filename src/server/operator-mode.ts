// Brings operator mode to a server whose config asks for it. Loaded only then.

import { globalAccountName } from '../account/account.ts'
import { noRules } from '../account/sharing.ts'
import type { Callout } from '../callout/callout.ts'
import { Operator } from '../operator/operator.ts'
import { recheckLogins } from '../operator/recheck.ts'
import { operatorCallout } from './callout-mode.ts'
import { operatorSettings } from './operator-rules.ts'
import type { Server } from './server.ts'

/** Rejects with the text for the log when it cannot work. `asks` is told who asks services. */
export async function startOperator(
  server: Server,
  asks: (callout: Callout) => void = () => undefined,
): Promise<Operator | null> {
  const settings = operatorSettings(server.options)
  if (settings === null) return null
  const { log, clock } = server
  const callout = operatorCallout(server)
  asks(callout)
  const operator: Operator = new Operator({
    settings,
    log,
    clock,
    account: name => server.account(name),
    system: () => server.systemAccount,
    sharing: server.sharing,
    otherShares: () => {
      const { mappings } = server.options
      return mappings.length === 0
        ? new Map()
        : new Map([[globalAccountName, { ...noRules, mappings }]])
    },
    changed: change => {
      for (const watch of server.claimsWatchers) watch(change)
      const logins = [...server.logins].flatMap(of => [...of()])
      recheckLogins(logins, change, operator.login)
    },
    ask: (target, credentials, peer) => callout.ask(target, credentials, peer),
    serverInfo: () => serverInfo(server),
  })
  server.useOperator(operator)
  await operator.start()
  return operator
}

let seq = 0

/** `server` of an answer, as events have it. */
function serverInfo({ name, address, id, version, clock, options }: Server): object {
  return {
    name,
    host: address.host,
    id,
    ver: version,
    ...(options.server_tags.length === 0 ? {} : { tags: options.server_tags }),
    jetstream: false,
    flags: 0,
    seq: ++seq,
    time: new Date(clock.wallMs()).toISOString(),
  }
}
