// A reload lowers max_connections: as many clients are closed as are too many. nats-server takes
// any of them; we the youngest, so that who was here before the limit was reached may stay.

import type { Log } from '../base/log.ts'
import type { Client } from '../link/client.ts'
import { connectionsExceeded } from '../wire/errors.ts'

/** In the order in which they came, as a Map keeps them. */
export type Connected = ReadonlyMap<number, Pick<Client, 'violation'>>

export function closeExcess(clients: Connected, countMax: number, log: Log): void {
  const excess = [...clients.values()].slice(countMax).reverse()
  for (const client of excess) client.violation(connectionsExceeded)
  if (excess.length === 0) return
  log.info(`Closed ${excess.length} connections to fall within max_connections`)
}
