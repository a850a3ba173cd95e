// What every link needs of the server it belongs to. The server builds one and hands it down, so
// that a link knows neither the server nor its options.

import type { Account } from '../account/account.ts'
import type { Authorization, Credentials, Peer, Verdict } from '../account/authenticate.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Turn } from '../base/turn.ts'
import type { ParserLimits } from '../wire/parser.ts'
import type { Client } from './client.ts'
import type { KeepaliveOptions } from './keepalive.ts'
import type { BlockPool } from './outbox.ts'
import type { Pressure } from './pressure.ts'

export interface LinkLimits extends ParserLimits {
  readonly connectionsMax: number
  /** Of a connection; Infinity = unlimited. */
  readonly subscriptionsMax: number
  readonly pendingBytesMax: number
  readonly writeDeadlineMs: number
  /** Of a payload in the trace log; 0 = all. */
  readonly tracedBytesMax: number
  /** The trace shows the headers of a message, and nothing of one without. */
  readonly tracesHeadersOnly?: boolean
  /** Of a subscription's subject; 0 = no limit but the line's. */
  readonly subjectTokensMax?: number
  /** no_header_support: nobody has headers, whatever CONNECT says. */
  readonly headersOff?: boolean
  readonly keepalive: KeepaliveOptions
}

/** What INFO tells a client of itself. */
export type Greeted = Pick<Client, 'id' | 'host' | 'nonce' | 'payloadBytesMax'> & {
  readonly secured?: Client['secured']
}

export interface LinkContext {
  readonly limits: LinkLimits
  readonly log: Log
  readonly clock: Clock
  readonly turn: Turn
  readonly pool: BlockPool
  readonly pressure: Pressure
  readonly authorization: Authorization
  readonly clients: ReadonlyMap<number, Client>
  /** The INFO line for one connection; with the account it is bound to, the one after CONNECT. */
  infoLine(client: Greeted, account: Account | null): string
  /** null: refused; a promise only while a password hash is computed. */
  authenticate(credentials: Credentials, peer: Peer): Verdict
  account(name: string): Account
  /** It has logged in. */
  opened(client: Client): void
  /** Its credentials were not good enough. */
  refused(client: Client, reason: string): void
  /** The link has closed; it is not to be asked again. */
  closed(client: Client, reason: string): void
  /** It was cut off because it did not keep up. */
  slowConsumer(client: Client): void
}
