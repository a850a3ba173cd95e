// Who an MQTT client is: the block's own user or token when it has one, else the server's users
// (reference 7.1). The password may also carry the server's token.

import type { Credentials, Identity } from '../../src/account/authenticate.ts'
import { authenticate } from '../../src/account/authenticate.ts'
import type { MqttOptions } from './options.ts'

/** The server's own check. */
export type ServerCheck = (
  credentials: Credentials,
  account: string,
  noAuthUser: string | null,
) => Identity | null

export function authenticator(
  options: MqttOptions,
  serverCheck: ServerCheck,
): (credentials: Credentials) => Identity | null {
  const { account, no_auth_user: noAuthUser } = options
  const { user, pass, token, timeout } = options.authorization
  if (user === null && token === null) {
    return credentials => serverCheck(credentials, account, noAuthUser)
  }
  const users = new Map()
  if (user !== null)
    users.set(user, { name: user, password: pass ?? '', account, permissions: null })
  const own = { users, token: token ?? '', noAuthUser: null, timeoutMs: timeout }
  return credentials => authenticate(own, credentials, account)
}
