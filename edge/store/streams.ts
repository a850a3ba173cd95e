// One account's JetStream: its streams, each with the sinks in front of it. Creating, updating
// and deleting a stream keeps four things in step: the store, the subscriptions that capture, the
// direct get and the consumers.

import { randomBytes } from 'node:crypto'
import type { Account } from '../../src/account/account.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { newSubscription, post } from '../../src/broker/post.ts'
import type { Subscription } from '../../src/message.ts'
import { overlaps } from '../../src/subject/subject.ts'
import { Acks } from './acks.ts'
import { sameConfig, withLevel } from './api/config.ts'
import { completeConfig } from './api/config-rules.ts'
import { updatedConfig } from './api/config-update.ts'
import type { Complaints } from './api/complaints.ts'
import { DirectGet } from './api/direct.ts'
import { type AccountUsage, type ConsumerRoom, isApiError } from './api/request.ts'
import { type Fields, json, timeText } from './api/text.ts'
import { Backups, type BackupStreams } from './backup/backups.ts'
import { hiddenConfig, isHidden, keepMarks, restoredConfig } from './backup/marks.ts'
import type { Inflight } from './batch/limits.ts'
import { Capture } from './capture.ts'
import {
  streamCreateFailed,
  replicasNotSupported,
  streamNameInUse,
  streamNotFound,
  streamOffline,
  subjectsOverlap,
} from './errors.ts'
import type { Held } from './held.ts'
import { Intake } from './intake.ts'
import { jetstreamOrigin, Replies } from './replies.ts'
import { OfflineStreams } from './offline.ts'
import { type ConsumerBounds, Quota, reservedBy } from './quota.ts'
import type { Resources } from './resources.ts'
import type { ServerLimits } from './server-limits.ts'
import { filterProblem, type Neighbours } from './source/config.ts'
import { Feeds } from './source/feeds.ts'
import type { Positions } from './source/positions.ts'
import type { ApiError, Durable, Storage, Stream, StreamConfig } from './shapes.ts'

/** What is asked of the store; store.ts implements it. */
export interface StreamStore {
  readonly durable: Durable
  /** What the streams of an account hold. */
  held(account: string): Held
  /** The streams of an account, in any order. */
  streamsOf(account: string): Iterable<Stream>
  create(account: string, config: StreamConfig): Stream | ApiError
  /** Changes the stream's config in place. */
  update(stream: Stream, config: StreamConfig): ApiError | null
  delete(stream: Stream): ApiError | null
  positions(stream: Stream): Positions
  nowUs(): number
}

export interface StreamsParts {
  readonly account: Account
  readonly store: StreamStore
  readonly consumers: ConsumerRoom
  readonly serverName: string
  readonly domain: string
  /** What the streams of all accounts may reserve and hold. */
  readonly resources: Resources
  readonly limits: ServerLimits
  /** The batches of all accounts. */
  readonly inflight: Inflight
  readonly strict: boolean
  readonly complaints: Complaints
  readonly clock: Clock
  readonly log: Log
  /** Of a message that a client may send. */
  readonly payloadBytesMax: () => number
}

/** A stream with what stands in front of it. */
interface Attached {
  readonly stream: Stream
  readonly intake: Intake
  readonly capture: Capture
  readonly subscriptions: Map<string, Subscription>
  direct: DirectGet | null
  /** A mirror's answers in the place of its origin. */
  mirrorDirect: DirectGet | null
}

export class Streams implements BackupStreams {
  readonly account: Account
  readonly serverName: string
  readonly domain: string
  readonly replies: Replies
  requests = 0
  errors = 0
  readonly #parts: StreamsParts
  readonly #store: StreamStore
  readonly #consumers: ConsumerRoom
  readonly #acks: Acks
  readonly #streams = new Map<string, Stream>()
  readonly #attached = new Map<string, Attached>()
  readonly #feeds: Feeds
  /** Streams that are being restored, or taken away: they hold room all the same. */
  readonly #hidden = new Set<Stream>()
  readonly #neighbours: Neighbours
  readonly quota: Quota
  readonly offline: OfflineStreams
  readonly backups: Backups

