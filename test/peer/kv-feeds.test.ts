// Buckets on both sides of a leaf node, with the official client: mirrored to where they are read,
// written through the mirror, aggregated at the hub. With a hub of 2.15 and with one of ours.

import { jetstream } from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { type Pair, withPair } from '../support/drain.ts'
import { settled } from '../support/journey.ts'
import { spec } from '../support/spec.ts'
import type { Kind } from '../support/spokes.ts'

const caseMsMax = 120_000

interface Sides {
  readonly pair: Pair
  readonly atHub: NatsConnection
  readonly atEdge: NatsConnection
}

async function withSides(hub: Kind, run: (sides: Sides) => Promise<void>): Promise<void> {
  await withPair({ hub, leaf: 'ours' }, [], async pair => {
    const atHub = await connect({ servers: pair.hub.url })
    const atEdge = await connect({ servers: pair.leaf.url, maxReconnectAttempts: -1 })
    try {
      await run({ pair, atHub, atEdge })
    } finally {
      await atHub.close()
      await atEdge.close()
    }
  })
}

const api = (domain: string) => ({ api: `$JS.${domain}.API`, deliver: '' })

async function reads(kv: KV, key: string, value: string | null): Promise<void> {
  await settled(async () => {
    const entry = await kv.get(key)
    return value === null ? entry?.operation !== 'PUT' : entry?.string() === value
  })
}

async function historyOf(kv: KV, key: string): Promise<string[]> {
  const seen: string[] = []
  for await (const entry of await kv.history({ key })) {
    seen.push(`${entry.revision} ${entry.operation} ${entry.string()}`)
  }
  return seen
}

/** A bucket of one side is read and written at the other, through a mirror of it there. */
async function mirrored(at: NatsConnection, from: NatsConnection, domain: string): Promise<void> {
  const bucket = await new Kvm(from).create('cfg', { history: 4 })
  await bucket.put('a', '1')
  await bucket.put('a', '2')
  const mirror = await new Kvm(at).create('near', {
    history: 4,
    mirror: { name: 'cfg', external: api(domain) } as never,
  })
  await reads(mirror, 'a', '2')
  // Revisions are those of the bucket.
  assert.equal(await historyOf(mirror, 'a'), await historyOf(bucket, 'a'))
  const seen: string[] = []
  const watch = await mirror.watch()
  const watching = (async () => {
    for await (const { key, operation, value } of watch) {
      seen.push(`${key} ${operation} ${Buffer.from(value)}`)
      if (key === 'end') return
    }
  })()
  assert.is(await mirror.put('b', 'through'), 3)
  assert.is((await bucket.get('b'))?.string(), 'through')
  await reads(mirror, 'b', 'through')
  assert.is(await mirror.update('b', 'again', 3), 4)
  await mirror.update('b', 'no', 3).then(
    () => assert.unreachable(),
    error => assert.match(String(error), /wrong last sequence: 4/),
  )
  await bucket.delete('a')
  await reads(mirror, 'a', null)
  await bucket.purge('b')
  await settled(async () => (await historyOf(mirror, 'b')).join() === '6 PURGE ')
  await bucket.put('end', '')
  await watching
  assert.equal(seen.slice(0, 2), ['a PUT 2', 'b PUT through'])
  assert.equal(seen.slice(-2), ['b PURGE ', 'end PUT '])
  assert.equal(await historyOf(mirror, 'a'), await historyOf(bucket, 'a'))
}

for (const hub of ['2.15', 'ours'] as const) {
  spec(`buckets over a leaf node, hub: ${hub}`, it => {
    it(
      'of the hub are read and written at the edge',
      () => withSides(hub, ({ atHub, atEdge }) => mirrored(atEdge, atHub, 'hub')),
      caseMsMax,
    )

    it(
      'of the edge are read and written at the hub',
      () => withSides(hub, ({ atHub, atEdge }) => mirrored(atHub, atEdge, 'leaf')),
      caseMsMax,
    )

    it(
      'are there for clients of the other domain',
      () =>
        withSides(hub, async ({ atHub, atEdge }) => {
          const bucket = await new Kvm(atEdge).create('state')
          await bucket.put('x', '1')
          const far = new Kvm(jetstream(atHub, { domain: 'leaf' }))
          let seen: KV | undefined
          await settled(async () => {
            seen = await far.open('state')
            return (await seen.get('x'))?.string() === '1'
          })
          assert.is(await seen?.put('x', '2'), 2)
          assert.is(await seen?.create('y', '3'), 3)
          assert.is((await bucket.get('x'))?.string(), '2')
        }),
      caseMsMax,
    )

    it(
      'of the edge are gathered at the hub, through a restart of the edge',
      () =>
        withSides(hub, async ({ pair, atHub, atEdge }) => {
          const bucket = await new Kvm(atEdge).create('site1', { history: 2 })
          await bucket.put('t', '20')
          const all = await new Kvm(atHub).create('site1', {
            history: 2,
            sources: [{ name: 'site1', external: api('leaf') } as never],
          })
          await reads(all, 't', '20')
          await bucket.put('t', '21')
          await bucket.put('gone', '')
          await bucket.purge('gone')
          await reads(all, 't', '21')
          await pair.leaf.restart('SIGKILL')
          await settled(async () => (await bucket.put('t', '22')) > 0)
          await reads(all, 't', '22')
          assert.is((await all.get('gone'))?.operation, 'PURGE')
        }),
      caseMsMax,
    )
  })
}
