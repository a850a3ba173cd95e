// Snapshots and restores of our own: archives that lie, limits, what a crash leaves, what goes on
// beside them. What nats-server says to the same is in test/peer/backup.test.ts.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { ArchiveReader, entryHead } from '../../edge/store/backup/archive.ts'
import { sizesOf } from '../../edge/store/backup/snapshot.ts'
import type { JetStreamOptions } from '../../edge/store/options.ts'
import { verify } from '../../edge/store/verify.ts'
import { bytesOf, entriesOf, restore, save } from '../support/backup-client.ts'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'
import {
  archiveOf,
  config,
  consumer,
  hostile,
  message,
  none,
  nowUs,
  packed,
  plainOf,
  stateOf,
} from './archives.ts'
import { type Broker, startBroker } from './broker.ts'

const patient = { timeout: 10_000 }

spec('store/backup', it => {
  it('refuses archives that lie, and leaves nothing behind', async () => {
    await withBroker({}, async ({ nc, broker }) => {
      for (const [name, archive, problem] of hostile) {
        const { end, chunks } = await restore(nc, 'S', config, archive, 100_000)
        const { error } = end as { error?: { err_code: number; description: string } }
        assert.is(error?.err_code, 10062, name)
        assert.match(error?.description ?? '', /^restore failed: /, name)
        assert.match(error?.description ?? '', problem, name)
        // The chunk that was wrong says so already.
        const early = chunks.find(text => text !== '')
        if (early) assert.match(early, /stream_create_response.*10062/, name)
      }
      await nothingLeft(nc, broker)
    })
  })

  it('refuses an archive that is cut or changed anywhere', async () => {
    await withBroker({}, async ({ nc, broker }) => {
      const parts = [1, 2, 5, 9].map(seq => message(seq, { payload: `${seq} `.repeat(40) }))
      const good = archiveOf(stateOf(), ...parts)
      for (let at = 0; at < good.length; at += 7) {
        const bad = Buffer.from(good)
        bad[at] = (bad[at] as number) ^ 0x10
        const { end } = await restore(nc, 'S', config, bad)
        assert.ok(end.error, `byte ${at} of ${good.length} changed`)
        const cut = await restore(nc, 'S', config, good.subarray(0, at))
        assert.ok(cut.end.error, `cut at ${at} of ${good.length}`)
      }
      await nothingLeft(nc, broker)
      const { end } = await restore(nc, 'S', config, good, 1)
      assert.not.ok(end.error, 'byte by byte')
      assert.is((end.state as { last_seq: number }).last_seq, 9)
    })
  })

  it('unpacks no more of a bomb than it may', async () => {
    await withBroker({ max_file_store: 5e6 }, async ({ nc, broker }) => {
      // 60 MB of zeros in less than 3 MB: every message is as it may be, all together are not.
      const pieces = [packed(plainOf([stateOf({ last_seq: 60 })], none))]
      for (let seq = 1; seq <= 60; seq++) {
        const one = Buffer.concat([entryHead('s.a', nowUs, seq, 0, 1e6), Buffer.alloc(1e6)])
        pieces.push(packed(one).subarray(10))
      }
      const bomb = Buffer.concat(pieces)
      assert.ok(bomb.length < 3e6, `${bomb.length}`)
      const before = process.memoryUsage().rss
      const { end } = await restore(nc, 'S', config, bomb, 100_000)
      assert.is(errorOf(end), 10047)
      assert.ok(process.memoryUsage().rss - before < 40 * 1024 * 1024)
      await nothingLeft(nc, broker)
    })
  })

  it('obeys the limits of the stream, and those around it', async () => {
    await withBroker({ max_file_store: 100_000, max_memory_store: 10_000 }, async ({ nc }) => {
      const big = 'x'.repeat(1000)
      const parts = (count: number) =>
        Array.from({ length: count }, (_, i) => message(i + 1, { payload: big }))
      const attempt = async (more: object, count: number, told = count * 1033) => {
        const archive = archiveOf(
          stateOf({ messages: count, bytes: told, last_seq: count }),
          ...parts(count),
        )
        const { end } = await restore(nc, 'S', { ...config, ...more }, archive)
        await nc.request('$JS.API.STREAM.DELETE.S')
        const { error } = end as { error?: { err_code: number; description: string } }
        return error ? `${error.err_code} ${error.description}` : end.state
      }
      like(await attempt({}, 96), { messages: 96 })
      const full = '10047 insufficient storage resources available'
      assert.is(await attempt({}, 97), full)
      assert.is(await attempt({}, 97, 0), full, 'which says that it is small')
      const fullMemory = '10028 insufficient memory resources available'
      like(await attempt({ storage: 'memory' }, 9), { messages: 9 })
      assert.is(await attempt({ storage: 'memory' }, 10), fullMemory)
      like(await attempt({ max_msg_size: 1000 }, 2), { messages: 2 })
      assert.is(
        await attempt({ max_msg_size: 999 }, 2),
        '10062 restore failed: message sequence 1 exceeds maximum message size',
      )
      like(await attempt({ max_msgs: 2 }, 5), { messages: 2, first_seq: 4 })
      like(await attempt({ max_msgs: 2, discard: 'new' }, 5), { messages: 2, first_seq: 4 })
      like(await attempt({ sealed: true }, 2), { messages: 2 })
    })
  })

  it('keeps the name while it restores, and shows the stream to nobody', async () => {
    await withBroker({}, async ({ nc, broker }) => {
      const archive = archiveOf(stateOf(), message(1))
      const begun = await ask(nc, 'STREAM.RESTORE.S', { config, state: {} })
      const subject = String(begun.deliver_subject)
      assert.match(subject, /^\$JS\.SNAPSHOT\.RESTORE\.S\.\w{22}$/)
      await nc.request(subject, archive)
      const names = await ask(nc, 'STREAM.NAMES')
      assert.is(names.total, 0)
      assert.is(errorOf(await ask(nc, 'STREAM.INFO.S')), 10059)
      assert.is(errorOf(await ask(nc, 'STREAM.CREATE.S', config)), 10058)
      assert.is(errorOf(await ask(nc, 'STREAM.RESTORE.S', { config })), 10130)
      await nc.request('s.a', 'nobody takes it').catch(() => {})
      const end = (await nc.request(subject)).json<Record<string, unknown>>()
      like(end.state, { messages: 1, first_seq: 1, last_seq: 9 })
      assert.equal(await ask(nc, 'STREAM.NAMES').then(answer => answer.streams), ['S'])
      assert.is((await nc.request('s.a', 'next')).json<{ seq: number }>().seq, 10)
      await inOrder(broker)
    })
  })

  it('takes half a stream away at the next start', async () => {
    const dir = scratch('store')
    await withBroker(
      {},
      async ({ nc }) => {
        const begun = await ask(nc, 'STREAM.RESTORE.S', { config, state: {} })
        const parts = Array.from({ length: 6000 }, (_, i) => message(i + 1))
        const whole = archiveOf(stateOf({ last_seq: 6000 }), ...parts)
        await nc.request(String(begun.deliver_subject), whole, patient)
        // As if the power went now: nothing is told, nothing is closed.
        fs.cpSync(path.join(dir, 'jetstream'), path.join(dir, 'cut', 'jetstream'), {
          recursive: true,
          filter: from => !from.endsWith('.lock'),
        })
      },
      dir,
    )
    await withBroker(
      {},
      async ({ nc, broker }) => {
        const store = broker.jetstream.store
        assert.is(await ask(nc, 'STREAM.NAMES').then(answer => answer.total), 0)
        while ([...store.streamsOf('$G')].length > 0) await new Promise(setImmediate)
        await inOrder(broker)
        const { end } = await restore(nc, 'S', config, archiveOf(stateOf(), message(1)))
        assert.not.ok(end.error)
      },
      path.join(dir, 'cut'),
    )
    await withBroker(
      {},
      async ({ broker }) => {
        assert.is([...broker.jetstream.store.streamsOf('$G')].length, 1)
      },
      path.join(dir, 'cut'),
    )
  })

  it('keeps a restored stream and its consumers over a restart', async () => {
    const dir = scratch('store')
    const parts = [1, 2, 3, 5].map(seq => message(seq))
    const pending = { 2: { Sequence: 2, Timestamp: nowUs * 1000 } }
    const states = {
      delivered: { consumer_seq: 2, stream_seq: 2 },
      ack_floor: { consumer_seq: 1, stream_seq: 1 },
      pending,
      redelivered: { 2: 3 },
    }
    const archive = archiveOf(
      stateOf({ consumer_count: 1 }),
      consumer('C', { config: { durable_name: 'C', ack_policy: 'explicit' }, state: states }),
      ...parts,
    )
    const expected = {
      delivered: { consumer_seq: 2, stream_seq: 2 },
      ack_floor: { consumer_seq: 1, stream_seq: 1 },
      num_ack_pending: 1,
      num_redelivered: 1,
      num_pending: 2,
    }
    await withBroker(
      {},
      async ({ nc }) => {
        const { end } = await restore(nc, 'S', config, archive)
        assert.not.ok(end.error, JSON.stringify(end))
        like(await ask(nc, 'CONSUMER.INFO.S.C'), expected)
      },
      dir,
    )
    await withBroker(
      {},
      async ({ nc }) => {
        like(await ask(nc, 'CONSUMER.INFO.S.C'), expected)
        assert.is((await nc.request('s.a', 'x')).json<{ seq: number }>().seq, 10)
      },
      dir,
    )
  })

  it('restores the ids and the times to live of messages', async () => {
    await withBroker({}, async ({ nc }) => {
      const headersOf = (line: string) => ({ headers: `NATS/1.0\r\n${line}\r\n\r\n` })
      const freshUs = Date.now() * 1000
      const archive = archiveOf(
        stateOf({ last_seq: 4 }),
        message(1, { timeUs: freshUs, ...headersOf('Nats-Msg-Id: one') }),
        message(2, { timeUs: freshUs, ...headersOf('Nats-Msg-Id: one') }),
        message(3, { timeUs: freshUs, ...headersOf('Nats-TTL: 1') }),
        message(4, { timeUs: freshUs, ...headersOf('Nats-TTL: never') }),
      )
      const timed = { ...config, allow_msg_ttl: true, subject_delete_marker_ttl: 2_000_000_000 }
      const { end } = await restore(nc, 'S', { ...timed, allow_rollup_hdrs: true }, archive)
      assert.not.ok(end.error, JSON.stringify(end))
      const again = headers()
      again.append('Nats-Msg-Id', 'one')
      const ack = await nc.request('s.a', 'again', { ...patient, headers: again })
      assert.is(ack.json<{ duplicate?: boolean }>().duplicate, true)
      const has = async (seq: number) =>
        errorOf(await ask(nc, 'STREAM.MSG.GET.S', { seq })) === undefined
      while (await has(3)) await new Promise(resolve => setTimeout(resolve, 50))
      assert.ok((await has(1)) && (await has(2)) && (await has(4)))
    })
  })

  it('forgets a sender who falls silent, and one who wants no answers', async () => {
    await withBroker({}, async ({ nc, broker }) => {
      const first = await ask(nc, 'STREAM.RESTORE.S', { config, state: {} })
      await nc.request(String(first.deliver_subject), archiveOf(stateOf(), message(1)))
      const second = await ask(nc, 'STREAM.RESTORE.T', { config: { name: 'T' }, state: {} })
      nc.publish(String(second.deliver_subject), 'x')
      await nc.flush()
      await gone(nc, String(second.deliver_subject))
      await gone(nc, String(first.deliver_subject))
      await nothingLeft(nc, broker)
    })
  })

  it('cuts off who sends without waiting, and says when there are too many', async () => {
    await withBroker({}, async ({ nc, broker }) => {
      const begun: Record<string, unknown>[] = []
      for (let i = 0; i < 9; i++) begun.push(await ask(nc, `STREAM.RESTORE.S${i}`, { config: {} }))
      assert.is(errorOf(begun[8] as object), 10167)
      assert.is(errorOf(begun[7] as object), undefined)
      const subject = String(begun[0]?.deliver_subject)
      // A frame that never ends: nothing can be worked off.
      const start = Buffer.from('ff06000053327354774f80ffffff', 'hex').subarray(0, 10)
      await nc.request(subject, Buffer.concat([start, Buffer.from('00000040', 'hex')]))
      const piece = Buffer.alloc(1024 * 1024)
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => nc.request(subject, piece).then(got => got.string())),
      )
      assert.match(answers[4] as string, /10062/)
      for (const { deliver_subject } of begun.slice(0, 8)) {
        await nc.request(String(deliver_subject)).catch(() => {})
      }
      await nothingLeft(nc, broker)
    })
  })

  it('saves one moment of a stream while it grows', async () => {
    await withBroker({}, async ({ nc }) => {
      await ask(nc, 'STREAM.CREATE.S', config)
      const payload = Buffer.alloc(500, 'abc ')
      for (let i = 0; i < 2000; i++) nc.publish('s.a', payload)
      await nc.flush()
      const request = { chunk_size: 1024, window_size: 2048 }
      let published = 0
      const saved = await save(nc, 'S', {
        request,
        onChunk: () => {
          if (published++ < 500) nc.publish('s.b', payload)
        },
      })
      assert.is(saved.end, '204')
      const entries = entriesOf(bytesOf(saved))
      const archived = JSON.parse(entries[0]?.payload ?? '') as { messages: number }
      const messages = entries.filter(({ seq }) => seq > 0)
      assert.is(messages.length, archived.messages)
      assert.ok(published > 10 && messages.every(({ name }) => name === 's.a'))
    })
  })

  it('is refused (10064) when the stream goes before it begins', async () => {
    await withBroker({}, async ({ nc }) => {
      await ask(nc, 'STREAM.CREATE.S', config)
      const [refused, deleted] = await Promise.all([
        nc.request('$JS.API.STREAM.SNAPSHOT.S', '{"deliver_subject":"x"}'),
        nc.request('$JS.API.STREAM.DELETE.S'),
      ])
      const { error } = refused.json<{ error?: Record<string, unknown> }>()
      const description = 'snapshot failed: stream is gone'
      assert.equal(error, { code: 500, err_code: 10064, description })
      assert.match(deleted.string(), '"success":true')
    })
  })

  it('ends when the receiver goes, the stream goes, or the server', async () => {
    await withBroker({}, async ({ nc, broker }) => {
      await ask(nc, 'STREAM.CREATE.S', config)
      for (let i = 0; i < 200; i++) nc.publish('s.a', Buffer.alloc(1000, `${i} ${Math.random()}`))
      const heard: string[] = []
      nc.subscribe('$JS.EVENT.ADVISORY.STREAM.SNAPSHOT_COMPLETE.S', {
        callback: (_error, got) => {
          heard.push(got.json<{ error: string }>().error)
        },
      })
      const request = { chunk_size: 1024, window_size: 1024 }
      const leaving = await ask(nc, 'STREAM.SNAPSHOT.S', { deliver_subject: 'gone', ...request })
      assert.ok(leaving.state)
      const sub = nc.subscribe('gone', { callback: () => {} })
      await nc.flush()
      await new Promise(resolve => setTimeout(resolve, 250))
      sub.unsubscribe()
      while (heard.length === 0) await new Promise(resolve => setTimeout(resolve, 10))
      assert.is(heard[0], 'no interest')
      const deleted = save(nc, 'S', { request, acks: 1 })
      await new Promise(resolve => setTimeout(resolve, 100))
      await ask(nc, 'STREAM.DELETE.S')
      assert.is((await deleted).end, '500 stream is gone')
      assert.ok(broker)
    })
  })

  it('brings the sizes asked for within what is possible', () => {
    const table: readonly (readonly [number, number, number, number])[] = [
      [0, 0, 131_072, 64],
      [1, 0, 1024, 8192],
      [1023, 1, 1024, 1],
      [1024, 1024, 1024, 1],
      [1025, 2050, 1025, 2],
      [1_048_576, 0, 1_048_576, 8],
      [1_048_577, 0, 1_048_576, 8],
      [-5, -5, 1024, 1],
      [1024, 1e12, 1024, 32_768],
      [1_000_000, 1, 1_000_000, 1],
    ]
    for (const [chunk, window, chunkBytes, chunksInFlightMax] of table) {
      assert.equal(sizesOf(chunk, window), { chunkBytes, chunksInFlightMax }, `${chunk} ${window}`)
    }
  })

  it('reads archives in blocks of any length', () => {
    const parts = [
      stateOf(),
      message(1, { headers: 'NATS/1.0\r\n\r\n' }),
      message(300),
      message(9e9),
    ]
    const plain = plainOf(parts)
    const whole = read(plain, plain.length)
    assert.is(whole.length, parts.length + 1)
    assert.is(whole.at(-1), 'end')
    for (let bytes = 1; bytes < 40; bytes++) assert.equal(read(plain, bytes), whole, `${bytes}`)
  })
})

