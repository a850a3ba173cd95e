// A server in operator mode, ours or the real one: its config, its users, and what they say.

import * as assert from 'uvu/assert'
import { createNKey, type NKey } from '../../src/account/nkey.ts'
import { dial, type Talk } from './talk.ts'
import { newAccount, operatorJwt, type TestAccount, type TestUser, type Times } from './jwt.ts'

export const operator = createNKey('operator')
export const signing = createNKey('operator')
export const stranger = createNKey('operator')
export const system = newAccount(operator, 'SYS')
export const account = newAccount(operator, 'A')
export const violation = "-ERR 'Authorization Violation'\r\n"
export const now = () => Math.floor(Date.now() / 1000)

interface Parts {
  /** Claims of the account. */
  readonly nats?: object
  readonly times?: Times
  readonly signer?: NKey
  readonly operator?: object
  readonly more?: string
  /** Other accounts. */
  readonly others?: readonly string[]
}

export function configOf(parts: Parts = {}): string {
  const { nats = {}, times = {}, signer = operator, operator: claims = {} } = parts
  return [
    `operator: "${operatorJwt(operator, claims)}"`,
    `system_account: ${system.publicKey}`,
    'resolver: MEMORY',
    'resolver_preload {',
    `  ${system.publicKey}: "${system.jwt()}"`,
    `  ${account.publicKey}: "${account.jwt(nats, times, signer)}"`,
    ...(parts.others ?? []),
    '}',
    parts.more ?? '',
  ].join('\n')
}

interface Bring {
  readonly jwt?: string
  readonly sig?: 'good' | 'bad' | 'none'
  readonly fields?: object
}

/** Says CONNECT with a user's JWT, and PING. */
export async function bring(port: number, user: TestUser, how: Bring = {}): Promise<Talk> {
  const talk = await dial(port)
  const { nonce } = (await talk.info()) as { nonce: string }
  const signed = how.sig === 'bad' ? 'another' : nonce
  const sig = user.key.sign(Buffer.from(signed)).toString('base64url')
  const fields = {
    verbose: false,
    pedantic: false,
    headers: true,
    jwt: how.jwt ?? user.jwt,
    ...(how.sig === 'none' ? {} : { sig }),
    ...how.fields,
  }
  talk.send(`CONNECT ${JSON.stringify(fields)}\r\nPING\r\n`)
  return talk
}

export async function enter(port: number, user: TestUser, how: Bring = {}): Promise<Talk> {
  const talk = await bring(port, user, how)
  await talk.expect('PONG\r\n')
  return talk
}

export async function accepted(port: number, user: TestUser, how: Bring = {}): Promise<void> {
  const talk = await enter(port, user, how)
  talk.close()
}

/** It hears this and is closed; a PING of the server may come before. */
export async function ended(talk: Talk, text: string, msMax = 5000): Promise<void> {
  const literal = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  await talk.expect(new RegExp(`^(PING\\r\\n)?${literal}`), msMax)
  await talk.expectEnd('')
}

export async function refused(port: number, user: TestUser, how: Bring = {}): Promise<void> {
  const talk = await bring(port, user, how)
  await ended(talk, violation)
}

/** Pushes an account's JWT as the system account's user; the answer's JSON. */
export async function push(
  port: number,
  sysUser: TestUser,
  jwt: string,
  subject = `$SYS.REQ.ACCOUNT.${account.publicKey}.CLAIMS.UPDATE`,
): Promise<{ data?: { code: number; message: string }; error?: { description: string } }> {
  const talk = await enter(port, sysUser)
  talk.send(`SUB inbox 1\r\nPUB ${subject} inbox ${jwt.length}\r\n${jwt}\r\n`)
  const head = await talk.expect(/^(PING\r\n)?MSG inbox 1 {1,2}\d+\r\n/)
  const bytes = Number(/\d+\r\n$/.exec(head)?.[0])
  const body = await talk.expect(new RegExp(`^[^]{${bytes}}\\r\\n`))
  talk.close()
  return JSON.parse(body)
}

export const pushed = async (port: number, jwt: string) => {
  const answer = await push(port, system.user(), jwt)
  assert.equal(answer.data?.message, 'jwt updated')
  assert.equal(answer.data?.code, 200)
}

export const scope = createNKey('account')
export const plainKey = createNKey('account')
export const scoped = (template: object, role = 'r') => ({
  signing_keys: [plainKey.publicKey, { kind: 'user_scope', key: scope.publicKey, role, template }],
})
export const ofScope = (times: Times = {}, nats: object = {}) =>
  account.user({ scoped: true, issuer_account: account.publicKey, ...nats }, times, scope)

export const template = {
  pub: { allow: ['{{name()}}.x', 'u.{{subject()}}', 'a.{{account-name()}}', 't.{{tag(team)}}'] },
  sub: { allow: ['s.{{account-tag(zone)}}', 'me.{{account-subject()}}'], deny: ['s.no'] },
  subs: -1,
  data: -1,
  payload: 100,
}

/** Everything is signed by signing keys, the users too. */
export function strictConfig(): string {
  const claims = { signing_keys: [signing.publicKey], strict_signing_key_usage: true }
  const strict = (of: TestAccount, nats: object = {}) => of.jwt(nats, {}, signing)
  return [
    `operator: "${operatorJwt(operator, claims)}"`,
    `system_account: ${system.publicKey}`,
    'resolver: MEMORY',
    'resolver_preload {',
    `  ${system.publicKey}: "${strict(system)}"`,
    `  ${account.publicKey}: "${strict(account, { signing_keys: [plainKey.publicKey] })}"`,
    '}',
  ].join('\n')
}
