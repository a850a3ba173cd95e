// Routes over TLS and with passwords, beside real servers; a client that fails over to a server it
// was told of; the config that nats-server's container image comes with.

import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { newCertificates } from '../support/certificates.ts'
import { scratch } from '../support/directory.ts'
import { edgeMain, startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { freePorts } from '../support/ports.ts'
import { start } from '../support/process.ts'
import { spec } from '../support/spec.ts'

type Kind = 'ours' | '2.9' | '2.10' | '2.15'

function startMember(kind: Kind, name: string, conf: string, flags: readonly string[] = []) {
  const common = { name, monitor: true, conf, flags }
  return kind === 'ours' ? startEdge(common) : startHub({ version: kind, ...common })
}

async function until(isTrue: () => boolean | Promise<boolean>, msMax: number): Promise<void> {
  const endMs = performance.now() + msMax
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error(`never true: ${isTrue}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

async function routesOf(monitorPort: number): Promise<readonly unknown[]> {
  const response = await fetch(`http://127.0.0.1:${monitorPort}/routez`)
  const { routes = [] } = (await response.json()) as { routes?: unknown[] }
  return routes
}

const pairs: readonly (readonly [Kind, Kind])[] = [
  ['ours', '2.10'],
  ['2.10', 'ours'],
  ['ours', '2.15'],
  ['2.15', 'ours'],
  ['ours', 'ours'],
]

spec('routes over TLS', it => {
  const certificates = newCertificates()
  const { ca, serverCert, serverKey } = certificates
  const tls = `tls { cert_file: "${serverCert}", key_file: "${serverKey}", ca_file: "${ca}" }`
  const block = (own: number, more: string) =>
    `cluster { name: C, listen: "127.0.0.1:${own}"\n${more} }`

  for (const [first, second] of pairs) {
    it(`stand both ways: ${second} dials ${first}`, async () => {
      const [a, b] = (await freePorts(2)) as [number, number]
      const seed = await startMember(first, 'n0', block(a, tls))
      const routes = `${tls}\nroutes: ["tls://127.0.0.1:${a}"]`
      const other = await startMember(second, 'n1', block(b, routes))
      try {
        await until(async () => (await routesOf(other.monitorPort)).length > 0, 8000)
        const [one, two] = await Promise.all([
          connect({ servers: seed.url }),
          connect({ servers: other.url }),
        ])
        two.subscribe('echo', { callback: (_, m) => void m.respond(m.data) })
        await two.flush()
        await until(async () => {
          const answer = await one.request('echo', 'hi', { timeout: 300 }).catch(() => null)
          return answer?.string() === 'hi'
        }, 8000)
        await one.close()
        await two.close()
      } finally {
        await other.stop()
        await seed.stop()
      }
    })
  }

  it('are refused in clear, and with a certificate of somebody else', async () => {
    const stranger = newCertificates()
    const [a, b, c] = (await freePorts(3)) as [number, number, number]
    const seed = await startMember('ours', 'n0', block(a, tls))
    const theirs =
      `tls { cert_file: "${stranger.serverCert}", key_file: "${stranger.serverKey}"\n` +
      `ca_file: "${ca}" }\nroutes: ["tls://127.0.0.1:${a}"]`
    const wrong = await startMember('2.15', 'n1', block(b, theirs))
    const clear = await startMember('2.15', 'n2', block(c, `routes: ["nats://127.0.0.1:${a}"]`))
    try {
      await until(() => /TLS route handshake error/.test(seed.process.output()), 8000)
      assert.equal(await routesOf(seed.monitorPort), [])
    } finally {
      for (const node of [wrong, clear, seed]) await node.stop()
    }
  })
})

spec('routes with a password', it => {
  for (const [first, second] of [
    ['ours', '2.15'],
    ['2.10', 'ours'],
  ] as const) {
    it(`do not stand with a wrong one: ${second} dials ${first}`, async () => {
      const [a, b] = (await freePorts(2)) as [number, number]
      const login = 'authorization { user: r, password: s }'
      const own = (port: number) => `cluster { name: C, listen: "127.0.0.1:${port}"`
      const seed = await startMember(first, 'n0', `${own(a)}\n${login} }`)
      const routes = `routes: ["nats-route://r:wrong@127.0.0.1:${a}"] }`
      const other = await startMember(second, 'n1', `${own(b)}\n${routes}`)
      try {
        const said = () => other.process.output()
        await until(() => /Route Error .*Authorization Violation/.test(said()), 8000)
        await until(() => /rid:\d+ - authentication error/.test(seed.process.output()), 8000)
        assert.equal(await routesOf(seed.monitorPort), [])
      } finally {
        await other.stop()
        await seed.stop()
      }
    })
  }
})

spec('a client of a cluster', it => {
  for (const dead of ['ours', '2.15'] as const) {
    it(`goes to a server that it was told of when its own, ${dead}, dies`, async () => {
      const [a, b] = (await freePorts(2)) as [number, number]
      const own = (port: number) => `cluster { name: C, listen: "127.0.0.1:${port}"`
      const first = await startMember(dead, 'n0', `${own(a)} }`)
      const routes = `routes: ["nats-route://127.0.0.1:${a}"] }`
      const other = await startMember(
        dead === 'ours' ? '2.10' : 'ours',
        'n1',
        `${own(b)}\n${routes}`,
      )
      const client = await connect({ servers: first.url, reconnectTimeWait: 50 })
      const told: unknown[] = []
      try {
        void (async () => {
          for await (const status of client.status()) told.push(status)
        })()
        const name = `127.0.0.1:${other.port}`
        const isTold = () =>
          JSON.stringify(told).includes(name) || client.info?.connect_urls?.includes(name) === true
        await until(isTold, 15_000)
        client.subscribe('x', { callback: (_, m) => void m.respond('still here') })
        await client.flush()
        await first.stop('SIGKILL')
        await until(() => client.getServer().endsWith(`:${other.port}`), 8000)
        const asker = await connect({ servers: other.url })
        await until(async () => {
          const answer = await asker.request('x', '', { timeout: 300 }).catch(() => null)
          return answer?.string() === 'still here'
        }, 8000)
        await asker.close()
      } finally {
        await client.close()
        await other.stop()
        await first.stop()
      }
    })
  }
})

/** What /nats-server.conf in the image of 2.7.4 says; ports are other ones here. */
async function imageConf(): Promise<string> {
  const [client, monitor, route] = await freePorts(3)
  return `# Client port of 4222 on all interfaces
port: ${client}

# HTTP monitoring port
monitor_port: ${monitor}

# This is for clustering multiple servers together.
cluster {
  # Route connections to be received on any interface on port 6222
  port: ${route}

  # Routes are protected, so need to use them with --routes flag
  # e.g. --routes=nats-route://ruser:T0pS3cr3t@otherdockerhost:6222
  authorization {
    user: ruser
    password: T0pS3cr3t
    timeout: 2
  }

  # Routes are actively solicited and connected to from this server.
  # This Docker image has none by default, but you can pass a
  # flag to the nats-server docker image to create one to an existing server.
  routes = []
}
`
}

spec('the config of the container image', it => {
  for (const flags of [[], ['-js']]) {
    it(`starts: nats-server -c nats-server.conf ${flags.join(' ')}`, async () => {
      const dir = scratch('image')
      const conf = join(dir, 'nats-server.conf')
      writeFileSync(conf, await imageConf())
      const store = flags.length > 0 ? ['-sd', join(dir, 'js')] : []
      const args = ['--disable-warning=ExperimentalWarning', edgeMain, '-c', conf, ...flags]
      const running = await start(process.execPath, [...args, ...store], 'Server is ready', {
        cwd: dir,
        readyMsMax: 30_000,
      })
      try {
        await until(
          () => /Listening for route connections on 0\.0\.0\.0:/.test(running.output()),
          3000,
        )
        assert.match(running.output(), /Cluster name is \S+/)
        assert.match(running.output(), /Cluster name was dynamically generated/)
        const tellsOfStore = running.output().includes('JetStream stays on this server')
        assert.is(tellsOfStore, flags.length > 0)
        assert.not.match(running.output(), /\[(ERR|FTL)\]/)
        if (flags.length > 0) assert.ok(existsSync(join(dir, 'js')) && readdirSync(dir).length > 0)
      } finally {
        await running.stop()
      }
    })
  }
})
