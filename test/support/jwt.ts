// Signed JWTs of an operator, its accounts and their users, as `nsc` makes them: enough to run a
// server, ours or the real one, in operator mode.

import { writeCreds } from '../../src/account/creds.ts'
import { createNKey, type NKey } from '../../src/account/nkey.ts'

export interface Operator {
  /** Config lines of a hub that knows the operator and its account. */
  readonly conf: string
  /** Text of a creds file for a new user of the account. */
  creds(permissions?: object): string
}

/** Fields beside `nats`: exp, nbf, iat, tags … */
export type Times = Readonly<Record<string, unknown>>

export const unlimited = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
}

export function newOperator(): Operator {
  const operator = createNKey('operator')
  const account = newAccount(operator)
  return {
    conf: [
      `operator: "${operatorJwt(operator)}"`,
      'resolver: MEMORY',
      `resolver_preload { ${account.publicKey}: "${account.jwt()}" }`,
    ].join('\n'),
    creds: permissions => account.user(permissions).creds,
  }
}

export function operatorJwt(operator: NKey, nats: object = {}, times: Times = {}): string {
  return sign(operator, operator.publicKey, 'O', { ...nats, type: 'operator' }, times)
}

export interface TestAccount {
  readonly key: NKey
  readonly publicKey: string
  /** Its token, as another one each time. */
  jwt(nats?: object, times?: Times, signer?: NKey): string
  user(nats?: object, times?: Times, signer?: NKey): TestUser
}

export interface TestUser {
  readonly key: NKey
  readonly publicKey: string
  readonly jwt: string
  /** Of a creds file. */
  readonly creds: string
}

export function newAccount(operator: NKey, name = 'A'): TestAccount {
  const key = createNKey('account')
  const { publicKey } = key
  return {
    key,
    publicKey,
    jwt: (nats = {}, times = {}, signer = operator) => {
      const { limits, ...more } = nats as { limits?: object }
      const claims = { limits: { ...unlimited, ...limits }, ...more, type: 'account' }
      return sign(signer, publicKey, name, claims, times)
    },
    user: (nats = {}, times = {}, signer = key) => {
      const user = createNKey('user')
      const jwt = userJwt(signer, user.publicKey, nats, times)
      return { key: user, publicKey: user.publicKey, jwt, creds: writeCreds(jwt, user.seed) }
    },
  }
}

const free = { pub: {}, sub: {}, subs: -1, data: -1, payload: -1 }

/** `{ scoped: true }`: without limits of its own. */
export function userJwt(signer: NKey, user: string, nats: object = {}, times: Times = {}): string {
  const { scoped = false, ...more } = nats as { scoped?: boolean }
  const claims = { ...(scoped ? {} : free), ...more, type: 'user' }
  return sign(signer, user, 'U', claims, times)
}

let count = 0

/** `times` may hold any field at the top, `name` too. */
export function sign(
  issuer: NKey,
  subject: string,
  name: string,
  nats: object,
  times: Times = {},
): string {
  const iat = Math.floor(Date.now() / 1000)
  const jti = `T${++count}`
  const claims = { jti, iat, iss: issuer.publicKey, name, sub: subject, ...times }
  return signClaims(issuer, { ...claims, nats: { ...nats, version: 2 } })
}

export function signClaims(issuer: NKey, claims: object, alg = 'ed25519-nkey'): string {
  const body = `${part({ typ: 'JWT', alg })}.${part(claims)}`
  return `${body}.${issuer.sign(Buffer.from(body)).toString('base64url')}`
}

/** Version 1 of the format: the type stands at the top, and the header is not signed. */
export function signV1(issuer: NKey, claims: object): string {
  const body = part(claims)
  const signature = issuer.sign(Buffer.from(body)).toString('base64url')
  return `${part({ typ: 'jwt', alg: 'ed25519' })}.${body}.${signature}`
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
