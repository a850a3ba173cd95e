import { connect, type Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { FakeClock } from '../../src/base/clock.ts'
import type { Server } from '../../src/server/server.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { dial, dialClient, type Talk } from '../support/talk.ts'

async function withServer(text: string, run: (server: Server, clock: FakeClock) => Promise<void>) {
  const clock = new FakeClock()
  const server = await startServer(text, clock)
  try {
    await run(server, clock)
  } finally {
    server.close()
  }
}

/** Connected, subscribed to everything and never reading. */
async function deafSubscriber(server: Server): Promise<Socket> {
  const socket = connect(server.address.port, '127.0.0.1')
  await new Promise(resolve => socket.once('readable', resolve))
  socket.write('CONNECT {"verbose":false}\r\nSUB > 1\r\n')
  await until(() => [...server.clients.values()].some(client => client.subscriptions.size > 0))
  return socket
}

/** PING and PONG, while stalled producers are let go on: their timer is the fake clock's. */
async function syncStalled(talk: Talk, clock: FakeClock): Promise<void> {
  const pump = setInterval(() => clock.advance(11), 1)
  try {
    talk.send('PING\r\n')
    await talk.expect(/^(?:PING\r\n)*PONG\r\n/)
  } finally {
    clearInterval(pump)
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise(resolve => setImmediate(resolve))
}

spec('client link', it => {
  it('pings a quiet client and closes it when it does not answer', () =>
    withServer('ping_interval: "10s", ping_max: 2', async (server, clock) => {
      const talk = await dialClient(server.address.port)
      clock.advance(3000)
      await talk.expect('PING\r\n')
      talk.send('PONG\r\n')
      await talk.sync()
      const client = [...server.clients.values()][0]!
      assert.ok(client.keepalive.rttMs >= 0)
      clock.advance(10_000)
      await talk.expect('PING\r\n')
      clock.advance(10_000)
      await talk.expect('PING\r\n')
      clock.advance(10_000)
      await talk.expect("-ERR 'Stale Connection'\r\n")
      await talk.expectEnd()
      assert.is(server.totals.staleConnections, 1)
    }))

  it('cuts off a subscriber that never reads, and only that one', () =>
    withServer('max_pending: 1MB, write_deadline: "1h"', async (server, clock) => {
      const deaf = await deafSubscriber(server)
      const other = await dialClient(server.address.port)
      other.send('SUB done 1\r\n')
      const payload = `PUB x 65536\r\n${'x'.repeat(65_536)}\r\n`
      while (server.totals.slowConsumers === 0) {
        other.send(payload)
        await syncStalled(other, clock)
      }
      assert.equal(
        server.closed.list().map(c => c.reason),
        ['Slow Consumer (Pending Bytes)'],
      )
      other.send('PUB done 2\r\nok\r\n')
      await other.expect('MSG done 1 2\r\nok\r\n')
      deaf.destroy()
    }))

  it('cuts off a subscriber that takes nothing for write_deadline', () =>
    withServer('write_deadline: "5s"', async (server, clock) => {
      const deaf = await deafSubscriber(server)
      const other = await dialClient(server.address.port)
      const payload = `PUB x 65536\r\n${'x'.repeat(65_536)}\r\n`
      while (server.totals.slowConsumers === 0) {
        other.send(payload)
        await syncStalled(other, clock)
      }
      assert.equal(
        server.closed.list().map(c => c.reason),
        ['Slow Consumer (Write Deadline)'],
      )
      deaf.destroy()
    }))

  it('refuses one connection more than max_connections, and takes the next again', () =>
    withServer('max_connections: 2', async server => {
      const first = await dialClient(server.address.port)
      await dialClient(server.address.port)
      const third = await dial(server.address.port)
      await third.info()
      await third.expect("-ERR 'maximum connections exceeded'\r\n")
      await third.expectEnd()
      first.close()
      await until(() => server.clients.size === 1)
      await dialClient(server.address.port)
    }))

  it('keeps no payload for a client that has not logged in', () =>
    withServer('authorization { user: a, password: x }', async server => {
      for (const line of ['PUB a 1\r\n', 'HPUB a 12 14\r\n', 'PUB a 99999999\r\n']) {
        const stranger = await dial(server.address.port)
        await stranger.info()
        stranger.send(line)
        await stranger.expect("-ERR 'Authorization Violation'\r\n")
        await stranger.expectEnd()
      }
      const empty = await dial(server.address.port)
      await empty.info()
      empty.send('PUB a 0\r\n\r\n')
      await empty.expect("-ERR 'Authorization Violation'\r\n")
      await empty.expectEnd()
      const known = await dial(server.address.port)
      await known.info()
      known.send('CONNECT {"user":"a","pass":"x","verbose":false}\r\nSUB a 1\r\nPUB a 1\r\nx\r\n')
      await known.expect('MSG a 1 1\r\nx\r\n')
    }))

  it('counts messages and bytes both ways', () =>
    withServer('', async server => {
      const talk = await dialClient(server.address.port)
      talk.send('SUB a 1\r\nHPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPUB b 3\r\nabc\r\n')
      await talk.expect('HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n')
      const { inMsgs, inBytes, outMsgs, outBytes } = [...server.clients.values()][0]!
      assert.equal([inMsgs, inBytes, outMsgs, outBytes], [2, 17, 1, 14])
      talk.close()
      await until(() => server.clients.size === 0)
      assert.is(server.totals.inMsgs, 2)
    }))

  it('carries a message that comes in many pieces', () =>
    withServer('max_payload: 8MB', async server => {
      const talk = await dialClient(server.address.port)
      const payload = 'abcdefgh'.repeat(500_000)
      talk.send(`SUB big 1\r\nPUB big r ${payload.length}\r\n${payload}\r\n`)
      await talk.expect(`MSG big 1 r ${payload.length}\r\n${payload}\r\n`)
      await talk.sendSlowly('PUB big 5\r\nhello\r\n')
      await talk.expect('MSG big 1 5\r\nhello\r\n')
    }))

  it('drops the subscriptions of a connection that is gone', () =>
    withServer('', async server => {
      const talk = await dialClient(server.address.port)
      talk.send('SUB a 1\r\nSUB b q 2\r\n')
      await talk.sync()
      assert.is(server.account('$G').sublist.count, 2)
      talk.close()
      await until(() => server.clients.size === 0)
      assert.is(server.account('$G').sublist.count, 0)
    }))

  it('applies reloaded users: gone ones are cut, narrowed ones lose subscriptions', () =>
    withServer(
      'authorization { users: [{user: a, password: x}, {user: b, password: x}] }',
      async server => {
        const as = (user: string) => dialClient(server.address.port, { user, pass: 'x' })
        const [a, b] = [await as('a'), await as('b')]
        b.send('SUB s 1\r\nSUB t 2\r\n')
        await b.sync()
        const { optionsOf } = await import('../support/server.ts')
        server.reload(
          optionsOf(
            'authorization { users: [{user: b, password: x, permissions: {subscribe: t}}] }',
          ),
        )
        await a.expect("-ERR 'Authorization Violation'\r\n")
        await a.expectEnd()
        await b.expect('-ERR \'Permissions Violation for Subscription to "s" (sid "1")\'\r\n')
        b.send('PUB s 0\r\n\r\nPUB t 0\r\n\r\n')
        await b.expect('MSG t 2 0\r\n\r\n')
      },
    ))

  it('filters by reloaded denies what was subscribed to before, and no longer once they go', () => {
    const users = (permissions: string) =>
      `authorization { users: [{user: b, password: x${permissions}}] }`
    const denying = users(', permissions: {subscribe: {deny: "s.secret"}}')
    return withServer(users(''), async server => {
      const talk = await dialClient(server.address.port, { user: 'b', pass: 'x' })
      const { optionsOf } = await import('../support/server.ts')
      const both = 'PUB s.secret 0\r\n\r\nPUB s.open 0\r\n\r\n'
      talk.send('SUB s.* 1\r\n')
      await talk.sync()
      server.reload(optionsOf(denying))
      talk.send(both)
      await talk.expect('MSG s.open 1 0\r\n\r\n')
      server.reload(optionsOf(users('')))
      talk.send(both)
      await talk.expect('MSG s.secret 1 0\r\n\r\nMSG s.open 1 0\r\n\r\n')
    })
  })
})
