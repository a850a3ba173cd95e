// Who may join a cluster, what it learns of the others, and what may cross: the same lines against
// our broker and real nats-servers, one expectation for all (reference 4.2, 4.3).

import * as assert from 'uvu/assert'
import { until } from '../support/edge-leaf.ts'
import { dial, dialClient } from '../support/talk.ts'
import {
  ends,
  greeted,
  greeting,
  hearsNot,
  joined,
  nameless,
  nobody,
  past,
  type RouteTalk,
  settled,
  urlsBecome,
} from './route-peers.ts'

const violation = "-ERR 'Authorization Violation'\r\n"

export const routeRuleTalks: readonly RouteTalk[] = [
  {
    name: 'asks for the password',
    cluster: 'authorization { user: r, password: s }',
    run: async ({ route }) => {
      const good = await greeted(route, {}, { user: 'r', pass: 's' })
      assert.is(good.info.auth_required, true)
      await settled(good.talk)
      for (const wrong of [{ user: 'r', pass: 'no' }, { user: 'x', pass: 's' }, {}]) {
        const { talk } = await greeted(route, {}, wrong)
        await ends(talk, violation)
      }
      good.talk.close()
    },
  },
  {
    name: 'waits for CONNECT for so long only',
    cluster: 'authorization { user: r, password: s, timeout: 0.3 }',
    run: async ({ route }) => {
      const talk = await dial(route)
      await talk.info()
      await ends(talk, "-ERR 'Authentication Timeout'\r\n")
    },
  },
  {
    name: 'hears nothing before CONNECT',
    cluster: 'authorization { user: r, password: s }',
    run: async ({ route }) => {
      for (const line of ['RS+ $G x\r\n', 'PING\r\n', 'RMSG $G x 1\r\na\r\n', 'INFO {}\r\n']) {
        const talk = await dial(route)
        await talk.info()
        talk.send(line)
        await ends(talk, violation)
      }
    },
  },
  {
    name: 'refuses clients, gateways and servers of another cluster',
    run: async ({ route }) => {
      const refused: readonly [object, string][] = [
        [{ lang: 'nats.js', version: '3.0.0' }, 'attempted to connect to route port'],
        [{ gateway: 'G' }, 'Rejecting connection from gateway "G" on the Route port'],
        [{ cluster: 'XX' }, 'Rejecting connection, cluster name "XX" does not match "C"'],
        [{ cluster: '' }, 'Rejecting connection, cluster name "" does not match "C"'],
      ]
      for (const [fields, text] of refused) {
        const talk = await dial(route)
        await talk.info()
        talk.send(greeting({ name: 'NX', ...fields }))
        await ends(talk, `-ERR '${text}'\r\n`)
      }
      const { talk } = await greeted(route, { cluster: 'XX' })
      await ends(talk)
    },
  },
  {
    name: 'has one route to each server, and none to itself or to its namesakes',
    run: async ({ route }) => {
      const first = await joined(route, { server_id: 'NSAME' })
      const second = await greeted(route, { server_id: 'NSAME' })
      await ends(second.talk)
      const self = await greeted(route, { server_id: second.info.server_id })
      await ends(self.talk)
      const namesake = await greeted(route, { server_name: second.info.server_name })
      await ends(namesake.talk)
      await settled(first)
      first.close()
    },
  },
  {
    name: 'takes over the name of a cluster that has one',
    cluster: nameless,
    run: async ({ route }) => {
      const before = await dial(route)
      const info = await before.info()
      assert.is(info.cluster_dynamic, true)
      const talk = await joined(route, { cluster: 'theirs' }, { cluster: 'theirs' })
      const { talk: other } = await greeted(route, { cluster: 'other' }, { cluster: 'other' })
      await ends(
        other,
        '-ERR \'Rejecting connection, cluster name "other" does not match "theirs"\'\r\n',
      )
      await settled(talk)
      const after = await dial(route)
      assert.is((await after.info()).cluster, 'theirs')
      for (const one of [before, talk, after]) one.close()
    },
  },
  {
    name: 'takes over a made-up name only when it is the higher one',
    cluster: nameless,
    run: async ({ route }) => {
      const [low, high] = ['!low', '~high']
      const refused = await dial(route)
      const { cluster } = await refused.info()
      refused.send(greeting({ name: 'NLOW', cluster: low, cluster_dynamic: true }))
      await ends(
        refused,
        `-ERR 'Rejecting connection, cluster name "${low}" does not match "${cluster}"'\r\n`,
      )
      const fields = { cluster: high, cluster_dynamic: true }
      const talk = await joined(route, fields, fields)
      talk.close()
    },
  },
  {
    name: 'tells the others of a new server, and where it is',
    run: async ({ route }) => {
      const first = await joined(route)
      const second = await joined(route, { server_id: 'NSECOND', server_name: 'second', port: 2 })
      const line = await past(first, /INFO [^\n]*NSECOND[^\n]*\r\n/)
      const info = JSON.parse(line.slice(line.lastIndexOf('INFO ') + 5))
      assert.is(info.server_name, 'second')
      assert.is(info.ip, 'nats-route://127.0.0.1:2/')
      first.close()
      second.close()
    },
  },
  {
    name: 'dials a server that another one told of',
    run: async ({ route }) => {
      const { createServer } = await import('node:net')
      const heard = { text: '' }
      const listener = createServer(socket => {
        socket.on('error', () => undefined)
        socket.on('data', chunk => {
          heard.text += chunk.toString('latin1')
        })
      })
      await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
      const { port } = listener.address() as { port: number }
      try {
        const talk = await joined(route)
        const ip = `nats-route://127.0.0.1:${port}/`
        const info = { server_id: 'NTHIRD', server_name: 'third', ...nobody, cluster: 'C', ip }
        talk.send(`INFO ${JSON.stringify(info)}\r\n`)
        await until(() => heard.text.includes('CONNECT {'), 3000)
        talk.close()
      } finally {
        listener.close()
      }
    },
  },
  {
    name: 'tells clients of the addresses of others, until those are gone',
    run: async ({ route, client: clientPort }) => {
      const client = await dialClient(clientPort, { protocol: 1 })
      const own = `127.0.0.1:${clientPort}`
      const urls = ['10.0.0.9:4222']
      const talk = await joined(route, { connect_urls: urls })
      await urlsBecome(client, [own, ...urls])
      talk.close()
      await urlsBecome(client, [own])
      const going = await joined(route, { server_id: 'NGOES', connect_urls: urls })
      await urlsBecome(client, [own, ...urls])
      going.send(`INFO ${JSON.stringify({ server_id: 'NGOES', cluster: 'C', ldm: true })}\r\n`)
      await urlsBecome(client, [own])
      going.close()
      client.close()
    },
  },
  {
    name: 'keeps addresses to itself when told to',
    cluster: 'no_advertise: true',
    run: async ({ route, client: clientPort }) => {
      const client = await dialClient(clientPort, { protocol: 1 })
      const talk = await joined(route, { connect_urls: ['10.0.0.9:4222'] })
      client.send('PING\r\n')
      const heard = await client.expect(/^(?:INFO [^\n]*\r\n|PING\r\n)*PONG\r\n/)
      assert.not.match(heard, /10\.0\.0\.9/)
      client.close()
      talk.close()
    },
  },
  {
    name: 'keeps to what may cross, and says so',
    cluster: 'permissions { import: { allow: ["in.>"], deny: "in.no" }, export: ["out.>"] }',
    run: async ({ route, client: clientPort }) => {
      const { talk, info } = await greeted(route)
      assert.equal(info.import, { allow: ['in.>'], deny: ['in.no'] })
      assert.equal(info.export, { allow: ['out.>'] })
      await settled(talk)
      const client = await dialClient(clientPort)
      client.send('SUB > 1\r\nSUB in.a 2\r\nSUB else 3\r\n')
      await past(talk, 'RS+ $G in.a\r\n')
      await hearsNot(talk, /RS\+ \$G else/)
      talk.send('RMSG $G in.b 1\r\ny\r\n')
      await client.expect('MSG in.b 1 1\r\ny\r\n')
      client.send('UNSUB 1\r\nUNSUB 2\r\nUNSUB 3\r\n')
      talk.send('RS+ $G else\r\nRS+ $G out.a\r\n')
      await settled(talk)
      client.send('PUB else 1\r\nx\r\nPUB out.a 1\r\ny\r\n')
      await past(talk, 'RMSG $G out.a 1\r\ny\r\n')
      client.close()
      talk.close()
    },
  },
  {
    name: 'keeps to what a peer may have and give',
    run: async ({ route, client: clientPort }) => {
      const talk = await joined(route, { import: { allow: ['to.>'] }, export: { deny: ['own'] } })
      const client = await dialClient(clientPort)
      client.send('SUB own 1\r\nSUB fine 2\r\n')
      await past(talk, 'RS+ $G fine\r\n')
      await hearsNot(talk, /RS\+ \$G own/)
      client.close()
      talk.close()
    },
  },
  {
    name: 'closes after what is no route protocol',
    run: async ({ route }) => {
      const lines = ['XYZ\r\n', 'RS+ $G\r\n', 'RMSG $G x ? y 1\r\n', 'RMSG $G x -1\r\n']
      for (const line of lines) {
        const talk = await joined(route)
        talk.send(line)
        await ends(talk)
      }
    },
  },
  {
    name: 'carries more than max_payload, as every server checks its own clients',
    config: 'max_payload: 1000',
    run: async ({ route, client: clientPort }) => {
      const talk = await joined(route)
      const client = await dialClient(clientPort)
      client.send('SUB big 1\r\n')
      await client.sync()
      const body = 'x'.repeat(5000)
      talk.send(`RMSG $G big 5000\r\n${body}\r\n`)
      await client.expect(`MSG big 1 5000\r\n${body}\r\n`)
      client.close()
      talk.close()
    },
  },
]
