import * as assert from 'uvu/assert'
import { openToAll } from '../../src/account/authenticate.ts'
import { connz } from '../../src/monitor/connz.ts'
import { healthz } from '../../src/monitor/healthz.ts'
import { durationText, toJson, uptimeText } from '../../src/monitor/json.ts'
import { leafz } from '../../src/monitor/leafz.ts'
import { Query, QueryError } from '../../src/monitor/query.ts'
import type { HealthSource, Sources } from '../../src/monitor/shapes.ts'
import { subsz } from '../../src/monitor/subsz.ts'
import { varz } from '../../src/monitor/varz.ts'
import { spec } from '../support/spec.ts'
import { client, closedClient, leaf, sources, startMs, subscription } from './sources.ts'

const query = (text: string) => new Query(new URLSearchParams(text))
// biome-ignore lint/suspicious/noExplicitAny: answers are read by their JSON names
const answer = (value: object): any => JSON.parse(JSON.stringify(value))

const figures = {
  nowWallMs: startMs + 90_061_000,
  nowMonotonicMs: 90_061_000,
  residentBytes: 1000,
  cpuPercent: 1.5,
  httpHost: '127.0.0.1',
  httpPort: 8222,
  httpBasePath: '',
  httpsPort: 0,
  requests: { '/varz': 1 },
}

spec('monitoring texts', it => {
  it('writes uptimes as nats-server does', () => {
    const second = 1000
    const day = 86_400 * second
    const rows: [number, string][] = [
      [-1, '0s'],
      [999, '0s'],
      [1000, '1s'],
      [59_999, '59s'],
      [60_000, '1m0s'],
      [3_600_000, '1h0m0s'],
      [day, '1d0h0m0s'],
      [day + 3_661_000, '1d1h1m1s'],
      [365 * day, '1y0d0h0m0s'],
    ]
    for (const [ms, text] of rows) assert.is(uptimeText(ms), text)
  })

  it('writes durations as Go does', () => {
    const rows: [number, string][] = [
      [0, '0s'],
      [0.0005, '500ns'],
      [0.309_999, '309µs'],
      [0.001, '1µs'],
      [3.381_112, '3.381112ms'],
      [1000, '1s'],
      [2250, '2.25s'],
      [61_500, '1m1.5s'],
      [3_600_000, '1h0m0s'],
    ]
    for (const [ms, text] of rows) assert.is(durationText(ms), text)
  })

  it("escapes as Go's encoder does", () => {
    assert.is(
      toJson({ a: '$JS.API.>', b: '<&>' }, 0),
      '{"a":"$JS.API.\\u003e","b":"\\u003c\\u0026\\u003e"}',
    )
    assert.is(
      toJson({ a: [], b: {}, c: [1] }),
      '{\n  "a": [],\n  "b": {},\n  "c": [\n    1\n  ]\n}',
    )
  })
})

spec('monitoring parameters', it => {
  it('takes every form of a boolean', () => {
    for (const text of ['1', 't', 'T', 'true', 'TRUE', 'True'])
      assert.ok(query(`x=${text}`).bool('x'))
    for (const text of ['0', 'f', 'F', 'false', 'FALSE', 'False', ''])
      assert.not(query(`x=${text}`).bool('x'))
    assert.not(query('').bool('x'))
    for (const text of ['yes', 'tRUE', '2', ' 1']) {
      assert.throws(
        () => query(`x=${text}`).bool('x'),
        (error: unknown) => error instanceof QueryError,
      )
    }
  })

  it('takes numbers at their limits and none past them', () => {
    assert.is(query('x=-5').int('x'), -5)
    assert.is(query('x=9223372036854775807').int('x'), Number.MAX_SAFE_INTEGER)
    assert.throws(() => query('x=9223372036854775808').int('x'), /value out of range/)
    assert.is(query('x=-9223372036854775808').int('x'), Number.MIN_SAFE_INTEGER)
    assert.throws(() => query('x=-9223372036854775809').int('x'), /value out of range/)
    assert.is(query('x=18446744073709551615').uint('x'), Number.MAX_SAFE_INTEGER)
    assert.throws(() => query('x=18446744073709551616').uint('x'), /value out of range/)
    assert.throws(() => query('x=1.5').int('x'), /invalid syntax/)
    assert.throws(() => query('x=-1').uint('x'), /invalid syntax/)
    assert.is(query('').int('x'), 0)
  })
})

