// The edge's JetStream, used from the hub: a client of a real nats-server reaches it by its domain
// through the leaf-node link, and neither server's own API gets in the other's way.

import { DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { type Edge, startEdge } from '../support/edge.ts'
import { type Hub, startHub } from '../support/hub.ts'
import type { NatsVersion } from '../support/peers.ts'
import { spec } from '../support/spec.ts'

const versions: readonly NatsVersion[] = ['2.9', '2.10', '2.15']

/** Asks until the link has carried the interest over. */
async function reached(nc: NatsConnection, subject: string): Promise<void> {
  for (;;) {
    const answer = await nc.request(subject, '', { timeout: 2000 }).catch(() => null)
    if (answer) return
  }
}

async function joined(
  version: NatsVersion,
  run: (atHub: NatsConnection, atEdge: NatsConnection) => Promise<void>,
): Promise<void> {
  let hub: Hub | undefined
  let edge: Edge | undefined
  const open: NatsConnection[] = []
  try {
    hub = await startHub({ version, jetstream: 'hub', leaf: true })
    const url = `nats-leaf://127.0.0.1:${hub.leafPort}`
    edge = await startEdge({ jetstream: 'edge', remotes: [url] })
    const atHub = await connect({ servers: hub.url })
    const atEdge = await connect({ servers: edge.url })
    open.push(atHub, atEdge)
    await reached(atHub, '$JS.edge.API.INFO')
    await reached(atEdge, '$JS.hub.API.INFO')
    await run(atHub, atEdge)
  } finally {
    for (const nc of open) await nc.close()
    await edge?.stop()
    await hub?.stop()
  }
}

spec('the edge by its domain', it => {
  for (const version of versions) {
    it(`from a hub of ${version}`, () =>
      joined(version, async (atHub, atEdge) => {
        const far = await jetstreamManager(atHub, { domain: 'edge' })
        const near = await jetstreamManager(atEdge)
        assert.is((await far.getAccountInfo()).domain, 'edge')
        assert.is((await near.getAccountInfo()).domain, 'edge')
        assert.is((await (await jetstreamManager(atHub)).getAccountInfo()).domain, 'hub')
        await far.streams.add({ name: 'READINGS', subjects: ['readings.>'], allow_direct: true })
        assert.is((await near.streams.info('READINGS')).config.name, 'READINGS')
        // A publish at the hub reaches the edge's stream, and its acknowledgement the hub.
        const js = jetstream(atHub, { domain: 'edge' })
        await reached(atHub, 'readings.first')
        const ack = await js.publish('readings.a', 'from the hub')
        assert.equal([ack.domain, ack.stream], ['edge', 'READINGS'])
        const stream = await js.streams.get('READINGS')
        assert.is(
          (await stream.getMessage({ last_by_subj: 'readings.a' }))?.string(),
          'from the hub',
        )
        await jetstream(atEdge).publish('readings.b', 'from the edge')
        const consumer = await js.consumers.get('READINGS', {
          deliver_policy: DeliverPolicy.Last,
        })
        const message = await consumer.next({ expires: 5000 })
        assert.equal([message?.subject, message?.string()], ['readings.b', 'from the edge'])
        // Both have a stream of one name, and each keeps its own.
        await (await jetstreamManager(atHub)).streams.add({ name: 'READINGS', subjects: ['other'] })
        assert.equal((await near.streams.info('READINGS')).config.subjects, ['readings.>'])
        assert.ok(await far.streams.delete('READINGS'))
      }))

    it(`key-value from a hub of ${version}`, () =>
      joined(version, async (atHub, atEdge) => {
        const near = await new Kvm(jetstream(atEdge)).create('config')
        const far = await new Kvm(jetstream(atHub, { domain: 'edge' })).open('config')
        await near.put('rate', '10')
        assert.is((await far.get('rate'))?.string(), '10')
        assert.is(await far.put('rate', '20'), 2)
        assert.is((await near.get('rate'))?.string(), '20')
        const watch = await far.watch({ key: 'rate' })
        const seen: string[] = []
        for await (const entry of watch) {
          seen.push(entry.string())
          if (seen.length === 1) await near.put('rate', '30')
          else break
        }
        assert.equal(seen, ['20', '30'])
      }))
  }
})
