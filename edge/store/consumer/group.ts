// The consumers of one stream: making, changing and ending them, and what acknowledgements mean
// for a stream that keeps messages only as long as somebody needs them.
//
//   retention workqueue   an acknowledged message is removed
//   retention interest    removed once no consumer that wants it still needs it

import type { Clock } from '../../../src/base/clock.ts'
import type { Log } from '../../../src/base/log.ts'
import type { Turn, TurnJob } from '../../../src/base/turn.ts'
import { matches, overlaps } from '../../../src/subject/subject.ts'
import type { JetStreamAccount } from '../api/request.ts'
import type { ApiError, Stream, StreamConfig } from '../shapes.ts'
import { maximumConsumers } from '../errors.ts'
import { type ConsumerConfig, filtersOf, isFeed } from './config.ts'
import { checkConfig, checkName } from './config-check.ts'
import { checkUpdate } from './config-update.ts'
import { Consumer } from './consumer.ts'
import { type AccountDoors, Doors } from './doors.ts'
import * as errors from './errors.ts'
import type { ConsumerKeeper } from './keeper.ts'
import { randomName } from './name.ts'
import type { Outlet, OutletOwner } from './outlet.ts'
import type { ConsumerOwner } from './owner.ts'
import { Pin, type PinOwner } from './pin.ts'
import { PullOutlet } from './pull.ts'
import { PushOutlet } from './push.ts'
import { Removals } from './removals.ts'
import { answerReset } from './reset-door.ts'
import { Sender } from './sender.ts'

/** Of one stream, whatever its config says (invariant 3). */
const consumersMax = 10_000
/** Messages looked at in one turn when a consumer's end leaves some without interest. */
const sweepMax = 1024

export interface GroupParts {
  readonly jetstream: JetStreamAccount
  readonly stream: Stream
  readonly keeper: ConsumerKeeper
  readonly doors: AccountDoors
  readonly clock: Clock
  readonly turn: Turn
  readonly log: Log
  readonly nowUs: () => number
}

type Fields = Readonly<Record<string, unknown>>

export class ConsumerGroup implements ConsumerOwner<Consumer> {
  readonly clock: Clock
  readonly consumers = new Map<string, Consumer>()
  readonly #parts: GroupParts
  readonly #doors = new Map<Consumer, Doors>()
  readonly #removals: Removals
  #isClosed = false

  constructor(parts: GroupParts) {
    this.#parts = parts
    this.clock = parts.clock
    const isNeeded = (seq: number): boolean => this.#isNeeded(seq, null)
    const { stream, clock, keeper } = parts
    this.#removals = new Removals({ stream, clock, commit: keeper.commit, isNeeded })
  }

  get stream(): Stream {
    return this.#parts.stream
  }

  /** Consumers that clients see: those of sources and mirrors are not among them. */
  get visible(): Consumer[] {
    return [...this.consumers.values()].filter(consumer => !consumer.config.direct)
  }

  /** Those of sources and mirrors. */
  get direct(): Consumer[] {
    return [...this.consumers.values()].filter(consumer => consumer.config.direct)
  }

  /** Brings back what was stored; rows of an older stream of this name are removed. */
  load(): void {
    const { keeper, stream } = this.#parts
    for (const stored of keeper.load(stream.account, stream.config.name)) {
      if (stored.createdUs < stream.createdUs) {
        keeper.delete(stored.id)
        continue
      }
      const consumer = this.#make(stored.name, stored.config, stored.createdUs)
      consumer.restore(stored)
      this.#open(consumer)
      consumer.start()
    }
  }

  /** A checked new config; `name` '' = make one up. */
  create(name: string, config: ConsumerConfig, accountMax = -1): Consumer | ApiError {
    const { stream, keeper, nowUs } = this.#parts
    const refused = this.#refusal(name, config, accountMax)
    if (refused) return refused
    const consumer = this.#make(name === '' ? this.#newName() : name, config, nowUs())
    consumer.place()
    if (isKept(config, stream.config)) {
      const { account } = stream
      const state = consumer.state()
      consumer.id = keeper.insert(
        account,
        stream.config.name,
        consumer.name,
        consumer.createdUs,
        config,
        state,
      )
    }
    this.#open(consumer)
    // Its first message must not overtake the answer to its creation.
    keeper.onDisk(error => {
      if (error) this.remove(consumer, false)
      else consumer.start()
      if (consumer.isPaused) consumer.advisePause()
    })
    this.#adviseAction(consumer, 'CREATED', 'create')
    return consumer
  }

  update(consumer: Consumer, config: ConsumerConfig): ApiError | null {
    const isBound = consumer.outlet instanceof PushOutlet && consumer.outlet.isActive
    const refused = checkUpdate(consumer.config, config, isBound) ?? this.#clashes(consumer, config)
    if (refused) return refused
    this.change(consumer, config)
    // Its receiver begins again behind what it has stored (ADR-60).
    if (config.sourcing) this.reset(consumer, 0)
    return null
  }

