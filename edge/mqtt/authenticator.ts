// Who an MQTT client is: the block's own user or token when it has one, else the server's users
// (reference 7.1). The password may also carry the server's token.

import type {
  Authorization,
  Credentials,
  Peer,
  User,
  Verdict,
} from '../../src/account/authenticate.ts'
import type { MqttOptions } from './options.ts'

/** What MQTT clients see differently from the server's own clients. */
export type Own = Pick<Authorization, 'noAuthUser'> &
  Partial<Pick<Authorization, 'users' | 'token' | 'hasNkeys' | 'openAccount'>>

/** The server's own check, with what is different for MQTT. */
export type ServerCheck = (
  credentials: Credentials,
  account: string,
  peer: Peer,
  own: Own | null,
) => Verdict

export function authenticator(
  options: MqttOptions,
  serverCheck: ServerCheck,
): (credentials: Credentials, peer: Peer) => Verdict {
  const own = ownOf(options)
  return (credentials, peer) => serverCheck(credentials, options.account, peer, own)
}

function ownOf(options: MqttOptions): Own | null {
  const { account, no_auth_user: noAuthUser } = options
  const { user, pass, token } = options.authorization
  if (user === null && token === null) return noAuthUser === null ? null : { noAuthUser }
  const users = new Map<string, User>()
  if (user !== null)
    users.set(user, { name: user, password: pass ?? '', account, permissions: null })
  return { users, hasNkeys: false, token: token ?? '', noAuthUser: null, openAccount: null }
}
