// A cluster of ours and real servers: everybody reaches everybody once, queues count once, and a
// server that goes and comes again is found again.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { freePort } from '../support/ports.ts'
import { spec } from '../support/spec.ts'
import type { Kind } from '../support/spokes.ts'

interface Member {
  readonly kind: Kind
  readonly url: string
  readonly port: number
  readonly monitorPort: number
  stop(signal?: NodeJS.Signals): Promise<unknown>
  restart(signal?: NodeJS.Signals): Promise<void>
}

async function startMember(kind: Kind, name: string, own: number, seed: number): Promise<Member> {
  const conf =
    `cluster { name: C, listen: "127.0.0.1:${own}", authorization { user: r, password: s }\n` +
    `routes: ["nats-route://r:s@127.0.0.1:${seed}"] }`
  const common = { name, monitor: true, conf }
  const node = await (kind === 'ours' ? startEdge(common) : startHub({ version: kind, ...common }))
  return { ...node, kind, restart: signal => node.restart(signal) }
}

async function routed({ monitorPort, kind }: Member, names: readonly string[]): Promise<void> {
  const endMs = performance.now() + 15_000
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${monitorPort}/routez`)
    const { routes = [] } = (await response.json()) as { routes?: Record<string, string>[] }
    // 2.9 does not show names.
    const found = new Set(routes.map(route => route.remote_name ?? route.remote_id))
    const areNamed = kind === '2.9' || names.every(name => found.has(name))
    if (areNamed && found.size === names.length) return
    if (performance.now() > endMs) throw new Error(`${kind}: routes to ${[...found]}`)
    await new Promise(resolve => setTimeout(resolve, 30))
  }
}

async function withCluster(
  kinds: readonly Kind[],
  run: (
    members: readonly Member[],
    client: (at: Member) => Promise<NatsConnection>,
  ) => Promise<void>,
): Promise<void> {
  const members: Member[] = []
  const clients: NatsConnection[] = []
  try {
    const ports = await Promise.all(kinds.map(() => freePort()))
    for (const [at, kind] of kinds.entries()) {
      members.push(await startMember(kind, `n${at}`, ports[at] as number, ports[0] as number))
    }
    await joined(members)
    await run(members, async ({ url }) => {
      const client = await connect({ servers: url, reconnect: false })
      clients.push(client)
      return client
    })
  } finally {
    for (const client of clients) await client.close().catch(() => undefined)
    for (const member of members) await member.stop()
  }
}

async function joined(members: readonly Member[]): Promise<void> {
  const names = members.map((_, at) => `n${at}`)
  for (const [at, member] of members.entries())
    await routed(
      member,
      names.filter((_, i) => i !== at),
    )
}

/** Subscriptions have travelled once a request to each has been answered. */
async function settled(clients: readonly NatsConnection[]): Promise<void> {
  for (const [at, client] of clients.entries()) {
    client.subscribe(`here.${at}`, { callback: (_, m) => void m.respond('yes') })
  }
  for (const client of clients) {
    for (let at = 0; at < clients.length; at++) {
      for (let tries = 0; ; tries++) {
        try {
          await client.request(`here.${at}`, '', { timeout: 500 })
          break
        } catch (error) {
          if (tries > 40) throw error
          await new Promise(resolve => setTimeout(resolve, 50))
        }
      }
    }
  }
}

const clusters: readonly (readonly Kind[])[] = [
  ['ours', '2.10', '2.15'],
  ['2.9', 'ours', 'ours'],
  ['2.15', 'ours', '2.9'],
]

spec('routes', it => {
  for (const kinds of clusters) {
    it(`brings everybody everything once: ${kinds.join(', ')}`, () =>
      withCluster(kinds, async (members, client) => {
        const clients = await Promise.all(members.map(client))
        const got: string[] = []
        let worked = 0
        for (const [at, one] of clients.entries()) {
          one.subscribe('all.>', { callback: (_, m) => void got.push(`${at} ${m.string()}`) })
          one.subscribe('work', { queue: 'w', callback: () => void worked++ })
        }
        await settled(clients)
        for (const [at, one] of clients.entries()) {
          one.publish('all.x', `from ${at}`)
          for (let i = 0; i < 10; i++) one.publish('work', '')
          await one.flush()
        }
        const endMs = performance.now() + 5_000
        while ((got.length < 9 || worked < 30) && performance.now() < endMs) {
          await new Promise(resolve => setTimeout(resolve, 20))
        }
        await settled(clients)
        const expected = [0, 1, 2].flatMap(to => [0, 1, 2].map(from => `${to} from ${from}`))
        assert.equal(got.sort(), expected)
        assert.is(worked, 30)
        const failure = await (clients[1] as NatsConnection)
          .request('nobody.here', '', { timeout: 2000 })
          .catch((error: Error) => error)
        assert.match(String(failure), /no responders/i)
      }))
  }

  it('finds again who was killed, and tells clients of the others', () =>
    withCluster(['2.15', 'ours', '2.10'], async (members, client) => {
      const [first, ours, third] = members as [Member, Member, Member]
      const one = await client(ours)
      const urls = one.info?.connect_urls ?? []
      assert.equal(urls[0], `127.0.0.1:${ours.port}`)
      assert.equal([...urls].sort(), members.map(m => `127.0.0.1:${m.port}`).sort())
      assert.is(one.info?.cluster, 'C')
      await first.restart('SIGKILL')
      await ours.restart('SIGKILL')
      await third.restart('SIGTERM')
      await joined(members)
    }))
})
