// The official client comes in every way that TLS has, to our broker and to nats-server.

import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { newCertificates, newClient } from '../support/certificates.ts'
import { startHub } from '../support/hub.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'

const files = newCertificates()
const client = newClient(files, '/O=Edge/CN=sensor')
const { publicKey } = new X509Certificate(readFileSync(client.cert))
const spki = publicKey.export({ type: 'spki', format: 'der' })
const pin = createHash('sha256').update(spki).digest('hex')
const pair = `cert_file: "${files.serverCert}", key_file: "${files.serverKey}"`
const verified = `${pair}, ca_file: "${files.ca}", verify: true`
const ours = { caFile: files.ca, certFile: client.cert, keyFile: client.key }
const users = 'authorization { users: [ { user: "CN=sensor,O=Edge" } ] }'

const rows: readonly (readonly [string, string, object | null])[] = [
  ['mutual TLS', `tls { ${verified} }`, ours],
  ['verify_and_map', `tls { ${verified}, verify_and_map: true }\n${users}`, ours],
  ['handshake_first', `tls { ${pair}, first: true }`, { ...ours, handshakeFirst: true }],
  ['handshake_first: auto', `tls { ${pair}, first: auto }`, ours],
  ['allow_non_tls, in clear', `tls { ${pair} }\nallow_non_tls: true`, null],
  ['allow_non_tls, with TLS', `tls { ${pair} }\nallow_non_tls: true`, ours],
  ['pinned_certs', `tls { ${verified}, pinned_certs: ["${pin}"] }`, ours],
]

async function visit(port: number, tls: object | null): Promise<void> {
  const options = { servers: `localhost:${port}`, reconnect: false, tls }
  const nc = await connect(options)
  nc.subscribe('echo', { callback: (_error, message) => void message.respond(message.data) })
  assert.is((await nc.request('echo', 'hello')).string(), 'hello')
  await nc.close()
}

spec('the official client with TLS', it => {
  for (const [name, config, tls] of rows) {
    it(name, async () => {
      const server = await startServer(config)
      try {
        await visit(server.address.port, tls)
      } finally {
        server.close()
      }
      const hub = await startHub({ conf: config })
      try {
        await visit(hub.port, tls)
      } finally {
        await hub.stop()
      }
    })
  }
})
