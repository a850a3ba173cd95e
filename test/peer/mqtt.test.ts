// Real MQTT clients, MQTT.js and mosquitto's, with the broker as a process of its own: killed in
// between, and side by side with nats-server's own MQTT.

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect as dial } from 'node:net'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect as natsConnect } from '@nats-io/transport-node'
import { connect, connectAsync, type MqttClient } from 'mqtt'
import * as assert from 'uvu/assert'
import { newCertificates } from '../support/certificates.ts'
import { scratch } from '../support/directory.ts'
import { type Edge, startEdge } from '../support/edge.ts'
import { natsServer, program } from '../support/peers.ts'
import { freePorts } from '../support/ports.ts'
import { run, start } from '../support/process.ts'
import { spec } from '../support/spec.ts'

/** Cases start several programs, maybe on a busy machine. */
const programsMsMax = 90_000

type Options = Parameters<typeof connectAsync>[1]

function client(port: number, options: Options = {}): Promise<MqttClient> {
  return connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0, ...options })
}

/** Collects what a client receives, as `topic payload`; `until(n)` waits for the n-th. */
function collect(from: MqttClient) {
  const lines: string[] = []
  const waiting = new Set<() => void>()
  from.on('message', (topic, payload, packet) => {
    const flags = packet.retain ? ' retain' : ''
    lines.push(`${topic} q${packet.qos}${flags} ${payload}`)
    for (const look of waiting) look()
  })
  const until = (count: number) =>
    new Promise<void>(resolve => {
      const look = () => {
        if (lines.length < count) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  return { lines, until }
}

/** A client and what it receives from the very first packet on. */
async function listening(port: number, options: Options) {
  const mqtt = connect(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0, ...options })
  const got = collect(mqtt)
  await new Promise(resolve => mqtt.once('connect', resolve))
  return { mqtt, got }
}

/** Its output comes line by line, not when its buffer is full. */
const lively = ([command, args]: readonly [string, string[]]) =>
  [program('stdbuf'), ['-oL', command, ...args]] as const

const mosquitto = (port: number, name: 'pub' | 'sub', ...args: string[]) =>
  [program(`mosquitto_${name}`), ['-h', '127.0.0.1', '-p', String(port), ...args]] as [
    string,
    string[],
  ]

spec('mqtt with MQTT.js and mosquitto', (it, hooks) => {
  let edge: Edge
  hooks.before(async () => {
    edge = await startEdge({ jetstream: true, mqtt: true, monitor: true })
  })
  hooks.after(async () => {
    await edge.stop()
  })

  it(
    'carries every QoS between both clients',
    async () => {
      const sub = await client(edge.mqttPort)
      const got = collect(sub)
      assert.is((await sub.subscribeAsync('m/#', { qos: 1 }))[0]?.qos, 1)
      for (const qos of ['0', '1', '2']) {
        await run(...mosquitto(edge.mqttPort, 'pub', '-t', `m/${qos}`, '-m', 'hi', '-q', qos))
      }
      await got.until(3)
      assert.equal(got.lines, ['m/0 q0 hi', 'm/1 q1 hi', 'm/2 q1 hi'])
      const other = await start(
        ...lively(mosquitto(edge.mqttPort, 'sub', '-t', 'j/+', '-q', '1', '-v', '-C', '3', '-d')),
        'SUBACK',
      )
      for (const qos of [0, 1, 2] as const) await sub.publishAsync(`j/${qos}`, 'ho', { qos })
      await other.exited
      for (const qos of [0, 1, 2]) assert.ok(other.output().includes(`j/${qos} ho`), `${qos}`)
      await sub.endAsync()
    },
    programsMsMax,
  )

  it(
    'retains, and tells of a client that went without a word',
    async () => {
      const pub = await client(edge.mqttPort)
      await pub.publishAsync('r/1', 'kept', { qos: 1, retain: true })
      const will = ['--will-topic', 'r/will', '--will-payload', 'bye']
      const gone = await start(
        ...lively(mosquitto(edge.mqttPort, 'sub', '-t', 'x', '-d', ...will)),
        'SUBACK',
      )
      const sub = await client(edge.mqttPort)
      const got = collect(sub)
      await sub.subscribeAsync('r/#', { qos: 1 })
      await got.until(1)
      await gone.stop('SIGKILL')
      await got.until(2)
      assert.equal(got.lines, ['r/1 q1 retain kept', 'r/will q0 bye'])
      await pub.endAsync()
      await sub.endAsync()
    },
    programsMsMax,
  )

  it(
    'meets NATS clients on the same subjects, with real QoS 1 on the way to MQTT',
    async () => {
      const nats = await natsConnect({ servers: edge.url })
      const heard = nats.subscribe('s.>', { max: 2 })
      const mqtt = await client(edge.mqttPort)
      const got = collect(mqtt)
      await mqtt.subscribeAsync('s/#', { qos: 1 })
      await mqtt.publishAsync('s/a.b/', 'up', { qos: 1 })
      nats.publish('s.c', 'down')
      await nats.flush()
      await got.until(2)
      assert.equal(got.lines, ['s/a.b/ q1 up', 's/c q1 down'])
      const subjects: string[] = []
      for await (const message of heard) {
        subjects.push(`${message.subject} ${message.headers?.get('Nmqtt-Pub') ?? ''}`)
      }
      assert.equal(subjects, ['s.a//b./ 1', 's.c '])
      await mqtt.endAsync()
      await nats.close()
    },
    programsMsMax,
  )

  it(
    'keeps the session of a client that is away through kill -9',
    async () => {
      const kept = { clean: false, clientId: 'kept' }
      const before = await client(edge.mqttPort, kept)
      await before.subscribeAsync('k/#', { qos: 1 })
      await before.endAsync()
      const mosquittoKept = ['-i', 'mosq', '-c', '-q', '1', '-t', 'k/#', '-v']
      await run(...mosquitto(edge.mqttPort, 'sub', ...mosquittoKept, '-E'))
      const pub = await client(edge.mqttPort)
      for (let i = 0; i < 50; i++) await pub.publishAsync('k/n', `${i}`, { qos: 1 })
      await pub.publishAsync('k/retained', 'r', { qos: 1, retain: true })
      pub.end(true)
      await edge.restart('SIGKILL')

      const { mqtt: after, got } = await listening(edge.mqttPort, kept)
      await got.until(51)
      assert.equal(
        got.lines,
        [...Array(50).keys()].map(i => `k/n q1 ${i}`).concat('k/retained q1 r'),
      )
      await after.endAsync()
      const out = await run(...mosquitto(edge.mqttPort, 'sub', ...mosquittoKept, '-C', '51'))
      assert.ok(out.includes('k/n 0\n') && out.includes('k/n 49\n'))
      const late = await client(edge.mqttPort)
      const retained = collect(late)
      await late.subscribeAsync('k/+')
      await retained.until(1)
      assert.equal(retained.lines, ['k/retained q0 retain r'])
      await late.endAsync()
    },
    programsMsMax,
  )

  it(
    'acknowledges what a stream captures only when it is on disk',
    async () => {
      const nats = await natsConnect({ servers: edge.url })
      const manager = await jetstreamManager(nats)
      await manager.streams.add({ name: 'READINGS', subjects: ['d.>'] })
      await nats.close()
      const pub = await client(edge.mqttPort)
      let acknowledged = 0
      for (let i = 0; i < 2000; i++) {
        pub.publish('d/x', `${i}`, { qos: 1 }, error => {
          if (!error) acknowledged++
        })
      }
      while (acknowledged < 500) await new Promise(resolve => pub.once('packetreceive', resolve))
      await edge.restart('SIGKILL')
      pub.end(true)
      const again = await natsConnect({ servers: edge.url })
      const { state } = await (await jetstreamManager(again)).streams.info('READINGS')
      assert.ok(state.messages >= acknowledged, `${state.messages} of ${acknowledged}`)
      await again.close()
    },
    programsMsMax,
  )

  it(
    'lets garbage on the listener disturb nobody',
    async () => {
      const calm = await client(edge.mqttPort)
      const got = collect(calm)
      await calm.subscribeAsync('g')
      const garbage = ['', 'GET / HTTP/1.1\r\n\r\n', '\x10\xff\xff\xff\xff', '\0'.repeat(5000)]
      for (let i = 0; i < 40; i++) {
        const text = garbage[i % garbage.length] as string
        const socket = dial(edge.mqttPort, '127.0.0.1')
        socket.on('error', () => undefined)
        socket.end(Buffer.from(i > 20 ? text + String.fromCharCode(i).repeat(i) : text, 'latin1'))
        await once(socket, 'close')
      }
      await calm.publishAsync('g', 'still here')
      await got.until(1)
      const view = await (await fetch(`http://127.0.0.1:${edge.monitorPort}/edgez`)).json()
      const { mqtt } = view as { mqtt: { connections: number; violations: number } }
      assert.is(mqtt.connections, 1)
      assert.ok(mqtt.violations >= 20)
      await calm.endAsync()
    },
    programsMsMax,
  )
})

spec('mqtt users', it => {
  const conf = `authorization { users: [
    { user: all, password: a }
    { user: few, password: f, permissions: { publish: "ok.>", subscribe: { allow: ["ok.>"], deny: "ok.no" } } }
  ] }`

  it(
    'refuses wrong passwords with code 5 and holds users to their permissions',
    async () => {
      const edge = await startEdge({ jetstream: true, mqtt: true, conf })
      const { mqttPort } = edge
      for (const wrong of [{}, { username: 'all', password: 'x' }]) {
        const error = await client(mqttPort, wrong).then(
          () => null,
          (failure: { code?: unknown }) => failure,
        )
        assert.is(error?.code, 5)
      }
      const all = await client(mqttPort, { username: 'all', password: 'a' })
      const few = await client(mqttPort, { username: 'few', password: 'f' })
      const [heard, seen] = [collect(all), collect(few)]
      await all.subscribeAsync('#', { qos: 1 })
      const refused = await few.subscribeAsync('other/#').catch(() => 'refused')
      assert.is(refused, 'refused')
      await few.subscribeAsync('ok/#', { qos: 1 })
      await few.publishAsync('other/x', 'dropped', { qos: 1 })
      await few.publishAsync('ok/x', 'fine', { qos: 1 })
      await all.publishAsync('ok/no', 'hidden', { qos: 1 })
      await all.publishAsync('ok/yes', 'shown', { qos: 1 })
      await heard.until(3)
      await seen.until(2)
      assert.equal(heard.lines, ['ok/x q1 fine', 'ok/no q1 hidden', 'ok/yes q1 shown'])
      assert.equal(seen.lines, ['ok/x q1 fine', 'ok/yes q1 shown'])
      await Promise.all([all.endAsync(), few.endAsync()])
      await edge.stop()
    },
    programsMsMax,
  )

  it(
    'takes the block’s own user and a user for clients without credentials',
    async () => {
      const own = await startEdge({
        jetstream: true,
        mqtt: 'authorization { user: dev, pass: d }',
      })
      await (await client(own.mqttPort, { username: 'dev', password: 'd' })).endAsync()
      assert.is(
        await client(own.mqttPort).then(
          () => 'in',
          () => 'out',
        ),
        'out',
      )
      await own.stop()
      const edge = await startEdge({ jetstream: true, mqtt: 'no_auth_user: few', conf })
      const anonymous = await client(edge.mqttPort)
      assert.is(
        await anonymous.subscribeAsync('other').then(
          () => 'in',
          () => 'out',
        ),
        'out',
      )
      await anonymous.endAsync()
      await edge.stop()
    },
    programsMsMax,
  )

  it(
    'speaks TLS',
    async () => {
      const { ca, serverCert, serverKey } = newCertificates()
      const tls = `tls { cert_file: "${serverCert}", key_file: "${serverKey}" }`
      const edge = await startEdge({ jetstream: true, mqtt: tls })
      const args = ['--cafile', ca, '-t', 'a', '-m', 'x', '-q', '1']
      await run(...mosquitto(edge.mqttPort, 'pub', ...args))
      const plain = dial(edge.mqttPort, '127.0.0.1')
      plain.on('error', () => undefined)
      plain.write(Buffer.from('100d00044d5154540402003c000161', 'hex'))
      let answer = ''
      plain.on('data', chunk => {
        answer += chunk.toString('hex')
      })
      await once(plain, 'close')
      assert.not.ok(answer.includes('2002'), 'CONNACK without TLS')
      await edge.stop()
    },
    programsMsMax,
  )
})

spec('mqtt beside nats-server', it => {
  const topics = ['a', 'a/b', '/a', 'a/', '/', 'a//b', '//a', 'x//y.z/', 'a.b', './a', '/.a', 'é/b']
  const subjects = ['n.a', 'n./.b', 'n.b./', 'n.c//d', 'n./', 'n.a/b', 'n.a.b']
  const filters = ['#', '+/b', 'a/#', '/+', '+', 'a/+/b', '$x/#', 'a b', 'a//+']

  /** What a broker makes of them. */
  async function talk(natsUrl: string, mqttPort: number): Promise<object> {
    const nats = await natsConnect({ servers: natsUrl })
    const toNats: string[] = []
    const sub = nats.subscribe('>', {
      callback: (_, message) => {
        if (message.subject.startsWith('$')) return
        const qos = message.headers?.get('Nmqtt-Pub')
        toNats.push(`${message.subject} ${qos} ${message.string()}`)
      },
    })
    await nats.flush()
    const mqtt = await client(mqttPort, { clientId: 'compare' })
    for (const topic of topics) {
      await mqtt.publishAsync(topic, topic, { qos: 0 })
      await mqtt.publishAsync(topic, topic, { qos: 1 })
    }
    await nats.flush()
    sub.unsubscribe()
    const toMqtt: string[][] = []
    for (const filter of filters) {
      const listener = await client(mqttPort, { clientId: `f${filters.indexOf(filter)}` })
      const got = collect(listener)
      const granted = await listener.subscribeAsync(filter, { qos: 0 }).catch(() => null)
      for (const topic of [...topics, '$x/y']) await mqtt.publishAsync(topic, '', { qos: 1 })
      if (filter === '#') {
        for (const subject of subjects) nats.publish(subject, '')
        await nats.flush()
      }
      await listener.publishAsync('end', '')
      await listener.subscribeAsync('end')
      await listener.publishAsync('end', 'now')
      while (!got.lines.some(line => line.startsWith('end') && line.endsWith('now'))) {
        await got.until(got.lines.length + 1)
      }
      toMqtt.push([filter, granted ? 'granted' : 'refused', ...got.lines])
      await listener.endAsync()
    }
    await mqtt.endAsync()
    await nats.close()
    return { toNats, toMqtt }
  }

  it(
    'maps topics, subjects and filters as nats-server 2.10 does',
    async () => {
      const dir = scratch('nats-mqtt')
      const [port, mqttPort] = (await freePorts(2)) as [number, number]
      const conf = join(dir, 'nats.conf')
      writeFileSync(
        conf,
        `listen: "127.0.0.1:${port}"\nserver_name: peer\njetstream { store_dir: "${dir}/js" }
       mqtt { listen: "127.0.0.1:${mqttPort}" }`,
      )
      const peer = await start(natsServer('2.10'), ['-c', conf], 'Server is ready')
      const edge = await startEdge({ jetstream: true, mqtt: true })
      const theirs = await talk(`nats://127.0.0.1:${port}`, mqttPort)
      const ours = await talk(edge.url, edge.mqttPort)
      await peer.stop()
      await edge.stop()
      assert.equal(ours, theirs)
    },
    programsMsMax,
  )
})
