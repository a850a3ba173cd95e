// Publishing into streams in this process: a real store on a clock that stands still, the account's
// streams in front of it, and what is answered, as text.

import { Complaints } from '../../edge/store/api/complaints.ts'
import type { ConsumerRoom } from '../../edge/store/api/request.ts'
import { batchLimitsOf, Inflight } from '../../edge/store/batch/limits.ts'
import { jetstreamDefaults } from '../../edge/store/options.ts'
import { Resources } from '../../edge/store/resources.ts'
import { serverLimitsOf } from '../../edge/store/server-limits.ts'
import type { Stream, StreamConfig } from '../../edge/store/shapes.ts'
import type { StoreOptions } from '../../edge/store/store.ts'
import { Streams } from '../../edge/store/streams.ts'
import { Account } from '../../src/account/account.ts'
import { silentLog } from '../../src/base/log.ts'
import { newSubscription, payloadOf, post } from '../../src/broker/post.ts'
import type { Message, Origin, Receipt } from '../../src/message.ts'
import { streamConfig, TestStore } from './support.ts'

const client: Origin = { kind: 'client', sink: null, echo: true, permissions: null }

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

export interface Said {
  readonly body?: Buffer | string
  readonly head?: Readonly<Record<string, string>>
  readonly reply?: string
  readonly receipt?: Receipt
}

export class PublishBench {
  readonly account = new Account('$G')
  readonly inflight = new Inflight(batchLimitsOf(jetstreamDefaults()))
  readonly test: TestStore
  readonly streams: Streams
  /** `<reply>|<payload>`, advisories too. */
  readonly heard: string[] = []

  private constructor(test: TestStore) {
    this.test = test
    const { account, inflight } = this
    this.streams = new Streams({
      account,
      store: test.store,
      consumers: noConsumers,
      serverName: 'edge',
      domain: '',
      strict: true,
      complaints: new Complaints(silentLog, test.clock),
      clock: test.clock,
      log: silentLog,
      limits: serverLimitsOf(jetstreamDefaults()),
      inflight,
      payloadBytesMax: () => 1e6,
      resources: new Resources(
        { memoryBytesMax: 1e9, fileBytesMax: 1e9 },
        () => 0,
        () => 0,
      ),
    })
    this.streams.start()
    const deliver = (message: Message): void => {
      const text = payloadOf(message).toString()
      this.heard.push(`${message.target}|${text}`)
    }
    for (const subject of ['_R.>', '$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.>']) {
      account.subscribe(newSubscription(subject, { remote: false, deliver }))
    }
  }

  static async start(options: Partial<StoreOptions> = {}): Promise<PublishBench> {
    return new PublishBench(await TestStore.start(options))
  }

  stream(name: string, config: Partial<StreamConfig> = {}): Stream {
    const subjects = [`${name.toLowerCase()}.>`]
    const made = this.streams.create(streamConfig({ name, subjects, ...config }))
    if ('err_code' in made) throw new Error(made.description)
    return made
  }

  say(subject: string, { body = '', head = {}, reply = '_R.1', receipt }: Said = {}): void {
    const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`)
    const headers = Buffer.from(lines.length === 0 ? '' : `NATS/1.0\r\n${lines.join('')}\r\n`)
    post(this.account, client, {
      subject,
      reply,
      headers,
      payload: Buffer.from(body),
      ...(receipt && { receipt }),
    })
  }

  /** A part of an atomic batch. */
  part(
    subject: string,
    id: string,
    seq: number,
    { head = {}, ...said }: Said & { commit?: boolean } = {},
  ): void {
    const own = {
      'Nats-Batch-Id': id,
      'Nats-Batch-Sequence': String(seq),
      ...(said.commit && { 'Nats-Batch-Commit': '1' }),
    }
    this.say(subject, { ...said, head: { ...own, ...head } })
  }

  /** What was answered since the last time. */
  take(): string[] {
    return this.heard.splice(0)
  }

  onDisk(): Promise<Error | undefined> {
    return this.test.onDisk()
  }

  /** The next commit of a group finds no room. */
  failCommit(): void {
    const { db } = this.test.store
    db.commit = () => {
      Reflect.deleteProperty(db, 'commit')
      throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
    }
  }

  /** The next group is committed, but never known to be on disk. */
  failSync(): void {
    const { db } = this.test.store
    db.syncWal = done => {
      Reflect.deleteProperty(db, 'syncWal')
      setImmediate(() => done(Object.assign(new Error('EIO'), { code: 'EIO' })))
    }
  }

  /** The store tries again. */
  recover(): void {
    this.test.clock.advance(1000)
  }

  async close(): Promise<void> {
    this.streams.close()
    await this.test.done()
  }
}

export async function withPublishBench(
  run: (bench: PublishBench) => Promise<void> | void,
  options: Partial<StoreOptions> = {},
): Promise<void> {
  const bench = await PublishBench.start(options)
  try {
    await run(bench)
  } finally {
    await bench.close()
  }
}
