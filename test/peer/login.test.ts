// Official clients log in to the broker in every way that is configured, NATS and MQTT.

import {
  type Authenticator,
  connect,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node'
import { hashSync } from 'bcryptjs'
import { connectAsync } from 'mqtt'
import { connect as connectOld, nkeyAuthenticator as oldNkey } from 'nats'
import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { type Edge, withEdge } from '../support/edge.ts'
import { spec } from '../support/spec.ts'

const programsMsMax = 60_000
const hash = (password: string) => hashSync(password, 6)
const key = createNKey('user')

async function may(edge: Edge, authenticator?: Authenticator): Promise<boolean> {
  const options = { servers: edge.url, reconnect: false, ...(authenticator && { authenticator }) }
  try {
    const client = await connect(options)
    await client.flush()
    await client.close()
    return true
  } catch (error) {
    assert.match((error as Error).message, /uthorization/)
    return false
  }
}

async function mayMqtt(edge: Edge, username: string, password: string): Promise<boolean> {
  try {
    const url = `mqtt://127.0.0.1:${edge.mqttPort}`
    const client = await connectAsync(url, { username, password, reconnectPeriod: 0 })
    await client.endAsync()
    return true
  } catch (error) {
    assert.match((error as Error).message, /Not authorized/)
    return false
  }
}

spec('logins of official clients', it => {
  it(
    'by user, hash and nkey',
    () => {
      const conf = `authorization { users: [
      { user: plain, password: pw, connection_types: STANDARD }
      { user: hashed, password: "${hash('pw')}" }
      { nkey: ${key.publicKey} }
    ] }`
      return withEdge(conf, async edge => {
        for (const user of ['plain', 'hashed']) {
          assert.ok(await may(edge, usernamePasswordAuthenticator(user, 'pw')), user)
          assert.not.ok(await may(edge, usernamePasswordAuthenticator(user, 'no')), user)
        }
        assert.not.ok(await may(edge))
        assert.ok(await may(edge, nkeyAuthenticator(Buffer.from(key.seed))))
        const stranger = createNKey('user')
        assert.not.ok(await may(edge, nkeyAuthenticator(Buffer.from(stranger.seed))))
        assert.ok(await mayMqtt(edge, 'hashed', 'pw'))
        assert.not.ok(await mayMqtt(edge, 'hashed', 'no'))
        assert.not.ok(await mayMqtt(edge, 'plain', 'pw'))

        const authenticator = oldNkey(Buffer.from(key.seed))
        const old = await connectOld({ servers: edge.url, authenticator })
        const connz = await fetch(`http://127.0.0.1:${edge.monitorPort}/connz?auth=1`)
        const { connections } = (await connz.json()) as {
          connections: { authorized_user: string }[]
        }
        assert.equal(
          connections.map(one => one.authorized_user),
          [key.publicKey],
        )
        await old.close()
      })
    },
    programsMsMax,
  )

  it(
    'by a hashed token',
    () =>
      withEdge(`authorization { token: "${hash('t0k')}" }`, async edge => {
        assert.ok(await may(edge, tokenAuthenticator('t0k')))
        assert.not.ok(await may(edge, tokenAuthenticator('t0')))
        assert.not.ok(await may(edge))
        assert.ok(await mayMqtt(edge, 'any', 't0k'))
        assert.not.ok(await mayMqtt(edge, 'any', 't0'))
      }),
    programsMsMax,
  )
})
