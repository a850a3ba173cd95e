// What a leaf link is given: by the server, by its handshake.

import type { Account } from '../../account/account.ts'
import type { LinkContext } from '../context.ts'
import type { LeafIdentity } from './handshake.ts'

/** What a leaf link needs of the server. */
export type LeafContext = Pick<
  LinkContext,
  'limits' | 'log' | 'clock' | 'turn' | 'pool' | 'pressure' | 'account'
>

/** When a write deadline ends the link: never (the link's health judges), or always. */
export interface LeafWrites {
  readonly deadlineMs: number | null
}

/** What the handshake settles. */
export interface LeafTerms {
  readonly account: Account
  readonly isSpoke: boolean
  /** The interest of other leafs is not told to it. */
  readonly isIsolated: boolean
  readonly denyImports: readonly string[]
  readonly denyExports: readonly string[]
  readonly identity: LeafIdentity
  /** The account's own `$LDS.…`. */
  readonly loopSubject: string
}

export interface LeafLimits {
  readonly subscriptionsMax: number
  readonly payloadBytesMax: number
}
