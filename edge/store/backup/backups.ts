// Snapshots and restores of one account: what is asked is checked here, in nats-server's order and
// words (reference 6.2, 6.2.1), what runs is known here, and how it went is told here, in the log
// and on `$JS.EVENT.ADVISORY.STREAM.{SNAPSHOT,RESTORE}_{CREATE,COMPLETE}.<stream>`.

import { isSubject } from '../../../src/subject/subject.ts'
import type { Clock } from '../../../src/base/clock.ts'
import type { Log } from '../../../src/base/log.ts'
import { configFields, readStreamConfig } from '../api/config.ts'
import { isEmptyRequest, readRequest } from '../api/read.ts'
import { createdFields, stateFields } from '../api/info.ts'
import {
  type ApiAnswer,
  type ApiRequest,
  type BackupVerbs,
  type ConsumerRoom,
  isApiError,
  type StreamAdmin,
} from '../api/request.ts'
import { streamRestoreRequest, streamSnapshotRequest } from '../api/requests.ts'
import { type Fields, FieldReader, timeText } from '../api/text.ts'
import {
  badRequest,
  deliverSubjectInvalid,
  insufficientMemory,
  insufficientStorage,
  namePathSeparators,
  restoreNameInUse,
  snapshotFailed,
  streamMismatch,
  streamNotFound,
  tooManyRequests,
} from '../errors.ts'
import type { ApiError, Durable, Stream, StreamConfig } from '../shapes.ts'
import type { ArchivedConsumer } from './contents.ts'
import { Restore, type RestoreTarget } from './restore.ts'
import { sizesOf, Snapshot } from './snapshot.ts'

/** The account's streams, as backups see them. */
export interface BackupStreams extends StreamAdmin {
  /** Why there can be no such stream; null: there can. */
  refuses(config: StreamConfig): ApiError | null
  conceal(config: StreamConfig, firstSeq: number): Stream | ApiError
  reveal(stream: Stream, config: StreamConfig): ApiError | null
  /** Brings what is attached in line with the store. */
  recheck(): void
  /** Removes one that was concealed and not revealed. */
  discard(stream: Stream): ApiError | null
}

export interface BackupsParts {
  readonly streams: BackupStreams
  readonly consumers: ConsumerRoom
  readonly durable: Durable
  readonly clock: Clock
  readonly log: Log
  readonly payloadBytesMax: () => number
}

/** Of an account at a time; each may hold a window in memory. */
const snapshotsMax = 16
const restoresMax = 8
/** Messages of a stream that came to nothing, taken away in one turn. */
const purgedMax = 4096
const retryMs = 1000

export class Backups implements BackupVerbs, RestoreTarget {
  readonly #parts: BackupsParts
  readonly #snapshots = new Map<Snapshot, Stream>()
  readonly #restores = new Set<Restore>()
  /** Names of streams that are being taken away. */
  readonly #going = new Set<string>()
  #isClosed = false

  constructor(parts: BackupsParts) {
    this.#parts = parts
  }

