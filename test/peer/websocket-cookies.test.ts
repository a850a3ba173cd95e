// What a WebSocket request brings and is answered beside the upgrade itself: cookies, headers, TLS;
// our broker and the real nats-server with one expectation.

import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Certificates, newCertificates } from '../support/certificates.ts'
import { scratch } from '../support/directory.ts'
import { edgeMain, startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { account, configOf } from '../support/operators.ts'
import { natsServer } from '../support/peers.ts'
import { freePort } from '../support/ports.ts'
import { run as runProgram, start } from '../support/process.ts'
import { spec } from '../support/spec.ts'
import { ask, dialWebSocket, upgradeHeaders } from '../support/websocket.ts'

const programsMsMax = 60_000
const refusal = "-ERR 'Authorization Violation'\r\n"

interface Ports {
  readonly tcp: number
  readonly web: number
  readonly isOurs: boolean
}

/** The same with nats-server and with ours. */
async function withBoth(
  conf: (webPort: number) => string,
  run: (ports: Ports) => Promise<void>,
): Promise<void> {
  for (const startOne of [startHub, startEdge]) {
    const web = await freePort()
    const one = await startOne({ name: 'one', conf: conf(web) })
    try {
      await run({ tcp: one.port, web, isOurs: startOne === startEdge })
    } finally {
      await one.stop()
    }
  }
}

const block = (port: number, more = '') =>
  `websocket { listen: "127.0.0.1:${port}"\n no_tls: true\n${more} }`

/** What CONNECT is answered, with this Cookie header. */
async function answer(port: number, cookie: string, fields: object = {}): Promise<string> {
  const { talk } = await dialWebSocket(port, { headers: { Cookie: cookie } })
  await talk.info()
  const connect = { verbose: false, pedantic: false, ...fields }
  talk.send(`CONNECT ${JSON.stringify(connect)}\r\nPING\r\n`)
  const text = await talk.expect(/^(PONG\r\n|-ERR .*\r\n)/)
  talk.close()
  return String(text)
}

spec('websocket cookies', it => {
  it(
    'count where CONNECT has no credentials',
    async () => {
      const cookies = 'user_cookie: u, pass_cookie: "p.w", token_cookie: t'
      const users = 'authorization { users: [ { user: ann, password: "s e c" } ] }'
      await withBoth(
        port => `${users}\n${block(port, cookies)}`,
        async ({ web }) => {
          for (const [cookie, fields, isIn] of [
            ['u=ann; p.w=s e c', {}, true],
            ['other=1; u="ann";p.w="s e c"', {}, true],
            ['u=bob; u=ann; p.w=s e c', {}, true],
            ['u=ann; p.w=wrong', {}, false],
            ['U=ann; p.w=s e c', {}, false],
            ['u=bob; p.w=wrong', { user: 'ann', pass: 's e c' }, true],
            ['u=ann; p.w=s e c', { user: 'bob' }, false],
            ['u=a\\nn; p.w=s e c', {}, false],
            ['=; ;;u', {}, false],
          ] as const) {
            const said = await answer(web, cookie, fields)
            assert.is(said, isIn ? 'PONG\r\n' : refusal, cookie)
          }
        },
      )
      await withBoth(
        port => `authorization { token: "T0k" }\n${block(port, cookies)}`,
        async ({ web }) => {
          assert.is(await answer(web, 't=T0k'), 'PONG\r\n')
          assert.is(await answer(web, 't=other'), refusal)
          assert.is(await answer(web, 't=other', { auth_token: 'T0k' }), 'PONG\r\n')
        },
      )
    },
    programsMsMax,
  )
  it(
    'bring a JWT, and a browser publishes and subscribes with it',
    () =>
      withBoth(
        port => `${configOf()}\n${block(port, 'jwt_cookie: ticket')}`,
        async ({ web }) => {
          const bearer = account.user({ bearer_token: true })
          const script = browserScript(`ws://127.0.0.1:${web}`, `ticket=${bearer.jwt}`)
          assert.match(await runProgram(process.execPath, ['-e', script]), 'got hello')
          const bare = browserScript(`ws://127.0.0.1:${web}`, 'other=1')
          assert.match(await runProgram(process.execPath, ['-e', bare]), 'Authorization Violation')
          const bound = account.user()
          assert.is(await answer(web, `ticket=${bound.jwt}`), refusal)
        },
      ),
    programsMsMax,
  )
  it(
    'that bring a JWT need an operator',
    async () => {
      const conf = join(scratch('conf'), 'a.conf')
      writeFileSync(conf, `listen: "127.0.0.1:-1"\n${block(-1, 'jwt_cookie: a')}`)
      const node = ['--disable-warning=ExperimentalWarning', edgeMain]
      for (const [program, args] of [
        [natsServer('newest'), []],
        [process.execPath, node],
      ] as const) {
        const one = await start(program, [...args, '-c', conf])
        assert.is((await one.exited).code, 1)
        const why = 'configuration is required for JWT authentication via cookie "a"'
        assert.match(one.output(), `trusted operators or trusted keys ${why}`)
      }
    },
    programsMsMax,
  )
})

spec('websocket answers', it => {
  it(
    'have the headers of the config',
    () =>
      withBoth(
        port => block(port, 'headers { X-One: "a b", Strict-Transport-Security: "max-age=1" }'),
        async ({ web }) => {
          const { status, headers } = await ask(web, upgradeHeaders)
          assert.is(status, 101)
          assert.is(headers['x-one'], 'a b')
          assert.is(headers['strict-transport-security'], 'max-age=1')
        },
      ),
    programsMsMax,
  )
  it(
    'are not those that make an upgrade',
    async () => {
      const conf = join(scratch('conf'), 'a.conf')
      const node = ['--disable-warning=ExperimentalWarning', edgeMain]
      for (const [inside, why] of [
        ['Upgrade: "x"', 'websocket: invalid header "Upgrade" not allowed'],
        [
          'Sec-WebSocket-Accept: "x"',
          'websocket: invalid header "Sec-WebSocket-Accept", "Sec-WebSocket-" prefix not allowed',
        ],
        ['A: 1', 'error parsing header key A: unsupported type int64'],
      ] as const) {
        writeFileSync(conf, `listen: "127.0.0.1:-1"\n${block(-1, `headers { ${inside} }`)}`)
        for (const [program, args] of [
          [natsServer('newest'), []],
          [process.execPath, node],
        ] as const) {
          const one = await start(program, [...args, '-c', conf])
          assert.is((await one.exited).code, 1)
          assert.match(one.output(), why)
        }
      }
    },
    programsMsMax,
  )
  it(
    'come with pings of their own pace',
    () =>
      withBoth(
        port => `${block(port, 'ping_interval: "200ms"')}\nping_interval: "1m"`,
        async ({ web }) => {
          const { talk } = await dialWebSocket(web)
          await talk.info()
          talk.send('CONNECT {"verbose":false,"pedantic":false}\r\n')
          await talk.expect('PING\r\n', 1500)
          talk.close()
        },
      ),
    programsMsMax,
  )
  it(
    'tell of the addresses for WebSocket that the cluster has',
    async () => {
      const member = `cluster { name: c, listen: "127.0.0.1:PORT", ROUTES }`
      const [one, two, web] = [await freePort(), await freePort(), await freePort()]
      const far = `${block(web)}\n${member.replace('PORT', String(two))}`
      const told: string[] = []
      await withBoth(
        port => `${block(port)}\n${member.replace('PORT', String(one)).replace('ROUTES', '')}`,
        async ({ web: own }) => {
          const routes = `routes: ["nats://127.0.0.1:${one}"]`
          const hub = await startHub({ name: 'two', conf: far.replace('ROUTES', routes) })
          await hub.process.waitFor('Route connection created')
          let said: unknown = null
          for (let tries = 0; tries < 50; tries++) {
            const { talk } = await dialWebSocket(own)
            const { connect_urls, ws_connect_urls } = (await talk.info()) as Record<string, unknown>
            talk.close()
            const urls = [...((connect_urls as string[] | undefined) ?? [])].sort()
            said = { urls, ws_connect_urls }
            if (urls.length > 1) break
            await new Promise(resolve => setTimeout(resolve, 50))
          }
          await hub.stop()
          told.push(JSON.stringify(said).replace(`:${own}`, ':OWN').replace(`:${web}`, ':FAR'))
        },
      )
      assert.equal(told[1]?.match(/OWN|FAR/g)?.sort(), ['FAR', 'OWN'])
      assert.equal(told[0]?.match(/OWN|FAR/g)?.sort(), ['FAR', 'OWN'])
      assert.not.match(told.join(), 'ws_connect_urls')
    },
    programsMsMax,
  )
})

const secured = (port: number, files: Certificates, more = '') =>
  `websocket { listen: "127.0.0.1:${port}"
   tls { cert_file: "${files.serverCert}", key_file: "${files.serverKey}", ${more} } }`

/** Publishes to itself by the WebSocket that Node has built in, as a browser would. */
function browserScript(url: string, cookie = ''): string {
  const core = JSON.stringify(import.meta.resolve('@nats-io/transport-node'))
  return `
    const { wsconnect } = await import(${core})
    const headers = ${JSON.stringify(cookie === '' ? {} : { Cookie: cookie })}
    const wsFactory = async url => {
      const socket = new WebSocket(url, { headers })
      return { socket, encrypted: url.startsWith('wss:') }
    }
    try {
      const nc = await wsconnect({ servers: ${JSON.stringify(url)}, reconnect: false, wsFactory })
      const sub = nc.subscribe('web.*', { max: 1 })
      nc.publish('web.1', 'hello')
      for await (const message of sub) console.log('got', message.string())
      await nc.close()
    } catch (error) {
      console.log('failed', error.message)
    }`
}

async function visit(port: number, ca: string): Promise<string> {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: ca }
  const script = browserScript(`wss://127.0.0.1:${port}`)
  return (await runProgram(process.execPath, ['-e', script], { env })).trim()
}

spec('websocket certificates', it => {
  it(
    'are shown anew after a reload, and a browser takes them',
    async () => {
      for (const startOne of [startHub, startEdge]) {
        const [files, others] = [newCertificates(), newCertificates()]
        const web = await freePort()
        const one = await startOne({ conf: secured(web, files) })
        try {
          assert.is(await visit(web, files.ca), 'got hello')
          copyFileSync(others.serverCert, files.serverCert)
          copyFileSync(others.serverKey, files.serverKey)
          one.process.child.kill('SIGHUP')
          await one.process.waitFor('Reloaded server configuration')
          assert.is(await visit(web, others.ca), 'got hello')
          assert.match(await visit(web, files.ca), 'failed')
          await fetch(`http://127.0.0.1:${web}/`).catch(() => null)
          await one.process.waitFor('[ERR] websocket: TLS handshake error from 127.0.0.1:')
          assert.is(await visit(web, others.ca), 'got hello')
        } finally {
          await one.stop()
        }
      }
    },
    programsMsMax,
  )
})
