// Chains of leaf nodes: a sensor's edge behind a gateway's edge behind a hub, every role played by
// ours and by real servers; streams that follow each other through them; links that break.

import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { until } from '../support/edge-leaf.ts'
import { asked, type ChainNode, type Kind, linked, remoteTo, withNodes } from '../support/spokes.ts'
import { spec } from '../support/spec.ts'

const chains: readonly (readonly [sensor: Kind, gateway: Kind, hub: Kind])[] = [
  ['ours', 'ours', 'ours'],
  ['ours', 'ours', '2.15'],
  ['ours', 'ours', '2.10'],
  ['ours', 'ours', '2.9'],
  ['2.9', 'ours', '2.15'],
  ['2.10', 'ours', '2.10'],
  ['2.15', 'ours', '2.9'],
  ['ours', '2.15', 'ours'],
  ['2.15', '2.10', 'ours'],
  ['2.15', '2.15', '2.15'],
]

/** Counts what each member of a queue got. */
function worker(nats: NatsConnection, subject: string): { count: number } {
  const seen = { count: 0 }
  nats.subscribe(subject, {
    queue: 'workers',
    callback: (_, message) => {
      seen.count++
      message.respond(message.data)
    },
  })
  return seen
}

async function stored(nats: NatsConnection, stream: string, count: number): Promise<void> {
  const manager = await jetstreamManager(nats)
  for (let tries = 0; tries < 800; tries++) {
    const { state } = await manager.streams.info(stream)
    if (state.messages >= count) return assert.is(state.messages, count)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  const { state } = await manager.streams.info(stream)
  assert.is(state.messages, count)
}

spec('leaf chain', it => {
  for (const [sensorKind, gatewayKind, hubKind] of chains) {
    it(`carries requests and queues through ${sensorKind}, ${gatewayKind}, ${hubKind}`, () =>
      withNodes(async (start, client) => {
        const hub = await start({ kind: hubKind, name: 'hub', leaf: true })
        const gateway = await start({
          kind: gatewayKind,
          name: 'gateway',
          leaf: true,
          remotes: [remoteTo(hub)],
        })
        const remotes = [remoteTo(gateway)]
        const sensor = await start({ kind: sensorKind, name: 'sensor', remotes })
        await linked(hub)
        await linked(gateway, 2)
        const atHub = await client(hub)
        const atSensor = await client(sensor)
        atSensor.subscribe('read.*', { callback: (_, m) => void m.respond('21.5') })
        assert.is(await asked(atHub, 'read.temp'), '21.5')
        atHub.subscribe('time', { callback: (_, m) => void m.respond('now') })
        assert.is(await asked(atSensor, 'time'), 'now')
        // One member each at both ends: the near one is taken, until it is gone.
        const far = worker(atHub, 'work')
        assert.is(await asked(atSensor, 'work', '1'), '1')
        assert.ok(far.count >= 1)
        const near = worker(atSensor, 'work')
        await atSensor.flush()
        const before = far.count
        for (let i = 0; i < 20; i++) await asked(atSensor, 'work', `${i}`)
        assert.is(near.count, 20)
        assert.is(far.count, before)
        await atSensor.close()
        const other = await client(sensor)
        await until(() => !other.isClosed())
        assert.is(await asked(other, 'work', '2'), '2')
      }))
  }

  const streams: readonly (readonly [spoke: Kind, hub: Kind])[] = [
    ['ours', 'ours'],
    ['2.15', 'ours'],
    ['2.10', 'ours'],
    ['ours', '2.15'],
  ]
  for (const [spokeKind, hubKind] of streams) {
    it(
      `sources streams both ways, spoke ${spokeKind}, hub ${hubKind}`,
      () =>
        withNodes(async (start, client) => {
          const hub = await start({ kind: hubKind, name: 'hub', leaf: true, domain: 'hub' })
          const remotes = [remoteTo(hub)]
          const spoke = await start({ kind: spokeKind, name: 'spoke', remotes, domain: 'edge' })
          await linked(hub)
          const [atHub, atSpoke] = [await client(hub), await client(spoke)]
          const [hubs, spokes] = [await jetstreamManager(atHub), await jetstreamManager(atSpoke)]
          await spokes.streams.add({ name: 'UP', subjects: ['up.>'] })
          await hubs.streams.add({ name: 'DOWN', subjects: ['down.>'] })
          const from = (name: string, domain: string) => ({
            name: `FROM_${name}`,
            sources: [{ name, external: { api: `$JS.${domain}.API` } }],
          })
          await hubs.streams.add(from('UP', 'edge') as never)
          await spokes.streams.add(from('DOWN', 'hub') as never)
          for (let i = 0; i < 50; i++) {
            await atSpoke.request(`up.${i}`, `reading ${i}`)
            await atHub.request(`down.${i}`, `command ${i}`)
          }
          await stored(atHub, 'FROM_UP', 50)
          await stored(atSpoke, 'FROM_DOWN', 50)
          // A real hub waits for half a minute before it asks again: see feeds-hub.test.ts.
          if (hubKind !== 'ours') return
          // The link breaks and comes again: nothing is missing, nothing doubled.
          await hub.restart()
          for (let i = 50; i < 80; i++) await atSpoke.request(`up.${i}`, `reading ${i}`)
          await linked(hub)
          const again = await client(hub)
          await stored(again, 'FROM_UP', 80)
        }),
      60_000,
    )
  }

  it(
    'finds its way again when the gateway was away, and when the hub was',
    () =>
      withNodes(async (start, client) => {
        const hub = await start({ kind: '2.15', name: 'hub', leaf: true })
        const gateway = await start({
          kind: 'ours',
          name: 'gateway',
          leaf: true,
          remotes: [remoteTo(hub)],
        })
        const sensor = await start({ kind: 'ours', name: 'sensor', remotes: [remoteTo(gateway)] })
        const atSensor = await client(sensor)
        atSensor.subscribe('read', { callback: (_, m) => void m.respond('ok') })
        const reachable = async (node: ChainNode) => {
          const nats = await client(node)
          assert.is(await asked(nats, 'read', '', 20_000), 'ok')
        }
        await reachable(hub)
        await gateway.restart('SIGKILL')
        await reachable(hub)
        await hub.restart('SIGKILL')
        await reachable(hub)
      }),
    60_000,
  )

  it('finds the loop of three of ours, and keeps serving', () =>
    withNodes(async (start, client) => {
      // Two hubs that are joined, and a spoke to both of them: the circle is closed.
      const first = await start({ kind: 'ours', name: 'first', leaf: true })
      const second = await start({
        kind: 'ours',
        name: 'second',
        leaf: true,
        remotes: [remoteTo(first)],
      })
      await linked(first)
      const third = await start({
        kind: 'ours',
        name: 'third',
        remotes: [remoteTo(first), remoteTo(second)],
      })
      const text = 'Loop detected for leafnode account="$G"'
      await Promise.any([first, second, third].map(node => node.process.waitFor(text)))
      const nats = await client(third)
      const atThird = await client(third)
      atThird.subscribe('still', { callback: (_, m) => void m.respond('here') })
      assert.is(await asked(nats, 'still'), 'here')
    }))
})
