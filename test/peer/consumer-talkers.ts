// Official clients that consume, beside each other: from us and from nats-server 2.15.

import {
  AckPolicy,
  type Consumer,
  type ConsumerInfo,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { startBroker } from '../store/broker.ts'
import { startHub } from '../support/hub.ts'
import { type It, spec } from '../support/spec.ts'

interface Peer {
  readonly url: string
  stop(): Promise<unknown>
}

export interface Talkers {
  readonly nc: NatsConnection
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
  readonly url: string
}

/** The same cases against a broker of ours and against nats-server 2.15. */
export function besideNats(name: string, define: (it: It, talkers: () => Talkers) => void): void {
  suite(`${name} from us`, define, async () => {
    const broker = await startBroker()
    return { url: broker.url, stop: () => broker.close() }
  })
  suite(`${name} from nats-server 2.15`, define, async () => {
    const hub = await startHub({ version: 'newest', jetstream: true })
    return { url: hub.url, stop: () => hub.stop() }
  })
}

function suite(
  name: string,
  define: (it: It, talkers: () => Talkers) => void,
  start: () => Promise<Peer>,
): void {
  spec(name, (it, hooks) => {
    let peer: Peer
    let nc: NatsConnection
    let jsm: JetStreamManager
    hooks.before(async () => {
      peer = await start()
      nc = await connect({ servers: peer.url })
      jsm = await jetstreamManager(nc)
    })
    hooks.after(async () => {
      await nc?.close()
      await peer?.stop()
    })
    define(it, () => ({ nc, js: jetstream(nc), jsm, url: peer.url }))
  })
}

/** A stream `name` on `name.>` with `count` messages, one consumer `c` on it. */
export async function fill(
  { js, jsm }: Talkers,
  name: string,
  count: number,
  config: Record<string, unknown> = {},
): Promise<Consumer> {
  await jsm.streams.add({ name, subjects: [`${name}.>`] })
  for (let i = 1; i <= count; i++) await js.publish(`${name}.m${i % 2}`, `${i}`)
  await jsm.consumers.add(name, {
    durable_name: 'c',
    ack_policy: AckPolicy.Explicit,
    ...config,
  })
  return js.consumers.get(name, 'c')
}

export async function fetchAll(consumer: Consumer, max: number, expires = 1000): Promise<JsMsg[]> {
  const got: JsMsg[] = []
  for await (const m of await consumer.fetch({ max_messages: max, expires })) got.push(m)
  return got
}

/** A delivery keeps its own subject: only an inbox of its own recognizes it. */
export const alone = { noMux: true, timeout: 5000 } as const

export const texts = (messages: readonly JsMsg[]): string => messages.map(m => m.string()).join(' ')

export async function infoWhen(
  consumer: Consumer,
  isReached: (info: ConsumerInfo) => boolean,
): Promise<ConsumerInfo> {
  for (;;) {
    const info = await consumer.info()
    if (isReached(info)) return info
  }
}
