// Logging in to real hubs: users, tokens, nkeys, creds of an operator, TLS; and being refused.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  nkeyAuthenticator,
} from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { tlsDefaults } from '../../src/link/leaf/dial.ts'
import type { RemoteOptions } from '../../src/link/leaf/remote.ts'
import { type Certificates, newCertificates } from '../support/certificates.ts'
import { scratch } from '../support/directory.ts'
import { EdgeLeaf, repeated } from '../support/edge-leaf.ts'
import { type Hub, type HubOptions, startHub } from '../support/hub.ts'
import { newOperator } from '../support/jwt.ts'
import type { NatsVersion } from '../support/peers.ts'
import { spec } from '../support/spec.ts'

const versions: readonly NatsVersion[] = ['2.9', '2.10', '2.15']

type RemoteOf = (hub: Hub) => Partial<RemoteOptions> & { readonly urls: readonly string[] }

async function withEdge(
  hubOptions: HubOptions,
  remoteOf: RemoteOf,
  run: (edge: EdgeLeaf, hub: Hub) => Promise<void>,
): Promise<void> {
  const hub = await startHub(hubOptions)
  const edge = new EdgeLeaf([remoteOf(hub)])
  try {
    await run(edge, hub)
  } finally {
    edge.close()
    await hub.stop()
  }
}

/** Links and carries one message down. */
function works(hubOptions: HubOptions, remoteOf: RemoteOf, client: ConnectionOptions = {}) {
  return withEdge(hubOptions, remoteOf, async (edge, hub) => {
    await edge.start()
    let count = 0
    edge.subscribe('down', () => count++)
    const nats = await connect({ servers: hub.url, reconnect: false, ...client })
    try {
      await repeated(
        () => nats.publish('down'),
        () => count > 0,
      )
    } finally {
      await nats.close()
    }
  })
}

/** Never links, says why, and stays alive. */
function refused(hubOptions: HubOptions, remoteOf: RemoteOf, why: RegExp) {
  return withEdge(hubOptions, remoteOf, async edge => {
    edge.nodes.start()
    await edge.logged(why)
    assert.is(edge.nodes.leafs.size, 0)
  })
}

spec('leaf login', it => {
  for (const version of versions) {
    it(`takes user and password from the url, hub ${version}`, () =>
      works({ version, leaf: 'authorization { user: leaf, password: "p@ss:w/rd" }' }, hub => ({
        urls: [`nats-leaf://leaf:p%40ss%3Aw%2Frd@127.0.0.1:${hub.leafPort}`],
      })))

    it(`is refused with a wrong password, hub ${version}`, () =>
      refused(
        { version, leaf: 'authorization { user: leaf, password: pw }' },
        hub => ({ urls: [`nats-leaf://leaf:no@127.0.0.1:${hub.leafPort}`] }),
        /Leafnode Error 'Authorization Violation'/,
      ))

    it(`signs with an nkey, hub ${version}`, () => {
      const key = createNKey('user')
      const leafUser = `authorization { users: [ { nkey: ${key.publicKey} } ] }`
      // 2.9 knows nkeys of the whole server only; then the hub's own client needs one as well.
      const own = { version, leaf: true, conf: leafUser }
      const seed = new TextEncoder().encode(key.seed)
      return works(
        own,
        hub => ({ urls: [`nats-leaf://127.0.0.1:${hub.leafPort}`], nkey: key.seed }),
        { authenticator: nkeyAuthenticator(seed) },
      )
    })

    it(`shows the creds of an operator's user, hub ${version}`, () => {
      const operator = newOperator()
      const credentials = join(scratch('creds'), 'leaf.creds')
      writeFileSync(credentials, operator.creds())
      return works(
        { version, leaf: true, conf: operator.conf },
        hub => ({ urls: [`nats-leaf://127.0.0.1:${hub.leafPort}`], credentials }),
        { authenticator: credsAuthenticator(new TextEncoder().encode(operator.creds())) },
      )
    })
  }

  it('sends a lone user as a token too', () =>
    works(
      { leaf: true, conf: 'authorization { token: s3cret }' },
      hub => ({ urls: [`nats-leaf://s3cret@127.0.0.1:${hub.leafPort}`] }),
      { token: 's3cret' },
    ))

  it('says which creds file is missing or malformed, and goes on', async () => {
    const dir = scratch('creds')
    const empty = join(dir, 'empty.creds')
    writeFileSync(empty, 'nothing\n')
    const urlsOf = (hub: Hub) => [`nats-leaf://127.0.0.1:${hub.leafPort}`]
    await refused(
      { leaf: true },
      hub => ({ urls: urlsOf(hub), credentials: join(dir, 'absent.creds') }),
      /ENOENT.*absent\.creds/,
    )
    await refused(
      { leaf: true },
      hub => ({ urls: urlsOf(hub), credentials: empty }),
      /Credentials file malformed/,
    )
    await refused(
      { leaf: true },
      hub => ({ urls: urlsOf(hub), nkey: 'SUNOTASEED' }),
      /Remote nkey has malformed seed/,
    )
  })

  it('notices that it reached the port for clients', () =>
    refused(
      { leaf: true },
      hub => ({ urls: [`nats-leaf://127.0.0.1:${hub.port}`] }),
      /Error trying to connect as leafnode to remote server "127\.0\.0\.1:\d+" \(attempt 1\): .*port/,
    ))
})

