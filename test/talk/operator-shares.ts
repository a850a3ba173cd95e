// What accounts share by their JWTs, held with our broker and with nats-server 2.10 and 2.15.

import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { newAccount, operatorJwt, sign, type TestAccount, type Times } from '../support/jwt.ts'
import { enter, push } from '../support/operators.ts'
import type { Talk } from '../support/talk.ts'
import type { HeldTalk } from './held.ts'

const operator = createNKey('operator')
const system = newAccount(operator, 'SYS')
const from = newAccount(operator, 'FROM')
const to = newAccount(operator, 'TO')
const now = () => Math.floor(Date.now() / 1000)

const configOf = (exports: object, imports: object) =>
  [
    `operator: "${operatorJwt(operator)}"`,
    `system_account: ${system.publicKey}`,
    'resolver: MEMORY',
    'resolver_preload {',
    `  ${system.publicKey}: "${system.jwt()}"`,
    `  ${to.publicKey}: "${to.jwt(imports)}"`,
    `  ${from.publicKey}: "${from.jwt(exports)}"`,
    '}',
  ].join('\n')

const stream = (subject: string, more: object = {}) => ({ subject, type: 'stream', ...more })
const service = (subject: string, more: object = {}) => ({ subject, type: 'service', ...more })
const imported = (one: object) => ({ ...one, account: from.publicKey })

const activation = (subject: string, kind = 'stream', times: Times = {}, signer = from.key) =>
  sign(signer, to.publicKey, 'X', { subject, kind, type: 'activation' }, times)

const enterBoth = async (port: number) =>
  [await enter(port, to.user()), await enter(port, from.user())] as const

async function update(port: number, account: TestAccount, claims: object): Promise<void> {
  const subject = `$SYS.REQ.ACCOUNT.${account.publicKey}.CLAIMS.UPDATE`
  const { data } = await push(port, system.user(), account.jwt(claims), subject)
  assert.is(data?.message, 'jwt updated')
}

/** Publishes there; is it heard here, on the subscription that stands? */
async function heard(here: Talk, there: Talk, subject: string, as: string): Promise<void> {
  there.send(`PUB ${subject} 1\r\nx\r\n`)
  await there.sync()
  await here.expect(`MSG ${as} 1 1\r\nx\r\n`)
}

async function unheard(here: Talk, there: Talk, subject: string): Promise<void> {
  there.send(`PUB ${subject} 1\r\nx\r\n`)
  await there.sync()
  await here.sync()
}

async function subscribed(talk: Talk, subject: string): Promise<void> {
  talk.send(`SUB ${subject} 1\r\n`)
  await talk.sync()
}

