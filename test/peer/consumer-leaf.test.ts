// A client of the hub consumes a stream of the edge through the leaf link: pull requests, messages
// under their own subjects, acks that are answered, a push consumer whose subscriber is there.

import { AckPolicy, type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { type NatsConnection, connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { type Edge, startEdge } from '../support/edge.ts'
import { type Hub, startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'

spec('consumers over a leaf link', it => {
  for (const version of ['2.10', '2.15'] as const) {
    it(`a hub of ${version} pulls and is pushed to`, async () => {
      let edge: Edge | undefined
      let nc: NatsConnection | undefined
      const hub: Hub = await startHub({ version, jetstream: 'hub', leaf: true })
      try {
        edge = await startEdge({
          jetstream: 'edge',
          remotes: [`nats-leaf://127.0.0.1:${hub.leafPort}`],
        })
        nc = await connect({ servers: hub.url })
        const jsm = await reachable(nc)
        await jsm.streams.add({ name: 'S', subjects: ['s.>'] })
        const js = jetstream(nc, { domain: 'edge' })
        for (let i = 1; i <= 20; i++) await js.publish(`s.${i % 3}`, `${i}`)
        await jsm.consumers.add('S', { durable_name: 'c', ack_policy: AckPolicy.Explicit })
        const consumer = await js.consumers.get('S', 'c')
        const got: JsMsg[] = []
        for await (const m of await consumer.fetch({ max_messages: 20, expires: 5000 })) {
          got.push(m)
          assert.is(await m.ackAck({ timeout: 5000 }), true)
        }
        assert.equal(
          got.map(m => `${m.subject} ${m.string()} ${m.info.pending}`),
          Array.from({ length: 20 }, (_, i) => `s.${(i + 1) % 3} ${i + 1} ${19 - i}`),
        )
        assert.is((await consumer.info()).ack_floor.stream_seq, 20)
        const sub = nc.subscribe('deliver.here', { max: 20 })
        await nc.flush()
        await jsm.consumers.add('S', {
          ack_policy: AckPolicy.None,
          deliver_subject: 'deliver.here',
        })
        const pushed: string[] = []
        for await (const m of sub) pushed.push(`${m.subject} ${m.string()}`)
        assert.equal(
          pushed,
          got.map(m => `${m.subject} ${m.string()}`),
        )
      } finally {
        await nc?.close()
        await edge?.stop('SIGKILL')
        await hub.stop('SIGKILL')
      }
    }, 60_000)
  }
})

/** The edge's JetStream as seen from the hub, once the link is there. */
async function reachable(nc: NatsConnection) {
  for (;;) {
    try {
      const jsm = await jetstreamManager(nc, { domain: 'edge', timeout: 1000 })
      await jsm.getAccountInfo()
      return jsm
    } catch {
      // The link is not up yet; the case's own limit ends this.
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}