spec('varz', it => {
  it('adds up what lives, what is gone and what other rooms count', () => {
    const one = { inMsgs: 1, inBytes: 10, outMsgs: 2, outBytes: 20 }
    const all = sources([client(5, one)], {
      mqttClients: () => [client(6, { ...one, mqttClientId: 'm' })],
      mqttTotals: () => ({ ...one, connections: 3, slowConsumers: 1 }),
      leafs: () => [leaf],
      leafTotals: () => one,
    })
    const seen = answer(varz(all, figures))
    assert.is(seen.in_msgs, 5 + 1 + 1 + 1 + 1 + 1)
    assert.is(seen.in_bytes, 50 + 10 + 10 + 10 + 10 + 2)
    assert.is(seen.out_msgs, 6 + 2 + 2 + 2 + 2 + 3)
    assert.is(seen.out_bytes, 60 + 20 + 20 + 20 + 20 + 4)
    assert.is(seen.connections, 2)
    assert.is(seen.total_connections, 10)
    assert.is(seen.leafnodes, 1)
    assert.is(seen.slow_consumers, 2)
    assert.is(seen.uptime, '1d1h1m1s')
    assert.is(seen.ping_interval, 120_000_000_000)
    assert.is(seen.write_deadline, 10_000_000_000)
    assert.is(seen.auth_timeout, 2)
  })

  it('names only what is configured', () => {
    const plain = answer(varz(sources(), figures))
    for (const key of [
      'auth_required',
      'tls_required',
      'tls_verify',
      'tags',
      'max_subscriptions',
    ]) {
      assert.not(key in plain, key)
    }
    const { server } = sources()
    const rich: Sources = {
      server: {
        ...server,
        authorization: { ...openToAll, token: 't', timeoutMs: 500 },
        options: {
          ...server.options,
          max_subscriptions: 9,
          server_tags: ['a:b'],
          tls: { timeout: 1000, verify: true },
        },
      },
    }
    const seen = answer(varz(rich, figures))
    assert.is(seen.auth_required, true)
    assert.is(seen.auth_timeout, 0.5)
    assert.is(seen.tls_verify, true)
    assert.is(seen.tls_timeout, 1)
    assert.is(seen.max_subscriptions, 9)
    assert.equal(seen.tags, ['a:b'])
  })
})

