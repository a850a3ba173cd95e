// Streams and consumers in this process on a real store, with a clock that stands still: what is
// said on subjects, and what must come back on inboxes.

import { streamNotFound } from '../../edge/store/errors.ts'
import { Consumers } from '../../edge/store/consumer/consumers.ts'
import type { JetStreamAccount } from '../../edge/store/api/request.ts'
import { isApiError } from '../../edge/store/api/request.ts'
import { verifyConsumers } from '../../edge/store/consumer/verify.ts'
import type { Stream, StreamConfig } from '../../edge/store/shapes.ts'
import { Store } from '../../edge/store/store.ts'
import { Account } from '../../src/account/account.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Turn } from '../../src/base/turn.ts'
import { headersOf, newSubscription, payloadOf, post } from '../../src/broker/post.ts'
import type { Message, Origin, Subscription } from '../../src/message.ts'
import { scratch } from '../support/directory.ts'
import { streamConfig } from './support.ts'

const client: Origin = { kind: 'client', sink: null, echo: true, permissions: null }
const nothing = Buffer.alloc(0)

/** A message as a subscriber got it. */
export interface Got {
  readonly subject: string
  readonly reply: string
  readonly headers: string
  readonly payload: string
}

export interface Inbox {
  readonly got: Got[]
  /** Waits until it has `count` messages, takes them all and shows them. */
  expect(count: number): Promise<readonly string[]>
  /** The same, whole. */
  take(count: number): Promise<readonly Got[]>
  close(): void
}

export class ConsumerBench {
  readonly account = new Account('$G')
  readonly turn = new Turn()
  readonly clock: FakeClock
  readonly store: Store
  readonly consumers: Consumers
  readonly advisories: string[] = []
  readonly jetstream: JetStreamAccount

  constructor(dir = scratch('consumers'), clock = new FakeClock()) {
    this.clock = clock
    const { turn, account } = this
    this.store = new Store({ dir, log: silentLog, clock, turn })
    this.consumers = new Consumers({ store: this.store, clock, turn, log: silentLog })
    this.jetstream = {
      account,
      serverName: 'edge',
      domain: '',
      strict: true,
      warnOf: () => {},
      missing: () => streamNotFound,
      stream: name => this.store.stream('$G', name),
      consumerBounds: () => ({
        consumersMax: -1,
        ackPendingMax: -1,
        serverAckPendingMax: 0,
        serverBatchMax: 0,
      }),
      advise: (subject, type, body) => {
        this.advisories.push(`${subject} ${type} ${JSON.stringify(body())}`)
      },
      measure: (subject, type, body) => {
        this.advisories.push(`METRIC ${subject} ${type} ${JSON.stringify(body())}`)
      },
    }
  }

  async start(): Promise<this> {
    await this.store.start()
    this.consumers.start()
    for (const stream of this.store.streamsOf('$G')) this.consumers.attach(this.jetstream, stream)
    return this
  }

  /** Saves, checks the invariants of the consumers' tables, closes. */
  async close(): Promise<void> {
    this.consumers.close()
    await new Promise<void>(resolve => this.store.commit.onDisk(() => resolve()))
    const wrong = verifyConsumers(this.store.db)
    await this.store.close()
    if (wrong.length > 0) throw new Error(wrong.join('\n'))
  }

  stream(name: string, config: Partial<StreamConfig> = {}): Stream {
    const stream = this.store.create('$G', streamConfig({ name, subjects: ['>'], ...config }))
    if (isApiError(stream as object)) throw new Error(JSON.stringify(stream))
    this.consumers.attach(this.jetstream, stream as Stream)
    return stream as Stream
  }

  /** Stores messages and waits until they can be read. */
  async fill(stream: Stream, ...messages: readonly (readonly [string, string, string?])[]) {
    for (const [subject, payload, headers = ''] of messages) {
      const message = {
        subject,
        headers: headers === '' ? nothing : Buffer.from(`NATS/1.0\r\n${headers}\r\n\r\n`),
        payload: Buffer.from(payload),
      }
      const outcome = stream.append(message, {})
      if (outcome.is !== 'stored') throw new Error(JSON.stringify(outcome))
    }
    const { lastSeq } = stream.state()
    await this.until(() => stream.readableSeq >= lastSeq)
  }

