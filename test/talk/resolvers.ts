// What a server with a folder of JWTs answers in the system account, held with our broker and with
// nats-server 2.10 and 2.15: what `nsc push`, `pull` and `delete` say.

import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { newAccount, operatorJwt, sign, type TestUser } from '../support/jwt.ts'
import { accepted, ended, enter, refused } from '../support/operators.ts'
import type { Talk } from '../support/talk.ts'
import type { HeldTalk } from './held.ts'

const operator = createNKey('operator')
const stranger = createNKey('operator')
const system = newAccount(operator, 'SYS')

const configOf = (resolver: string) =>
  [
    `operator: "${operatorJwt(operator)}"`,
    `system_account: ${system.publicKey}`,
    `resolver: { ${resolver} }`,
    `resolver_preload { ${system.publicKey}: "${system.jwt()}" }`,
  ].join('\n')

interface Answer {
  readonly data?: { readonly code: number; readonly message: string; readonly account?: string }
  readonly error?: { readonly code: number; readonly description: string }
}

/** One message on the inbox, its payload. */
async function heard(talk: Talk): Promise<string> {
  const head = await talk.expect(/^(PING\r\n)?MSG \S+ \S+ {1,2}\d+\r\n/)
  const bytes = Number(/\d+\r\n$/.exec(head)?.[0])
  return (await talk.expect(new RegExp(`^[^]{${bytes}}\\r\\n`))).slice(0, -2)
}

async function ask(port: number, subject: string, body = '', by: TestUser = system.user()) {
  const talk = await enter(port, by)
  talk.send(`SUB inbox 1\r\nPUB ${subject} inbox ${body.length}\r\n${body}\r\n`)
  const answer = await heard(talk)
  talk.close()
  return answer
}

const answerOf = async (port: number, subject: string, body: string) =>
  JSON.parse(await ask(port, subject, body)) as Answer

async function pushed(port: number, jwt: string): Promise<void> {
  const { data } = await answerOf(port, '$SYS.REQ.CLAIMS.UPDATE', jwt)
  assert.is(data?.message, 'jwt updated')
}

async function listed(port: number): Promise<readonly string[]> {
  const { data } = JSON.parse(await ask(port, '$SYS.REQ.CLAIMS.LIST')) as { data: string[] }
  return data
}

const deletion = (accounts: unknown, signer = operator) =>
  sign(signer, signer.publicKey, 'D', { accounts, type: 'generic' })

