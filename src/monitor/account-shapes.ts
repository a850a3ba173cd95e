// Accounts as monitoring sees them, and what else may be known about one: its imports, its exports,
// its JWT. Lists are given as /accountz?acc= prints them.

import type { AccountTotals } from '../account/totals.ts'
import type { Subscription } from '../message.ts'

export interface MonitoredSublist extends Iterable<Subscription> {
  readonly count: number
  readonly inserts: number
  readonly removes: number
  readonly lookups: number
  readonly cacheHits: number
  readonly cached: number
  /** Subscriptions that the cached matches reach: of the widest one, and on the average. */
  fanout(): { readonly max: number; readonly average: number }
}

export interface MonitoredAccount {
  readonly name: string
  readonly isSystem: boolean
  readonly sublist: MonitoredSublist
  /** Of its connections that are gone. */
  readonly totals: AccountTotals
}

/** An export, an import or a response as /accountz prints it. */
export type PrintedShare = Readonly<Record<string, unknown>>

/** Where a mapped subject goes. */
export interface PrintedMapping {
  readonly subject: string
  readonly weight: number
  readonly cluster?: string
}

/** What is known of an account beside its traffic; what is absent or empty is not shown. */
export interface AccountFacts {
  readonly updatedWallMs?: number
  readonly expired?: boolean
  /** false: an import of it leads nowhere. */
  readonly complete?: boolean
  readonly mappings?: Readonly<Record<string, readonly PrintedMapping[]>>
  readonly exports?: readonly PrintedShare[]
  readonly imports?: readonly PrintedShare[]
  /** Replies under way, by subject. */
  readonly responses?: Readonly<Record<string, PrintedShare>>
  readonly jwt?: string
  readonly issuerKey?: string
  readonly nameTag?: string
  readonly tags?: readonly string[]
  /** The decoded JWT. */
  readonly claims?: object
  /** What is wrong with it. */
  readonly issues?: readonly {
    readonly description: string
    readonly blocking: boolean
    readonly time_check: boolean
  }[]
  /** Revoked users (`*` = all), with the second since 1970 up to which they are. */
  readonly revokedUsers?: ReadonlyMap<string, number>
}
