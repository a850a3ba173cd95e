// Two nodes that a bad link joins, for tests: a stream of one is drained into a stream of the
// other, which sources or mirrors it. What was acknowledged at the origin arrives once and in
// order, and a work queue is empty afterwards.

import { jetstream, jetstreamManager, type StreamConfig } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { CutProxy } from './cut-proxy.ts'
import { settled } from './journey.ts'
import { type ChainNode, type Kind, startNode } from './spokes.ts'

export interface DrainOptions {
  readonly name: string
  /** Who holds the stream that is drained. */
  readonly origin: 'hub' | 'leaf'
  readonly retention: 'workqueue' | 'interest' | 'limits'
  readonly how: 'source' | 'mirror'
  /** The consumer is made beforehand. */
  readonly isPreMade?: boolean
}

/** One stream `Q<name>` that is drained into `IN<name>`. */
export class Drain {
  readonly options: DrainOptions
  readonly origin: ChainNode
  readonly target: ChainNode
  /** Payloads that the origin has acknowledged. */
  readonly acknowledged: string[] = []
  readonly #from: string
  readonly #into: string
  readonly #subject: string

  constructor(options: DrainOptions, hub: ChainNode, leaf: ChainNode) {
    this.options = options
    this.origin = options.origin === 'hub' ? hub : leaf
    this.target = options.origin === 'hub' ? leaf : hub
    this.#from = `Q${options.name}`
    this.#into = `IN${options.name}`
    this.#subject = `q.${options.name}`
  }

