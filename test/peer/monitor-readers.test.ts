// What the tools that watch nats-servers read of us: nats-top and Telegraf decode whole answers into
// nats-server's own structures, the Prometheus exporter into some of its own. A field of another
// type, or an int with a fraction, would make Go refuse all of the answer.

import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { Closers } from '../../src/base/closers.ts'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'

/** How Go would read a field: `?` = it may be absent. */
type GoType = 'int' | 'uint' | 'float' | 'string' | 'bool' | 'time' | 'duration' | 'uptime'
type Shape = { readonly [field: string]: GoType | `${GoType}?` | Shape | readonly [Shape] }

const duration = /^(\d+h)?(\d+m)?(\d+(\.\d+)?(ns|µs|ms|s))?$/
const uptime = /^(\d+y)?(\d+d)?(\d+h)?(\d+m)?\d+s$/
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/

const checks: Readonly<Record<GoType, (value: unknown) => boolean>> = {
  int: Number.isSafeInteger,
  uint: value => Number.isSafeInteger(value) && Number(value) >= 0,
  float: Number.isFinite,
  string: value => typeof value === 'string',
  bool: value => typeof value === 'boolean',
  time: value => typeof value === 'string' && time.test(value),
  duration: value => typeof value === 'string' && value !== '' && duration.test(value),
  uptime: value => typeof value === 'string' && uptime.test(value),
}

function faults(value: unknown, shape: Shape, path: string): string[] {
  const fields = (value ?? {}) as Readonly<Record<string, unknown>>
  return Object.entries(shape).flatMap(([name, type]) => {
    const field = fields[name]
    const at = `${path}.${name}`
    if (typeof type === 'string') {
      if (field === undefined && type.endsWith('?')) return []
      const isRight = checks[type.replace('?', '') as GoType](field)
      return isRight ? [] : [`${at} is ${JSON.stringify(field)}, not ${type}`]
    }
    if (!Array.isArray(type)) return faults(field, type as Shape, at)
    if (!Array.isArray(field) || field.length === 0) return [`${at} is no list, or empty`]
    return field.flatMap((one, i) => faults(one, type[0] as Shape, `${at}[${i}]`))
  })
}

const traffic = { in_msgs: 'int', out_msgs: 'int', in_bytes: 'int', out_bytes: 'int' } as const

/** Telegraf's inputs.nats and nats-top. */
const varz: Shape = {
  ...traffic,
  server_id: 'string',
  server_name: 'string',
  version: 'string',
  proto: 'int',
  host: 'string',
  port: 'int',
  max_connections: 'int',
  ping_interval: 'int',
  ping_max: 'int',
  http_host: 'string',
  http_port: 'int',
  https_port: 'int',
  auth_timeout: 'float',
  max_control_line: 'int',
  max_payload: 'int',
  max_pending: 'int',
  tls_timeout: 'float',
  write_deadline: 'int',
  start: 'time',
  now: 'time',
  uptime: 'uptime',
  mem: 'int',
  cores: 'int',
  gomaxprocs: 'int',
  cpu: 'float',
  connections: 'int',
  total_connections: 'uint',
  routes: 'int',
  remotes: 'int',
  leafnodes: 'int',
  slow_consumers: 'int',
  subscriptions: 'uint',
  config_load_time: 'time',
  slow_consumer_stats: { clients: 'uint', routes: 'uint', gateways: 'uint', leafs: 'uint' },
  leaf: { remotes: [{ local_account: 'string', tls_timeout: 'float?' }] },
  mqtt: { port: 'int', ack_wait: 'int', max_ack_pending: 'uint', tls_timeout: 'float' },
  jetstream: {
    config: { max_memory: 'int', max_storage: 'int', store_dir: 'string' },
    stats: { memory: 'uint', storage: 'uint', accounts: 'int', api: { total: 'uint' } },
  },
}

/** nats-top and the exporter's connz_detailed. */
const connz: Shape = {
  now: 'time',
  num_connections: 'int',
  total: 'int',
  offset: 'int',
  limit: 'int',
  connections: [
    {
      ...traffic,
      cid: 'uint',
      kind: 'string',
      type: 'string?',
      ip: 'string',
      port: 'int',
      start: 'time',
      last_activity: 'time',
      rtt: 'duration',
      uptime: 'uptime',
      idle: 'uptime',
      pending_bytes: 'int',
      subscriptions: 'uint',
      name: 'string?',
      lang: 'string?',
      version: 'string?',
      authorized_user: 'string?',
    },
  ],
}

const exporter: Readonly<Record<string, Shape>> = {
  accstatz: {
    account_statz: [
      {
        acc: 'string',
        name: 'string',
        conns: 'int',
        leafnodes: 'int',
        total_conns: 'int',
        num_subscriptions: 'uint',
        sent: { msgs: 'int', bytes: 'int' },
        received: { msgs: 'int', bytes: 'int' },
        slow_consumers: 'int',
      },
    ],
  },
  'accountz?acc=$G': {
    account_detail: {
      account_name: 'string',
      update_time: 'time',
      is_system: 'bool?',
      expired: 'bool',
      complete: 'bool',
      jetstream_enabled: 'bool',
      leafnode_connections: 'int',
      client_connections: 'int',
      subscriptions: 'int',
    },
  },
  leafz: {
    leafnodes: 'int',
    leafs: [
      {
        ...traffic,
        name: 'string',
        account: 'string',
        ip: 'string',
        port: 'int',
        rtt: 'duration',
        subscriptions: 'int',
      },
    ],
  },
  subsz: {
    num_subscriptions: 'uint',
    num_cache: 'uint',
    num_inserts: 'uint',
    num_removes: 'uint',
    num_matches: 'uint',
    cache_hit_rate: 'float',
    max_fanout: 'uint',
    avg_fanout: 'float',
  },
  'jsz?accounts=true&config=true': {
    memory: 'uint',
    storage: 'uint',
    streams: 'int',
    consumers: 'int',
    messages: 'uint',
    bytes: 'uint',
    config: { max_memory: 'int', max_storage: 'int' },
    account_details: [{ name: 'string', id: 'string', memory: 'uint', storage: 'uint' }],
  },
  healthz: { status: 'string' },
  routez: { num_routes: 'int' },
  gatewayz: { server_id: 'string' },
}

const programsMsMax = 30_000

spec('readers of monitoring', it => {
  it(
    'find every field, of the type that Go decodes it into',
    async () => {
      const closers = new Closers()
      try {
        const hub = await startHub({ version: '2.10', leaf: true })
        closers.add({ close: () => hub.stop().then(() => {}) })
        const remotes = [`nats-leaf://127.0.0.1:${hub.leafPort}`]
        const edge = await startEdge({ jetstream: true, mqtt: true, monitor: true, remotes })
        closers.add({ close: () => edge.stop().then(() => {}) })
        await edge.process.waitFor('Leafnode connection created')
        const guest = await connect({ servers: edge.url, name: 'guest' })
        closers.add(guest)
        guest.subscribe('a', { callback: () => {} })
        await guest.flush()
        const all: Readonly<Record<string, Shape>> = {
          varz,
          'connz?limit=1024&sort=cid&subs=1': connz,
          'connz?state=any&sort=bytes_to&auth=1': connz,
          ...exporter,
        }
        for (const [path, shape] of Object.entries(all)) {
          const answer = await fetch(`http://127.0.0.1:${edge.monitorPort}/${path}`)
          assert.is(answer.status, 200, path)
          assert.is(faults(await answer.json(), shape, path).join('\n'), '')
        }
      } finally {
        await closers.close()
      }
    },
    programsMsMax,
  )
})
