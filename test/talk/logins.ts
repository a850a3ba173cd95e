// Ways to log in, held with our broker and with nats-server 2.10: one expectation for both.
// What depends on the nonce of INFO cannot stand in a list of lines, so these are functions.

import { hashSync } from 'bcryptjs'
import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { dial, type Talk } from '../support/talk.ts'
import type { HeldTalk } from './held.ts'

const key = createNKey('user')
const stranger = createNKey('user')
const hash = (password: string, version = 'a') =>
  hashSync(password, 4).replace('$2b', `$2${version}`)
const oneHash = hash('pw')
const violation = "-ERR 'Authorization Violation'\r\n"

/** Says CONNECT with these fields, and `more` in the same piece. */
async function connect(port: number, fields: object, more = 'PING\r\n'): Promise<Talk> {
  const talk = await dial(port)
  await talk.info()
  const base = { verbose: false, pedantic: false, headers: true }
  talk.send(`CONNECT ${JSON.stringify({ ...base, ...fields })}\r\n${more}`)
  return talk
}

async function accepted(port: number, fields: object): Promise<void> {
  const talk = await connect(port, fields)
  await talk.expect('PONG\r\n')
  talk.close()
}

async function refused(port: number, fields: object): Promise<void> {
  const talk = await connect(port, fields)
  await talk.expectEnd(violation)
}

const passwords = `authorization { users: [
  { user: a, password: "${hash('pw')}" }, { user: b, password: "${hash('pw', 'b')}" }
  { user: y, password: "${hash('pw', 'y')}" }, { user: x, password: "${hash('pw', 'x')}" }
  { user: plain, password: "$2a$" }
] }`

const withKey = `authorization { users: [
  { nkey: ${key.publicKey}, permissions: { publish: "p.>" } }
  { user: a, password: pw }
] }`

/** Fields of a CONNECT that signs what INFO said; `change` spoils it. */
async function signed(port: number, change: (fields: Signed) => object = fields => fields) {
  const talk = await dial(port)
  const { nonce } = (await talk.info()) as { nonce: string }
  assert.match(nonce, /^[\w-]{15}$/)
  const sig = key.sign(Buffer.from(nonce)).toString('base64url')
  const fields = change({ nkey: key.publicKey, sig, nonce })
  talk.send(`CONNECT ${JSON.stringify({ verbose: false, pedantic: false, ...fields })}\r\nPING\r\n`)
  return talk
}

interface Signed {
  readonly nkey: string
  readonly sig: string
  readonly nonce: string
}

