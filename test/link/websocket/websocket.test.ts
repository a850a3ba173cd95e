// The WebSocket listener: upgrades, frames, bounds, and clients that are clients like any other.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import * as assert from 'uvu/assert'
import { newWebSocketListener } from '../../../edge/websocket-room.ts'
import { connz } from '../../../src/monitor/connz.ts'
import { Query } from '../../../src/monitor/query.ts'
import { forwardedFor, judgeUpgrade } from '../../../src/link/websocket/upgrade.ts'
import type { Server } from '../../../src/server/server.ts'
import { newCertificates } from '../../support/certificates.ts'
import { optionsOf, startServer } from '../../support/server.ts'
import { spec } from '../../support/spec.ts'
import { dialClient } from '../../support/talk.ts'
import { ask, dialWebSocket, dialWebSocketClient, upgradeHeaders } from '../../support/websocket.ts'

const plain = 'no_tls: true'

/** A broker with a WebSocket listener; the text goes inside the block. */
async function withListener(
  inside: string,
  run: (port: number, server: Server) => Promise<void>,
  conf = '',
): Promise<void> {
  const server = await startServer(`${conf}\nwebsocket { listen: "127.0.0.1:-1"\n${inside} }`)
  const { websocket } = server.options
  const listener = websocket && newWebSocketListener(server, websocket, null)
  if (!listener) throw new Error('no listener')
  server.listeners.add(listener)
  await listener.start()
  try {
    await run(listener.address?.port ?? 0, server)
  } finally {
    server.close()
  }
}

const headers = {
  host: 'edge.local:8080',
  upgrade: 'websocket',
  connection: 'keep-alive, Upgrade',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
}
const rules = {
  isSecure: false,
  hasMqtt: true,
  hasLeafs: false,
  sameOrigin: false,
  allowedOrigins: [] as string[],
}

spec('websocket upgrade', it => {
  const rows: readonly (readonly [string, object, object, string])[] = [
    ['what browsers send', {}, {}, 'client'],
    ['any path', { url: '/anything?x=/mqtt' }, {}, 'client'],
    ['the path of MQTT', { url: '/some/mqtt?x=1' }, {}, 'mqtt'],
    [
      'MQTT without MQTT',
      { url: '/mqtt' },
      { hasMqtt: false },
      '404 mqtt websocket endpoint not enabled',
    ],
    ['leaf nodes', { url: '/leafnode' }, {}, '404 not configured to accept leaf node connections'],
    ['POST', { method: 'POST' }, {}, '405 request method must be GET'],
    ['no host', { host: '' }, {}, "400 'Host' missing in request"],
    ['another upgrade', { upgrade: 'h2c' }, {}, "400 invalid value for header 'Upgrade'"],
    ['no connection', { connection: 'close' }, {}, "400 invalid value for header 'Connection'"],
    ['no key', { 'sec-websocket-key': '' }, {}, '400 key missing'],
    ['a short key', { 'sec-websocket-key': 'c2hvcnQ=' }, {}, '400 invalid websocket key'],
    ['version 8', { 'sec-websocket-version': '8' }, {}, '400 invalid version'],
    ['any origin', { origin: 'https://elsewhere' }, {}, 'client'],
    ['no origin, same asked', {}, { sameOrigin: true }, 'client'],
    ['its own origin', { origin: 'http://EDGE.local:8080' }, { sameOrigin: true }, 'client'],
    [
      'another port',
      { origin: 'http://edge.local' },
      { sameOrigin: true },
      '403 origin not allowed: not same origin',
    ],
    [
      'another scheme',
      { origin: 'https://edge.local:8080' },
      { sameOrigin: true },
      '403 origin not allowed: not same origin',
    ],
    [
      'the scheme’s own port',
      { host: 'edge.local', origin: 'https://edge.local:443' },
      { sameOrigin: true, isSecure: true },
      'client',
    ],
    [
      'a listed origin',
      { origin: 'https://a.example' },
      { allowedOrigins: ['https://A.example:443'] },
      'client',
    ],
    [
      'an unlisted origin',
      { origin: 'https://b.example' },
      { allowedOrigins: ['https://a.example'] },
      '403 origin not allowed: not in the allowed list',
    ],
    [
      'no origin at all',
      { origin: 'null' },
      { allowedOrigins: ['https://a.example'] },
      '403 origin not allowed: invalid origin',
    ],
  ]
  for (const [name, request, more, expected] of rows) {
    it(name, () => {
      const { method = 'GET', url = '/', ...changed } = request as Record<string, string>
      const verdict = judgeUpgrade(
        { method, url, headers: { ...headers, ...changed } },
        { ...rules, ...more },
      )
      const got = verdict.is === 'accepted' ? verdict.kind : `${verdict.status} ${verdict.why}`
      assert.is(got, expected)
    })
  }
  it('believes the first address of X-Forwarded-For, if it is one', () => {
    const of = (value: string) => forwardedFor({ 'x-forwarded-for': value })
    assert.is(forwardedFor({}), '')
    assert.is(of('10.0.0.7'), '10.0.0.7')
    assert.is(of(' 10.0.0.7 , 192.168.0.1'), '10.0.0.7')
    assert.is(of('2001:db8::1'), '[2001:db8::1]')
    assert.is(of('unknown, 10.0.0.7'), '')
  })
})