export const resolverTalks: readonly HeldTalk[] = [
  {
    name: 'an account that was pushed is there',
    config: dir => configOf(`type: full, dir: "${dir}"`),
    run: async port => {
      const account = newAccount(operator, 'A')
      await refused(port, account.user())
      await pushed(port, account.jwt())
      await accepted(port, account.user())
      assert.equal(await listed(port), [account.publicKey, system.publicKey].sort())
    },
  },
  {
    name: 'a push that says nothing new, and one that does',
    config: dir => configOf(`type: full, dir: "${dir}"`),
    run: async port => {
      const account = newAccount(operator, 'A')
      const jwt = account.jwt()
      await pushed(port, jwt)
      await pushed(port, jwt)
      const user = account.user()
      const talk = await enter(port, user)
      const revocations = { [user.publicKey]: Math.floor(Date.now() / 1000) }
      const subject = `$SYS.ACCOUNT.${account.publicKey}.CLAIMS.UPDATE`
      const { data } = await answerOf(port, subject, account.jwt({ revocations }))
      assert.is(data?.account, account.publicKey)
      await ended(talk, "-ERR 'User Authentication Revoked'\r\n")
    },
  },
  {
    name: 'pushes that are refused',
    config: dir => configOf(`type: full, dir: "${dir}"`),
    run: async port => {
      const account = newAccount(operator, 'A')
      const errorOf = async (subject: string, body: string) =>
        (await answerOf(port, subject, body)).error?.description ?? ''
      const all = '$SYS.REQ.CLAIMS.UPDATE'
      const one = `$SYS.REQ.ACCOUNT.${account.publicKey}.CLAIMS.UPDATE`
      assert.is(await errorOf(all, 'x'), 'jwt update resulted in error - expected 3 chunks')
      assert.is(
        await errorOf(one, newAccount(operator).jwt()),
        'jwt update resulted in error - subject does not match jwt content',
      )
      const mapping = { mappings: { 'a b': [] } }
      assert.is(
        await errorOf(all, account.jwt(mapping)),
        'jwt validation failed - validation errors: [subject "a b" cannot have spaces]',
      )
      assert.equal(await listed(port), [system.publicKey])
    },
  },
  {
    name: 'a token is found, or nothing is',
    config: dir => configOf(`type: full, dir: "${dir}"`),
    run: async port => {
      const account = newAccount(operator, 'A')
      const jwt = account.jwt()
      await pushed(port, jwt)
      const lookup = (key: string) => `$SYS.REQ.ACCOUNT.${key}.CLAIMS.LOOKUP`
      assert.is(await ask(port, lookup(account.publicKey)), jwt)
      assert.is(await ask(port, lookup(newAccount(operator).publicKey)), '')
    },
  },
  {
    name: 'a package has every token, and an end',
    config: dir => configOf(`type: full, dir: "${dir}"`),
    run: async port => {
      const account = newAccount(operator, 'A')
      const jwt = account.jwt()
      await pushed(port, jwt)
      const talk = await enter(port, system.user())
      talk.send('SUB inbox 1\r\nPUB $SYS.REQ.CLAIMS.PACK inbox 0\r\n\r\n')
      const lines = [await heard(talk), await heard(talk)]
      assert.ok(lines.includes(`${account.publicKey}|${jwt}`))
      assert.is(await heard(talk), '')
      talk.close()
    },
  },
  {
    name: 'who may delete, and what',
    config: dir => configOf(`type: full, dir: "${dir}", allow_delete: true`),
    run: async port => {
      const account = newAccount(operator, 'A')
      await pushed(port, account.jwt())
      const talk = await enter(port, account.user())
      const remove = (jwt: string) => answerOf(port, '$SYS.REQ.CLAIMS.DELETE', jwt)
      const failed = `delete accounts request by ${operator.publicKey} failed - `
      const errorOf = async (jwt: string) => (await remove(jwt)).error?.description ?? ''
      assert.is(
        await errorOf(deletion([account.publicKey], stranger)),
        `delete accounts request by ${stranger.publicKey} failed - not trusted`,
      )
      assert.is(await errorOf(deletion(['x'])), `${failed}malformed request`)
      assert.is(await errorOf(deletion('x')), `${failed}malformed request`)
      assert.is(
        await errorOf(deletion([system.publicKey])),
        `${failed}not allowed to delete system account`,
      )
      assert.is((await remove(deletion([account.publicKey]))).data?.message, 'deleted 1 accounts')
      await ended(talk, "-ERR 'Account Authentication Expired'\r\n")
      await refused(port, account.user())
      assert.equal(await listed(port), [system.publicKey])
      await pushed(port, account.jwt())
      await accepted(port, account.user())
    },
  },
  {
    name: 'nobody deletes where the config does not allow it',
    config: dir => configOf(`type: full, dir: "${dir}"`),
    run: async port => {
      const jwt = deletion([newAccount(operator).publicKey])
      const { error } = await answerOf(port, '$SYS.REQ.CLAIMS.DELETE', jwt)
      assert.match(error?.description ?? '', /delete must be enabled in server config$/)
      assert.is(error?.code, 500)
    },
  },
  {
    name: 'a full folder takes no more',
    config: dir => configOf(`type: full, dir: "${dir}", limit: 2`),
    run: async port => {
      await pushed(port, newAccount(operator).jwt())
      const { error } = await answerOf(port, '$SYS.REQ.CLAIMS.UPDATE', newAccount(operator).jwt())
      assert.is(error?.description, 'jwt update resulted in error - jwt store is full')
    },
  },
  {
    name: 'a cache takes only what is in use',
    config: dir => configOf(`type: cache, dir: "${dir}", timeout: "100ms"`),
    run: async port => {
      const account = newAccount(operator)
      const { data } = await answerOf(port, '$SYS.REQ.CLAIMS.UPDATE', account.jwt())
      assert.is(data?.message, 'jwt update cache skipped')
      await refused(port, account.user())
      const more = await answerOf(port, '$SYS.REQ.CLAIMS.UPDATE', system.jwt())
      assert.is(more.data?.message, 'jwt updated cache')
      assert.equal(await listed(port), [system.publicKey])
    },
  },
]
