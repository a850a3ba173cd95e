// The default configs of nats-server's container images, as their pages show them: who comes from
// there starts here, and reads the same lines in the same order. Only the ports are free ones.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { edgeMain } from '../support/edge.ts'
import { natsServer } from '../support/peers.ts'
import { freePorts } from '../support/ports.ts'
import { type Running, start } from '../support/process.ts'
import { spec } from '../support/spec.ts'
import { dialClient } from '../support/talk.ts'

interface Ports {
  readonly client: number
  readonly http: number
  readonly route: number
}

/** Of the pages, without the comments; they differ in the name and in the timeout. */
const config = (version: string, ports: Ports): string => `
# Client port of 4222 on all interfaces
port: ${ports.client}

# HTTP monitoring port
monitor_port: ${ports.http}

# This is for clustering multiple servers together.
cluster {
${version === '1.4.1' ? '' : '  # It is recommended to set a cluster name\n  name: "my_cluster"\n'}
  # Route connections to be received on any interface on port 6222
  port: ${ports.route}

  # Routes are protected, so need to use them with --routes flag
  # e.g. --routes=nats-route://ruser:T0pS3cr3t@otherdockerhost:6222
  authorization {
    user: ruser
    password: T0pS3cr3t
    timeout: ${version === '1.4.1' ? '0.75' : '2'}
  }

  # Routes are actively solicited and connected to from this server.
  # This Docker image has none by default, but you can pass a
  # flag to the nats-server docker image to create one to an existing server.
  routes = []
}
`

/** What the pages show, in their order; 1.4.1 had other words for the first lines. */
const documented = (version: string, path: string, ports: Ports): readonly string[] => [
  '[INF] Starting nats-server',
  '[INF]   Version:  ',
  '[INF]   Name:     N',
  '[INF]   ID:       N',
  `[INF] Using configuration file: ${path}`,
  `[INF] Starting http monitor on 0.0.0.0:${ports.http}`,
  `[INF] Listening for client connections on 0.0.0.0:${ports.client}`,
  '[INF] Server is ready',
  `[INF] Cluster name is ${version === '1.4.1' ? '' : 'my_cluster'}`,
  ...(version === '1.4.1'
    ? ['[WRN] Cluster name was dynamically generated, consider setting one']
    : []),
  `[INF] Listening for route connections on 0.0.0.0:${ports.route}`,
]

const edge = [process.execPath, edgeMain]

async function newPorts(): Promise<Ports> {
  const [client = 0, http = 0, route = 0] = await freePorts(3)
  return { client, http, route }
}

async function begun(command: readonly string[], version: string, flags: readonly string[] = []) {
  const ports = await newPorts()
  const path = join(scratch('docker'), 'nats-server.conf')
  writeFileSync(path, config(version, ports))
  const [program = '', ...args] = [...command, '-c', path, '-T=false', ...flags]
  const running = await start(program, args, 'Listening for route connections on')
  return { running, path, ports }
}

function linesOf(running: Running): readonly string[] {
  return running
    .output()
    .split('\n')
    .map(line => line.replace(/^\[\d+\] /, ''))
}

/** Every wanted line is there, one behind the other. */
function expectInOrder(running: Running, wanted: readonly string[]): void {
  const lines = linesOf(running)
  let at = 0
  for (const line of lines) if (at < wanted.length && line.startsWith(wanted[at] as string)) at++
  assert.is(at, wanted.length, `no ${wanted[at]} in its place:\n${lines.join('\n')}`)
}

spec('configs of the container images', it => {
  for (const version of ['1.4.1', '2.7.4']) {
    it(`${version}: starts with the lines of its page`, async () => {
      const { running, path, ports } = await begun(edge, version)
      expectInOrder(running, documented(version, path, ports))
      const wrong = linesOf(running).filter(line => /^\[(WRN|ERR|FTL)\]/.test(line))
      assert.is(wrong.length, version === '1.4.1' ? 1 : 0, wrong.join('\n'))
      const talk = await dialClient(ports.client)
      talk.send('SUB a 1\r\nPUB a 2\r\nhi\r\n')
      await talk.expect('MSG a 1 2\r\nhi\r\n')
      const varz = await fetch(`http://127.0.0.1:${ports.http}/varz`)
      const { cluster } = (await varz.json()) as { cluster: { cluster_port: number } }
      assert.is(cluster.cluster_port, ports.route)
      talk.close()
      assert.equal(await running.stop('SIGINT'), { code: 0, signal: null })
    })

    it(`${version}: nats-server says the same`, async () => {
      const { running, path, ports } = await begun([natsServer('2.10')], version)
      await running.stop('SIGINT')
      expectInOrder(running, documented(version, path, ports))
    })

    it(`${version}: starts with -js, which nats-server refuses, and says where its streams are`, async () => {
      const { running, path, ports } = await begun(edge, version, ['-js', '-sd', scratch('js')])
      const lines = [...documented(version, path, ports)]
      const banner = lines.findIndex(line => line.includes('http monitor'))
      lines.splice(
        banner + 1, 0,
        '[INF] Starting JetStream',
        '[INF] ---------------- JETSTREAM ----------------',
        '[INF]   Max Memory:      ',
        '[INF]   Max Storage:     ',
        '[INF]   Store Directory: "',
      ) // biome-ignore format: two arguments, then lines
      expectInOrder(running, lines)
      assert.match(running.output(), 'JetStream stays on this server')
      const talk = await dialClient(ports.client)
      talk.send('SUB in 1\r\nPUB $JS.API.INFO in 0\r\n\r\n')
      await talk.expect(
        /MSG in 1 \d+\r\n\{"type":"io\.nats\.jetstream\.api\.v1\.account_info_response"/,
      )
      talk.close()
      assert.equal(await running.stop('SIGINT'), { code: 0, signal: null })
    })
  }

  it('a second container joins the first with --routes', async () => {
    const first = await begun(edge, '2.7.4')
    const to = `--routes=nats-route://ruser:T0pS3cr3t@127.0.0.1:${first.ports.route}`
    const second = await begun(edge, '2.7.4', [to, '-DV'])
    await second.running.waitFor('Registering remote route "N')
    await first.running.waitFor('Route connection created')
    expectInOrder(second.running, [
      '[INF] Starting nats-server',
      '[DBG] Created system account: "$SYS"',
      '[INF] Server is ready',
      '[INF] Cluster name is my_cluster',
      '[INF] Listening for route connections on',
      `[DBG] Trying to connect to route on 127.0.0.1:${first.ports.route}`,
    ])
    await Promise.all([first.running.stop(), second.running.stop()])
  })
})