spec('connz', it => {
  const busy = client(7, {
    outMsgs: 3,
    lastActivityMs: startMs + 1000,
    options: { name: 'nm', lang: 'go', version: '1.2' },
    identity: { user: 'bob' },
    account: { name: 'A' },
    subscriptions: new Map([['1', subscription('a.*', '1', 'q')]]),
    keepalive: { rttMs: 0.309 },
  })
  const idle = client(5, { inMsgs: 9, pendingBytes: 4 })
  const device = client(6, { mqttClientId: 'dev-1' })
  const all = sources([busy, idle], { mqttClients: () => [device] })
  const ids = (text: string, from = all) =>
    answer(connz(from, query(text), startMs + 5000)).connections.map(
      (one: { cid: number }) => one.cid,
    )

  it('sorts as asked', () => {
    assert.equal(ids(''), [5, 6, 7])
    assert.equal(ids('sort=cid'), [5, 6, 7])
    assert.equal(ids('sort=msgs_to'), [7, 5, 6])
    assert.equal(ids('sort=msgs_from'), [5, 6, 7])
    assert.equal(ids('sort=pending'), [5, 6, 7])
    assert.equal(ids('sort=subs'), [7, 5, 6])
    assert.equal(ids('sort=last'), [7, 5, 6])
    assert.equal(ids('sort=idle'), [5, 6, 7])
    assert.equal(ids('sort=rtt'), [7, 5, 6])
  })

  it('cuts pages: at, before and past the end', () => {
    assert.equal(ids('limit=2'), [5, 6])
    assert.equal(ids('limit=2&offset=2'), [7])
    assert.equal(ids('limit=3'), [5, 6, 7])
    assert.equal(ids('offset=3'), [])
    assert.equal(ids('offset=-1&limit=-1'), [5, 6, 7])
    const page = answer(connz(all, query('limit=2&offset=1'), startMs))
    assert.is(page.total, 3)
    assert.is(page.num_connections, 2)
    assert.is(page.offset, 1)
    assert.is(page.limit, 2)
    assert.is(answer(connz(all, query('limit=99999'), startMs)).limit, 10_000)
  })

  it('filters by id, user, account, MQTT client and subject', () => {
    assert.equal(ids('cid=6'), [6])
    assert.equal(ids('cid=99'), [])
    assert.equal(ids('user=bob'), [7])
    assert.equal(ids('acc=A'), [7])
    assert.equal(ids('acc=nope'), [])
    assert.equal(ids('mqtt_client=dev-1'), [6])
    assert.equal(ids('acc=A&filter_subject=a.b'), [7])
    assert.equal(ids('acc=A&filter_subject=b.>'), [])
  })

  it('shows users and subscriptions only when asked', () => {
    const plain = answer(connz(all, query('cid=7'), startMs + 5000)).connections[0]
    assert.not('authorized_user' in plain)
    assert.not('subscriptions_list' in plain)
    assert.is(plain.rtt, '309µs')
    assert.is(plain.idle, '4s')
    const listed = answer(connz(all, query('cid=7&auth=1&subs=1'), startMs)).connections[0]
    assert.is(listed.authorized_user, 'bob')
    assert.is(listed.account, 'A')
    assert.equal(listed.subscriptions_list, ['a.*'])
    const detailed = answer(connz(all, query('cid=7&subs=detail'), startMs)).connections[0]
    assert.equal(detailed.subscriptions_list_detail, [
      { subject: 'a.*', qgroup: 'q', sid: '1', msgs: 0, cid: 7 },
    ])
  })

  it('keeps the closed apart', () => {
    const gone = [
      closedClient(1, { stoppedWallMs: startMs + 1000, reason: 'Stale Connection' }),
      closedClient(2, { stoppedWallMs: startMs + 2000 }),
    ]
    const { server } = all
    const both: Sources = { ...all, server: { ...server, closed: { list: () => gone } } }
    assert.equal(ids('', both), [5, 6, 7])
    assert.equal(ids('state=closed', both), [1, 2])
    assert.equal(ids('state=closed&sort=stop', both), [2, 1])
    assert.equal(ids('state=closed&sort=reason', both), [2, 1])
    assert.equal(ids('state=any', both), [1, 2, 5, 6, 7])
    const first = answer(connz(both, query('state=closed'), startMs)).connections[0]
    assert.is(first.reason, 'Stale Connection')
    assert.is(first.uptime, '1s')
  })

  it('survives a sort named like a property of every object', () => {
    assert.throws(() => ids('sort=constructor'), /invalid sorting option: constructor/)
  })
})

