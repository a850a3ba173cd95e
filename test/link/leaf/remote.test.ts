// Dialling for ever: pauses, several urls, dead and slow hubs, and the end of it all.

import * as assert from 'uvu/assert'
import { FakeClock } from '../../../src/base/clock.ts'
import { tlsDefaults } from '../../../src/link/leaf/dial.ts'
import { isRemoteUrl, isWebSocketUrl } from '../../../src/link/leaf/url.ts'
import { newCertificates } from '../../support/certificates.ts'
import { EdgeLeaf, until } from '../../support/edge-leaf.ts'
import { FakeHub, hubConnectInfo, hubInfo } from '../../support/fake-hub.ts'
import { freePort } from '../../support/ports.ts'
import { spec } from '../../support/spec.ts'

async function opened(hub: FakeHub, edge: EdgeLeaf, more: object = {}): Promise<void> {
  await hub.expect(/CONNECT \{.*\}\r\n/)
  hub.send(hubConnectInfo(more))
  await hub.expect(/LS\+ \$LDS\.\w{22}\r\n/)
  await until(() => edge.nodes.leafs.size === 1)
}

function errors(edge: EdgeLeaf): string[] {
  return edge.lines.filter(line => line.startsWith('[ERR]'))
}

spec('leaf remote', it => {
  it('goes on dialling a hub that is not there, with growing pauses up to a limit', async () => {
    const port = await freePort()
    const clock = new FakeClock()
    const edge = new EdgeLeaf([{ urls: [`nats-leaf://127.0.0.1:${port}`] }], {
      clock,
      reconnectMs: 1000,
    })
    const attempts = () => edge.lines.filter(line => line.includes('(attempt ')).length
    const pauses: number[] = []
    try {
      edge.nodes.start()
      for (let n = 1; n <= 12; n++) {
        await until(() => attempts() === n)
        const before = clock.monotonicMs()
        while (edge.lines.filter(line => line.includes('Trying to connect')).length === n) {
          clock.advance(100)
        }
        pauses.push(clock.monotonicMs() - before)
      }
      for (const [n, ms] of pauses.entries()) {
        const full = Math.min(30_000, 1000 * 2 ** n)
        assert.ok(ms >= full / 2 && ms <= full + 600, `pause ${n}: ${ms}`)
      }
      assert.is(
        edge.lines.find(line => line.includes('attempt 1)')),
        `[ERR] Error trying to connect as leafnode to remote server "127.0.0.1:${port}" ` +
          `(attempt 1): dial tcp 127.0.0.1:${port}: connect: connection refused`,
      )
      assert.is(errors(edge).length, 1, 'the first failure is reported, the next 3599 are not')
    } finally {
      edge.close()
    }
  })

  it('tries the urls in order when told so, the next one at once', async () => {
    const dead = await freePort()
    const hub = new FakeHub(hubInfo())
    await hub.start()
    const urls = [`nats-leaf://127.0.0.1:${dead}`, hub.url]
    const edge = new EdgeLeaf([{ urls, no_randomize: true }], { clock: new FakeClock() })
    try {
      edge.nodes.start()
      await opened(hub, edge)
      const tried = edge.lines.filter(line => line.includes('Trying to connect'))
      assert.match(tried[0] ?? '', `"127.0.0.1:${dead}"`)
      assert.match(tried[1] ?? '', `"127.0.0.1:${hub.port}"`)
    } finally {
      edge.close()
      await hub.close()
    }
  })

  it('finds another member of the cluster through INFO', async () => {
    const hub = new FakeHub()
    const other = new FakeHub(hubInfo({ server_name: 'other' }))
    await other.start()
    await hub.start()
    hub.greeting = hubInfo({ leafnode_urls: [`127.0.0.1:${hub.port}`, `127.0.0.1:${other.port}`] })
    const url = `nats-leaf://u:p@127.0.0.1:${hub.port}`
    const edge = new EdgeLeaf([{ urls: [url] }], { reconnectMs: 1 })
    try {
      edge.nodes.start()
      await hub.expect(/CONNECT \{.*\}\r\n/)
      await hub.close()
      const connect = await other.expect(/CONNECT \{.*\}\r\n/)
      assert.match(connect, /"user":"u","pass":"p"/)
    } finally {
      edge.close()
      await other.close()
      await hub.close()
    }
  })

  it('passes over urls of the hub that are none', async () => {
    const leafnode_urls = [
      'not a:url',
      '::',
      'u:p%ss@h',
      'u%2:5@h',
      'ws://h:1',
      '',
      '127.0.0.1:99999',
    ]
    const hub = new FakeHub(hubInfo({ leafnode_urls }))
    await hub.start()
    const edge = new EdgeLeaf([{ urls: [hub.url] }])
    try {
      edge.nodes.start()
      await opened(hub, edge, { leafnode_urls })
      for (const url of leafnode_urls) assert.not.ok(isRemoteUrl(url) && !isWebSocketUrl(url), url)
      assert.ok(isRemoteUrl('u:p%25ss@h'))
    } finally {
      edge.close()
      await hub.close()
    }
  })

  it('fails a dial whose TLS files do not fit together, and dials again', async () => {
    const { clientCert: cert_file, serverKey: key_file } = newCertificates()
    const hub = new FakeHub(hubInfo({ tls_required: true }))
    await hub.start()
    const tls = { ...tlsDefaults, cert_file, key_file }
    const edge = new EdgeLeaf([{ urls: [hub.url], tls }], { reconnectMs: 1 })
    try {
      edge.nodes.start()
      await edge.logged(/attempt 2\): TLS files: .*private key does not match public key/)
    } finally {
      edge.close()
      await hub.close()
    }
  })

  it('waits long after errors that would come again', async () => {
    const cases: readonly [string, number][] = [
      ['Loop detected for leafnode account="$G". Delaying attempt to reconnect for 30s', 30_000],
      ['Permissions Violation for Publish to "x"', 30_000],
      ['Duplicate Remote LeafNode Connection', 30_000],
      ['remote leafnode has same cluster name', 30_000],
      ['connection rejected since minimum version required is "2.11.0"', 5000],
    ]
    for (const [text, delayMs] of cases) {
      const hub = new FakeHub(hubInfo())
      await hub.start()
      const clock = new FakeClock()
      const edge = new EdgeLeaf([{ urls: [hub.url] }], { clock, reconnectMs: 100 })
      try {
        edge.nodes.start()
        await opened(hub, edge)
        hub.send(`-ERR '${text}'\r\n`)
        await edge.logged(/Leafnode Error/)
        hub.hangUp()
        await edge.logged(/closed/)
        clock.advance(delayMs - 1)
        await new Promise(resolve => setImmediate(resolve))
        assert.is(hub.sockets.length, 1, text)
        clock.advance(1)
        await until(() => hub.sockets.length === 2)
      } finally {
        edge.close()
        await hub.close()
      }
    }
  })

  it('gives up a hub that says nothing, or never the second INFO', async () => {
    const hub = new FakeHub()
    await hub.start()
    const clock = new FakeClock()
    const edge = new EdgeLeaf([{ urls: [hub.url], first_info_timeout: 2000 }], { clock })
    try {
      edge.nodes.start()
      await until(() => hub.sockets.length === 1)
      await repeatedTicks(clock, 1000, () => edge.lines.some(l => l.includes('i/o timeout')))
      hub.greeting = hubInfo()
      clock.advance(1000)
      await hub.expect(/CONNECT \{.*\}\r\n/)
      clock.advance(9999)
      assert.is(hub.rest, '')
      clock.advance(1)
      await hub.expect("-ERR 'Stale Leaf Node Connection - Closing'\r\n")
      await edge.logged(/closed: Stale Connection/)
    } finally {
      edge.close()
      await hub.close()
    }
  })

  it('notices a dead socket while it sends', async () => {
    const hub = new FakeHub(hubInfo())
    await hub.start()
    const clock = new FakeClock()
    const edge = new EdgeLeaf([{ urls: [hub.url] }], { clock })
    try {
      edge.nodes.start()
      await opened(hub, edge)
      hub.send('LS+ a\r\nPING\r\n')
      await hub.expect('PONG\r\n')
      clock.advance(1000)
      hub.send('PONG\r\nPING\r\n')
      await hub.expect('PONG\r\n')
      // Idle: nothing is asked for a long while.
      clock.advance(60_000)
      assert.is(hub.rest, '')
      edge.publish('a', 'x')
      clock.advance(1000)
      await hub.expect('PING\r\n')
      clock.advance(29_000)
      assert.is(edge.nodes.leafs.size, 1)
      clock.advance(1000)
      assert.is(edge.nodes.leafs.size, 0)
      await edge.logged(/closed: Stale Connection/)
      assert.is(edge.nodes.totals.staleConnections, 1)
    } finally {
      edge.close()
      await hub.close()
    }
  })

  it('is content with any sign of life', async () => {
    const hub = new FakeHub(hubInfo())
    await hub.start()
    const clock = new FakeClock()
    const edge = new EdgeLeaf([{ urls: [hub.url] }], { clock })
    try {
      edge.nodes.start()
      await opened(hub, edge)
      hub.send('LS+ a\r\n')
      await until(() => edge.account().sublist.count === 1)
      let pings = 0
      for (let seconds = 0; seconds < 200; seconds += 20) {
        edge.publish('a', 'x')
        clock.advance(20_000)
        hub.send('PING\r\n')
        const text = await hub.expect('PONG\r\n')
        pings += text.split('PING').length - 1
      }
      assert.is(edge.nodes.leafs.size, 1)
      assert.ok(pings > 0)
    } finally {
      edge.close()
      await hub.close()
    }
  })

  it('gives up an idle hub after the unanswered pings that are allowed', async () => {
    const hub = new FakeHub(hubInfo())
    await hub.start()
    const clock = new FakeClock()
    const edge = new EdgeLeaf([{ urls: [hub.url] }], { clock })
    try {
      edge.nodes.start()
      await opened(hub, edge)
      clock.advance(1000)
      await hub.expect('PING\r\n')
      clock.advance(120_000)
      await hub.expect('PING\r\n')
      clock.advance(119_000)
      assert.is(edge.nodes.leafs.size, 1)
      clock.advance(1000)
      assert.is(edge.nodes.leafs.size, 0)
    } finally {
      edge.close()
      await hub.close()
    }
  })

  it('cuts off a hub that does not read, and local delivery goes on', async () => {
    const hub = new FakeHub(hubInfo({ max_payload: 1 << 20 }))
    await hub.start()
    const clock = new FakeClock()
    const edge = new EdgeLeaf([{ urls: [hub.url] }], { clock, pendingBytesMax: 4 << 20 })
    try {
      let local = 0
      edge.subscribe('a', () => local++)
      edge.nodes.start()
      await opened(hub, edge, { max_payload: 1 << 20 })
      hub.send('LS+ a\r\n')
      await until(() => edge.account().sublist.count === 2)
      hub.sockets[0]?.pause()
      const payload = 'x'.repeat(100_000)
      let sent = 0
      await until(() => {
        for (let i = 0; i < 10; i++, sent++) edge.publish('a', payload)
        return edge.nodes.leafs.size === 0
      })
      await edge.logged(/Slow Consumer Detected: MaxPending of 4194304 Exceeded/)
      await edge.logged(/closed: Slow Consumer \(Pending Bytes\) - Remote: hub/)
      assert.is(local, sent)
      assert.is(edge.nodes.totals.slowConsumers, 1)
      await repeatedTicks(clock, 500, () => hub.sockets.length === 2)
    } finally {
      edge.close()
      await hub.close()
    }
  })

  it('stops for good when closed, whatever it was doing', async () => {
    const hub = new FakeHub(hubInfo())
    await hub.start()
    const port = await freePort()
    const clock = new FakeClock()
    const waiting = new EdgeLeaf([{ urls: [`nats-leaf://127.0.0.1:${port}`] }], { clock })
    const linked = new EdgeLeaf([{ urls: [hub.url] }], { clock })
    const silent = new FakeHub()
    await silent.start()
    const dialling = new EdgeLeaf([{ urls: [silent.url] }], { clock })
    try {
      waiting.nodes.start()
      await waiting.logged(/attempt 1/)
      linked.nodes.start()
      await opened(hub, linked)
      dialling.nodes.start()
      await until(() => silent.sockets.length === 1)
      for (const edge of [waiting, linked, dialling]) {
        edge.close()
        edge.close()
      }
      await linked.logged(/closed: Server Shutdown/)
      const counts = () => [waiting, linked, dialling].map(edge => edge.lines.length)
      const before = counts()
      clock.advance(600_000)
      await new Promise(resolve => setTimeout(resolve, 20))
      assert.equal(counts(), before)
      assert.is(hub.sockets.length, 1)
    } finally {
      await hub.close()
      await silent.close()
    }
  })
})

async function repeatedTicks(clock: FakeClock, ms: number, isTrue: () => boolean): Promise<void> {
  await until(() => {
    if (isTrue()) return true
    clock.advance(ms)
    return false
  })
}
