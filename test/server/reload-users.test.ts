// Users that change while clients are connected: who may stay, stays, with what it may do now.

import { hashSync } from 'bcryptjs'
import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import type { Server } from '../../src/server/server.ts'
import { optionsOf, startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { dial, type Talk } from '../support/talk.ts'

const hash = (password: string) => `authorization { user: a, password: "${hashSync(password, 4)}" }`

async function using(config: string, test: (server: Server) => Promise<void>): Promise<void> {
  const server = await startServer(config)
  try {
    await test(server)
  } finally {
    server.close()
  }
}

async function login(server: Server, fields: object): Promise<Talk> {
  const talk = await dial(server.address.port)
  await talk.info()
  talk.send(`CONNECT ${JSON.stringify({ verbose: false, pedantic: false, ...fields })}\r\n`)
  await talk.sync()
  return talk
}

const reload = (server: Server, config: string) => server.reload(optionsOf(config))
const violation = "-ERR 'Authorization Violation'\r\n"

spec('reload of users', it => {
  it('keeps who has the password of the new hash, and no other', () =>
    using('authorization { user: a, password: pw }', async server => {
      const talk = await login(server, { user: 'a', pass: 'pw' })
      talk.send('SUB s 1\r\n')
      await talk.sync()
      const secret = hash('pw')
      for (const config of [secret, secret, hash('pw'), 'authorization { user: a, pass: pw }']) {
        reload(server, config)
        await talk.sync()
      }
      talk.send('PUB s 0\r\n\r\n')
      await talk.expect('MSG s 1 0\r\n\r\n')
      reload(server, hash('other'))
      await talk.expectEnd(violation)
    }))

  it('asks again when users change while a hash is computed', () =>
    using(hash('pw'), async server => {
      const talk = await dial(server.address.port)
      await talk.info()
      const slow = `authorization { user: a, password: "${hashSync('pw', 11)}", timeout: 15 }`
      reload(server, slow)
      const authenticated = new Promise<void>(resolve => {
        const { hashes } = server
        const check = hashes.check.bind(hashes)
        hashes.check = (...input) => {
          hashes.check = check
          const verdict = check(...input)
          resolve()
          return verdict
        }
      })
      talk.send('CONNECT {"user":"a","pass":"pw"}\r\nPING\r\n')
      await authenticated
      reload(server, hash('changed'))
      await talk.expectEnd(violation)
    }))

  it('keeps an nkey user that is still there', async () => {
    const key = createNKey('user')
    const config = `authorization { users: [{ nkey: ${key.publicKey} }] }`
    await using(config, async server => {
      const talk = await dial(server.address.port)
      const { nonce } = (await talk.info()) as { nonce: string }
      const sig = key.sign(Buffer.from(nonce)).toString('base64url')
      const fields = { verbose: false, nkey: key.publicKey, sig }
      talk.send(`CONNECT ${JSON.stringify(fields)}\r\n`)
      await talk.sync()
      reload(server, config)
      await talk.sync()
      reload(server, `authorization { users: [{ nkey: ${createNKey('user').publicKey} }] }`)
      await talk.expectEnd(violation)
    })
  })

  it('closes the youngest when fewer may be connected', () =>
    using('', async server => {
      const talks = [
        await login(server, {}),
        await login(server, {}),
        await login(server, {}),
      ] as const
      reload(server, 'max_connections: 3')
      for (const talk of talks) await talk.sync()
      reload(server, 'max_connections: 2')
      await talks[2].expectEnd("-ERR 'maximum connections exceeded'\r\n")
      for (const talk of talks.slice(0, 2)) await talk.sync()
      assert.is(server.clients.size, 2)
      const late = await dial(server.address.port)
      await late.info()
      await late.expectEnd("-ERR 'maximum connections exceeded'\r\n")
      reload(server, 'max_connections: -1')
      for (const talk of talks.slice(0, 2)) await talk.sync()
      await (await login(server, {})).sync()
    }))

  it('cuts off who came without credentials when their user goes', () => {
    const users = 'authorization { users: [{ user: a, password: x }, { user: b, password: y }] }'
    return using(`${users}\nno_auth_user: a`, async server => {
      const open = await login(server, {})
      const known = await login(server, { user: 'b', pass: 'y' })
      reload(server, 'authorization { users: [{ user: b, password: y }] }')
      await open.expectEnd(violation)
      await known.sync()
    })
  })

  it('cuts off who may not come this way any more', () => {
    const users = (types: string) =>
      `authorization { users: [{ user: a, password: pw, allowed_connection_types: ${types} }] }`
    return using(users('[STANDARD, MQTT]'), async server => {
      const talk = await login(server, { user: 'a', pass: 'pw' })
      reload(server, users('STANDARD'))
      await talk.sync()
      reload(server, users('[MQTT, WEBSOCKET]'))
      await talk.expectEnd(violation)
    })
  })
})