export const shareTalks: readonly HeldTalk[] = [
  {
    name: 'a public stream, under another subject',
    config: () =>
      configOf(
        { exports: [stream('a.*')] },
        { imports: [imported(stream('a.*', { local_subject: 'b.$1' }))] },
      ),
    run: async port => {
      const [here, there] = await enterBoth(port)
      await subscribed(here, 'b.*')
      await heard(here, there, 'a.1', 'b.1')
      await unheard(here, there, 'c.1')
    },
  },
  {
    name: 'a public stream, with the prefix of old',
    config: () =>
      configOf({ exports: [stream('a.>')] }, { imports: [imported(stream('a.>', { to: 'p' }))] }),
    run: async port => {
      const [here, there] = await enterBoth(port)
      await subscribed(here, 'p.>')
      await heard(here, there, 'a.1', 'p.a.1')
    },
  },
  {
    name: 'a service, under another subject, with its answer',
    config: () =>
      configOf(
        { exports: [service('rq')] },
        { imports: [imported(service('rq', { local_subject: 'ask' }))] },
      ),
    run: async port => {
      const [here, there] = await enterBoth(port)
      await subscribed(there, 'rq')
      await subscribed(here, 'inbox')
      here.send('PUB ask inbox 1\r\n?\r\n')
      const line = await there.expect(/^HMSG rq 1 \S+ \d+ \d+\r\nNATS[^?]+\?\r\n/)
      assert.match(line, new RegExp(`Nats-Request-Info: {"acc":"${to.publicKey}"`))
      there.send(`PUB ${line.split(' ')[3]} 2\r\nok\r\n`)
      await here.expect('MSG inbox 1 2\r\nok\r\n')
    },
  },
  {
    name: 'a service in the words of old',
    config: () =>
      configOf({ exports: [service('rq')] }, { imports: [imported(service('ask', { to: 'rq' }))] }),
    run: async port => {
      const [here, there] = await enterBoth(port)
      await subscribed(there, 'rq')
      here.send('PUB ask 1\r\n?\r\n')
      await there.expect(/^HMSG rq 1 \d+ \d+\r\nNATS[^?]+\?\r\n/)
    },
  },
  {
    name: 'a private stream needs an activation',
    config: () =>
      configOf(
        { exports: [stream('a', { token_req: true })] },
        { imports: [imported(stream('a'))] },
      ),
    run: async port => {
      const [here, there] = await enterBoth(port)
      await subscribed(here, 'a')
      await unheard(here, there, 'a')
      await update(port, to, { imports: [imported(stream('a', { token: activation('a') }))] })
      await heard(here, there, 'a', 'a')
    },
  },
  {
    name: 'an activation of a signing key says whose it is',
    config: () => {
      const key = createNKey('account')
      const claims = { subject: 'a', kind: 'stream', type: 'activation' }
      const token = sign(key, to.publicKey, 'X', { ...claims, issuer_account: from.publicKey })
      return configOf(
        { exports: [stream('a', { token_req: true })], signing_keys: [key.publicKey] },
        { imports: [imported(stream('a', { token }))] },
      )
    },
    run: async port => {
      const [here, there] = await enterBoth(port)
      await subscribed(here, 'a')
      await heard(here, there, 'a', 'a')
    },
  },
  {
    name: 'a revoked activation opens nothing any more',
    config: () =>
      configOf(
        { exports: [stream('a', { token_req: true })] },
        { imports: [imported(stream('a', { token: activation('a') }))] },
      ),
    run: async port => {
      const [here, there] = await enterBoth(port)
      await subscribed(here, 'a')
      await heard(here, there, 'a', 'a')
      const revocations = { [to.publicKey]: now() }
      await update(port, from, { exports: [stream('a', { token_req: true, revocations })] })
      await unheard(here, there, 'a')
    },
  },
  {
    name: 'an activation ends with its time',
    config: () =>
      configOf(
        { exports: [stream('a', { token_req: true })] },
        {
          imports: [
            imported(stream('a', { token: activation('a', 'stream', { exp: now() + 5 }) })),
          ],
        },
      ),
    run: async port => {
      const [here, there] = await enterBoth(port)
      await subscribed(here, 'a')
      await heard(here, there, 'a', 'a')
      await new Promise(resolve => setTimeout(resolve, 6000))
      there.send('PUB a 1\r\nx\r\nPING\r\n')
      await there.expect(/^(PING\r\n)?PONG\r\n/)
      here.send('PING\r\n')
      await here.expect(/^(PING\r\n)?PONG\r\n/)
    },
  },
  {
    name: 'an export that is taken back',
    config: () => configOf({ exports: [stream('a')] }, { imports: [imported(stream('a'))] }),
    run: async port => {
      const [here, there] = await enterBoth(port)
      await subscribed(here, 'a')
      await heard(here, there, 'a', 'a')
      await update(port, from, {})
      await unheard(here, there, 'a')
      await update(port, from, { exports: [stream('a')] })
      await subscribed(here, 'b')
      await update(port, to, { imports: [imported(stream('a'))] })
    },
  },
  {
    name: 'mappings of an account',
    config: () => configOf({ mappings: { a: [{ subject: 'b' }] } }, {}),
    run: async port => {
      const [, there] = await enterBoth(port)
      await subscribed(there, 'b')
      there.send('PUB a 1\r\nx\r\n')
      await there.expect('MSG b 1 1\r\nx\r\n')
      await update(port, from, {})
      there.send('PUB a 1\r\nx\r\nPING\r\n')
      await there.expect(/^(PING\r\n)?PONG\r\n/)
    },
  },
  {
    name: 'an export for one account by its name',
    config: () =>
      configOf(
        { exports: [stream('a.*', { account_token_position: 2 })] },
        { imports: [imported(stream(`a.${to.publicKey}`, { local_subject: 'mine' }))] },
      ),
    run: async port => {
      const [here, there] = await enterBoth(port)
      await subscribed(here, 'mine')
      await heard(here, there, `a.${to.publicKey}`, 'mine')
      await unheard(here, there, `a.${from.publicKey}`)
    },
  },
]
