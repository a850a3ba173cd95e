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

/**
 * What only they have, and why. A pattern of the field, without the parameters it was asked with.
 */
const onlyTheirs: readonly (readonly [RegExp, string])[] = [
  [/^varz\.cluster\.name$/, '2.10 makes one up for a server with remotes'],
  [/\.cluster\.name$/, 'the same name, in streams'],
  [/\.config\.sync_interval$/, 'we sync always and say so'],
  [/^varz\.(git_commit|gomemlimit)$/, 'of a Go program'],
  [/^varz\.disk_io_wait_stats/, 'of Go: no thread waits for a disk here'],
  [/^varz\.feature_flags/, 'there are none'],
  [/^varz\.(cluster|leaf|gateway)\.write_(deadline|timeout)$/, 'not settable by kind'],
  [/^varz\.write_timeout$/, 'there is one way to end a write that takes too long'],
  [/\.limits\./, 'no default_max_consumers'],
  [/\.(sent|received)\.(gateways|routes|leafs)/, 'by kind on /metrics'],
  [/\.account_tag$/, 'the same as the account'],
  [/^connz\.connections\.name_tag$/, 'since 2.11 of the account; of a user with a JWT here'],
  [/^connz\.connections\.(stalls|proxy)/, 'as it comes'],
  [/\.account_detail\.(imports|exports)/, 'its services are not imports of the account here'],
  [/\.account_detail\.mappings\.\$JS\./, 'the domain is a subscription here, no mapping'],
  [/\.account_detail\.name_tag$/, 'its name again, without a JWT'],
  [/\.stream_detail\.cluster\./, 'a node alone'],
  [/\.config\.(metadata|allow_|persist_|pause_|priority_)/, 'of streams since 2.11'],
  [/\.(consumer_detail|stream_detail)\.(config\.)?(metadata|.*_ts|paused|ts)/, 'since 2.11'],
  [/^subsz\.(server_id|now|total|offset|limit)$/, '2.11 frames an empty list too'],
  [/^debug\/vars\.memstats\./, "figures of Go's allocator"],
  [/^varz\.mqtt\./, 'options of the version'],
]

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
  const gone = await connect({ servers: watched.url, name: 'gone' })
  gone.subscribe('b', { callback: () => {} })
  gone.publish('a.b')
  await gone.flush()
  await gone.close()
}

/** Everything a single node has, with the parameters that change the fields. */
const paths = [
  'varz',
  'connz?subs=detail&auth=1',
  'connz?subs=1',
  'connz?mqtt_client=dev',
  'connz?state=closed&subs=1&auth=1',
  'connz?state=any&subs=detail&sort=bytes_to',
  'connz?acc=$G&cid=5',
  'leafz?subs=1',
  'subsz',
  'subsz?subs=1&acc=$G&test=a.b',
  'routez?subs=detail',
  'gatewayz?accs=1',
  'accountz',
  'accountz?acc=$G',
  'accstatz?unused=1',
  'jsz',
  'jsz?config=1',
  'jsz?acc=$G&raft=1&stream-leader-only=1',
  'jsz?accounts=1&streams=1&consumers=1&direct-consumers=1&config=1',
  'ipqueuesz',
  'healthz',
  'healthz?account=$G&stream=S&consumer=C',
  'healthz?js-enabled-only=1',
  'healthz?details=1',
]

async function compare(version: '2.10' | '2.15'): Promise<void> {
  const closers = new Closers()
  try {
    const hub = await startHub({ version: '2.10', leaf: true })
    closers.add({ close: () => hub.stop().then(() => {}) })
    const remotes = [`nats-leaf://127.0.0.1:${hub.leafPort}`]
    const mqttPort = await freePort()
    const real = await startHub({
      version,
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
    await furnish({ ...real, url: real.url, monitorPort: real.monitorPort, mqttPort }, closers)
    await furnish(edge, closers)
    const missing: string[] = []
    for (const path of paths) {
      const ours = await fields(edge, path)
      for (const [field, type] of await fields({ ...real, mqttPort }, path)) {
        const own = ours.get(field)
        if (own === type || onlyTheirs.some(([pattern]) => pattern.test(field))) continue
        missing.push(`${path}: ${field} is ${own ?? 'missing'}, not ${type}`)
      }
    }
    assert.is(missing.join('\n'), '')
  } finally {
    await closers.close()
  }
}

const programsMsMax = 60_000

spec('monitoring', it => {
  for (const version of ['2.10', '2.15'] as const) {
    it(
      `has the fields of a nats-server ${version} with the same config and guests`,
      () => compare(version),
      programsMsMax,
    )
  }
})