spec('leafz and subsz', it => {
  it('lists leaf nodes, with their subjects when asked', () => {
    const all = sources([], { leafs: () => [leaf, { ...leaf, account: 'A', name: 'b' }] })
    const plain = answer(leafz(all, query(''), startMs))
    assert.is(plain.leafnodes, 2)
    assert.is(plain.leafs[0].rtt, '365µs')
    assert.is(plain.leafs[0].subscriptions, 2)
    assert.not('subscriptions_list' in plain.leafs[0])
    const one = answer(leafz(all, query('subs=1&acc=A'), startMs))
    assert.equal(one.leafs[0].subscriptions_list, ['a.b', '$JS.hub.API.>'])
    assert.is(one.leafnodes, 1)
  })

  it('lists subscriptions by account and by test subject', () => {
    const a = client(5, {
      subscriptions: new Map([
        ['1', subscription('a.*', '1')],
        ['2', subscription('b', '2', 'q')],
      ]),
    })
    const all = sources([a])
    assert.is(answer(subsz(all, query(''), startMs)).num_subscriptions, 2)
    const list = answer(subsz(all, query('subs=1&test=a.x'), startMs)).subscriptions_list
    assert.equal(list, [{ account: '$G', subject: 'a.*', sid: '1', msgs: 0, cid: 5 }])
    assert.not('subscriptions_list' in answer(subsz(all, query('subs=1&acc=B'), startMs)))
    assert.throws(() => subsz(all, query('test=a.*'), startMs), /invalid test subject/)
  })
})

spec('healthz', it => {
  const ready: HealthSource = {
    notReady: () => [],
    jetstream: {
      isEnabled: () => true,
      problem: () => null,
      hasAccount: account => account === '$G',
      hasStream: (_, stream) => stream === 'S',
      hasConsumer: (_, __, consumer) => consumer === 'C',
    },
  }
  const rows: [string, HealthSource | undefined, string, number, string][] = [
    ['nothing known', undefined, '', 200, '{"status":"ok"}'],
    ['all well', ready, 'account=$G&stream=S&consumer=C', 200, '{"status":"ok"}'],
    [
      'no account named',
      ready,
      'stream=S',
      400,
      '{"status":"error","error":"\\"account\\" must not be empty when checking stream health"}',
    ],
    [
      'no stream named',
      ready,
      'account=$G&consumer=C',
      400,
      '{"status":"error","error":"\\"stream\\" must not be empty when checking consumer health"}',
    ],
    [
      'unknown account',
      ready,
      'account=X',
      404,
      '{"status":"unavailable","error":"JetStream account \\"X\\" not found"}',
    ],
    [
      'unknown stream with details',
      ready,
      'account=$G&stream=NOPE&details=1',
      404,
      '{"status":"error","errors":[{"type":"STREAM","account":"$G","stream":"NOPE","error":"JetStream stream \\"NOPE\\" not found on account \\"$G\\""}]}',
    ],
    [
      'unknown consumer',
      ready,
      'account=$G&stream=S&consumer=X',
      404,
      '{"status":"unavailable","error":"JetStream consumer \\"X\\" not found for stream \\"S\\" on account \\"$G\\""}',
    ],
    [
      'a broker that is not ready',
      { ...ready, notReady: () => ['server', 'mqtt'] },
      '',
      500,
      '{"status":"error","error":"failed to be ready for connections after 1ms: server, mqtt"}',
    ],
    [
      'a sick store',
      { ...ready, jetstream: { ...ready.jetstream!, problem: () => 'disk full' } },
      'js-server-only=1&js-meta-only=1',
      503,
      '{"status":"unavailable","error":"disk full"}',
    ],
    [
      'a sick store that runs',
      { ...ready, jetstream: { ...ready.jetstream!, problem: () => 'disk full' } },
      'js-enabled-only=1',
      200,
      '{"status":"ok"}',
    ],
    [
      'a store that does not run',
      { ...ready, jetstream: { ...ready.jetstream!, isEnabled: () => false } },
      'js-enabled-only=1',
      503,
      '{"status":"unavailable","error":"JetStream not enabled (10076)"}',
    ],
  ]
  for (const [name, source, text, code, body] of rows) {
    it(`answers ${name}`, () => {
      const health = healthz(source, query(text))
      const shown = JSON.stringify(health.body)
      assert.is(health.code, code)
      if (text.includes('details')) assert.equal(JSON.parse(shown), JSON.parse(body))
      else assert.is(shown, body)
    })
  }
})
