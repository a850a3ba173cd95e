// The first two lines of a client connection: our INFO and its CONNECT (reference 3.1, 3.2).

import { randomBytes } from 'node:crypto'
import type { Credentials } from '../account/authenticate.ts'
import type { WireError } from '../wire/errors.ts'
import * as wireErrors from '../wire/errors.ts'
import type { Greeted } from './context.ts'

/** What INFO says to every client; the links add their own id and address. */
export interface ServerInfo {
  readonly server_id: string
  readonly server_name: string
  readonly version: string
  readonly proto: number
  readonly go: string
  readonly host: string
  readonly port: number
  readonly headers: boolean
  readonly auth_required?: true
  readonly tls_required?: true
  readonly tls_verify?: true
  readonly tls_available?: true
  readonly max_payload: number
  readonly jetstream?: true
  readonly cluster?: string
  readonly domain?: string
  readonly connect_urls?: readonly string[]
  readonly ws_connect_urls?: readonly string[]
  readonly ldm?: true
  /** Our key for what an auth callout service seals. */
  readonly xkey?: string
  /** The level of the JetStream API. */
  readonly api_lvl: number
}

/** The account a client is bound to, as the INFO after its CONNECT says (2.12). */
export interface Bound {
  readonly name: string
  readonly isSystem: boolean
}

/** The INFO line for one client; a blank stands before CRLF, as nats-server has it. */
export function infoLine(info: ServerInfo, to: Greeted, bound: Bound | null = null): string {
  const { cluster, domain, connect_urls, ws_connect_urls, ldm, api_lvl, ...head } = info
  const line = {
    ...head,
    max_payload: Math.min(info.max_payload, to.payloadBytesMax),
    client_id: to.id,
    client_ip: to.host,
    ...(to.nonce === '' ? {} : { nonce: to.nonce }),
    ...(cluster === undefined ? {} : { cluster }),
    ...(domain === undefined ? {} : { domain }),
    ...(connect_urls === undefined ? {} : { connect_urls }),
    ...(ws_connect_urls === undefined ? {} : { ws_connect_urls }),
    ...(ldm === undefined ? {} : { ldm }),
    ...(bound === null ? {} : { connect_info: true, remote_account: bound.name }),
    ...(bound?.isSystem ? { acc_is_sys: true } : {}),
    api_lvl,
  }
  return `INFO ${JSON.stringify(line)} \r\n`
}

/** The line for one client that shall go elsewhere, though the server stays. */
export function withLameDuck(line: string): string {
  return line.includes('"ldm":true') ? line : line.replace(/} \r\n$/, ',"ldm":true} \r\n')
}

/** What a client signs with its nkey: 11 random bytes as base64url, as nats-server has it. */
export function newNonce(): string {
  return randomBytes(11).toString('base64url')
}

/** What a client asked for in CONNECT; what it left out is nats-server's default. */
export interface ConnectOptions extends Credentials {
  readonly verbose: boolean
  readonly pedantic: boolean
  readonly echo: boolean
  readonly headers: boolean
  readonly noResponders: boolean
  readonly protocol: number
  readonly name: string
  readonly lang: string
  readonly version: string
  readonly nkey: string
  readonly sig: string
  readonly jwt: string
}

export const connectDefaults: ConnectOptions = {
  verbose: true,
  pedantic: true,
  echo: true,
  headers: false,
  noResponders: false,
  protocol: 0,
  name: '',
  lang: '',
  version: '',
  user: '',
  pass: '',
  token: '',
  nkey: '',
  sig: '',
  jwt: '',
}

/** Credentials that came with the connection; they count where CONNECT has none. */
export type Carried = Pick<ConnectOptions, 'user' | 'pass' | 'token' | 'jwt'>

const noneCarried: Carried = { user: '', pass: '', token: '', jwt: '' }

/** Reads a CONNECT's JSON; null when it is no object or a field has the wrong type. */
export function readConnect(
  json: string,
  headersOff = false,
  carried: Carried | null = null,
): ConnectOptions | null {
  let fields: unknown
  try {
    fields = JSON.parse(json)
  } catch {
    return null
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return null
  const from = fields as Record<string, unknown>
  for (const [name, kind] of Object.entries(fieldKinds)) {
    const value = from[name]
    if (value !== undefined && value !== null && typeof value !== kind) return null
  }
  const flag = (name: string, fallback: boolean) => (from[name] ?? fallback) as boolean
  const text = (name: string) => (from[name] ?? '') as string
  const { user, pass, token, jwt } = carried ?? noneCarried
  return {
    verbose: flag('verbose', true),
    pedantic: flag('pedantic', true),
    echo: flag('echo', true),
    headers: flag('headers', false) && !headersOff,
    noResponders: flag('no_responders', false),
    protocol: (from.protocol ?? 0) as number,
    name: text('name'),
    lang: text('lang'),
    version: text('version'),
    user: text('user') || user,
    pass: text('pass') || pass,
    token: text('auth_token') || token,
    nkey: text('nkey'),
    sig: text('sig'),
    jwt: text('jwt') || jwt,
  }
}

/** Why a CONNECT is not good enough to look at its credentials; null when it is. */
export function connectViolation(options: ConnectOptions | null, json: string): WireError | null {
  if (options === null) return wireErrors.parseError
  if (options.lang === '' && /"server_id"|"cluster"/.test(json)) return wireErrors.wrongPort
  const { protocol, noResponders, headers } = options
  if (protocol !== 0 && protocol !== 1) return wireErrors.badProtocolVersion
  return noResponders && !headers ? wireErrors.noRespondersNeedsHeaders : null
}

const fieldKinds = {
  verbose: 'boolean',
  pedantic: 'boolean',
  echo: 'boolean',
  headers: 'boolean',
  no_responders: 'boolean',
  protocol: 'number',
  name: 'string',
  lang: 'string',
  version: 'string',
  user: 'string',
  pass: 'string',
  auth_token: 'string',
  nkey: 'string',
  sig: 'string',
  jwt: 'string',
}

/** A CONNECT line for the trace log: secrets are never shown. */
export function redacted(json: string): string {
  return json.replace(/("(?:pass|auth_token|jwt|sig)"\s*:\s*)"(?:[^"\\]|\\.)*"/g, '$1"[REDACTED]"')
}

/** Who a refused client said it was, for the log. */
export function claimOf({ user, token, nkey }: ConnectOptions, nonce: string): string {
  if (nkey !== '' && nonce !== '') return ` - Nkey "${nkey}"`
  if (user !== '') return ` - User "${user}"`
  return token === '' ? '' : ' - Token'
}
