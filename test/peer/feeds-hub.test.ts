// An edge whose streams source and mirror streams of a real hub over a leaf node: every message once
// and in order, through cuts of the link, restarts of the hub and kill -9 of the edge.

import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { CutProxy } from '../support/cut-proxy.ts'
import { type Edge, startEdge } from '../support/edge.ts'
import { type Hub, startHub } from '../support/hub.ts'
import { settled } from '../support/journey.ts'
import type { NatsVersion } from '../support/peers.ts'
import { spec } from '../support/spec.ts'

const caseMsMax = 150_000

interface Journey {
  readonly hub: Hub
  readonly edge: Edge
  readonly proxy: CutProxy
}

interface Stored {
  readonly seq: number
  readonly subject: string
  readonly text: string
  readonly source: string
}

/** Hub with a stream H, edge with AGG sourcing and MIR mirroring it, joined through the proxy. */
async function journey(version: NatsVersion, run: (all: Journey) => Promise<void>): Promise<void> {
  const proxy = new CutProxy()
  await proxy.start()
  const leaf = `advertise: "127.0.0.1:${proxy.port}"`
  const hub = await startHub({ version, jetstream: 'hub', leaf })
  proxy.targetPort = hub.leafPort
  let edge: Edge | undefined
  try {
    await withClient(hub.url, async nats => {
      const manager = await jetstreamManager(nats)
      await manager.streams.add({ name: 'H', subjects: ['h.>'] })
    })
    edge = await startEdge({
      jetstream: 'edge',
      conf: `leafnodes { reconnect: "100ms", remotes: [ { url: "nats-leaf://127.0.0.1:${proxy.port}" } ] }`,
    })
    await withClient(edge.url, async nats => {
      const external = { api: '$JS.hub.API', deliver: '' }
      const manager = await jetstreamManager(nats)
      await manager.streams.add({ name: 'AGG', sources: [{ name: 'H', external }] })
      await manager.streams.add({ name: 'MIR', mirror: { name: 'H', external } })
    })
    await run({ hub, edge, proxy })
  } finally {
    await edge?.stop('SIGKILL')
    await proxy.close()
    await hub.stop('SIGKILL')
  }
}

async function withClient<T>(url: string, run: (nats: NatsConnection) => Promise<T>): Promise<T> {
  const nats = await connect({ servers: url, reconnect: false })
  try {
    return await run(nats)
  } finally {
    await nats.close()
  }
}

async function publish(hub: Hub, from: number, to: number): Promise<void> {
  await withClient(hub.url, async nats => {
    const js = jetstream(nats)
    for (let first = from; first < to; first += 64) {
      const numbers = Array.from({ length: Math.min(64, to - first) }, (_, i) => first + i)
      await Promise.all(
        numbers.map(i => js.publish(`h.${i % 5}`, `${i} ${i % 7 ? '' : 'x'.repeat(3000)}`)),
      )
    }
  })
}

async function contents(nats: NatsConnection, stream: string): Promise<Stored[]> {
  const { state } = await (await jetstreamManager(nats)).streams.info(stream)
  const stored: Stored[] = []
  if (state.messages === 0) return stored
  const consumer = await jetstream(nats).consumers.get(stream)
  for await (const m of await consumer.consume({ max_messages: 1000 })) {
    const source = m.headers?.get('Nats-Stream-Source') ?? ''
    stored.push({ seq: m.seq, subject: m.subject, text: m.string(), source })
    if (stored.length === state.messages) break
  }
  return stored
}

async function edgeCount(edge: Edge, stream: string): Promise<number> {
  return withClient(edge.url, async nats => {
    return (await (await jetstreamManager(nats)).streams.info(stream)).state.messages
  })
}

/** AGG and MIR hold what H holds, each message once, in its order. */
async function assertArrived({ hub, edge }: Journey): Promise<void> {
  const origin = await withClient(hub.url, nats => contents(nats, 'H'))
  for (const stream of ['AGG', 'MIR']) {
    await settled(async () => (await edgeCount(edge, stream)) >= origin.length)
    const arrived = await withClient(edge.url, nats => contents(nats, stream))
    assert.is(arrived.length, origin.length, stream)
    for (const [i, theirs] of origin.entries()) {
      const ours = arrived[i]
      assert.is(ours?.text, theirs.text, `${stream} ${i}`)
      assert.is(ours?.subject, theirs.subject)
      assert.is(ours?.seq, stream === 'MIR' ? theirs.seq : i + 1)
      if (stream === 'AGG') {
        assert.match(
          ours?.source ?? '',
          new RegExp(`^H:\\w{8} ${theirs.seq} > > h\\.\\d( \\w{8})?$`),
        )
      }
    }
  }
  for (const { seq } of [origin[0], origin[origin.length >> 1], origin.at(-1)] as Stored[]) {
    assert.is(await storedAt(edge.url, 'MIR', seq), await storedAt(hub.url, 'H', seq))
  }
}

/** When a message was stored, to the microsecond. */
async function storedAt(url: string, stream: string, seq: number): Promise<string> {
  return withClient(url, async nats => {
    const answer = await nats.request(`$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify({ seq }))
    const { time } = answer.json<{ message: { time: string } }>().message
    const [second = '', fraction = ''] = time.replace('Z', '').split('.')
    return `${second}.${fraction.padEnd(6, '0').slice(0, 6)}`
  })
}

const versions: readonly NatsVersion[] = ['2.10', '2.15']

function everywhere(run: (all: Journey) => Promise<void>): () => Promise<void> {
  return async () => {
    await Promise.all(versions.map(version => journey(version, run)))
  }
}

spec('feeds from a hub', it => {
  it(
    'arrive through cuts of the link in the middle of a batch',
    everywhere(async all => {
      await publish(all.hub, 0, 200)
      await assertArrived(all)
      all.proxy.down()
      await publish(all.hub, 200, 2000)
      // Gone before the edge could have it: a gap in MIR.
      await withClient(all.hub.url, async nats => {
        await (await jetstreamManager(nats)).streams.deleteMessage('H', 350)
      })
      all.proxy.up()
      await settled(async () => (await edgeCount(all.edge, 'AGG')) > 300)
      all.proxy.down()
      await publish(all.hub, 2000, 3000)
      all.proxy.up()
      await assertArrived(all)
    }),
    caseMsMax,
  )

  it(
    'survive a restart of the hub',
    everywhere(async all => {
      await publish(all.hub, 0, 1000)
      await settled(async () => (await edgeCount(all.edge, 'AGG')) > 100)
      await all.hub.restart('SIGTERM')
      await publish(all.hub, 1000, 1500)
      await assertArrived(all)
    }),
    caseMsMax,
  )

  it(
    'survive kill -9 of the edge',
    everywhere(async all => {
      await publish(all.hub, 0, 500)
      const publishing = publish(all.hub, 500, 4000)
      for (const count of [600, 1500]) {
        await settled(async () => (await edgeCount(all.edge, 'MIR')) > count)
        await all.edge.restart('SIGKILL')
      }
      await publishing
      await assertArrived(all)
      await withClient(all.edge.url, async nats => {
        const manager = await jetstreamManager(nats)
        const { mirror } = await manager.streams.info('MIR')
        assert.is(mirror?.name, 'H')
        assert.is(mirror?.lag, 0)
        const { external } = mirror as { external?: object }
        assert.equal(external, { api: '$JS.hub.API', deliver: '' })
      })
    }),
    caseMsMax,
  )
})
