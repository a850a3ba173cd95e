// The answers of the system account beside those of two nats-servers: the same fields with the
// same types. What 2.10 has must be there; what is there 2.10 or the newest must have.

import * as assert from 'uvu/assert'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'
import { dialClient, type Talk } from '../support/talk.ts'
import { ask, type Json } from '../system/ask.ts'

const conf = `
server_tags: [attic]
accounts {
  $SYS { users: [ { user: s, password: s } ] }
  A { jetstream: enabled, users: [ { user: a, password: a } ] }
}
`

/** What the nats CLI and its relatives ask: server ls, info, report, check; account report. */
const requests: readonly (readonly [string, object])[] = [
  ['SERVER.PING', {}],
  ['SERVER.PING.STATSZ', {}],
  ['SERVER.PING.IDZ', {}],
  ['SERVER.PING.VARZ', {}],
  ['SERVER.PING.CONNZ', { auth: true, subscriptions_detail: true, acc: 'A' }],
  ['SERVER.PING.CONNZ', { auth: true, subscriptions: true, acc: 'A' }],
  ['SERVER.PING.CONNZ', { state: 1, sort: 'stop' }],
  ['SERVER.PING.ROUTEZ', { subscriptions: true }],
  ['SERVER.PING.GATEWAYZ', {}],
  ['SERVER.PING.LEAFZ', {}],
  ['SERVER.PING.SUBSZ', { account: 'A', subscriptions: true }],
  ['SERVER.PING.ACCOUNTZ', {}],
  ['SERVER.PING.ACCOUNTZ', { account: 'A' }],
  ['SERVER.PING.HEALTHZ', {}],
  ['SERVER.PING.HEALTHZ', { account: 'A', stream: 'NOPE', details: true }],
  ['SERVER.PING.JSZ', {}],
  ['SERVER.PING.JSZ', { accounts: true, streams: true, consumer: true, config: true }],
  ['SERVER.PING.IPQUEUESZ', {}],
  ['SERVER.PING.RAFTZ', {}],
  ['SERVER.PING.PROFILEZ', {}],
  ['ACCOUNT.A.CONNZ', {}],
  ['ACCOUNT.A.LEAFZ', {}],
  ['ACCOUNT.A.JSZ', { streams: true, consumer: true, config: true }],
  ['ACCOUNT.A.INFO', {}],
  ['ACCOUNT.A.STATZ', {}],
  ['ACCOUNT.A.CONNS', {}],
  ['ACCOUNT.PING.STATZ', { include_unused: true }],
]

/** Fields that 2.10 has and we have not: request and path. */
const missing: readonly RegExp[] = [
  // The default here is to sync always.
  / \S*config\.sync_interval$/,
  // A domain's API is no mapping of the account here.
  /^\S+ data\.(account_detail\.)?mappings\b/,
]
const extra: readonly RegExp[] = [/ \S*config\.sync_always$/]

spec('fields of the system services', (it, hooks) => {
  const edge = startEdge({ name: 'n', jetstream: 'd', monitor: true, conf })
  const old = startHub({ name: 'n', version: '2.10', jetstream: 'd', monitor: true, conf })
  const latest = startHub({ name: 'n', version: 'newest', jetstream: 'd', monitor: true, conf })
  const talks: Talk[] = []
  const systems = Promise.all([edge, old, latest]).then(all =>
    Promise.all(all.map(({ port }) => prepare(port, talks))),
  )
  hooks.after(async () => {
    for (const talk of talks) talk.close()
    for (const server of await Promise.all([edge, old, latest])) await server.stop()
  })
  for (const [name, body] of requests) {
    const title = `${name} ${JSON.stringify(body)}`
    it(title, async () => {
      const answers = await Promise.all(
        (await systems).map(async talk => (await ask(talk, `$SYS.REQ.${name}`, body))?.json),
      )
      const [ours, theirs, newest] = answers.map(answer => shapeOf(answer))
      assert.equal(differences(name, ours!, theirs!, newest!), [])
    })
  }
})

/** Something to be seen: a client with a subscription, one that is gone, a stream, a consumer. */
async function prepare(port: number, talks: Talk[]): Promise<Talk> {
  const login = async (user: string) => {
    const talk = await dialClient(port, { user, pass: user, name: user, lang: 'go', version: '1' })
    talks.push(talk)
    return talk
  }
  const client = await login('a')
  const api = (what: string, body: object) => ask(client, `$JS.API.${what}`, body)
  await api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
  const config = { durable_name: 'C', ack_policy: 'explicit' }
  await api('CONSUMER.DURABLE.CREATE.S.C', { stream_name: 'S', config })
  client.send('SUB foo.* q 1\r\nPUB s 1\r\nx\r\n')
  await client.sync()
  const gone = await login('a')
  gone.close()
  return login('s')
}

type Shape = ReadonlyMap<string, string>

/** Every path of the object with the type that stands there; entries of a list share one path. */
function shapeOf(value: Json, path = '', found = new Map<string, string>()): Map<string, string> {
  if (Array.isArray(value)) for (const one of value) shapeOf(one, `${path}[]`, found)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, one] of Object.entries(value)) {
      shapeOf(one, path === '' ? key : `${path}.${key}`, found)
    }
  }
  if (path !== '') found.set(path, Array.isArray(value) ? 'array' : typeof value)
  return found
}

function differences(name: string, ours: Shape, old: Shape, newest: Shape): string[] {
  const found: string[] = []
  const isKnown = (list: readonly RegExp[], path: string) =>
    list.some(pattern => pattern.test(`${name} ${path}`))
  for (const [path, type] of old) {
    const own = ours.get(path)
    if (own === undefined && !isKnown(missing, path)) found.push(`missing: ${path} (${type})`)
    else if (own !== undefined && own !== type) found.push(`${path}: ${own} instead of ${type}`)
  }
  for (const [path, type] of ours) {
    const theirs = old.get(path) ?? newest.get(path)
    if (theirs === undefined && !isKnown(extra, path)) found.push(`unknown: ${path} (${type})`)
  }
  return found
}