function read(plain: Buffer, bytesEach: number): readonly string[] {
  const reader = new ArchiveReader(() => '')
  const seen: string[] = []
  for (let at = 0; at < plain.length; at += bytesEach) {
    reader.push(plain.subarray(at, at + bytesEach))
    for (let next = reader.next(); next.is !== 'hungry'; next = reader.next()) {
      if (next.is !== 'entry') {
        if (seen.at(-1) !== next.is) seen.push(next.is)
        break
      }
      const { name, seq, timeUs, headers, payload } = next.entry
      seen.push(`${name} ${seq} ${timeUs} ${headers} ${payload}`)
    }
  }
  return seen
}

/** Has these fields, whatever else. */
function like(value: unknown, expected: Readonly<Record<string, unknown>>): void {
  const fields = value as Record<string, unknown>
  for (const [name, one] of Object.entries(expected)) {
    const found = fields[name] as Record<string, unknown>
    // Of delivered and ack_floor the sequences alone.
    if (typeof one === 'object') like(found, one as Record<string, unknown>)
    else assert.is(found, one, `${name} of ${JSON.stringify(value)}`)
  }
}

interface Held {
  readonly nc: NatsConnection
  readonly broker: Broker
}

async function withBroker(
  options: Partial<JetStreamOptions>,
  test: (held: Held) => Promise<void>,
  dir?: string,
): Promise<void> {
  const broker = await startBroker(options, dir)
  const nc = await connect({ servers: broker.url, maxReconnectAttempts: 0 })
  try {
    await test({ nc, broker })
  } finally {
    await nc.close()
    await broker.close()
  }
}

