// Auth callout in the whole program: official clients, MQTT, metrics, reload.

import { connect, usernamePasswordAuthenticator } from '@nats-io/transport-node'
import { connectAsync } from 'mqtt'
import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { startEdge } from '../support/edge.ts'
import { sign, userJwt } from '../support/jwt.ts'
import { spec } from '../support/spec.ts'

const issuer = createNKey('account')

const conf = `
authorization {
  auth_callout { issuer: ${issuer.publicKey}, account: AUTH, auth_users: [ service ] }
}
accounts {
  AUTH { users: [ { user: service, password: s } ] }
  APP { jetstream: enabled }
}
`

spec('auth callout of the program', it => {
  it('decides for NATS and MQTT clients, is counted, and outlives a reload', async () => {
    const edge = await startEdge({ conf, jetstream: true, mqtt: true, monitor: true })
    const as = (user: string, pass: string) =>
      connect({ servers: edge.url, authenticator: usernamePasswordAuthenticator(user, pass) })
    const service = await as('service', 's')
    const types: unknown[] = []
    service.subscribe('$SYS.REQ.USER.AUTH', {
      callback: (_, request) => {
        const { nats } = JSON.parse(
          Buffer.from(request.string().split('.')[1] ?? '', 'base64url').toString(),
        )
        types.push(nats.client_info.type)
        const jwt = userJwt(issuer, nats.user_nkey, {}, { aud: 'APP', name: 'device' })
        const what = nats.connect_opts.pass === 'good' ? { jwt } : { error: 'no' }
        const claims = { ...what, type: 'authorization_response' }
        request.respond(sign(issuer, nats.user_nkey, 'R', claims, { aud: nats.server_id.id }))
      },
    })
    await service.flush()
    try {
      const device = await as('any', 'good')
      const heard = new Promise<string>(resolve => {
        device.subscribe('t', { max: 1, callback: (_, message) => resolve(message.string()) })
      })
      await device.flush()
      const url = `mqtt://127.0.0.1:${edge.mqttPort}`
      const mqtt = await connectAsync(url, { username: 'm', password: 'good', reconnectPeriod: 0 })
      await mqtt.publishAsync('t', 'same account')
      assert.is(await heard, 'same account')
      await mqtt.endAsync()
      const bad = await as('any', 'bad').catch((error: Error) => error)
      assert.match(String(bad), /uthoriz/)
      assert.equal(types, ['nats', 'mqtt', 'nats'])
      edge.process.child.kill('SIGHUP')
      await edge.process.waitFor('Reloaded server configuration')
      await device.flush()
      const metrics = await (await fetch(`http://127.0.0.1:${edge.monitorPort}/metrics`)).text()
      assert.match(metrics, 'nats_edge_auth_callout_requests_total 3')
      assert.match(metrics, 'nats_edge_auth_callout_refused_total 1')
      await device.close()
    } finally {
      await service.close()
      await edge.stop()
    }
  })
})
