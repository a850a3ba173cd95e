// What a node without a cluster answers beside a real nats-server 2.10 that has none either.

import * as assert from 'uvu/assert'
import type { Account } from '../../src/account/account.ts'
import { accountz, accstatz } from '../../src/monitor/accountz.ts'
import { Query } from '../../src/monitor/query.ts'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'
import { dialClient } from '../support/talk.ts'
import { client, leaf, sources } from './sources.ts'

const programsMsMax = 60_000

/** `path: type` of every field; of a list those of all its elements. */
function fieldsOf(value: unknown, path = '', into = new Set<string>()): Set<string> {
  if (Array.isArray(value)) {
    into.add(`${path}: list`)
    for (const inside of value) fieldsOf(inside, path, into)
  } else if (value !== null && typeof value === 'object') {
    into.add(`${path}: object`)
    for (const [key, inside] of Object.entries(value)) fieldsOf(inside, `${path}.${key}`, into)
  } else into.add(`${path}: ${typeof value}`)
  return into
}

/** The system account's services: we have none. */
const isTheirs = (field: string) => /^\.account_detail\.(imports|exports)[.:]/.test(field)

async function get(port: number, path: string) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`)
  const { status, headers } = answer
  const kind = `${headers.get('content-type')} ${headers.get('access-control-allow-origin')}`
  return { status, kind, body: await answer.text() }
}

const jsonPaths = [
  '/routez',
  '/routez?subs=1',
  '/routez?subs=detail',
  '/gatewayz',
  '/gatewayz?accs=1',
  '/accountz',
  '/accountz?acc=$G',
  '/accountz?acc=$SYS',
  '/accstatz',
  '/accstatz?unused=1',
  '/ipqueuesz',
]

const textPaths = [
  '/routez?subs=x',
  '/gatewayz?accs=x',
  '/accountz?acc=nope',
  '/accstatz?unused=zz',
  '/ipqueuesz?all=zz',
  '/raftz',
  '/raftz?acc=$G',
  '/expvarz',
]

spec('endpoints of a node alone', it => {
  for (const jetstream of [false, true]) {
    it(
      `have nats-server’s fields and texts${jetstream ? ' with JetStream' : ''}`,
      async () => {
        const hub = await startHub({ version: '2.10', monitor: true, jetstream })
        const edge = await startEdge({ monitor: true, jetstream })
        const talks = [await dialClient(hub.port), await dialClient(edge.port)]
        try {
          for (const path of jsonPaths) {
            const theirs = await get(hub.monitorPort, path)
            const ours = await get(edge.monitorPort, path)
            assert.is(`${ours.status} ${ours.kind}`, `${theirs.status} ${theirs.kind}`, path)
            const expected = [...fieldsOf(JSON.parse(theirs.body))].filter(one => !isTheirs(one))
            const own = fieldsOf(JSON.parse(ours.body))
            assert.equal(
              expected.filter(field => !own.has(field)),
              [],
              path,
            )
          }
          for (const path of textPaths) {
            const theirs = await get(hub.monitorPort, path)
            assert.equal(await get(edge.monitorPort, path), theirs, path)
          }
          const theirs = await get(hub.monitorPort, '/stacksz')
          const ours = await get(edge.monitorPort, '/stacksz')
          assert.is(`${ours.status} ${ours.kind}`, `${theirs.status} ${theirs.kind}`)
          assert.match(ours.body, /^main thread\n +at /)
          const links = (page: string) =>
            [...page.matchAll(/href="?\.?(\/\w+)[^>]*>([^<]+)</g)].map(
              ([, path, name]) => `${path} ${name}`,
            )
          const page = links((await get(edge.monitorPort, '/')).body)
          const expected = links((await get(hub.monitorPort, '/')).body)
          assert.is(expected.length, 11)
          for (const link of expected) {
            if (link.startsWith('/jsz') && !page.some(one => one.startsWith('/jsz'))) continue
            assert.ok(page.includes(link), link)
          }
        } finally {
          for (const talk of talks) talk.close()
          await edge.stop()
          await hub.stop()
        }
      },
      programsMsMax,
    )
  }
  it('count connections and traffic by account', () => {
    const traffic = { inMsgs: 10, inBytes: 100, outMsgs: 20, outBytes: 200 }
    const view = sources([client(1, traffic)], {
      leafs: () => [leaf],
      mqttClients: () => [client(2, { mqttClientId: 'm' })],
    })
    const account = view.server.accounts.get('$G') as Account
    Object.assign(account.totals, { inMsgs: 5, inBytes: 50, outMsgs: 6, outBytes: 60 })
    account.totals.slowConsumers = 3
    const query = (text: string) => new Query(new URLSearchParams(text))
    const read = (value: object) => JSON.parse(JSON.stringify(value))
    const { account_statz } = read(accstatz(view, query(''), 0))
    assert.equal(account_statz, [
      {
        acc: '$G',
        name: '$G',
        conns: 2,
        leafnodes: 1,
        total_conns: 3,
        num_subscriptions: 0,
        sent: { msgs: 29, bytes: 264 },
        received: { msgs: 16, bytes: 152 },
        slow_consumers: 3,
      },
    ])
    const { account_detail } = read(accountz(view, query('acc=$G'), 0))
    assert.is(account_detail.client_connections, 2)
    assert.is(account_detail.leafnode_connections, 1)
    assert.is(account_detail.jetstream_enabled, false)
    const nobody = sources([], {})
    assert.equal(read(accstatz(nobody, query(''), 0)).account_statz, [])
    assert.is(read(accstatz(nobody, query('unused=1'), 0)).account_statz.length, 1)
  })
})
