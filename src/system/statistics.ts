// STATSZ: how the server is, said every ten seconds (sooner after the start) and to whoever asks;
// and the other servers of the system account, known by their own STATSZ (reference 5.5).

import type { Account } from '../account/account.ts'
import type { Timer } from '../base/clock.ts'
import { newSubscription, payloadOf } from '../broker/post.ts'
import type { LocalSink, Message, Origin, Subscription } from '../message.ts'
import { type Sources, sumTraffic } from '../monitor/shapes.ts'
import { varz } from '../monitor/varz.ts'
import type { Header } from './header.ts'
import type { SystemHost } from './host.ts'
import type { Voice } from './voice.ts'

const firstMs = 250
const intervalMs = 10_000
/** Said to everybody at most so often. */
const spacingMs = 1000
/** A server that is silent for so long is gone; looked at every `sweepMs`. */
const silentMsMax = 150_000
const sweepMs = 90_000
const serversMax = 1024
const tokenOfServer = 2

export class Statistics implements LocalSink {
  readonly remote = false
  readonly #host: SystemHost
  readonly #voice: Voice
  readonly #header: Header
  /** Other servers, and when they were heard last. */
  readonly #servers = new Map<string, number>()
  #subscriptions: readonly Subscription[] = []
  #timer: Timer | null = null
  #sweeper: Timer | null = null
  #pauseMs = firstMs
  #saidMs = Number.NEGATIVE_INFINITY

  constructor(host: SystemHost, voice: Voice, header: Header) {
    this.#host = host
    this.#voice = voice
    this.#header = header
  }

  start(): void {
    const { account, clock } = this.#host
    this.#subscriptions = ['STATSZ', 'SHUTDOWN', 'LAMEDUCK'].map(what =>
      newSubscription(`$SYS.SERVER.*.${what}`, this),
    )
    for (const subscription of this.#subscriptions) account.subscribe(subscription)
    this.#sweeper = clock.every(sweepMs, () => this.#sweep())
    this.#wait(this.#pauseMs)
  }

  close(): void {
    for (const subscription of this.#subscriptions) this.#host.account.unsubscribe(subscription)
    this.#subscriptions = []
    this.#timer?.cancel()
    this.#sweeper?.cancel()
  }

  /** Other servers that are heard. */
  get others(): number {
    return this.#servers.size
  }

  /** To everybody, unless it was just said: then as soon as it may be said again. */
  broadcast(): void {
    const { clock } = this.#host
    const leftMs = Math.min(spacingMs, this.#pauseMs) - (clock.monotonicMs() - this.#saidMs)
    if (leftMs > 0) return this.#wait(leftMs)
    this.#saidMs = clock.monotonicMs()
    const subject = `$SYS.SERVER.${this.#header.id().id}.STATSZ`
    if (this.#voice.hears(subject, this.#host.account, this)) this.#voice.say(subject, this.body())
  }

  /** Whoever asks without a reply subject wants it said to everybody, at once. */
  broadcastNow(): void {
    this.#saidMs = Number.NEGATIVE_INFINITY
    this.broadcast()
  }

  body(): object {
    return { server: this.#header.next(), statsz: statistics(this.#host, this.others) }
  }

  /** Another server says how it is, or that it goes. Clients cannot make servers up. */
  deliver(message: Message, _: Subscription, origin: Origin): void {
    if (origin.kind !== 'route' && origin.kind !== 'leaf') return
    const [, , id = '', what] = message.subject.split('.', tokenOfServer + 2)
    if (id === this.#header.id().id || payloadOf(message).length === 0) return
    if (what !== 'STATSZ') return void this.#servers.delete(id)
    const isNew = !this.#servers.has(id)
    if (isNew && this.#servers.size >= serversMax) return
    this.#servers.set(id, this.#host.clock.monotonicMs())
    if (isNew) this.broadcast()
  }

  #wait(ms: number): void {
    this.#timer?.cancel()
    this.#timer = this.#host.clock.after(ms, () => {
      this.#pauseMs = Math.min(intervalMs, this.#pauseMs * 2)
      this.#wait(this.#pauseMs)
      this.broadcast()
    })
  }

  #sweep(): void {
    const nowMs = this.#host.clock.monotonicMs()
    for (const [id, heardMs] of this.#servers) {
      if (nowMs - heardMs > silentMsMax) this.#servers.delete(id)
    }
  }
}

type Fields = Readonly<Record<string, unknown>>

function statistics(host: SystemHost, others: number): Fields {
  const { sources } = host
  const all = varz(sources, host.figures()) as Fields
  const traffic = (way: 'in' | 'out', infix = '') => ({
    msgs: all[`${way}${infix}_msgs`],
    bytes: all[`${way}${infix}_bytes`],
  })
  const clients = clientTraffic(sources)
  return {
    start: all.start,
    mem: all.mem,
    cores: all.cores,
    cpu: all.cpu,
    connections: all.connections,
    total_connections: all.total_connections,
    active_accounts: activeAccounts(host.accounts.values(), sources),
    subscriptions: all.subscriptions,
    sent: traffic('out'),
    sent_to_clients: { msgs: clients.outMsgs, bytes: clients.outBytes },
    received: traffic('in'),
    received_from_clients: { msgs: clients.inMsgs, bytes: clients.inBytes },
    slow_consumers: all.slow_consumers,
    ...some('slow_consumer_stats', all.slow_consumer_stats),
    ...some('stale_connections', all.stale_connections),
    ...some('stale_connection_stats', all.stale_connection_stats),
    ...some('stalled_clients', all.stalled_clients),
    ...routes(sources),
    active_servers: others + 1,
    ...jetstream(all.jetstream),
    gomaxprocs: all.gomaxprocs,
  }
}

function clientTraffic({ server, mqttClients, mqttTotals }: Sources) {
  const gone = mqttTotals ? [mqttTotals()] : []
  return sumTraffic([
    server.totals,
    ...gone,
    ...server.clients.values(),
    ...(mqttClients?.() ?? []),
  ])
}

function routes({ routes }: Sources): Fields {
  const rows = Array.from(routes?.() ?? [], ({ id, remoteName, pendingBytes, ...route }) => ({
    rid: id,
    ...(remoteName === '' ? {} : { name: remoteName }),
    sent: { msgs: route.outMsgs, bytes: route.outBytes },
    received: { msgs: route.inMsgs, bytes: route.inBytes },
    pending: pendingBytes,
  }))
  return rows.length === 0 ? {} : { routes: rows }
}

/** Accounts that somebody is connected to. */
function activeAccounts(accounts: Iterable<Account>, sources: Sources): number {
  const active = new Set<string>()
  for (const { name, connections } of accounts) if (connections > 0) active.add(name)
  for (const leaf of sources.leafs?.() ?? []) active.add(leaf.account)
  return active.size
}

/** The field, unless it is zero, or an object of nothing but zeros. */
function some(name: string, value: unknown): Fields {
  const isNothing =
    typeof value === 'object' && value !== null
      ? Object.values(value).every(one => one === 0)
      : !value
  return isNothing ? {} : { [name]: value }
}

/** As /varz has it, without the path of the store. */
function jetstream(block: unknown): Fields {
  if (typeof block !== 'object' || block === null || !('config' in block)) return {}
  const { store_dir: _, ...config } = block.config as Record<string, unknown>
  return { jetstream: { ...block, config } }
}
