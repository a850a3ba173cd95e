// What the JWTs of operators, accounts, users and activations claim: typed, with the defaults of
// nats-server's JWT library, version 1 brought to the shape of version 2. Whether it makes sense
// is for validate.ts to say.

import type { StreamLimits, TieredLimits } from '../account/stream-limits.ts'
import type { Fields } from './fields.ts'
import { readToken, type Token } from './token.ts'
import { type Sharing, sharingOf } from './sharing-claims.ts'

/** Seconds since 1970; nought = not given. */
export interface Common {
  readonly token: Token
  readonly audience: string
  readonly expires: number
  readonly id: string
  readonly issuedAt: number
  readonly issuer: string
  readonly name: string
  readonly notBefore: number
  readonly subject: string
  readonly tags: readonly string[]
}

export interface OperatorClaims extends Common {
  readonly signingKeys: readonly string[]
  readonly accountServerUrl: string
  readonly systemAccount: string
  readonly assertServerVersion: string
  readonly strictSigningKeyUsage: boolean
}

export interface SubjectLists {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

export interface PermissionClaims {
  readonly publish: SubjectLists
  readonly subscribe: SubjectLists
  /** `expiresNs` in nanoseconds, as it stands in the token; null = no answers allowed. */
  readonly responses: { readonly max: number; readonly expiresNs: number } | null
}

export interface TimeRange {
  readonly start: string
  readonly end: string
}

/** What a user may; of a scoped signing key the template of its users. -1 = no limit. */
export interface UserLimits {
  readonly permissions: PermissionClaims
  readonly subscriptions: number
  readonly payload: number
  readonly sources: readonly string[]
  readonly times: readonly TimeRange[]
  readonly timesLocation: string
  readonly bearer: boolean
  readonly proxyRequired: boolean
  readonly connectionTypes: readonly string[]
}

export interface UserClaims extends Common {
  readonly limits: UserLimits
  /** A scoped user claims no limits at all: those of its signing key count. */
  readonly isBare: boolean
  /** '' when the account itself signed. */
  readonly issuerAccount: string
}

export interface Scope {
  readonly key: string
  readonly role: string
  readonly template: UserLimits
}

export interface AccountClaims extends Common {
  readonly sharing: Sharing
  readonly limits: {
    readonly subscriptions: number
    readonly payload: number
    readonly imports: number
    readonly exports: number
    readonly wildcardExports: boolean
    readonly disallowBearer: boolean
    readonly connections: number
    readonly leafs: number
    readonly streams: TieredLimits
    readonly hasTiersAndMore: boolean
    /** Nothing is limited because nothing is allowed: a self-signed account. */
    readonly isEmpty: boolean
  }
  /** null: a plain signing key. */
  readonly signingKeys: ReadonlyMap<string, Scope | null>
  /** By user key or `*`, seconds since 1970. */
  readonly revocations: ReadonlyMap<string, number>
  readonly defaultPermissions: PermissionClaims
  /** Auth callout. */
  readonly authorization: {
    readonly authUsers: readonly string[]
    readonly allowedAccounts: readonly string[]
    readonly xkey: string
  }
  readonly trace: { readonly destination: string; readonly sampling: number } | null
  readonly description: string
  readonly infoUrl: string
  readonly clusterTraffic: string
}

export interface ActivationClaims extends Common {
  readonly importSubject: string
  readonly importType: string
  readonly issuerAccount: string
}

type Read<C> = (token: Token, common: Common, nats: Fields) => C

/** The claims, or what is wrong with the token. */
function readClaims<C>(text: string, kind: string, read: Read<C>): C | string {
  const token = readToken(text)
  if (typeof token === 'string') return token
  const { fields, version, reading } = token
  if (token.kind !== kind) return `not ${kind} claim`
  const nats = fields.inner('nats')
  const tags = (version === 1 ? fields : nats).texts('tags')
  const common: Common = {
    token,
    audience: fields.text('aud'),
    expires: fields.integer('exp'),
    id: fields.text('jti'),
    issuedAt: fields.integer('iat'),
    issuer: token.issuer,
    name: fields.text('name'),
    notBefore: fields.integer('nbf'),
    subject: fields.text('sub'),
    tags,
  }
  const claims = read(token, common, nats)
  return reading.problem ?? claims
}

export const readOperator = (text: string) => readClaims(text, 'operator', operatorOf)
export const readAccount = (text: string) => readClaims(text, 'account', accountOf)
export const readUser = (text: string) => readClaims(text, 'user', userOf)
export const readActivation = (text: string) => readClaims(text, 'activation', activationOf)

function operatorOf(_: Token, common: Common, nats: Fields): OperatorClaims {
  return {
    ...common,
    signingKeys: nats.texts('signing_keys'),
    accountServerUrl: nats.text('account_server_url'),
    systemAccount: nats.text('system_account'),
    assertServerVersion: nats.text('assert_server_version'),
    strictSigningKeyUsage: nats.flag('strict_signing_key_usage'),
  }
}

function userOf({ fields, version }: Token, common: Common, nats: Fields): UserClaims {
  return {
    ...common,
    limits: userLimitsOf(nats, version === 1 ? -1 : 0),
    isBare: version === 2 && bareNames.every(name => isZero(nats.raw(name))),
    issuerAccount: (version === 1 ? fields : nats).text('issuer_account'),
  }
}

const bareNames = [
  'pub',
  'sub',
  'resp',
  'subs',
  'data',
  'payload',
  'src',
  'times',
  'times_location',
  'bearer_token',
  'proxy_required',
  'allowed_connection_types',
]

/** What the library leaves out or reads as nothing: 0, '', false, {} and objects of such. */
function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isZero)
  return value === undefined || value === null || value === 0 || value === '' || value === false
}

