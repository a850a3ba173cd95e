// The first lines of a leaf connection: the hub's INFO and our CONNECT (reference 4.6, 4.7).

import { type NKey, readSeed } from '../../account/nkey.ts'
import { readCreds } from '../../account/creds.ts'
import type { SubjectLists } from './permissions.ts'

/** What the other end of a link has said of itself; '' = not said. */
export interface LeafPeer {
  /** Servers before 2.2 say no name in INFO: then it is the id. */
  readonly name: string
  readonly cluster: string
  readonly domain: string
  readonly headers: boolean
  readonly payloadBytesMax: number
  /** What may go to a spoke, and come from it, as its user's permissions say. */
  readonly imports: SubjectLists | null
  readonly exports: SubjectLists | null
}

/** What INFO tells; absent fields have the value that means "not said". */
export interface HubInfo extends LeafPeer {
  readonly serverId: string
  readonly nonce: string
  readonly tlsRequired: boolean
  readonly leafUrls: readonly string[]
  /** Where the hub's cluster listens for WebSocket. */
  readonly webSocketUrls: readonly string[]
  /** A second INFO will follow CONNECT (since 2.2.2). */
  readonly infoOnConnect: boolean
  /** This is that second INFO. */
  readonly connectInfo: boolean
  readonly remoteAccount: string
  /** A client port tells our address, a route port no id; 2.15 may leave out its own urls. */
  readonly isLeafPort: boolean
}

/** INFO lists the addresses of a whole cluster; nothing else comes near. */
export const infoBytesMax = 64 * 1024

/** What a hub says first; or what is wrong with it. */
export function infoOf(bytes: Buffer): HubInfo | string {
  const line = bytes.toString('utf8').trim()
  const info = /^INFO\s/i.test(line) ? readHubInfo(line.slice(5)) : null
  return info ?? `expected INFO, got ${JSON.stringify(line.slice(0, 64))}`
}

/** Reads an INFO's JSON; null when it is no object. */
export function readHubInfo(json: string): HubInfo | null {
  let fields: unknown
  try {
    fields = JSON.parse(json)
  } catch {
    return null
  }
  if (!isRecord(fields)) return null
  const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '')
  const urls = fields.leafnode_urls
  const bytesMax = fields.max_payload
  return {
    serverId: text('server_id'),
    name: text('server_name') || text('server_id'),
    cluster: text('cluster'),
    domain: text('domain'),
    nonce: text('nonce'),
    headers: fields.headers === true,
    tlsRequired: fields.tls_required === true,
    payloadBytesMax:
      typeof bytesMax === 'number' && bytesMax > 0 ? bytesMax : Number.POSITIVE_INFINITY,
    leafUrls: texts(urls) ?? [],
    webSocketUrls: texts(fields.ws_connect_urls) ?? [],
    infoOnConnect: fields.info_on_connect === true,
    connectInfo: fields.connect_info === true,
    remoteAccount: text('remote_account'),
    imports: listsOf(fields.import),
    exports: listsOf(fields.export),
    isLeafPort:
      typeof fields.client_id === 'number' &&
      (Array.isArray(urls) || typeof fields.client_ip !== 'string'),
  }
}

function listsOf(value: unknown): SubjectLists | null {
  return isRecord(value) ? { allow: texts(value.allow), deny: texts(value.deny) ?? [] } : null
}

export function texts(value: unknown): readonly string[] | null {
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : null
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Who we are, in CONNECT. */
export interface LeafIdentity {
  readonly id: string
  readonly name: string
  readonly version: string
  /** A server that is in no cluster is a cluster of its own, called as itself. */
  readonly cluster: string
  /** '' = none. */
  readonly domain: string
  readonly jetstream: boolean
}

/** What the remote's configuration adds to CONNECT. */
export interface LeafLogin {
  /** From the URL; '' = none. */
  readonly user: string
  /** null = the URL has a user alone: it is sent as a token too. */
  readonly password: string | null
  /** Text of the creds file, or null. */
  readonly creds: string | null
  /** Seed, or null. */
  readonly seed: string | null
}

export interface LeafConnect {
  readonly login: LeafLogin
  readonly account: string
  readonly isHub: boolean
  readonly denyImports: readonly string[]
  /** Other leafs' interest is of no use to us. */
  readonly isolate: boolean
  /** no_header_support: we take none. */
  readonly headersOff?: boolean
}

/** Our CONNECT line, or what is wrong with the credentials: `{ error }`. */
export function connectLine(
  identity: LeafIdentity,
  connect: LeafConnect,
  nonce: string,
): { readonly line: string } | { readonly error: string } {
  const proof = proofOf(connect.login, nonce)
  if (typeof proof === 'string') return { error: proof }
  const { user, password } = connect.login
  const fields = {
    version: identity.version,
    ...proof,
    ...(user === '' ? {} : { user }),
    ...(user === '' || password === null || password === '' ? {} : { pass: password }),
    ...(user !== '' && password === null ? { auth_token: user } : {}),
    server_id: identity.id,
    ...(identity.domain === '' ? {} : { domain: identity.domain }),
    name: identity.name,
    ...(connect.isHub ? { is_hub: true } : {}),
    cluster: identity.cluster,
    ...(connect.headersOff ? {} : { headers: true }),
    ...(identity.jetstream ? { jetstream: true } : {}),
    ...(connect.denyImports.length === 0 ? {} : { deny_pub: connect.denyImports }),
    ...(connect.isolate ? { isolate: true } : {}),
    remote_account: connect.account,
    protocol: 1,
  }
  return { line: `CONNECT ${JSON.stringify(fields)}\r\n` }
}

/** The signed nonce: creds go before an nkey; the text says what is wrong. */
function proofOf(login: LeafLogin, nonce: string): Readonly<Record<string, string>> | string {
  if (login.creds !== null) {
    const creds = readCreds(login.creds)
    if (typeof creds === 'string') return creds
    return { jwt: creds.jwt, sig: signatureOf(creds.key, nonce) }
  }
  if (login.seed === null) return {}
  const key = readSeed(login.seed.trim())
  if (key === null) return 'Remote nkey has malformed seed'
  return { nkey: key.publicKey, sig: signatureOf(key, nonce) }
}

function signatureOf(key: NKey, nonce: string): string {
  return key.sign(Buffer.from(nonce)).toString('base64url')
}
