// The older official client (nats.js 2.x, still the one most programs use), on the program itself:
// its own way to manage streams, publish, pull, and keep keys. And what a monitoring program sees.

import { connect, type NatsConnection, StringCodec } from 'nats'
import * as assert from 'uvu/assert'
import { type Edge, startEdge } from '../support/edge.ts'
import { spec } from '../support/spec.ts'

const text = StringCodec()

spec('the older JetStream client', (it, hooks) => {
  let edge: Edge
  let nc: NatsConnection

  hooks.before(async () => {
    edge = await startEdge({ jetstream: 'edge', monitor: true })
    nc = await connect({ servers: edge.url })
  })
  hooks.after(async () => {
    await nc?.close()
    await edge?.stop()
  })

  it('manages, publishes and pulls', async () => {
    const manager = await nc.jetstreamManager()
    await manager.streams.add({ name: 'OLD', subjects: ['old.>'] })
    const js = nc.jetstream()
    for (let i = 1; i <= 10; i++) {
      const ack = await js.publish('old.a', text.encode(String(i)), { msgID: String(i) })
      assert.equal([ack.seq, ack.duplicate, ack.domain], [i, false, 'edge'])
    }
    await manager.consumers.add('OLD', { durable_name: 'd', ack_policy: 'explicit' as never })
    const consumer = await js.consumers.get('OLD', 'd')
    const got: string[] = []
    for await (const message of await consumer.fetch({ max_messages: 10, expires: 5000 })) {
      got.push(text.decode(message.data))
      message.ack()
    }
    assert.equal(
      got,
      Array.from({ length: 10 }, (_, i) => String(i + 1)),
    )
    await nc.flush()
    assert.is((await manager.consumers.info('OLD', 'd')).num_ack_pending, 0)
  })

  it('works through the domain', async () => {
    const manager = await nc.jetstreamManager({ domain: 'edge' })
    assert.is((await manager.streams.info('OLD')).state.messages, 10)
    const js = nc.jetstream({ domain: 'edge' })
    const kv = await js.views.kv('config', { history: 3 })
    assert.is(await kv.put('k', text.encode('v')), 1)
    assert.is((await kv.get('k'))?.string(), 'v')
    assert.is((await js.publish('old.b', text.encode('x'))).seq, 11)
    assert.is((await (await js.consumers.get('OLD', 'd')).next({ expires: 5000 }))?.seq, 11)
  })

  it('is seen by monitoring', async () => {
    const read = async (path: string): Promise<Record<string, unknown>> => {
      const answer = await fetch(`http://127.0.0.1:${edge.monitorPort}${path}`)
      assert.is(answer.status, 200, path)
      return (await answer.json()) as Record<string, unknown>
    }
    const jsz = await read('/jsz?streams=1&consumers=1&config=1')
    assert.equal([jsz.streams, jsz.consumers, jsz.messages], [2, 1, 12])
    const [account] = jsz.account_details as [{ stream_detail: { name: string }[] }]
    assert.equal(account.stream_detail.map(({ name }) => name).sort(), ['KV_config', 'OLD'])
    const varz = await read('/varz')
    const { config } = varz.jetstream as { config: { domain: string; sync_always: boolean } }
    assert.equal([config.domain, config.sync_always], ['edge', true])
    assert.equal(await read('/healthz?account=$G&stream=OLD&consumer=d'), { status: 'ok' })
    const missing = await fetch(
      `http://127.0.0.1:${edge.monitorPort}/healthz?account=$G&stream=NONE`,
    )
    assert.is(missing.status, 404)
  })
})
