// The leaf-node side of the broker without the rest of it: accounts and LeafNodes in this
// process, for tests that want to see inside.

import { Account } from '../../src/account/account.ts'
import { createNKey } from '../../src/account/nkey.ts'
import { type Clock, realClock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { Turn } from '../../src/base/turn.ts'
import { newSubscription, post } from '../../src/broker/post.ts'
import { LeafNodes } from '../../src/link/leaf/nodes.ts'
import type { LeafContext } from '../../src/link/leaf/terms.ts'
import { BlockPool } from '../../src/link/outbox.ts'
import { Pressure } from '../../src/link/pressure.ts'
import type { RemoteOptions } from '../../src/link/leaf/remote.ts'
import type { LocalSink, Message, Origin, Subscription } from '../../src/message.ts'

export interface EdgeLeafOptions {
  readonly name?: string
  readonly domain?: string
  readonly jetstream?: boolean
  readonly reconnectMs?: number
  readonly pendingBytesMax?: number
  readonly payloadBytesMax?: number
  readonly clock?: Clock
}

/** A message as a test likes to see it. */
export interface Seen {
  readonly subject: string
  readonly reply: string
  readonly headers: string
  readonly payload: string
}

export class EdgeLeaf {
  readonly nodes: LeafNodes
  readonly context: LeafContext
  readonly lines: string[] = []
  readonly #accounts = new Map<string, Account>()
  #waiting: (() => void)[] = []
  #lastId = 4

  constructor(
    remotes: readonly (Partial<RemoteOptions> & { urls: readonly string[] })[],
    options: EdgeLeafOptions = {},
  ) {
    const clock = options.clock ?? realClock
    this.context = {
      limits: {
        lineBytesMax: 4096,
        payloadBytesMax: options.payloadBytesMax ?? 1024 * 1024,
        connectionsMax: 10,
        subscriptionsMax: Number.POSITIVE_INFINITY,
        pendingBytesMax: options.pendingBytesMax ?? 64 * 1024 * 1024,
        writeDeadlineMs: 10_000,
        tracedBytesMax: 0,
        keepalive: { intervalMs: 120_000, unansweredMax: 2, firstMs: 1000 },
      },
      log: this.#log(),
      clock,
      turn: new Turn(),
      pool: new BlockPool(),
      pressure: new Pressure(clock),
      account: name => this.account(name),
    }
    this.nodes = new LeafNodes({
      links: this.context,
      options: {
        remotes: remotes.map(remote => ({ ...remoteDefaults, ...remote })),
        reconnect: options.reconnectMs ?? 50,
        dial_timeout: null,
        isolate_leafnode_interest: false,
      },
      reports: { connectErrors: 3600, reconnectErrors: 1 },
      identity: {
        id: createNKey('server').publicKey,
        name: options.name ?? 'edge',
        version: '2.10.27',
        cluster: options.name ?? 'edge',
        domain: options.domain ?? '',
        jetstream: options.jetstream ?? false,
      },
      writes: { deadlineMs: null },
      door: null,
      nextId: () => ++this.#lastId,
    })
  }

  account(name = '$G'): Account {
    let account = this.#accounts.get(name)
    if (!account) {
      account = new Account(name)
      this.#accounts.set(name, account)
    }
    return account
  }

  /** Subscribes like a client; calls back with every message. */
  subscribe(subject: string, seen: (message: Seen) => void, queue = ''): Subscription {
    const sink: LocalSink = { remote: false, deliver: message => seen(seenOf(message)) }
    const subscription = newSubscription(subject, sink, queue)
    this.account().subscribe(subscription)
    return subscription
  }

  publish(
    subject: string,
    payload = '',
    more: { reply?: string; headers?: string; target?: string } = {},
  ): number {
    return post(this.account(), localOrigin, {
      subject,
      payload: Buffer.from(payload),
      ...(more.reply === undefined ? {} : { reply: more.reply }),
      ...(more.target === undefined ? {} : { target: more.target }),
      ...(more.headers === undefined ? {} : { headers: Buffer.from(more.headers) }),
    })
  }

  /** Resolves once a log line matches; lines before `from` do not count. */
  async logged(pattern: RegExp, from = 0): Promise<string> {
    for (;;) {
      const line = this.lines.slice(from).find(text => pattern.test(text))
      if (line !== undefined) return line
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  /** Starts dialling and waits until all remotes are linked. */
  async start(): Promise<void> {
    this.nodes.start()
    await this.until(() => this.nodes.leafs.size === this.nodes.remoteCount)
  }

  /** Waits for something that the other process brings about. */
  until(isTrue: () => boolean): Promise<void> {
    return until(isTrue)
  }

  close(): void {
    this.nodes.close()
  }

  #log(): Log {
    const line = (level: string) => (text: string) => {
      this.lines.push(`[${level}] ${text}`)
      const waiting = this.#waiting
      this.#waiting = []
      for (const wake of waiting) wake()
    }
    return {
      debugOn: true,
      traceOn: false,
      info: line('INF'),
      warn: line('WRN'),
      error: line('ERR'),
      debug: line('DBG'),
      trace: line('TRC'),
    }
  }
}

/** Looks until it is true; throws when it does not become true, with the case as the reason. */
export async function until(isTrue: () => boolean, msMax = 15_000): Promise<void> {
  const endMs = performance.now() + msMax
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error(`never true: ${isTrue}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Does something again and again until it has had its effect: for what crosses unacknowledged. */
export async function repeated(doIt: () => void, isTrue: () => boolean): Promise<void> {
  await until(() => {
    if (isTrue()) return true
    doIt()
    return false
  })
}

export const remoteDefaults: RemoteOptions = {
  urls: [],
  account: '$G',
  credentials: null,
  nkey: null,
  tls: null,
  hub: false,
  deny_imports: [],
  deny_exports: [],
  no_randomize: false,
  first_info_timeout: 2000,
  dial_timeout: null,
  disabled: false,
  ignore_discovered_servers: false,
  isolate_leafnode_interest: false,
  request_isolation: false,
  ws_compression: false,
  ws_no_masking: false,
  proxy: null,
}

const localOrigin: Origin = { kind: 'client', sink: null, echo: true, permissions: null }

function seenOf(message: Message): Seen {
  const { chunk, bodyStart, payloadStart, payloadEnd, subject, reply } = message
  return {
    subject,
    reply,
    headers: chunk.toString('utf8', bodyStart, payloadStart),
    payload: chunk.toString('utf8', payloadStart, payloadEnd),
  }
}
