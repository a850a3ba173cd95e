import { copyFileSync, rmSync } from 'node:fs'
import { connect as dialClear, Socket } from 'node:net'
import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { FakeClock, realClock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { upgrade } from '../../src/link/tls.ts'
import { type Certificates, newCertificates } from '../support/certificates.ts'
import { optionsOf, startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'

const tlsOf = (files: Certificates): string =>
  `tls { cert_file: "${files.serverCert}", key_file: "${files.serverKey}" }`

const linesLog = (lines: string[]): Log => ({
  debugOn: true,
  traceOn: false,
  info() {},
  warn() {},
  error: text => void lines.push(`ERR ${text}`),
  debug: text => void lines.push(`DBG ${text}`),
  trace() {},
})

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

spec('failed TLS handshakes', it => {
  it('stand among the closed connections, and those that are no TLS are no error', async () => {
    const files = newCertificates()
    const verify = `, ca_file: "${files.ca}", verify: true }`
    const lines: string[] = []
    const server = await startServer(
      tlsOf(files).replace(/ }$/, verify),
      realClock,
      linesLog(lines),
    )
    const { port } = server.address
    try {
      const clear = dialClear(port, '127.0.0.1')
      clear.on('error', () => undefined)
      clear.write('CONNECT {}\r\nPING\r\n')
      clear.resume()
      await new Promise(resolve => clear.once('close', resolve))
      const tls = { caFile: files.ca }
      await connect({ servers: `localhost:${port}`, tls, reconnect: false }).catch(() => null)
      const gone = dialClear(port, '127.0.0.1')
      gone.once('data', () => gone.destroy())
      await new Promise(resolve => gone.once('close', resolve))
      const closed = () => server.closed.list()
      while (closed().length < 3) await new Promise(resolve => setTimeout(resolve, 10))
      for (const { reason, kind } of closed()) {
        assert.equal([reason, kind], ['TLS Handshake Failure', 'client'])
      }
      const said = lines.filter(line => line.includes('TLS handshake error: '))
      const ports = closed().map(one => `127.0.0.1:${one.port} - cid:${one.id}`)
      assert.is(said.length, 3)
      assert.is(
        said[0],
        `DBG ${ports[0]} - TLS handshake error: first record does not look like a TLS handshake`,
      )
      assert.match(said[1] ?? '', new RegExp(`^ERR ${ports[1]} - TLS handshake error: `))
      assert.is(said[2], `ERR ${ports[2]} - TLS handshake error: EOF`)
      assert.is(server.clients.size, 0)
    } finally {
      server.close()
    }
  })
})
