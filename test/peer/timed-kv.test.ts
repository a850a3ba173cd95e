// Keys that expire, with the official client: limit markers, TTLs of keys and of purges, on
// nats-server and on us, with the same expectations.

import { AckPolicy, jetstreamManager } from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import { Objm } from '@nats-io/obj'
import type { NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { pairFor } from '../support/pair.ts'
import { spec } from '../support/spec.ts'

type Scenario = (nc: NatsConnection) => Promise<void>

/** What a watcher sees, `key=operation:value`. */
async function watching(kv: KV, count: number): Promise<readonly string[]> {
  const seen: string[] = []
  const watch = await kv.watch()
  for await (const entry of watch) {
    seen.push(`${entry.key}=${entry.operation}:${entry.string()}`)
    if (seen.length === count) break
  }
  return seen
}

const scenarios: Readonly<Record<string, Scenario>> = {
  async 'a key with a TTL goes, and the watcher hears of it'(nc) {
    const kv = await new Kvm(nc).create('timed', { markerTTL: 2000, history: 1 })
    assert.is((await kv.status()).markerTTL, 2000)
    const seen = watching(kv, 4)
    await nc.flush()
    await kv.create('session', 'on', '1s')
    await kv.put('kept', 'always')
    assert.is((await kv.get('session'))?.string(), 'on')
    await kv.create('later', 'x', '1h')
    assert.equal(await seen, ['session=PUT:on', 'kept=PUT:always', 'later=PUT:x', 'session=PURGE:'])
    assert.is((await kv.get('session'))?.operation, 'PURGE')
    // Gone for good once its marker is, and free to be made anew meanwhile.
    await kv.create('session', 'again', '1h')
    assert.is((await kv.get('session'))?.string(), 'again')
  },

  async 'a purge with a TTL leaves nothing in the end'(nc) {
    const kv = await new Kvm(nc).create('purged', { markerTTL: 1000, history: 5 })
    await kv.put('k', '1')
    await kv.put('k', '2')
    await kv.purge('k', { ttl: '1s' })
    assert.is((await kv.get('k'))?.operation, 'PURGE')
    for (let i = 0; i < 100 && (await kv.get('k')) !== null; i++) {
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    assert.is(await kv.get('k'), null)
    assert.is((await kv.status()).values, 0)
  },

  async 'a bucket with an age leaves markers'(nc) {
    const kv = await new Kvm(nc).create('aged', { ttl: 1000, markerTTL: 3000, history: 3 })
    const seen = watching(kv, 3)
    await nc.flush()
    await kv.put('k', '1')
    await kv.put('k', '2')
    assert.equal(await seen, ['k=PUT:1', 'k=PUT:2', 'k=PURGE:'])
  },

  async 'objects in a bucket with an age go whole'(nc) {
    const store = await new Objm(nc).create('aged', { ttl: 1_000_000_000 })
    await store.putBlob({ name: 'a' }, new Uint8Array(300_000))
    assert.is((await store.getBlob('a'))?.length, 300_000)
    const jsm = await jetstreamManager(nc)
    for (let i = 0; i < 100; i++) {
      if ((await jsm.streams.info('OBJ_aged')).state.messages === 0) break
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    assert.is((await jsm.streams.info('OBJ_aged')).state.messages, 0)
  },

  async 'a consumer of the stream is given the marker, and counts right'(nc) {
    const kv = await new Kvm(nc).create('consumed', { markerTTL: 60_000 })
    const jsm = await jetstreamManager(nc)
    const config = { durable_name: 'd', ack_policy: AckPolicy.Explicit }
    await jsm.consumers.add('KV_consumed', config)
    const pending = async () => (await jsm.consumers.info('KV_consumed', 'd')).num_pending
    await kv.create('a', '1', '1s')
    await kv.create('b', '1')
    for (let i = 0; i < 100; i++) {
      const { last_seq } = (await jsm.streams.info('KV_consumed')).state
      // What is not on disk yet is not pending.
      if (last_seq === 3 && (await pending()) === 2) break
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    assert.is((await jsm.streams.info('KV_consumed')).state.last_seq, 3)
    assert.is(await pending(), 2)
  },
}

spec('keys with a time beside nats-server 2.15', (it, hooks) => {
  const pair = pairFor(hooks, 'newest')
  for (const [title, scenario] of Object.entries(scenarios)) {
    it(title, async () => {
      await scenario(pair.theirs)
      await scenario(pair.ours)
    })
  }
})
