// Key-value and object stores with the official clients: the same scenario, with the same
// expectations, on nats-server and on us.

import { type Bucket, type KV, Kvm } from '@nats-io/kv'
import { Objm } from '@nats-io/obj'
import type { NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { pairFor } from '../support/pair.ts'
import { spec } from '../support/spec.ts'

type Scenario = (nc: NatsConnection) => Promise<void>

async function refused(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it was accepted')
}

async function keysOf(kv: KV, filter?: string): Promise<string[]> {
  const keys: string[] = []
  for await (const key of await kv.keys(filter)) keys.push(key)
  return keys.sort()
}

const scenarios: Readonly<Record<string, Scenario>> = {
  async 'puts, gets, creates, updates'(nc) {
    const kv = await new Kvm(nc).create('first', { history: 5 })
    assert.is(await kv.put('a.b', 'one'), 1)
    assert.is(await kv.put('a.b', 'two'), 2)
    assert.is((await kv.get('a.b'))?.string(), 'two')
    assert.is((await kv.get('a.b', { revision: 1 }))?.string(), 'one')
    assert.is(await kv.get('none'), null)
    assert.match(await refused(kv.create('a.b', 'x')), /wrong last sequence: 2/)
    assert.is(await kv.update('a.b', 'three', 2), 3)
    assert.match(await refused(kv.update('a.b', 'x', 2)), /wrong last sequence: 3/)
    assert.is(await kv.create('c', 'new'), 4)
    await kv.delete('c')
    const entry = await kv.get('c')
    assert.is(entry?.operation, 'DEL')
    assert.is(await kv.create('c', 'again'), 6)
    assert.equal(await keysOf(kv), ['a.b', 'c'])
    assert.equal(await keysOf(kv, 'a.>'), ['a.b'])
  },

  async 'keeps history and purges'(nc) {
    const kv = await new Kvm(nc).create('second', { history: 3 })
    for (let i = 1; i <= 5; i++) await kv.put('k', String(i))
    const values: string[] = []
    for await (const entry of await kv.history({ key: 'k' })) values.push(entry.string())
    assert.equal(values, ['3', '4', '5'])
    await kv.purge('k')
    const left: string[] = []
    for await (const entry of await kv.history({ key: 'k' })) left.push(entry.operation)
    assert.equal(left, ['PURGE'])
    assert.equal(await keysOf(kv), [])
    const status = await kv.status()
    assert.is(status.values, 1)
    assert.is(status.history, 3)
    assert.is(status.bucket, 'second')
    await kv.put('x', '1')
    await kv.delete('x')
    await (kv as Bucket).purgeDeletes(0)
    assert.is((await kv.status()).values, 0)
    await kv.destroy()
    assert.match(await refused(new Kvm(nc).open('second').then(kv => kv.status())), /not found/)
  },

  async 'watches what is there and what comes'(nc) {
    const kv = await new Kvm(nc).create('third')
    await kv.put('a', '1')
    await kv.put('b', '1')
    await kv.put('a', '2')
    const seen: string[] = []
    const watch = await kv.watch()
    const done = (async () => {
      for await (const entry of watch) {
        seen.push(`${entry.key}=${entry.operation === 'PUT' ? entry.string() : entry.operation}`)
        if (entry.key === 'end') return
      }
    })()
    await kv.put('c', '3')
    await kv.delete('b')
    await kv.put('end', '')
    await done
    assert.equal(seen, ['b=1', 'a=2', 'c=3', 'b=DEL', 'end='])
  },

  async 'forgets what has had its time, and tells watchers'(nc) {
    const kv = await new Kvm(nc).create('ttl', { history: 2, markerTTL: 2000 } as never)
    assert.is((await kv.status()).markerTTL, 2000)
    await kv.create('short', '1', '1s')
    await kv.put('stays', '1')
    const seen: string[] = []
    const watch = await kv.watch()
    for await (const { key, operation } of watch) {
      seen.push(`${key} ${operation}`)
      // Gone by itself: that is a purge for whoever watches.
      if (key === 'short' && operation === 'PURGE') break
    }
    assert.equal(seen, ['short PUT', 'stays PUT', 'short PURGE'])
    assert.is((await kv.get('short'))?.operation, 'PURGE')
    // Its place can be taken again, as that of a deleted one.
    assert.ok((await kv.create('short', '2')) > 2)
    assert.is((await kv.get('short'))?.string(), '2')
    await kv.purge('stays', { ttl: '1s' } as never)
    assert.is((await kv.get('stays'))?.operation, 'PURGE')
    for (let tries = 0; tries < 100 && (await kv.get('stays')) !== null; tries++) {
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    assert.is(await kv.get('stays'), null)
  },

  async 'forgets whole buckets by their age'(nc) {
    const kv = await new Kvm(nc).create('aged', { ttl: 1000 } as never)
    const { ttl } = await kv.status()
    assert.is(ttl, 1000)
    await kv.put('a', '1')
    for (let tries = 0; tries < 100 && (await kv.get('a')) !== null; tries++) {
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    assert.is(await kv.get('a'), null)
    assert.is(await kv.put('a', '2'), 2)
    assert.is(await kv.update('a', '3', 2), 3)
  },

  async 'updates by revision whoever is first, and lists many keys'(nc) {
    const kv = await new Kvm(nc).create('busy', { history: 64 })
    await kv.put('n', '0')
    const add = async () => {
      for (;;) {
        const entry = await kv.get('n')
        if (!entry) throw new Error('gone')
        const next = String(Number(entry.string()) + 1)
        const done = await kv.update('n', next, entry.revision).then(
          () => true,
          error => !/wrong last sequence/.test(String(error)),
        )
        if (done) return
      }
    }
    await Promise.all(Array.from({ length: 20 }, add))
    assert.is((await kv.get('n'))?.string(), '20')
    await Promise.all(Array.from({ length: 500 }, (_, i) => kv.put(`k.${i}`, `${i}`)))
    assert.is((await keysOf(kv, 'k.>')).length, 500)
    for (let i = 0; i < 70; i++) await kv.put('deep', String(i))
    let values = 0
    for await (const _ of await kv.history({ key: 'deep' })) values++
    assert.is(values, 64)
  },

  async 'lives in memory, with a size limit'(nc) {
    const kv = await new Kvm(nc).create('fourth', { storage: 'memory', max_bytes: 1000 } as never)
    await kv.put('a', 'x'.repeat(500))
    assert.match(await refused(kv.put('b', 'x'.repeat(500))), /maximum bytes exceeded/)
    await kv.put('a', 'y'.repeat(500))
    assert.is((await kv.get('a'))?.string(), 'y'.repeat(500))
    const found: string[] = []
    for await (const { bucket } of new Kvm(nc).list()) found.push(bucket)
    assert.ok(found.includes('fourth'))
  },

  async 'stores objects in chunks'(nc) {
    const store = await new Objm(nc).create('files')
    const bytes = new Uint8Array(300_000).map((_, i) => i % 251)
    const put = await store.putBlob({ name: 'big file.bin', description: 'd' }, bytes)
    assert.is(put.size, 300_000)
    assert.is(put.chunks, 3)
    assert.equal(Buffer.from((await store.getBlob('big file.bin')) ?? []), Buffer.from(bytes))
    await store.putBlob({ name: 'small' }, new Uint8Array([1, 2]))
    assert.equal([...((await store.getBlob('small')) ?? [])], [1, 2])
    assert.equal((await store.list()).map(({ name }) => name).sort(), ['big file.bin', 'small'])
    await store.delete('big file.bin')
    assert.is(await store.getBlob('big file.bin'), null)
    await store.seal()
    assert.ok((await store.status()).sealed)
    await refused(store.putBlob({ name: 'x' }, new Uint8Array([1])))
  },
}

spec('key-value and object stores', (it, hooks) => {
  const pair = pairFor(hooks)

  for (const [name, scenario] of Object.entries(scenarios)) {
    it(`nats-server ${name}`, () => scenario(pair.theirs))
    it(`we ${name}`, () => scenario(pair.ours))
  }
})
