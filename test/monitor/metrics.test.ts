// /metrics: every line by the grammar of Prometheus' text format, every figure where it belongs.

import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { brokerFamilies } from '../../src/monitor/broker-metrics.ts'
import { type Family, metricsText } from '../../src/monitor/metrics.ts'
import { startEdge } from '../support/edge.ts'
import { type ReadFamily, readExposition } from '../support/exposition.ts'
import { startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'
import { client, leaf, route, sources, startMs, subscription } from './sources.ts'

const programsMsMax = 60_000

const family = (samples: Family['samples']): Family => ({
  name: 'things',
  type: 'gauge',
  help: 'Things.',
  samples,
})

const figures = {
  nowWallMs: startMs + 90_000,
  nowMonotonicMs: 90_000,
  residentBytes: 1000,
  cpuPercent: 1.5,
  httpHost: '127.0.0.1',
  httpPort: 8222,
  httpBasePath: '',
  httpsPort: 0,
  requests: { '/varz': 3, '/metrics': 1 },
}

/** Every rule of ours on top of the format's. */
function checked(text: string): Map<string, ReadFamily> {
  const families = readExposition(text)
  for (const [name, { type, help, series }] of families) {
    assert.match(name, /^nats_edge_[a-z0-9]+(_[a-z0-9]+)*$/)
    assert.is(name.endsWith('_total'), type === 'counter', name)
    assert.match(help, /^[A-Z1].*\.$/, name)
    assert.ok(series.length > 0 && series.length <= 100, name)
    for (const { value } of series) assert.ok(Number.isFinite(value) && value >= 0, name)
  }
  return families
}

const shownBy = (families: Map<string, ReadFamily>, name: string, labels: object = {}) => {
  const wanted = JSON.stringify(labels)
  const series = families.get(`nats_edge_${name}`)?.series ?? []
  return series.find(one => JSON.stringify(one.labels) === wanted)?.value
}

spec('metrics text', it => {
  it('writes families as the format has them', () => {
    const text = metricsText([
      family([{ value: 1.5 }]),
      { ...family([{ labels: { a: 'x', b: 'y' }, value: 2 }]), name: 'others', type: 'counter' },
    ])
    assert.is(
      text,
      '# HELP nats_edge_things Things.\n# TYPE nats_edge_things gauge\nnats_edge_things 1.5\n' +
        '# HELP nats_edge_others Things.\n# TYPE nats_edge_others counter\n' +
        'nats_edge_others{a="x",b="y"} 2\n',
    )
  })
  it('escapes what a peer may have called itself', () => {
    const name = 'a "b"\\ {c}=,\nnats_edge_evil 1'
    const text = metricsText([family([{ labels: { leaf: name }, value: 1 }])])
    const [series] = readExposition(text).get('nats_edge_things')?.series ?? []
    assert.is(series?.labels.leaf, name)
  })
  it('writes numbers of every kind', () => {
    const rows: [number, string][] = [
      [0, '0'],
      [-1, '-1'],
      [1e21, '1e+21'],
      [Number.NaN, 'NaN'],
      [Number.POSITIVE_INFINITY, '+Inf'],
      [Number.NEGATIVE_INFINITY, '-Inf'],
    ]
    for (const [value, shown] of rows) {
      const text = metricsText([family([{ value }])])
      assert.match(text, new RegExp(`\\nnats_edge_things ${shown.replace('+', '\\+')}\\n$`))
      readExposition(text)
    }
  })
  it('has no empty family, no series twice and at most a hundred', () => {
    assert.is(metricsText([family([])]), '')
    const count = (samples: Family['samples']) =>
      readExposition(metricsText([family(samples)])).get('nats_edge_things')?.series.length
    const many = (length: number) =>
      Array.from({ length }, (_, i) => ({ labels: { i: String(i) }, value: i }))
    assert.is(count([...many(1), ...many(1)]), 1)
    assert.is(count(many(100)), 100)
    assert.is(count(many(101)), 100)
  })
  it('is read by a reader that would notice', () => {
    for (const text of [
      'a 1',
      'a 1\n',
      '# HELP a b\na 1\n',
      '# HELP a b\n# TYPE a gauge\na one\n',
      '# HELP a b\n# TYPE a gauge\na 1\na 2\n',
      '# HELP a b\n# TYPE a gauge\nb 1\n',
      '# HELP a b\n# TYPE a gauge\na{b="c"d="e"} 1\n',
      '# HELP a b\n# TYPE a gauge\na{b="c",b="e"} 1\n',
      '# HELP a b\n# TYPE a gauge\na 1\n# HELP a b\n# TYPE a gauge\n',
    ]) {
      assert.throws(() => readExposition(text), undefined, text)
    }
  })
})

spec('metrics of the broker', it => {
  const traffic = { inMsgs: 10, inBytes: 100, outMsgs: 20, outBytes: 200 }
  const view = sources(
    [
      client(1, {
        ...traffic,
        pendingBytes: 7,
        subscriptions: new Map([['1', subscription('a', '1')]]),
      }),
      client(2, { type: 'websocket', pendingBytes: 5 }),
    ],
    {
      leafs: () => [leaf],
      leafTotals: () => traffic,
      mqttClients: () => [client(3, { mqttClientId: 'm', ...traffic })],
      mqttTotals: () => ({ ...traffic, connections: 4, slowConsumers: 2 }),
      health: { notReady: () => [], jetstream: null },
      routes: () => [route],
      routeTotals: () => ({ ...traffic, slowConsumers: 1, staleConnections: 4 }),
      certificateEnds: () => ({ server: 1_700_000_000_000 }),
    },
  )
  it('adds up live and gone connections by kind', () => {
    const families = checked(metricsText(brokerFamilies(view, figures)))
    const rows: [string, object, number][] = [
      ['connections', { kind: 'client' }, 1],
      ['connections', { kind: 'websocket' }, 1],
      ['connections', { kind: 'mqtt' }, 1],
      ['connections', { kind: 'leaf' }, 1],
      ['connections_total', { kind: 'client' }, 7],
      ['connections_total', { kind: 'mqtt' }, 4],
      ['slow_consumers_total', { kind: 'client' }, 1],
      ['pending_bytes', { kind: 'client' }, 12],
      ['received_messages_total', { kind: 'client' }, 15],
      ['received_bytes_total', { kind: 'mqtt' }, 200],
      ['sent_messages_total', { kind: 'leaf' }, 23],
      ['leaf_rtt_seconds', { leaf: 'hub', account: '$G', remote: '127.0.0.1:7422' }, 0.000365],
      ['leaf_sent_bytes_total', { leaf: 'hub', account: '$G', remote: '127.0.0.1:7422' }, 4],
      ['connections', { kind: 'route' }, 1],
      ['slow_consumers_total', { kind: 'route' }, 1],
      ['stale_connections_total', { kind: 'route' }, 4],
      ['stale_connections_total', { kind: 'client' }, 2],
      ['stalls_total', {}, 3],
      ['pending_bytes', { kind: 'route' }, 8],
      ['received_messages_total', { kind: 'route' }, 11],
      ['route_rtt_seconds', { route: 'b', account: '', remote: '127.0.0.1:6222' }, 0.002],
      ['account_connections', { account: '$G' }, 4],
      ['account_sent_messages_total', { account: '$G' }, 43],
      ['tls_certificate_end_time_seconds', { block: 'server' }, 1_700_000_000],
      ['subscriptions', {}, 1],
      ['uptime_seconds', {}, 90],
      ['memory_resident_bytes', {}, 1000],
      ['http_requests_total', { path: '/varz' }, 3],
      ['healthy', {}, 1],
    ]
    for (const [name, labels, value] of rows) {
      assert.is(shownBy(families, name, labels), value, `${name} ${JSON.stringify(labels)}`)
    }
  })
  it('says when it is not healthy', () => {
    const problem = () => 'a disk that is full'
    const jetstream = {
      isEnabled: () => true,
      problem,
      hasAccount: () => true,
      hasStream: () => true,
      hasConsumer: () => true,
    }
    for (const health of [
      { notReady: () => ['server'], jetstream: null },
      { notReady: () => [], jetstream },
    ]) {
      const text = metricsText(brokerFamilies({ ...view, health }, figures))
      assert.is(shownBy(checked(text), 'healthy'), 0)
    }
  })
  it('stays bounded with any number of leaf nodes', () => {
    const leafs = () => Array.from({ length: 500 }, (_, port) => ({ ...leaf, port }))
    checked(metricsText(brokerFamilies({ ...view, leafs }, figures)))
  })
})

spec('metrics of the program', it => {
  it(
    'shows every room by the grammar of the format',
    async () => {
      const hub = await startHub({ leaf: true, jetstream: 'hub' })
      const edge = await startEdge({
        jetstream: 'edge',
        mqtt: true,
        monitor: true,
        remotes: [`nats-leaf://127.0.0.1:${hub.leafPort}`],
        conf: `
          telemetry { interval: 1h, include: [ memory ] }
          schedules: [ { name: hourly, cron: "0 * * * *", subject: tick } ]
          serial { ports: [ { name: gps, path: "/dev/does-not-exist" } ] }`,
      })
      try {
        const nats = await connect({ servers: edge.url })
        const { jetstream, jetstreamManager } = await import('@nats-io/jetstream')
        const manager = await jetstreamManager(nats)
        await manager.streams.add({ name: 'S', subjects: ['s.>'] })
        for (let i = 0; i < 3; i++) await jetstream(nats).publish('s.1', 'kept')
        await edge.process.waitFor('Leafnode connection created')
        const answer = await fetch(`http://127.0.0.1:${edge.monitorPort}/metrics`)
        assert.is(answer.status, 200)
        assert.is(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
        const families = checked(await answer.text())
        const rows: [string, object, number][] = [
          ['jetstream_streams', {}, 1],
          ['jetstream_messages', {}, 3],
          ['leaf_remotes', {}, 1],
          ['mqtt_sessions', {}, 0],
          ['serial_open', { port: 'gps' }, 0],
          ['schedule_runs_total', { schedule: 'hourly' }, 0],
          ['telemetry_failures_total', {}, 0],
          ['store_problems', {}, 0],
          ['connections', { kind: 'client' }, 1],
          ['connections', { kind: 'leaf' }, 1],
          ['http_requests_total', { path: '/metrics' }, 1],
        ]
        for (const [name, labels, value] of rows) {
          assert.is(shownBy(families, name, labels), value, `${name} ${JSON.stringify(labels)}`)
        }
        assert.ok((shownBy(families, 'store_groups_total') ?? 0) > 0)
        assert.ok((shownBy(families, 'jetstream_file_used_bytes') ?? 0) > 0)
        assert.ok((shownBy(families, 'jetstream_api_requests_total') ?? 0) > 0)
        await nats.close()
      } finally {
        await edge.stop()
        await hub.stop()
      }
    },
    programsMsMax,
  )
})