export const logins: readonly HeldTalk[] = [
  {
    name: 'bcrypt passwords of every version',
    config: passwords,
    async run(port) {
      for (const user of ['a', 'b', 'x', 'y']) {
        await accepted(port, { user, pass: 'pw' })
        await refused(port, { user, pass: 'PW' })
        await accepted(port, { user, pass: 'pw' })
      }
      await accepted(port, { user: 'plain', pass: '$2a$' })
      await refused(port, { user: 'nobody', pass: 'pw' })
    },
  },
  {
    name: 'a hash is no password itself',
    config: `authorization { user: a, password: "${oneHash}" }`,
    run: port => refused(port, { user: 'a', pass: oneHash }),
  },
  {
    name: 'a bcrypt token',
    config: `authorization { token: "${hash('t0k')}" }`,
    async run(port) {
      await accepted(port, { auth_token: 't0k' })
      await refused(port, { auth_token: 't0' })
      await refused(port, {})
      await accepted(port, { auth_token: 't0k' })
    },
  },
  {
    name: 'operations in the piece of a CONNECT that is checked, in order',
    config: passwords,
    async run(port) {
      const more = 'SUB s 1\r\nPUB s 2\r\nhi\r\nPUB s 3\r\nyou\r\nPING\r\n'
      const talk = await connect(port, { user: 'a', pass: 'pw' }, `${more}PUB s`)
      talk.send(' 1\r\nx\r\n')
      await talk.expect('MSG s 1 2\r\nhi\r\nMSG s 1 3\r\nyou\r\nPONG\r\nMSG s 1 1\r\nx\r\n')
      talk.close()
    },
  },
  {
    name: 'nothing that follows a refused CONNECT is done',
    config: passwords,
    async run(port) {
      const witness = await connect(port, { user: 'a', pass: 'pw' }, 'SUB s 1\r\nPING\r\n')
      await witness.expect('PONG\r\n')
      const talk = await connect(port, { user: 'b', pass: 'no' }, 'PUB s 2\r\nhi\r\nPING\r\n')
      await talk.expectEnd(violation)
      await witness.sync()
      witness.close()
    },
  },
  {
    name: 'a second CONNECT with another bcrypt password',
    config: passwords,
    async run(port) {
      const talk = await connect(port, { user: 'a', pass: 'pw' }, '')
      talk.send(`CONNECT ${JSON.stringify({ verbose: false, user: 'b', pass: 'pw' })}\r\n`)
      talk.send('SUB s 1\r\nPUB s 1\r\nx\r\nPING\r\n')
      await talk.expect('MSG s 1 1\r\nx\r\nPONG\r\n')
      talk.send(`CONNECT ${JSON.stringify({ verbose: false, user: 'b', pass: 'no' })}\r\nPING\r\n`)
      await talk.expectEnd(violation)
    },
  },
  {
    name: 'INFO has a nonce only when a user has an nkey',
    config: passwords,
    async run(port) {
      const talk = await dial(port)
      assert.is((await talk.info()).nonce, undefined)
      talk.close()
    },
  },
  {
    name: 'an nkey user signs the nonce',
    config: withKey,
    async run(port) {
      const talk = await signed(port)
      await talk.expect('PONG\r\n')
      talk.send('PUB p.a 0\r\n\r\nPUB q 0\r\n\r\n')
      await talk.expect(`-ERR 'Permissions Violation for Publish to "q"'\r\n`)
      talk.close()
      await accepted(port, { user: 'a', pass: 'pw' })
      const padded = await signed(port, one => ({
        ...one,
        sig: Buffer.from(one.sig, 'base64url').toString('base64'),
      }))
      await padded.expect('PONG\r\n')
      padded.close()
    },
  },
  {
    name: 'an nkey user with a wrong signature, or none, is refused',
    config: withKey,
    async run(port) {
      const spoilt: ((fields: Signed) => object)[] = [
        ({ nkey }) => ({ nkey }),
        ({ nkey }) => ({ nkey, sig: '' }),
        ({ nkey, sig }) => ({ nkey, sig: sig.slice(0, -4) }),
        ({ nkey, sig }) => ({ nkey, sig: `${sig}AAAA` }),
        ({ nkey }) => ({ nkey, sig: key.sign(Buffer.from('another')).toString('base64url') }),
        ({ nkey, nonce }) => ({
          nkey,
          sig: stranger.sign(Buffer.from(nonce)).toString('base64url'),
        }),
        ({ nonce }) => ({
          nkey: stranger.publicKey,
          sig: stranger.sign(Buffer.from(nonce)).toString('base64url'),
        }),
        ({ nkey }) => ({ user: nkey, pass: '' }),
        ({ sig }) => ({ nkey: 'a', sig, pass: 'pw' }),
        () => ({}),
      ]
      for (const change of spoilt) await (await signed(port, change)).expectEnd(violation)
    },
  },
  {
    name: 'a signature counts for its own connection only',
    config: withKey,
    async run(port) {
      let seen: object = {}
      const first = await signed(port, fields => {
        seen = fields
        return fields
      })
      await first.expect('PONG\r\n')
      await (await signed(port, () => seen)).expectEnd(violation)
      first.close()
    },
  },
  {
    name: 'no_auth_user may be an nkey',
    config: `${withKey}\nno_auth_user: ${key.publicKey}`,
    async run(port) {
      const talk = await connect(port, {}, 'PUB q 0\r\n\r\n')
      await talk.expect(`-ERR 'Permissions Violation for Publish to "q"'\r\n`)
      talk.close()
      await refused(port, { user: 'a', pass: 'no' })
    },
  },
  {
    name: 'allowed connection types',
    config: `authorization { users: [
      { user: all, password: pw, allowed_connection_types: [] }
      { user: std, password: pw, allowed_connection_types: ["standard", "MQTT"] }
      { user: ws, password: pw, connection_types: [WEBSOCKET, MQTT] }
      { nkey: ${key.publicKey}, clients: LEAFNODE }
    ] }`,
    async run(port) {
      await accepted(port, { user: 'all', pass: 'pw' })
      await accepted(port, { user: 'std', pass: 'pw' })
      await refused(port, { user: 'ws', pass: 'pw' })
      await (await signed(port)).expectEnd(violation)
    },
  },
]
