// Logins in operator mode, held with our broker and with nats-server 2.10 and 2.15: one expectation
// for all. Every config has a system account, whose user pushes other JWTs while others are in.

import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { dial } from '../support/talk.ts'
import { newAccount, signV1, userJwt } from '../support/jwt.ts'
import {
  accepted,
  account,
  bring,
  configOf,
  ended,
  enter,
  now,
  ofScope,
  operator,
  plainKey,
  push,
  pushed,
  refused,
  scope,
  scoped,
  signing,
  stranger,
  strictConfig,
  system,
  template,
  violation,
} from '../support/operators.ts'
import type { HeldTalk } from './held.ts'

export const operatorTalks: readonly HeldTalk[] = [
  {
    name: 'a user with a JWT comes in',
    config: () => configOf(),
    run: async port => {
      const user = account.user()
      await accepted(port, user)
      await accepted(port, user, { fields: { nkey: user.publicKey } })
    },
  },
  {
    name: 'without a good JWT and signature nobody does',
    config: () => configOf(),
    run: async port => {
      const user = account.user()
      await refused(port, user, { jwt: '' })
      await refused(port, user, { jwt: 'eyJ.x.y' })
      await refused(port, user, { sig: 'bad' })
      await refused(port, user, { sig: 'none' })
      await refused(port, user, { jwt: `${user.jwt.slice(0, -4)}AAAA` })
      await refused(port, account.user(), { jwt: user.jwt })
      await refused(port, newAccount(operator).user())
      await refused(port, user, { jwt: account.jwt() })
      await refused(port, user, { jwt: '', fields: { user: 'a', pass: 'b' } })
    },
  },
  {
    name: 'version 1 of the format is taken',
    config: () => configOf(),
    run: async port => {
      const user = account.user()
      const iat = now()
      const v1 = { jti: 'X', iat, iss: account.publicKey, sub: user.publicKey, name: 'old' }
      const jwt = signV1(account.key, { ...v1, type: 'user', nats: { pub: {}, sub: {} } })
      const talk = await enter(port, user, { jwt })
      talk.send('SUB a 1\r\nPUB a 1\r\nx\r\n')
      await talk.expect('MSG a 1 1\r\nx\r\n')
      talk.close()
    },
  },
  {
    name: 'the times of a JWT count',
    config: () => configOf(),
    run: async port => {
      await refused(port, account.user({}, { exp: now() - 60 }))
      await refused(port, account.user({}, { nbf: now() + 60 }))
      await accepted(port, account.user({}, { exp: now() + 60, nbf: now() - 60 }))
    },
  },
  {
    name: 'a user whose JWT expires is told and cut off',
    config: () => configOf(),
    run: async port => {
      const talk = await enter(port, account.user({}, { exp: now() + 2 }))
      await ended(talk, "-ERR 'User Authentication Expired'\r\n")
    },
  },
  {
    name: 'permissions of a user',
    config: () => configOf(),
    run: async port => {
      const talk = await enter(
        port,
        account.user({ pub: { allow: ['p.>'], deny: ['p.no'] }, sub: { allow: ['s', 'q g'] } }),
      )
      talk.send(
        'PUB p.no 0\r\n\r\nPUB x 0\r\n\r\nPUB p.a 0\r\n\r\nSUB x 1\r\nSUB s 2\r\nSUB q 3\r\n',
      )
      await talk.expect(`-ERR 'Permissions Violation for Publish to "p.no"'\r\n`)
      await talk.expect(`-ERR 'Permissions Violation for Publish to "x"'\r\n`)
      await talk.expect(`-ERR 'Permissions Violation for Subscription to "x"'\r\n`)
      await talk.expect(`-ERR 'Permissions Violation for Subscription to "q"'\r\n`)
      talk.send('SUB q g 4\r\n')
      await talk.sync()
      talk.close()
    },
  },
  {
    name: 'answers only where responses are allowed',
    config: () => configOf(),
    run: async port => {
      const service = await enter(
        port,
        account.user({ sub: { allow: ['rq'] }, resp: { max: 1, ttl: 60_000_000_000 } }),
      )
      service.send('SUB rq 1\r\n')
      await service.sync()
      const asker = await enter(port, account.user())
      asker.send('SUB back 1\r\nPUB rq back 1\r\n?\r\n')
      await service.expect('MSG rq 1 back 1\r\n?\r\n')
      service.send('PUB back 2\r\nok\r\nPUB back 2\r\nno\r\n')
      await asker.expect('MSG back 1 2\r\nok\r\n')
      await service.expect(`-ERR 'Permissions Violation for Publish to "back"'\r\n`)
      service.close()
      asker.close()
    },
  },
  {
    name: 'default permissions of an account count for users without any',
    config: () => configOf({ nats: { default_permissions: { pub: { allow: ['d'] }, sub: {} } } }),
    run: async port => {
      const talk = await enter(port, account.user())
      talk.send('PUB x 0\r\n\r\nPUB d 0\r\n\r\n')
      await talk.expect(`-ERR 'Permissions Violation for Publish to "x"'\r\n`)
      await talk.sync()
      const own = await enter(port, account.user({ pub: { allow: ['x'] } }))
      own.send('PUB x 0\r\n\r\nPUB d 0\r\n\r\n')
      await own.expect(`-ERR 'Permissions Violation for Publish to "d"'\r\n`)
      talk.close()
      own.close()
    },
  },
  {
    name: 'ways to connect',
    config: () => configOf(),
    run: async port => {
      await refused(port, account.user({ allowed_connection_types: ['MQTT'] }))
      await refused(port, account.user({ allowed_connection_types: ['TELEX'] }))
      await accepted(port, account.user({ allowed_connection_types: ['TELEX', 'standard'] }))
    },
  },
  {
    name: 'networks to connect from',
    config: () => configOf(),
    run: async port => {
      await refused(port, account.user({ src: ['10.0.0.0/8'] }))
      await accepted(port, account.user({ src: ['10.0.0.0/8', '127.0.0.0/8'] }))
      await accepted(port, account.user({ src: '192.168.0.0/16,127.0.0.1/32' }))
      await refused(port, account.user({ src: ['127.0.0.1'] }))
    },
  },
  {
    name: 'hours to connect in',
    config: () => configOf(),
    run: async port => {
      const at = (ms: number) => new Date(Date.now() + ms).toISOString().slice(11, 19)
      const hour = 3_600_000
      const times = (start: string, end: string) =>
        account.user({ times: [{ start, end }], times_location: 'UTC' })
      await accepted(port, times(at(-hour), at(hour)))
      await refused(port, times(at(hour), at(2 * hour)))
      await refused(port, times('25:00:00', '26:00:00'))
      const short = await enter(port, times(at(-hour), at(3000)))
      await ended(short, "-ERR 'User Authentication Expired'\r\n")
    },
  },
  {
    name: 'a bearer needs no signature, where the account allows it',
    config: () => configOf(),
    run: async port => {
      const bearer = account.user({ bearer_token: true })
      await accepted(port, bearer, { sig: 'none' })
      const talk = await enter(port, bearer, { sig: 'none' })
      await pushed(port, account.jwt({ limits: { disallow_bearer: true } }))
      await ended(talk, violation)
      await refused(port, bearer, { sig: 'none' })
    },
  },
  {
    name: 'limits of a user',
    config: () => configOf(),
    run: async port => {
      const talk = await enter(port, account.user({ subs: 2, payload: 10 }))
      talk.send('SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n')
      await talk.expect("-ERR 'maximum subscriptions exceeded'\r\n")
      talk.send('PUB x 11\r\n')
      await ended(talk, "-ERR 'Maximum Payload Violation'\r\n")
    },
  },
  {
    name: 'limits of an account',
    config: () => configOf({ nats: { limits: { conn: 1, payload: 5 } } }),
    run: async port => {
      const talk = await enter(port, account.user())
      const more = await bring(port, account.user())
      await more.expect("-ERR 'maximum account active connections exceeded'\r\n")
      talk.send('PUB x 6\r\n')
      await ended(talk, "-ERR 'Maximum Payload Violation'\r\n")
    },
  },
  {
    name: 'users of a signing key',
    config: () => configOf({ nats: { signing_keys: [plainKey.publicKey] } }),
    run: async port => {
      const issuer = { issuer_account: account.publicKey }
      await accepted(port, account.user(issuer, {}, plainKey))
      await refused(port, account.user({}, {}, plainKey))
      await refused(port, account.user(issuer, {}, createNKey('account')))
    },
  },
  {
    name: 'users of a scoped signing key have what its template says',
    config: () => configOf({ nats: { ...scoped(template), tags: ['zone:z1', 'zone:z2'] } }),
    run: async port => {
      const user = ofScope({ name: 'bob' }, { tags: ['team:red', 'team:blue'] })
      const talk = await enter(port, user)
      const may = ['bob.x', `u.${user.publicKey}`, 'a.A', 't.red', 't.blue']
      for (const subject of may) talk.send(`PUB ${subject} 0\r\n\r\n`)
      const subs = ['s.z1', 's.z2', `me.${account.publicKey}`]
      for (const [i, subject] of subs.entries()) talk.send(`SUB ${subject} ${i}\r\n`)
      await talk.sync()
      talk.send('PUB t.green 0\r\n\r\nSUB s.no 9\r\nSUB s.z3 9\r\n')
      await talk.expect(`-ERR 'Permissions Violation for Publish to "t.green"'\r\n`)
      await talk.expect(`-ERR 'Permissions Violation for Subscription to "s.no"'\r\n`)
      await talk.expect(`-ERR 'Permissions Violation for Subscription to "s.z3"'\r\n`)
      talk.send('PUB bob.x 101\r\n')
      await ended(talk, "-ERR 'Maximum Payload Violation'\r\n")
    },
  },
  {
    name: 'a scoped user may claim nothing',
    config: () => configOf({ nats: scoped(template) }),
    run: async port => {
      const more = { issuer_account: account.publicKey, subs: -1 }
      await refused(port, account.user({ scoped: true, ...more }, {}, scope))
      await refused(port, ofScope({}, { pub: { allow: ['>'] } }))
      await accepted(port, ofScope({}, { pub: {}, sub: {} }))
    },
  },
  {
    name: 'a template that comes to nothing allows nothing',
    config: () => configOf({ nats: scoped({ ...template, pub: { allow: ['t.{{tag(none)}}'] } }) }),
    run: async port => {
      const talk = await enter(port, ofScope({ name: 'bob' }))
      talk.send('PUB x 0\r\n\r\n')
      await talk.expect(`-ERR 'Permissions Violation for Publish to "x"'\r\n`)
      talk.close()
    },
  },
  {
    name: 'a template with a wrong deny or an unknown operation lets nobody in',
    isNew: true,
    config: () => configOf({ nats: scoped({ ...template, pub: { deny: ['t.{{tag(none)}}'] } }) }),
    run: async port => {
      await refused(port, ofScope({ name: 'bob' }))
      const other = scoped({ ...template, pub: { allow: ['{{what()}}'] } })
      await pushed(port, account.jwt(other))
      await refused(port, ofScope({ name: 'bob' }))
    },
  },
  {
    name: 'users of an altered or removed signing key are cut off',
    config: () => configOf({ nats: scoped(template) }),
    run: async port => {
      const plain = await enter(
        port,
        account.user({ issuer_account: account.publicKey }, {}, plainKey),
      )
      const talk = await enter(port, ofScope({ name: 'bob' }))
      await pushed(port, account.jwt(scoped({ ...template, payload: 200 })))
      await ended(talk, '')
      await plain.sync()
      await pushed(port, account.jwt())
      await ended(plain, '')
    },
  },
  {
    name: 'a revoked user is told, cut off and kept out',
    config: () => configOf(),
    run: async port => {
      const user = account.user()
      const talk = await enter(port, user)
      const other = await enter(port, account.user())
      await pushed(port, account.jwt({ revocations: { [user.publicKey]: now() } }))
      await ended(talk, "-ERR 'User Authentication Revoked'\r\n")
      await refused(port, user)
      await other.sync()
      const newer = userJwt(account.key, user.publicKey, {}, { iat: now() + 5 })
      await accepted(port, user, { jwt: newer })
      await pushed(port, account.jwt({ revocations: { '*': now() } }))
      await ended(other, "-ERR 'User Authentication Revoked'\r\n")
      await accepted(port, user, { jwt: newer })
    },
  },
  {
    name: 'an account that expires takes its users with it',
    config: () => configOf({ times: { exp: now() + 6 } }),
    run: async port => {
      const talk = await enter(port, account.user())
      await ended(talk, "-ERR 'Account Authentication Expired'\r\n", 15_000)
      await refused(port, account.user())
    },
  },
  {
    name: 'too many connections after an update: the youngest go',
    isNew: true,
    config: () => configOf(),
    run: async port => {
      const first = await enter(port, account.user())
      const second = await enter(port, account.user())
      await pushed(port, account.jwt({ limits: { conn: 1 } }))
      await ended(second, "-ERR 'maximum account active connections exceeded'\r\n")
      await first.sync()
      first.close()
    },
  },
  {
    name: 'an account of a stranger is none',
    config: () => configOf({ signer: stranger }),
    run: async port => refused(port, account.user()),
  },
  {
    name: 'a signing key of the operator may sign accounts',
    config: () => configOf({ signer: signing, operator: { signing_keys: [signing.publicKey] } }),
    run: async port => accepted(port, account.user()),
  },
  {
    name: 'only signing keys may sign where the operator is strict',
    config: strictConfig,
    run: async port => {
      await refused(port, account.user())
      const issuer = { issuer_account: account.publicKey }
      await accepted(port, account.user(issuer, {}, plainKey))
    },
  },
  {
    name: 'only pinned accounts may be used',
    config: () =>
      configOf({ more: `resolver_pinned_accounts: [${newAccount(operator).publicKey}]` }),
    run: async port => {
      await refused(port, account.user())
      await accepted(port, system.user())
    },
  },
  {
    name: 'whoever brings no JWT is the sentinel',
    isNew: true,
    config: () =>
      configOf({
        more: `default_sentinel: "${account.user({ bearer_token: true, pub: { allow: ['x'] } }).jwt}"`,
      }),
    run: async port => {
      const talk = await dial(port)
      await talk.info()
      talk.send('CONNECT {"verbose":false,"pedantic":false}\r\nPUB y 0\r\n\r\n')
      await talk.expect(`-ERR 'Permissions Violation for Publish to "y"'\r\n`)
      talk.close()
    },
  },
  {
    name: 'pushes that are refused',
    config: () => configOf(),
    run: async port => {
      const errorOf = async (jwt: string) =>
        (await push(port, system.user(), jwt)).error?.description ?? ''
      assert.is(await errorOf(''), 'jwt update error - request body is empty')
      assert.match(await errorOf('a.b.c'), /^jwt update resulted in error - /)
      assert.is(await errorOf('a'), 'jwt update resulted in error - expected 3 chunks')
      assert.is(
        await errorOf(newAccount(operator).jwt()),
        'jwt update resulted in error - subject does not match jwt content',
      )
      const unknown = newAccount(operator)
      const subject = `$SYS.REQ.ACCOUNT.${unknown.publicKey}.CLAIMS.UPDATE`
      const answer = await push(port, system.user(), unknown.jwt(), subject)
      assert.is(answer.data?.message, 'jwt update skipped')
    },
  },
]