/** No stream, hidden or not, and a store that is in order. */
async function nothingLeft(nc: NatsConnection, broker: Broker): Promise<void> {
  const { jetstream } = broker
  assert.is(await ask(nc, 'STREAM.NAMES').then(answer => answer.total), 0)
  while ([...jetstream.store.streamsOf('$G')].length > 0) await new Promise(setImmediate)
  await inOrder(broker)
}

async function inOrder({ jetstream: { store } }: Broker): Promise<void> {
  store.saveAll()
  await new Promise<unknown>(resolve => store.durable.onDisk(resolve))
  assert.equal(store.databases.flatMap(verify), [])
}

async function ask(nc: NatsConnection, verb: string, body: object = {}) {
  const asked = Object.keys(body).length === 0 ? '' : JSON.stringify(body)
  return (await nc.request(`$JS.API.${verb}`, asked, patient)).json<Record<string, unknown>>()
}

function errorOf(answer: object): number | undefined {
  return (answer as { error?: { err_code: number } }).error?.err_code
}

/** Until nobody listens there any more. */
async function gone(nc: NatsConnection, subject: string): Promise<void> {
  for (;;) {
    try {
      await nc.request(subject, 'x', { timeout: 500 })
    } catch (error) {
      if (/no responders/.test(String(error))) return
      throw error
    }
    await new Promise(resolve => setTimeout(resolve, 6000))
  }
}
