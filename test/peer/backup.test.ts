// Backups of streams, as the `nats` tool makes them, between nats-server and us: what one saves
// the other restores, message by message, consumers with their state; and what both say to
// requests that cannot be.

import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { type Broker, startBroker } from '../store/broker.ts'
import { bytesOf, entriesOf, restore, save } from '../support/backup-client.ts'
import { type Hub, startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'
import { ask, blot, type Say } from './jetstream-talk.ts'

const api = '$JS.API.'
const snapshot = (stream: string, body: Say[1] = ''): Say => [
  `${api}STREAM.SNAPSHOT.${stream}`,
  body,
]
const restoring = (stream: string, body: Say[1] = ''): Say => [
  `${api}STREAM.RESTORE.${stream}`,
  body,
]

const refused: readonly Say[] = [
  snapshot('NONE'),
  snapshot('NONE', '{}'),
  snapshot('NONE', { deliver_subject: 'x' }),
  snapshot('KEPT'),
  snapshot('KEPT', '{}'),
  snapshot('KEPT', { deliver_subject: 'a.*' }),
  snapshot('KEPT', { deliver_subject: 'a..b' }),
  snapshot('KEPT', { deliver_subject: 'a b' }),
  restoring('KEPT'),
  restoring('KEPT', '{}'),
  restoring('KEPT', { config: { name: 'KEPT' }, state: {} }),
  restoring('X', { config: { name: 'Y' }, state: {} }),
  restoring('X/Y', { config: {}, state: {} }),
  restoring('X', { config: { name: 'X', max_age: 5 }, state: {} }),
]

interface Side {
  readonly name: string
  readonly nc: NatsConnection
}

spec('peer/backup', (it, hooks) => {
  let hub: Hub
  let broker: Broker
  let theirs: Side
  let ours: Side

  hooks.before(async () => {
    hub = await startHub({ jetstream: true })
    broker = await startBroker()
    theirs = { name: 'nats-server', nc: await connect({ servers: hub.url }) }
    ours = { name: 'nats-edge', nc: await connect({ servers: broker.url }) }
  })

  hooks.after(async () => {
    await theirs?.nc.close()
    await ours?.nc.close()
    await broker?.close()
    await hub?.stop()
  })

  it('refuses in the same words', async () => {
    for (const { nc } of [theirs, ours]) {
      await ask(nc, [`${api}STREAM.CREATE.KEPT`, { name: 'KEPT', subjects: ['kept.>'] }])
    }
    for (const say of refused) {
      const [expected, answer] = [await ask(theirs.nc, say), await ask(ours.nc, say)]
      assert.is(answer, expected, `${say[0]} ${JSON.stringify(say[1])}`)
    }
  })

  it('sends chunks, asks for acknowledgements and ends as nats-server does', async () => {
    const table: readonly (readonly [string, Record<string, unknown>])[] = [
      ['one chunk', {}],
      ['several', { chunk_size: 10_000 }],
      ['the smallest', { chunk_size: 1, window_size: 1 }],
      ['a window that is full', { chunk_size: 20_000, window_size: 40_000 }],
      ['without consumers', { no_consumers: true, jsck: true }],
    ]
    for (const { nc } of [theirs, ours]) await fill(nc, 'FLOW', { noise: true })
    for (const [name, request] of table) {
      const [expected, answer] = [await flow(theirs.nc, request), await flow(ours.nc, request)]
      assert.equal(answer, expected, name)
    }
    for (const { nc } of [theirs, ours]) await ask(nc, [`${api}STREAM.DELETE.FLOW`])
  })

  it('gives up on a receiver that does not acknowledge', async () => {
    const ends = [theirs, ours].map(async ({ nc, name }) => {
      await fill(nc, 'DEAF', { noise: true })
      const request = { chunk_size: 20_000, window_size: 40_000 }
      const { end, chunks } = await save(nc, 'DEAF', { request, acks: 1 })
      assert.is(end, '408 No Flow Response', name)
      assert.is(chunks.length, 3, name)
      await ask(nc, [`${api}STREAM.DELETE.DEAF`])
    })
    await Promise.all(ends)
  })

  const pairs = [
    ['nats-server to nats-edge', () => [theirs, ours]],
    ['nats-edge to nats-server', () => [ours, theirs]],
    ['nats-edge to nats-edge', () => [ours, ours]],
    ['nats-server to nats-server', () => [theirs, theirs]],
  ] as const
  for (const [name, sides] of pairs) {
    it(`takes a stream and its consumers from ${name}`, async () => {
      const [from, to] = sides() as [Side, Side]
      await fill(from.nc, 'WHOLE', { noise: false })
      const saved = await save(from.nc, 'WHOLE', { request: { chunk_size: 2048 } })
      assert.is(saved.end, '204')
      const before = await lookAt(from.nc, 'WHOLE')
      for (const { nc } of [from, to]) await ask(nc, [`${api}STREAM.DELETE.WHOLE`])
      const restored = await restore(to.nc, 'WHOLE', saved.answer.config, bytesOf(saved), 3000)
      assert.not.ok(restored.end.error, JSON.stringify(restored.end))
      const after = await lookAt(to.nc, 'WHOLE')
      assert.equal(after.messages, before.messages)
      assert.equal(after.consumers, before.consumers)
      assert.equal(after.state, before.state)
      // Life goes on where it was.
      const next = await to.nc.request('whole.a', 'after')
      assert.is(next.json<{ seq: number }>().seq, 61)
      assert.is(await nextOf(to.nc, 'WHOLE', 'worker'), '9 1')
      await ask(to.nc, [`${api}STREAM.DELETE.WHOLE`])
    })

    it(`takes streams of other kinds from ${name}`, async () => {
      const [from, to] = sides() as [Side, Side]
      const kinds: readonly (readonly [Record<string, unknown>, number])[] = [
        [{ storage: 'memory', subjects: ['kind.>'] }, 3],
        [{ retention: 'workqueue', subjects: ['kind.>'] }, 3],
        [{ subjects: ['kind.>'], first_seq: 1000 }, 3],
        [{ subjects: ['kind.>'], first_seq: 1000 }, 0],
        [{ subjects: ['kind.>'] }, 0],
        [{ subjects: ['kind.>'], max_msgs_per_subject: 1, allow_rollup_hdrs: true }, 3],
        [{ mirror: { name: 'NOT-THERE' } }, 0],
      ]
      for (const [config, count] of kinds) {
        for (const { nc } of [from, to]) await ask(nc, [`${api}STREAM.DELETE.KIND`])
        await ask(from.nc, [`${api}STREAM.CREATE.KIND`, { name: 'KIND', ...config }])
        for (let i = 0; i < count; i++) await from.nc.request(`kind.${i}`, `${i}`)
        const saved = await save(from.nc, 'KIND')
        const before = await lookAt(from.nc, 'KIND')
        await ask(from.nc, [`${api}STREAM.DELETE.KIND`])
        const restored = await restore(to.nc, 'KIND', saved.answer.config, bytesOf(saved))
        const text = JSON.stringify(config)
        assert.not.ok(restored.end.error, `${text}: ${JSON.stringify(restored.end)}`)
        assert.equal(await lookAt(to.nc, 'KIND'), before, text)
        await ask(to.nc, [`${api}STREAM.DELETE.KIND`])
      }
    })
  }

  it('tells of backups in the same advisories', async () => {
    const heard = await Promise.all([theirs, ours].map(({ nc }) => advisories(nc)))
    assert.equal(heard[1], heard[0])
  })

  it('writes the same archive', async () => {
    const [expected, answer] = await Promise.all(
      [theirs, ours].map(async ({ nc }): Promise<readonly unknown[]> => {
        await fill(nc, 'SAME', { noise: false })
        const saved = await save(nc, 'SAME')
        await ask(nc, [`${api}STREAM.DELETE.SAME`])
        const entries = [...entriesOf(bytesOf(saved))]
        // nats-server writes its consumers in any order.
        const consumers = entries.splice(1, 3).sort((a, b) => (a.name < b.name ? -1 : 1))
        entries.splice(1, 0, ...consumers)
        return entries.map(({ name, seq, headers: head, payload }) => {
          const isJson = seq === 0 && payload !== ''
          return { name, seq, head, payload: isJson ? sortedJson(payload) : payload }
        })
      }),
    )
    for (const [i, entry] of (expected ?? []).entries()) assert.equal(answer?.[i], entry)
    assert.is(answer?.length, expected?.length)
  })
})

/** What comes of a snapshot, but for the bytes. */
async function flow(nc: NatsConnection, request: Record<string, unknown>) {
  const { chunks, end, answer } = await save(nc, 'FLOW', { request })
  const replies = chunks.map(({ reply }) => reply.replace(/ACK\.FLOW\.\w+\./, 'ACK.FLOW.<id>.'))
  // Packing differs: there may be a chunk more or less.
  const lengths = new Set(chunks.slice(0, -1).map(({ bytes }) => bytes.length))
  const fields = Object.keys(answer)
  const ends = [...replies.slice(0, 4), ...replies.slice(-1)]
  return { fields, lengths: [...lengths], end, replies: ends }
}

/**
 * 60 sequences with gaps and headers; noise makes several chunks. Consumers: one that works, with
 * messages acknowledged, refused and delivered twice, one that has not begun, one that pushes.
 */
async function fill(nc: NatsConnection, stream: string, { noise }: { noise: boolean }) {
  const prefix = stream.toLowerCase()
  await ask(nc, [`${api}STREAM.DELETE.${stream}`])
  await ask(nc, [`${api}STREAM.CREATE.${stream}`, { name: stream, subjects: [`${prefix}.>`] }])
  const meta = headers()
  meta.append('Nats-Msg-Id', 'five')
  meta.append('A', 'b')
  for (let i = 1; i <= 60; i++) {
    const payload = noise ? noiseOf(2000, i) : Buffer.alloc(i * 20, `${i} `)
    const subject = `${prefix}.${['a', 'b', 'c'][i % 3]}`
    await nc.request(subject, payload, i === 5 ? { headers: meta, timeout: 2000 } : undefined)
  }
  for (const seq of [1, 7, 30, 31, 32, 60]) {
    await ask(nc, [`${api}STREAM.MSG.DELETE.${stream}`, { seq }])
  }
  const waitNs = 600 * 1e9
  const add = (name: string, config: Record<string, unknown>) =>
    ask(nc, [`${api}CONSUMER.CREATE.${stream}.${name}`, { stream_name: stream, config }])
  const worker = { durable_name: 'worker', name: 'worker', ack_policy: 'explicit' }
  await add('worker', { ...worker, ack_wait: waitNs, max_deliver: 5 })
  await add('idle', { name: 'idle', ack_policy: 'explicit', inactive_threshold: waitNs })
  await add('push', {
    durable_name: 'push',
    deliver_subject: 'nobody.there',
    ack_policy: 'none',
    filter_subject: `${prefix}.b`,
    deliver_policy: 'by_start_sequence',
    opt_start_seq: 10,
  })
  if (noise) return
  // 2 acknowledged, 3 refused and delivered again, 4 to 6 wait, 8 acknowledged.
  for (const verb of ['+ACK', '-NAK', '', '', '', '', '+ACK']) {
    const message = await pull(nc, stream, 'worker')
    if (verb !== '') message.respond(verb)
    await nc.flush()
  }
}

function pull(nc: NatsConnection, stream: string, consumer: string) {
  const reply = `_PULL.${Math.random()}`
  const subject = `${api}CONSUMER.MSG.NEXT.${stream}.${consumer}`
  return nc.request(subject, '1', { timeout: 5000, noMux: true, reply })
}

/** Sequence and number of deliveries of what comes next. */
async function nextOf(nc: NatsConnection, stream: string, consumer: string): Promise<string> {
  const tokens = ((await pull(nc, stream, consumer)).reply ?? '').split('.')
  return `${tokens[5]} ${tokens[4]}`
}

/** A stream as clients see it: every message, what is deleted, its consumers. */
async function lookAt(nc: NatsConnection, stream: string) {
  const messages: string[] = []
  const { state } = await fieldsOf<{ state: State }>(nc, `STREAM.INFO.${stream}`, {
    deleted_details: true,
  })
  // Where an empty stream begins nats-server forgets; a time of a deleted one nobody needs.
  if (state.last_seq === 0) return { messages, consumers: [], state: { messages: 0 } }
  if (state.messages === 0 || state.deleted?.includes(state.last_seq)) delete state.last_ts
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const answer = await fieldsOf(nc, `STREAM.MSG.GET.${stream}`, { seq })
    messages.push(toMicroseconds(JSON.stringify(answer.message ?? answer.error)))
  }
  const list = await fieldsOf(nc, `CONSUMER.LIST.${stream}`)
  const consumers = ((list.consumers ?? []) as Record<string, unknown>[]).map(consumer => {
    const { created: _, ts: __, config, delivered, ack_floor, ...rest } = consumer
    return { ...rest, config: plain(config), ...seqs({ delivered, ack_floor }) }
  })
  return { messages, consumers, state: JSON.parse(toMicroseconds(JSON.stringify(state))) }
}