spec('websocket options', it => {
  const errors = (text: string): string => {
    try {
      optionsOf(text)
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }
  it('want TLS, or say that there is none', () => {
    assert.match(errors('websocket { port: 8080 }'), 'websocket requires TLS configuration')
    assert.is(errors('websocket { port: 8080, no_tls: true }'), '')
    assert.is(errors('websocket { }'), '')
  })
  it('want origins with a scheme', () => {
    const text = (origin: string) =>
      `websocket { port: 1, no_tls: true, allowed_origins: ["${origin}"] }`
    assert.match(errors(text('a.example')), 'unable to parse allowed origin "a.example"')
    assert.match(errors(text('ftp://a.example')), 'http or https scheme')
    assert.is(errors(text('https://a.example')), '')
  })
})

spec('websocket clients', it => {
  it('greets, and answers whatever way its lines are cut into messages', () =>
    withListener(plain, async (port, server) => {
      const { talk } = await dialWebSocket(port)
      const info = await talk.info()
      assert.is(info.port, port)
      assert.is(info.client_ip, '127.0.0.1')
      assert.is(info.tls_required, undefined)
      talk.send('CONNECT {"verbose":false}\r\nSUB a 1\r\nPING\r\n')
      await talk.expect('PONG\r\n')
      await talk.sendSlowly('PUB a 2\r\nhi\r\n')
      await talk.expect('MSG a 1 2\r\nhi\r\n')
      talk.send('PUB a 1\r\n1\r\nPUB a 1\r\n2\r\nPI')
      talk.send('NG\r\n')
      await talk.expect('MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\nPONG\r\n')
      const tcp = await dialClient(server.address.port)
      tcp.send('PUB a 3\r\ntcp\r\n')
      await talk.expect('MSG a 1 3\r\ntcp\r\n')
      tcp.close()
      talk.close()
    }))
  it('takes fragments and text frames; never masks', () =>
    withListener(plain, async port => {
      const { talk, webSocket } = await dialWebSocketClient(port)
      webSocket.send('SUB a 1\r\nPUB a', { binary: true, fin: false })
      webSocket.send(' 2\r\nh', { fin: false })
      webSocket.send('i\r\n', { fin: true })
      await talk.expect('MSG a 1 2\r\nhi\r\n')
      webSocket.send('PING\r\n', { binary: false })
      await talk.expect('PONG\r\n')
      talk.close()
    }))
  it('sends a large payload in one piece of the stream', () =>
    withListener(plain, async port => {
      const { talk } = await dialWebSocketClient(port)
      const payload = 'x'.repeat(1_048_576)
      talk.send('SUB big 1\r\n')
      talk.send(`PUB big ${payload.length}\r\n${payload}\r\n`)
      await talk.expect(`MSG big 1 ${payload.length}\r\n${payload}\r\n`)
      await talk.sync()
      talk.close()
    }))
  it('closes with 1009 past max_payload, and with 1008 what may not be', () =>
    withListener(
      plain,
      async port => {
        const big = await dialWebSocketClient(port)
        big.talk.send(`PUB a 100\r\n${'x'.repeat(100)}\r\n`)
        await big.talk.sync()
        big.talk.send('PUB a 101\r\n')
        await big.talk.expect("-ERR 'Maximum Payload Violation'\r\n")
        assert.equal(await big.closed, { code: 1009, reason: 'Maximum Message Payload Exceeded' })
        const bad = await dialWebSocketClient(port)
        bad.talk.send('NONSENSE\r\n')
        await bad.talk.expect(/^-ERR [^\n]*\r\n/)
        assert.is((await bad.closed).code, 1002)
      },
      'max_payload: 100',
    ))
  it('bounds a message by eight payloads and a line', () =>
    withListener(
      plain,
      async port => {
        const bound = 8 * 1000 + 512
        const at = await dialWebSocketClient(port)
        at.talk.send('PING\r\n'.repeat(bound / 6).padEnd(bound, '\r\n'))
        await at.talk.expect('PONG\r\n'.repeat(Math.floor(bound / 6)))
        at.talk.close()
        const past = await dialWebSocketClient(port)
        const other = await dialWebSocketClient(port)
        past.talk.send('x'.repeat(bound + 1))
        assert.is((await past.closed).code, 1009)
        await other.talk.sync()
        other.talk.close()
      },
      'max_payload: 1000, max_control_line: 512',
    ))
  it('is shown as what it is', () =>
    withListener(plain, async (port, server) => {
      const { talk, closed } = await dialWebSocketClient(port, {
        headers: { 'X-Forwarded-For': '10.1.2.3, 10.0.0.1' },
      })
      const [client] = [...server.clients.values()]
      const { id, label } = client!
      assert.match(label, new RegExp(`^10\\.1\\.2\\.3/127\\.0\\.0\\.1:\\d+ - wid:${id}$`))
      const row = (search: string) => {
        const query = new Query(new URLSearchParams(search))
        const page = connz({ server }, query, 0) as { connections: Record<string, unknown>[] }
        return page.connections[0]
      }
      assert.is(row('')?.type, 'websocket')
      talk.send('NONSENSE\r\n')
      await closed
      assert.is(row('state=closed')?.type, 'websocket')
    }))
  it('cuts off who does not read, and nobody else', async () => {
    for (const more of [plain, `${plain}, compression: true`]) {
      await withListener(
        more,
        async (port, server) => {
          const perMessageDeflate = more !== plain
          const slow = await dialWebSocketClient(port, { perMessageDeflate })
          slow.talk.send('SUB a 1\r\n')
          await slow.talk.sync()
          slow.webSocket.pause()
          const other = await dialWebSocketClient(port)
          const payload = randomBytes(500_000).toString('hex')
          for (let i = 0; i < 100 && server.totals.slowConsumers === 0; i++) {
            other.talk.send(`PUB a ${payload.length}\r\n${payload}\r\n`)
            await other.talk.sync()
          }
          assert.is(server.totals.slowConsumers, 1)
          assert.is(server.clients.size, 1)
          slow.webSocket.terminate()
          other.talk.close()
        },
        'max_pending: 2MB',
      )
    }
  })
  it('ends with the server, which says 1001', () =>
    withListener(plain, async (port, server) => {
      const { closed } = await dialWebSocketClient(port)
      server.close()
      assert.equal(await closed, { code: 1001, reason: 'Server Shutdown' })
    }))
  it('stops accepting in lame-duck mode; who is there stays', () =>
    withListener(plain, async (port, server) => {
      const { talk } = await dialWebSocket(port)
      await talk.info()
      talk.send('CONNECT {"verbose":false,"protocol":1}\r\n')
      await talk.sync()
      assert.is((await talk.info()).connect_info, true)
      server.enterLameDuck()
      assert.is((await talk.info()).ldm, true)
      await talk.sync()
      const late = await ask(port, upgradeHeaders).catch((error: Error) => error.message)
      assert.match(String(late), 'ECONNREFUSED')
      talk.close()
    }))
})

spec('websocket users', it => {
  it('are the server’s own, unless the block has one', async () => {
    const conf = 'authorization { users: [ { user: ann, password: a } ] }'
    const login = async (port: number, fields: object) => {
      const { talk } = await dialWebSocket(port)
      const info = await talk.info()
      talk.send(`CONNECT ${JSON.stringify({ verbose: false, ...fields })}\r\nPING\r\n`)
      const line = await talk.line()
      talk.close()
      return `${info.auth_required ?? false} ${line}`
    }
    await withListener(
      plain,
      async port => {
        assert.is(await login(port, { user: 'ann', pass: 'a' }), 'true PONG')
        assert.is(await login(port, {}), "true -ERR 'Authorization Violation'")
      },
      conf,
    )
    await withListener(
      `${plain}, no_auth_user: ann`,
      async port => assert.is(await login(port, {}), 'true PONG'),
      conf,
    )
    await withListener(`${plain}, authorization { user: web, password: w }`, async port => {
      assert.is(await login(port, { user: 'web', pass: 'w' }), 'true PONG')
      assert.is(
        await login(port, { user: 'ann', pass: 'a' }),
        "true -ERR 'Authorization Violation'",
      )
    })
    await withListener(`${plain}, authorization { token: t }`, async port => {
      assert.is(await login(port, { auth_token: 't' }), 'true PONG')
    })
  })
  it('have their own time to authenticate', () =>
    withListener(
      `${plain}, authorization { user: web, password: w, timeout: 0.05 }`,
      async port => {
        const { talk, closed } = await dialWebSocket(port)
        await talk.info()
        await talk.expect("-ERR 'Authentication Timeout'\r\n")
        assert.is((await closed).code, 1008)
      },
    ))
})

spec('websocket listener', it => {
  it('refuses in HTTP', () =>
    withListener(`${plain}, allowed_origins: ["https://a.example"]`, async port => {
      const status = async (changed: object, options = {}) =>
        (await ask(port, { ...upgradeHeaders, ...changed }, options)).status
      assert.is(await status({}), 101)
      assert.is(await status({ 'Sec-WebSocket-Version': '12' }), 400)
      assert.is(await status({ Origin: 'https://b.example' }), 403)
      assert.is(await status({}, { method: 'POST' }), 405)
      assert.is(await status({}, { path: '/leafnode' }), 404)
      assert.is(await status({}, { path: '/mqtt' }), 404)
      const answer = await ask(port, {})
      assert.is(answer.status, 400)
      assert.is(answer.body, 'Bad Request\n')
      assert.is(answer.headers['sec-websocket-version'], '13')
    }))
  it('closes connections that do not ask in time', () =>
    withListener(`${plain}, handshake_timeout: "50ms"`, async port => {
      const silent = connect(port, '127.0.0.1').resume()
      const slow = connect(port, '127.0.0.1').resume()
      slow.write('GET / HTTP/1.1\r\nHost: x\r\n')
      await Promise.all([once(silent, 'close'), once(slow, 'close')])
      const { talk } = await dialWebSocketClient(port)
      talk.close()
    }))
  it('closes what sends unmasked frames or garbage; others do not notice', () =>
    withListener(plain, async (port, server) => {
      const other = await dialWebSocketClient(port)
      const upgrade = Object.entries({ Host: 'x', ...upgradeHeaders })
      const request = `GET / HTTP/1.1\r\n${upgrade.map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n`
      const bad = [
        Buffer.from([0x82, 0x06, ...Buffer.from('PING\r\n')]),
        Buffer.from([0xf2, 0x80, 0, 0, 0, 0]),
        Buffer.from([0x83, 0x80, 0, 0, 0, 0]),
        Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
        Buffer.alloc(5000, 0xff),
      ]
      for (const bytes of bad) {
        const socket = connect(port, '127.0.0.1')
        let got = Buffer.alloc(0)
        socket.on('data', chunk => {
          got = Buffer.concat([got, chunk])
        })
        socket.write(request)
        while (!got.includes('INFO ')) await once(socket, 'data')
        socket.write(bytes)
        while (!got.includes(Buffer.from([0x88]))) await once(socket, 'data')
        socket.destroy()
        await other.talk.sync()
      }
      while (server.clients.size > 1) await other.talk.sync()
      other.talk.close()
    }))
  it('compresses only when asked to and when the client can', async () => {
    const extension = (port: number) =>
      ask(port, { ...upgradeHeaders, 'Sec-WebSocket-Extensions': 'permessage-deflate' }).then(
        answer => answer.headers['sec-websocket-extensions'],
      )
    await withListener(plain, async port => assert.is(await extension(port), undefined))
    await withListener(`${plain}, compression: true`, async port => {
      const got = (await extension(port)) ?? ''
      assert.match(got, 'server_no_context_takeover')
      assert.match(got, 'client_no_context_takeover')
      const { talk } = await dialWebSocketClient(port, { perMessageDeflate: { threshold: 0 } })
      const payload = 'squeeze me '.repeat(20_000)
      talk.send('SUB a 1\r\n')
      talk.send(`PUB a ${payload.length}\r\n${payload}\r\n`)
      await talk.expect(`MSG a 1 ${payload.length}\r\n${payload}\r\n`)
      await talk.sync()
      const plainTalk = await dialWebSocketClient(port)
      await plainTalk.talk.sync()
      plainTalk.talk.close()
      talk.close()
    })
  })
  it('does not believe a small frame that unfolds without end', () =>
    withListener(
      `${plain}, compression: true`,
      async port => {
        const { webSocket, closed } = await dialWebSocketClient(port, {
          perMessageDeflate: { threshold: 0 },
        })
        webSocket.send(Buffer.alloc(1 << 20))
        assert.is((await closed).code, 1009)
      },
      'max_payload: 1000',
    ))
  it('serves TLS, and tells that it did', async () => {
    const made = newCertificates()
    const tls = `tls { cert_file: "${made.serverCert}", key_file: "${made.serverKey}" }`
    await withListener(tls, async port => {
      const { talk } = await dialWebSocket(port, { scheme: 'wss', rejectUnauthorized: false })
      const info = await talk.info()
      assert.is(info.tls_required, true)
      assert.is(info.tls_available, true)
      talk.send('CONNECT {"verbose":false}\r\n')
      await talk.sync()
      talk.close()
    })
  })
})
