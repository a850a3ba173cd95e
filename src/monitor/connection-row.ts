// One connection of /connz: the fields, their order and their texts are those of nats-server.

import { type KeptSubscription, shownUser } from '../link/closed.ts'
import { certificateFields, chainOf } from '../link/secured.ts'
import type {
  Described,
  MonitoredClient,
  MonitoredClosedClient,
  MonitoredLeaf,
} from './connection-shapes.ts'
import { durationText, timeText, uptimeText } from './json.ts'
import { subscriptionLists, type Wanted } from './subscription-detail.ts'

/** A connection that lives, or one that is gone. */
export type Row =
  | { readonly id: number; readonly live: MonitoredClient; readonly gone: null }
  | { readonly id: number; readonly live: null; readonly gone: MonitoredClosedClient }

export const described = (row: Row): Described => row.live ?? row.gone

export interface RowOptions {
  readonly withUser: boolean
  readonly subscriptions: Wanted
}

export function connectionRow(row: Row, nowMs: number, options: RowOptions): object {
  const { gone } = row
  const one = described(row)
  const untilMs = gone?.stoppedWallMs ?? nowMs
  return {
    cid: row.id,
    kind: one.kind === 'leaf' ? 'Leafnode' : 'Client',
    ...typeOf(one),
    ip: one.host,
    port: one.port,
    start: timeText(one.startedWallMs),
    last_activity: timeText(one.lastActivityMs),
    ...(gone === null ? {} : { stop: timeText(gone.stoppedWallMs), reason: gone.reason }),
    rtt: durationText(one.keepalive.rttMs),
    uptime: uptimeText(untilMs - one.startedWallMs),
    idle: uptimeText(untilMs - one.lastActivityMs),
    pending_bytes: row.live?.pendingBytes ?? 0,
    in_msgs: one.inMsgs,
    out_msgs: one.outMsgs,
    in_bytes: one.inBytes,
    out_bytes: one.outBytes,
    ...(one.stalls ? { stalls: one.stalls } : {}),
    subscriptions: subscriptionCount(row),
    ...namesOf(one.options),
    ...tlsFields(row, options.withUser),
    ...(options.withUser ? userFields(userOf(row), accountOf(row)) : {}),
    ...subscriptionLists(
      options.subscriptions === 'none' ? [] : subscriptionsOf(row),
      row.id,
      options.subscriptions,
      // Only of those that are gone does nats-server name it.
      gone?.account,
    ),
    ...(options.withUser ? claimFields(row) : {}),
    ...(one.mqttClientId ? { mqtt_client: one.mqttClientId } : {}),
  }
}

export function userOf({ live, gone }: Row): string {
  return live === null ? gone.user : shownUser(live)
}

export function accountOf({ live, gone }: Row): string {
  return live === null ? gone.account : (live.account?.name ?? '')
}

export function subscriptionCount({ live, gone }: Row): number {
  return live === null
    ? gone.subscriptionCount
    : (live.subscriptionCount ?? live.subscriptions.size)
}

export function subscriptionsOf({ live, gone }: Row): readonly KeptSubscription[] {
  return live === null ? gone.subscriptions : [...live.subscriptions.values()]
}

/** A leaf node among the clients, as nats-server shows it; null when too little is known of it. */
export function leafConnection(leaf: MonitoredLeaf): MonitoredClient | null {
  const { id, startedWallMs } = leaf
  if (id === undefined || startedWallMs === undefined) return null
  const { host, port, inMsgs, inBytes, outMsgs, outBytes } = leaf
  const user = leaf.user ?? ''
  return {
    kind: 'leaf',
    id,
    host,
    port,
    startedWallMs,
    lastActivityMs: leaf.lastActivityMs ?? startedWallMs,
    pendingBytes: leaf.pendingBytes ?? 0,
    inMsgs,
    inBytes,
    outMsgs,
    outBytes,
    // Whoever dialled has said its name; a hub only told its own.
    options: { name: leaf.isSpoke ? '' : leaf.name, lang: '', version: leaf.version ?? '' },
    keepalive: { rttMs: leaf.rttMs },
    identity: { user },
    account: { name: leaf.account },
    secured: leaf.secured ?? null,
    subscriptionCount: leaf.subjects.length,
    get subscriptions() {
      return new Map(leaf.subjects.map(subject => [subject, leafSubscription(subject)]))
    },
  }
}

type Listed = MonitoredClient['subscriptions'] extends ReadonlyMap<string, infer S> ? S : never

const nowhere = { remote: false, deliver() {} } as const

function leafSubscription(subject: string): Listed {
  return {
    subject,
    queue: '',
    sid: subject,
    sink: nowhere,
    weight: 1,
    delivered: 0,
    max: 0,
    closed: false,
    prefix: null,
    prefixSubject: '',
  }
}

function typeOf({ kind, type, mqttClientId }: Described): object {
  if (kind === 'leaf') return {}
  return { type: mqttClientId === undefined ? (type ?? 'nats') : 'mqtt' }
}

function namesOf({ name, lang, version }: Described['options']): object {
  return {
    ...(name === '' ? {} : { name }),
    ...(lang === '' ? {} : { lang }),
    ...(version === '' ? {} : { version }),
  }
}

function tlsFields(row: Row, withCertificates: boolean): object {
  const { secured } = described(row)
  if (!secured) return {}
  const certificate = withCertificates ? row.live?.certificate : null
  return {
    tls_version: secured.version,
    tls_cipher_suite: secured.cipher,
    ...(certificate ? { tls_peer_certs: chainOf(certificate).map(certificateFields) } : {}),
    ...(secured.isFirst ? { tls_first: true } : {}),
  }
}

/** The global account goes without saying. */
function userFields(user: string, account: string): object {
  return {
    ...(user === '' ? {} : { authorized_user: user }),
    ...(account === '' || account === '$G' ? {} : { account }),
  }
}

function claimFields({ live, gone }: Row): object {
  const claims = live === null ? gone.claims : (live.identity?.claims ?? null)
  if (claims === null) return {}
  const { jwt, issuerKey, nameTag, tags } = claims
  return {
    ...(jwt === '' || isBearer(jwt) ? {} : { jwt }),
    ...(issuerKey === '' ? {} : { issuer_key: issuerKey }),
    ...(nameTag === '' ? {} : { name_tag: nameTag }),
    ...(tags.length === 0 ? {} : { tags }),
  }
}

/** Whoever has such a JWT may log in with it: it is nobody else's business. */
function isBearer(jwt: string): boolean {
  try {
    const payload = Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()
    const { nats } = JSON.parse(payload) as { nats?: { bearer_token?: unknown } }
    return nats?.bearer_token === true
  } catch {
    return true
  }
}
