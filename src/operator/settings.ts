// What the config says about operator mode; src/server/operator-options.ts reads it.

import type { OperatorClaims } from './claims.ts'
import type { ResolverTls } from './url-resolver.ts'

export type ResolverSettings =
  | { readonly is: 'memory' }
  | { readonly is: 'url'; readonly url: string }
  | {
      readonly is: 'full'
      readonly dir: string
      readonly filesMax: number
      readonly fetchMs: number
      readonly deletes: 'no' | 'rename' | 'hard'
      readonly intervalMs: number
    }
  | {
      readonly is: 'cache'
      readonly dir: string
      readonly filesMax: number
      readonly fetchMs: number
      readonly ttlMs: number
    }

export interface OperatorSettings {
  readonly operators: readonly OperatorClaims[]
  /** Trusted keys without an operator's JWT. */
  readonly keys: readonly string[]
  readonly resolver: ResolverSettings | null
  /** JWTs by account. */
  readonly preloads: ReadonlyMap<string, string>
  readonly pinned: ReadonlySet<string> | null
  readonly sentinel: string
  /** '' = none is named. */
  readonly systemAccount: string
  /** Accounts that the config names, fetched at the start. */
  readonly accounts: readonly string[]
  readonly resolverTls: ResolverTls | null
}
