// Monitoring of the whole program beside that of a real nats-server with the same config and the
// same guests: every field that its readers know is there, in its place and of its type.

import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import mqtt from 'mqtt'
import * as assert from 'uvu/assert'
import { Closers } from '../../src/base/closers.ts'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { freePort } from '../support/ports.ts'
import { spec } from '../support/spec.ts'

interface Watched {
  readonly url: string
  readonly mqttPort: number
  readonly monitorPort: number
}

/** Where a field may differ: what only one of the two has, and why. */
const onlyTheirs: Readonly<Record<string, string>> = {
  'varz.cluster.name': 'made up for a server with remotes; we are in no cluster',
  'jsz.account_details.stream_detail.cluster.name': 'the same name',
  'varz.jetstream.config.sync_interval': 'we sync always and say so',
  'jsz.config.sync_interval': 'the same',
}

type Fields = Map<string, string>

/** `path: type` of every field; those of all elements of a list come together. */
function fieldsOf(value: unknown, path: string, into: Fields = new Map()): Fields {
  if (Array.isArray(value)) {
    into.set(path, 'list')
    for (const inside of value) fieldsOf(inside, path, into)
  } else if (value !== null && typeof value === 'object') {
    for (const [key, inside] of Object.entries(value)) fieldsOf(inside, `${path}.${key}`, into)
  } else into.set(path, typeof value)
  return into
}

async function fields(watched: Watched, path: string): Promise<Fields> {
  const answer = await fetch(`http://127.0.0.1:${watched.monitorPort}/${path}`)
  assert.is(answer.status, 200, path)
  const name = path.replace(/\?.*/, '')
  const all = fieldsOf(JSON.parse(await answer.text(), withoutMqttStreams), name)
  // Which paths were asked for is the test's doing.
  for (const key of all.keys()) if (key.startsWith('varz.http_req_stats.')) all.delete(key)
  return all
}

/** nats-server keeps its MQTT sessions in streams; ours are in no stream. */
function withoutMqttStreams(_: string, value: unknown): unknown {
  if (!Array.isArray(value)) return value
  return value.filter(one => !String(one?.name ?? '').startsWith('$MQTT_'))
}

/** A stream with a consumer, an MQTT device and a named client. */
async function furnish(watched: Watched, closers: Closers): Promise<void> {
  const nats = await connect({ servers: watched.url, name: 'guest' })
  closers.add(nats)
  const manager = await jetstreamManager(nats)
  await manager.streams.add({ name: 'S', subjects: ['s'] })
  await manager.consumers.add('S', { durable_name: 'C', ack_policy: 'explicit' })
  nats.subscribe('a.*', { queue: 'q', callback: () => {} })
  await nats.flush()
  const device = await mqtt.connectAsync(`mqtt://127.0.0.1:${watched.mqttPort}`, {
    clientId: 'dev',
  })
  closers.add({ close: () => device.endAsync(true) })
}

const paths = [
  'varz',
  'connz?subs=detail&auth=1',
  'connz?subs=1',
  'connz?mqtt_client=dev',
  'leafz',
  'subsz',
  'jsz',
  'jsz?config=1',
  'jsz?accounts=1&streams=1&consumers=1&config=1',
  'healthz',
  'healthz?account=$G&stream=S&consumer=C',
]

spec('monitoring', it => {
  it('has the fields of a nats-server with the same config', async () => {
    const closers = new Closers()
    try {
      const hub = await startHub({ version: '2.10', leaf: true })
      closers.add({ close: () => hub.stop().then(() => {}) })
      const remotes = [`nats-leaf://127.0.0.1:${hub.leafPort}`]
      const mqttPort = await freePort()
      const real = await startHub({
        version: '2.10',
        name: 'real',
        jetstream: 'real',
        monitor: true,
        conf: `leafnodes { remotes: [ { url: "${remotes[0]}" } ] }
mqtt { listen: "127.0.0.1:${mqttPort}" }`,
      })
      closers.add({ close: () => real.stop().then(() => {}) })
      const edge = await startEdge({ jetstream: 'edge', mqtt: true, monitor: true, remotes })
      closers.add({ close: () => edge.stop().then(() => {}) })
      await real.process.waitFor('Leafnode connection created')
      await edge.process.waitFor('Leafnode connection created')
      const theirs: Watched = { ...real, url: real.url, monitorPort: real.monitorPort, mqttPort }
      await furnish(theirs, closers)
      await furnish(edge, closers)
      const missing: string[] = []
      for (const path of paths) {
        const ours = await fields(edge, path)
        for (const [field, type] of await fields(theirs, path)) {
          if (field in onlyTheirs) continue
          const own = ours.get(field)
          if (own !== type) missing.push(`${path}: ${field} is ${own ?? 'missing'}, not ${type}`)
        }
      }
      assert.is(missing.join('\n'), '')
    } finally {
      await closers.close()
    }
  })
})
