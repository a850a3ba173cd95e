// Leaf nodes that come: hostile, slow and too many ones, TLS, and what a reload does to them.

import { connect, type Socket } from 'node:net'
import { randomBytes } from 'node:crypto'
import * as assert from 'uvu/assert'
import { newSubscription, post } from '../../../src/broker/post.ts'
import type { LocalSink, Origin } from '../../../src/message.ts'
import { newCertificates } from '../../support/certificates.ts'
import { EdgeLeaf, until } from '../../support/edge-leaf.ts'
import { join, openDoor, settle } from '../../support/leaf-door.ts'
import { optionsOf } from '../../support/server.ts'
import { spec } from '../../support/spec.ts'
import { dial, type Talk } from '../../support/talk.ts'

const local: Origin = { kind: 'client', sink: null, echo: true, permissions: null }
const ignoring: LocalSink = { remote: false, deliver: () => undefined }

spec('leaf door', it => {
  it('survives garbage of every kind, and others do not notice', async () => {
    const door = await openDoor()
    try {
      const good = await join(door.port, 'good')
      await settle(good)
      const rubbish = [
        randomBytes(3000),
        'CONNECT {\r\n',
        'CONNECT []\r\n',
        'CONNECT {"user":5}\r\n',
        `CONNECT ${'x'.repeat(70_000)}`,
        'INFO {"compression":"s2_fast"}\r\n',
        'INFO {\r\n',
        '\0\0\0\0\r\n',
        'CONNECT {"name":"a","deny_pub":[1,2]}\r\nCONNECT {}\r\n',
      ]
      for (const bytes of rubbish) {
        const talk = await dial(door.port)
        await talk.info()
        talk.send(bytes)
        await until(() => talk.ended)
      }
      const after = ['LS+ a b c d\r\n', 'LMSG\r\n', 'LMSG x 9999999999999\r\n', 'HMSG x 9 1\r\n']
      for (const bytes of [...after, `LS+ ${'y'.repeat(70_000)}\r\n`, randomBytes(500)]) {
        const talk = await join(door.port, 'bad')
        talk.send(bytes)
        talk.send('\r\n')
        await until(() => talk.ended)
      }
      good.send('LS+ still\r\n')
      await settle(good)
      post(door.server.account('$G'), local, { subject: 'still' })
      await good.expect('LMSG still 0\r\n\r\n')
      assert.is(door.room.nodes.leafs.size, 1)
      assert.is(door.server.account('$G').leafs, 1)
      assert.is(door.server.account('$G').sublist.count, 1)
    } finally {
      door.close()
    }
  })

  it('takes so many subjects from one spoke, and says so for the rest', async () => {
    const door = await openDoor('', 'max_subscriptions: 100')
    try {
      const talk = await join(door.port, 'flood')
      await settle(talk)
      const flood = Array.from({ length: 5000 }, (_, i) => `LS+ s.${i}\r\n`).join('')
      talk.send(flood)
      await settle(talk)
      const { sublist } = door.server.account('$G')
      assert.is(sublist.count, 100)
      const told = door.lines.filter(line => line.includes('maximum subscriptions exceeded'))
      assert.is(told.length, 1)
      talk.send('LS- s.5\r\nLS+ other\r\n')
      await settle(talk)
      assert.is(sublist.match('other').plain.length, 1)
      talk.close()
      await until(() => sublist.count === 0)
    } finally {
      door.close()
    }
  })

  it('cuts off a spoke that takes nothing, and it alone', async () => {
    const door = await openDoor('', 'max_pending: 2MB\nmax_payload: 1MB')
    try {
      const slow = await join(door.port, 'slow')
      const quick = await join(door.port, 'quick')
      for (const talk of [slow, quick]) {
        talk.send('LS+ data\r\n')
        await settle(talk)
      }
      slow.pause()
      const payload = Buffer.alloc(100_000, 'x')
      let sent = 0
      await until(() => {
        post(door.server.account('$G'), local, { subject: 'data', payload })
        sent++
        return door.room.nodes.leafs.size === 1
      })
      await until(() => quick.pending.length >= sent * payload.length)
      assert.is(door.room.nodes.totals.slowConsumers, 1)
      assert.ok(door.lines.some(line => line.includes('Slow Consumer (Pending Bytes)')))
    } finally {
      door.close()
    }
  })

  it('closes at write_deadline where write_timeout says so', async () => {
    const door = await openDoor('write_deadline: "200ms", write_timeout: close')
    try {
      const talk = await join(door.port, 'slow')
      talk.send('LS+ data\r\n')
      await settle(talk)
      talk.pause()
      const payload = Buffer.alloc(1_000_000, 'x')
      for (let i = 0; i < 20; i++)
        post(door.server.account('$G'), local, { subject: 'data', payload })
      await until(() => door.room.nodes.leafs.size === 0)
      assert.ok(door.lines.some(line => line.includes('Slow Consumer (Write Deadline)')))
    } finally {
      door.close()
    }
  })

  it('tells a long list of interest no faster than it is taken', async () => {
    const door = await openDoor()
    try {
      const account = door.server.account('$G')
      const count = 100_000
      const all = Array.from({ length: count }, (_, i) =>
        newSubscription(`a.long.enough.subject.to.fill.what.the.kernel.holds.${i}`, ignoring),
      )
      for (const subscription of all) account.subscribe(subscription)
      const talk = await dial(door.port)
      await talk.info()
      talk.pause()
      talk.send('CONNECT {"name":"s"}\r\n')
      await until(() => door.room.nodes.leafs.size === 1)
      const [leaf] = door.room.nodes.leafs.values()
      assert.ok((leaf?.pendingBytes ?? 0) < 600_000, `${leaf?.pendingBytes}`)
      // What goes before it was told is not told; what comes is told in its turn.
      account.unsubscribe(all[count - 1] as (typeof all)[0])
      account.subscribe(newSubscription('late', ignoring))
      talk.resume()
      await until(() => talk.pending.includes('LS+ late\r\n'))
      assert.is(talk.pending.split('LS+ a.').length - 1, count - 1)
      assert.not.ok(talk.pending.includes('LS- '))
    } finally {
      door.close()
    }
  })

  it('lets only so many wait for their CONNECT', async () => {
    const door = await openDoor()
    const sockets: Socket[] = []
    try {
      let refused = 0
      for (let i = 0; i < 1100; i++) {
        const socket = connect(door.port, '127.0.0.1')
        socket.on('error', () => undefined)
        socket.on('close', () => refused++)
        sockets.push(socket)
        if (i % 100 === 99) await new Promise(resolve => setImmediate(resolve))
      }
      await until(() => refused === 1100 - 1024)
    } finally {
      for (const socket of sockets) socket.destroy()
      door.close()
    }
  })

  it('asks for TLS, and for a certificate where it verifies', async () => {
    const { ca, serverCert, serverKey, clientCert, clientKey } = newCertificates()
    const door = await openDoor(
      `tls { cert_file: "${serverCert}", key_file: "${serverKey}", ca_file: "${ca}", verify: true }`,
    )
    const tls = {
      ca_file: ca,
      min_version: '1.2',
      timeout: 2000,
      insecure: false,
      handshake_first: false,
    }
    const url = `nats-leaf://localhost:${door.port}`
    const known = { ...tls, cert_file: clientCert, key_file: clientKey }
    const unknown = { ...tls, cert_file: null, key_file: null }
    const edge = new EdgeLeaf([{ urls: [url], tls: known as never }])
    const stranger = new EdgeLeaf([{ urls: [url], tls: unknown as never }], { name: 'other' })
    try {
      await edge.start()
      stranger.nodes.start()
      const got: string[] = []
      edge.subscribe('secret', message => got.push(message.subject))
      await until(() => door.server.account('$G').sublist.match('secret').plain.length === 1)
      post(door.server.account('$G'), local, { subject: 'secret' })
      await until(() => got.length === 1)
      await until(() => door.lines.some(line => line.includes('TLS handshake error')))
      assert.is(door.room.nodes.leafs.size, 1)
    } finally {
      edge.close()
      stranger.close()
      door.close()
    }
  })

  it('sends away whose user a reload took, and makes come again whose rights changed', async () => {
    const users = (list: string) => `accounts { A { users: [ ${list} ] } }`
    const one = '{ user: one, password: p }'
    const two = '{ user: two, password: p }'
    const three = (subject: string) =>
      `{ user: three, password: p, permissions { publish: "${subject}" } }`
    const door = await openDoor('', users(`${one}, ${two}, ${three('a')}`))
    try {
      const spokes: Talk[] = []
      for (const user of ['one', 'two', 'three']) {
        spokes.push(await join(door.port, user, { user, pass: 'p' }))
      }
      const options = optionsOf(
        `leafnodes { listen: "127.0.0.1:-1" }\n${users(`${one}, ${three('b')}`)}`,
      )
      door.server.reload(options)
      door.room.reload(options.leafnodes)
      await until(() => spokes[1]?.ended === true && spokes[2]?.ended === true)
      assert.match(spokes[1]?.pending ?? '', "-ERR 'Authorization Violation'")
      await settle(spokes[0] as Talk)
    } finally {
      door.close()
    }
  })

  it('does not ask a callout service again who was let in, as clients are not', async () => {
    const door = await openDoor('', 'authorization { user: a, password: pw }')
    let asked = 0
    const admitted = { user: 'a', account: '$G', permissions: null, isDelegated: true } as const
    const callout = { decide: async () => (asked++ === 0 ? admitted : null) }
    door.server.authorization = { ...door.server.authorization, callout }
    try {
      const spoke = await join(door.port, 'spoke')
      await settle(spoke)
      door.room.reload(door.server.options.leafnodes)
      await settle(spoke)
      assert.is(asked, 1)
      spoke.close()
    } finally {
      door.close()
    }
  })

  it('dials what a reload brings, hangs up what it takes, leaves the rest', async () => {
    const first = await openDoor()
    const second = await openDoor()
    const remote = (port: number, more = '') =>
      `{ url: "nats-leaf://127.0.0.1:${port}" ${more && `, ${more}`} }`
    const leafnodes = (...remotes: string[]) =>
      optionsOf(`leafnodes { remotes: [ ${remotes.join(', ')} ] }`).leafnodes
    const edge = await openDoor('', '')
    try {
      const count = (door: typeof first) => door.room.nodes.leafs.size
      edge.room.reload(leafnodes(remote(first.port)))
      await until(() => count(first) === 1)
      const [kept] = first.room.nodes.leafs.keys()
      edge.room.reload(leafnodes(remote(first.port), remote(second.port)))
      await until(() => count(second) === 1)
      assert.is([...first.room.nodes.leafs.keys()][0], kept)
      edge.room.reload(leafnodes(remote(first.port), remote(second.port, 'disabled: true')))
      await until(() => count(second) === 0)
      assert.is(edge.room.nodes.remoteCount, 1)
      edge.room.reload(leafnodes(remote(second.port)))
      await until(() => count(second) === 1 && count(first) === 0)
      assert.is(edge.server.account('$G').leafs, 1)
    } finally {
      edge.close()
      first.close()
      second.close()
    }
  })

  it('learns no other addresses where it should not', async () => {
    const door = await openDoor('advertise: "192.0.2.1:7422"')
    try {
      const talk = await dial(door.port)
      assert.equal((await talk.info()).leafnode_urls, ['192.0.2.1:7422'])
      const edge = new EdgeLeaf([
        { urls: [`nats-leaf://127.0.0.1:${door.port}`], ignore_discovered_servers: true },
      ])
      await edge.start()
      door.close()
      const text =
        /Error trying to connect as leafnode to remote server "127\.0\.0\.1:\d+" \(attempt 2\)/
      await edge.logged(text)
      assert.not.ok(edge.lines.some(line => line.includes('192.0.2.1')))
      edge.close()
    } finally {
      door.close()
    }
  })

  it('tells spokes of the other members of its cluster', async () => {
    const door = await openDoor()
    try {
      assert.is(door.room.url, `127.0.0.1:${door.port}`)
      const talk = await join(door.port, 'spoke')
      await settle(talk)
      door.room.setOtherUrls(['192.0.2.2:7422'])
      const { leafnode_urls, nonce, connect_info } = await talk.info()
      assert.equal(leafnode_urls, [door.room.url, '192.0.2.2:7422'])
      assert.is(nonce, undefined)
      assert.is(connect_info, undefined)
      door.room.setOtherUrls(['192.0.2.2:7422'])
      await settle(talk)
    } finally {
      door.close()
    }
  })

  it('traces lines, without secrets', async () => {
    const door = await openDoor('', 'max_traced_msg_len: 3', true)
    try {
      const talk = await join(door.port, 'spoke', { user: 'u', pass: 's3cret' })
      talk.send('LS+ a q 2\r\nLS+ b\r\nLS- b\r\nLMSG c | q 5\r\nhello\r\n')
      await settle(talk)
      post(door.server.account('$G'), local, { subject: 'a', payload: Buffer.from('x') })
      await talk.expect('LMSG a | q 1\r\nx\r\n')
      const texts = door.lines.join('\n')
      for (const text of [
        'lid:5 - <<- [LS+ a q 2]',
        'lid:5 - <<- [LS- b]',
        'lid:5 - <<- [LMSG c | q 5]',
        'lid:5 - <<- MSG_PAYLOAD: ["hel..."]',
        'lid:5 - ->> [PONG]',
        'lid:5 - ->> [LMSG a | q 1]',
        '"pass":"[REDACTED]"',
      ]) {
        assert.ok(texts.includes(text), text)
      }
      assert.not.match(texts, 's3cret')
    } finally {
      door.close()
    }
  })
})
