// Where only the system account has users the server is open to everybody else; a block with its
// own user or token is not, neither MQTT's nor WebSocket's.

import * as assert from 'uvu/assert'
import { newWebSocketListener } from '../../edge/websocket-room.ts'
import { type Authorization, openToAll } from '../../src/account/authenticate.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { dialWebSocket } from '../support/websocket.ts'
import { Talk } from './talk.ts'

const admin = { name: 'admin', password: 's', account: '$SYS', permissions: null }
const systemOnly: Authorization = {
  ...openToAll,
  users: new Map([[admin.name, admin]]),
  openAccount: '$G',
}

const mqttRows = [
  ['own user', { user: 'own', pass: 'pw', token: null, timeout: 2000 }],
  ['own token', { user: null, pass: null, token: 'pw', timeout: 2000 }],
] as const

spec('mqtt beside system users only', it => {
  for (const [what, own] of mqttRows) {
    it(`refuses anonymous clients when the block has its ${what}`, () => {
      const talk = new Talk({ authorization: systemOnly, options: { authorization: own } })
      const nobody = talk.connect('a')
      nobody.expect('connack 5 new')
      assert.ok(nobody.isClosed)
      talk.connect('b', { username: 'own', password: Buffer.from('pw') }).expect('connack 0 new')
    })
  }

  it('takes anonymous clients when the block says nothing', () => {
    new Talk({ authorization: systemOnly }).connect('a').expect('connack 0 new')
  })
})

const system = 'accounts { $SYS { users: [ { user: admin, password: s } ] } }'

const webSocketRows = [
  ['', {}, 'PONG'],
  ['authorization { user: web, password: w }', {}, "-ERR 'Authorization Violation'"],
  ['authorization { user: web, password: w }', { user: 'web', pass: 'w' }, 'PONG'],
  ['authorization { token: t }', {}, "-ERR 'Authorization Violation'"],
  ['authorization { token: t }', { auth_token: 't' }, 'PONG'],
] as const

spec('websocket beside system users only', it => {
  for (const [own, fields, answer] of webSocketRows) {
    it(`answers ${answer} to ${JSON.stringify(fields)} with '${own}'`, async () => {
      const server = await startServer(
        `${system}\nwebsocket { listen: "127.0.0.1:-1", no_tls: true\n${own} }`,
      )
      try {
        const { websocket } = server.options
        const listener = websocket && newWebSocketListener(server, websocket, null)
        if (!listener) throw new Error('no listener')
        server.listeners.add(listener)
        await listener.start()
        const { talk } = await dialWebSocket(listener.address?.port ?? 0)
        await talk.info()
        talk.send(`CONNECT ${JSON.stringify({ verbose: false, ...fields })}\r\nPING\r\n`)
        assert.is(await talk.line(), answer)
        talk.close()
      } finally {
        server.close()
      }
    })
  }
})
