// nats-server with JetStream and our broker side by side, a client at each, for one suite.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import { type Broker, startBroker } from '../store/broker.ts'
import { type Hub, startHub } from './hub.ts'
import type { NatsVersion } from './peers.ts'
import type { Hooks } from './spec.ts'

export interface Pair {
  readonly theirs: NatsConnection
  readonly ours: NatsConnection
}

/** There while the cases of the suite run. */
export function pairFor(hooks: Hooks, version: NatsVersion = 'newest'): Pair {
  const pair = { theirs: {} as NatsConnection, ours: {} as NatsConnection }
  const clients: NatsConnection[] = []
  let hub: Hub | undefined
  let broker: Broker | undefined
  hooks.before(async () => {
    hub = await startHub({ version, jetstream: true })
    broker = await startBroker()
    pair.theirs = await connect({ servers: hub.url })
    clients.push(pair.theirs)
    pair.ours = await connect({ servers: broker.url })
    clients.push(pair.ours)
  })
  hooks.after(async () => {
    for (const client of clients) await client.close()
    await broker?.close()
    await hub?.stop()
  })
  return pair
}
