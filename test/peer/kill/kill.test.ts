// kill -9 under load, again and again on the same store: whatever clients were told holds, in
// every later life of the server.
//
// KILL_ROUNDS=n kills n times (3 by default).

import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { connect, nanos } from '@nats-io/transport-node'
import { connect as dialMqtt } from 'mqtt'
import * as assert from 'uvu/assert'
import { type Edge, startEdge } from '../../support/edge.ts'
import { spec } from '../../support/spec.ts'
import { Ledger } from './ledger.ts'
import { Load, subscriber } from './load.ts'

const rounds = Number(process.env.KILL_ROUNDS ?? 3)
const roundMsMax = 60_000
const loadMsMin = 200
const loadMsMax = 1200
const ackWaitMs = 1000
const shownMax = 5

spec('kill -9 under load', it => {
  it(
    'keeps every promise',
    async () => {
      const edge = await startEdge({ jetstream: true, mqtt: true })
      const ledger = new Ledger()
      try {
        await prepare(edge)
        for (let round = 1; round <= rounds; round++) {
          const load = new Load(edge, ledger)
          await load.start()
          const ms = loadMsMin + Math.random() * (loadMsMax - loadMsMin)
          await new Promise(resolve => setTimeout(resolve, ms))
          await edge.stop('SIGKILL')
          await load.end()
          await edge.restart()
          await check(edge, ledger)
          assert.equal(ledger.wrong.slice(0, shownMax), [], `round ${round}, after ${ms} ms`)
        }
        const { log, done, sent, cells } = ledger
        const told = [log.size, done.size, sent.size, cells.size]
        assert.ok(Math.min(...told) > 0, `told: ${told.join()}`)
        console.log(`${rounds} rounds: ${told.join(', ')} logged, done, sent, keys`)
      } finally {
        await edge.stop('SIGKILL')
      }
    },
    rounds * roundMsMax,
  )
})

async function prepare(edge: Edge): Promise<void> {
  const nats = await connect({ servers: edge.url })
  const manager = await jetstreamManager(nats)
  await manager.streams.add({ name: 'LOG', subjects: ['log.>'] })
  await manager.streams.add({
    name: 'JOBS',
    subjects: ['job.>'],
    retention: 'workqueue' as never,
  })
  await manager.consumers.add('JOBS', {
    durable_name: 'worker',
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: 10_000,
  })
  await new Kvm(nats).create('bucket', { history: 5 })
  await nats.close()
  const device = dialMqtt(`mqtt://127.0.0.1:${edge.mqttPort}`, subscriber)
  await device.subscribeAsync('m/#', { qos: 1 })
  await device.endAsync()
}

async function check(edge: Edge, ledger: Ledger): Promise<void> {
  await checkLog(edge, ledger)
  await checkJobs(edge, ledger)
  await checkBucket(edge, ledger)
  await checkDevices(edge, ledger)
}

async function checkLog(edge: Edge, ledger: Ledger): Promise<void> {
  const nats = await connect({ servers: edge.url })
  try {
    const js = jetstream(nats)
    const { state } = await (await jetstreamManager(nats)).streams.info('LOG')
    const payloads = new Set<string>()
    const seen = new Map<number, string>()
    if (state.messages > 0) {
      const consumer = await js.consumers.get('LOG')
      for await (const m of await consumer.consume({ max_messages: 1000 })) {
        const payload = m.string()
        if (payloads.has(payload)) ledger.wrong.push(`${payload} is there twice`)
        payloads.add(payload)
        seen.set(m.seq, payload)
        if (m.info.pending === 0) break
      }
    }
    for (const [seq, payload] of ledger.log) {
      if (seen.get(seq) !== payload) {
        ledger.wrong.push(`${seq} is ${seen.get(seq)}, told as ${payload}`)
      }
    }
    for (const [seq, payload] of seen) ledger.logged(seq, payload)
    // Old ones have been checked often enough.
    if (state.last_seq > 50_000) {
      await (await jetstreamManager(nats)).streams.purge('LOG')
      ledger.log.clear()
    }
  } finally {
    await nats.close()
  }
}

async function checkJobs(edge: Edge, ledger: Ledger): Promise<void> {
  const nats = await connect({ servers: edge.url })
  try {
    const consumer = await jetstream(nats).consumers.get('JOBS', 'worker')
    const came = new Set<string>()
    for await (const m of await consumer.consume({ max_messages: 500 })) {
      const payload = m.string()
      ledger.finished(payload)
      came.add(payload)
      ledger.acking.add(payload)
      if (await m.ackAck({ timeout: 5000 })) ledger.done.add(payload)
      if (m.info.pending > 0) continue
      const { num_pending, num_ack_pending } = await consumer.info()
      if (num_pending === 0 && num_ack_pending === 0) break
    }
    for (const payload of ledger.jobs) {
      if (!came.has(payload) && !ledger.acking.has(payload)) ledger.wrong.push(`${payload} is lost`)
    }
    ledger.jobs.clear()
    const { state } = await (await jetstreamManager(nats)).streams.info('JOBS')
    if (state.messages > 0) ledger.wrong.push(`${state.messages} jobs are left in the queue`)
  } finally {
    await nats.close()
  }
}

async function checkBucket(edge: Edge, ledger: Ledger): Promise<void> {
  const nats = await connect({ servers: edge.url })
  try {
    const kv = await new Kvm(nats).open('bucket')
    for (const [key, cell] of ledger.cells) {
      if (key.startsWith('m/')) continue
      const value = (await kv.get(key))?.string()
      if (!cell.allows(value)) ledger.wrong.push(`${key} is ${value}, not ${cell.text}`)
    }
  } finally {
    await nats.close()
  }
}

/** The subscriber comes back and has all that waited; then a new one sees what is retained. */
async function checkDevices(edge: Edge, ledger: Ledger): Promise<void> {
  const url = `mqtt://127.0.0.1:${edge.mqttPort}`
  const back = dialMqtt(url, subscriber)
  const fence = ledger.id('fence')
  await new Promise<void>((resolve, reject) => {
    back.on('error', reject)
    back.on('message', (_, payload) => {
      ledger.arrived.add(payload.toString())
      if (payload.toString() === fence) resolve()
    })
    back.publish('m/fence', fence, { qos: 1 })
  })
  await back.endAsync()
  for (const payload of ledger.sent) {
    if (!ledger.arrived.has(payload)) ledger.wrong.push(`${payload} did not arrive`)
  }
  const fresh = dialMqtt(url, { reconnectPeriod: 0 })
  const retained = new Map<string, string>()
  fresh.on('message', (topic, payload) => retained.set(topic, payload.toString()))
  await fresh.subscribeAsync('m/#', { qos: 0 })
  // What is retained comes before the answer to a later PING: a round trip is enough.
  await fresh.publishAsync('other', 'x', { qos: 1 })
  await fresh.endAsync()
  for (const [topic, cell] of ledger.cells) {
    if (!topic.startsWith('m/')) continue
    const value = retained.get(topic)
    if (!cell.allows(value)) ledger.wrong.push(`${topic} retains ${value}, not ${cell.text}`)
  }
}
