// The program's WebSocket listener with real clients, and beside the real nats-server's.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import { connect as connectTcp, type NatsConnection, wsconnect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { type Edge, startEdge } from '../support/edge.ts'
import { type Hub, startHub } from '../support/hub.ts'
import { freePort } from '../support/ports.ts'
import { spec } from '../support/spec.ts'
import { dialClient } from '../support/talk.ts'
import { ask, dialWebSocket, upgradeHeaders } from '../support/websocket.ts'

const programsMsMax = 60_000

const block = (port: number, more = '') =>
  `websocket { listen: "127.0.0.1:${port}", no_tls: true\n${more} }`

async function withEdge(
  options: Parameters<typeof startEdge>[0],
  more: string,
  run: (port: number, edge: Edge) => Promise<void>,
): Promise<void> {
  const port = await freePort()
  const edge = await startEdge({ ...options, conf: block(port, more) })
  try {
    await run(port, edge)
  } finally {
    await edge.stop()
  }
}

/** Through the WebSocket that this Node has built in, as browsers do. */
function browser(port: number): Promise<NatsConnection> {
  return wsconnect({ servers: `ws://127.0.0.1:${port}`, reconnect: false })
}

spec('websocket peers', it => {
  it(
    'serves the official client: publish, subscribe, requests, large payloads',
    async () => {
      for (const more of ['', 'compression: true']) {
        await withEdge({}, more, async (port, edge) => {
          const web = await browser(port)
          const tcp = await connectTcp({ servers: edge.url, reconnect: false })
          web.subscribe('echo', {
            callback: (_, message) => void message.respond(message.data),
          })
          await web.flush()
          const large = new Uint8Array(1_000_000).map((_, i) => i % 251)
          const back = await tcp.request('echo', large)
          assert.ok(Buffer.from(back.data).equals(Buffer.from(large)))
          const own = await web.request('echo', 'small')
          assert.is(own.string(), 'small')
          const got: string[] = []
          const all = web.subscribe('many.*', { max: 5000 })
          await web.flush()
          for (let i = 0; i < 5000; i++) tcp.publish(`many.${i}`, `payload ${i}`)
          for await (const message of all) got.push(message.string())
          assert.equal(
            got,
            Array.from({ length: 5000 }, (_, i) => `payload ${i}`),
          )
          await assertRejects(web.request('nobody', ''), /no responders/i)
          await tcp.close()
          await web.close()
        })
      }
    },
    programsMsMax,
  )
  it(
    'serves JetStream and MQTT over WebSocket',
    () =>
      withEdge({ jetstream: true, mqtt: true, monitor: true }, '', async (port, edge) => {
        const web = await browser(port)
        const { jetstream, jetstreamManager } = await import('@nats-io/jetstream')
        const manager = await jetstreamManager(web)
        await manager.streams.add({ name: 'S', subjects: ['s.>'] })
        assert.is((await jetstream(web).publish('s.1', 'kept')).seq, 1)
        const mqtt = await connectAsync(`ws://127.0.0.1:${port}/mqtt`, {
          reconnectPeriod: 0,
          clientId: 'web',
        })
        const heard = new Promise<string>(resolve =>
          mqtt.on('message', (topic, payload) => resolve(`${topic} ${payload}`)),
        )
        await mqtt.subscribeAsync('s/+', { qos: 1 })
        await mqtt.publishAsync('s/2', 'by mqtt', { qos: 1 })
        assert.is(await heard, 's/2 by mqtt')
        assert.is((await manager.streams.info('S')).state.messages, 2)
        const url = `http://127.0.0.1:${edge.monitorPort}`
        const page = (await (await fetch(`${url}/connz`)).json()) as {
          connections: { type: string }[]
        }
        assert.equal(page.connections.map(({ type }) => type).sort(), ['mqtt', 'websocket'])
        await mqtt.endAsync()
        await web.close()
      }),
    programsMsMax,
  )
  it(
    'says where it listens, in the log and in the ports file',
    async () => {
      const dir = scratch('ports')
      const port = await freePort()
      const edge = await startEdge({ conf: `ports_file_dir: "${dir}"\n${block(port)}` })
      try {
        const output = edge.process.output()
        assert.match(output, `[INF] Listening for websocket clients on ws://127.0.0.1:${port}`)
        assert.match(output, '[WRN] Websocket not configured with TLS. DO NOT USE IN PRODUCTION!')
        const [file = ''] = readdirSync(dir)
        const ports = JSON.parse(readFileSync(join(dir, file), 'utf8'))
        assert.equal(ports.websocket, [`ws://127.0.0.1:${port}`])
      } finally {
        await edge.stop()
      }
    },
    programsMsMax,
  )
  it(
    'serves the others while garbage comes',
    () =>
      withEdge({}, '', async (port, edge) => {
        const web = await browser(port)
        const tcp = await dialClient(edge.port)
        for (let i = 0; i < 50; i++) {
          const bad = await dialWebSocket(port)
          const bytes = Buffer.from(Array.from({ length: 300 }, (_, at) => (at * i + 7) & 0xff))
          if (i % 2) bad.talk.send(bytes)
          else bad.webSocket.once('error', () => undefined)
          if (i % 2 === 0) {
            const { _socket } = bad.webSocket as unknown as { _socket: { write(b: Buffer): void } }
            _socket.write(bytes)
          }
          await bad.closed
        }
        await web.flush()
        await tcp.sync()
        tcp.close()
        await web.close()
        assert.not.match(edge.process.output(), /\[FTL\]|at .*\.ts:/)
      }),
    programsMsMax,
  )
})

