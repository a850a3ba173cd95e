// The API while the disk fails: what was rolled back with a group is told as an error and is gone
// from the room as well; a sick store refuses writes and goes on reading.

import * as assert from 'uvu/assert'
import { Dispatch } from '../../edge/store/api/dispatch.ts'
import type { ConsumerRoom, StreamAdmin } from '../../edge/store/api/request.ts'
import { ApiQueue } from '../../edge/store/api/queue.ts'
import { Complaints } from '../../edge/store/api/complaints.ts'
import { ApiServer } from '../../edge/store/api/server.ts'
import { streamRows } from '../../edge/store/api/streams.ts'
import { Held } from '../../edge/store/held.ts'
import { Resources } from '../../edge/store/resources.ts'
import type { Stream, StreamConfig } from '../../edge/store/shapes.ts'
import type { Positions } from '../../edge/store/source/positions.ts'
import { Streams, type StreamStore } from '../../edge/store/streams.ts'
import { batchLimitsOf, Inflight } from '../../edge/store/batch/limits.ts'
import { jetstreamDefaults } from '../../edge/store/options.ts'
import { serverLimitsOf } from '../../edge/store/server-limits.ts'
import { Account } from '../../src/account/account.ts'
import { realClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { newSubscription, payloadOf, post } from '../../src/broker/post.ts'
import type { Origin } from '../../src/message.ts'
import { spec } from '../support/spec.ts'

const origin: Origin = { kind: 'client', sink: null, echo: true, permissions: null }

const noConsumers: ConsumerRoom = {
  rows: [],
  attach() {},
  mayUpdate: () => null,
  updated() {},
  detach() {},
  count: () => 0,
  has: () => false,
  wants: () => false,
  infos: () => [],
  directInfos: () => [],
  copies: () => [],
  adopt: () => null,
}

const emptyState = {
  messages: 0,
  bytes: 0,
  firstSeq: 1,
  firstTimeUs: 0,
  lastSeq: 0,
  lastTimeUs: 0,
  subjects: 0,
  deleted: 0,
}

/** A store whose groups succeed or fail when told; a stream is little more than its config. */
class FakeStore implements StreamStore {
  streams = new Map<string, Stream>()
  onDisk = new Map<string, Stream>()
  groups = 0
  sick: Error | null = null
  #waiting: ((error?: Error) => void)[] = []
  readonly durable = this.#newDurable()

  held(): Held {
    return new Held()
  }

  streamsOf(): Iterable<Stream> {
    return this.streams.values()
  }

  create(account: string, config: StreamConfig): Stream {
    let lastSeq = 0
    const stream = {
      account,
      config,
      createdUs: 1,
      readableSeq: 0,
      state: () => ({ ...emptyState, lastSeq }),
      append: () => ({ is: 'stored', seq: ++lastSeq }),
    } as unknown as Stream
    this.streams.set(config.name, stream)
    return stream
  }

  update(): null {
    return null
  }

  delete(stream: Stream): null {
    this.streams.delete(stream.config.name)
    return null
  }

  positions(): Positions {
    throw new Error('no stream here has sources')
  }

  nowUs(): number {
    return 1_700_000_000_000_000
  }

  /** Ends the group; with an error everything in it is taken back. */
  end(error?: Error): void {
    this.groups++
    if (error) this.streams = new Map(this.onDisk)
    else this.onDisk = new Map(this.streams)
    const waiting = this.#waiting
    this.#waiting = []
    for (const done of waiting) done(error)
  }

  #newDurable() {
    const store = this
    return {
      get groups() {
        return store.groups
      },
      get sick() {
        return store.sick
      },
      onDisk: (done: (error?: Error) => void): void => {
        store.#waiting.push(done)
      },
    }
  }
}

function newRoom(requestsMax = 0) {
  const account = new Account('$G')
  const store = new FakeStore()
  const streams = new Streams({
    account,
    store,
    consumers: noConsumers,
    serverName: 'edge',
    domain: '',
    clock: realClock,
    log: silentLog,
    payloadBytesMax: () => 1e6,
    strict: true,
    complaints: new Complaints(silentLog, realClock),
    limits: serverLimitsOf(jetstreamDefaults()),
    inflight: new Inflight(batchLimitsOf(jetstreamDefaults())),
    resources: new Resources(
      { memoryBytesMax: 1e6, fileBytesMax: 1e6 },
      () => 0,
      () => 0,
    ),
  })
  const api = new ApiServer(
    streams,
    new Dispatch<StreamAdmin>(streamRows),
    store.durable,
    new ApiQueue(requestsMax, new Complaints(silentLog, realClock)),
  )
  streams.start()
  api.start()
  const heard: string[] = []
  const deliver = (message: Parameters<typeof payloadOf>[0]): void => {
    heard.push(payloadOf(message).toString())
  }
  account.subscribe(newSubscription('_R', { remote: false, deliver }))
  const say = (subject: string, body = ''): number =>
    post(account, origin, { subject, reply: '_R', payload: Buffer.from(body) })
  const listen = (subject: string, hear: (text: string) => void): void => {
    const sink = {
      remote: false as const,
      deliver: (message: Parameters<typeof payloadOf>[0]) => hear(payloadOf(message).toString()),
    }
    account.subscribe(newSubscription(subject, sink))
  }
  return { store, streams, heard, say: Object.assign(say, { listen }) }
}

