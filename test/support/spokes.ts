// Chains of leaf nodes in processes of their own: ours and real ones in any role.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import { startEdge } from './edge.ts'
import { startHub } from './hub.ts'
import type { NatsVersion } from './peers.ts'
import { freePort } from './ports.ts'
import type { Exit, Running } from './process.ts'

/** Who plays a role: our broker or a real nats-server. */
export type Kind = 'ours' | NatsVersion

export const kinds: readonly Kind[] = ['ours', '2.9', '2.10', '2.15']

export interface NodeOptions {
  readonly kind: Kind
  readonly name: string
  /** Listens for leaf nodes; a string is the text inside `leafnodes { … }` beside `listen`. */
  readonly leaf?: boolean | string
  /** Text of entries of `remotes`. */
  readonly remotes?: readonly string[]
  /** JetStream with this domain. */
  readonly domain?: string
  readonly conf?: string
}

export interface ChainNode {
  readonly kind: Kind
  readonly url: string
  readonly leafPort: number
  readonly monitorPort: number
  readonly process: Running
  stop(signal?: NodeJS.Signals): Promise<Exit>
  restart(signal?: NodeJS.Signals): Promise<void>
}

export async function startNode(options: NodeOptions): Promise<ChainNode> {
  const { kind, name, leaf, remotes = [], domain, conf = '' } = options
  const leafPort = leaf ? await freePort() : 0
  const inside = typeof leaf === 'string' ? leaf : ''
  const leafnodes = [
    ...(leafPort ? [`listen: "127.0.0.1:${leafPort}"`, inside] : []),
    ...(remotes.length > 0 ? [`remotes: [ ${remotes.join(', ')} ]`] : []),
  ]
  const text = `leafnodes {\n${leafnodes.join('\n')}\n}\n${conf}`
  const common = {
    name,
    monitor: true,
    conf: text,
    flags: ['-D'],
    ...(domain ? { jetstream: domain } : {}),
  }
  const node = await (kind === 'ours' ? startEdge(common) : startHub({ version: kind, ...common }))
  return {
    kind,
    url: node.url,
    leafPort,
    monitorPort: node.monitorPort,
    get process() {
      return node.process
    },
    stop: signal => node.stop(signal),
    restart: signal => node.restart(signal),
  }
}

/** An entry of `remotes` that dials the node. */
export function remoteTo(node: ChainNode, more = '', user = ''): string {
  return `{ url: "nats-leaf://${user}127.0.0.1:${node.leafPort}"${more === '' ? '' : `, ${more}`} }`
}

/** Everything is stopped, whatever happens: `run(start, client)`. */
export async function withNodes(
  run: (
    start: (options: NodeOptions) => Promise<ChainNode>,
    client: (node: ChainNode, user?: string) => Promise<NatsConnection>,
  ) => Promise<void>,
): Promise<void> {
  const nodes: ChainNode[] = []
  const clients: NatsConnection[] = []
  try {
    await run(
      async options => {
        const node = await startNode(options)
        nodes.push(node)
        return node
      },
      async (node, user) => {
        const [name, pass] = user?.split(':') ?? []
        const login = name === undefined ? {} : { user: name, pass: pass ?? '' }
        const client = await connect({ servers: node.url, reconnect: false, ...login })
        clients.push(client)
        return client
      },
    )
  } finally {
    for (const client of clients) await client.close().catch(() => undefined)
    for (const node of nodes.reverse()) await node.stop()
  }
}

/** The rows of a node's /leafz. */
export async function leafz(node: ChainNode): Promise<Record<string, unknown>[]> {
  const response = await fetch(`http://127.0.0.1:${node.monitorPort}/leafz?subs=1`)
  const { leafs } = (await response.json()) as { leafs?: Record<string, unknown>[] }
  return leafs ?? []
}

/** Waits until the node has so many leaf-node connections. */
export async function linked(node: ChainNode, count = 1, msMax = 15_000): Promise<void> {
  const endMs = performance.now() + msMax
  while ((await leafz(node)).length !== count) {
    if (performance.now() > endMs) throw new Error(`not ${count} leaf nodes: ${node.kind}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** Asks until somebody answers: interest travels on its own. */
export async function asked(
  client: NatsConnection,
  subject: string,
  payload = '',
  msMax = 10_000,
): Promise<string> {
  const endMs = performance.now() + msMax
  for (;;) {
    try {
      return (await client.request(subject, payload, { timeout: 1000 })).string()
    } catch (error) {
      if (performance.now() > endMs) throw error
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
}
