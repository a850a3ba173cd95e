// JetStream: the room's entrance. It opens the store, puts the accounts' streams and consumers
// behind their subjects and answers the API.
//
//   start: store -> consumers -> streams attached, subjects captured -> API and domain subjects
//   close: the other way round, so that nothing new comes while the last group is written

import { mkdirSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import type { Account } from '../../src/account/account.ts'
import { setAside, type TieredLimits } from '../../src/account/stream-limits.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import type { Turn } from '../../src/base/turn.ts'
import type { Query } from '../../src/monitor/query.ts'
import { apiLevel } from '../../src/server/version.ts'
import { accountRows } from './api/account-info.ts'
import { Complaints } from './api/complaints.ts'
import type { Copies } from './backup/copies.ts'
import { Dispatch } from './api/dispatch.ts'
import { messageRows } from './api/messages.ts'
import { ApiQueue } from './api/queue.ts'
import type { ConsumerRoom, StreamAdmin } from './api/request.ts'
import { ApiServer } from './api/server.ts'
import { streamRows } from './api/streams.ts'
import { insufficientMemory, insufficientStorage } from './errors.ts'
import type { Fields } from './api/text.ts'
import { batchLimitsOf, Inflight } from './batch/limits.ts'
import { Consumers } from './consumer/consumers.ts'
import { DomainMapping } from './mapping.ts'
import { type JetStreamOptions, storeDirOf } from './options.ts'
import { ProblemAdvisory } from './problem-advisory.ts'
import { Resources } from './resources.ts'
import { fileName } from './salvage.ts'
import type { Tables } from './schema.ts'
import { type ServerLimits, serverLimitsOf } from './server-limits.ts'
import type { Storage } from './shapes.ts'
import { Store, type StoreOptions } from './store.ts'
import { Streams } from './streams.ts'
import { jszDisabled } from '../../src/monitor/jsz.ts'
import { jsz, type ViewSource, varzView } from './view.ts'

export interface JetStreamParts {
  readonly options: JetStreamOptions
  /** The accounts that may use it. */
  readonly accounts: readonly Account[]
  readonly serverId: string
  readonly serverName: string
  readonly log: Log
  readonly clock: Clock
  readonly turn: Turn
  /** Of a message that a client may send; a restore takes no larger ones. */
  readonly payloadBytesMax?: () => number
  /** Tables of other nouns in the same database, e.g. MQTT sessions. */
  readonly tables?: Tables
  /** Other bounds than those of a running server: a test's. */
  readonly bounds?: Pick<StoreOptions, 'walBytesMax' | 'queueBytesMax' | 'reserveBytes'>
}

/** What stands behind one account. */
interface Room {
  readonly streams: Streams
  readonly api: ApiServer
  readonly mapping: DomainMapping | null
}

/** Kept free for emptying a store that has filled the disk. */
const reserveBytes = 8 * 1024 * 1024
const payloadBytesMaxDefault = 1024 * 1024
/** Shares of the machine that the store may use when the config says nothing. */
const memoryShareDefault = 0.25
const fileShareDefault = 0.75

export class JetStream {
  readonly store: Store
  readonly storeDir: string
  readonly domain: string
  readonly #parts: JetStreamParts
  readonly #rooms = new Map<string, Room>()
  readonly #limits: ServerLimits
  readonly #inflight: Inflight
  readonly #complaints: Complaints
  readonly #queue: ApiQueue
  #consumers: Consumers | null = null
  #resources: Resources | null = null
  #copies: Copies | null = null
  readonly #advisory: ProblemAdvisory
  #dispatch: Dispatch<StreamAdmin> | null = null

  constructor(parts: JetStreamParts) {
    const { options, log, clock, turn } = parts
    this.#parts = parts
    this.#limits = serverLimitsOf(options)
    this.#inflight = new Inflight(batchLimitsOf(options))
    this.#complaints = new Complaints(log, clock)
    this.#queue = new ApiQueue(options.request_queue_limit, this.#complaints)
    this.storeDir = storeDirOf(options)
    this.domain = options.domain ?? ''
    this.store = new Store({
      dir: this.storeDir,
      log,
      clock,
      turn,
      syncIntervalMs: options.sync_interval,
      reserveBytes,
      ...parts.bounds,
      ...(parts.tables && { tables: parts.tables }),
    })
    this.#advisory = new ProblemAdvisory({
      clock,
      serverName: parts.serverName,
      problems: () => this.store.health(),
      advise: (...advisory) => {
        for (const { streams } of this.#rooms.values()) streams.advise(...advisory)
      },
    })
  }

  async start(): Promise<void> {
    const { options, log, clock } = this.#parts
    const startedMs = clock.monotonicMs()
    log.info('Starting JetStream')
    mkdirSync(this.storeDir, { recursive: true, mode: 0o700 })
    if (options.store_dir === null) {
      log.warn('Temporary storage directory used, data could be lost on system reboot')
    }
    const limits = {
      memoryBytesMax: options.max_memory_store ?? Math.floor(totalmem() * memoryShareDefault),
      fileBytesMax: options.max_file_store ?? spaceFor(this.storeDir),
    }
    const resources = new Resources(
      limits,
      storage => this.#claimed(storage),
      storage => this.#reserved(storage),
    )
    this.#resources = resources
    this.#logSettings(resources)
    this.verify(this.#parts.accounts.flatMap(({ streamLimits }) => streamLimits ?? []))
    await this.store.start()
    const { turn } = this.#parts
    const consumers = new Consumers({ store: this.store, clock, turn, log })
    consumers.start()
    this.#consumers = consumers
    const dispatch = new Dispatch<StreamAdmin>([
      ...accountRows,
      ...streamRows,
      ...messageRows,
      ...consumers.rows,
    ])
    this.#dispatch = dispatch
    for (const account of this.#parts.accounts) this.enable(account)
    this.#advisory.start()
    if (options.backup !== null) {
      const { Copies } = await import('./backup/copies.ts')
      const from = join(this.storeDir, fileName)
      this.#copies = new Copies({ options: options.backup, from, clock, log })
      this.#copies.start()
    }
    const tookMs = clock.monotonicMs() - startedMs
    log.debug(`Took ${tookMs.toFixed(1)}ms to start JetStream`)
  }

  /** Throws when accounts are promised more than there is. */
  verify(limits: readonly TieredLimits[]): void {
    const resources = this.#resources
    if (resources === null) return
    let [memoryBytes, diskBytes] = [0, 0]
    for (const one of limits) {
      const aside = setAside(one)
      memoryBytes += aside.memoryBytes
      diskBytes += aside.diskBytes
    }
    if (memoryBytes > resources.memoryBytesMax) throw new Error(insufficientMemory.description)
    if (diskBytes > resources.fileBytesMax) throw new Error(insufficientStorage.description)
  }

  /** From now on the account may use it; what it has stored is there again. */
  enable(account: Account): void {
    const [consumers, resources, dispatch] = [this.#consumers, this.#resources, this.#dispatch]
    if (consumers === null || resources === null || dispatch === null) return
    if (!this.#rooms.has(account.name)) this.#open(account, consumers, resources, dispatch)
  }

  /** The account may not use it any more; what it has stored stays on the disk. */
  disable(account: Account): void {
    const room = this.#rooms.get(account.name)
    if (room === undefined) return
    this.#rooms.delete(account.name)
    room.mapping?.close()
    room.api.close()
    this.#consumers?.leave(account, room.streams.streams.values())
    room.streams.close()
  }

  /** The server is about to stop: clients that wait for messages hear of it. */
  stopping(): void {
    this.#consumers?.stopping()
  }

  /** Stops intake, lets the consumers save, writes the last group. Idempotent. */
  async close(): Promise<void> {
    for (const { api, mapping } of this.#rooms.values()) {
      mapping?.close()
      api.close()
    }
    const consumers = this.#consumers
    this.#consumers = null
    consumers?.close()
    for (const { streams } of this.#rooms.values()) streams.close()
    this.#rooms.clear()
    this.#advisory.close()
    await this.#copies?.close()
    await this.store.close()
  }

  /** The streams of an account; undefined when it does not use JetStream. */
  streams(account: string): Streams | undefined {
    return this.#rooms.get(account)?.streams
  }

  /** /jsz. Throws QueryError for a parameter that is none. */
  jsz(query: Query): Fields {
    const source = this.#source()
    if (source) return jsz(source, query)
    return { ...jszDisabled(this.#parts.serverId, query, this.#parts.clock.wallMs()) }
  }

  /** The store's own figures, beside nats-server's. */
  view(): object {
    let refused = this.#resources?.refused ?? 0
    for (const { streams } of this.#rooms.values()) refused += streams.quota.refused
    const backup = this.#copies?.view()
    return { ...this.store.view(), refused_messages: refused, ...(backup && { backup }) }
  }

  /** `jetstream` of /varz. */
  varz(): Fields {
    const source = this.#source()
    return source ? varzView(source) : {}
  }

  /** What /healthz asks. */
  isEnabled(): boolean {
    return this.#consumers !== null
  }

  problem(): string | null {
    return this.store.health()[0] ?? null
  }

  hasAccount(account: string): boolean {
    return this.#rooms.has(account)
  }

  hasStream(account: string, stream: string): boolean {
    return this.streams(account)?.stream(stream) !== undefined
  }

  hasConsumer(account: string, stream: string, consumer: string): boolean {
    const found = this.streams(account)?.stream(stream)
    return found !== undefined && (this.#consumers?.has(found, consumer) ?? false)
  }

  #open(
    account: Account,
    consumers: ConsumerRoom,
    resources: Resources,
    dispatch: Dispatch<StreamAdmin>,
  ): void {
    const streams = new Streams({
      account,
      store: this.store,
      consumers,
      serverName: this.#parts.serverName,
      domain: this.domain,
      resources,
      limits: this.#limits,
      inflight: this.#inflight,
      strict: this.#parts.options.strict,
      complaints: this.#complaints,
      clock: this.#parts.clock,
      log: this.#parts.log,
      payloadBytesMax: this.#parts.payloadBytesMax ?? (() => payloadBytesMaxDefault),
    })
    const api = new ApiServer(streams, dispatch, this.store.durable, this.#queue)
    const mapping =
      this.domain === '' ? null : new DomainMapping(account, this.domain, streams.replies)
    this.#rooms.set(account.name, { streams, api, mapping })
    streams.start()
    // What it holds takes room from the others.
    resources.changed()
    for (const stream of streams.streams.values()) {
      const messages = stream.state().messages.toLocaleString('en-US')
      const name = `${account.name} > ${stream.config.name}`
      this.#parts.log.info(`  Restored ${messages} messages for stream '${name}'`)
    }
    api.start()
    mapping?.start()
  }

  #source(): ViewSource | null {
    const consumers = this.#consumers
    const resources = this.#resources
    if (!consumers || !resources) return null
    const accounts = new Map([...this.#rooms].map(([name, { streams }]) => [name, streams]))
    return {
      serverId: this.#parts.serverId,
      storeDir: this.storeDir,
      domain: this.domain,
      syncIntervalMs: this.#parts.options.sync_interval,
      memoryBytesMax: resources.memoryBytesMax,
      fileBytesMax: resources.fileBytesMax,
      limits: this.#limits,
      strict: this.#parts.options.strict,
      queue: this.#queue,
      accounts,
      consumers,
      nowUs: () => this.store.nowUs(),
    }
  }

  #claimed(storage: Storage): number {
    let bytes = 0
    for (const { streams } of this.#rooms.values()) bytes += streams.claimedBytes(storage)
    return bytes
  }

  #reserved(storage: Storage): number {
    let bytes = 0
    for (const { streams } of this.#rooms.values()) bytes += streams.quota.reserved(storage)
    return bytes
  }

  #logSettings(resources: Resources): void {
    const { log } = this.#parts
    log.info('---------------- JETSTREAM ----------------')
    log.info(`  Max Memory:      ${bytesText(resources.memoryBytesMax)}`)
    log.info(`  Max Storage:     ${bytesText(resources.fileBytesMax)}`)
    log.info(`  Store Directory: "${this.storeDir}"`)
    if (this.domain !== '') log.info(`  Domain:          ${this.domain}`)
    log.info(`  API Level:       ${apiLevel}`)
    log.info('-------------------------------------------')
  }
}

/** A share of what is free, what the store holds already counted in. */
function spaceFor(dir: string): number {
  const { bavail, bsize } = statfsSync(dir)
  let heldBytes = 0
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isFile()) heldBytes += statSync(join(dir, entry.name)).size
  }
  return Math.floor((bavail * bsize + heldBytes) * fileShareDefault)
}

const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const

/** `122.07 MB`, as nats-server prints sizes. */
function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(2)} ${units[unit]}`
}
