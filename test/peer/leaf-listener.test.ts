// Leaf nodes that come to us: real servers of every version and our own, as spokes, as hubs that
// dial, and in chains. What is expected of ours is expected of the real hub too.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, credsAuthenticator } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { newCertificates } from '../support/certificates.ts'
import { scratch } from '../support/directory.ts'
import { startEdge } from '../support/edge.ts'
import { until } from '../support/edge-leaf.ts'
import { newAccount, newOperator, operatorJwt } from '../support/jwt.ts'
import { freePort } from '../support/ports.ts'
import { asked, type Kind, kinds, linked, leafz, remoteTo, withNodes } from '../support/spokes.ts'
import { spec } from '../support/spec.ts'

/** Ours with everybody, and one real pair that says what is right. */
const pairs: readonly (readonly [hub: Kind, spoke: Kind])[] = [
  ...kinds.map(spoke => ['ours', spoke] as const),
  ['2.15', '2.10'],
]

spec('leaf listener', it => {
  for (const [hubKind, spokeKind] of pairs) {
    it(`joins spoke ${spokeKind} to hub ${hubKind}`, () =>
      withNodes(async (start, client) => {
        const hub = await start({ kind: hubKind, name: 'hub', leaf: true, domain: 'hub' })
        const remotes = [remoteTo(hub)]
        const spoke = await start({ kind: spokeKind, name: 'spoke', remotes, domain: 'edge' })
        await linked(hub)
        const [atHub, atSpoke] = [await client(hub), await client(spoke)]
        atSpoke.subscribe('at.spoke', { callback: (_, m) => void m.respond(`spoke ${m.string()}`) })
        atHub.subscribe('at.hub', { callback: (_, m) => void m.respond(`hub ${m.string()}`) })
        assert.is(await asked(atHub, 'at.spoke', 'a'), 'spoke a')
        assert.is(await asked(atSpoke, 'at.hub', 'b'), 'hub b')
        // The other side's JetStream, by its domain; our own, without.
        const info = async (from: typeof atHub, subject: string) =>
          JSON.parse(await asked(from, subject)).domain
        assert.is(await info(atHub, '$JS.edge.API.INFO'), 'edge')
        assert.is(await info(atSpoke, '$JS.hub.API.INFO'), 'hub')
        assert.is(await info(atHub, '$JS.API.INFO'), 'hub')
        const [row] = await leafz(hub)
        assert.is(row?.name, 'spoke')
        assert.is(row?.is_spoke, false)
        assert.ok(JSON.stringify(row?.subscriptions_list).includes('"at.spoke"'))
      }))
  }

  for (const spokeKind of kinds) {
    it(`is the spoke of one that dials as a hub, ${spokeKind}`, () =>
      withNodes(async (start, client) => {
        const node = await start({ kind: 'ours', name: 'waits', leaf: true })
        const hub = await start({
          kind: spokeKind,
          name: 'dials',
          remotes: [remoteTo(node, 'hub: true')],
        })
        await linked(node)
        const [row] = await leafz(node)
        assert.is(row?.is_spoke, true)
        const [atHub, atNode] = [await client(hub), await client(node)]
        atNode.subscribe('at.node', { callback: (_, m) => void m.respond(m.data) })
        assert.is(await asked(atHub, 'at.node', 'down'), 'down')
        atHub.subscribe('at.hub', { callback: (_, m) => void m.respond(m.data) })
        assert.is(await asked(atNode, 'at.hub', 'up'), 'up')
      }))
  }

  for (const [hubKind, spokeKind] of [...pairs.slice(0, 4), ['2.15', 'ours'] as const]) {
    it(`knows spoke ${spokeKind} at hub ${hubKind} by its JWT`, () =>
      withNodes(async (start, client) => {
        const operator = newOperator()
        const conf = operator.conf
        const hub = await start({ kind: hubKind, name: 'hub', leaf: true, conf })
        const limits = { pub: { allow: ['up.>'] }, sub: { allow: ['down.>', '_INBOX.>'] } }
        const file = credsFile(operator.creds(limits))
        const remotes = [remoteTo(hub, `credentials: "${file}"`)]
        const spoke = await start({ kind: spokeKind, name: 'spoke', remotes })
        await linked(hub)
        const nats = await client(spoke)
        const atHub = await connect({
          servers: hub.url,
          reconnect: false,
          authenticator: credsAuthenticator(Buffer.from(operator.creds())),
        })
        try {
          const heard: string[] = []
          atHub.subscribe('>', { callback: (_, m) => void heard.push(m.subject) })
          nats.subscribe('down.x', { callback: (_, m) => void m.respond('ok') })
          nats.subscribe('else', { callback: () => undefined })
          await atHub.flush()
          await until(() => {
            for (const subject of ['else', 'down.y', 'up.a']) nats.publish(subject)
            return heard.includes('up.a')
          })
          assert.not.ok(heard.some(subject => subject === 'else' || subject === 'down.y'))
          const [row] = await leafz(hub)
          const subjects = JSON.stringify(row?.subscriptions_list)
          assert.ok(subjects.includes('"down.x"'))
          assert.not.ok(subjects.includes('"else"'))
        } finally {
          await atHub.close()
        }
        // Another one's creds, and none, are of no use.
        const stranger = credsFile(newOperator().creds())
        const other = await start({
          kind: 'ours',
          name: 'stranger',
          remotes: [remoteTo(hub, `credentials: "${stranger}"`)],
        })
        await other.process.waitFor('Authorization Violation')
      }))
  }

  const secure: readonly (readonly [hub: Kind, spoke: Kind])[] = [
    ['ours', '2.9'],
    ['ours', '2.15'],
    ['ours', 'ours'],
    ['2.15', 'ours'],
  ]
  for (const [hubKind, spokeKind] of secure) {
    it(`speaks TLS, over TCP and WebSocket, spoke ${spokeKind}, hub ${hubKind}`, () =>
      withNodes(async (start, client) => {
        const { ca, serverCert, serverKey, clientCert, clientKey } = newCertificates()
        const files = `cert_file: "${serverCert}", key_file: "${serverKey}", ca_file: "${ca}"`
        const own = `cert_file: "${clientCert}", key_file: "${clientKey}", ca_file: "${ca}"`
        const port = await freePort()
        const hub = await start({
          kind: hubKind,
          name: 'hub',
          leaf: `tls { ${files}, verify: true }`,
          conf: `websocket { listen: "127.0.0.1:${port}", tls { ${files} } }`,
        })
        const urls = [`tls://localhost:${hub.leafPort}`, `wss://localhost:${port}`]
        for (const [i, url] of urls.entries()) {
          const remotes = [`{ url: "${url}", tls { ${own} } }`]
          const name = `spoke${i}`
          const spoke = await start({ kind: spokeKind, name, remotes })
          await linked(hub, i + 1)
          const [atHub, atSpoke] = [await client(hub), await client(spoke)]
          atSpoke.subscribe(`at.${i}`, { callback: (_, m) => void m.respond(m.data) })
          assert.is(await asked(atHub, `at.${i}`, 'secret'), 'secret')
        }
      }))
  }

  for (const kind of ['ours', '2.15'] as const) {
    it(`ends a login by JWT when its time is over, hub ${kind}`, () =>
      withNodes(async start => {
        const key = createNKey('operator')
        const account = newAccount(key)
        const conf = [
          `operator: "${operatorJwt(key)}"`,
          'resolver: MEMORY',
          `resolver_preload { ${account.publicKey}: "${account.jwt()}" }`,
        ].join('\n')
        const hub = await start({ kind, name: 'hub', leaf: true, conf })
        const exp = Math.floor(Date.now() / 1000) + 3
        const file = credsFile(account.user({}, { exp }).creds)
        const remotes = [remoteTo(hub, `credentials: "${file}"`)]
        const spoke = await start({ kind: 'ours', name: 'spoke', remotes })
        await linked(hub)
        await spoke.process.waitFor("Leafnode Error 'User Authentication Expired'")
        await linked(hub, 0)
      }))
  }

  it('dials a hub that a reload brings, and leaves one that it takes', () =>
    withNodes(async start => {
      const hub = await start({ kind: '2.10', name: 'hub', leaf: true })
      const edge = await startEdge({ name: 'edge' })
      try {
        const text = readFileSync(edge.conf, 'utf8')
        writeFileSync(edge.conf, `${text}\nleafnodes { remotes: [ ${remoteTo(hub)} ] }`)
        process.kill(edge.process.pid, 'SIGHUP')
        await linked(hub)
        await edge.process.waitFor('Reloaded server configuration')
        writeFileSync(edge.conf, text)
        process.kill(edge.process.pid, 'SIGHUP')
        await linked(hub, 0)
        writeFileSync(edge.conf, `${text}\nleafnodes { port: -1 }`)
        process.kill(edge.process.pid, 'SIGHUP')
        await edge.process.waitFor('config reload not supported for LeafNode')
      } finally {
        await edge.stop()
      }
    }))
})

function credsFile(text: string): string {
  const file = join(scratch('creds'), 'spoke.creds')
  writeFileSync(file, text)
  return file
}