  /** A config that is known to be in order. */
  change(consumer: Consumer, config: ConsumerConfig): void {
    if (JSON.stringify(consumer.config) === JSON.stringify(config)) return
    const { stream, keeper } = this.#parts
    consumer.update(config)
    if (consumer.id !== 0) keeper.updateConfig(consumer.id, config)
    if (stream.config.retention === 'interest') this.#sweep(stream.state().firstSeq)
  }

  /** Returns where it begins again (0: behind its ack floor), or why it may not. */
  reset(consumer: Consumer, seq: number): number | string {
    const target = consumer.reset(seq)
    const { stream } = this.#parts
    if (typeof target === 'number' && stream.config.retention === 'interest') {
      this.#sweep(stream.state().firstSeq)
    }
    return target
  }

  /** Deletes it; pulls that wait are told. */
  remove(consumer: Consumer, advise = true): void {
    if (this.consumers.get(consumer.name) !== consumer) return
    if (advise) this.#adviseAction(consumer, 'DELETED', 'delete')
    this.#end(consumer, true)
    const { stream, keeper } = this.#parts
    if (consumer.id !== 0) {
      if (this.#isClosed) keeper.deleteWithStream(consumer.id)
      else keeper.delete(consumer.id)
    }
    if (stream.config.retention !== 'interest' || this.#isClosed) return
    if (this.consumers.size === 0 && !this.#removals.isSick) stream.purge({})
    else this.#sweep(stream.state().firstSeq)
  }

  /** The stream goes, and all of them with it. */
  removeAll(): void {
    this.#isClosed = true
    this.#removals.close(true)
    for (const consumer of [...this.consumers.values()]) this.remove(consumer)
  }

  /** The server is about to stop: pulls that wait are told. */
  stopping(): void {
    for (const consumer of this.consumers.values()) consumer.stopping()
  }

  /** The server stops: they go on at the next start. */
  close(): void {
    this.#isClosed = true
    this.#removals.close(false)
    for (const consumer of [...this.consumers.values()]) this.#end(consumer, false)
  }

  /** Does any consumer want messages on this subject? */
  wants(subject: string): boolean {
    for (const consumer of this.consumers.values()) {
      if (consumerWants(consumer, subject)) return true
    }
    return false
  }

  /** Would every consumer still be in order with this config of the stream? */
  mayUpdate(config: StreamConfig): ApiError | null {
    for (const consumer of this.consumers.values()) {
      const refused = checkConfig(consumer.config, config)
      if (refused) return refused
    }
    return null
  }

  // ---- what a consumer asks of the room

  soon(job: TurnJob): void {
    this.#parts.turn.add(job)
  }

  later(job: TurnJob): void {
    setImmediate(() => this.#parts.turn.add(job))
  }

  nowUs(): number {
    return this.#parts.nowUs()
  }

  saveSoon(consumer: Consumer): void {
    this.#parts.keeper.saveSoon(consumer)
  }

  saveNow(consumer: Consumer): void {
    this.#removals.again()
    this.#parts.keeper.saveNow(consumer)
  }

  /** What is not persisted, and removes nothing from a stream that is, has nothing to wait for. */
  onDisk(consumer: Consumer, done: (error?: Error) => void): void {
    const { stream, keeper } = this.#parts
    const { storage, retention } = stream.config
    if (consumer.id === 0 && (storage === 'memory' || retention === 'limits')) done()
    else keeper.onDisk(done)
  }

  get removesAcked(): boolean {
    return this.stream.config.retention !== 'limits'
  }

  get takesAcks(): boolean {
    return this.stream.config.retention === 'limits' || !this.#removals.isSick
  }

  acked(consumer: Consumer, seq: number): void {
    if (!this.removesAcked || this.#isNeeded(seq, consumer)) return
    this.#removals.remove(seq)
  }

  advise(consumer: Consumer, event: string, type: string, fields: Fields): void {
    const { jetstream, stream } = this.#parts
    const { name } = stream.config
    jetstream.advise(`CONSUMER.${event}.${name}.${consumer.name}`, type, () => ({
      // Those of priority groups name the account, first of all.
      ...(type.startsWith('consumer_group_') && { account: jetstream.account.name }),
      stream: name,
      consumer: consumer.name,
      ...fields,
    }))
  }

  measure(consumer: Consumer, event: string, type: string, fields: Fields): void {
    const { jetstream, stream } = this.#parts
    const { name } = stream.config
    jetstream.measure(`CONSUMER.${event}.${name}.${consumer.name}`, type, () => ({
      stream: name,
      consumer: consumer.name,
      ...fields,
    }))
  }

  expired(consumer: Consumer): void {
    this.remove(consumer)
  }

  // ---- inside

  #make(name: string, config: ConsumerConfig, createdUs: number): Consumer {
    const { jetstream, stream, clock } = this.#parts
    const { account } = jetstream
    const sender = new Sender(account, config.headers_only ?? false)
    const flowPrefix = `$JS.FC.${stream.config.name}.${name}.`
    const outlet = (owner: OutletOwner & PinOwner, current: () => ConsumerConfig): Outlet => {
      if (!config.deliver_subject) {
        return new PullOutlet({ owner, sender, clock, config: current, pin: new Pin(owner, clock) })
      }
      const token = (): string => randomName(4)
      return new PushOutlet({ owner, sender, account, clock, config: current, flowPrefix, token })
    }
    return new Consumer({ owner: this, stream, name, createdUs, config, sender, outlet })
  }

  #open(consumer: Consumer): void {
    const { jetstream, doors, clock } = this.#parts
    this.consumers.set(consumer.name, consumer)
    const own = new Doors(jetstream.account)
    this.#doors.set(consumer, own)
    own.open(consumer, clock, message => answerReset(this, consumer, message, jetstream))
    const { outlet } = consumer
    if (!(outlet instanceof PushOutlet)) return
    doors.pushes.add(outlet)
    outlet.start()
  }

  #end(consumer: Consumer, isDeleted: boolean): void {
    this.consumers.delete(consumer.name)
    const { outlet } = consumer
    if (outlet instanceof PushOutlet) this.#parts.doors.pushes.delete(outlet)
    this.#doors.get(consumer)?.close()
    this.#doors.delete(consumer)
    consumer.close(isDeleted)
  }

  #refusal(name: string, config: ConsumerConfig, accountMax: number): ApiError | null {
    const { stream } = this.#parts
    const own = stream.config.max_consumers
    const max = own <= 0 || (accountMax > 0 && accountMax < own) ? accountMax : own
    let count = 0
    for (const each of this.consumers.values()) if (!isFeed(each.config)) count++
    if ((max > 0 && count >= max) || this.consumers.size >= consumersMax) {
      return maximumConsumers
    }
    if (stream.config.retention === 'workqueue' && !isFeed(config)) {
      if (config.ack_policy !== 'explicit' && config.ack_policy !== 'flow_control') {
        return errors.workQueueNeedsAcks
      }
      if (config.deliver_policy !== 'all') return errors.workQueueNeedsAll
      if (count > 0 && filtersOf(config).length === 0) return errors.workQueueUnfiltered
      const refused = this.#clashes(null, config)
      if (refused) return refused
    }
    return name === '' ? null : checkName(name)
  }

  /** Work queues: a message goes to one consumer only. */
  #clashes(self: Consumer | null, config: ConsumerConfig): ApiError | null {
    if (this.#parts.stream.config.retention !== 'workqueue') return null
    const filters = filtersOf(config)
    for (const other of this.consumers.values()) {
      if (other === self || isFeed(other.config)) continue
      const theirs = filtersOf(other.config)
      const isApart =
        theirs.length > 0 && !filters.some(mine => theirs.some(their => overlaps(mine, their)))
      if (!isApart) return errors.workQueueNotUnique
    }
    return null
  }

  /** Does anybody but `self` still need this message? */
  #isNeeded(seq: number, self: Consumer | null): boolean {
    const { stream } = this.#parts
    const isQueue = stream.config.retention === 'workqueue'
    let subject: string | undefined
    for (const other of this.consumers.values()) {
      // Of the others on a work queue only sources and mirrors share messages.
      if (other === self || (isQueue && !isFeed(other.config)) || !other.needs(seq)) continue
      if (other.cursor.filters.length === 0) return true
      subject ??= stream.get(seq)?.subject
      if (subject !== undefined && consumerWants(other, subject)) return true
    }
    return false
  }

  /** Removes what nobody needs any more, a bounded piece a turn. */
  #sweep(fromSeq: number): void {
    const { stream } = this.#parts
    if (this.#isClosed) return
    let last = 0
    for (const message of stream.batch([], fromSeq, sweepMax)) {
      last = message.seq
      if (!this.#isNeeded(message.seq, null)) this.#removals.remove(message.seq)
    }
    if (last > 0) setImmediate(() => this.#sweep(last + 1))
  }

  #adviseAction(consumer: Consumer, verb: string, action: string): void {
    this.advise(consumer, verb, 'consumer_action', { action })
  }

  #newName(): string {
    for (;;) {
      const name = randomName(8)
      if (!this.consumers.has(name)) return name
    }
  }
}

function consumerWants(consumer: Consumer, subject: string): boolean {
  const { filters } = consumer.cursor
  return filters.length === 0 || filters.some(filter => matches(filter, subject))
}

/** Consumers of sources, those told to live in memory, and those of memory streams are not. */
function isKept(config: ConsumerConfig, stream: StreamConfig): boolean {
  return !config.direct && !config.mem_storage && stream.storage === 'file'
}
