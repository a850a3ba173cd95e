// Who may connect, and as whom (reference 5.1, as far as users, passwords and tokens go).

import { createHash, timingSafeEqual } from 'node:crypto'
import type { Permissions } from './permissions.ts'

/** What a peer said about itself in CONNECT (MQTT: user name and password). */
export interface Credentials {
  readonly user: string
  readonly pass: string
  readonly token: string
}

export interface User {
  readonly name: string
  readonly password: string
  readonly account: string
  readonly permissions: Permissions | null
}

/** What the config's `authorization` block says. */
export interface Authorization {
  readonly users: ReadonlyMap<string, User>
  /** '' = none. */
  readonly token: string
  /** Whom a peer without any credentials becomes; null = nobody. */
  readonly noAuthUser: string | null
  /** How long a peer may take to send CONNECT, ms. */
  readonly timeoutMs: number
}

export interface Identity {
  /** For logs and /connz: the user's name, '' when anonymous. */
  readonly user: string
  readonly account: string
  readonly permissions: Permissions | null
}

export const openToAll: Authorization = {
  users: new Map(),
  token: '',
  noAuthUser: null,
  timeoutMs: 2000,
}

/** Are credentials needed at all? */
export function isAuthRequired(authorization: Authorization): boolean {
  return authorization.users.size > 0 || authorization.token !== ''
}

/** The identity that the credentials prove, or null. Compares in constant time. */
export function authenticate(
  authorization: Authorization,
  credentials: Credentials,
  account: string,
): Identity | null {
  if (!isAuthRequired(authorization)) return { user: credentials.user, account, permissions: null }
  const isAnonymous = credentials.user === '' && credentials.pass === '' && credentials.token === ''
  const name = isAnonymous ? authorization.noAuthUser : credentials.user
  const user = name === null || name === '' ? undefined : authorization.users.get(name)
  if (user && (isAnonymous || isEqual(user.password, credentials.pass))) {
    return { user: user.name, account: user.account, permissions: user.permissions }
  }
  const offered = credentials.token === '' ? credentials.pass : credentials.token
  if (authorization.token !== '' && isEqual(authorization.token, offered)) {
    return { user: '', account, permissions: null }
  }
  return null
}

function isEqual(expected: string, offered: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(expected), digest(offered))
}
