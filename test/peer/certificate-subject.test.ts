// The certificate of a client in /connz: ours and the real nats-server's write the same.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { newCertificates } from '../support/certificates.ts'
import { scratch } from '../support/directory.ts'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { program } from '../support/peers.ts'
import { spec } from '../support/spec.ts'

const programsMsMax = 60_000

const subjects = [
  '/CN=device',
  '/CN=x/C=DE/serialNumber=1/ST=s/L=l/postalCode=p/street=t/O=o/OU=u',
  '/C=DE/ST=Hessen/L=Bad Homburg/O=One/OU=a/OU=b/CN=first/CN=last',
  '/CN=a, b+c "d" \\\\ <e>; =f/O= blank /OU=#hash/L=in # the middle',
  '/DC=org/DC=example/CN=ann/emailAddress=ann@example.org/title=Dr/UID=42',
  '/serialNumber=007/CN=Zoë Müller/street=Main St 1/postalCode=01234',
  `/O=a/C=FR/O=b+OU=c/title=${'long '.repeat(12)}é/CN=x`,
]

interface Connz {
  readonly connections: readonly { readonly tls_peer_certs?: object }[]
}

spec('subjects of certificates', it => {
  it(
    'are written as nats-server writes them',
    async () => {
      const files = newCertificates()
      const dir = scratch('subjects')
      const openssl = (...args: string[]) =>
        execFileSync(program('openssl'), args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-utf8']
      const conf = `tls { cert_file: "${files.serverCert}", key_file: "${files.serverKey}"
        ca_file: "${files.ca}", verify: true }`
      const hub = await startHub({ version: '2.10', monitor: true, conf })
      const edge = await startEdge({ monitor: true, conf })
      const seen = async (port: number, monitorPort: number, i: number) => {
        const tls = {
          caFile: files.ca,
          certFile: join(dir, `${i}.pem`),
          keyFile: join(dir, `${i}.key`),
        }
        const client = await connect({ servers: `localhost:${port}`, tls, reconnect: false })
        await client.flush()
        const url = `http://127.0.0.1:${monitorPort}/connz?auth=1`
        const { connections } = (await (await fetch(url)).json()) as Connz
        await client.close()
        return connections.at(-1)?.tls_peer_certs
      }
      try {
        for (const [i, subject] of subjects.entries()) {
          const names = ['-keyout', `${i}.key`, '-out', `${i}.csr`, '-subj', subject]
          openssl('req', ...key, '-multivalue-rdn', ...names)
          openssl(
            ...['x509', '-req', '-in', `${i}.csr`, '-CA', files.ca, '-days', '2'],
            ...['-CAkey', files.ca.replace(/\.pem$/, '.key'), '-CAcreateserial'],
            ...['-CAserial', join(dir, 'serial'), '-out', `${i}.pem`],
          )
          const theirs = await seen(hub.port, hub.monitorPort, i)
          assert.ok(theirs)
          assert.equal(await seen(edge.port, edge.monitorPort, i), theirs)
        }
      } finally {
        await edge.stop()
        await hub.stop()
      }
    },
    programsMsMax,
  )
})
