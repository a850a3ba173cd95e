import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectTls } from 'node:tls'
import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { secureOptions } from '../../src/link/tls-files.ts'
import { curveList } from '../../src/link/tls-names.ts'
import { certificateProblem } from '../../src/server/tls-options.ts'
import { newCertificates } from '../support/certificates.ts'
import { optionsOf, startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'

const base = { cert_file: null, key_file: null, ca_file: null, min_version: '1.2', verify: false }

const keyHash = (path: string) =>
  createHash('sha256')
    .update(
      new X509Certificate(readFileSync(path)).publicKey.export({ type: 'spki', format: 'der' }),
    )
    .digest('hex')

spec('certificates, suites, pins', it => {
  it('says which of several certificates is wrong', async () => {
    const files = newCertificates()
    const right = { cert_file: files.serverCert, key_file: files.serverKey }
    const wrong = { cert_file: files.serverCert, key_file: files.clientKey }
    const error = /error parsing X509 certificate\/key pair 2\/2: /
    assert.throws(() => secureOptions({ ...base, certs: [right, wrong] }), error)
    assert.throws(() => secureOptions({ ...base, cert_file: 'a' }), /missing 'key_file'/)
    assert.throws(() => secureOptions(base), /must be present and valid/)
  })

  it('wants an authority in ca_file', async () => {
    const files = newCertificates()
    const pair = { cert_file: files.serverCert, key_file: files.serverKey }
    const empty = `${files.ca}.empty`
    writeFileSync(empty, '')
    const load = () => secureOptions({ ...base, ...pair, ca_file: empty })
    assert.throws(load, /failed to parse root ca certificate/)
  })

  it('shows the certificate that is for the host', async () => {
    const [one, two] = [newCertificates('DNS:one.test'), newCertificates('DNS:two.test')]
    const pairs = [one, two].map(
      ({ serverCert, serverKey }) => `{ cert_file: "${serverCert}", key_file: "${serverKey}" }`,
    )
    const server = await startServer(`tls { certs: [${pairs.join(', ')}] }`)
    try {
      const names = await Promise.all(
        ['two.test', 'one.test', 'other.test'].map(name => shownFor(server.address.port, name)),
      )
      assert.equal(names, ['DNS:two.test', 'DNS:one.test', 'DNS:one.test'])
    } finally {
      server.close()
    }
  })

  for (const [what, suites, wanted] of [
    ['a suite that was chosen', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', true],
    ['no other', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', false],
  ] as const) {
    it(`takes ${what}`, async () => {
      const { serverCert, serverKey } = newCertificates()
      const files = `cert_file: "${serverCert}", key_file: "${serverKey}"`
      const server = await startServer(
        `tls { ${files}, cipher_suites: ["${suites}"], curve_preferences: ["CurveP256"] }`,
      )
      const ciphers = 'ECDHE-ECDSA-AES128-GCM-SHA256'
      const options = { maxVersion: 'TLSv1.2', ciphers } as const
      try {
        const result = await shownFor(server.address.port, 'localhost', options).catch(() => null)
        assert.is(result !== null, wanted)
      } finally {
        server.close()
      }
    })
  }

  it('leaves out curves that OpenSSL lacks, but not all', async () => {
    assert.is(curveList(['CurveP256', 'nothing']), 'prime256v1')
    assert.throws(() => curveList(['nothing']), /none of the curve_preferences is known here/)
  })

  for (const isPinned of [true, false]) {
    it(isPinned ? 'takes a client that is pinned' : 'refuses one that is not', async () => {
      const files = newCertificates()
      const pin = keyHash(isPinned ? files.clientCert : files.serverCert)
      const own = `cert_file: "${files.serverCert}", key_file: "${files.serverKey}"`
      const server = await startServer(
        `tls { ${own}, ca_file: "${files.ca}", verify: true, pinned_certs: ["${pin}"] }`,
      )
      const tls = { caFile: files.ca, certFile: files.clientCert, keyFile: files.clientKey }
      const servers = `localhost:${server.address.port}`
      try {
        const visit = async () => {
          const client = await connect({ servers, tls, reconnect: false, timeout: 2000 })
          await client.flush()
          await client.close()
        }
        const error = await visit().catch((e: Error) => e)
        assert.is(error === undefined, isPinned)
        if (!isPinned) assert.is(server.clients.size, 0)
      } finally {
        server.close()
      }
    })
  }

  it('knows what a listener lacks', async () => {
    const { tls } = optionsOf('tls { cert_file: a, key_file: b }')
    if (tls === null) throw new Error('no tls')
    assert.is(certificateProblem(tls), null)
    const why = "missing 'cert_file' in TLS configuration"
    assert.is(certificateProblem({ ...tls, cert_file: null }), why)
  })
})

/** The names in the certificate that a client is shown: it waits for INFO, as clients do. */
function shownFor(port: number, servername: string, more: object = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    import('node:net').then(({ connect: dial }) => {
      const socket = dial(port, '127.0.0.1')
      socket.once('error', reject)
      socket.once('data', () => {
        const secure = connectTls({ socket, servername, rejectUnauthorized: false, ...more })
        secure.once('error', reject)
        secure.once('close', () => reject(new Error('closed')))
        secure.once('secureConnect', () => {
          resolve(secure.getPeerX509Certificate()?.subjectAltName ?? '')
          socket.destroy()
        })
      })
    }, reject)
  })
}
