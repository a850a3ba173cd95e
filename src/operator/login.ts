// A user brings a JWT: who is it, and may it come in (reference 5.1 step 3; nats-server:
// processClientOrLeafAuthentication)? Why it may not goes to the log; the peer hears only
// `Authorization Violation`.

import {
  type ConnectionType,
  type Credentials,
  type Identity,
  isSigned,
  type OperatorCheck,
  type Peer,
  type UserClaims as ShownClaims,
  type Verdict,
} from '../account/authenticate.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import {
  accountExpired,
  authenticationFailed,
  authorizationViolation,
  userRevoked,
  type WireError,
} from '../wire/errors.ts'
import type { ClaimedAccount, ClaimedAccounts, Found } from './accounts.ts'
import { isFrom } from './cidr.ts'
import { readUser, type UserClaims, type UserLimits } from './claims.ts'
import {
  type Answered,
  type Ask,
  type CalloutAnswer,
  hasCallout,
  placeOf,
  shielded,
} from './delegation.ts'
import { identityOf } from './identity.ts'
import { fillTemplate } from './template.ts'
import { allowedMs } from './times.ts'
import type { Trust } from './trust.ts'
import { validateUser } from './validate.ts'

export interface LoginParts {
  readonly accounts: ClaimedAccounts
  readonly trust: Trust
  readonly clock: Clock
  readonly log: Log
  /** The only accounts that may be used; null = all. */
  readonly pinned: ReadonlySet<string> | null
  /** The JWT of whoever brings none; '' = refused. */
  sentinel(): string
  /** A callout service. */
  readonly ask: Ask
}

/** One line a minute about a clock that may be wrong. */
const clockWarningMs = 60_000

export class Login implements OperatorCheck {
  /** Users of accounts that are not pinned. */
  pinnedFails = 0
  readonly #parts: LoginParts
  /** Of those who are in: what they claimed. */
  readonly #claims = new WeakMap<ShownClaims, UserClaims>()
  #clockWarnedMs = Number.NEGATIVE_INFINITY

  constructor(parts: LoginParts) {
    this.#parts = parts
  }

  check(credentials: Credentials, peer: Peer): Verdict {
    const claims = this.#claimsOf(credentials, peer)
    if (typeof claims === 'string') return this.#refuse(peer, claims)
    const { accounts, clock, pinned } = this.#parts
    const issues = validateUser(claims, clock.wallMs() / 1000)
    if (issues.blocks({ withTime: true })) {
      if (issues.list.some(issue => issue.timeCheck)) this.#doubtClock(issues.text)
      return this.#refuse(peer, `User JWT no longer valid: ${issues.text}`)
    }
    if (claims.limits.proxyRequired) return this.#refuse(peer, 'proxy connection required')
    const name = claims.issuerAccount || claims.issuer
    if (pinned !== null && !pinned.has(name)) {
      this.pinnedFails++
      return this.#refuse(peer, `Account ${name} not listed as operator pinned account`)
    }
    const found = accounts.lookup(name)
    if (!(found instanceof Promise)) return this.#admit(found, claims, credentials, peer)
    return found.then(account =>
      peer.isWaiting() ? this.#admit(account, claims, credentials, peer) : null,
    )
  }

  /** Why somebody who is in has to go, after their account changed; null = may stay. */
  objection(
    { claims: shown, isDelegated }: Identity,
    account: ClaimedAccount,
    altered: ReadonlySet<string>,
  ): WireError | null {
    if (account.isExpired) return accountExpired
    const claims = shown === undefined ? undefined : this.#claims.get(shown)
    if (claims === undefined) return null
    const { issuer } = claims
    const isBearer = claims.limits.bearer && isDelegated !== true
    if (isBearer && account.claims?.limits.disallowBearer) return authorizationViolation
    if (isRevoked(account, claims)) return userRevoked
    const isUnknown = claims.issuerAccount !== '' && !account.signers.has(issuer)
    return isUnknown || altered.has(issuer) ? authenticationFailed : null
  }

