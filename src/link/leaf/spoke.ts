// What the CONNECT of a leaf node says (reference 4.7), and the INFO lines it is answered with.

import type { Permissions } from '../../account/permissions.ts'
import { isPattern } from '../../subject/subject.ts'
import { type ConnectOptions, readConnect, type ServerInfo } from '../handshake.ts'
import { isRecord, texts } from './handshake.ts'
import type { SubjectLists } from './permissions.ts'

export interface SpokeConnect {
  /** Who it says it is: user, password, token, nkey and what it signed. */
  readonly credentials: ConnectOptions
  /** A client's library: leaf nodes say none. */
  readonly lang: string
  readonly version: string
  readonly name: string
  readonly cluster: string
  readonly domain: string
  /** It dialled, and is the hub all the same. */
  readonly isHub: boolean
  readonly headers: boolean
  /** What it does not want to be sent. */
  readonly denyPub: readonly string[]
  /** It has no use for the interest of our other leafs. */
  readonly isolate: boolean
  /** A gateway that took the wrong port. */
  readonly gateway: string
  /** The account it is bound to at its end; servers before 2.10 say none. */
  readonly remoteAccount: string
}

/** Subjects a CONNECT may deny; what is more is a broken peer. */
const deniesMax = 10_000

/**
 * Reads a CONNECT's JSON; null when it is no object or a field has the wrong type. `headersOff`:
 * nobody has headers, whatever it says.
 */
export function readSpoke(json: string, headersOff = false): SpokeConnect | null {
  const credentials = readConnect(json)
  if (credentials === null) return null
  const fields: unknown = JSON.parse(json)
  if (!isRecord(fields)) return null
  const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '')
  const denyPub = texts(fields.deny_pub) ?? []
  if (denyPub.length > deniesMax || !denyPub.every(isPattern)) return null
  return {
    credentials,
    lang: credentials.lang,
    version: text('version'),
    name: text('name'),
    cluster: text('cluster'),
    domain: text('domain'),
    isHub: fields.is_hub === true,
    headers: fields.headers === true && !headersOff,
    denyPub,
    isolate: fields.isolate === true,
    gateway: text('gateway'),
    remoteAccount: text('remote_account'),
  }
}

/** The hub's part of an INFO: the same for every spoke. */
export interface LeafInfo extends Omit<ServerInfo, 'connect_urls' | 'ldm' | 'auth_required'> {
  readonly leafnode_urls: readonly string[]
}

/** The first INFO: with the nonce that the spoke signs. We do not compress, and say so. */
export function greeting(info: LeafInfo, id: number, nonce: string): string {
  return lineOf(info, id, { nonce, compression: 'off' })
}

/** The second INFO, after CONNECT: the account, and what the spoke may send and receive. */
export function welcome(info: LeafInfo, id: number, account: string, user: Permissions | null) {
  return lineOf(info, id, {
    ...permissionsOf(user),
    connect_info: true,
    remote_account: account,
  })
}

/** A later INFO: other addresses. */
export function news(info: LeafInfo, id: number): string {
  return lineOf(info, id, {})
}

function lineOf(info: LeafInfo, id: number, more: object): string {
  const { domain, cluster, leafnode_urls, api_lvl, ...head } = info
  const { host, port } = info
  const fields = {
    ...head,
    auth_required: true,
    ip: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    client_id: id,
    ...(cluster === undefined ? {} : { cluster }),
    ...(domain === undefined ? {} : { domain }),
    ...more,
    api_lvl,
    info_on_connect: true,
    leafnode_urls,
  }
  return `INFO ${JSON.stringify(fields)} \r\n`
}

/** `import` is what the spoke may receive, `export` what it may send. */
function permissionsOf(user: Permissions | null): object {
  if (user === null) return {}
  const { publishAllow, publishDeny, subscribeAllow, subscribeDeny } = user.lists
  return {
    ...side('import', subscribeAllow, subscribeDeny),
    ...side('export', publishAllow, publishDeny),
  }
}

function side(name: string, allow: readonly string[] | null, deny: readonly string[]): object {
  if (allow === null && deny.length === 0) return {}
  const lists = {
    ...(allow === null ? {} : { allow }),
    ...(deny.length === 0 ? {} : { deny }),
  }
  return { [name]: lists }
}

/**
 * The same seen from the hub: what may come in is what the user may publish. An entry for a queue
 * counts for its subject where it allows, and not at all where it denies.
 */
export function rulesOf(user: Permissions | null): {
  imports: SubjectLists
  exports: SubjectLists
} {
  if (user === null)
    return { imports: { allow: null, deny: [] }, exports: { allow: null, deny: [] } }
  const { publishAllow, publishDeny, subscribeAllow, subscribeDeny } = user.lists
  return {
    imports: { allow: publishAllow, deny: publishDeny },
    exports: {
      allow: subscribeAllow?.map(entry => entry.trim().split(/[ \t]+/)[0] ?? '') ?? null,
      deny: subscribeDeny.filter(entry => !/[ \t]/.test(entry.trim())),
    },
  }
}