function userLimitsOf(nats: Fields, absent: number): UserLimits {
  // `data` limits nothing in nats-server either, but must be a number.
  nats.integer('data')
  return {
    permissions: permissionsOf(nats),
    subscriptions: nats.integer('subs', absent),
    payload: nats.integer('payload', absent),
    sources: sourcesOf(nats),
    times: nats
      .inners('times')
      .map(range => ({ start: range.text('start'), end: range.text('end') })),
    timesLocation: nats.text('times_location'),
    bearer: nats.flag('bearer_token'),
    proxyRequired: nats.flag('proxy_required'),
    connectionTypes: nats.texts('allowed_connection_types'),
  }
}

/** A list, or one text with commas. */
function sourcesOf(nats: Fields): readonly string[] {
  const value = nats.raw('src')
  if (typeof value !== 'string') return nats.texts('src')
  const items = value.toLowerCase().split(',')
  return [...new Set(items.map(item => item.trim()).filter(item => item !== ''))]
}

function permissionsOf(nats: Fields): PermissionClaims {
  const lists = (name: string): SubjectLists => {
    const inner = nats.inner(name)
    return { allow: inner.texts('allow'), deny: inner.texts('deny') }
  }
  const responses = nats.inner('resp')
  return {
    publish: lists('pub'),
    subscribe: lists('sub'),
    responses: nats.has('resp')
      ? { max: responses.integer('max'), expiresNs: responses.integer('ttl') }
      : null,
  }
}

