// Connections with TLS and users in accounts, ours beside nats-server's: the same rows on /connz,
// living and gone, and the same figures of each account once everybody has left.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { Closers } from '../../src/base/closers.ts'
import { newCertificates } from '../support/certificates.ts'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'

const certificates = newCertificates()
const conf = `
tls {
  cert_file: "${certificates.serverCert}", key_file: "${certificates.serverKey}"
  ca_file: "${certificates.ca}", verify: true
}
accounts {
  A { users: [ { user: a, password: pa } ] }
  B { users: [ { user: b, password: pb } ] }
}
`

interface Server {
  readonly url: string
  readonly monitorPort: number
}

type Rows = readonly Readonly<Record<string, unknown>>[]

async function ask(server: Server, path: string): Promise<Readonly<Record<string, unknown>>> {
  const answer = await fetch(`http://127.0.0.1:${server.monitorPort}/${path}`)
  return answer.json() as Promise<Readonly<Record<string, unknown>>>
}

function join(server: Server, user: string): Promise<NatsConnection> {
  const read = (path: string) => readFileSync(path, 'utf8')
  const tls = {
    ca: read(certificates.ca),
    cert: read(certificates.clientCert),
    key: read(certificates.clientKey),
  }
  return connect({ servers: server.url, user, pass: `p${user}`, name: user, tls })
}

/** What is the same on every server: neither an address nor a time. */
function settled(rows: unknown): unknown {
  return (rows as Rows).map(row => {
    const { cid, port, start, last_activity, stop, rtt, uptime, idle, ...rest } = row
    const { subscriptions_list_detail: list, name_tag, ...shown } = rest
    // Which of the good ones is taken is the library's choice.
    const cipher = String(shown.tls_cipher_suite).replace(/AES_\d+_GCM_SHA\d+$/, 'AES')
    // nats-server takes `max` off while it closes: sooner or later than it is remembered.
    const detail = (list as Rows | undefined)?.map(({ cid: _, max, ...one }) =>
      row.reason === undefined ? { ...one, max } : one,
    )
    return { ...shown, tls_cipher_suite: cipher, ...(detail ? { detail } : {}) }
  })
}

interface Seen {
  readonly live: unknown
  readonly gone: unknown
  readonly used: unknown
  readonly unused: unknown
}

async function seen(server: Server): Promise<Seen> {
  const a = await join(server, 'a')
  const b = await join(server, 'b')
  a.subscribe('x.*', { queue: 'q', callback: () => {} })
  b.subscribe('y', { callback: () => {}, max: 5 })
  await Promise.all([a.flush(), b.flush()])
  for (let i = 0; i < 3; i++) a.publish('x.1', 'four')
  b.publish('y', '12')
  b.publish('nobody', '1')
  await Promise.all([a.flush(), b.flush()])
  const path = 'connz?auth=1&subs=detail&sort=bytes_to'
  const live = settled((await ask(server, path)).connections)
  const used = statistics(await ask(server, 'accstatz'))
  // One after the other: they are told in the order they left.
  await a.close()
  await until(server, 1)
  await b.close()
  await until(server, 0)
  const gone = settled((await ask(server, `${path}&state=closed`)).connections)
  const unused = statistics(await ask(server, 'accstatz?unused=1'))
  return { live, gone, used, unused }
}

/** A connection that has left is still there for a moment. */
async function until(server: Server, count: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { num_connections: now } = await ask(server, 'connz')
    const { num_connections: gone } = await ask(server, 'connz?state=closed')
    if (now === count && gone === 2 - count) return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error('a connection does not go')
}

/** Of the accounts of the config; how many subscriptions the server has itself is its own affair. */
function statistics(answer: Readonly<Record<string, unknown>>): unknown {
  return (answer.account_statz as Rows)
    .filter(({ acc }) => acc === 'A' || acc === 'B')
    .map(({ acc, conns, total_conns, leafnodes, sent, received, slow_consumers }) => {
      return { acc, conns, total_conns, leafnodes, sent, received, slow_consumers }
    })
    .sort((one, other) => (String(one.acc) < String(other.acc) ? -1 : 1))
}

const programsMsMax = 60_000

spec('connections by account', it => {
  it(
    'are shown as by nats-server, with TLS, while they last and when they are gone',
    async () => {
      const closers = new Closers()
      try {
        const real = await startHub({ version: '2.10', monitor: true, conf })
        closers.add({ close: () => real.stop().then(() => {}) })
        const edge = await startEdge({ monitor: true, conf })
        closers.add({ close: () => edge.stop().then(() => {}) })
        const theirs = await seen(real)
        const ours = await seen(edge)
        const { tls_cert_not_after: end, config_digest: digest } = await ask(edge, 'varz')
        assert.match(String(end), /^\d{4}-\d\d-\d\dT[\d:]{8}Z$/)
        assert.match(String(digest), /^sha256:[0-9a-f]{64}$/)
        assert.equal(ours.live, theirs.live)
        assert.equal(ours.gone, theirs.gone)
        assert.equal(ours.used, theirs.used)
        assert.equal(ours.unused, theirs.unused)
      } finally {
        await closers.close()
      }
    },
    programsMsMax,
  )
})