/** When they were last active no archive says, nor where the floor is before the first delivery. */
function seqs(pairs: Record<string, unknown>): Record<string, unknown> {
  const [delivered, floor] = [pairs.delivered, pairs.ack_floor] as Record<string, number>[]
  const pair = (of: Record<string, number> | undefined) => [of?.consumer_seq, of?.stream_seq]
  const hasBegun = delivered?.consumer_seq !== 0
  return { delivered: pair(delivered), ...(hasBegun && { floor: pair(floor) }) }
}

/** A config without what servers add. */
function plain(config: unknown): unknown {
  const { metadata: _, ...rest } = config as Record<string, unknown>
  return rest
}

function sortedJson(text: string): unknown {
  const fields = JSON.parse(text.replace(/"Timestamp":\d+/g, '"Timestamp":0')) as object
  const blotted = JSON.parse(blot(JSON.stringify(fields))) as Record<string, unknown>
  return 'config' in blotted ? { ...blotted, config: plain(blotted.config) } : blotted
}

/** Ours are kept to the microsecond. */
function toMicroseconds(text: string): string {
  return text.replace(/(\d\d:\d\d:\d\d)\.(\d+)Z/g, (_, time: string, digits: string) => {
    const micros = digits.padEnd(9, '0').slice(0, 6).replace(/0+$/, '')
    return micros === '' ? `${time}Z` : `${time}.${micros}Z`
  })
}

