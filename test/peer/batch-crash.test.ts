// The program is killed while batches are published: of an atomic one there is all or nothing, and
// all of what was confirmed; of a fast one there is what its answers said.

import { connect, headers, type Msg, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { type Edge, startEdge } from '../support/edge.ts'
import { spec } from '../support/spec.ts'

const partsOfBatch = 20
const subjects = ['s.a', 's.b', 's.c']

interface Kept {
  readonly batch: string
  readonly part: number
}

/** Publishes atomic batches, several at a time, until the connection ends. */
async function publishAtomic(nc: NatsConnection, confirmed: Set<string>): Promise<void> {
  const publisher = async (own: string): Promise<void> => {
    for (let n = 1; !nc.isClosed(); n++) {
      const id = `${own}-${n}`
      const part = (seq: number) => {
        const head = headers()
        head.append('Nats-Batch-Id', id)
        head.append('Nats-Batch-Sequence', `${seq}`)
        if (seq === partsOfBatch) head.append('Nats-Batch-Commit', '1')
        return head
      }
      for (let seq = 1; seq < partsOfBatch; seq++) {
        nc.publish(subjects[seq % 3] ?? '', `${id} ${seq}`, { headers: part(seq) })
      }
      const answer = await nc.request('s.a', `${id} ${partsOfBatch}`, {
        timeout: 5000,
        headers: part(partsOfBatch),
      })
      if (answer.json<{ count?: number }>().count === partsOfBatch) confirmed.add(id)
    }
  }
  await Promise.allSettled(['p', 'q', 'r', 't'].map(publisher))
}

/** One fast batch without an end; returns how far it is known to be stored. */
function publishFast(nc: NatsConnection): { acked: number } {
  const far = { acked: 0 }
  const flow = 20
  let [sent, pace] = [0, flow]
  const send = (): void => {
    while (!nc.isClosed() && sent < far.acked + 2 * pace) {
      sent++
      const operation = sent === 1 ? 0 : 1
      nc.publish('f.x', `${sent}`, { reply: `_F.fast.${flow}.fail.${sent}.${operation}.$FI` })
      if (sent === 1) return
    }
  }
  nc.subscribe('_F.>', {
    callback: (_, message) => {
      const { type, seq, msgs } = message.json<{ type: string; seq: number; msgs: number }>()
      assert.is(type, 'ack')
      far.acked = Math.max(far.acked, seq)
      pace = msgs
      send()
    },
  })
  send()
  return far
}

async function ask(nc: NatsConnection, subject: string, body: object): Promise<Msg> {
  const text = JSON.stringify(body)
  return await nc.request(`$JS.API.STREAM.${subject}`, text, { timeout: 20_000 })
}

/** The bodies of all messages of a stream, in order. */
async function stored(nc: NatsConnection, stream: string): Promise<string[]> {
  const info = await ask(nc, `INFO.${stream}`, {})
  const { state } = info.json<{ state: { last_seq: number } }>()
  const seqs = Array.from({ length: state.last_seq }, (_, i) => i + 1)
  const answers = await Promise.all(seqs.map(seq => ask(nc, `MSG.GET.${stream}`, { seq })))
  return answers.map(answer => {
    const { message } = answer.json<{ message: { data: string } }>()
    return Buffer.from(message.data, 'base64').toString()
  })
}

async function create(nc: NatsConnection, name: string, config: object): Promise<void> {
  const answer = await ask(nc, `CREATE.${name}`, { name, ...config })
  assert.not.match(answer.string(), '"error"')
}

async function killed(run: (nc: NatsConnection, edge: Edge) => Promise<void>): Promise<void> {
  const edge = await startEdge({ jetstream: true })
  try {
    const nc = await connect({ servers: edge.url, reconnect: false })
    await run(nc, edge)
  } finally {
    await edge.stop('SIGKILL')
  }
}

spec('batches after a kill', it => {
  it(
    'of atomic ones there is all or nothing',
    () =>
      killed(async (nc, edge) => {
        await create(nc, 'S', { subjects: ['s.*'], allow_atomic: true })
        const confirmed = new Set<string>()
        const published = publishAtomic(nc, confirmed)
        while (confirmed.size < 20) await new Promise(resolve => setTimeout(resolve, 5))
        await edge.stop('SIGKILL')
        await published
        await edge.restart()
        const again = await connect({ servers: edge.url })
        const kept = (await stored(again, 'S')).map((text): Kept => {
          const [batch = '', part] = text.split(' ')
          return { batch, part: Number(part) }
        })
        await again.close()
        // Their messages stand together, in their order.
        assert.is(kept.length % partsOfBatch, 0)
        const whole = new Set<string>()
        for (let at = 0; at < kept.length; at += partsOfBatch) {
          const batch = kept[at]?.batch ?? ''
          whole.add(batch)
          for (let i = 0; i < partsOfBatch; i++) {
            assert.equal(kept[at + i], { batch, part: i + 1 })
          }
        }
        assert.is(whole.size, kept.length / partsOfBatch)
        for (const id of confirmed) assert.ok(whole.has(id), `${id} is lost`)
      }),
    60_000,
  )

  it(
    'of a fast one there is what was answered',
    () =>
      killed(async (nc, edge) => {
        await create(nc, 'F', { subjects: ['f.*'], allow_batched: true })
        const far = publishFast(nc)
        while (far.acked < 800) await new Promise(resolve => setTimeout(resolve, 1))
        await edge.stop('SIGKILL')
        await nc.closed()
        await edge.restart()
        const again = await connect({ servers: edge.url })
        const kept = await stored(again, 'F')
        await again.close()
        assert.ok(kept.length >= far.acked, `${kept.length} of ${far.acked}`)
        assert.equal(
          kept,
          kept.map((_, i) => `${i + 1}`),
        )
      }),
    60_000,
  )
})
