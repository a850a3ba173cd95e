// Accounts that share, seen by official clients: requests and answers, JetStream of another
// account, latency metrics, monitoring. The same with nats-server where it says so.

import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'

const programsMsMax = 60_000

const conf = `accounts {
  A {
    users: [{ user: a, password: pw }]
    imports: [
      { service: { account: B, subject: "$JS.API.>" } }
      { service: { account: B, subject: "$JS.ACK.>" } }
      { service: { account: B, subject: "orders.*" } }
      { stream: { account: B, subject: "deliver.>" } }
      { service: { account: B, subject: help }, to: "my.help", share: true }
    ]
  }
  B {
    users: [{ user: b, password: pw }]
    jetstream: enabled
    exports: [
      { service: "$JS.API.>", response_type: stream }
      { service: "$JS.ACK.>" }
      { service: "orders.*" }
      { stream: "deliver.>" }
      { service: help, latency: { subject: "latency.help", sampling: 100 } }
    ]
  }
}`

const login = (port: number, user: string) =>
  connect({ servers: `nats://127.0.0.1:${port}`, user, pass: 'pw', reconnect: false })

async function as(port: number, test: (a: NatsConnection, b: NatsConnection) => Promise<void>) {
  const a = await login(port, 'a')
  const b = await login(port, 'b')
  try {
    await test(a, b)
  } finally {
    await Promise.all([a.close(), b.close()])
  }
}

/** Streams and consumers of B, used from A. */
async function jetstreamOf(port: number): Promise<void> {
  await as(port, async (a, b) => {
    const manager = await jetstreamManager(a)
    await manager.streams.add({ name: 'O', subjects: ['orders.*'], storage: 'file' as never })
    const js = jetstream(a)
    for (const id of ['1', '2', '3']) assert.is((await js.publish(`orders.${id}`, id)).stream, 'O')
    await manager.consumers.add('O', { durable_name: 'pull', ack_policy: 'explicit' as never })
    const consumer = await js.consumers.get('O', 'pull')
    const seen: string[] = []
    for await (const message of await consumer.fetch({ max_messages: 3, expires: 5000 })) {
      seen.push(`${message.subject}=${message.string()}`)
      assert.ok(await message.ackAck())
    }
    assert.equal(seen, ['orders.1=1', 'orders.2=2', 'orders.3=3'])
    const ofB = await jetstreamManager(b)
    assert.is((await ofB.consumers.info('O', 'pull')).num_ack_pending, 0)
    const pushed = a.subscribe('deliver.x', { max: 3 })
    await a.flush()
    await ofB.consumers.add('O', {
      durable_name: 'push',
      deliver_subject: 'deliver.x',
      ack_policy: 'none' as never,
    })
    const got: string[] = []
    for await (const message of pushed) got.push(`${message.subject}=${message.string()}`)
    assert.equal(got, ['orders.1=1', 'orders.2=2', 'orders.3=3'])
    assert.is((await manager.streams.getMessage('O', { seq: 2 }))?.subject, 'orders.2')
    await manager.streams.delete('O')
  })
}

/** One request that is measured; what is told of it, without what differs. */
async function latencyOf(port: number): Promise<unknown> {
  let metric: Record<string, unknown> = {}
  await as(port, async (a, b) => {
    const metrics = b.subscribe('latency.help', { max: 1 })
    b.subscribe('help', { callback: (_, message) => void message.respond('ok') })
    await b.flush()
    const answer = await a.request('my.help', 'x', { timeout: 5000 })
    assert.is(answer.string(), 'ok')
    for await (const message of metrics) metric = message.json()
  })
  for (const time of ['service', 'system', 'total']) assert.type(metric[time], 'number')
  const { type, status, requestor, responder } = metric as Record<string, Record<string, unknown>>
  assert.is(type, 'io.nats.server.metric.v1.service_latency')
  const keys = (of: Record<string, unknown> | undefined) =>
    Object.keys(of ?? {}).filter(key => key !== 'rtt')
  return { keys: keys(metric), status, requestor: keys(requestor), responder: keys(responder) }
}

const shownConf = `accounts {
  A {
    users: [{ user: a, password: pw }]
    imports: [
      { stream: { account: B, subject: "foo.*" }, to: "in.$1" }
      { service: { account: B, subject: help }, to: my.help, share: true }
      { service: { account: B, subject: "req.*" }, to: "r.*" }
    ]
  }
  B {
    users: [{ user: b, password: pw }]
    exports: [
      { stream: "foo.>" }
      { stream: priv, accounts: [A] }
      { service: help, latency: { subject: lat, sampling: "50%" } }
      { service: "req.*", accounts: [A], response: stream }
    ]
    mappings {
      src: dst
      "w.*": [{ dest: "x.$1", weight: 20 }, { dest: "y.$1", weight: "30%" }]
      c: [{ dest: d, weight: 10, cluster: east }]
    }
  }
}`

/** Rows in the order of their texts: nats-server's is that of a Go map. */
async function shownOf(port: number, account: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/accountz?acc=${account}`)
  const { account_detail } = (await response.json()) as Record<string, Record<string, unknown>>
  const { mappings, exports, imports } = account_detail as Record<string, unknown[]>
  const sorted = (rows: unknown[] | undefined) => rows?.map(row => JSON.stringify(row)).sort()
  return { mappings, exports: sorted(exports), imports: sorted(imports) }
}

spec('accounts that share', it => {
  it(
    'official clients use JetStream of another account',
    async () => {
      const edge = await startEdge({ conf, jetstream: true })
      try {
        await jetstreamOf(edge.port)
      } finally {
        await edge.stop()
      }
    },
    programsMsMax,
  )
  it(
    'nats-server does the same',
    async () => {
      const hub = await startHub({ conf, jetstream: true, version: '2.10' })
      try {
        await jetstreamOf(hub.port)
      } finally {
        await hub.stop()
      }
    },
    programsMsMax,
  )
  it(
    '/accountz shows what nats-server shows',
    async () => {
      const edge = await startEdge({ conf: shownConf, monitor: true })
      const hub = await startHub({ conf: shownConf, monitor: true, version: '2.10' })
      try {
        for (const name of ['A', 'B']) {
          assert.equal(await shownOf(edge.monitorPort, name), await shownOf(hub.monitorPort, name))
        }
      } finally {
        await Promise.all([edge.stop(), hub.stop()])
      }
    },
    programsMsMax,
  )
  it(
    'the latency of an answer is told as nats-server tells it',
    async () => {
      const edge = await startEdge({ conf, jetstream: true })
      const hub = await startHub({ conf, jetstream: true, version: '2.10' })
      try {
        assert.equal(await latencyOf(edge.port), await latencyOf(hub.port))
      } finally {
        await Promise.all([edge.stop(), hub.stop()])
      }
    },
    programsMsMax,
  )
})
