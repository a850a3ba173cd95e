// The program is killed while clients consume: what it answered as acknowledged never comes
// again, and everything else does.

import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, nanos } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { startEdge } from '../support/edge.ts'
import { spec } from '../support/spec.ts'

const count = 400

spec('consumers after a kill', it => {
  for (const retention of ['limits', 'workqueue'] as const) {
    it(`${retention}: answered acks hold, the rest is delivered`, async () => {
      const edge = await startEdge({ jetstream: true })
      try {
        const nc = await connect({ servers: edge.url, reconnect: false })
        const manager = await jetstreamManager(nc)
        await manager.streams.add({ name: 'S', subjects: ['s'], retention: retention as never })
        const js = jetstream(nc)
        for (let i = 1; i <= count; i++) await js.publish('s', `${i}`)
        await manager.consumers.add('S', {
          durable_name: 'c',
          ack_policy: AckPolicy.Explicit,
          ack_wait: nanos(500),
        })
        const consumer = await js.consumers.get('S', 'c')
        const answered = new Set<number>()
        const work = async (): Promise<void> => {
          for await (const m of await consumer.fetch({ max_messages: count, expires: 5000 })) {
            // Every third is left alone; the kill comes between two answers.
            if (m.seq % 3 === 0) continue
            void m.ackAck({ timeout: 5000 }).then(
              isAnswered => {
                if (isAnswered) answered.add(m.seq)
                if (answered.size === 100) void edge.stop('SIGKILL')
              },
              // Killed meanwhile: not answered.
              () => {},
            )
          }
        }
        await work().catch(() => {})
        await nc.closed()
        assert.ok(answered.size >= 100 && answered.size < count, `${answered.size} answered`)
        await edge.restart()
        const again = await connect({ servers: edge.url })
        const after = await jetstream(again).consumers.get('S', 'c')
        const seen = new Set<number>()
        const rest = count - answered.size
        const messages = await after.consume({ max_messages: 50 })
        for await (const m of messages) {
          assert.not(answered.has(m.seq), `${m.seq} came again after its ack was answered`)
          await m.ackAck()
          seen.add(m.seq)
          const { num_pending, num_ack_pending } = await after.info()
          if (num_pending === 0 && num_ack_pending === 0) break
        }
        await messages.close()
        // An ack that was taken and whose answer the kill cut off is in neither set.
        assert.ok(seen.size <= rest && seen.size >= Math.floor(count / 3), `${seen.size} came`)
        for (let seq = 3; seq <= count; seq += 3) assert.ok(seen.has(seq), `${seq} is lost`)
        const { state } = await (await jetstreamManager(again)).streams.info('S')
        if (retention === 'workqueue') assert.is(state.messages, 0)
        await again.close()
      } finally {
        await edge.stop('SIGKILL')
      }
    }, 60_000)
  }
})
