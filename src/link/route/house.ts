// What a route needs of the others: the house it lives in, and how it came there. The routes of a
// server are that house.

import type { Account } from '../../account/account.ts'
import type { WireError } from '../../wire/errors.ts'
import type { LinkContext } from '../context.ts'
import type { RoutePermissions } from './border.ts'
import type { PeerConnect, PeerInfo } from './handshake.ts'
import type { Wanted } from './interest.ts'
import type { Route } from './route.ts'

export type RouteContext = Pick<
  LinkContext,
  'limits' | 'log' | 'clock' | 'turn' | 'pool' | 'pressure'
>

/** What the routes of a server have in common. */
export interface RouteHouse {
  readonly handshakeMsMax: number
  readonly pingIntervalMs: number
  readonly pingsUnansweredMax: number
  /** null: a peer's health is judged by its answers alone. */
  readonly writeDeadlineMs: number | null
  readonly permissions: RoutePermissions
  connectLine(login: PeerLogin | null): string
  infoLine(): string
  /** Has it the right password? */
  isKnown(connect: PeerConnect, isWaiting: () => boolean): boolean | Promise<boolean>
  /** null: it may come; else why not, as -ERR has it, and for the log. */
  refusal(connect: PeerConnect): WireError | null
  /** May it stay? It has been closed when not. */
  register(route: Route, info: PeerInfo): boolean
  /** A later INFO: of the peer itself, or of somebody it knows. */
  informed(route: Route, info: PeerInfo): void
  closed(route: Route, reason: string): void
  account(name: string): Account | null
  hasStore(account: string): boolean
  wanted(): Iterator<Wanted>
}

export interface PeerLogin {
  readonly user: string
  readonly password: string
}

/** How we came to dial. */
export interface Dialling {
  readonly login: PeerLogin | null
  /** The config names it. */
  readonly isConfigured: boolean
}