  /** A consumer API call; waits until what it wrote is on disk. */
  async api(verb: string, body: object | string = ''): Promise<Record<string, unknown>> {
    const tokens = verb.split('.')
    for (const row of this.consumers.rows) {
      const pattern = row.subject.split('.')
      if (pattern.length !== tokens.length) continue
      if (!pattern.every((token, i) => token === '*' || token === tokens[i])) continue
      const answer = row.handle({
        jetstream: this.jetstream,
        subject: `$JS.API.${verb}`,
        names: tokens.filter((_, i) => pattern[i] === '*'),
        reply: '',
        headers: nothing,
        body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
      })
      await new Promise<void>(resolve => this.store.commit.onDisk(() => resolve()))
      return answer as Record<string, unknown>
    }
    throw new Error(`no row for ${verb}`)
  }

  /** Creates consumer `name` and returns what the API said. */
  create(stream: string, name: string, config: object = {}): Promise<Record<string, unknown>> {
    return this.api(`CONSUMER.CREATE.${stream}.${name}`, {
      stream_name: stream,
      config: { name, durable_name: name, ack_policy: 'explicit', ...config },
    })
  }

  async info(stream: string, name: string): Promise<Info> {
    const info = await this.api(`CONSUMER.INFO.${stream}.${name}`)
    if (isApiError(info)) throw new Error(info.description)
    return info as unknown as Info
  }

  /** Listens; `max` as with UNSUB. */
  inbox(subject: string, { queue = '', max = 0 } = {}): Inbox {
    const got: Got[] = []
    const sink = { remote: false as const, deliver: (m: Message) => void got.push(copyOf(m)) }
    const subscription: Subscription = newSubscription(subject, sink, queue)
    subscription.max = max
    this.account.subscribe(subscription)
    const take = async (count: number): Promise<readonly Got[]> => {
      await this.until(() => got.length >= count)
      await this.settle()
      return got.splice(0)
    }
    return {
      got,
      take,
      expect: async count => (await take(count)).map(textOf),
      close: () => this.account.unsubscribe(subscription),
    }
  }

  /** Publishes as a client does. */
  say(subject: string, payload: object | string = '', reply = ''): number {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
    return post(this.account, client, { subject, reply, payload: Buffer.from(text) })
  }

  pull(stream: string, name: string, inbox: string, request: object | string = ''): void {
    this.say(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, request, inbox)
  }

  /** Moves the clock and lets everything happen that falls due. */
  async pass(ms: number): Promise<void> {
    await this.settle()
    this.clock.advance(ms)
    await this.settle()
  }

  /** Some turns of the loop. */
  async settle(): Promise<void> {
    for (let i = 0; i < 6; i++) await new Promise(resolve => setImmediate(resolve))
  }

  /** Everything written so far is on disk, or the error. */
  onDisk(): Promise<Error | undefined> {
    return new Promise(resolve => this.store.commit.onDisk(resolve))
  }

  async until(isReached: () => boolean): Promise<void> {
    while (!isReached()) await new Promise(resolve => setImmediate(resolve))
  }
}

export async function withBench(run: (bench: ConsumerBench) => Promise<void>): Promise<void> {
  const bench = await new ConsumerBench().start()
  try {
    await run(bench)
  } finally {
    await bench.close()
  }
}

export interface Info {
  readonly delivered: { readonly consumer_seq: number; readonly stream_seq: number }
  readonly ack_floor: { readonly consumer_seq: number; readonly stream_seq: number }
  readonly num_ack_pending: number
  readonly num_redelivered: number
  readonly num_waiting: number
  readonly num_pending: number
  readonly push_bound?: boolean
}

/** delivered, floor (consumer/stream), ack pending, redelivered, waiting, pending. */
export function figures(info: Info): string {
  const { delivered, ack_floor } = info
  return [
    `${delivered.consumer_seq}/${delivered.stream_seq}`,
    `${ack_floor.consumer_seq}/${ack_floor.stream_seq}`,
    info.num_ack_pending,
    info.num_redelivered,
    info.num_waiting,
    info.num_pending,
  ].join(' ')
}

function copyOf(message: Message): Got {
  return {
    subject: message.subject,
    reply: message.reply,
    headers: headersOf(message).toString(),
    payload: payloadOf(message).toString(),
  }
}

/** `subject reply headers|payload`, the time in the reply blotted out. */
function textOf({ subject, reply, headers, payload }: Got): string {
  const ack = reply.replace(/^\$JS\.ACK\.(\S+)\.\d{16,}\.(\d+)$/, '$1.T.$2')
  const head = headers.trimEnd().replaceAll('\r\n', '; ')
  return [subject, ack, `${head}|${payload}`].filter(part => part !== '').join(' ')
}