  async make(): Promise<void> {
    const { retention, how, origin, isPreMade } = this.options
    const deliver = `drain.into.${this.options.name}`
    await withClient(this.origin, async nats => {
      const manager = await jetstreamManager(nats)
      await manager.streams.add({
        name: this.#from,
        subjects: [`${this.#subject}.>`],
        retention,
      } as StreamConfig)
      if (!isPreMade) return
      const config = { name: 'DRAIN', durable_name: 'DRAIN', deliver_subject: deliver }
      const body = { stream_name: this.#from, config: { ...config, ack_policy: 'flow_control' } }
      const subject = `$JS.API.CONSUMER.CREATE.${this.#from}.DRAIN`
      const answer = await nats.request(subject, JSON.stringify(body))
      assert.is(answer.json<{ name?: string }>().name, 'DRAIN', answer.string())
    })
    const consumer = isPreMade ? { name: 'DRAIN', deliver_subject: deliver } : undefined
    const source = {
      name: this.#from,
      external: { api: `$JS.${origin}.API`, deliver: '' },
      ...(consumer && { consumer }),
    }
    await withClient(this.target, async nats => {
      const config = how === 'mirror' ? { mirror: source } : { sources: [source] }
      const body = JSON.stringify({ name: this.#into, ...config })
      const answer = await nats.request(`$JS.API.STREAM.CREATE.${this.#into}`, body)
      assert.ok(answer.json<{ did_create?: boolean }>().did_create, answer.string())
    })
    // An interest stream keeps nothing before its consumer stands.
    await settled(async () => {
      await this.publish('first')
      return (await this.count(this.target, this.#into)) > 0
    })
  }

  /** One message; told apart by its text. */
  async publish(text: string): Promise<void> {
    await withClient(this.origin, async nats => {
      await jetstream(nats).publish(`${this.#subject}.first`, text)
    })
    this.acknowledged.push(text)
  }

  /** Publishes `count` messages, 16 in flight; what fails is not tried again. */
  async publishMany(name: string, count: number): Promise<void> {
    const nats = await connect({
      servers: this.origin.url,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
    })
    try {
      await settled(() => nats.rtt().then(() => true))
      const js = jetstream(nats)
      let next = 0
      const worker = async () => {
        while (next < count) {
          const i = next++
          const text = `${name}.${i} ${i % 7 ? '' : 'x'.repeat(3000)}`
          const ack = await js
            .publish(`${this.#subject}.${i % 5}`, text, { timeout: 5000 })
            .catch(() => null)
          if (ack !== null) this.acknowledged.push(text)
        }
      }
      await Promise.all(Array.from({ length: 16 }, worker))
    } finally {
      await nats.close()
    }
  }

  async count(node: ChainNode, stream: string): Promise<number> {
    return withClient(node, async nats => {
      return (await (await jetstreamManager(nats)).streams.info(stream)).state.messages
    })
  }

  /** Waits until at least so many arrived. */
  async arrived(count: number): Promise<void> {
    await settled(async () => (await this.count(this.target, this.#into)) >= count)
  }

  /** Everything acknowledged is there, once, in the origin's order, and gone from the origin. */
  async assertDrained(): Promise<void> {
    const { retention } = this.options
    const wanted = new Set(this.acknowledged)
    // More may arrive: published and stored, with the answer lost.
    await this.arrived(wanted.size)
    if (retention !== 'limits') {
      await settled(async () => (await this.count(this.origin, this.#from)) === 0)
    }
    const texts = await withClient(this.target, nats => contents(nats, this.#into))
    const label = JSON.stringify(this.options)
    const seen = new Set<string>()
    const twice: string[] = []
    for (const { text } of texts) {
      // The first one was published until it arrived.
      if (text !== 'first' && seen.has(text)) twice.push(text)
      seen.add(text)
    }
    assert.equal(twice, [], `twice: ${label}`)
    const lost = [...wanted].filter(text => !seen.has(text))
    assert.equal(
      lost.map(text => text.slice(0, 30)),
      [],
      `lost: ${label}`,
    )
    let last = 0
    for (const { originSeq } of texts) {
      assert.ok(originSeq > last, `order: ${label} ${originSeq} after ${last}`)
      last = originSeq
    }
  }
}

interface Arrived {
  readonly text: string
  readonly originSeq: number
}

async function contents(nats: NatsConnection, stream: string): Promise<Arrived[]> {
  const { state } = await (await jetstreamManager(nats)).streams.info(stream)
  const found: Arrived[] = []
  const consumer = await jetstream(nats).consumers.get(stream)
  for await (const m of await consumer.consume({ max_messages: 1000 })) {
    const source = m.headers?.get('Nats-Stream-Source') ?? ''
    found.push({
      text: m.string(),
      originSeq: source === '' ? m.seq : Number(source.split(' ')[1]),
    })
    if (found.length === state.messages) break
  }
  return found
}

export async function withClient<T>(
  node: ChainNode,
  run: (nats: NatsConnection) => Promise<T>,
): Promise<T> {
  const nats = await connect({ servers: node.url, reconnect: false })
  try {
    return await run(nats)
  } finally {
    await nats.close()
  }
}

export interface Pair {
  readonly hub: ChainNode
  readonly leaf: ChainNode
  readonly proxy: CutProxy
  readonly drains: readonly Drain[]
}

/** A hub and a leaf node that dials it through the proxy, with streams that are drained. */
export async function withPair(
  kinds: { readonly hub: Kind; readonly leaf: Kind },
  drains: readonly DrainOptions[],
  run: (pair: Pair) => Promise<void>,
): Promise<void> {
  const proxy = new CutProxy()
  await proxy.start()
  const nodes: ChainNode[] = []
  try {
    const leaf = `advertise: "127.0.0.1:${proxy.port}"`
    const hub = await startNode({ kind: kinds.hub, name: 'hub', domain: 'hub', leaf })
    nodes.push(hub)
    proxy.targetPort = hub.leafPort
    const spoke = await startNode({
      kind: kinds.leaf,
      name: 'leaf',
      domain: 'leaf',
      leaf: 'reconnect: "100ms"',
      remotes: [`{ url: "nats-leaf://127.0.0.1:${proxy.port}" }`],
    })
    nodes.push(spoke)
    const made = drains.map(each => new Drain(each, hub, spoke))
    for (const drain of made) await drain.make()
    await run({ hub, leaf: spoke, proxy, drains: made })
  } finally {
    for (const node of nodes) await node.stop('SIGKILL')
    await proxy.close()
  }
}
