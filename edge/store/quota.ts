// What one account may store: the limits of its config or its JWT, those of the server around
// them, and what the account's streams hold (reference 6.7; codes and order are nats-server's).
//
//   a stream    asked once, when it is made or changed: reservations, their number, their size
//   a message   asked each time (a hot path): one comparison with a running count
//   a consumer  asked once: how many there are, how much it may leave unacknowledged
//
// Limits are looked up anew when they change: a JWT or a reload counts from the next message on.
// As in nats-server an account that holds more than it may keeps it; nothing new comes in.

import type { Account } from '../../src/account/account.ts'
import {
  freeStreams,
  type StreamLimits,
  type TieredLimits,
} from '../../src/account/stream-limits.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import {
  accountResourcesExceeded,
  insufficientMemory,
  insufficientResources,
  insufficientStorage,
  maximumConsumers,
  maximumStreams,
  maxBytesRequired,
  maxStreamBytesExceeded,
  noLimits,
} from './errors.ts'
import type { Held } from './held.ts'
import type { Resources } from './resources.ts'
import type { ServerLimits } from './server-limits.ts'
import type { ApiError, Gate, Storage, Stream, StreamConfig } from './shapes.ts'

export interface QuotaParts {
  readonly account: Account
  readonly held: Held
  /** What the streams of all accounts may reserve and hold. */
  readonly resources: Resources
  readonly server: ServerLimits
  readonly streams: ReadonlyMap<string, Stream>
  readonly clock: Clock
  readonly log: Log
}

/** What bounds the consumers of an account; 0 or less = without limit. */
export interface ConsumerBounds {
  /** Of one stream. */
  readonly consumersMax: number
  readonly ackPendingMax: number
  readonly serverAckPendingMax: number
  readonly serverBatchMax: number
}

/** The tier of everything on a server that stands alone. */
const soloTier = 'R1'
/** One account's messages may be refused by the thousand; the log hears of it this often. */
const tellMs = 10_000

export class Quota implements Gate {
  /** Messages refused because of the account's own limits. */
  refused = 0
  readonly #parts: QuotaParts
  readonly #held: Held
  #tiers: TieredLimits | null = null
  #limits: StreamLimits | null = freeStreams
  #toldMs = Number.NEGATIVE_INFINITY

  constructor(parts: QuotaParts) {
    this.#parts = parts
    this.#held = parts.held
  }

  /** Those that count here; null: it has tiers, and none of them is for one replica. */
  get limits(): StreamLimits | null {
    const { streamLimits } = this.#parts.account
    if (streamLimits === this.#tiers) return this.#limits
    this.#tiers = streamLimits
    this.#limits = streamLimits
      ? (streamLimits.get('') ?? streamLimits.get(soloTier) ?? null)
      : freeStreams
    return this.#limits
  }

  /** Its limits by tier; null: one set of them for all. */
  get tiers(): TieredLimits | null {
    const { streamLimits } = this.#parts.account
    return streamLimits === null || streamLimits.has('') ? null : streamLimits
  }

  /** Is there no room for a message of so many bytes? */
  refuses(config: StreamConfig, bytes: number): ApiError | null {
    const { storage } = config
    // With max_bytes its room is reserved, and it makes room for itself.
    if (config.max_bytes <= 0 && !this.#parts.resources.admits(storage, bytes)) {
      this.#tell(`JetStream ${storage} resource limits exceeded for server`)
      return insufficientResources
    }
    const { limits } = this
    if (limits === null) return noLimits
    const max = storage === 'memory' ? limits.memoryBytesMax : limits.diskBytesMax
    if (max < 0 || this.#held[storage] + bytes <= max) return null
    this.refused++
    const { name } = this.#parts.account
    this.#tell(`JetStream ${storage} resource limits exceeded for account: ${JSON.stringify(name)}`)
    return accountResourcesExceeded
  }

  /** May the account have a stream like this? `self`: the one that is to become it. */
  refusesStream(config: StreamConfig, self: Stream | undefined): ApiError | null {
    const { limits } = this
    if (limits === null) return noLimits
    const { storage, max_bytes, max_consumers, name } = config
    const isMemory = storage === 'memory'
    if (limits.maxBytesRequired && max_bytes <= 0) return maxBytesRequired
    const sizeMax = isMemory ? limits.memoryStreamBytesMax : limits.diskStreamBytesMax
    if (sizeMax > 0 && max_bytes > sizeMax) return maxStreamBytesExceeded
    const { streams } = this.#parts
    const others = streams.has(name) ? streams.size - 1 : streams.size
    if (!self && limits.streamsMax > 0 && others >= limits.streamsMax) return maximumStreams
    const { consumersMax } = limits
    if (max_consumers > 0 && consumersMax > 0 && max_consumers > consumersMax) {
      return maximumConsumers
    }
    // Even a stream without max_bytes needs a byte that nobody has reserved.
    const wantedBytes = self ? reservedBy(config) : Math.max(1, max_bytes)
    const max = isMemory ? limits.memoryBytesMax : limits.diskBytesMax
    const isWithin = max < 0 || this.reserved(storage, name) + wantedBytes <= max
    const moreBytes = reservedBy(config) - (self ? reservedBy(self.config) : 0)
    if (isWithin && this.#parts.resources.reserves(storage, moreBytes)) return null
    return isMemory ? insufficientMemory : insufficientStorage
  }

  /** What its streams of a storage have reserved, but for the one of that name. */
  reserved(storage: Storage, but = ''): number {
    let bytes = 0
    for (const { config } of this.#parts.streams.values()) {
      if (config.storage === storage && config.name !== but) bytes += reservedBy(config)
    }
    return bytes
  }

  consumerBounds(): ConsumerBounds | ApiError {
    const { limits } = this
    if (limits === null) return noLimits
    const { server } = this.#parts
    return {
      consumersMax: limits.consumersMax,
      ackPendingMax: limits.ackPendingMax,
      serverAckPendingMax: server.ackPendingMax,
      serverBatchMax: server.requestBatchMax,
    }
  }

  #tell(text: string): void {
    const { clock, log } = this.#parts
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#toldMs < tellMs) return
    this.#toldMs = nowMs
    log.warn(text)
  }
}

export function reservedBy(config: StreamConfig): number {
  return Math.max(0, config.max_bytes)
}
