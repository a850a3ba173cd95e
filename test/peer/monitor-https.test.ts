// Monitoring over HTTPS, beside the real nats-server's.

import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Certificates, newCertificates } from '../support/certificates.ts'
import { scratch } from '../support/directory.ts'
import { edgeMain, startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { natsServer } from '../support/peers.ts'
import { freePort } from '../support/ports.ts'
import { start } from '../support/process.ts'
import { spec } from '../support/spec.ts'

const programsMsMax = 60_000

const tls = ({ serverCert, serverKey, ca }: Certificates, more = '') =>
  `tls { cert_file: "${serverCert}", key_file: "${serverKey}", ca_file: "${ca}"\n${more} }`

function get(port: number, path: string, ca: string) {
  return new Promise<{ code: number | undefined; body: string }>((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, ca: readFileSync(ca), agent: false }
    const asked = request(options, answer => {
      let body = ''
      answer.setEncoding('utf8').on('data', text => {
        body += text
      })
      answer.on('end', () => resolve({ code: answer.statusCode, body }))
    })
    asked.on('error', reject).end()
  })
}

interface Varz {
  readonly http_host: string
  readonly http_port: number
  readonly https_port: number
}

spec('monitoring over HTTPS', it => {
  it(
    'is as that of nats-server, and asks nobody for a certificate',
    async () => {
      const files = newCertificates()
      const dirs = [scratch('ports'), scratch('ports')] as const
      const conf = (port: number, dir: string) =>
        `${tls(files, 'verify: true')}\nhttps: "127.0.0.1:${port}"\nports_file_dir: "${dir}"`
      const [theirPort, ourPort] = [await freePort(), await freePort()]
      const hub = await startHub({ version: '2.10', conf: conf(theirPort, dirs[0]) })
      const edge = await startEdge({ conf: conf(ourPort, dirs[1]) })
      try {
        const seen = async (port: number, dir: string, output: string) => {
          const { code, body } = await get(port, '/varz', files.ca)
          const { http_host, http_port, https_port } = JSON.parse(body) as Varz
          const [file = ''] = readdirSync(dir)
          const { monitoring } = JSON.parse(readFileSync(join(dir, file), 'utf8'))
          const line = /Starting https? monitor on .*/.exec(output)?.[0]
          const health = await get(port, '/healthz', files.ca)
          return JSON.stringify({
            ...{ code, http_host, http_port, https_port, monitoring, line, health },
          }).replaceAll(String(port), 'PORT')
        }
        const ours = await seen(ourPort, dirs[1], edge.process.output())
        assert.is(ours, await seen(theirPort, dirs[0], hub.process.output()))
        assert.match(ours, 'Starting https monitor on 127.0.0.1:PORT')
        assert.match(ours, '["https://127.0.0.1:PORT"]')
        // In clear nobody is served, and the next is.
        for (const port of [ourPort, theirPort]) {
          const clear = await fetch(`http://127.0.0.1:${port}/varz`).catch(() => null)
          assert.ok(clear === null || clear.status === 400)
          assert.is((await get(port, '/healthz', files.ca)).code, 200)
        }
        assert.match(edge.process.output(), '[ERR] monitoring: TLS handshake error from 127.0.0.1:')
        assert.match(hub.process.output(), '[ERR] monitoring: TLS handshake error from 127.0.0.1:')
      } finally {
        await edge.stop()
        await hub.stop()
      }
    },
    programsMsMax,
  )
  it(
    'shows the new certificate after a reload, and stays when there is none',
    async () => {
      const [files, others] = [newCertificates(), newCertificates()]
      const port = await freePort()
      const edge = await startEdge({ conf: tls(files), flags: ['-ms', String(port)] })
      try {
        assert.is((await get(port, '/healthz', files.ca)).code, 200)
        copyFileSync(others.serverCert, files.serverCert)
        edge.process.child.kill('SIGHUP')
        await edge.process.waitFor('Failed to reload server configuration')
        assert.is((await get(port, '/healthz', files.ca)).code, 200)
        copyFileSync(others.serverKey, files.serverKey)
        edge.process.child.kill('SIGHUP')
        await edge.process.waitFor('Reloaded server configuration')
        assert.is((await get(port, '/healthz', others.ca)).code, 200)
        const old = await get(port, '/healthz', files.ca).catch(() => null)
        assert.is(old, null)
      } finally {
        await edge.stop()
      }
    },
    programsMsMax,
  )
  it(
    'refuses https without a certificate, and http beside it, as nats-server',
    async () => {
      const files = newCertificates()
      const cases = [
        ['https_port: 8222', 'TLS cert and key required for HTTPS'],
        [
          `${tls(files)}\nhttp_port: 8222, https_port: 8223`,
          "can't specify both HTTP (8222) and HTTPs (8223) ports",
        ],
      ] as const
      for (const [text, why] of cases) {
        const conf = join(scratch('conf'), 'a.conf')
        writeFileSync(conf, `listen: "127.0.0.1:-1"\n${text}\n`)
        const node = ['--disable-warning=ExperimentalWarning', edgeMain]
        for (const [program, args] of [
          [natsServer('2.10'), []],
          [process.execPath, node],
        ] as const) {
          const run = await start(program, [...args, '-c', conf])
          assert.is((await run.exited).code, 1, program)
          assert.match(run.output(), why)
        }
      }
    },
    programsMsMax,
  )
})
