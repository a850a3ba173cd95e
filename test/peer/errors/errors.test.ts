// Every error code that a client of a single server can hear, provoked beside nats-server 2.15.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import { jetstreamDefaults } from '../../../edge/store/options.ts'
import { type Broker, startBroker } from '../../store/broker.ts'
import { type Edge, startEdge } from '../../support/edge.ts'
import { type Hub, startHub } from '../../support/hub.ts'
import { spec } from '../../support/spec.ts'
import { consumerRows } from './consumer-rows.ts'
import { accounts, boundRows, freeRows, limitedRows, noneRows, serverLimits } from './limit-rows.ts'
import { provoke } from './provoke.ts'
import { batchLimits, batchRows, publishRows } from './publish-rows.ts'
import { feedRows, streamRows } from './stream-rows.ts'

spec('error codes beside nats-server 2.15', (it, hooks) => {
  const both = { theirs: {} as NatsConnection, ours: {} as NatsConnection }
  let hub: Hub | undefined
  let broker: Broker | undefined
  hooks.before(async () => {
    const { max_inflight_per_stream, max_inflight_total, max_msgs } = batchLimits
    hub = await startHub({
      jetstream: true,
      jetstreamConf: `limits { batch { max_inflight_per_stream: ${max_inflight_per_stream}
        max_inflight_total: ${max_inflight_total}, max_msgs: ${max_msgs} } }`,
    })
    const { limits } = jetstreamDefaults()
    broker = await startBroker({
      limits: { ...limits, batch: { ...limits.batch, ...batchLimits } },
    })
    both.theirs = await connect({ servers: hub.url })
    both.ours = await connect({ servers: broker.url })
  })
  hooks.after(async () => {
    await both.theirs.close()
    await both.ours.close()
    await broker?.close()
    await hub?.stop()
  })

  provoke(it, [...streamRows, ...feedRows, ...consumerRows, ...publishRows, ...batchRows], both)
})

spec('error codes of limits beside nats-server 2.15', (it, hooks) => {
  const users = ['limited', 'bound', 'free', 'none'] as const
  const pairs = users.map(user => ({
    user,
    theirs: {} as NatsConnection,
    ours: {} as NatsConnection,
  }))
  let hub: Hub | undefined
  let edge: Edge | undefined
  hooks.before(async () => {
    const options = { conf: accounts, jetstream: true, jetstreamConf: serverLimits }
    hub = await startHub(options)
    edge = await startEdge(options)
    for (const pair of pairs) {
      const { user } = pair
      pair.theirs = await connect({ port: hub.port, user, pass: 'pw' })
      pair.ours = await connect({ port: edge.port, user, pass: 'pw' })
    }
  })
  hooks.after(async () => {
    for (const { theirs, ours } of pairs) await Promise.all([theirs.close(), ours.close()])
    await edge?.stop()
    await hub?.stop()
  })

  const rows = { limited: limitedRows, bound: boundRows, free: freeRows, none: noneRows }
  for (const pair of pairs) provoke(it, rows[pair.user], pair)
})
