// Conversations with a hub of the test's own: exact bytes, time held still.

import * as assert from 'uvu/assert'
import { createNKey, verifySignature } from '../../../src/account/nkey.ts'
import { FakeClock } from '../../../src/base/clock.ts'
import type { RemoteOptions } from '../../../src/link/leaf/remote.ts'
import { EdgeLeaf, type EdgeLeafOptions, type Seen, until } from '../../support/edge-leaf.ts'
import { FakeHub, hubConnectInfo, hubInfo } from '../../support/fake-hub.ts'
import { spec } from '../../support/spec.ts'

interface Talk {
  readonly hub: FakeHub
  readonly edge: EdgeLeaf
  readonly clock: FakeClock
  /** Starts, and plays the handshake to its end; what the edge told comes back. */
  open(first?: object, second?: object): Promise<string>
}

async function talk(
  remote: Partial<RemoteOptions>,
  options: EdgeLeafOptions,
  run: (all: Talk) => Promise<void>,
): Promise<void> {
  const hub = new FakeHub()
  await hub.start()
  const clock = new FakeClock()
  const edge = new EdgeLeaf([{ urls: [hub.url], ...remote }], { clock, ...options })
  const open = async (first = {}, second = {}) => {
    hub.greeting = hubInfo(first)
    edge.nodes.start()
    await hub.expect(/CONNECT \{.*\}\r\n/)
    hub.send(hubConnectInfo({ ...first, ...second }))
    await until(() => edge.nodes.leafs.size === 1)
    return hub.expect(/LS\+ \$LDS\.\w{22}\r\n/)
  }
  try {
    await run({ hub, edge, clock, open })
  } finally {
    edge.close()
    await hub.close()
  }
}

