// What two servers of a cluster say of themselves: CONNECT, by who dialled, and INFO, by both
// (reference 4.2). We leave out route_pool_size and compression, as servers before 2.10 do: newer
// ones then speak over one plain connection.

import type { ServerInfo } from '../handshake.ts'
import { isRecord, texts } from '../leaf/handshake.ts'
import type { SubjectLists } from '../leaf/permissions.ts'

/** Addresses an INFO may bring. */
const urlsMax = 256
/** Of one of them. */
const urlCharsMax = 512

/** An INFO of another server, or one that it passes on. */
export interface PeerInfo {
  readonly id: string
  readonly name: string
  readonly version: string
  readonly host: string
  readonly port: number
  readonly cluster: string
  readonly isDynamic: boolean
  /** Where clients reach it. */
  readonly urls: readonly string[]
  readonly webSocketUrls: readonly string[]
  /** `nats-route://host:port/`: where to dial it; '' = where it came from. */
  readonly ip: string
  readonly isLameDuck: boolean
  /** It knows LS+ and LMSG. */
  readonly knowsLeafs: boolean
  /** It knows the cluster in LS-; servers before 2.10.23 do not. */
  readonly knowsLeafsGone: boolean
  readonly imports: SubjectLists | null
  readonly exports: SubjectLists | null
  /** As it came, to be passed on. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** Reads an INFO's JSON; null when it is no object or names no server. */
export function readPeerInfo(json: string): PeerInfo | null {
  const fields = objectOf(json)
  if (fields === null) return null
  const text = textIn(fields)
  const { port } = fields
  if (text('server_id') === '') return null
  const cluster = text('cluster')
  if (/\s/.test(cluster)) return null
  return {
    id: text('server_id'),
    name: text('server_name') || text('server_id'),
    version: text('version'),
    host: text('host'),
    port: typeof port === 'number' && Number.isInteger(port) && port > 0 ? port & 0xffff : 0,
    cluster,
    isDynamic: fields.cluster_dynamic === true,
    urls: urlsOf(fields.connect_urls),
    webSocketUrls: urlsOf(fields.ws_connect_urls),
    ip: text('ip'),
    isLameDuck: fields.ldm === true,
    knowsLeafs: fields.lnoc === true,
    knowsLeafsGone: fields.lnocu === true,
    imports: listsOf(fields.import),
    exports: listsOf(fields.export),
    fields,
  }
}

/** The CONNECT of a server that dialled us. */
export interface PeerConnect {
  readonly user: string
  readonly password: string
  readonly cluster: string
  readonly isDynamic: boolean
  /** A client's library: servers say none. */
  readonly lang: string
  /** A gateway that took the wrong port. */
  readonly gateway: string
}

export function readPeerConnect(json: string): PeerConnect | null {
  const fields = objectOf(json)
  if (fields === null) return null
  const text = textIn(fields)
  return {
    user: text('user'),
    password: text('pass'),
    cluster: text('cluster'),
    isDynamic: fields.cluster_dynamic === true,
    lang: text('lang'),
    gateway: text('gateway'),
  }
}

/** What we are to the cluster. */
export interface RouteIdentity {
  readonly id: string
  readonly name: string
  readonly cluster: string
  /** We made the cluster's name up: we take another's. */
  readonly isDynamic: boolean
}

export interface RouteLogin {
  readonly user: string
  readonly password: string
}

export function connectLine(
  identity: RouteIdentity,
  login: RouteLogin | null,
  isTls: boolean,
): string {
  const fields = {
    echo: true,
    verbose: false,
    pedantic: false,
    ...(login === null ? {} : { user: login.user, pass: login.password }),
    tls_required: isTls,
    headers: true,
    name: identity.id,
    cluster: identity.cluster,
    ...(identity.isDynamic ? { cluster_dynamic: true } : {}),
    lnoc: true,
    lnocu: true,
  }
  return `CONNECT ${JSON.stringify(fields)}\r\n`
}

/** What our INFO to other servers says besides what every INFO says. */
export interface OwnInfo {
  readonly server: Omit<ServerInfo, 'jetstream' | 'domain' | 'api_lvl'>
  readonly identity: RouteIdentity
  readonly urls: readonly string[]
  readonly webSocketUrls: readonly string[]
  /** Told instead of where we come from; '' = nothing. */
  readonly ip: string
  readonly imports: SubjectLists | null
  readonly exports: SubjectLists | null
  readonly isLameDuck: boolean
}

/** 2: headers and leaf clusters, not yet message tracing. */
const routeProtocol = 2

/** JetStream is not told: ours is alone, and must not be taken for a member of theirs. */
export function infoLine(own: OwnInfo): string {
  const { identity, urls, webSocketUrls, ip, imports, exports: exported } = own
  const { cluster: _, connect_urls: __, ws_connect_urls: ___, ldm: ____, ...head } = own.server
  const fields = {
    ...head,
    proto: routeProtocol,
    ...(imports === null ? {} : { import: fieldsOf(imports) }),
    ...(exported === null ? {} : { export: fieldsOf(exported) }),
    ...(ip === '' ? {} : { ip }),
    cluster: identity.cluster,
    ...(identity.isDynamic ? { cluster_dynamic: true } : {}),
    ...(urls.length === 0 ? {} : { connect_urls: urls }),
    ...(webSocketUrls.length === 0 ? {} : { ws_connect_urls: webSocketUrls }),
    ...(own.isLameDuck ? { ldm: true } : {}),
    lnoc: true,
    lnocu: true,
  }
  return lineOf(fields)
}

/** Another server's INFO for those who have not met it: they dial `ip` (gossip). */
export function gossipLine(peer: PeerInfo, ip: string): string {
  const { nonce, route_account, route_acc_add_reqid, gossip_mode, ...fields } = peer.fields
  return lineOf({ ...fields, ip })
}

function lineOf(fields: object): string {
  return `INFO ${JSON.stringify(fields)} \r\n`
}

interface SubjectFields {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
}

export function fieldsOf({ allow, deny }: SubjectLists): SubjectFields {
  return { ...(allow === null ? {} : { allow }), ...(deny.length === 0 ? {} : { deny }) }
}

function objectOf(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const fields: unknown = JSON.parse(json)
    return isRecord(fields) ? fields : null
  } catch {
    return null
  }
}

function textIn(fields: Readonly<Record<string, unknown>>): (name: string) => string {
  return name => (typeof fields[name] === 'string' ? fields[name] : '')
}

function urlsOf(value: unknown): readonly string[] {
  const all = texts(value) ?? []
  return all.filter(url => url !== '' && url.length <= urlCharsMax).slice(0, urlsMax)
}

function listsOf(value: unknown): SubjectLists | null {
  return isRecord(value) ? { allow: texts(value.allow), deny: texts(value.deny) ?? [] } : null
}
