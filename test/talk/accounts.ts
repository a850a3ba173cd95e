// Accounts, held with our broker and with nats-server 2.10.

import * as assert from 'uvu/assert'
import { dial, type Talk } from '../support/talk.ts'
import type { HeldTalk } from './held.ts'

const violation = "-ERR 'Authorization Violation'\r\n"

async function login(port: number, user: string, more = ''): Promise<Talk> {
  const talk = await dial(port)
  await talk.info()
  const fields = { verbose: false, pedantic: false, headers: true, no_responders: true }
  const named = user === '' ? {} : { user, pass: 'pw' }
  talk.send(`CONNECT ${JSON.stringify({ ...fields, ...named })}\r\n${more}PING\r\n`)
  return talk
}

async function accepted(port: number, user: string, more = ''): Promise<Talk> {
  const talk = await login(port, user, more)
  await talk.expect('PONG\r\n')
  return talk
}

const two = `accounts {
  A { users: [{ user: a, password: pw }, { user: a2, password: pw, permissions: { subscribe: "s" } }] }
  B { users: [{ user: b, password: pw }], default_permissions: { publish: "s" } }
}`

export const accountTalks: readonly HeldTalk[] = [
  {
    name: 'accounts see nothing of each other',
    config: two,
    async run(port) {
      const a = await accepted(port, 'a', 'SUB > 1\r\n')
      const a2 = await accepted(port, 'a2', 'SUB s 1\r\n')
      const b = await accepted(port, 'b', 'SUB > 1\r\n')
      b.send('PUB s 1\r\nb\r\nPING\r\n')
      await b.expect('MSG s 1 1\r\nb\r\nPONG\r\n')
      a.send('PUB s 1\r\na\r\nPING\r\n')
      await a.expect('MSG s 1 1\r\na\r\nPONG\r\n')
      await a2.expect('MSG s 1 1\r\na\r\n')
      await a2.sync()
      await b.sync()
      for (const talk of [a, a2, b]) talk.close()
    },
  },
  {
    name: 'permissions are the user’s, else the account’s',
    config: two,
    async run(port) {
      const b = await accepted(port, 'b')
      b.send('PUB t 0\r\n\r\n')
      await b.expect(`-ERR 'Permissions Violation for Publish to "t"'\r\n`)
      const a2 = await accepted(port, 'a2')
      a2.send('SUB t 1\r\n')
      await a2.expect(`-ERR 'Permissions Violation for Subscription to "t"'\r\n`)
      a2.close()
      b.close()
    },
  },
  {
    name: 'credentials are asked for once an account has users',
    config: two,
    async run(port) {
      await (await login(port, '')).expectEnd(violation)
      await (await login(port, 'nobody')).expectEnd(violation)
    },
  },
  {
    name: 'names of accounts alone ask for nothing',
    config: 'accounts: [A, B]',
    run: async port => (await accepted(port, '')).close(),
  },
  {
    name: 'users beside accounts are in the global one',
    config: `${two}\nauthorization { users: [{ user: g, password: pw }] }`,
    async run(port) {
      const g = await accepted(port, 'g', 'SUB s 1\r\n')
      const a = await accepted(port, 'a')
      a.send('PUB s 1\r\na\r\n')
      await a.sync()
      await g.sync()
      g.send('PUB s 1\r\ng\r\n')
      await g.expect('MSG s 1 1\r\ng\r\n')
      a.close()
      g.close()
    },
  },
  {
    name: 'no_auth_user in an account, and INFO asks for nothing',
    config: `${two}\nno_auth_user: a2`,
    async run(port) {
      const talk = await dial(port)
      assert.is((await talk.info()).auth_required, undefined)
      talk.send('CONNECT {"verbose":false}\r\nSUB s 1\r\nPING\r\n')
      await talk.expect('PONG\r\n')
      const a = await accepted(port, 'a', 'PUB s 1\r\na\r\n')
      await talk.expect('MSG s 1 1\r\na\r\n')
      talk.close()
      a.close()
    },
  },
  {
    name: 'users of the system account alone leave everybody else in',
    config: 'accounts { $SYS { users: [{ user: sys, password: pw }] } }',
    async run(port) {
      const talk = await dial(port)
      assert.is((await talk.info()).auth_required, true)
      talk.send('CONNECT {"verbose":false}\r\nSUB foo 1\r\nPING\r\n')
      await talk.expect('PONG\r\n')
      const sys = await accepted(port, 'sys', 'PUB foo 0\r\n\r\n')
      await sys.sync()
      await talk.sync()
      talk.close()
      sys.close()
      await (await login(port, 'other')).expectEnd(violation)
    },
  },
  {
    name: 'another system account',
    config: `accounts { SYS { users: [{ user: sys, password: pw }] }, A { users: [{ user: a, password: pw }] } }
      system_account: SYS`,
    async run(port) {
      for (const user of ['sys', 'a']) (await accepted(port, user)).close()
      await (await login(port, '')).expectEnd(violation)
    },
  },
  {
    name: 'a second CONNECT moves to the other account',
    config: two,
    async run(port) {
      const b = await accepted(port, 'b', 'SUB s 1\r\n')
      const talk = await accepted(port, 'a')
      talk.send('CONNECT {"verbose":false,"user":"b","pass":"pw"}\r\nPUB s 1\r\nx\r\nPING\r\n')
      await talk.expect('PONG\r\n')
      await b.expect('MSG s 1 1\r\nx\r\n')
      talk.close()
      b.close()
    },
  },
  {
    name: 'max_connections of an account: at it, past it, and again',
    config: `accounts {
      A { users: [{ user: a, password: pw }], limits { max_conn: 2 } }
      B { users: [{ user: b, password: pw }], limits { max_connections: -1 } }
    }`,
    async run(port) {
      const first = await accepted(port, 'a')
      const second = await accepted(port, 'a')
      const third = await login(port, 'a')
      await third.expectEnd("-ERR 'maximum account active connections exceeded'\r\n")
      const b = await accepted(port, 'b')
      first.end()
      await first.expectEnd()
      await gone(port)
      const again = await accepted(port, 'a')
      for (const talk of [second, again, b]) talk.close()
    },
  },
  {
    name: 'max_subscriptions of an account bound each of its connections',
    config: `accounts { A { users: [{ user: a, password: pw }], limits { max_subs: 2 } } }`,
    async run(port) {
      const first = await accepted(port, 'a', 'SUB a 1\r\nSUB b 2\r\n')
      first.send('SUB c 3\r\n')
      await first.expect("-ERR 'maximum subscriptions exceeded'\r\n")
      first.send('UNSUB 1\r\nSUB c 3\r\n')
      await first.sync()
      const second = await accepted(port, 'a', 'SUB a 1\r\nSUB b 2\r\n')
      first.close()
      second.close()
    },
  },
  {
    name: 'max_payload of an account, in the very piece of CONNECT too',
    config: `max_payload: 16
      accounts {
        A { users: [{ user: a, password: pw }], limits { max_payload: 4 } }
        B { users: [{ user: b, password: pw }], limits { max_payload: 64 } }
      }`,
    async run(port) {
      const talk = await accepted(port, 'a', 'SUB s 1\r\n')
      talk.send('PUB s 4\r\n1234\r\n')
      await talk.expect('MSG s 1 4\r\n1234\r\n')
      talk.send('PUB s 5\r\n12345\r\n')
      await talk.expectEnd("-ERR 'Maximum Payload Violation'\r\n")
      const fresh = await login(port, 'a', 'PUB s 5\r\n12345\r\n')
      await fresh.expectEnd("-ERR 'Maximum Payload Violation'\r\n")
      const b = await accepted(port, 'b', `PUB s 16\r\n${'x'.repeat(16)}\r\n`)
      b.send(`PUB s 17\r\n`)
      await b.expectEnd("-ERR 'Maximum Payload Violation'\r\n")
    },
  },
]

/** The server has seen ends that came before this: it greets, reads and closes in order. */
async function gone(port: number): Promise<void> {
  for (let i = 0; i < 3; i++) (await accepted(port, 'b')).close()
}
