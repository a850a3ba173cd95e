// Objects of 100 MB through the official client: they come back byte by byte, and the broker does
// not keep them in memory on their way.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type ObjectResult, Objm } from '@nats-io/obj'
import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { withEdge } from '../support/edge.ts'
import { spec } from '../support/spec.ts'

const mib = 1024 * 1024
const objectBytes = 100 * mib
/**
 * What the broker's anonymous memory may grow by. A client puts all chunks at once: what the
 * socket holds and one group of the store is there at a time, not the object.
 */
const growthMiBMax = 48

function anonymousMiB(pid: number): number {
  const line = /RssAnon:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return Number(line?.[1]) / 1024
}

/** Bytes that are nowhere twice, piece by piece. */
function pieces(): { stream: ReadableStream<Uint8Array>; digest: () => string } {
  const hash = createHash('sha256')
  let sent = 0
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent >= objectBytes) return controller.close()
      const piece = Buffer.alloc(mib)
      for (let at = 0; at < mib; at += 4) piece.writeInt32LE((sent + at) ^ 0x9e3779b9, at)
      sent += mib
      hash.update(piece)
      controller.enqueue(piece)
    },
  })
  return { stream, digest: () => hash.digest('hex') }
}

spec('object store', it => {
  it(
    'takes and gives 100 MB with flat memory',
    () =>
      withEdge('', async edge => {
        const nats = await connect({ servers: edge.url })
        const { pid } = edge.process
        let most = 0
        const watch = setInterval(() => {
          most = Math.max(most, anonymousMiB(pid))
        }, 20)
        try {
          const store = await new Objm(nats).create('big')
          await store.putBlob({ name: 'warm' }, new Uint8Array(8 * mib))
          await store.getBlob('warm')
          const before = anonymousMiB(pid)
          most = before
          const { stream, digest } = pieces()
          const put = await store.put({ name: 'huge' }, stream)
          assert.is(put.size, objectBytes)
          const afterPut = most - before
          const hash = createHash('sha256')
          let got = 0
          const object = (await store.get('huge')) as ObjectResult
          for await (const piece of object.data as unknown as AsyncIterable<Uint8Array>) {
            hash.update(piece)
            got += piece.length
          }
          assert.is(got, objectBytes)
          assert.is(hash.digest('hex'), digest())
          assert.not(await object.error)
          const grown = most - before
          const label = `${afterPut.toFixed(1)} MiB while put, ${grown.toFixed(1)} MiB in all`
          assert.ok(grown < growthMiBMax, label)
          await store.delete('huge')
          assert.is(await store.get('huge'), null)
        } finally {
          clearInterval(watch)
          await nats.close()
        }
      }),
    180_000,
  )
})
