// The accounts that this server knows from JWTs: fetched when a user of theirs comes, kept, updated
// when somebody pushes a newer token, and ended when it expires.
//
//   unknown --lookup, fetched, verified--> known --exp reached--> expired --lookup--> known again
//                                            |  ^                    |
//                                  update()  |  |                    | remove()
//                                            v  |                    v
//                                           known                  removed
//
// Guarantees: an account is here only if a trusted operator signed it; at most `accountsMax` are
// kept and `fetchesMax` are fetched at one time; nobody fetches the same account twice at once.

import type { Account } from '../account/account.ts'
import type { Permissions } from '../account/permissions.ts'
import type { Clock } from '../base/clock.ts'
import { Expiry } from '../base/expiry.ts'
import type { Log } from '../base/log.ts'
import { isPublicKey } from '../account/nkey.ts'
import { type AccountClaims, readAccount, type Scope } from './claims.ts'
import type { Fetched, Resolver } from './resolver.ts'
import type { Trust } from './trust.ts'
import { permissionsOf } from './user-permissions.ts'
import { validateAccount } from './validate.ts'

export const accountsMax = 10_000
const fetchesMax = 256
/** An expired account is asked for again at most once in this time. */
const updateMsMin = 1000
/** A fetch that takes longer is worth a line. */
const slowFetchMs = 1000

export interface ClaimedAccount {
  readonly name: string
  readonly account: Account
  /** null: the system account before its token was found. */
  claims: AccountClaims | null
  jwt: string
  issuer: string
  isExpired: boolean
  /** Something that it imports could not be had. */
  isIncomplete: boolean
  /** Whose users are its own; null = no template. */
  signers: ReadonlyMap<string, Scope | null>
  /** Permissions of users that claim none. */
  defaults: Permissions | null
  updatedWallMs: number
  updatedMs: number
  readonly expiry: Expiry
}

/** What became of an account. */
export interface AccountChange {
  readonly account: ClaimedAccount
  /** Signing keys whose template is not the same any more. */
  readonly altered: ReadonlySet<string>
  /** Its claims are new. */
  readonly isUpdate: boolean
  /** Its token was deleted. */
  readonly isRemoved: boolean
}

export interface AccountsParts {
  readonly trust: Trust
  readonly resolver: Resolver | null
  readonly clock: Clock
  readonly log: Log
  /** The broker's account of that name, made when it does not exist. */
  account(name: string): Account
  /** Told after it counts. */
  changed(change: AccountChange): void
}

/** The account, or why it cannot be had. */
export type Found = ClaimedAccount | string

export class ClaimedAccounts {
  readonly #parts: AccountsParts
  readonly #known = new Map<string, ClaimedAccount>()
  readonly #fetches = new Map<string, Promise<Found>>()

  constructor(parts: AccountsParts) {
    this.#parts = parts
  }

  get(name: string): ClaimedAccount | undefined {
    return this.#known.get(name)
  }

  get all(): Iterable<ClaimedAccount> {
    return this.#known.values()
  }

  /** Fetches it when it is not known or has expired. */
  lookup(name: string): Found | Promise<Found> {
    const known = this.#known.get(name)
    if (known !== undefined && !known.isExpired) return known
    const { clock, log } = this.#parts
    if (known !== undefined) {
      log.debug(`Requested account [${name}] has expired`)
      if (clock.monotonicMs() - known.updatedMs < updateMsMin) return 'account expired'
    }
    return this.#fetch(name)
  }

  /** Takes over a token for an account that is known; a text when it is not good. */
  update(name: string, jwt: string): string | null {
    const known = this.#known.get(name)
    if (known === undefined) return 'account missing'
    if (known.jwt === jwt && !known.isIncomplete && !known.isExpired) {
      this.#parts.log.debug(`Requested account update for [${name}], same claims detected`)
      return null
    }
    const claims = this.#verified(name, jwt)
    if (typeof claims === 'string') return claims
    this.#apply(known, claims)
    return null
  }

