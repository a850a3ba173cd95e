// Servers of a cluster that break the rules, or do not keep up: they are cut off alone, and
// everybody else goes on (invariants 3 and 4). And what an operator changes while routes stand.

import * as assert from 'uvu/assert'
import { until } from '../../support/edge-leaf.ts'
import { fuzz, mutated, type Random } from '../../support/fuzz.ts'
import { type RouteDoor, startRouteDoor } from '../../support/route-door.ts'
import { optionsOf } from '../../support/server.ts'
import { spec } from '../../support/spec.ts'
import { dial, dialClient, type Talk } from '../../support/talk.ts'
import { ends, greeted, greeting, hearsNot, joined, past, settled } from '../../talk/route-peers.ts'

const cluster = (inside = '') => `cluster { name: C, listen: "127.0.0.1:-1"\n${inside} }\n`

async function withDoor(text: string, run: (door: RouteDoor) => Promise<void>): Promise<void> {
  const door = await startRouteDoor(text)
  try {
    await run(door)
  } finally {
    door.close()
  }
}

/** Local clients are served. */
async function works(client: Talk): Promise<void> {
  client.send('SUB local 77\r\nPUB local 2\r\nok\r\nUNSUB 77\r\n')
  await client.expect(/^(?:PING\r\n|INFO [^\n]*\r\n)*MSG local 77 2\r\nok\r\n/)
}

function reload({ room }: RouteDoor, inside: string): void {
  const { cluster: options } = optionsOf(cluster(inside))
  if (options === null) throw new Error('no cluster')
  room.reload(options)
}

function line(random: Random): string {
  const word = () => random.pick(['$G', 'a', 'a.>', '*', 'q', '0', '1', '-1', '9999999999', 'a..b'])
  const words = Array.from({ length: random.below(6) }, word).join(' ')
  const verb = random.pick(['RS+', 'RS-', 'LS+', 'LS-', 'RMSG', 'HMSG', 'LMSG', 'INFO', 'CONNECT'])
  const json = random.pick(['{}', '[]', '{"server_id":"x","ip":"a"}', 'null', '{"cluster":1}'])
  return random.pick([`${verb} ${words}\r\n`, `${verb} ${json}\r\n`, 'PING\r\n', 'x\r\n'])
}