interface State {
  readonly messages: number
  readonly first_seq: number
  readonly last_seq: number
  readonly deleted?: readonly number[]
  last_ts?: string
}

async function fieldsOf<T = Record<string, unknown>>(
  nc: NatsConnection,
  verb: string,
  body: object = {},
): Promise<T> {
  const asked = Object.keys(body).length === 0 ? '' : JSON.stringify(body)
  return (await nc.request(`${api}${verb}`, asked)).json<T>()
}

async function advisories(nc: NatsConnection): Promise<readonly string[]> {
  await ask(nc, [`${api}STREAM.CREATE.TOLD`, { name: 'TOLD', subjects: ['told.>'] }])
  await nc.request('told.x', 'x')
  const heard: string[] = []
  const advisory = '$JS.EVENT.ADVISORY.STREAM.*.TOLD'
  nc.subscribe(advisory, {
    callback: (_error, message) => {
      const { client, ...fields } = message.json<Record<string, unknown>>()
      const account = (client as Record<string, string> | undefined)?.acc
      const text = JSON.stringify({ ...fields, id: '', ...(account && { account }) })
      heard.push(`${message.subject} ${blot(text)}`)
    },
  })
  await nc.flush()
  const saved = await save(nc, 'TOLD')
  await ask(nc, [`${api}STREAM.DELETE.TOLD`])
  const archive = bytesOf(saved)
  await restore(nc, 'TOLD', saved.answer.config, archive)
  await ask(nc, [`${api}STREAM.DELETE.TOLD`])
  await restore(nc, 'TOLD', saved.answer.config, Buffer.alloc(archive.length, 'x'))
  await nc.flush()
  return heard.map(text => text.replace(/"bytes":\d+/g, '"bytes":0'))
}

function noiseOf(bytes: number, seed: number): Buffer {
  let state = seed
  return Buffer.from(
    Array.from({ length: bytes }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return state >>> 16
    }),
  )
}
