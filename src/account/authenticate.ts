// Who may connect, and as whom: nkeys, users, passwords and tokens (reference 5.1).

import { createHash, timingSafeEqual, type X509Certificate } from 'node:crypto'
import type { CertificateUsers } from './certificate-users.ts'
import { type HashCheck, isHash, noHashes } from './hashes.ts'
import { verifySignature } from './nkey.ts'
import type { Permissions } from './permissions.ts'

/** What a peer said about itself in CONNECT (MQTT: user name and password). */
export interface Credentials {
  readonly user: string
  readonly pass: string
  readonly token: string
  /** A public user key, and what it made of our nonce, as base64url. */
  readonly nkey?: string
  readonly sig?: string
  /** A user's JWT; of an MQTT client it is the password. */
  readonly jwt?: string
  /** What it says of its client library. */
  readonly name?: string
  readonly lang?: string
  readonly version?: string
  readonly protocol?: number
}

/** The ways to connect, as a user's `allowed_connection_types` names them. */
export const connectionTypes = [
  'STANDARD',
  'WEBSOCKET',
  'LEAFNODE',
  'LEAFNODE_WS',
  'MQTT',
  'MQTT_WS',
  'INPROCESS',
] as const

export type ConnectionType = (typeof connectionTypes)[number]

/** The connection that brings the credentials. */
export interface Peer {
  readonly connectionType: ConnectionType
  /** Its IP address; '' where there is none. */
  readonly host: string
  /** What it proved to be in TLS; null = nothing. */
  readonly certificate: X509Certificate | null
  /** The TLS that it came by; null or absent = none. */
  readonly secured?: { readonly version: string; readonly cipher: string } | null
  /** Of the connection; absent: it has none. */
  readonly id?: number
  readonly mqttClientId?: string
  /** What we sent it to sign; '' = nothing. */
  readonly nonce: string
  /** What the log calls it; absent: its host. */
  readonly label?: string
  /** Does it still wait for the answer? */
  isWaiting(): boolean
}

export interface User {
  /** Of an nkey user the public key. */
  readonly name: string
  /** In plain text or a bcrypt hash; null: the user signs with the nkey that is its name. */
  readonly password: string | null
  readonly account: string
  readonly permissions: Permissions | null
  /** null or absent = every way. */
  readonly connectionTypes?: ReadonlySet<ConnectionType> | null
}

/** What the config's `authorization` block says. */
export interface Authorization {
  readonly users: ReadonlyMap<string, User>
  /** Are there nkey users? Then INFO has a nonce. */
  readonly hasNkeys: boolean
  /** '' = none; may be a bcrypt hash. */
  readonly token: string
  /** Whom a peer without any credentials becomes; null = nobody. */
  readonly noAuthUser: string | null
  /**
   * Without one, the account of a peer without any credentials; null = it is refused. So it is
   * where only the system account has users.
   */
  readonly openAccount: string | null
  /** How long a peer may take to send CONNECT, ms. */
  readonly timeoutMs: number
  readonly hashes: HashCheck
  /** Operator mode: everybody brings a JWT, and nothing above but `timeoutMs` counts. */
  readonly operator?: OperatorCheck | null
  /** Ways on which the certificate says who somebody is. */
  readonly certificates?: CertificateUsers | null
  /** A service decides, whatever the users here say. */
  readonly callout?: CalloutCheck | null
}

/** src/callout has it. */
export interface CalloutCheck {
  /** `first` is what the config alone says. */
  decide(credentials: Credentials, peer: Peer, first: Verdict): Verdict
}

/** src/operator has it. */
export interface OperatorCheck {
  check(credentials: Credentials, peer: Peer): Verdict
}

export interface Identity {
  /** For logs and /connz: the user's name or nkey, '' when anonymous. */
  readonly user: string
  readonly account: string
  readonly permissions: Permissions | null
  /** Absent: only those of its account count. */
  readonly limits?: UserLimits
  /** When it has to go; absent = never. */
  readonly expiresWallMs?: number
  /** Of a user with a JWT. */
  readonly claims?: UserClaims
  /** A callout service decided: it is not asked again when the config is reloaded. */
  readonly isDelegated?: true
}

/** Infinity where the user has no limit of its own. */
export interface UserLimits {
  readonly subscriptionsMax: number
  readonly payloadBytesMax: number
}

