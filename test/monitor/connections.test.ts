// Connections as /connz, /routez and /leafz show them, and what is kept of those that are gone.

import * as assert from 'uvu/assert'
import { type EndedConnection, ClosedClients } from '../../src/link/closed.ts'
import type { Subscription } from '../../src/message.ts'
import { accountz } from '../../src/monitor/accountz.ts'
import { connz } from '../../src/monitor/connz.ts'
import { expvarz, ipqueuesz } from '../../src/monitor/internals.ts'
import { timeText } from '../../src/monitor/json.ts'
import { jszDisabled } from '../../src/monitor/jsz.ts'
import { leafz } from '../../src/monitor/leafz.ts'
import { Query } from '../../src/monitor/query.ts'
import { routez } from '../../src/monitor/routez.ts'
import { subsz } from '../../src/monitor/subsz.ts'
import { varz } from '../../src/monitor/varz.ts'
import { spec } from '../support/spec.ts'
import { client, leaf, route, sources, startMs, subscription } from './sources.ts'

const query = (text = '') => new Query(new URLSearchParams(text))
// biome-ignore lint/suspicious/noExplicitAny: answers are read by their JSON names
const answer = (value: object): any => JSON.parse(JSON.stringify(value))

const jwt = (claims: object) => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`

const ended = (id: number, count: number): EndedConnection => {
  const subscriptions = new Map<string, Subscription>()
  for (let i = 0; i < count; i++) subscriptions.set(`${i}`, subscription(`s.${i}`, `${i}`))
  return { ...client(id), identity: { user: 'u', account: 'A' }, subscriptions }
}

spec('closed connections', it => {
  it('keep what they were subscribed to, and are found by it', () => {
    const closed = new ClosedClients(10)
    closed.add({ ...ended(5, 2), mqttClientId: 'm' }, 'Client Closed', startMs + 1000)
    const all = sources()
    const view = { ...all, server: { ...all.server, closed } }
    const shown = (text: string) => answer(connz(view, query(`state=closed&${text}`), startMs))
    const [row] = shown('subs=detail&auth=1').connections
    assert.is(row.type, 'mqtt')
    assert.is(row.mqtt_client, 'm')
    assert.is(row.authorized_user, 'u')
    assert.is(row.account, 'A')
    assert.is(row.subscriptions, 2)
    assert.equal(row.subscriptions_list_detail[1], {
      account: 'A',
      subject: 's.1',
      sid: '1',
      msgs: 0,
      cid: 5,
    })
    assert.is(shown('mqtt_client=m').num_connections, 1)
    assert.is(shown('acc=A&filter_subject=s.*').num_connections, 1)
    assert.is(shown('acc=A&filter_subject=t').num_connections, 0)
    assert.is(shown('cid=5&subs=1').connections[0].subscriptions_list.length, 2)
    assert.is(shown('user=nobody').num_connections, 0)
  })

  it('are bounded in number, and in what is kept of the older ones', () => {
    const closed = new ClosedClients(3)
    for (let id = 1; id <= 10; id++) closed.add(ended(id, 1), 'Client Closed', startMs)
    assert.equal(
      closed.list().map(one => one.id),
      [8, 9, 10],
    )
    const large = new ClosedClients(100)
    large.add(ended(1, 15_000), 'Client Closed', startMs)
    large.add(ended(2, 5000), 'Client Closed', startMs)
    assert.equal(
      large.list().map(one => one.subscriptions.length),
      [15_000, 5000],
    )
    large.add(ended(3, 1), 'Client Closed', startMs)
    assert.equal(
      large.list().map(one => [one.subscriptions.length, one.subscriptionCount]),
      [
        [0, 15_000],
        [5000, 5000],
        [1, 1],
      ],
    )
    large.add(ended(4, 50_000), 'Client Closed', startMs)
    const kept = large.list().reduce((sum, one) => sum + one.subscriptions.length, 0)
    assert.ok(kept <= 20_000, `${kept}`)
    assert.is(large.list()[3]?.subscriptionCount, 50_000)
    const none = new ClosedClients(0)
    none.add(ended(1, 1), 'Client Closed', startMs)
    assert.equal(none.list(), [])
  })
})

spec('connection rows', it => {
  const secured = { version: '1.3', cipher: 'TLS_AES_128_GCM_SHA256', isFirst: true }

  it('show TLS, a login by JWT, and stalls', () => {
    const claims = { jwt: jwt({ nats: {} }), issuerKey: 'AK', nameTag: 'dev', tags: ['t:1'] }
    const one = client(5, { secured, stalls: 2, identity: { user: 'UK', claims } })
    const [row] = answer(connz(sources([one]), query('auth=1'), startMs)).connections
    assert.is(row.tls_version, '1.3')
    assert.is(row.tls_cipher_suite, 'TLS_AES_128_GCM_SHA256')
    assert.is(row.tls_first, true)
    assert.is(row.stalls, 2)
    assert.is(row.jwt, claims.jwt)
    assert.is(row.issuer_key, 'AK')
    assert.is(row.name_tag, 'dev')
    assert.equal(row.tags, ['t:1'])
    const [plain] = answer(connz(sources([one]), query(), startMs)).connections
    for (const key of ['jwt', 'issuer_key', 'name_tag', 'tags', 'authorized_user']) {
      assert.not(key in plain, key)
    }
  })

  it('never show what one could log in with', () => {
    const bearer = jwt({ nats: { bearer_token: true } })
    const claims = { jwt: bearer, issuerKey: 'AK', nameTag: '', tags: [] }
    const token = { name: '', lang: '', version: '', token: 's3cr3t' }
    const all = sources([
      client(5, { identity: { user: 'UK', claims } }),
      client(6, { identity: { user: 'UK', claims: { ...claims, jwt: 'broken' } } }),
      client(7, { options: token }),
    ])
    const { connections } = answer(connz(all, query('auth=1'), startMs))
    assert.not('jwt' in connections[0])
    assert.not('jwt' in connections[1])
    assert.is(connections[2].authorized_user, '[REDACTED]')
    assert.not.match(JSON.stringify(connections), /s3cr3t/)
  })

  it('stand for leaf nodes too', () => {
    const spoke = { ...leaf, id: 9, startedWallMs: startMs, isSpoke: false, user: 'lu' }
    const all = sources([client(5)], { leafs: () => [spoke, leaf] })
    const { total, connections } = answer(connz(all, query('auth=1&subs=1'), startMs))
    assert.is(total, 2)
    const row = connections[1]
    assert.is(row.kind, 'Leafnode')
    assert.not('type' in row)
    assert.is(row.name, 'hub')
    assert.is(row.authorized_user, 'lu')
    assert.equal(row.subscriptions_list, ['a.b', '$JS.hub.API.>'])
    assert.equal(
      answer(connz(all, query('sort=subs'), startMs)).connections.map(
        (one: { cid: number }) => one.cid,
      ),
      [9, 5],
    )
    const [shown] = answer(leafz(all, query(), startMs)).leafs
    assert.is(shown.id, 9)
    assert.is(shown.compression, 'off')
  })

  it('stand for routes', () => {
    const subscriptions = new Map([['a', subscription('a', 'a', 'q')]])
    const routes = () => [{ ...route, subscriptions, account: 'A', compression: 's2_fast' }]
    const routePermissions = () => ({ import: { allow: ['a'] }, export: null })
    const all = sources([], { routes, routePermissions, routedServers: () => 1 })
    const shown = answer(routez(all, query('subs=detail'), startMs + 2000))
    assert.is(shown.num_routes, 1)
    assert.equal(shown.import, { allow: ['a'] })
    assert.not('export' in shown)
    const [row] = shown.routes
    assert.is(row.rid, 9)
    assert.is(row.remote_name, 'b')
    assert.is(row.uptime, '2s')
    assert.is(row.pending_size, 8)
    assert.is(row.account, 'A')
    assert.is(row.compression, 's2_fast')
    assert.equal(row.subscriptions_list_detail, [
      { subject: 'a', qgroup: 'q', sid: 'a', msgs: 0, cid: 9 },
    ])
    assert.throws(() => routez(all, query('subs=x'), startMs), /Error decoding boolean for 'subs'/)
  })
})

spec('what rooms hand in', it => {
  const figures = {
    nowWallMs: startMs,
    nowMonotonicMs: 0,
    residentBytes: 1,
    cpuPercent: 0,
    httpHost: '',
    httpPort: 0,
    httpBasePath: '',
    httpsPort: 8443,
    requests: {},
  }

  it('is in /varz', () => {
    const seen = answer(
      varz(
        sources([client(5, { stalls: 4 })], {
          routes: () => [route],
          routedServers: () => 1,
          clusterOptions: () => ({ name: 'C' }),
          connectUrls: () => ['a:4222'],
          configDigest: () => 'sha256:00',
          metadata: () => ({ b: '2', a: '1' }),
          operators: () => ({ jwts: ['j'], claims: [{ name: 'O' }] }),
          pinnedAccountFails: () => 3,
          certificateEnds: () => ({ server: startMs, leaf: startMs + 1500 }),
        }),
        figures,
      ),
    )
    assert.is(seen.routes, 1)
    assert.is(seen.remotes, 1)
    assert.is(seen.https_port, 8443)
    assert.equal(seen.cluster, { name: 'C' })
    assert.equal(seen.connect_urls, ['a:4222'])
    assert.is(seen.config_digest, 'sha256:00')
    assert.is(JSON.stringify(seen.metadata), '{"a":"1","b":"2"}')
    assert.equal(seen.trusted_operators_jwt, ['j'])
    assert.is(seen.pinned_account_fails, 3)
    assert.is(seen.tls_cert_not_after, '2026-01-02T03:04:05Z')
    assert.is(seen.leaf.tls_cert_not_after, '2026-01-02T03:04:06.5Z')
    assert.is(seen.stalled_clients, 3 + 4)
    assert.is(seen.stale_connections, 2)
    assert.equal(seen.stale_connection_stats, { clients: 2, routes: 0, gateways: 0, leafs: 0 })
    assert.is(seen.in_msgs - seen.in_client_msgs, 1)
  })

  it('is in /accountz', () => {
    const accountFacts = () => ({
      complete: false,
      mappings: { m: [{ subject: 'n', weight: 100 }] },
      exports: [{ subject: 'q', type: 'service' }],
      imports: [],
      nameTag: 'tag',
      revokedUsers: new Map([['*', 1_700_000_000]]),
      responses: {},
    })
    const { account_detail: seen } = answer(
      accountz(sources([], { accountFacts }), query('acc=$G'), startMs),
    )
    assert.is(seen.complete, false)
    assert.equal(seen.mappings, { m: [{ subject: 'n', weight: 100 }] })
    assert.equal(seen.exports, [{ subject: 'q', type: 'service' }])
    assert.not('imports' in seen)
    assert.not('responses' in seen)
    assert.is(seen.name_tag, 'tag')
    assert.equal(seen.revoked_user, { '*': '2023-11-14T22:13:20Z' })
  })

  it('is in /ipqueuesz, filtered', () => {
    const queues = () =>
      [
        ['z', { pending: 1, inProgress: 2 }],
        ['idle', { pending: 0 }],
        ['a', { pending: 3 }],
      ] as const
    const all = sources([], { queues })
    assert.is(
      JSON.stringify(ipqueuesz(all, query())),
      '{"a":{"pending":3},"z":{"pending":1,"in_progress":2}}',
    )
    assert.equal(Object.keys(ipqueuesz(all, query('all=1'))), ['a', 'idle', 'z'])
    assert.equal(Object.keys(ipqueuesz(all, query('all=1&queues=dl'))), ['idle'])
  })

  it('leaves the command line out of /debug/vars', () => {
    const { cmdline, memstats } = answer(expvarz())
    assert.equal(cmdline, [process.title])
    assert.ok(memstats.HeapAlloc > 0)
  })

  it('says that JetStream is off, and that nobody leads it', () => {
    const off = answer(jszDisabled('ID', query('streams=1'), startMs))
    assert.is(off.disabled, true)
    assert.equal(off.config, { max_memory: 0, max_storage: 0 })
    assert.throws(() => jszDisabled('ID', query('leader-only=1'), 0), /^filtered response: not/)
    assert.throws(() => jszDisabled('ID', query('raft=x'), 0), /Error decoding boolean for 'raft'/)
  })
})

spec('figures of subjects', it => {
  it('count what cached matches reach', () => {
    const subscriptions = new Map([
      ['1', subscription('a.*', '1')],
      ['2', subscription('a.b', '2', 'q')],
    ])
    const all = sources([client(5, { subscriptions })])
    const [account] = all.server.accounts.values()
    const { sublist } = account as unknown as { sublist: { match(subject: string): unknown } }
    sublist.match('a.b')
    sublist.match('a.c')
    sublist.match('a.b')
    const seen = answer(subsz(all, query(), startMs))
    assert.is(seen.max_fanout, 2)
    assert.is(seen.avg_fanout, 1.5)
    assert.is(seen.num_cache, 2)
    assert.is(seen.cache_hit_rate, 1 / 3)
  })

  it('write times as Go does', () => {
    assert.is(timeText(1_700_000_000_000), '2023-11-14T22:13:20Z')
    assert.is(timeText(1_700_000_000_120), '2023-11-14T22:13:20.12Z')
    assert.is(timeText(1_700_000_000_001), '2023-11-14T22:13:20.001Z')
  })
})