  constructor(parts: StreamsParts) {
    this.#parts = parts
    this.account = parts.account
    this.serverName = parts.serverName
    this.domain = parts.domain
    this.replies = new Replies(parts.account)
    this.#store = parts.store
    this.offline = new OfflineStreams(parts.account.name, parts.log)
    this.#consumers = parts.consumers
    this.#acks = new Acks(this.replies, parts.store.durable)
    this.quota = new Quota({
      account: parts.account,
      held: parts.store.held(parts.account.name),
      resources: parts.resources,
      server: parts.limits,
      streams: this.#streams,
      clock: parts.clock,
      log: parts.log,
    })
    this.#neighbours = {
      ownApi: parts.domain === '' ? '' : `$JS.${parts.domain}.API`,
      config: name => this.#streams.get(name)?.config,
    }
    this.#feeds = new Feeds({
      account: parts.account,
      domain: parts.domain,
      durable: parts.store.durable,
      clock: parts.clock,
      log: parts.log,
      positions: stream => parts.store.positions(stream),
      onNear: mirror => this.#answerForOrigin(mirror),
    })
    const { consumers, clock, log, payloadBytesMax } = parts
    const { durable } = parts.store
    this.backups = new Backups({ streams: this, consumers, durable, clock, log, payloadBytesMax })
  }

  get streams(): ReadonlyMap<string, Stream> {
    return this.#streams
  }

  /** Attaches what the store holds. */
  start(): void {
    for (const stream of this.#store.streamsOf(this.account.name)) {
      if (this.offline.keeps(stream)) continue
      if (!isHidden(stream.config)) this.#attach(stream)
      else {
        this.#hidden.add(stream)
        this.backups.clear(stream)
      }
    }
  }

  /**
   * A group was rolled back: streams made with it are gone, deleted ones are there again. Brings
   * what is attached in line with the store.
   */
  recheck(): void {
    this.#parts.resources.changed()
    const all = [...this.#store.streamsOf(this.account.name)]
    const served = all.filter(stream => !this.offline.keeps(stream))
    const there = new Set<Stream>(served.filter(({ config }) => !isHidden(config)))
    for (const [name, { stream }] of this.#attached) {
      if (there.has(stream)) continue
      this.#consumers.detach(stream)
      this.#detach(name)
    }
    for (const stream of there) {
      const attached = this.#attached.get(stream.config.name)
      if (attached) this.#subscribe(attached)
      else this.#attach(stream)
    }
  }

  /** Stops capturing; the streams stay in the store. Idempotent. */
  close(): void {
    this.backups.close()
    for (const name of [...this.#attached.keys()]) this.#detach(name)
  }

  missing(name: string): ApiError {
    const reason = this.offline.reason(name)
    return reason === null ? streamNotFound : streamOffline(reason)
  }

  stream(name: string): Stream | undefined {
    return this.#streams.get(name)
  }

  get strict(): boolean {
    return this.#parts.strict
  }

  warnOf(subject: string, why: string): void {
    this.#parts.complaints.warn(
      `Invalid JetStream request '${this.account.name} > ${subject}': ${why}`,
    )
  }

  complete(config: StreamConfig, pedantic: boolean): StreamConfig | ApiError {
    const windowNsMax = this.#parts.limits.duplicateWindowNs
    return completeConfig(config, { windowNsMax, pedantic, neighbours: this.#neighbours })
  }

  create(wanted: StreamConfig, pedantic = false): Stream | ApiError {
    const completed = this.complete(wanted, pedantic)
    if (isApiError(completed)) return completed
    if (completed.num_replicas > 1) return replicasNotSupported
    const config = withLevel(completed)
    const existing = this.#streams.get(config.name)
    if (existing) return sameConfig(existing.config, config) ? existing : streamNameInUse
    if (this.offline.stream(config.name)) return streamNameInUse
    if (this.backups.holds(config.name)) return streamNameInUse
    const refused = this.#refusesNew(config)
    if (refused) return refused
    const stream = this.#store.create(this.account.name, config)
    if (isApiError(stream)) return stream
    this.#attach(stream)
    this.#parts.resources.changed()
    this.#adviseAction('CREATED', 'create', config.name)
    return stream
  }

  #refusesNew(config: StreamConfig): ApiError | null {
    const filter = filterProblem(config)
    return (
      this.refuses(config) ??
      (filter === null ? null : streamCreateFailed(filter)) ??
      this.#overlapping(config, null)
    )
  }

  // ---- streams that are being restored

  refuses(config: StreamConfig): ApiError | null {
    return this.quota.refusesStream(config, undefined)
  }

  conceal(config: StreamConfig, firstSeq: number): Stream | ApiError {
    const refused = this.#refusesNew(config)
    if (refused) return refused
    const stream = this.#store.create(this.account.name, hiddenConfig(config, firstSeq))
    if (isApiError(stream)) return stream
    stream.gate = this.quota
    this.#hidden.add(stream)
    return stream
  }

  reveal(stream: Stream, wanted: StreamConfig): ApiError | null {
    const config = restoredConfig(withLevel(wanted))
    const refused = this.#refusesNew(config) ?? this.#store.update(stream, config)
    if (refused) return refused
    this.#hidden.delete(stream)
    this.#attach(stream)
    this.#parts.resources.changed()
    this.#adviseAction('CREATED', 'create', config.name)
    return null
  }

  discard(stream: Stream): ApiError | null {
    const refused = this.#store.delete(stream)
    if (refused) return refused
    this.#hidden.delete(stream)
    this.#parts.resources.changed()
    return null
  }

  /** `wanted` is complete. */
  update(stream: Stream, wanted: StreamConfig): ApiError | null {
    const updated = updatedConfig(stream.config, wanted)
    if (isApiError(updated)) return updated
    const config = keepMarks(stream.config, withLevel(updated))
    const refused =
      this.quota.refusesStream(config, stream) ??
      this.#consumers.mayUpdate(stream, config) ??
      this.#overlapping(config, stream) ??
      this.#store.update(stream, config)
    if (refused) return refused
    const attached = this.#attached.get(stream.config.name)
    if (attached) {
      this.#subscribe(attached)
      this.#feeds.updated(stream, attached.intake)
      attached.capture.batches.updated()
    }
    this.#consumers.updated(stream)
    this.#parts.resources.changed()
    this.#adviseAction('UPDATED', 'modify', config.name)
    return null
  }

  delete(stream: Stream): ApiError | null {
    const { name } = stream.config
    const refused = this.#store.delete(stream)
    if (refused) return refused
    this.offline.forget(name)
    this.#consumers.detach(stream)
    this.#feeds.abandon(stream)
    this.#detach(name)
    this.#parts.resources.changed()
    this.#adviseAction('DELETED', 'delete', name)
    return null
  }

  consumerBounds(): ConsumerBounds | ApiError {
    return this.quota.consumerBounds()
  }

  consumerCount(stream: Stream): number {
    return this.#consumers.count(stream)
  }

  nowUs(): number {
    return this.#store.nowUs()
  }

  usage(): AccountUsage {
    let consumers = 0
    for (const stream of this.#streams.values()) consumers += this.#consumers.count(stream)
    return {
      memoryBytes: this.#store.held(this.account.name).memory,
      fileBytes: this.#store.held(this.account.name).file,
      memoryReservedBytes: this.quota.reserved('memory'),
      fileReservedBytes: this.quota.reserved('file'),
      consumers,
      requests: this.requests,
      errors: this.errors,
    }
  }

  /** What the streams of a storage hold or, where it is limited, may come to hold. */
  claimedBytes(storage: Storage): number {
    let bytes = 0
    for (const stream of this.#streams.values()) {
      if (stream.config.storage !== storage) continue
      bytes += reservedBy(stream.config) || stream.bytes
    }
    for (const { config, bytes: held } of this.#hidden)
      if (config.storage === storage) bytes += held
    return bytes
  }

  advise(subject: string, type: string, body: () => Record<string, unknown>): void {
    this.#tell(`ADVISORY.${subject}`, `advisory.v1.${type}`, body)
  }

  measure(subject: string, type: string, body: () => Record<string, unknown>): void {
    this.#tell(`METRIC.${subject}`, `metric.v1.${type}`, body)
  }

  #tell(subject: string, type: string, body: () => Record<string, unknown>): void {
    const target = `$JS.EVENT.${subject}`
    const match = this.account.sublist.match(target)
    if (match.plain.length === 0 && match.groups.length === 0) return
    const advisory = {
      type: `io.nats.jetstream.${type}`,
      id: uniqueId(),
      timestamp: timeText(this.nowUs()),
      ...body(),
      ...(this.domain !== '' && { domain: this.domain }),
    }
    const payload = Buffer.from(json(advisory))
    post(this.account, jetstreamOrigin, { subject: target, payload })
  }

  #adviseAction(verb: string, action: string, stream: string): void {
    this.advise(`STREAM.${verb}.${stream}`, 'stream_action', () => ({ stream, action }))
  }

  #attach(stream: Stream): void {
    const { name } = stream.config
    const { durable } = this.#store
    const intake = new Intake(this.account, durable, stream, this.#consumers)
    const capture = new Capture({
      stream,
      acks: this.#acks,
      intake,
      domain: this.domain,
      durable,
      clock: this.#parts.clock,
      inflight: this.#parts.inflight,
      abandoned: (batch, reason) => {
        this.advise(`STREAM.BATCH_ABANDONED.${name}`, 'stream_batch_abandoned', () => ({
          stream: name,
          batch,
          reason,
        }))
      },
    })
    const attached: Attached = {
      stream,
      intake,
      capture,
      subscriptions: new Map(),
      direct: null,
      mirrorDirect: null,
    }
    stream.gate = this.quota
    stream.outlet = intake
    this.#streams.set(name, stream)
    this.#attached.set(name, attached)
    this.#consumers.attach(this, stream)
    this.#subscribe(attached)
    this.#feeds.attach(stream, intake)
  }

  /** Not where a stream here only has the name of an origin elsewhere. */
  #answerForOrigin(stream: Stream): void {
    const { mirror, mirror_direct, name } = stream.config
    const attached = this.#attached.get(name)
    if (!mirror || !mirror_direct || !attached || attached.mirrorDirect) return
    if (mirror.external && this.#streams.has(mirror.name)) return
    attached.mirrorDirect = new DirectGet(
      this,
      stream,
      this.replies,
      this.#parts.clock,
      mirror.name,
    )
    attached.mirrorDirect.start()
  }

  /** `mirror` and `sources` of StreamInfo. */
  feeds(stream: Stream): Fields {
    return this.#feeds.info(stream)
  }

  /** Brings subscriptions and direct get in line with the config. */
  #subscribe(attached: Attached): void {
    const { stream, capture, subscriptions } = attached
    const wanted = new Set(stream.config.subjects)
    for (const [subject, subscription] of subscriptions) {
      if (wanted.has(subject)) continue
      this.account.unsubscribe(subscription)
      subscriptions.delete(subject)
    }
    for (const subject of wanted) {
      if (subscriptions.has(subject)) continue
      const subscription = newSubscription(subject, capture)
      subscriptions.set(subject, subscription)
      this.account.subscribe(subscription)
    }
    if (stream.config.allow_direct && !attached.direct) {
      attached.direct = new DirectGet(this, stream, this.replies, this.#parts.clock)
      attached.direct.start()
    } else if (!stream.config.allow_direct) {
      attached.direct?.close()
      attached.direct = null
    }
    if (stream.config.mirror && stream.config.mirror_direct) return
    attached.mirrorDirect?.close()
    attached.mirrorDirect = null
  }

  #detach(name: string): void {
    const attached = this.#attached.get(name)
    this.#attached.delete(name)
    this.#streams.delete(name)
    if (!attached) return
    attached.stream.gate = null
    attached.stream.outlet = null
    for (const subscription of attached.subscriptions.values()) {
      this.account.unsubscribe(subscription)
    }
    attached.capture.batches.close()
    attached.direct?.close()
    attached.mirrorDirect?.close()
    this.#feeds.detach(attached.stream)
    this.backups.detached(attached.stream)
  }

  #overlapping(config: StreamConfig, self: Stream | null): ApiError | null {
    for (const stream of [...this.#streams.values(), ...this.offline.streams]) {
      if (stream === self) continue
      for (const theirs of stream.config.subjects ?? []) {
        if (config.subjects?.some(ours => overlaps(ours, theirs))) return subjectsOverlap
      }
    }
    return null
  }
}

/** 22 characters, as the ids of advisories have everywhere. */
function uniqueId(): string {
  return randomBytes(17).toString('base64url').slice(0, 22)
}
