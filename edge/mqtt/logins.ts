// Logins of MQTT clients that do not last for ever: a JWT expires, is revoked, or says something
// else after its account changed. MQTT has no word for any of that, so the connection is closed,
// and the client comes again with what it has then.

import type { Account } from '../../src/account/account.ts'
import { type Identity, lowestLimits } from '../../src/account/authenticate.ts'
import { Expiry } from '../../src/base/expiry.ts'
import { userExpired, type WireError } from '../../src/wire/errors.ts'
import type { Connection } from './connection.ts'
import type { MqttContext, MqttLimits } from './context.ts'

export interface MqttLogin {
  readonly identity: Identity | null
  readonly startedWallMs: number
  readonly id: number
  violation(error: WireError): void
  recheck(): void
}

export class Logins {
  readonly #context: MqttContext
  readonly #connections: ReadonlyMap<number, Connection>
  /** Of connections whose login ends. */
  readonly #expiries = new Map<number, Expiry>()

  constructor(context: MqttContext, connections: ReadonlyMap<number, Connection>) {
    this.#context = context
    this.#connections = connections
  }

  opened(connection: Connection): void {
    const expiresWallMs = connection.identity?.expiresWallMs
    if (expiresWallMs === undefined) return
    const expiry = new Expiry(this.#context.clock, () => this.#end(connection, userExpired))
    this.#expiries.set(connection.id, expiry)
    expiry.set(expiresWallMs)
  }

  closed({ id }: Connection): void {
    this.#expiries.get(id)?.cancel()
    this.#expiries.delete(id)
  }

  *all(): Generator<MqttLogin> {
    for (const connection of [...this.#connections.values()]) {
      const { identity, startedWallMs, id } = connection
      yield {
        identity,
        startedWallMs,
        id,
        violation: error => this.#end(connection, error),
        recheck: () => this.#recheck(connection),
      }
    }
  }

  /** Whoever may do something else now has to come again. */
  #recheck(connection: Connection): void {
    const { identity } = connection
    const jwt = identity?.claims?.jwt
    if (!identity || jwt === undefined || identity.isDelegated) return
    const credentials = { user: '', pass: jwt, token: '' }
    void Promise.resolve(this.#context.authenticate(credentials, connection)).then(now => {
      if (rightsOf(now) !== rightsOf(identity)) connection.close('Credentials Revoked')
    })
  }

  #end(connection: Connection, error: WireError): void {
    this.#context.log.error(`${connection.label} - ${error.text || error.reason}`)
    connection.close(error.reason)
  }
}

/** The lowest of the server, the account and the user. */
export function limitsOf(limits: MqttLimits, account: Account, { limits: own }: Identity) {
  const { payloadBytesMax } = lowestLimits(account.limits, own)
  return { ...limits, payloadBytesMax: Math.min(limits.payloadBytesMax, payloadBytesMax) }
}

function rightsOf(identity: Identity | null): string {
  const { permissions, limits } = identity ?? {}
  return JSON.stringify([identity === null, permissions?.lists, permissions?.responses, limits])
}
