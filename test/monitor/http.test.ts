// The monitoring port beside that of a real nats-server: the same requests, the same statuses,
// headers, error texts and field names.

import { connect } from 'node:net'
import * as assert from 'uvu/assert'
import { silentLog } from '../../src/base/log.ts'
import { realClock } from '../../src/base/clock.ts'
import { Monitor } from '../../src/monitor/http.ts'
import { startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'
import { dialClient } from '../support/talk.ts'
import { client, leaf, sources, subscription } from './sources.ts'

const newMonitor = (basePath = '/') =>
  new Monitor({
    host: '127.0.0.1',
    port: 0,
    basePath,
    sources: sources(
      [
        client(5, {
          options: { name: 'nm', lang: 'node', version: '9' },
          subscriptions: new Map([['1', subscription('a.>', '1', 'q')]]),
          keepalive: { rttMs: 1 },
        }),
      ],
      { leafs: () => [leaf] },
    ),
    endpoints: { '/jsz': query => ({ accounts: query.bool('accounts') }) },
    log: silentLog,
    clock: realClock,
  })

const get = async (port: number, path: string, init: RequestInit = {}) => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual', ...init })
  return { status: answer.status, headers: answer.headers, body: await answer.text() }
}

spec('monitoring port', it => {
  it('answers like a nats-server of 2.10', async () => {
    const hub = await startHub({ version: '2.10', leaf: true, monitor: true })
    const spoke = await startHub({
      version: '2.10',
      conf: `leafnodes { remotes: [ { url: "nats-leaf://127.0.0.1:${hub.leafPort}" } ] }`,
    })
    await hub.process.waitFor('Leafnode connection created')
    const talk = await dialClient(hub.port, { name: 'nm', lang: 'node', version: '9' })
    talk.send('SUB a.> q 1\r\n')
    await talk.sync()
    const monitor = newMonitor()
    await monitor.start()
    for (const path of ['/connz', '/leafz', '/routez', '/gatewayz', '/subsz', '/ipqueuesz']) {
      const theirs = await get(hub.monitorPort, path)
      const ours = await get(monitor.port, path)
      for (const header of ['content-type', 'access-control-allow-origin']) {
        assert.is(ours.headers.get(header), theirs.headers.get(header), path)
      }
      assert.match(ours.body, /^({\n {2}"|{}$)/, path)
    }
    const same = [
      '/connz?limit=x',
      '/connz?limit=99999999999999999999',
      '/connz?cid=-1',
      '/connz?auth=zz',
      '/connz?state=foo',
      '/connz?sort=bogus',
      '/connz?sort=stop',
      '/connz?sort=reason&state=any',
      '/connz?offset=1e3',
      '/leafz?subs=maybe',
      '/subsz?limit=%20',
      '/subsz?test=a.*',
      '/healthz',
      '/healthz?stream=S',
      '/healthz?details=2',
      '/gatewayz?subs=zz',
      '/ipqueuesz?all=2',
      '/accountz?acc=nope',
      '/nope',
      '/varz/',
    ]
    for (const path of same) {
      const theirs = await get(hub.monitorPort, path)
      const ours = await get(monitor.port, path)
      assert.is(ours.body, theirs.body, path)
      assert.is(ours.status, theirs.status, path)
      assert.is(ours.headers.get('content-type'), theirs.headers.get('content-type'), path)
    }
    await monitor.close()
    talk.close()
    await spoke.stop()
    await hub.stop()
  })

  it('counts requests, shows a page and leads to it', async () => {
    const monitor = newMonitor()
    await monitor.start()
    const page = await get(monitor.port, '/')
    assert.is(page.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.match(page.body, /href="\/varz"/)
    assert.match(page.body, /href="\/jsz"/)
    assert.not.match(page.body, /edgez/)
    const moved = await get(monitor.port, '//')
    assert.is(moved.status, 301)
    assert.is(moved.headers.get('location'), '/')
    await get(monitor.port, '/subscriptionsz')
    assert.equal(JSON.parse((await get(monitor.port, '/jsz?accounts=1')).body), { accounts: true })
    assert.is((await get(monitor.port, '/jsz?accounts=x')).status, 400)
    const { http_req_stats } = JSON.parse((await get(monitor.port, '/varz')).body)
    assert.equal(http_req_stats, { '/': 1, '/subsz': 1, '/jsz': 2, '/varz': 1 })
    await monitor.close()
    await monitor.close()
  })

  it('serves below a base path and nothing beside it', async () => {
    const monitor = newMonitor('/nats/')
    await monitor.start()
    assert.is((await get(monitor.port, '/nats/varz')).status, 200)
    assert.is(JSON.parse((await get(monitor.port, '/nats/varz')).body).http_base_path, '/nats')
    assert.match((await get(monitor.port, '/nats')).body, /href="\/nats\/varz"/)
    for (const path of ['/varz', '/', '/natsvarz', '/nats/nope']) {
      assert.is((await get(monitor.port, path)).status, 404, path)
    }
    await monitor.close()
  })

  it('only reads, whatever the method', async () => {
    const monitor = newMonitor()
    await monitor.start()
    const posted = await get(monitor.port, '/healthz', { method: 'POST', body: 'x' })
    assert.is(`${posted.status} ${posted.body}`, '200 {"status":"ok"}')
    const head = await get(monitor.port, '/varz', { method: 'HEAD' })
    assert.is(head.status, 200)
    assert.is(head.body, '')
    await monitor.close()
  })

  it('refuses a header that is too long and garbage, and goes on serving', async () => {
    const monitor = newMonitor()
    await monitor.start()
    const ask = (bytes: string | Buffer) =>
      new Promise<string>(resolve => {
        const socket = connect(monitor.port, '127.0.0.1', () => socket.write(bytes))
        let answer = ''
        socket.on('data', chunk => {
          answer += chunk.toString('latin1')
        })
        socket.on('error', () => {})
        socket.on('close', () => resolve(answer))
      })
    const header = (length: number) =>
      `GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ${'x'.repeat(length)}\r\n\r\n`
    assert.match(await ask(header(15_000)), /^HTTP\/1.1 200 /)
    assert.match(await ask(header(17_000)), /^HTTP\/1.1 431 /)
    assert.match(await ask(Buffer.from([0, 1, 2, 3, 255, 254, 13, 10, 13, 10])), /^HTTP\/1.1 400 /)
    assert.is((await get(monitor.port, '/healthz')).body, '{"status":"ok"}')
    await monitor.close()
  })

  it('says when its port is taken', async () => {
    const first = newMonitor()
    await first.start()
    const second = new Monitor({
      host: '127.0.0.1',
      port: first.port,
      basePath: '/',
      sources: sources(),
      log: silentLog,
      clock: realClock,
    })
    let code = ''
    await second.start().catch((error: NodeJS.ErrnoException) => {
      code = error.code ?? ''
    })
    assert.is(code, 'EADDRINUSE')
    await second.close()
    await first.close()
  })
})
