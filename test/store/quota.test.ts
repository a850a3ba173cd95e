// What one account may store, and what all of a server may: each limit reached, one past it, and
// after it recovers. The numbers in the titles are the API's (reference 6.13).

import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { jetstreamDefaults, type JetStreamOptions } from '../../edge/store/options.ts'
import { createNKey } from '../../src/account/nkey.ts'
import type { Stream } from '../../edge/store/shapes.ts'
import type { Streams } from '../../edge/store/streams.ts'
import { Account } from '../../src/account/account.ts'
import { freeStreams, type StreamLimits } from '../../src/account/stream-limits.ts'
import { readAccount } from '../../src/operator/claims.ts'
import { ask } from '../peer/jetstream-talk.ts'
import { newAccount } from '../support/jwt.ts'
import { spec } from '../support/spec.ts'
import { startBroker } from './broker.ts'
import { streamConfig } from './support.ts'

type Fields = Readonly<Record<string, unknown>>

/** A mirror and a sick store try again after seconds. */
const retriesMsMax = 60_000

/** A client of an account whose limits a test may change at any time. */
class Room {
  readonly #nc: NatsConnection
  readonly limit: (limits: Partial<StreamLimits>, tier?: string) => void
  readonly limitByJwt: (limits: Fields) => void

  constructor(nc: NatsConnection, broker: Awaited<ReturnType<typeof startBroker>>) {
    this.#nc = nc
    const account = broker.server.account('$G')
    this.limit = (limits, tier = '') => {
      account.streamLimits = new Map([[tier, { ...freeStreams, ...limits }]])
    }
    this.limitByJwt = limits => {
      const claims = readAccount(newAccount(createNKey('operator')).jwt({ limits }))
      assert.ok(typeof claims !== 'string')
      account.streamLimits = claims.limits.streams
    }
  }