function hubTls(files: Certificates, more = ''): string {
  return `tls { cert_file: "${files.serverCert}", key_file: "${files.serverKey}", ca_file: "${files.ca}", ${more} }`
}

spec('leaf tls', it => {
  const files = newCertificates()
  const trusting = { ...tlsDefaults, ca_file: files.ca }
  for (const version of versions) {
    it(`upgrades after INFO, hub ${version}`, () =>
      works({ version, leaf: hubTls(files) }, hub => ({
        urls: [`tls://127.0.0.1:${hub.leafPort}`],
        tls: trusting,
      })))

    it(`shows a certificate of its own, hub ${version}`, () =>
      works({ version, leaf: hubTls(files, 'verify: true') }, hub => ({
        urls: [`nats-leaf://localhost:${hub.leafPort}`],
        tls: { ...trusting, cert_file: files.clientCert, key_file: files.clientKey },
      })))
  }

  it('starts with the handshake when told so', () =>
    works({ version: '2.10', leaf: hubTls(files, 'handshake_first: true') }, hub => ({
      urls: [`nats-leaf://127.0.0.1:${hub.leafPort}`],
      tls: { ...trusting, handshake_first: true },
    })))

  it('does not check when told so', () =>
    works({ leaf: hubTls(files) }, hub => ({
      urls: [`tls://127.0.0.1:${hub.leafPort}`],
      tls: { ...tlsDefaults, insecure: true },
    })))

  it('refuses an unknown authority, also when only the hub asked for TLS', async () => {
    await refused(
      { leaf: hubTls(files) },
      hub => ({ urls: [`tls://127.0.0.1:${hub.leafPort}`] }),
      /TLS leafnode handshake error: .*(self|verify|issuer)/,
    )
    await refused(
      { leaf: hubTls(files) },
      hub => ({ urls: [`nats-leaf://127.0.0.1:${hub.leafPort}`] }),
      /TLS leafnode handshake error: .*(self|verify|issuer)/,
    )
  })

  it('refuses a certificate for another name', () => {
    const other = newCertificates('DNS:elsewhere.example')
    return refused(
      { leaf: hubTls(other) },
      hub => ({
        urls: [`tls://localhost:${hub.leafPort}`],
        tls: { ...tlsDefaults, ca_file: other.ca },
      }),
      /TLS leafnode handshake error: .*(altnames|does not match)/i,
    )
  })

  it('never falls back to plain text', () =>
    refused(
      { leaf: true },
      hub => ({ urls: [`tls://127.0.0.1:${hub.leafPort}`], tls: trusting }),
      /TLS leafnode handshake error/,
    ))
})