async function assertRejects(promise: Promise<unknown>, text: RegExp): Promise<void> {
  const error = await promise.then(
    () => null,
    (reason: Error) => reason,
  )
  assert.ok(error !== null && text.test(error.message), `${error}`)
}

/** What comes back on one connection, with what differs from run to run taken out. */
async function conversation(port: number, sends: readonly string[]): Promise<string> {
  const { talk, closed } = await dialWebSocket(port)
  const { tls_required, auth_required, port: shown } = await talk.info()
  for (const text of sends) talk.send(text)
  const got = await Promise.race([
    closed.then(({ code, reason }) => `${talk.pending}|${code} ${reason}`),
    talk.expect(/PONG\r\nPONG\r\n$/),
  ])
  talk.close()
  return JSON.stringify({ tls_required, auth_required, same: shown === port, got })
}

const conversations: readonly (readonly string[])[] = [
  ['CONNECT {"verbose":false}\r\nSUB a 1\r\n', 'PUB a 2\r\nhi\r\n', 'PING\r\nPING\r\n'],
  ['CONNECT {"verbose":true}\r\n', 'SUB a q 1\r\nPUB a 0\r\n\r\nPING\r\nPING\r\n'],
  ['CONN', 'ECT {"verbose":false}\r\nP', 'ING\r\nPI', 'NG\r\n'],
  ['CONNECT {"verbose":false}\r\nPUB a 2000000\r\n'],
  ['NONSENSE\r\n'],
  ['CONNECT {"verbose":false,"protocol":7}\r\n'],
]

/** A key that is not 16 bytes is refused by us and by newer ones; 2.10 takes it. */
const upgrades: readonly (readonly [string, Record<string, string>, object])[] = [
  ['whole', {}, {}],
  ['with an origin', { Origin: 'https://elsewhere.example' }, {}],
  ['POST', {}, { method: 'POST' }],
  ['version 12', { 'Sec-WebSocket-Version': '12' }, {}],
  ['no key', { 'Sec-WebSocket-Key': '' }, {}],
  ['another upgrade', { Upgrade: 'h2c' }, {}],
  ['deflate', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }, {}],
]

spec('websocket beside nats-server', it => {
  for (const more of ['', 'same_origin: true, compression: true']) {
    it(
      `answers the same${more === '' ? '' : ` with ${more}`}`,
      async () => {
        const hubPort = await freePort()
        const hub: Hub = await startHub({
          version: '2.10',
          monitor: true,
          conf: block(hubPort, more),
        })
        try {
          await withEdge({ monitor: true }, more, async (port, edge) => {
            for (const sends of conversations) {
              const [ours, theirs] = [
                await conversation(port, sends),
                await conversation(hubPort, sends),
              ]
              assert.is(ours, theirs, sends.join(''))
            }
            for (const [name, changed, options] of upgrades) {
              const answer = async (at: number) => {
                const { status, headers, body } = await ask(
                  at,
                  { ...upgradeHeaders, ...changed },
                  options,
                )
                const accept = headers['sec-websocket-accept']
                const extension = headers['sec-websocket-extensions']?.split(/; */).sort().join()
                return JSON.stringify({ status, accept, extension, body })
              }
              assert.is(await answer(port), await answer(hubPort), name)
            }
            const shown = async (at: number, monitorPort: number) => {
              const { talk } = await dialWebSocket(at, {
                headers: { 'X-Forwarded-For': '10.1.2.3' },
              })
              const { client_ip } = await talk.info()
              const url = `http://127.0.0.1:${monitorPort}/connz`
              const { connections } = (await (await fetch(url)).json()) as {
                connections: Record<string, unknown>[]
              }
              const { kind, type, ip } = connections.at(-1) ?? {}
              talk.close()
              const keys = Object.keys(connections.at(-1) ?? {}).join()
              return JSON.stringify({ client_ip, kind, type, ip, keys })
            }
            assert.is(await shown(port, edge.monitorPort), await shown(hubPort, hub.monitorPort))
          })
        } finally {
          await hub.stop()
        }
      },
      programsMsMax,
    )
  }
})
