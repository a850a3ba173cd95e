// Accounts of the whole program: streams, MQTT, monitoring and reload, beside nats-server where
// the expectation is the same.

import { readFileSync, writeFileSync } from 'node:fs'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { connectAsync } from 'mqtt'
import * as assert from 'uvu/assert'
import { type Edge, type EdgeOptions, startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'

const programsMsMax = 60_000

const conf = `accounts {
  A { users: [{ user: a, password: pw }], jetstream: enabled }
  B { users: [{ user: b, password: pw }], jetstream: true }
  C { users: [{ user: c, password: pw }], limits { max_connections: 1, max_payload: 10 } }
}`

const login = (port: number, user: string) =>
  connect({ servers: `nats://127.0.0.1:${port}`, user, pass: 'pw', reconnect: false })

async function using(options: EdgeOptions, test: (edge: Edge) => Promise<void>): Promise<void> {
  const edge = await startEdge({ conf, jetstream: true, monitor: true, ...options })
  try {
    await test(edge)
  } finally {
    await edge.stop()
  }
}

async function ask(client: NatsConnection, subject: string): Promise<string> {
  try {
    const { type, error } = (await client.request(subject, '', { timeout: 5000 })).json() as {
      type: string
      error?: { code: number; err_code: number; description: string }
    }
    return `${type} ${JSON.stringify(error ?? null)}`
  } catch (error) {
    return (error as Error).message
  }
}

/** What two accounts with streams and one without see: the same everywhere. */
async function streamsOf(port: number): Promise<void> {
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(user => login(port, user)))
  if (!a || !b || !c) throw new Error('not connected')
  const [ofA, ofB] = await Promise.all([a, b].map(one => jetstreamManager(one)))
  if (!ofA || !ofB) throw new Error('no JetStream')
  await ofA.streams.add({ name: 'S', subjects: ['s'] })
  await ofB.streams.add({ name: 'S', subjects: ['s', 't'] })
  await ofA.jetstream().publish('s', 'a')
  await ofB.jetstream().publish('t', 'b')
  await ofB.jetstream().publish('s', 'bb')
  assert.is((await ofA.streams.info('S')).state.messages, 1)
  assert.is((await ofB.streams.info('S')).state.messages, 2)
  await ofA.streams.delete('S')
  assert.is((await ofB.streams.info('S')).state.messages, 2)
  assert.is((await ofA.getAccountInfo()).streams, 0)
  assert.is((await ofB.getAccountInfo()).streams, 1)
  const info = '{"code":503,"err_code":10039,"description":"JetStream not enabled for account"}'
  assert.is(await ask(c, '$JS.API.INFO'), `io.nats.jetstream.api.v1.account_info_response ${info}`)
  await Promise.all([a, b, c].map(one => one.close()))
}

spec('accounts', it => {
  it(
    'have streams of their own, where they have any',
    () =>
      using({}, async edge => {
        await streamsOf(edge.port)
        const jsz = await monitored(edge, '/jsz?accounts=1')
        assert.equal(
          jsz.account_details.map(({ name }: { name: string }) => name),
          ['A', 'B'],
        )
        await edge.restart()
        const b = await login(edge.port, 'b')
        const info = await (await jetstreamManager(b)).streams.info('S')
        assert.is(info.state.messages, 2)
        await b.close()
      }),
    programsMsMax,
  )

  it(
    'have them in nats-server too',
    async () => {
      const hub = await startHub({ version: '2.10', jetstream: true, conf })
      try {
        await streamsOf(hub.port)
      } finally {
        await hub.stop()
      }
    },
    programsMsMax,
  )

  it(
    'take in MQTT users, within their limits',
    () =>
      using({ mqtt: true }, async edge => {
        const url = `mqtt://127.0.0.1:${edge.mqttPort}`
        const options = { username: 'c', password: 'pw', reconnectPeriod: 0 }
        const other = await login(edge.port, 'a')
        let heard = 0
        other.subscribe('t', { callback: () => void heard++ })
        await other.flush()
        const mqtt = await connectAsync(url, options)
        const got = new Promise<string>(resolve => mqtt.on('message', (_, m) => resolve(`${m}`)))
        await mqtt.subscribeAsync('t', { qos: 1 })
        await mqtt.publishAsync('t', 'hello', { qos: 1 })
        assert.is(await got, 'hello')
        // One connection is all there may be, MQTT or not.
        const second = await connectAsync(url, options).catch((error: Error) => error.message)
        assert.match(String(second), /Server unavailable/)
        const nats = await login(edge.port, 'c').catch((error: Error) => error)
        assert.instance(nats, Error)
        const closed = new Promise(resolve => mqtt.once('close', () => resolve(true)))
        mqtt.publish('t', 'x'.repeat(70_000))
        await closed
        const back = await connectAsync(url, options)
        await back.endAsync()
        await other.flush()
        assert.is(heard, 0)
        await other.close()
      }),
    programsMsMax,
  )

  it(
    'are shown by monitoring',
    () =>
      using({}, async edge => {
        const client = await login(edge.port, 'a')
        const { connections } = await monitored(edge, '/connz?auth=1')
        assert.is(connections[0].account, 'A')
        assert.is(connections[0].authorized_user, 'a')
        assert.is((await monitored(edge, '/connz?acc=B')).connections.length, 0)
        assert.is((await monitored(edge, '/connz?acc=A')).connections.length, 1)
        assert.is((await monitored(edge, '/varz')).system_account, '$SYS')
        await client.close()
      }),
    programsMsMax,
  )

  it(
    'change with a reload, all or nothing',
    () =>
      using({}, async edge => {
        const before = readFileSync(edge.conf, 'utf8')
        const reload = async (text: string, said: string) => {
          const from = edge.process.output().length
          writeFileSync(edge.conf, text)
          edge.process.child.kill('SIGHUP')
          await edge.process.waitFor(said, 5000, from)
        }
        const a = await login(edge.port, 'a')
        const b = await login(edge.port, 'b')
        const bClosed = b.closed()

        // More than the server has cannot be promised; nothing else of that file counts then.
        const withD = (inside: string) =>
          before
            .replace('user: b,', 'user: bb,')
            .replace(
              'accounts {',
              `accounts {\n D { users: [{ user: d, password: pw }], ${inside} }`,
            )
        await reload(withD('jetstream { max_store: 900TB }'), 'Failed to reload')
        await b.flush()
        await (await login(edge.port, 'b')).close()

        await reload(withD('limits { max_conn: 1 }'), 'Reloaded server configuration')
        await bClosed
        await a.flush()
        assert.instance(await login(edge.port, 'b').catch((error: Error) => error), Error)
        const d = await login(edge.port, 'd')
        assert.match(await ask(d, '$JS.API.INFO'), /10039/)
        assert.instance(await login(edge.port, 'd').catch((error: Error) => error), Error)
        await Promise.all([a, d].map(one => one.close()))
      }),
    programsMsMax,
  )

  it(
    'that a block of the edge names must be there',
    async () => {
      const edge = startEdge({ conf, jetstream: true, mqtt: 'account: NONE' })
      const failed = await edge.catch((error: Error) => error.message)
      assert.match(String(failed), /cannot find local account "NONE"/)
    },
    programsMsMax,
  )
})

// biome-ignore lint/suspicious/noExplicitAny: what monitoring shows is looked at field by field
async function monitored(edge: Edge, path: string): Promise<any> {
  return (await fetch(`http://127.0.0.1:${edge.monitorPort}${path}`)).json()
}