const failed = new Error('ENOSPC')

spec('api of a sick store', it => {
  it('answers a write when it is on disk and not before', () => {
    const { store, heard, say } = newRoom()
    say('$JS.API.STREAM.CREATE.S', '{"name":"S"}')
    assert.equal(heard, [])
    store.end()
    assert.is(heard.length, 1)
    assert.match(heard[0] as string, /"did_create":true/)
  })

  it('drops what comes beyond the requests that may wait, and says how many', async () => {
    const { store, heard, say } = newRoom(2)
    const advisories: string[] = []
    say.listen('$JS.EVENT.ADVISORY.API.LIMIT_REACHED', text => advisories.push(text))
    for (const name of ['A', 'B', 'C', 'D']) {
      say(`$JS.API.STREAM.CREATE.${name}`, `{"name":"${name}"}`)
    }
    await new Promise(resolve => setImmediate(resolve))
    assert.match(advisories.join(), /api_limit_reached.*"server":"edge","dropped":2/)
    assert.is(advisories.length, 1)
    store.end()
    assert.is(heard.length, 2)
    say('$JS.API.STREAM.CREATE.C', '{"name":"C"}')
    store.end()
    assert.match(heard[2] as string, /"did_create":true/)
  })

  it('forgets a stream whose creation was rolled back', () => {
    const { store, streams, heard, say } = newRoom()
    say('$JS.API.STREAM.CREATE.S', '{"name":"S"}')
    assert.is(say('S', 'x'), 1)
    store.end(failed)
    assert.match(heard[0] as string, /"err_code":10051,"description":"ENOSPC"/)
    assert.match(heard[1] as string, /"err_code":10077,"description":"ENOSPC"/)
    assert.is(streams.stream('S'), undefined)
    assert.is(say('S', 'x'), 0)
    assert.is(say('$JS.API.STREAM.CREATE.S', '{"name":"S"}'), 1)
    store.end()
    assert.match(heard[2] as string, /"did_create":true/)
    assert.is(say('S', 'x'), 1)
  })

  it('has a stream back whose deletion was rolled back', () => {
    const { store, streams, heard, say } = newRoom()
    say('$JS.API.STREAM.CREATE.S', '{"name":"S"}')
    store.end()
    say('$JS.API.STREAM.DELETE.S')
    assert.is(say('S', 'x'), 0)
    store.end(failed)
    assert.match(heard[1] as string, /"err_code":10051,"description":"ENOSPC"/)
    assert.ok(streams.stream('S'))
    assert.is(say('S', 'x'), 1)
  })

  it('answers when the disk fails in the middle of a write', () => {
    const { store, streams, heard, say } = newRoom()
    store.create = () => {
      throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
    }
    say('$JS.API.STREAM.CREATE.S', '{"name":"S"}')
    assert.match(heard[0] as string, /"err_code":10077,"description":"database or disk is full"/)
    assert.is(streams.stream('S'), undefined)
    store.create = () => {
      throw new Error('a bug of ours')
    }
    assert.throws(() => say('$JS.API.STREAM.CREATE.S', '{"name":"S"}'), /a bug of ours/)
  })

  it('refuses writes at once and goes on reading', () => {
    const { store, heard, say } = newRoom()
    say('$JS.API.STREAM.CREATE.S', '{"name":"S"}')
    store.end()
    store.sick = failed
    say('$JS.API.STREAM.CREATE.T', '{"name":"T"}')
    say('$JS.API.STREAM.PURGE.S')
    say('$JS.API.STREAM.INFO.S')
    assert.match(heard[1] as string, /create_response","error":\{"code":503,"err_code":10077/)
    assert.match(heard[2] as string, /"description":"ENOSPC"\},"purged":0\}$/)
    assert.match(heard[3] as string, /"config":\{"name":"S"/)
    store.sick = null
    say('$JS.API.STREAM.CREATE.T', '{"name":"T"}')
    store.end()
    assert.match(heard[4] as string, /"did_create":true/)
  })
})
