// The `client` block of an event: one connection, of whatever kind, as nats-server describes it.

import type { UserClaims } from '../account/authenticate.ts'
import { timeText } from '../monitor/json.ts'
import type { Traffic } from '../monitor/shapes.ts'

/** A connection as events describe it. */
export interface Seen extends Traffic {
  readonly kind: 'Client' | 'Leafnode'
  /** '' for a leaf node. */
  readonly type: '' | 'nats' | 'websocket' | 'mqtt'
  readonly id: number
  readonly host: string
  readonly startedWallMs: number
  readonly account: string
  readonly user: string
  readonly name: string
  readonly lang: string
  readonly version: string
  readonly rttMs: number
  readonly claims?: UserClaims
  readonly mqttClientId?: string
}

/** A client's connection, of NATS or of MQTT. */
export interface SeenClient extends Traffic {
  readonly id: number
  readonly host: string
  readonly startedWallMs: number
  readonly type?: 'nats' | 'websocket'
  readonly mqttClientId?: string
  readonly options: {
    readonly name: string
    readonly lang: string
    readonly version: string
    readonly user?: string
    readonly nkey?: string
    readonly token?: string
  }
  readonly keepalive: { readonly rttMs: number }
  readonly identity: {
    readonly user: string
    readonly account: string
    readonly claims?: UserClaims
  } | null
}

/** A leaf node's connection. */
export interface SeenLeaf extends Traffic {
  readonly id: number
  readonly host: string
  readonly startedWallMs: number
  readonly remoteName: string
  readonly rttMs: number
  /** '' = nobody in particular. */
  readonly user: string
  /** null: it has none yet. */
  readonly account: { readonly name: string } | null
}

/** Whose a connection is that has not logged in. */
const nobodysAccount = '$G'
const nsPerMs = 1_000_000

export function seenClient(client: SeenClient): Seen {
  const { id, host, startedWallMs, options, identity, mqttClientId } = client
  const { inMsgs, inBytes, outMsgs, outBytes, keepalive } = client
  const { name, lang, version } = options
  return {
    kind: 'Client',
    type: mqttClientId === undefined ? (client.type ?? 'nats') : 'mqtt',
    id,
    host,
    startedWallMs,
    account: identity?.account ?? nobodysAccount,
    user: userOf(client),
    name,
    lang,
    version,
    rttMs: keepalive.rttMs,
    ...(identity?.claims ? { claims: identity.claims } : {}),
    ...(mqttClientId ? { mqttClientId } : {}),
    ...{ inMsgs, inBytes, outMsgs, outBytes },
  }
}

/** `user`: who it says it is, if it is not known. */
export function seenLeaf(leaf: SeenLeaf, user = leaf.user): Seen {
  const { id, host, startedWallMs, remoteName, account, rttMs } = leaf
  const { inMsgs, inBytes, outMsgs, outBytes } = leaf
  return {
    kind: 'Leafnode',
    type: '',
    id,
    host,
    startedWallMs,
    account: account?.name ?? nobodysAccount,
    user,
    name: remoteName,
    lang: '',
    version: '',
    rttMs,
    ...{ inMsgs, inBytes, outMsgs, outBytes },
  }
}

/** Who it is, or said it was; a token is never shown. */
function userOf({ identity, options: { nkey, user, token } }: SeenClient): string {
  if (identity !== null && identity.user !== '') return identity.user
  return nkey || user || (token ? '[REDACTED]' : '')
}

/**
 * `stoppedWallMs`: it is gone; null: it has just come. `nameTag` is what the account is called
 * besides.
 */
export function clientBlock(seen: Seen, nameTag: string, stoppedWallMs: number | null): object {
  const { id, host, account, user, name, lang, version, claims, kind, type, mqttClientId } = seen
  const text = (key: string, value: string) => (value === '' ? {} : { [key]: value })
  return {
    start: timeText(seen.startedWallMs),
    ...text('host', host),
    id,
    acc: account,
    ...text('user', user),
    ...text('name', name),
    ...text('lang', lang),
    ...text('ver', version),
    ...(stoppedWallMs === null ? {} : ending(seen, stoppedWallMs)),
    ...text('jwt', claims?.jwt ?? ''),
    ...text('issuer_key', claims?.issuerKey ?? ''),
    ...text('name_tag', nameTag),
    ...(claims && claims.tags.length > 0 ? { tags: claims.tags } : {}),
    kind,
    ...text('client_type', type),
    ...text('client_id', mqttClientId ?? ''),
  }
}

function ending({ rttMs }: Seen, stoppedWallMs: number): object {
  const rtt = Math.round(rttMs * nsPerMs)
  return { ...(rtt > 0 ? { rtt } : {}), stop: timeText(stoppedWallMs) }
}
