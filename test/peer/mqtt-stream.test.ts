// MQTT publishes at QoS 1 and 2 into streams that store them, and into streams that never will: the
// device gets its acknowledgement and goes on, beside nats-server.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import { connectAsync, type MqttClient } from 'mqtt'
import * as assert from 'uvu/assert'
import { type Edge, startEdge } from '../support/edge.ts'
import { type Hub, startHub } from '../support/hub.ts'
import { freePort } from '../support/ports.ts'
import { spec } from '../support/spec.ts'

type Config = Readonly<Record<string, unknown>>

const streams: Readonly<Record<string, Config>> = {
  plain: {},
  counter: { allow_msg_counter: true },
  batches: { allow_atomic: true, allow_batched: true },
  sealed: {},
  small: { max_msg_size: 3 },
}

async function create(nc: NatsConnection): Promise<void> {
  for (const [name, config] of Object.entries(streams)) {
    const body = JSON.stringify({ name, subjects: [`${name}.>`], ...config })
    const answer = await nc.request(`$JS.API.STREAM.CREATE.${name}`, body, { timeout: 5000 })
    assert.not.match(answer.string(), '"error"')
  }
  const sealed = JSON.stringify({ name: 'sealed', subjects: ['sealed.>'], sealed: true })
  await nc.request('$JS.API.STREAM.UPDATE.sealed', sealed, { timeout: 5000 })
}

async function messages(nc: NatsConnection): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const name of Object.keys(streams)) {
    const answer = await nc.request(`$JS.API.STREAM.INFO.${name}`, '', { timeout: 5000 })
    found[name] = answer.json<{ state: { messages: number } }>().state.messages
  }
  return found
}

spec('mqtt into streams', (it, hooks) => {
  let hub: Hub
  let edge: Edge
  let hubMqttPort = 0
  hooks.before(async () => {
    hubMqttPort = await freePort()
    const conf = `mqtt { listen: "127.0.0.1:${hubMqttPort}" }`
    hub = await startHub({ jetstream: true, conf })
    edge = await startEdge({ jetstream: true, mqtt: true })
  })
  hooks.after(async () => {
    await edge.stop()
    await hub.stop()
  })

  it('acknowledges what a stream will never take, and keeps the connection', async () => {
    const counts: Record<string, number>[] = []
    for (const [url, port] of [
      [hub.url, hubMqttPort],
      [edge.url, edge.mqttPort],
    ] as const) {
      const nc = await connect({ servers: url })
      await create(nc)
      const options = { reconnectPeriod: 0, clientId: 'device', clean: false }
      const device: MqttClient = await connectAsync(`mqtt://127.0.0.1:${port}`, options)
      for (const qos of [1, 2, 0] as const) {
        for (const name of Object.keys(streams)) {
          await device.publishAsync(`${name}/x`, 'four', { qos })
        }
      }
      await device.publishAsync('small/x', '123', { qos: 1 })
      await device.publishAsync('plain/x', 'last', { qos: 1 })
      assert.ok(device.connected)
      await device.endAsync()
      counts.push(await messages(nc))
      await nc.close()
    }
    const [theirs, ours] = counts
    assert.equal(ours, theirs)
    assert.equal(ours, { plain: 4, counter: 0, batches: 3, sealed: 0, small: 0 })
  }, 60_000)
})
