// Auth callout beside an operator (ADR-26): an account's JWT names `auth_users`; whoever else
// brings a JWT of that account is asked about by the service that listens in it. What the service
// answers is a user of the same account, or of one that the JWT allows. src/callout does the
// asking; here stands who is asked about, and whose answers count.

import type { Account } from '../account/account.ts'
import type { Credentials, Identity, Peer } from '../account/authenticate.ts'
import { withDeny } from '../account/permissions.ts'
import type { ClaimedAccount } from './accounts.ts'
import type { UserClaims } from './claims.ts'

export const calloutSubject = '$SYS.REQ.USER.AUTH'

/** Whom a question goes to, and what becomes of the answer. */
export interface CalloutTarget {
  /** Where the service listens. */
  readonly account: Account
  /** Public curve key of the service; null = nothing is sealed. */
  readonly xkey: string | null
  /** Whom the question is about to the service: the issuer of the config, else the account. */
  readonly subject: string
  /** The JWT that somebody brought to be asked about; absent: there is none. */
  readonly bearer?: Pick<UserClaims, 'subject' | 'name' | 'tags'>
  /** Who the answer's user is; a text says why nobody. */
  identityOf(answer: CalloutAnswer, peer: Peer): Answered | Promise<Answered>
}

export type Answered = Identity | string

export interface CalloutAnswer {
  readonly user: UserClaims
  /** Who signed the answer. */
  readonly issuer: string
  /** For which account; '' = as itself. */
  readonly issuerAccount: string
  /** It came in a box that only the service can make. */
  readonly isSealed: boolean
}

/** Asks; src/callout has it. */
export type Ask = (
  target: CalloutTarget,
  credentials: Credentials,
  peer: Peer,
) => Promise<Identity | null>

export function hasCallout({ claims }: ClaimedAccount): boolean {
  return claims !== null && claims.authorization.authUsers.length > 0
}

/** Users in the account of the service must not send questions, or answer their own. */
export function shielded(identity: Identity): Identity {
  return { ...identity, permissions: withDeny(identity.permissions, calloutSubject) }
}

/**
 * The account that the answer's user is of; a text says why it may not be. nats-server believes
 * whoever signs an answer in the name of the account; here it has to be a key of the account.
 */
export function placeOf(
  { name, signers, claims }: ClaimedAccount,
  { user, issuer, issuerAccount, isSealed }: CalloutAnswer,
): { readonly account: string } | string {
  const isOwn = issuer === name || signers.has(issuer)
  if (!isSealed && (!isOwn || (issuerAccount !== '' && issuerAccount !== name))) {
    return 'auth callout signing key is unknown'
  }
  const account = user.issuerAccount || user.issuer
  const allowed = claims?.authorization.allowedAccounts ?? []
  if (account === name || allowed.includes('*') || allowed.includes(account)) return { account }
  return (
    `account "${user.issuer}" not permitted as valid account option ` +
    `for auth callout for account "${name}"`
  )
}
