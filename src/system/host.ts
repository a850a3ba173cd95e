// What the system account's services need of the process around them. The composition root builds
// one; the room knows neither the server nor the rooms of edge/.

import type { Account } from '../account/account.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Query } from '../monitor/query.ts'
import type { Sources } from '../monitor/shapes.ts'
import type { ProcessFigures } from '../monitor/varz.ts'

export interface SystemHost {
  readonly log: Log
  readonly clock: Clock
  /** What monitoring sees; here too. */
  readonly sources: Sources
  /** All of them, by name; those that come later are told to System.accountMade. */
  readonly accounts: ReadonlyMap<string, Account>
  /** The system account. */
  readonly account: Account
  readonly hasJetStream: boolean
  /** JetStream's domain; '' = none. */
  readonly domain: string
  /** Name of the cluster; '' = none. */
  cluster(): string
  /** Log every message of the system account (-VV)? */
  tracesSystem(): boolean
  figures(): ProcessFigures
  /** Throws QueryError. */
  jsz(query: Query): object
  /** Of the whole process, for the services of other rooms: null = there is none of that name. */
  profile(name: string, durationMs: number): Promise<Buffer> | null
  /** Reads the config file again, as SIGHUP does; why not, or null. */
  reload(): string | null
  /** Closes a connection of any kind; false: there is none of that id. */
  kick(id: number): boolean
  /** Tells one client to go elsewhere; why not, or null. */
  sendLameDuck(id: number): string | null
}
