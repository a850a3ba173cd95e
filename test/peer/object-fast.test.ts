// The official object store over fast ingest: what a large object is put through where the server
// has the level for it. The same scenario on nats-server and on us.

import { createHash, randomBytes } from 'node:crypto'
import { jetstreamManager } from '@nats-io/jetstream'
import { Objm } from '@nats-io/obj'
import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { type Broker, startBroker } from '../store/broker.ts'
import { type Hub, startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'

const megabyte = 1024 * 1024
const chunkBytes = 128 * 1024
const putMsMax = 30_000

function streamOf(content: Buffer): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < content.length; at += 50_000) {
        controller.enqueue(content.subarray(at, at + 50_000))
      }
      controller.close()
    },
  })
}

async function digestOf(nc: NatsConnection, bucket: string, name: string): Promise<string> {
  const store = await new Objm(nc).open(bucket)
  const found = await store.get(name)
  const hash = createHash('sha256')
  if (!found) return 'nothing'
  const reader = found.data.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    hash.update(value)
  }
  assert.is((await found.error) ?? null, null)
  return hash.digest('hex')
}

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex')

async function scenario(nc: NatsConnection): Promise<readonly unknown[]> {
  // Servers tell it in INFO; ours may not do so yet.
  const info = nc.info as { api_lvl?: number } | undefined
  if (info) info.api_lvl = Math.max(info.api_lvl ?? 0, 4)
  // The client's own opt-in, not in its types yet.
  const options = { allowBatched: true } as object
  const store = await new Objm(nc).create('big', options)
  const answers: string[] = []
  const note = (_: unknown, message: Msg): void => void answers.push(message.string())
  for (const prefix of ['_INBOX', '_INBOX.*']) {
    nc.subscribe(`${prefix}.*.*.*.*.*.$FI`, { callback: note })
  }
  const one = randomBytes(8 * megabyte + 1)
  const put = await store.put({ name: 'one' }, streamOf(one), { timeout: putMsMax })
  assert.is(put.chunks, Math.ceil(one.length / chunkBytes))
  assert.is(await digestOf(nc, 'big', 'one'), sha256(one))
  const final = JSON.parse(answers.at(-1) ?? '{}')
  assert.equal([final.count, final.seq], [put.chunks + 1, put.revision])

  const many = Array.from({ length: 5 }, () => randomBytes(megabyte))
  await Promise.all(
    many.map((content, i) =>
      store.put({ name: `many ${i}` }, streamOf(content), { timeout: putMsMax }),
    ),
  )
  for (const [i, content] of many.entries()) {
    assert.is(await digestOf(nc, 'big', `many ${i}`), sha256(content))
  }

  const stale = { previousRevision: 1, timeout: putMsMax }
  let refused = ''
  try {
    await store.put({ name: 'one' }, streamOf(one), stale)
  } catch (error) {
    refused = (error as Error).message
  }
  assert.is(await digestOf(nc, 'big', 'one'), sha256(one))
  const { config, state } = await (await jetstreamManager(nc)).streams.info('OBJ_big')
  const flags = config as { allow_batched?: boolean }
  return [flags.allow_batched, state.messages > 0, refused]
}

spec('object store over fast ingest', (it, hooks) => {
  let hub: Hub
  let broker: Broker
  hooks.before(async () => {
    hub = await startHub({ jetstream: true })
    broker = await startBroker()
  })
  hooks.after(async () => {
    await broker.close()
    await hub.stop()
  })

  it('puts large objects, several at a time, and finds them whole', async () => {
    const outcomes: unknown[] = []
    for (const { url } of [hub, broker]) {
      const nc = await connect({ servers: url })
      outcomes.push(await scenario(nc))
      await nc.close()
    }
    assert.equal(outcomes[1], outcomes[0])
    assert.is((outcomes[1] as unknown[])[0], true)
  }, 120_000)
})
