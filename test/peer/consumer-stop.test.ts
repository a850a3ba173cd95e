// What waits when a server stops, of nats-server and of us: pull requests are told, with what is
// left of them, while their connections are still there; and what comes back with the next start.

import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'

const msNs = 1_000_000
const api = '$JS.API.'

const servers = {
  'nats-server 2.15': () => startHub({ version: 'newest', jetstream: true }),
  us: () => startEdge({ jetstream: true }),
} as const

spec('a server that stops', it => {
  for (const [name, start] of Object.entries(servers)) {
    it(`tells pull requests that wait, of ${name}`, async () => {
      const server = await start()
      const nc = await connect({ servers: server.url, reconnect: false })
      const ask = (subject: string, body: object) => nc.request(subject, JSON.stringify(body))
      await ask(`${api}STREAM.CREATE.S`, { name: 'S', subjects: ['s'] })
      const config = { durable_name: 'c', ack_policy: 'explicit' }
      await ask(`${api}CONSUMER.DURABLE.CREATE.S.c`, { stream_name: 'S', config })
      const got: string[] = []
      const isTold = new Promise<void>(resolve => {
        nc.subscribe('in', {
          callback: (_error, { headers }) => {
            const lines = [...(headers?.keys() ?? [])].map(key => `${key}: ${headers?.get(key)}`)
            got.push([`${headers?.code} ${headers?.description}`, ...lines].join('; '))
            resolve()
          },
        })
      })
      const request = { batch: 5, max_bytes: 1000, expires: 60_000 * msNs }
      nc.publish(`${api}CONSUMER.MSG.NEXT.S.c`, JSON.stringify(request), { reply: 'in' })
      await nc.flush()
      await Promise.all([isTold, server.stop()])
      const told = '409 Server Shutdown; Nats-Pending-Messages: 5; Nats-Pending-Bytes: 1000'
      assert.equal(got, [told])
      await nc.close()
    })

    it(`keeps pauses and forgets pins over a restart, of ${name}`, async () => {
      const server = await start()
      const dial = () => connect({ servers: server.url, reconnect: false })
      let nc = await dial()
      const ask = async (subject: string, body: object) =>
        (await nc.request(subject, JSON.stringify(body))).json<Record<string, unknown>>()
      await ask(`${api}STREAM.CREATE.S`, { name: 'S', subjects: ['s'] })
      await nc.request('s', 'one')
      const make = (config: Record<string, unknown>) =>
        ask(`${api}CONSUMER.DURABLE.CREATE.S.${config.durable_name}`, {
          stream_name: 'S',
          config: { ack_policy: 'explicit', ...config },
        })
      await make({ durable_name: 'p' })
      const pause_until = new Date(Date.now() + 600_000).toISOString()
      await ask(`${api}CONSUMER.PAUSE.S.p`, { pause_until })
      await make({
        durable_name: 'g',
        priority_policy: 'pinned_client',
        priority_groups: ['A'],
      })
      await nc.request(`${api}CONSUMER.MSG.NEXT.S.g`, '{"group":"A"}', {
        noMux: true,
        timeout: 2000,
      })
      const state = async (consumer: string) => {
        const info = await ask(`${api}CONSUMER.INFO.S.${consumer}`, {})
        const groups = info.priority_groups as { pinned_client_id?: string }[] | undefined
        return `${info.paused} ${groups?.[0]?.pinned_client_id?.length}`
      }
      assert.is(await state('p'), 'true undefined')
      assert.is(await state('g'), 'undefined 22')
      await nc.close()
      await server.restart()
      nc = await dial()
      assert.is(await state('p'), 'true undefined')
      assert.is(await state('g'), 'undefined undefined')
      await nc.close()
      await server.stop()
    })
  }
})