spec('leaf link', it => {
  it('introduces itself', () =>
    talk({ deny_imports: ['x.>'] }, { domain: 'edge', jetstream: true }, async ({ hub, edge }) => {
      hub.greeting = hubInfo()
      edge.nodes.start()
      const line = await hub.expect(/CONNECT \{.*\}\r\n/)
      const fields = JSON.parse(line.slice(8))
      const { server_id, ...rest } = fields
      assert.match(server_id, /^N[A-Z2-7]{55}$/)
      assert.equal(rest, {
        version: '2.10.27',
        domain: 'edge',
        name: 'edge',
        cluster: 'edge',
        headers: true,
        jetstream: true,
        deny_pub: ['x.>'],
        remote_account: '$G',
        protocol: 1,
      })
      assert.is(hub.rest, '')
    }))

  it('says user, password, token and signature', async () => {
    const key = createNKey('user')
    const cases: readonly [string, Partial<RemoteOptions>, object][] = [
      ['u:p@', {}, { user: 'u', pass: 'p' }],
      ['tok@', {}, { user: 'tok', auth_token: 'tok' }],
      ['', { nkey: key.seed }, { nkey: key.publicKey }],
      ['', { hub: true }, { is_hub: true }],
    ]
    for (const [user, remote, expected] of cases) {
      const hub = new FakeHub(hubInfo({ nonce: 'sign me' }))
      await hub.start()
      const edge = new EdgeLeaf([{ urls: [`nats-leaf://${user}127.0.0.1:${hub.port}`], ...remote }])
      try {
        edge.nodes.start()
        const fields = JSON.parse((await hub.expect(/CONNECT \{.*\}\r\n/)).slice(8))
        for (const [name, value] of Object.entries(expected)) assert.is(fields[name], value, name)
        if (remote.nkey) {
          const signature = Buffer.from(fields.sig, 'base64url')
          assert.ok(verifySignature(key.publicKey, Buffer.from('sign me'), signature))
        }
      } finally {
        edge.close()
        await hub.close()
      }
    }
  })

  it('keeps telling a queue that another link weighs anew and then leaves', async () => {
    const [below, above] = [new FakeHub(hubInfo()), new FakeHub(hubInfo())]
    await below.start()
    await above.start()
    const edge = new EdgeLeaf([{ urls: [below.url], hub: true }, { urls: [above.url] }])
    try {
      edge.nodes.start()
      for (const hub of [below, above]) {
        await hub.expect(/CONNECT \{.*\}\r\n/)
        hub.send(hubConnectInfo())
      }
      await until(() => edge.nodes.leafs.size === 2)
      edge.subscribe('q', () => undefined, 'w')
      await above.expect('LS+ q w 1\r\n')
      below.send('LS+ q w 2\r\n')
      await above.expect('LS+ q w 3\r\n')
      below.send('LS+ q w 4\r\nLS+ q w 4\r\nPING\r\n')
      await below.expect('PONG\r\n')
      below.send('LS- q w\r\nLS+ end\r\n')
      const told = await above.expect('LS+ end\r\n')
      assert.match(told, /LS\+ q w 5\r\nLS\+ q w 1\r\nLS\+ end/)
      assert.not.match(told, /LS-/)
    } finally {
      edge.close()
      await below.close()
      await above.close()
    }
  })

  it('tells its interest once the second INFO came, then every change', () =>
    talk({}, {}, async ({ hub, edge, open }) => {
      edge.subscribe('a.*', () => undefined)
      edge.subscribe('a.*', () => undefined)
      edge.subscribe('q', () => undefined, 'w')
      const told = await open()
      assert.match(told, /LS\+ a\.\*\r\n/)
      assert.match(told, /LS\+ q w 1\r\n/)
      const b = edge.subscribe('b', () => undefined)
      await hub.expect('LS+ b\r\n')
      const more = edge.subscribe('b', () => undefined)
      const w = edge.subscribe('q', () => undefined, 'w')
      await hub.expect('LS+ q w 2\r\n')
      edge.account().unsubscribe(w)
      await hub.expect('LS+ q w 1\r\n')
      edge.account().unsubscribe(b)
      edge.account().unsubscribe(more)
      await hub.expect('LS- b\r\n')
      assert.is(hub.rest, '')
    }))

  it('does not wait for a second INFO that an old hub will not send', () =>
    talk({}, {}, async ({ hub, edge }) => {
      hub.greeting = hubInfo({ info_on_connect: undefined })
      edge.nodes.start()
      await hub.expect(/LS\+ \$LDS\.\w{22}\r\n/)
      assert.is(edge.nodes.leafs.size, 1)
    }))

  it('writes every form of message', () =>
    talk({}, {}, async ({ hub, edge, open }) => {
      await open()
      hub.send('LS+ p\r\nLS+ q w1 1\r\nLS+ q w2 1\r\nLS+ both\r\nLS+ both g 3\r\n')
      await until(() => edge.account().sublist.match('both').groups.length > 0)
      edge.publish('p', 'hello')
      edge.publish('p', 'hi', { reply: 'r' })
      edge.publish('p', 'x', { headers: 'NATS/1.0\r\n\r\n' })
      edge.publish('p', 'x', { headers: 'NATS/1.0\r\n\r\n', reply: 'r' })
      edge.publish('q', '1')
      edge.publish('q', '2', { reply: 'r', headers: 'NATS/1.0\r\n\r\n' })
      edge.publish('both', '')
      edge.publish('stored', 's', { target: 'p', reply: '$JS.ACK.S.C.1.1.1.1.0' })
      edge.publish('p', 'end')
      const text = await hub.expect('LMSG p 3\r\nend\r\n')
      const lines = [
        'LMSG p 5\r\nhello\r\n',
        'LMSG p r 2\r\nhi\r\n',
        'HMSG p 12 13\r\nNATS/1.0\r\n\r\nx\r\n',
        'HMSG p r 12 13\r\nNATS/1.0\r\n\r\nx\r\n',
        'LMSG q | w1 w2 1\r\n1\r\n',
        'HMSG q + r w1 w2 12 13\r\nNATS/1.0\r\n\r\n2\r\n',
        'LMSG both | g 0\r\n\r\n',
        'LMSG p $JS.ACK.S.C.1.1.1.1.0@stored 1\r\ns\r\n',
        'LMSG p 3\r\nend\r\n',
      ]
      assert.is(text.replace('| w2 w1', '| w1 w2').replace('r w2 w1', 'r w1 w2'), lines.join(''))
    }))

  it('strips headers for a hub that has none', () =>
    talk({}, {}, async ({ hub, edge, open }) => {
      await open({ headers: false })
      hub.send('LS+ p\r\n')
      await until(() => edge.account().sublist.match('p').plain.length > 0)
      edge.publish('p', 'x', { headers: 'NATS/1.0\r\nA: 1\r\n\r\n' })
      assert.is(await hub.expect('x\r\n'), 'LMSG p 1\r\nx\r\n')
    }))

  it('gives a queue group only what was chosen for it', () =>
    talk({}, {}, async ({ hub, edge, open }) => {
      const seen: string[] = []
      const note = (name: string) => (m: Seen) => seen.push(`${name} ${m.payload} ${m.reply}`)
      edge.subscribe('q', note('plain'))
      edge.subscribe('q', note('w1'), 'w1')
      edge.subscribe('q', note('w2'), 'w2')
      await open()
      hub.send('LMSG q 1\r\na\r\nLMSG q | w1 1\r\nb\r\nLMSG q + r w1 w2 1\r\nc\r\n')
      await until(() => seen.length === 6)
      assert.equal(seen.slice(0, 1), ['plain a '])
      assert.equal(seen.slice(1, 3), ['plain b ', 'w1 b '])
      assert.equal(seen.slice(3).sort(), ['plain c r', 'w1 c r', 'w2 c r'])
    }))

  it('restores the stored subject of a JetStream delivery', () =>
    talk({}, {}, async ({ hub, edge, open }) => {
      const seen: Seen[] = []
      edge.subscribe('inbox', m => seen.push(m))
      await open()
      const ack = '$JS.ACK.S@1.C.1.1.1.1.0'
      for (const reply of [`${ack}@a.b@c`, `${ack}@`, ack, 'x@y', '$JS.ACK.S@1.C.1@z']) {
        hub.send(`LMSG inbox ${reply} 1\r\nx\r\n`)
      }
      await until(() => seen.length === 5)
      assert.equal(
        seen.map(m => `${m.subject} ${m.reply}`),
        [`a.b@c ${ack}`, `inbox ${ack}@`, `inbox ${ack}`, 'inbox x@y', 'inbox $JS.ACK.S@1.C.1@z'],
      )
    }))

  it('tells what a later INFO allows and takes back what it forbids', () =>
    talk({}, {}, async ({ hub, edge, open }) => {
      edge.subscribe('a', () => undefined)
      edge.subscribe('b', () => undefined)
      const told = await open({}, { import: { allow: ['a'] }, export: { deny: ['secret'] } })
      assert.match(told, /LS\+ a\r\n/)
      assert.not.match(told, /LS\+ b\r\n/)
      hub.send('LS+ >\r\n')
      await until(() => edge.account().sublist.match('x').plain.length > 0)
      edge.publish('secret', 'no')
      edge.publish('open', 'yes')
      assert.is(await hub.expect('yes\r\n'), 'LMSG open 3\r\nyes\r\n')
      hub.send(hubInfo({ import: { allow: ['b'] }, export: {} }))
      const changed = await hub.expect('LS+ b\r\n')
      assert.is(changed, 'LS- a\r\nLS+ b\r\n')
      edge.publish('secret', 'now')
      await hub.expect('LMSG secret 3\r\nnow\r\n')
    }))

  it('counts nobody where nothing may leave, so that requests fail at once', () =>
    talk(
      { deny_exports: ['mine.>', 'literal'] },
      { domain: 'edge', jetstream: true },
      async ({ hub, edge, open }) => {
        await open({ domain: 'hub' }, { export: { allow: ['up.>', '$JS.>', 'mine.>', 'all.*'] } })
        for (const subject of [
          ...['$JS.API.>', '$JS.edge.API.>', '$JS.edge.API.INFO', 'mine.*', 'literal', 'not.>'],
          ...['$JS.hub.API.>', 'up.a', '*.b', '$LDS.x'],
        ]) {
          hub.send(`LS+ ${subject}\r\n`)
        }
        hub.send('PING\r\n')
        await hub.expect('PONG\r\n')
        assert.equal(edge.nodes.view()[0]?.subjects, ['$JS.hub.API.>', 'up.a', '*.b', '$LDS.x'])
        assert.is(edge.publish('$JS.API.INFO', '', { reply: 'r' }), 0)
        assert.is(edge.publish('$JS.hub.API.INFO', '', { reply: 'r' }), 1)
      },
    ))

  it('answers PING and measures the round trip', () =>
    talk({}, {}, async ({ hub, edge, clock, open }) => {
      await open()
      hub.send('PING\r\n')
      await hub.expect('PONG\r\n')
      clock.advance(1000)
      await hub.expect('PING\r\n')
      clock.advance(250)
      hub.send('PONG\r\nPING\r\n')
      await hub.expect('PONG\r\n')
      assert.is(edge.nodes.view()[0]?.rttMs, 250)
    }))

  it('closes at garbage, and says so', () =>
    talk({}, {}, async ({ hub, edge, open }) => {
      await open()
      hub.send('GET / HTTP/1.1\r\n')
      await hub.expect("-ERR 'Unknown Protocol Operation'\r\n")
      await edge.logged(/Leafnode connection closed: Protocol Violation - Remote: hub$/)
      assert.is(edge.nodes.leafs.size, 0)
    }))

  it('drops its subscriptions with the connection', () =>
    talk({}, {}, async ({ hub, edge, open }) => {
      await open()
      hub.send('LS+ a\r\nLS+ b q 2\r\n')
      await until(() => edge.account().sublist.count === 2)
      hub.hangUp()
      await until(() => edge.account().sublist.count === 0)
      assert.is(edge.publish('a', 'x'), 0)
    }))
})