  /** Is the name taken by a stream that nobody sees? */
  holds(name: string): boolean {
    if (this.#going.has(name)) return true
    for (const restore of this.#restores) if (restore.name === name && restore.isBegun) return true
    return false
  }

  /** The stream goes: so do its snapshots. */
  detached(stream: Stream): void {
    for (const [snapshot, of] of this.#snapshots)
      if (of === stream) snapshot.close('stream is gone')
  }

  /** The server stops, or the account goes. Idempotent. */
  close(): void {
    this.#isClosed = true
    for (const snapshot of [...this.#snapshots.keys()]) snapshot.close('server stopped')
    for (const restore of [...this.#restores]) restore.close()
  }

  // ---- snapshots

  snapshot(request: ApiRequest<StreamAdmin>): ApiAnswer | Promise<ApiAnswer> {
    const { streams } = this.#parts
    if (isEmptyRequest(request.body)) return badRequest
    const stream = streams.stream(request.names[0] as string)
    if (!stream) return streamNotFound
    const fields = readRequest(request, streamSnapshotRequest)
    if (isApiError(fields)) return fields
    const read = new FieldReader(fields)
    const deliverSubject = read.text('deliver_subject')
    const isBare = read.flag('no_consumers')
    const isChecked = read.flag('jsck')
    const sizes = sizesOf(read.integer('chunk_size'), read.integer('window_size'))
    if (!isSubject(deliverSubject)) return deliverSubjectInvalid
    if (this.#snapshots.size >= snapshotsMax) return tooManyRequests
    return this.#snapshot(stream, deliverSubject, sizes, isBare, isChecked)
  }

  #snapshot(
    stream: Stream,
    deliverSubject: string,
    sizes: ReturnType<typeof sizesOf>,
    isBare: boolean,
    isChecked: boolean,
  ): Promise<ApiAnswer> {
    const { streams, consumers, clock, log, durable } = this.#parts
    const { name } = stream.config
    const { account } = streams
    const what = isChecked ? 'health check and snapshot' : 'snapshot'
    log.info(`Starting ${what} for stream '${account.name} > ${name}'`)
    // All of one moment; what of it is not on disk yet is waited for.
    const { lastSeq, messages, bytes } = stream.state()
    const state = stateFields(stream.state(), streams.consumerCount(stream))
    const config = configFields(stream.config)
    const startUs = streams.nowUs()
    const snapshot = new Snapshot({
      account,
      stream,
      deliverSubject,
      sizes,
      state,
      lastSeq,
      messages,
      consumers: isBare ? [] : consumers.copies(stream, lastSeq),
      nowUs: startUs,
      clock,
      ended: (ended, problem) => {
        this.#snapshots.delete(ended)
        this.#snapshotEnded(name, startUs, bytes, problem)
      },
    })
    this.#snapshots.set(snapshot, stream)
    return new Promise(answer => {
      durable.onDisk(error => {
        if (error || this.#isClosed || !this.#snapshots.has(snapshot)) {
          this.#snapshots.delete(snapshot)
          answer(snapshotFailed(error?.message ?? 'stream is gone'))
          return
        }
        answer({ config, state })
        // Behind the answer.
        setImmediate(() => {
          if (!this.#snapshots.has(snapshot)) return
          this.#advise('SNAPSHOT_CREATE', name, { state })
          snapshot.start()
        })
      })
    })
  }

  #snapshotEnded(name: string, startUs: number, bytes: number, problem: string): void {
    const { streams, log } = this.#parts
    const endUs = streams.nowUs()
    this.#advise(
      'SNAPSHOT_COMPLETE',
      name,
      { start: timeText(startUs), end: timeText(endUs) },
      problem === '' ? {} : { error: problem },
    )
    const stream = `stream '${streams.account.name} > ${name}'`
    const took = tookText(endUs - startUs)
    if (problem === '') log.info(`Completed snapshot of ${bytes} bytes for ${stream} in ${took}`)
    else log.warn(`Snapshot for ${stream} failed after ${took}: ${problem}`)
  }

  // ---- restores

  restore(request: ApiRequest<StreamAdmin>): ApiAnswer {
    const { streams } = this.#parts
    const name = request.names[0] as string
    if (isEmptyRequest(request.body)) return badRequest
    const fields = readRequest(request, streamRestoreRequest)
    if (isApiError(fields)) return fields
    const given = new FieldReader(fields).fields('config') ?? {}
    const nameInside = new FieldReader(given).text('name') || name
    if (nameInside !== name) return streamMismatch
    if (/[\\/]/.test(name)) return namePathSeparators
    const config = streams.complete(readStreamConfig({ ...given, name }), false)
    if (isApiError(config)) return config
    const refused = streams.refuses(config)
    if (refused) return refused
    if (streams.stream(name) || this.holds(name)) return restoreNameInUse
    if (this.#restores.size >= restoresMax) return tooManyRequests
    return this.#restore(config)
  }

  #restore(config: StreamConfig): ApiAnswer {
    const { streams, durable, clock, log, payloadBytesMax } = this.#parts
    const startUs = streams.nowUs()
    const restore = new Restore({
      account: streams.account,
      config,
      target: this,
      durable,
      clock,
      log,
      payloadBytesMax: payloadBytesMax(),
      ended: (ended, bytes, failed) => {
        this.#restores.delete(ended)
        this.#restoreEnded(config.name, startUs, bytes, failed)
      },
    })
    this.#restores.add(restore)
    log.info(`Starting restore for stream '${streams.account.name} > ${config.name}'`)
    this.#advise('RESTORE_CREATE', config.name, {})
    restore.start()
    return { deliver_subject: restore.subject }
  }

  #restoreEnded(name: string, startUs: number, bytes: number | null, failed: boolean): void {
    if (bytes === null) return
    const { streams, log } = this.#parts
    const endUs = streams.nowUs()
    const times = { start: timeText(startUs), end: timeText(endUs) }
    this.#advise('RESTORE_COMPLETE', name, { ...times, bytes })
    const stream = `stream '${streams.account.name} > ${name}'`
    const took = tookText(endUs - startUs)
    if (failed) log.warn(`Restore failed for ${bytes} bytes for ${stream} in ${took}`)
    else log.info(`Completed restore of ${bytes} bytes for ${stream} in ${took}`)
  }

  // ---- what a restore changes

  conceal(config: StreamConfig, firstSeq: number, bytes: number): Stream | ApiError {
    const { streams } = this.#parts
    if (streams.stream(config.name)) return restoreNameInUse
    // The room for all of it, before the first message.
    if (streams.quota.refuses({ ...config, max_bytes: -1 }, bytes) !== null) {
      return config.storage === 'memory' ? insufficientMemory : insufficientStorage
    }
    return streams.conceal(config, firstSeq)
  }

  reveal(
    stream: Stream,
    config: StreamConfig,
    archived: readonly ArchivedConsumer[],
  ): Fields | ApiError {
    const { streams, consumers } = this.#parts
    const refused = streams.reveal(stream, config)
    if (refused) return refused
    const bounds = streams.consumerBounds()
    if (archived.length > 0 && isApiError(bounds)) return bounds
    for (const { name, fields } of archived) {
      const wrong = isApiError(bounds) ? bounds : consumers.adopt(stream, name, fields, bounds)
      if (!wrong) continue
      const description = `failed to add consumer ${JSON.stringify(name)}: ${wrong.description}`
      return { ...wrong, description }
    }
    return createdFields(streams, stream)
  }

  dissolve(stream: Stream): void {
    const { streams } = this.#parts
    // The group that revealed it may have been taken back.
    streams.recheck()
    if (streams.stream(stream.config.name) === stream) streams.delete(stream)
    else this.clear(stream)
  }

  /** Takes a hidden stream away, a bounded piece a turn. */
  clear(stream: Stream): void {
    const { streams, durable, clock } = this.#parts
    const { name } = stream.config
    this.#going.add(name)
    const { messages, firstSeq } = stream.state()
    // What is left when the server stops goes at the next start.
    if (this.#isClosed) return
    if (messages > purgedMax) stream.purge({ seq: this.#purgeTo(stream, firstSeq) })
    else if (streams.discard(stream) === null) {
      this.#going.delete(name)
      return
    }
    durable.onDisk(error => {
      if (error) clock.after(retryMs, () => this.clear(stream))
      else setImmediate(() => this.clear(stream))
    })
  }

  /** Gaps hold no messages: they are passed in one go. */
  #purgeTo(stream: Stream, firstSeq: number): number {
    const ahead = stream.batch([], firstSeq + purgedMax, 1)[0]
    return ahead?.seq ?? firstSeq + purgedMax
  }

  #advise(event: string, stream: string, fields: Fields, more: Fields = {}): void {
    const { streams } = this.#parts
    streams.advise(`STREAM.${event}.${stream}`, event.toLowerCase(), () => ({
      stream,
      ...fields,
      client: { acc: streams.account.name },
      ...more,
    }))
  }
}

function tookText(us: number): string {
  return us < 1_000_000 ? `${(us / 1000).toFixed(1)}ms` : `${(us / 1e6).toFixed(2)}s`
}
