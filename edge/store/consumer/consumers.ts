// All consumers of all streams: the room's entrance for the stream side of JetStream.
//
// At the start each stream's consumers come back from their rows, without a look at a single
// message; a count is made only when a consumer far behind is asked for one.

import type { Account } from '../../../src/account/account.ts'
import type { Clock } from '../../../src/base/clock.ts'
import type { Log } from '../../../src/base/log.ts'
import type { Turn } from '../../../src/base/turn.ts'
import type { ApiRow, ConsumerRoom, JetStreamAccount } from '../api/request.ts'
import type { Fields } from '../api/text.ts'
import { streamNotFound } from '../errors.ts'
import type { ConsumerBounds } from '../quota.ts'
import type { ApiError, Stream, StreamConfig } from '../shapes.ts'
import { adopt, type ConsumerCopy, copyOf } from './backup.ts'
import { AccountDoors } from './doors.ts'
import { ConsumerGroup } from './group.ts'
import { byName, type ConsumerDirectory, consumerRows } from './handlers.ts'
import { storedFields } from './info.ts'
import { type KeeperCommit, type KeeperDb, ConsumerKeeper } from './keeper.ts'

/** What the consumers need of the store; open before `start`, closed after `close`. */
export interface ConsumerStore {
  readonly db: KeeperDb
  readonly commit: KeeperCommit
  /** Now, by the clock streams and messages are stamped with. */
  nowUs(): number
}

export interface ConsumersParts {
  readonly store: ConsumerStore
  readonly clock: Clock
  readonly turn: Turn
  readonly log: Log
}

export class Consumers implements ConsumerRoom, ConsumerDirectory {
  readonly rows: readonly ApiRow[]
  readonly #parts: ConsumersParts
  readonly #groups = new Map<Stream, ConsumerGroup>()
  readonly #doors = new Map<Account, AccountDoors>()
  #keeper: ConsumerKeeper | null = null

  constructor(parts: ConsumersParts) {
    this.#parts = parts
    this.rows = consumerRows(this)
  }

  start(): void {
    const { store, clock } = this.#parts
    this.#keeper = new ConsumerKeeper(store.db, store.commit, clock)
    this.#keeper.start()
  }

  /** The server is about to stop, and its links are still open: pulls that wait are told. */
  stopping(): void {
    for (const group of this.#groups.values()) group.stopping()
  }

  /** Hands what is unsaved to the commit group: close the store after this. Idempotent. */
  close(): void {
    for (const group of this.#groups.values()) group.close()
    this.#groups.clear()
    for (const doors of this.#doors.values()) doors.close()
    this.#doors.clear()
    this.#keeper?.close()
    this.#keeper = null
  }

  attach(jetstream: JetStreamAccount, stream: Stream): void {
    const keeper = this.#keeper
    if (!keeper) throw new Error('consumers are not started')
    const { clock, turn, log } = this.#parts
    const group = new ConsumerGroup({
      jetstream,
      stream,
      keeper,
      doors: this.#doorsOf(jetstream),
      clock,
      turn,
      log,
      nowUs: () => this.nowUs(),
    })
    this.#groups.set(stream, group)
    group.load()
  }

  detach(stream: Stream): void {
    this.#groups.get(stream)?.removeAll()
    this.#groups.delete(stream)
  }

  /** An account may not use JetStream any more; what its consumers know is kept. */
  leave(account: Account, streams: Iterable<Stream>): void {
    for (const stream of streams) {
      this.#groups.get(stream)?.close()
      this.#groups.delete(stream)
    }
    this.#doors.get(account)?.close()
    this.#doors.delete(account)
  }

  mayUpdate(stream: Stream, config: StreamConfig): ApiError | null {
    return this.#groups.get(stream)?.mayUpdate(config) ?? null
  }

  updated(_stream: Stream): void {}

  count(stream: Stream): number {
    return this.#groups.get(stream)?.visible.length ?? 0
  }

  has(stream: Stream, name: string): boolean {
    return this.#groups.get(stream)?.consumers.has(name) ?? false
  }

  wants(stream: Stream, subject: string): boolean {
    return this.#groups.get(stream)?.wants(subject) ?? false
  }

  infos(stream: Stream): readonly Fields[] {
    const nowUs = this.nowUs()
    const group = this.#groups.get(stream)
    return group ? byName(group.visible).map(consumer => storedFields(consumer, nowUs)) : []
  }

  directInfos(stream: Stream): readonly Fields[] {
    const nowUs = this.nowUs()
    const group = this.#groups.get(stream)
    return group ? byName(group.direct).map(consumer => storedFields(consumer, nowUs)) : []
  }

  copies(stream: Stream, seqMax: number): readonly ConsumerCopy[] {
    const { clock } = this.#parts
    const consumers = byName(this.#groups.get(stream)?.visible ?? [])
    return consumers.map(consumer => copyOf(consumer, clock, this.nowUs(), seqMax))
  }

  adopt(stream: Stream, name: string, entry: Fields, bounds: ConsumerBounds): ApiError | null {
    const group = this.#groups.get(stream)
    return group ? adopt(group, name, entry, bounds) : streamNotFound
  }

  // ---- for the handlers

  group(stream: Stream): ConsumerGroup | undefined {
    return this.#groups.get(stream)
  }

  nowUs(): number {
    return this.#parts.store.nowUs()
  }

  #doorsOf(jetstream: JetStreamAccount): AccountDoors {
    const { account } = jetstream
    let doors = this.#doors.get(account)
    if (!doors) {
      doors = new AccountDoors(account, jetstream.domain, (stream, consumer) => {
        const found = jetstream.stream(stream)
        return found && this.#groups.get(found)?.consumers.get(consumer)
      })
      this.#doors.set(account, doors)
      doors.start()
    }
    return doors
  }
}