  /** The system account before its token is there: only its own key signs its users. */
  bootstrap(name: string, operator: string): void {
    if (this.#known.has(name)) return
    const account = this.#add(name)
    account.issuer = operator
    account.signers = new Map([[name, null]])
  }

  /** Its token was deleted: nobody may stay. */
  remove(name: string): void {
    const known = this.#known.get(name)
    if (known === undefined) return
    this.#parts.log.debug(`Disable account ${name} due to remove`)
    known.account.limits = {
      ...known.account.limits,
      connectionsMax: 0,
      leafsMax: 0,
      subscriptionsMax: 0,
      payloadBytesMax: 0,
    }
    known.jwt = ''
    this.#expire(known, true)
    known.expiry.cancel()
  }

  close(): void {
    for (const { expiry } of this.#known.values()) expiry.cancel()
  }

  #fetch(name: string): Found | Promise<Found> {
    const running = this.#fetches.get(name)
    if (running !== undefined) return running
    if (!isPublicKey(name, 'account')) return 'will only fetch valid account keys'
    const { resolver, clock } = this.#parts
    if (resolver === null) return 'account resolver missing'
    if (this.#fetches.size >= fetchesMax) return 'too many account fetches at one time'
    const startedMs = clock.monotonicMs()
    const fetched = resolver.fetch(name)
    if (!(fetched instanceof Promise)) return this.#fetched(name, fetched, startedMs)
    const fetch = fetched
      .then(found => this.#fetched(name, found, startedMs))
      .catch((error: Error) => error.message)
      .finally(() => this.#fetches.delete(name))
    this.#fetches.set(name, fetch)
    return fetch
  }

  #fetched(name: string, fetched: Fetched, startedMs: number): Found {
    const { log, clock } = this.#parts
    const tookMs = clock.monotonicMs() - startedMs
    const level = tookMs > slowFetchMs ? 'warn' : 'debug'
    log[level](`Account [${name}] fetch took ${tookMs.toFixed(3)}ms`)
    if ('missing' in fetched) {
      log.warn(`Account fetch failed: ${fetched.missing}`)
      return fetched.missing
    }
    const claims = this.#verified(name, fetched.jwt)
    if (typeof claims === 'string') return claims
    const known = this.#known.get(name)
    if (known === undefined && this.#known.size >= accountsMax) {
      log.error(`Problem registering with account "${name}": more than ${accountsMax} accounts`)
      return 'too many accounts'
    }
    const account = known ?? this.#add(name)
    this.#apply(account, claims)
    return account.isExpired ? 'account expired' : account
  }

  /** Signed by whom we trust, and valid now. */
  #verified(name: string, jwt: string): AccountClaims | string {
    const { trust, clock } = this.#parts
    const claims = readAccount(jwt)
    if (typeof claims === 'string') return claims
    if (!trust.signs(claims.issuer)) return 'account validation failed: not signed by an operator'
    if (claims.subject !== name) return 'account validation failed: it is another account'
    const issues = validateAccount(claims, clock.wallMs() / 1000)
    return issues.blocks({ withTime: true }) ? `account validation failed: ${issues.text}` : claims
  }

  #add(name: string): ClaimedAccount {
    const { clock } = this.#parts
    const claimed: ClaimedAccount = {
      name,
      account: this.#parts.account(name),
      claims: null,
      jwt: '',
      issuer: '',
      isExpired: false,
      isIncomplete: false,
      signers: new Map(),
      defaults: null,
      updatedWallMs: clock.wallMs(),
      updatedMs: clock.monotonicMs(),
      expiry: new Expiry(clock, () => this.#expire(claimed)),
    }
    this.#known.set(name, claimed)
    return claimed
  }

  #apply(claimed: ClaimedAccount, claims: AccountClaims): void {
    const { clock, log } = this.#parts
    const { name } = claimed
    log.debug(`Updating account claims: ${name}/${claims.name}`)
    const signers = this.#signersOf(claims)
    const before = claimed.signers
    const altered = new Set(
      [...signers].filter(([key, scope]) => before.has(key) && !isSame(before.get(key), scope)),
    )
    claimed.claims = claims
    claimed.jwt = claims.token.text
    claimed.issuer = claims.issuer
    claimed.signers = signers
    claimed.defaults = permissionsOf(claims.defaultPermissions)
    claimed.updatedWallMs = clock.wallMs()
    claimed.updatedMs = clock.monotonicMs()
    claimed.isExpired = claims.expires !== 0 && claims.expires * 1000 <= clock.wallMs()
    const lives = claims.expires !== 0 && !claimed.isExpired
    claimed.expiry.set(lives ? claims.expires * 1000 : undefined)
    limit(claimed.account, claims)
    const keys = new Set([...altered].map(([key]) => key))
    this.#parts.changed({ account: claimed, altered: keys, isUpdate: true, isRemoved: false })
  }

  #signersOf(claims: AccountClaims): ReadonlyMap<string, Scope | null> {
    const signers = new Map(claims.signingKeys)
    if (!this.#parts.trust.isStrict(claims.issuer)) signers.set(claims.subject, null)
    return signers
  }

  #expire(claimed: ClaimedAccount, isRemoved = false): void {
    claimed.isExpired = true
    claimed.updatedMs = this.#parts.clock.monotonicMs()
    this.#parts.changed({ account: claimed, altered: new Set(), isUpdate: false, isRemoved })
  }
}

function isSame(before: Scope | null | undefined, after: Scope | null): boolean {
  return JSON.stringify(before) === JSON.stringify(after)
}

function limit(account: Account, { limits }: AccountClaims): void {
  const bound = (max: number) => (max < 0 ? Number.POSITIVE_INFINITY : max)
  account.limits = {
    ...account.limits,
    connectionsMax: bound(limits.connections),
    leafsMax: bound(limits.leafs),
    subscriptionsMax: bound(limits.subscriptions),
    payloadBytesMax: bound(limits.payload),
  }
  account.streamLimits = limits.streams
}
