// nats-server and our broker side by side with the same limits of batches, and streams to publish
// into.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { jetstreamDefaults } from '../../edge/store/options.ts'
import { type Broker, startBroker } from '../store/broker.ts'
import { type Hub, startHub } from '../support/hub.ts'
import type { Hooks } from '../support/spec.ts'
import { converse, type Post, prepare } from './batch-talk.ts'

type Config = Readonly<Record<string, unknown>>

export interface BatchPair {
  readonly theirs: NatsConnection
  readonly ours: NatsConnection
  /** A stream on both: S1 with the subjects `s1.>`. */
  create(name: string, config?: Config): Promise<void>
  /** The same on both; what comes back must be the same, and is returned. */
  converse(stream: string, posts: readonly Post[]): Promise<string[]>
}

const requestMs = 4000

/** There while the cases of the suite run. Few batches may be open, for a second if nothing is said. */
export function batchPairFor(hooks: Hooks, idleSeconds = 1): BatchPair {
  const batch = {
    max_inflight_per_stream: 3,
    max_inflight_total: 4,
    max_msgs: 5,
    timeout: idleSeconds * 1000,
  }
  const conf = `limits { batch { max_inflight_per_stream: 3, max_inflight_total: 4
    max_msgs: 5, timeout: ${idleSeconds}s } }`
  const clients: NatsConnection[] = []
  let hub: Hub | undefined
  let broker: Broker | undefined
  const pair = {
    theirs: {} as NatsConnection,
    ours: {} as NatsConnection,
    async create(name: string, config: Config = {}) {
      const subjects = [`${name.toLowerCase()}.>`]
      const body = JSON.stringify({ name, subjects, ...config })
      for (const nc of [pair.theirs, pair.ours]) {
        const subject = `$JS.API.STREAM.CREATE.${name}`
        const answer = await nc.request(subject, body, { timeout: requestMs })
        if (answer.string().includes('"error"')) throw new Error(answer.string())
      }
    },
    async converse(stream: string, posts: readonly Post[]) {
      const [theirs, ours] = await Promise.all([
        converse(pair.theirs, stream, posts),
        converse(pair.ours, stream, posts),
      ])
      assert.equal(ours, theirs)
      return ours
    },
  }
  hooks.before(async () => {
    hub = await startHub({ jetstream: true, jetstreamConf: conf })
    const { limits } = jetstreamDefaults()
    broker = await startBroker({ limits: { ...limits, batch } })
    pair.theirs = await connect({ servers: hub.url })
    clients.push(pair.theirs)
    pair.ours = await connect({ servers: broker.url })
    clients.push(pair.ours)
    await prepare(pair.theirs)
    await prepare(pair.ours)
  })
  hooks.after(async () => {
    for (const client of clients) await client.close()
    await broker?.close()
    await hub?.stop()
  })
  return pair
}
