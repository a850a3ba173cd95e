// What accounts may store: the same requests to nats-server and to us, the same answers.

import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from '@nats-io/transport-node'
import { connect as connectMqtt, connectAsync } from 'mqtt'
import * as assert from 'uvu/assert'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import type { NatsVersion } from '../support/peers.ts'
import { spec } from '../support/spec.ts'
import { ask, type Say } from './jetstream-talk.ts'

const accounts = (limits: string) => `
accounts {
  A { users: [ { user: a, password: pw } ], jetstream: ${limits} }
  B { users: [ { user: b, password: pw } ] }
}`

const limits = `{ max_mem: 1000, max_store: 4000, max_streams: 3, max_consumers: 1
  max_ack_pending: 20, disk_max_stream_bytes: 3000 }`

const serverLimits = 'limits { max_ack_pending: 15, max_request_batch: 7, duplicate_window: "1m" }'

const hundred = 'x'.repeat(100)
const create = (name: string, config: Record<string, unknown> = {}): Say => [
  `$JS.API.STREAM.CREATE.${name}`,
  { name, subjects: [`${name}.>`], ...config },
]
const consumer = (stream: string, name: string, config: Record<string, unknown> = {}): Say => [
  `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${name}`,
  { stream_name: stream, config: { durable_name: name, ack_policy: 'explicit', ...config } },
]

const says: readonly Say[] = [
  create('D', { max_bytes: 3001 }),
  create('D', { max_bytes: 3000 }),
  create('E', { max_bytes: 1001 }),
  create('E', { max_bytes: 1000 }),
  create('F'),
  create('M', { storage: 'memory', max_bytes: 1001 }),
  create('M', { storage: 'memory', max_consumers: 2 }),
  create('M', { storage: 'memory', duplicate_window: 120e9 }),
  create('M', { storage: 'memory' }),
  create('N', { storage: 'memory' }),
  ...Array.from({ length: 9 }, (): Say => ['M.a', hundred]),
  ['$JS.API.STREAM.PURGE.M', { keep: 2 }],
  ['M.a', hundred],
  consumer('M', 'C', { max_ack_pending: 16 }),
  consumer('M', 'C', { max_batch: 8 }),
  consumer('M', 'C'),
  consumer('M', 'D'),
  ['$JS.API.STREAM.UPDATE.D', { name: 'D', subjects: ['D.>'], max_bytes: 3000, max_msgs: 5 }],
  ['$JS.API.STREAM.UPDATE.D', { name: 'D', subjects: ['D.>'], max_bytes: 3001 }],
  ['$JS.API.INFO'],
]

/** Newer servers say more. */
function told(answer: string): string {
  return answer
    .replace(/"api":\{[^}]*\}/g, '"api":{}')
    .replace(/,"(metadata|limits_markers)":\{[^}]*\}/g, '')
}

async function conversation(port: number): Promise<string[]> {
  const nc = await connect({ port, user: 'a', pass: 'pw' })
  const other = await connect({ port, user: 'b', pass: 'pw' })
  try {
    const answers: string[] = []
    for (const say of says) answers.push(told(await ask(nc, say)))
    answers.push(told(await ask(other, ['$JS.API.INFO'])))
    return answers
  } finally {
    await nc.close()
    await other.close()
  }
}

const codeOf = (answer: string) => /"err_code":(\d+)/.exec(answer)?.[1] ?? ''

spec('limits of accounts', it => {
  for (const version of ['2.10', 'newest'] satisfies NatsVersion[]) {
    it(`as nats-server ${version}`, async () => {
      const conf = accounts(limits)
      const hub = await startHub({ version, conf, jetstream: true, jetstreamConf: serverLimits })
      const edge = await startEdge({ conf, jetstream: true, jetstreamConf: serverLimits })
      try {
        const [theirs, ours] = [await conversation(hub.port), await conversation(edge.port)]
        if (version === 'newest') assert.equal(ours, theirs)
        else assert.equal(ours.map(codeOf), theirs.map(codeOf))
      } finally {
        await edge.stop()
        await hub.stop()
      }
    })
  }

  it('sessions and retained messages of MQTT are no streams and count for none', async () => {
    const conf = accounts('{ max_store: 300, max_mem: 1, max_streams: 1 }')
    const edge = await startEdge({ conf, jetstream: true, mqtt: true })
    const mqtt = (clientId: string, clean: boolean) =>
      connectAsync(`mqtt://127.0.0.1:${edge.mqttPort}`, {
        clientId,
        clean,
        username: 'a',
        password: 'pw',
        reconnectPeriod: 0,
      })
    const nc = await connect({ port: edge.port, user: 'a', pass: 'pw' })
    try {
      const away = await mqtt('away', false)
      await away.subscribeAsync('t/#', { qos: 1 })
      await away.endAsync()
      const device = await mqtt('device', true)
      for (let i = 0; i < 20; i++) {
        await device.publishAsync(`t/${i}`, hundred, { qos: 1, retain: true })
      }
      assert.match(await ask(nc, ['$JS.API.INFO']), /"memory":0,"storage":0,.*"streams":0,/)
      assert.match(await ask(nc, create('D')), '"did_create":true')
      assert.match(await ask(nc, create('E')), '10027')
      for (let i = 0; i < 2; i++) assert.match(await ask(nc, ['D.a', hundred]), '"seq"')
      assert.match(await ask(nc, ['D.a', hundred]), '10002')
      // A full account keeps no message from a session either.
      await device.publishAsync('t/last', hundred, { qos: 1, retain: true })
      const back = connectMqtt(`mqtt://127.0.0.1:${edge.mqttPort}`, {
        clientId: 'away',
        clean: false,
        username: 'a',
        password: 'pw',
        reconnectPeriod: 0,
      })
      const topics: string[] = []
      await new Promise<void>(resolve => {
        back.on('message', topic => {
          topics.push(topic)
          if (topic === 't/last') resolve()
        })
      })
      assert.is(topics.length, 21)
      await back.endAsync()
      await device.endAsync()
    } finally {
      await nc.close()
      await edge.stop()
    }
  })

  it('a reload gives, changes and takes streams; a restart keeps the count', async () => {
    const edge = await startEdge({ conf: accounts('{ max_store: 400 }'), jetstream: true })
    const base = accounts('{ max_store: 400 }')
    const text = readFileSync(edge.conf, 'utf8')
    const reload = async (now: string) => {
      const from = edge.process.output().length
      writeFileSync(edge.conf, text.replace(base, now))
      process.kill(edge.process.pid, 'SIGHUP')
      await edge.process.waitFor('Reloaded server configuration', 5000, from)
    }
    const say = async (what: Say) => {
      const nc = await connect({ port: edge.port, user: 'a', pass: 'pw' })
      try {
        return await ask(nc, what)
      } finally {
        await nc.close()
      }
    }
    try {
      await say(create('D'))
      for (let i = 0; i < 2; i++) assert.match(await say(['D.a', hundred]), '"seq"')
      assert.match(await say(['D.a', hundred.repeat(2)]), '10002')
      await edge.restart()
      assert.match(await say(['D.a', hundred.repeat(2)]), '10002')
      await reload(accounts('{ max_store: 600 }'))
      assert.match(await say(['D.a', hundred.repeat(2)]), '"seq":3')
      await reload(accounts('disabled'))
      assert.match(await say(['$JS.API.INFO']), '10039')
      await reload(accounts('enabled'))
      assert.match(await say(['D.a', hundred]), '"seq":4')
    } finally {
      await edge.stop()
    }
  })
})
