import { copyFileSync, rmSync } from 'node:fs'
import { connect as dialClear, Socket } from 'node:net'
import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { FakeClock } from '../../src/base/clock.ts'
import { upgrade } from '../../src/link/tls.ts'
import { type Certificates, newCertificates } from '../support/certificates.ts'
import { optionsOf, startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'

const tlsOf = (files: Certificates): string =>
  `tls { cert_file: "${files.serverCert}", key_file: "${files.serverKey}" }`

spec('client TLS', it => {
  it('greets in clear, then upgrades', async () => {
    const files = newCertificates()
    const server = await startServer(tlsOf(files))
    const servers = `localhost:${server.address.port}`
    try {
      const client = await connect({ servers, tls: { caFile: files.ca }, reconnect: false })
      const answers = client.subscribe('echo', {
        callback: (_error, message) => {
          message.respond(message.data)
        },
      })
      assert.is((await client.request('echo', 'hello')).string(), 'hello')
      answers.unsubscribe()
      await client.close()
    } finally {
      server.close()
    }
  })

  it('lets nobody in whose certificate another authority signed', async () => {
    const [files, stranger] = [newCertificates(), newCertificates()]
    const verify = `ca_file: "${files.ca}", verify: true }`
    const server = await startServer(tlsOf(files).replace(/}$/, `, ${verify}`))
    const servers = `localhost:${server.address.port}`
    const visit = async ({ clientCert: certFile, clientKey: keyFile }: Certificates) => {
      const tls = { caFile: files.ca, certFile, keyFile }
      const client = await connect({ servers, tls, reconnect: false, timeout: 2000 })
      await client.flush()
      const [seen] = server.clients.values()
      await client.close()
      return seen?.certificate?.subject
    }
    try {
      assert.is(await visit(files), 'CN=client')
      assert.is(await visit(stranger).catch(() => 'refused'), 'refused')
      assert.is(await visit(files), 'CN=client')
    } finally {
      server.close()
    }
  })

  it('drops a client that speaks in clear, and serves the next', async () => {
    const files = newCertificates()
    const server = await startServer(tlsOf(files))
    const { port } = server.address
    try {
      const clear = dialClear(port, '127.0.0.1')
      clear.on('error', () => undefined)
      clear.write('CONNECT {}\r\nPING\r\n')
      clear.resume()
      await new Promise(resolve => clear.once('close', resolve))
      assert.is(server.clients.size, 0)
      const tls = { caFile: files.ca }
      const client = await connect({ servers: `localhost:${port}`, tls, reconnect: false })
      await client.flush()
      await client.close()
    } finally {
      server.close()
    }
  })

  it('serves on while its certificate files do not fit together', async () => {
    const files = newCertificates()
    const server = await startServer(tlsOf(files))
    const servers = `localhost:${server.address.port}`
    const visit = async () => {
      const client = await connect({ servers, tls: { caFile: files.ca }, reconnect: false })
      await client.flush()
      await client.close()
    }
    try {
      copyFileSync(files.clientKey, files.serverKey)
      await visit()
      server.reload(optionsOf(tlsOf(files)))
      await visit()
      rmSync(files.serverCert)
      await visit()
    } finally {
      server.close()
    }
  })

  it('shows the new certificate after a reload', async () => {
    const [files, others] = [newCertificates(), newCertificates()]
    const server = await startServer(tlsOf(files))
    const servers = `localhost:${server.address.port}`
    try {
      copyFileSync(others.serverCert, files.serverCert)
      copyFileSync(others.serverKey, files.serverKey)
      server.reload(optionsOf(tlsOf(files)))
      const client = await connect({ servers, tls: { caFile: others.ca }, reconnect: false })
      await client.flush()
      await client.close()
    } finally {
      server.close()
    }
  })

  it('ends a connection whose TLS options cannot be used, and nothing else', async () => {
    const socket = new Socket()
    const options = { isServer: true, cert: 'no certificate', key: 'no key' }
    const error = await new Promise<string>(resolve => {
      upgrade(socket, options, 1000, new FakeClock(), (_, text) => resolve(text))
    })
    assert.is.not(error, '')
    assert.ok(socket.destroyed)
  })
})