spec('routes and hostile peers', it => {
  it('cut off a peer that does not read, and deliver locally all the while', () =>
    withDoor(`max_pending: 1MB\n${cluster()}`, async door => {
      const slow = await joined(door.route)
      slow.send('RS+ $G flood\r\n')
      await settled(slow)
      slow.pause()
      const client = await dialClient(door.client)
      const body = 'x'.repeat(65_536)
      client.send('SUB flood 1\r\n')
      for (let sent = 0; sent < 400 && door.room.routes.joined.size > 0; sent++) {
        client.send(`PUB flood ${body.length}\r\n${body}\r\n`)
        await client.expect(/^(?:PING\r\n)*MSG flood 1 65536\r\nx{65536}\r\n/)
      }
      assert.is(door.room.routes.joined.size, 0)
      assert.is(door.room.routes.totals.slowConsumers, 1)
      await works(client)
      slow.close()
      client.close()
    }))

  it('take as many subscriptions as they may, and forget them all after one too many', () =>
    withDoor(`max_subscriptions: 100\n${cluster()}`, async door => {
      const talk = await joined(door.route)
      const many = Array.from({ length: 100 }, (_, at) => `RS+ $G s.${at}\r\n`).join('')
      talk.send(many)
      await settled(talk)
      const account = door.server.accounts.get('$G')
      const [route] = door.room.routes.view()
      assert.is(route?.subscriptions.size, 100)
      // The same again is not more.
      talk.send(many)
      await settled(talk)
      talk.send('RS- $G s.1\r\nRS+ $G again\r\n')
      await settled(talk)
      talk.send('RS+ $G more\r\n')
      await ends(talk, "-ERR 'maximum subscriptions exceeded'\r\n")
      assert.is([...(account?.sublist ?? [])].filter(one => one.subject.startsWith('s.')).length, 0)
    }))

  it('end with a line over the limit, not with one at it', () =>
    withDoor(cluster(), async door => {
      const talk = await joined(door.route)
      const account = (length: number) => `RS+ ${'x'.repeat(length - 'RS+  y'.length)} y\r\n`
      talk.send(account(65_536))
      await settled(talk)
      talk.send(account(65_537))
      await ends(talk, "-ERR 'maximum control line exceeded'\r\n")
      const endless = await joined(door.route)
      endless.send('x'.repeat(100_000))
      await ends(endless)
      const before = await dial(door.route)
      await before.info()
      before.send('x'.repeat(100_000))
      await ends(before)
    }))

  it('make room again for servers when strangers have gone', () =>
    withDoor(cluster('authorization { timeout: 30 }'), async door => {
      const strangers = await Promise.all(Array.from({ length: 256 }, () => dial(door.route)))
      for (const one of strangers) await one.info()
      const turnedAway = await dial(door.route)
      await turnedAway.expectEnd()
      strangers[0]?.close()
      await until(() => door.room.routes.hasRoom(), 2000)
      const talk = await joined(door.route)
      for (const one of [...strangers, talk]) one.close()
    }))

  it('outlive any lines whatever', () =>
    withDoor(cluster(), async door => {
      const client = await dialClient(door.client)
      const heard: Buffer[] = []
      fuzz(random => {
        if (heard.length >= 300) return
        const text = Array.from({ length: 5 }, () => line(random)).join('')
        heard.push(mutated(Buffer.from(text), random))
      })
      for (const [at, bytes] of heard.entries()) {
        const talk = await dial(door.route)
        await talk.info()
        if (at % 4 > 0) talk.send(greeting({ name: `NX${at}` }))
        const info = {
          server_id: `NX${at}`,
          server_name: `x${at}`,
          cluster: 'C',
          host: 'x',
          port: 0,
        }
        if (at % 4 > 1) talk.send(`INFO ${JSON.stringify(info)}\r\n`)
        talk.send(bytes)
        talk.end()
        await until(() => talk.ended, 2000)
      }
      await works(client)
      const good = await joined(door.route)
      for (const one of [client, good]) one.close()
      assert.is([...(door.server.accounts.get('$G')?.sublist ?? [])].length < 3, true)
    }))

  it('say goodbye in lame-duck mode, and take nobody any more', () =>
    withDoor(cluster(), async door => {
      const talk = await joined(door.route)
      door.room.lameDuck()
      await past(talk, /INFO [^\n]*"ldm":true[^\n]*\r\n/)
      const refused = await dial(door.route).catch((error: NodeJS.ErrnoException) => error.code)
      assert.is(refused, 'ECONNREFUSED')
      await settled(talk)
      talk.close()
    }))

  it('ask and answer anew when a reload changes what may cross', () =>
    withDoor(cluster(), async door => {
      const client = await dialClient(door.client)
      client.send('SUB in.a 1\r\nSUB else 2\r\n')
      await client.sync()
      const talk = await joined(door.route)
      talk.send('RS+ $G out.a\r\nRS+ $G away\r\n')
      await settled(talk)
      reload(door, 'permissions { import: ["in.>"], export: ["out.>"] }')
      const told = await past(talk, /INFO [^\n]*\r\n/)
      assert.match(told, '"import":{"allow":["in.>"]}')
      talk.send('PING\r\n')
      const lines = await past(talk, 'PONG\r\n')
      assert.match(lines, 'RS+ $G in.a\r\n')
      assert.match(lines, 'RS- $G else\r\n')
      client.send('PUB away 1\r\nx\r\nPUB out.a 1\r\ny\r\n')
      await past(talk, 'RMSG $G out.a 1\r\ny\r\n')
      talk.send('RMSG $G else 1\r\nx\r\nRMSG $G in.a 1\r\ny\r\n')
      await client.expect(/^(?:PING\r\n)*MSG in\.a 1 1\r\ny\r\n/)
      reload(door, '')
      await past(talk, /INFO [^\n]*\r\n/)
      talk.send('PING\r\n')
      assert.match(await past(talk, 'PONG\r\n'), 'RS+ $G else\r\n')
      client.close()
      talk.close()
    }))

  it('follow a reload of the urls: dial those that are new, leave those that are gone', () =>
    withDoor(cluster(), async door => {
      const other = await startRouteDoor(cluster())
      try {
        reload(door, `routes: ["nats-route://127.0.0.1:${other.route}"]`)
        await until(() => other.room.routes.joined.size === 1, 3000)
        await until(() => door.room.routes.joined.size === 1, 3000)
        reload(door, '')
        await until(() => door.room.routes.joined.size === 0, 3000)
      } finally {
        other.close()
      }
    }))

  it('tell clients of other servers, or not, as a reload has it', () =>
    withDoor(cluster(), async door => {
      const client = await dialClient(door.client, { protocol: 1 })
      const talk = await joined(door.route, { connect_urls: ['10.0.0.9:4222'] })
      await client.expect(/^(?:INFO [^\n]*\r\n)*?INFO [^\n]*10\.0\.0\.9[^\n]*\r\n/)
      reload(door, 'no_advertise: true')
      const hidden = await client.info()
      assert.is(hidden.connect_urls, undefined)
      reload(door, '')
      const shown = await client.info()
      assert.equal(shown.connect_urls, [`127.0.0.1:${door.client}`, '10.0.0.9:4222'])
      await hearsNot(talk, /ERR/)
      client.close()
      talk.close()
    }))

  it('greet nobody twice: a second CONNECT and a second INFO change nothing', () =>
    withDoor(cluster(), async door => {
      const { talk } = await greeted(door.route, { server_id: 'NTWICE' })
      await settled(talk)
      talk.send(greeting({ name: 'NTWICE', cluster: 'other' }))
      talk.send('INFO {"server_id":"NTWICE","cluster":"C","server_name":"other"}\r\n')
      await settled(talk)
      assert.is(door.room.routes.joined.size, 1)
      talk.close()
    }))
})