  ask(subject: string, body?: Fields | string): Promise<string> {
    return ask(this.#nc, body === undefined ? [subject] : [subject, body])
  }

  /** Its error's number, or 0. */
  async code(subject: string, body?: Fields | string): Promise<number> {
    return Number(/"err_code":(\d+)/.exec(await this.ask(subject, body))?.[1] ?? 0)
  }

  create(name: string, more: Fields = {}): Promise<number> {
    return this.code(`$JS.API.STREAM.CREATE.${name}`, { name, subjects: [`${name}.>`], ...more })
  }

  update(name: string, more: Fields = {}): Promise<number> {
    return this.code(`$JS.API.STREAM.UPDATE.${name}`, { name, subjects: [`${name}.>`], ...more })
  }

  delete(name: string): Promise<number> {
    return this.code(`$JS.API.STREAM.DELETE.${name}`)
  }

  purge(name: string): Promise<number> {
    return this.code(`$JS.API.STREAM.PURGE.${name}`)
  }

  /** A message that counts for so many bytes in a stream on disk. */
  put(stream: string, bytes: number, fixed = 30): Promise<number> {
    return this.code(`${stream}.a`, 'x'.repeat(bytes - fixed - stream.length - 2))
  }

  consumer(stream: string, name: string, more: Fields = {}): Promise<number> {
    const config = { durable_name: name, ack_policy: 'explicit', ...more }
    const body = { stream_name: stream, config }
    return this.code(`$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${name}`, body)
  }

  async info(subject: string): Promise<Record<string, never>> {
    const answer = await this.#nc.request(subject)
    return answer.json()
  }
}

async function using(options: Partial<JetStreamOptions>, run: (room: Room) => Promise<void>) {
  const broker = await startBroker(options)
  const nc = await connect({ servers: broker.url })
  try {
    await run(new Room(nc, broker))
  } finally {
    await nc.close()
    await broker.close()
  }
}

const serverLimits = (limits: Partial<JetStreamOptions['limits']>) => ({
  limits: { ...jetstreamDefaults().limits, ...limits },
})

spec('limits of an account', it => {
  for (const storage of ['file', 'memory'] as const) {
    const max = storage === 'file' ? 'diskBytesMax' : 'memoryBytesMax'
    const fixed = storage === 'file' ? 30 : 16

    it(`10002: what its ${storage} streams hold`, () =>
      using({}, async room => {
        room.limit({ [max]: 300 })
        assert.is(await room.create('S', { storage }), 0)
        assert.is(await room.create('T', { storage }), 0)
        assert.is(await room.put('S', 200, fixed), 0)
        assert.is(await room.put('T', 101, fixed), 10002)
        assert.is(await room.put('T', 100, fixed), 0)
        assert.is(await room.put('S', 60, fixed), 10002)
        assert.match(await room.ask('S.a', ''), 'resource limits exceeded for account')
        const info = await room.info('$JS.API.INFO')
        assert.is(info[storage === 'file' ? 'storage' : 'memory'], 300)
        // Recovered by a purge, by a limit that was raised, and by a deletion.
        assert.is(await room.purge('S'), 0)
        assert.is(await room.put('T', 200, fixed), 0)
        assert.is(await room.put('S', 60, fixed), 10002)
        room.limit({ [max]: 360 })
        assert.is(await room.put('S', 60, fixed), 0)
        assert.is(await room.put('S', 60, fixed), 10002)
        assert.is(await room.delete('T'), 0)
        assert.is(await room.put('S', 300, fixed), 0)
        // It keeps what it has when the limit falls below that.
        room.limit({ [max]: 100 })
        assert.is(await room.put('S', 60, fixed), 10002)
        const { state } = await room.info('$JS.API.STREAM.INFO.S')
        assert.is((state as { bytes: number } | undefined)?.bytes, 360)
      }))

    it(`${storage === 'file' ? 10047 : 10028}: what its ${storage} streams reserve`, () => {
      const code = storage === 'file' ? 10047 : 10028
      return using({}, async room => {
        room.limit({ [max]: 1000 })
        assert.is(await room.create('S', { storage, max_bytes: 1001 }), code)
        assert.is(await room.create('S', { storage, max_bytes: 600 }), 0)
        assert.is(await room.create('T', { storage, max_bytes: 401 }), code)
        assert.is(await room.create('T', { storage, max_bytes: 400 }), 0)
        // Nothing is left, not even for a stream that reserves nothing.
        assert.is(await room.create('U', { storage }), code)
        assert.is(await room.update('T', { storage, max_bytes: 401 }), code)
        assert.is(await room.update('S', { storage, max_bytes: 599 }), 0)
        assert.is(await room.update('T', { storage, max_bytes: 401 }), 0)
        assert.is(await room.delete('S'), 0)
        assert.is(await room.create('U', { storage }), 0)
        assert.is(await room.create('V', { storage, max_bytes: 599 }), 0)
        // The other storage has its own.
        const other = storage === 'file' ? 'memory' : 'file'
        assert.is(await room.create('W', { storage: other, max_bytes: 5000 }), 0)
      })
    })

    it(`10122: the max_bytes of one ${storage} stream`, () => {
      const sizeMax = storage === 'file' ? 'diskStreamBytesMax' : 'memoryStreamBytesMax'
      return using({}, async room => {
        room.limit({ [sizeMax]: 1000 })
        assert.is(await room.create('S', { storage, max_bytes: 1001 }), 10122)
        assert.is(await room.create('S', { storage, max_bytes: 1000 }), 0)
        assert.is(await room.update('S', { storage, max_bytes: 1001 }), 10122)
        room.limit({ [sizeMax]: 1001 })
        assert.is(await room.update('S', { storage, max_bytes: 1001 }), 0)
      })
    })
  }

  it('10027: streams', () =>
    using({}, async room => {
      room.limit({ streamsMax: 2 })
      assert.is(await room.create('S'), 0)
      assert.is(await room.create('T'), 0)
      assert.is(await room.create('U'), 10027)
      assert.is(await room.create('T'), 0, 'the same again is no other stream')
      assert.is(await room.update('T', { max_msgs: 5 }), 0)
      assert.is(await room.delete('S'), 0)
      assert.is(await room.create('U'), 0)
      assert.is(await room.create('S'), 10027)
      room.limit({ streamsMax: 1 })
      assert.is(await room.update('U', { max_msgs: 5 }), 0, 'what is there may change')
      room.limit({ streamsMax: 0 })
      assert.is(await room.create('S'), 0, '0 is without limit')
    }))

  it('10026: consumers of a stream', () =>
    using({}, async room => {
      room.limit({ consumersMax: 2 })
      assert.is(await room.create('S', { max_consumers: 3 }), 10026)
      assert.is(await room.create('S', { max_consumers: 2 }), 0)
      assert.is(await room.create('T'), 0)
      for (const stream of ['S', 'T']) {
        assert.is(await room.consumer(stream, 'a'), 0)
        assert.is(await room.consumer(stream, 'b'), 0)
        assert.is(await room.consumer(stream, 'c'), 10026)
        assert.is(await room.consumer(stream, 'b'), 0, 'the same again is no other consumer')
        assert.is(await room.code(`$JS.API.CONSUMER.DELETE.${stream}.a`), 0)
        assert.is(await room.consumer(stream, 'c'), 0)
        assert.is(await room.consumer(stream, 'a'), 10026)
      }
      room.limit({ consumersMax: 3 })
      assert.is(await room.consumer('T', 'a'), 0)
      assert.is(await room.consumer('S', 'a'), 10026, "the stream's own limit stays")
    }))

  it('10113: streams without max_bytes', () =>
    using({}, async room => {
      room.limit({ maxBytesRequired: true })
      assert.is(await room.create('S'), 10113)
      assert.is(await room.create('S', { max_bytes: 0 }), 10113)
      assert.is(await room.create('S', { max_bytes: 1 }), 0)
      assert.is(await room.update('S', { max_bytes: -1 }), 10113)
      room.limit({})
      assert.is(await room.update('S', { max_bytes: -1 }), 0)
    }))

  it('10120: tiers, none of them for one replica', () =>
    using({}, async room => {
      room.limit({ diskBytesMax: 300 }, 'R1')
      assert.is(await room.create('S'), 0)
      assert.is(await room.put('S', 100), 0)
      room.limit({ diskBytesMax: 300 }, 'R3')
      assert.is(await room.create('T'), 10120)
      assert.is(await room.update('S', { max_msgs: 5 }), 10120)
      assert.is(await room.put('S', 100), 10120)
      assert.is(await room.consumer('S', 'a'), 10120)
      assert.is((await room.ask('$JS.API.STREAM.INFO.S')).includes('"messages":1'), true)
      room.limit({ diskBytesMax: 300 }, 'R1')
      assert.is(await room.put('S', 200), 0)
      assert.is(await room.put('S', 60), 10002)
      assert.is(await room.consumer('S', 'a'), 0)
    }))

  it('10121: what a consumer may leave unacknowledged', () =>
    using(serverLimits({ max_ack_pending: 20 }), async room => {
      room.limit({ ackPendingMax: 10 })
      assert.is(await room.create('S'), 0)
      assert.is(await room.consumer('S', 'a', { max_ack_pending: 11 }), 10121)
      assert.is(await room.consumer('S', 'a', { max_ack_pending: 10 }), 0)
      assert.match(
        await room.ask('$JS.API.CONSUMER.DURABLE.CREATE.S.b', {
          stream_name: 'S',
          config: { durable_name: 'b', ack_policy: 'explicit' },
        }),
        '"max_ack_pending":10,',
      )
      room.limit({ ackPendingMax: 30 })
      assert.is(await room.consumer('S', 'a', { max_ack_pending: 21 }), 10121, 'of the server')
      assert.is(await room.consumer('S', 'a', { max_ack_pending: 20 }), 0)
    }))

  it(
    '10002 makes a mirror wait; it has every message when there is room',
    () =>
      using({}, async room => {
        room.limit({ memoryBytesMax: 150 })
        assert.is(await room.create('S'), 0)
        for (let i = 0; i < 3; i++) assert.is(await room.put('S', 100), 0)
        const mirror = { name: 'M', storage: 'memory', mirror: { name: 'S' } }
        assert.is(await room.code('$JS.API.STREAM.CREATE.M', mirror), 0)
        const seen = async (lastSeq: number, count: number) => {
          const state = `"last_seq":${lastSeq},`
          for (;;) {
            const text = JSON.stringify(await room.info('$JS.API.STREAM.INFO.M'))
            if (text.includes(state) && text.includes(`"messages":${count},`)) return
            await new Promise(resolve => setTimeout(resolve, 50))
          }
        }
        await seen(1, 1)
        room.limit({ memoryBytesMax: 258 })
        await seen(3, 3)
      }),
    retriesMsMax,
  )

  it('by JWT: flat, and as the next one says', () =>
    using({}, async room => {
      room.limitByJwt({ disk_storage: 200, mem_storage: 0, streams: 1, consumer: 1 })
      assert.is(await room.create('M', { storage: 'memory' }), 10028)
      assert.is(await room.create('S'), 0)
      assert.is(await room.create('T'), 10027)
      assert.is(await room.put('S', 200), 0)
      assert.is(await room.put('S', 40), 10002)
      assert.is(await room.consumer('S', 'a'), 0)
      assert.is(await room.consumer('S', 'b'), 10026)
      room.limitByJwt({ disk_storage: 240, max_bytes_required: true, disk_max_stream_bytes: 9 })
      assert.is(await room.put('S', 40), 0)
      assert.is(await room.create('T'), 10113)
      assert.is(await room.create('T', { max_bytes: 10 }), 10122)
      assert.is(await room.create('T', { max_bytes: 9 }), 0)
    }))

  it('by JWT: tiers', () =>
    using({}, async room => {
      const r3 = { disk_storage: -1, mem_storage: -1, streams: -1, consumer: -1 }
      room.limitByJwt({ tiered_limits: { R1: { ...r3, disk_storage: 100 }, R3: r3 } })
      assert.is(await room.create('S'), 0)
      assert.is(await room.put('S', 101), 10002)
      assert.is(await room.put('S', 100), 0)
      const { tiers } = (await room.info('$JS.API.INFO')) as {
        tiers?: Record<string, { storage: number; limits: { max_storage: number } }>
      }
      assert.is(tiers?.R1?.storage, 100)
      assert.is(tiers?.R1?.limits.max_storage, 100)
      assert.is(tiers?.R3?.storage, 0)
      room.limitByJwt({ tiered_limits: { R3: r3 } })
      assert.is(await room.put('S', 40), 10120)
      room.limitByJwt({ disk_storage: 140 })
      assert.is(await room.put('S', 40), 0)
    }))
})

spec('limits of a server', it => {
  it('10023: what all its streams hold', () =>
    using({ max_file_store: 1000, max_memory_store: 500 }, async room => {
      assert.is(await room.create('S'), 0)
      assert.is(await room.create('M', { storage: 'memory' }), 0)
      assert.is(await room.put('S', 900), 0)
      assert.is(await room.put('S', 101), 10023)
      assert.is(await room.put('S', 100), 0)
      assert.is(await room.put('S', 40), 10023)
      assert.is(await room.put('M', 501, 16), 10023)
      assert.is(await room.put('M', 500, 16), 0)
      assert.is(await room.purge('S'), 0)
      assert.is(await room.put('S', 1000), 0)
      assert.is(await room.put('S', 40), 10023)
    }))

  it('10023: what others reserved is not there, one who reserved has it', () =>
    using({ max_file_store: 1000 }, async room => {
      assert.is(await room.create('S', { max_bytes: 600 }), 0)
      assert.is(await room.create('T'), 0)
      assert.is(await room.put('T', 401), 10023)
      assert.is(await room.put('T', 400), 0)
      assert.is(await room.put('S', 600), 0)
      assert.is(await room.put('S', 600), 0, 'it makes room for itself')
      assert.is(await room.delete('S'), 0)
      assert.is(await room.put('T', 600), 0)
    }))

  it('10047 and 10028: what all its streams reserve', () =>
    using({ max_file_store: 1000, max_memory_store: 500 }, async room => {
      assert.is(await room.create('S', { max_bytes: 1001 }), 10047)
      assert.is(await room.create('S', { max_bytes: 1000 }), 0)
      assert.is(await room.create('T', { max_bytes: 1 }), 10047)
      assert.is(await room.create('M', { max_bytes: 501, storage: 'memory' }), 10028)
      assert.is(await room.create('M', { max_bytes: 500, storage: 'memory' }), 0)
      assert.is(await room.update('S', { max_bytes: 999 }), 0)
      assert.is(await room.create('T', { max_bytes: 1 }), 0)
    }))

  it(
    '10023: what came back with an account, or with a group that failed, is counted',
    async () => {
      const broker = await startBroker({ max_file_store: 1000 })
      const { server, jetstream } = broker
      try {
        const [account, other] = [server.account('$G'), new Account('B')]
        jetstream.enable(other)
        const [streams, others] = [jetstream.streams('$G'), jetstream.streams('B')]
        assert.ok(streams && others)
        const made = (one: Streams, name: string): Stream => {
          const stream = one.create(streamConfig({ name }))
          if ('err_code' in stream) throw new Error(stream.description)
          return stream
        }
        const put = (stream: Stream, bytes: number): number => {
          const payload = Buffer.alloc(bytes - 33)
          const message = { subject: `${stream.config.name}.a`, headers: Buffer.alloc(0), payload }
          const appended = stream.append(message, {})
          return appended.is === 'refused' ? appended.error.err_code : 0
        }
        const onDisk = () => new Promise(resolve => jetstream.store.durable.onDisk(resolve))
        const [first, second] = [made(streams, 'S'), made(others, 'T')]
        assert.is(put(first, 900), 0)
        await onDisk()

        assert.is(streams.delete(first), null)
        assert.is(put(second, 500), 0)
        jetstream.store.commit.attempt(() => {
          throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
        })
        streams.recheck()
        while (jetstream.problem() !== null) await new Promise(resolve => setTimeout(resolve, 50))
        assert.is(put(second, 101), 10023)
        assert.is(put(second, 50), 0)

        jetstream.disable(account)
        assert.is(put(second, 500), 0)
        jetstream.enable(account)
        assert.is(put(second, 40), 10023)
      } finally {
        await broker.close()
      }
    },
    retriesMsMax,
  )

  it('10125: the batch of a pull consumer', () =>
    using(serverLimits({ max_request_batch: 7 }), async room => {
      assert.is(await room.create('S'), 0)
      assert.is(await room.consumer('S', 'a', { max_batch: 8 }), 10125)
      assert.is(await room.consumer('S', 'a', { max_batch: 7 }), 0)
      const push = { deliver_subject: 'there', max_batch: 0 }
      assert.is(await room.consumer('S', 'b', push), 0, 'nobody pulls from it')
    }))

  it('10121: without a limit of the account', () =>
    using(serverLimits({ max_ack_pending: 15 }), async room => {
      assert.is(await room.create('S'), 0)
      assert.is(await room.consumer('S', 'a', { max_ack_pending: 16 }), 10121)
      assert.is(await room.consumer('S', 'a', { max_ack_pending: 15 }), 0)
    }))
})