  #claimsOf(credentials: Credentials, peer: Peer): UserClaims | string {
    const offered = jwtOf(credentials, peer)
    const claims = offered === '' ? 'Authentication requires a user JWT' : readUser(offered)
    if (typeof claims !== 'string') return claims
    const sentinel = this.#parts.sentinel()
    if (sentinel !== '') return readUser(sentinel)
    return offered === '' ? claims : `User JWT not valid: ${claims}`
  }

  #admit(found: Found, claims: UserClaims, credentials: Credentials, peer: Peer): Verdict {
    const identity = this.#identityOf(found, claims, credentials, peer)
    if (typeof identity === 'string') return this.#refuse(peer, identity)
    if (identity === null || typeof found === 'string' || !hasCallout(found)) return identity
    const { authUsers = [], xkey = '' } = found.claims?.authorization ?? {}
    // Only what was signed counts: a name in CONNECT says nothing.
    if (authUsers.includes(claims.subject)) return shielded(identity)
    const target = {
      account: found.account,
      xkey: xkey === '' ? null : xkey,
      subject: found.name,
      bearer: claims,
      identityOf: (answer: CalloutAnswer) => this.#answered(found, answer, peer),
    }
    return this.#parts.ask(target, { ...credentials, jwt: claims.token.text }, peer)
  }

  /** Whom a callout service answered: a user of an account, as if it had brought that JWT. */
  #answered(
    asked: ClaimedAccount,
    answer: CalloutAnswer,
    peer: Peer,
  ): Answered | Promise<Answered> {
    const place = placeOf(asked, answer)
    if (typeof place === 'string') return place
    const { accounts, pinned } = this.#parts
    const { user } = answer
    if (pinned !== null && !pinned.has(place.account)) {
      this.pinnedFails++
      return `Account ${place.account} not listed as operator pinned account`
    }
    const admitted = (found: Found): Answered => {
      const identity = this.#identityOf(found, user, null, peer)
      if (identity === null) return `user from or at a wrong place on account "${place.account}"`
      if (typeof identity === 'string') return identity
      return { ...identity, user: user.name || user.subject, isDelegated: true }
    }
    const found = accounts.lookup(place.account)
    return found instanceof Promise ? found.then(admitted) : admitted(found)
  }

  /** `credentials`: null = they need not be proven. A text for the log, null = it has one. */
  #identityOf(
    found: Found,
    claims: UserClaims,
    credentials: Credentials | null,
    peer: Peer,
  ): Identity | string | null {
    if (typeof found === 'string') return `Account JWT lookup error: ${found}`
    const { trust, clock, log } = this.#parts
    if (!trust.signs(found.issuer)) return 'Account JWT not signed by trusted operator'
    if (found.isExpired) return 'Account JWT has expired'
    const limits = limitsOf(found, claims)
    if (typeof limits === 'string') return limits
    const fault = faultOf(found, claims, limits, credentials, peer)
    if (fault !== null) return fault
    if (!isFrom(limits.sources, peer.host)) {
      log.error(`${peer.label ?? peer.host} - Bad src Ip ${peer.host}`)
      return null
    }
    const wallMs = clock.wallMs()
    const leftMs = allowedMs(limits.times, limits.timesLocation, wallMs)
    if (leftMs === 0) {
      log.error(`${peer.label ?? peer.host} - Outside connect times`)
      return null
    }
    const identity = identityOf(claims, limits, found, wallMs + leftMs)
    this.#claims.set(identity.claims, claims)
    return identity
  }

  #refuse(peer: Peer, why: string): null {
    const { log } = this.#parts
    if (log.debugOn) log.debug(`${peer.label ?? peer.host} - ${why}`)
    return null
  }

  /** A board without a clock of its own starts in 1970, and then no token is valid yet. */
  #doubtClock(why: string): void {
    const { clock, log } = this.#parts
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#clockWarnedMs < clockWarningMs) return
    this.#clockWarnedMs = nowMs
    const now = new Date(clock.wallMs()).toISOString()
    log.warn(`A user JWT was refused (${why}); the clock of this server says ${now}`)
  }
}

/** MQTT has only a password to put it in. */
function jwtOf({ jwt = '', pass }: Credentials, { connectionType }: Peer): string {
  return jwt === '' && connectionType.startsWith('MQTT') ? pass : jwt
}

/** The user's own limits, or those of the template that its signing key has. */
function limitsOf(
  { signers, claims: account }: ClaimedAccount,
  user: UserClaims,
): UserLimits | string {
  const scope = signers.get(user.issuer)
  if (scope === undefined) return 'User JWT issuer is not known'
  if (scope === null) return user.limits
  if (!user.isBare) {
    return 'User JWT is not valid: scoped users require no permissions or limits set'
  }
  const permissions = fillTemplate(scope.template.permissions, user, {
    name: account?.name ?? '',
    tags: account?.tags ?? [],
  })
  return typeof permissions === 'string'
    ? `User JWT generated invalid permissions: ${permissions}`
    : { ...scope.template, permissions }
}

function faultOf(
  account: ClaimedAccount,
  claims: UserClaims,
  limits: UserLimits,
  credentials: Credentials | null,
  peer: Peer,
): string | null {
  if (credentials !== null && limits.bearer && account.claims?.limits.disallowBearer) {
    return 'Account does not allow bearer tokens'
  }
  if (limits.proxyRequired) return 'proxy connection required'
  if (!mayConnectBy(limits.connectionTypes, peer.connectionType)) {
    return 'Connection type not allowed'
  }
  if (credentials !== null && !limits.bearer) {
    const { sig = '' } = credentials
    if (sig === '') return 'Signature missing'
    if (!isSigned(claims.subject, sig, peer.nonce)) return 'Signature not verified'
  }
  return isRevoked(account, claims) ? 'User authentication revoked' : null
}

/** Unknown types are skipped; nothing but unknown ones allows nothing. */
function mayConnectBy(allowed: readonly string[], type: ConnectionType): boolean {
  if (allowed.length === 0) return true
  return allowed.some(one => one.toUpperCase().replace('IN_PROCESS', 'INPROCESS') === type)
}

/** Tokens that were issued up to then are void; `*` stands for all users. */
export function isRevoked({ claims: account }: ClaimedAccount, user: UserClaims): boolean {
  if (account === null) return false
  const { revocations } = account
  const at = Math.max(
    revocations.get(user.subject) ?? Number.NEGATIVE_INFINITY,
    revocations.get('*') ?? Number.NEGATIVE_INFINITY,
  )
  return at >= user.issuedAt
}