export function lowestLimits(limits: UserLimits, others: UserLimits | undefined): UserLimits {
  if (others === undefined) return limits
  return {
    subscriptionsMax: Math.min(limits.subscriptionsMax, others.subscriptionsMax),
    payloadBytesMax: Math.min(limits.payloadBytesMax, others.payloadBytesMax),
  }
}

/** What monitoring shows of a user's JWT. */
export interface UserClaims {
  readonly jwt: string
  /** The account's key or a signing key of it. */
  readonly issuerKey: string
  readonly nameTag: string
  readonly tags: readonly string[]
}

/** null: refused. A promise only where a hash is computed or an account fetched. */
export type Verdict = Identity | null | Promise<Identity | null>

export const openToAll: Authorization = {
  users: new Map(),
  hasNkeys: false,
  token: '',
  noAuthUser: null,
  openAccount: null,
  timeoutMs: 2000,
  hashes: noHashes,
}

/** For checks that are not of one connection. */
const somebody: Peer = {
  connectionType: 'STANDARD',
  host: '',
  certificate: null,
  nonce: '',
  isWaiting: () => true,
}

/** Are credentials needed at all? */
export function isAuthRequired(authorization: Authorization): boolean {
  const { users, token, operator } = authorization
  return users.size > 0 || token !== '' || (operator ?? null) !== null
}

/**
 * The identity that the credentials prove, or null. Compares in constant time. `account` is whose
 * a peer is that no user stands for.
 */
export function authenticate(
  authorization: Authorization,
  credentials: Credentials,
  account: string,
  peer: Peer = somebody,
): Verdict {
  const verdict = prove(authorization, credentials, account, peer)
  const { callout } = authorization
  return callout ? callout.decide(credentials, peer, verdict) : verdict
}

/** By the config alone. */
function prove(
  authorization: Authorization,
  credentials: Credentials,
  account: string,
  peer: Peer,
): Verdict {
  if (authorization.operator) return authorization.operator.check(credentials, peer)
  if (!isAuthRequired(authorization)) return { user: credentials.user, account, permissions: null }
  const { users, hasNkeys, noAuthUser, openAccount, token, hashes } = authorization
  const { user: name, pass, nkey = '', sig = '' } = credentials
  const { certificates } = authorization
  if (certificates?.covers(peer.connectionType) && !(nkey !== '' && hasNkeys)) {
    const user = certificates.find(peer.certificate, peer.connectionType)
    return user && proven(user.password ?? '', pass, identityOf(user), hashes, peer)
  }
  if (name === '' && pass === '' && credentials.token === '' && nkey === '') {
    const user = noAuthUser === null ? undefined : users.get(noAuthUser)
    if (user) return mayConnectBy(user, peer) ? identityOf(user) : null
    return openAccount === null ? null : { user: '', account: openAccount, permissions: null }
  }
  if (nkey !== '' && hasNkeys) {
    const user = users.get(nkey)
    if (user?.password !== null || !mayConnectBy(user, peer)) return null
    return isSigned(nkey, sig, peer.nonce) ? identityOf(user) : null
  }
  const user = name === '' ? undefined : users.get(name)
  if (user && user.password !== null) {
    if (!mayConnectBy(user, peer)) return null
    if (user.password === '' && name !== noAuthUser && certificates?.canBe(user)) return null
    return proven(user.password, pass, identityOf(user), hashes, peer)
  }
  if (token === '') return null
  const offered = credentials.token === '' ? pass : credentials.token
  return proven(token, offered, { user: '', account, permissions: null }, hashes, peer)
}

function identityOf({ name, account, permissions }: User): Identity {
  return { user: name, account, permissions }
}

function mayConnectBy(user: User, peer: Peer): boolean {
  return user.connectionTypes?.has(peer.connectionType) ?? true
}

/** The identity if the secret was offered, else null. */
function proven(
  secret: string,
  offered: string,
  identity: Identity,
  hashes: HashCheck,
  peer: Peer,
): Verdict {
  if (!isHash(secret)) return isEqual(secret, offered) ? identity : null
  const isRight = hashes.check(secret, offered, () => peer.isWaiting())
  if (isRight instanceof Promise) return isRight.then(right => (right ? identity : null))
  return isRight ? identity : null
}

/** Node reads both alphabets of base64, padded or not. */
export function isSigned(nkey: string, sig: string, nonce: string): boolean {
  if (nonce === '' || sig.length > signatureCharsMax) return false
  return verifySignature(nkey, Buffer.from(nonce), Buffer.from(sig, 'base64'))
}

const signatureCharsMax = 88

function isEqual(expected: string, offered: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(expected), digest(offered))
}
