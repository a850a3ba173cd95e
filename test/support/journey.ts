// The journey's last leg, for tests: an edge whose stream S a real hub sources (AGG) and mirrors
// (MIR) over a link that can be cut. All of them are programs of their own.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import * as assert from 'uvu/assert'
import { CutProxy } from './cut-proxy.ts'
import { type Edge, startEdge } from './edge.ts'
import { type Hub, startHub } from './hub.ts'
import type { NatsVersion } from './peers.ts'

const versions: readonly NatsVersion[] = ['2.9', '2.10', '2.15']
/**
 * A hub looks for a silent source every ten seconds, and waits 40 s when its request for a new
 * consumer itself was lost; newer ones are no faster than old ones.
 */
export const caseMsMax = 150_000

export interface Journey {
  readonly hub: Hub
  readonly edge: Edge
  readonly proxy: CutProxy
  readonly atEdge: NatsConnection
}

/** Hub and edge joined through the proxy, the edge's stream S sourced by AGG and mirrored by MIR. */
async function journey(version: NatsVersion, run: (all: Journey) => Promise<void>): Promise<void> {
  const proxy = new CutProxy()
  await proxy.start()
  // Told the hub's own address, the edge would go round the proxy.
  const leaf = `advertise: "127.0.0.1:${proxy.port}"`
  const hub = await startHub({ version, jetstream: 'hub', leaf })
  proxy.targetPort = hub.leafPort
  const open: NatsConnection[] = []
  let edge: Edge | undefined
  try {
    edge = await startEdge({
      jetstream: 'edge',
      conf: `leafnodes { reconnect: "100ms", remotes: [ { url: "nats-leaf://127.0.0.1:${proxy.port}" } ] }`,
    })
    const atEdge = await connect({
      servers: edge.url,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
    })
    open.push(atEdge)
    const manager = await jetstreamManager(atEdge)
    await manager.streams.add({ name: 'S', subjects: ['s.>'] })
    const atHub = await connect({ servers: hub.url, reconnect: false })
    const external = { api: '$JS.edge.API', deliver: '' }
    const hubManager = await jetstreamManager(atHub)
    await hubManager.streams.add({ name: 'AGG', sources: [{ name: 'S', external }] })
    await hubManager.streams.add({ name: 'MIR', mirror: { name: 'S', external } })
    // The hub has its consumers: a request of its that gets lost costs it 40 s.
    await jetstream(atEdge).publish('s.first', 'first')
    for (const stream of ['AGG', 'MIR']) {
      await settled(async () => (await hubManager.streams.info(stream)).state.messages === 1)
    }
    await atHub.close()
    await run({ hub, edge, proxy, atEdge })
  } finally {
    for (const nats of open) await nats.close()
    await edge?.stop('SIGKILL')
    await proxy.close()
    await hub.stop('SIGKILL')
  }
}

/** Publishes `from` to `to`; resolves with the payloads that were acknowledged. */
export async function publish(nats: NatsConnection, from: number, to: number): Promise<string[]> {
  const js = jetstream(nats)
  const acknowledged: string[] = []
  // After a restart of the edge the client has to find back first.
  await settled(() => nats.rtt().then(() => true))
  const inFlightMax = 64
  let next = from
  const worker = async () => {
    while (next < to) {
      const payload = String(next++)
      const pad = Number(payload) % 7 === 0 ? 'x'.repeat(3000) : ''
      const text = `${payload} ${pad}`
      const ack = await js.publish(`s.${next % 5}`, text, { timeout: 5000 }).catch(() => null)
      if (ack !== null) acknowledged.push(text)
    }
  }
  await Promise.all(Array.from({ length: inFlightMax }, worker))
  return acknowledged
}

interface Stored {
  readonly seq: number
  readonly subject: string
  readonly text: string
}

/** Everything a stream holds. */
async function contents(nats: NatsConnection, stream: string): Promise<Stored[]> {
  const manager = await jetstreamManager(nats)
  const { state } = await manager.streams.info(stream)
  const stored: Stored[] = []
  if (state.messages === 0) return stored
  const consumer = await jetstream(nats).consumers.get(stream)
  const messages = await consumer.consume({ max_messages: 1000 })
  for await (const m of messages) {
    stored.push({ seq: m.seq, subject: m.subject, text: m.string() })
    if (stored.length === state.messages) break
  }
  return stored
}

/** Waits until the hub's streams have as many messages as the edge's, then compares them all. */
export async function assertArrived(all: Journey, acknowledged: readonly string[]): Promise<void> {
  const { hub, edge } = all
  const atEdge = await connect({ servers: edge.url, reconnect: false })
  const atHub = await connect({ servers: hub.url, reconnect: false })
  try {
    const source = await contents(atEdge, 'S')
    const kept = new Set(source.map(m => m.text))
    assert.is(kept.size, source.length, 'the edge holds a message twice')
    const lost = acknowledged.filter(text => !kept.has(text))
    assert.equal(lost, [], 'acknowledged, but not stored')
    const manager = await jetstreamManager(atHub)
    for (const stream of ['AGG', 'MIR']) {
      await settled(
        async () => (await manager.streams.info(stream)).state.messages >= source.length,
      )
      const arrived = await contents(atHub, stream)
      const numbered = stream === 'MIR' ? source : source.map((m, i) => ({ ...m, seq: i + 1 }))
      assert.is(arrived.length, numbered.length, stream)
      for (const [i, message] of numbered.entries()) assert.equal(arrived[i], message, stream)
    }
  } finally {
    await atEdge.close()
    await atHub.close()
  }
}

/** Asks again and again; a case that never gets there fails by its own time limit. */
export async function settled(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue().catch(() => false))) await new Promise(r => setTimeout(r, 50))
}

/** All hubs at once: a case is mostly the waiting of a hub before it asks for a lost source again. */
export function everywhere(run: (all: Journey) => Promise<void>): () => Promise<void> {
  return async () => {
    await Promise.all(versions.map(version => journey(version, run)))
  }
}

/** Messages that AGG holds. */
export async function hubCount(hub: Hub): Promise<number> {
  const nats = await connect({ servers: hub.url, reconnect: false })
  try {
    const manager = await jetstreamManager(nats)
    return (await manager.streams.info('AGG')).state.messages
  } finally {
    await nats.close()
  }
}
