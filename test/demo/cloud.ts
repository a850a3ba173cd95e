// The far end of the demo: a stream on the hub that sources the edge's stream, and a reader of it
// that counts every message by the sequence it had at the edge.

import { type ConsumerMessages, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'

export interface Arrived {
  readonly subject: string
  readonly text: string
}

export const edgeStream = 'READINGS'
const hubStream = 'CLOUD'

/** Makes the stream at the edge; returns a way to ask how much it holds. */
export async function keepAtEdge(nats: NatsConnection): Promise<() => Promise<number>> {
  const manager = await jetstreamManager(nats)
  await manager.streams.add({ name: edgeStream, subjects: ['gps', 'sensors.>'] })
  return async () => (await manager.streams.info(edgeStream)).state.messages
}

export class Cloud {
  /** By sequence at the edge. */
  readonly arrived = new Map<number, Arrived>()
  duplicates = 0
  #nats: NatsConnection | null = null
  #messages: ConsumerMessages | null = null

  async start(url: string, edgeDomain: string): Promise<void> {
    const nats = await connect({ servers: url })
    this.#nats = nats
    const manager = await jetstreamManager(nats)
    await manager.streams.add({
      name: hubStream,
      sources: [{ name: edgeStream, external: { api: `$JS.${edgeDomain}.API`, deliver: '' } }],
    })
    const consumer = await jetstream(nats).consumers.get(hubStream)
    this.#messages = await consumer.consume({
      callback: message => {
        // `<stream> <sequence> …`: where a sourced message was before.
        const source = message.headers?.get('Nats-Stream-Source') ?? ''
        const sequence = Number(source.split(' ')[1])
        if (this.arrived.has(sequence)) this.duplicates++
        else this.arrived.set(sequence, { subject: message.subject, text: message.string() })
      },
    })
  }

  get received(): number {
    return this.arrived.size + this.duplicates
  }

  async close(): Promise<void> {
    await this.#messages?.close()
    await this.#nats?.close()
  }
}