function accountOf({ version }: Token, common: Common, nats: Fields): AccountClaims {
  const limits = nats.inner('limits')
  limits.integer('data')
  const tiers = limits.entries('tiered_limits')
  const flat = streamLimitsOf(limits)
  const hasFlat = version === 2 && Object.values(flat).some(value => !isZero(value))
  const streams = new Map<string, StreamLimits>()
  const add = (tier: string, of: StreamLimits) => {
    if (of.memoryBytesMax !== 0 || of.diskBytesMax !== 0) streams.set(tier, withoutZeros(of))
  }
  if (version === 2) {
    for (const [tier, of] of tiers) add(tier, streamLimitsOf(limits.of(of, 'tiered_limits')))
    if (tiers.length === 0) add('', flat)
  }
  const authorization = nats.inner('authorization')
  const trace = nats.inner('trace')
  return {
    ...common,
    sharing: sharingOf(nats),
    limits: {
      subscriptions: limits.integer('subs'),
      payload: limits.integer('payload'),
      imports: limits.integer('imports'),
      exports: limits.integer('exports'),
      wildcardExports: limits.flag('wildcards'),
      disallowBearer: limits.flag('disallow_bearer'),
      connections: limits.integer('conn'),
      leafs: limits.integer('leaf'),
      streams,
      hasTiersAndMore: tiers.some(([tier]) => tier === ''),
      isEmpty: !hasFlat && isZero(nats.raw('limits')),
    },
    signingKeys: signingKeysOf(nats),
    revocations: revocationsOf(nats, 'revocations'),
    defaultPermissions: permissionsOf(nats.inner('default_permissions')),
    authorization: {
      authUsers: authorization.texts('auth_users'),
      allowedAccounts: authorization.texts('allowed_accounts'),
      xkey: authorization.text('xkey'),
    },
    trace: nats.has('trace')
      ? { destination: trace.text('dest'), sampling: trace.integer('sampling') }
      : null,
    description: nats.text('description'),
    infoUrl: nats.text('info_url'),
    clusterTraffic: nats.text('cluster_traffic'),
  }
}

function streamLimitsOf(fields: Fields): StreamLimits {
  return {
    memoryBytesMax: fields.integer('mem_storage'),
    diskBytesMax: fields.integer('disk_storage'),
    streamsMax: fields.integer('streams'),
    consumersMax: fields.integer('consumer'),
    ackPendingMax: fields.integer('max_ack_pending'),
    memoryStreamBytesMax: fields.integer('mem_max_stream_bytes'),
    diskStreamBytesMax: fields.integer('disk_max_stream_bytes'),
    maxBytesRequired: fields.flag('max_bytes_required'),
  }
}

/** A limit that an older tool left out is none. */
function withoutZeros(limits: StreamLimits): StreamLimits {
  const { ackPendingMax, memoryStreamBytesMax, diskStreamBytesMax } = limits
  const orNone = (max: number) => (max > 0 ? max : -1)
  return {
    ...limits,
    ackPendingMax: orNone(ackPendingMax),
    memoryStreamBytesMax: orNone(memoryStreamBytesMax),
    diskStreamBytesMax: orNone(diskStreamBytesMax),
  }
}

/** A key, or a key with the template of the users that it signs. */
function signingKeysOf(nats: Fields): ReadonlyMap<string, Scope | null> {
  const keys = new Map<string, Scope | null>()
  for (const item of nats.list('signing_keys')) {
    if (typeof item === 'string') {
      keys.set(item, null)
      continue
    }
    const scope = nats.of(item, 'signing_keys')
    if (scope.text('kind') !== 'user_scope') nats.fail('unknown signing key scope')
    const key = scope.text('key')
    const template = userLimitsOf(scope.inner('template'), -1)
    keys.set(key, { key, role: scope.text('role'), template })
  }
  return keys
}

export function revocationsOf(nats: Fields, name: string): ReadonlyMap<string, number> {
  const revoked = new Map<string, number>()
  for (const [key, at] of nats.entries(name)) {
    if (typeof at === 'number') revoked.set(key, at)
    else nats.fail(`json: cannot read field "${name}" as integer`)
  }
  return revoked
}

function activationOf({ fields, version }: Token, common: Common, nats: Fields): ActivationClaims {
  return {
    ...common,
    importSubject: nats.text('subject'),
    importType: nats.text(version === 1 ? 'type' : 'kind'),
    issuerAccount: (version === 1 ? fields : nats).text('issuer_account'),
  }
}
