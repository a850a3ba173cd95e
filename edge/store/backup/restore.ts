// One STREAM.RESTORE: chunks of an archive come in on a subject of their own, each answered when
// it is worked off; an empty one ends them (reference 6.2, 6.2.1).
//
//   chunk ─▶ s2 ─▶ archive ─▶ contents ─▶ state: the stream is made, hidden
//                                          consumers: kept until the end
//                                          messages: appended, at their sequence and time
//   end   ─▶ the stream gets its own config and is there, its consumers with it: one group
//
// Until then nobody sees the stream: it is marked in its config, and a start that finds the mark
// takes the stream away, as does every failure (backups.ts). What is wrong is told at once to
// whoever sent the chunk, and to everything he sends after it, where nats-server tells it at the
// end.
//
// Worked off in slices: neither a bomb nor a large archive holds the loop, and what is appended
// and not yet on disk stays below groupBytesMax. A sender who does not wait is cut off at
// waitingBytesMax, one who is silent for stalledMs is forgotten.

import type { Account } from '../../../src/account/account.ts'
import { newNuid } from '../../../src/base/nuid.ts'
import type { Clock, Timer } from '../../../src/base/clock.ts'
import type { Log } from '../../../src/base/log.ts'
import { newSubscription, payloadOf, post } from '../../../src/broker/post.ts'
import type { LocalSink, Message, Subscription } from '../../../src/message.ts'
import { S2Reader } from '../../../src/wire/s2.ts'
import { isApiError } from '../api/request.ts'
import { json, type Fields } from '../api/text.ts'
import { insufficientMemory, insufficientStorage, restoreFailed } from '../errors.ts'
import { jetstreamOrigin } from '../replies.ts'
import { publishOptions } from '../publish-headers.ts'
import type { ApiError, AppendOptions, Durable, Stream, StreamConfig } from '../shapes.ts'
import { ArchiveReader, type Entry } from './archive.ts'
import { type ArchivedConsumer, Contents, isHeaderBlock } from './contents.ts'

/** The account's streams, as far as a restore changes them. */
export interface RestoreTarget {
  /** A stream that nobody sees, beginning at `firstSeq`; or why it cannot be. */
  conceal(config: StreamConfig, firstSeq: number, bytes: number): Stream | ApiError
  /** It is there from now on. The fields of its info, or why not: then it is as good as gone. */
  reveal(
    stream: Stream,
    config: StreamConfig,
    consumers: readonly ArchivedConsumer[],
  ): Fields | ApiError
  /** Takes a stream away that came to nothing, revealed or not. */
  dissolve(stream: Stream): void
}

export interface RestoreParts {
  readonly account: Account
  readonly config: StreamConfig
  readonly target: RestoreTarget
  readonly durable: Durable
  readonly clock: Clock
  readonly log: Log
  readonly payloadBytesMax: number
  /** `bytes` is null when the sender fell silent. */
  readonly ended: (restore: Restore, bytes: number | null, failed: boolean) => void
}

type State =
  | { readonly is: 'idle' }
  | { readonly is: 'working' }
  /** Everything is there; the disk has still to say so. */
  | { readonly is: 'closing' }
  | { readonly is: 'failed'; readonly error: ApiError }
  | { readonly is: 'ended' }

const stalledMs = 5000
const sliceMsMax = 4
const groupBytesMax = 256 * 1024
/** As much as the largest window of a snapshot. */
const waitingBytesMax = 32 * 1024 * 1024
const type = 'io.nats.jetstream.api.v1.stream_create_response'
/** Of what a publisher asked for, what lasts: its id, its time to live, its schedule. */
function restoredOptions(headers: Buffer, seq: number, timeUs: number): AppendOptions {
  const place = { seq, timeUs }
  if (headers.length === 0) return { place }
  const { msgId, ttl, schedule } = publishOptions(headers, 0, headers.length)
  return {
    place,
    ...(msgId !== undefined && { msgId }),
    ...(ttl !== undefined && !Number.isNaN(ttl) && { ttl }),
    ...(schedule && { schedule }),
  }
}

const accountLimits: ReadonlySet<number> = new Set([10_002, 10_023])

export class Restore implements LocalSink {
  readonly remote = false
  readonly isService = true
  readonly subject: string
  readonly #parts: RestoreParts
  readonly #subscription: Subscription
  readonly #unpacked = new S2Reader()
  readonly #archive: ArchiveReader
  readonly #contents: Contents
  #state: State = { is: 'idle' }
  #stream: Stream | null = null
  /** Chunks not answered yet. */
  #replies: string[] = []
  /** Where the answer to the end goes; null: it has not come. */
  #endReply: string | null = null
  /** The archive is over, whatever else comes. */
  #isComplete = false
  #bytes = 0
  #unsyncedBytes = 0
  #stalled: Timer | null = null

  constructor(parts: RestoreParts) {
    this.#parts = parts
    this.subject = `$JS.SNAPSHOT.RESTORE.${parts.config.name}.${newNuid()}`
    this.#subscription = newSubscription(this.subject, this)
    this.#contents = new Contents(parts.config, parts.payloadBytesMax)
    this.#archive = new ArchiveReader(this.#contents.bounds)
  }

  /** Is there a stream of its name, hidden? */
  get isBegun(): boolean {
    return this.#stream !== null
  }

  get name(): string {
    return this.#parts.config.name
  }

  start(): void {
    this.#parts.account.subscribe(this.#subscription)
    this.#heard()
  }

  /** The server stops, or the account goes: what is there is taken away. Idempotent. */
  close(): void {
    if (this.#state.is !== 'ended') this.#end(null, true)
  }

  deliver(message: Message): void {
    const { reply } = message
    if (reply === '') {
      this.#warn('requires reply subject for each chunk')
      this.#end(this.#bytes, true)
      return
    }
    this.#heard()
    const payload = payloadOf(message)
    if (payload.length === 0) {
      this.#endReply = reply
      if (this.#state.is === 'failed') this.#refuse(this.#state.error)
      else this.#work()
      return
    }
    this.#bytes += payload.length
    if (this.#state.is === 'failed') return this.#answer(reply, this.#state.error)
    if (this.#isComplete) return this.#answer(reply, null)
    this.#replies.push(reply)
    if (this.#unpacked.pendingBytes + payload.length > waitingBytesMax) {
      this.#fail('too many chunks at once')
      return
    }
    this.#unpacked.push(Buffer.from(payload))
    this.#work()
  }

  #work(): void {
    if (this.#state.is !== 'idle') return
    this.#state = { is: 'working' }
    setImmediate(() => this.#slice())
  }

  #slice(): void {
    if (this.#state.is !== 'working') return
    const { clock, durable } = this.#parts
    const untilMs = clock.monotonicMs() + sliceMsMax
    while (clock.monotonicMs() <= untilMs) {
      if (this.#unsyncedBytes >= groupBytesMax) {
        durable.onDisk(error => {
          this.#unsyncedBytes = 0
          if (error) this.#fail(error.message)
          else this.#slice()
        })
        return
      }
      if (!this.#step()) return
    }
    setImmediate(() => this.#slice())
  }

  /** False: there is nothing more to do for now. */
  #step(): boolean {
    const read = this.#archive.next()
    switch (read.is) {
      case 'entry':
        return this.#take(read.entry)
      case 'wrong':
        return this.#fail(read.problem)
      case 'end':
        this.#isComplete = true
        this.#starved()
        return false
      case 'hungry':
        return this.#unpack()
    }
  }

  #unpack(): boolean {
    const read = this.#unpacked.read()
    switch (read.is) {
      case 'block':
        this.#archive.push(read.bytes)
        return true
      case 'wrong':
        return this.#fail(read.problem)
      case 'hungry':
        this.#starved()
        return false
    }
  }

  /** Everything that came is worked off. */
  #starved(): void {
    this.#state = { is: 'idle' }
    for (const reply of this.#replies) this.#answer(reply, null)
    this.#replies = []
    if (this.#endReply === null) return
    if (!this.#isComplete) this.#fail('backup was truncated')
    else this.#finish()
  }

  #take(entry: Entry): boolean {
    const other = this.#contents.take(entry)
    if (other === null) return this.#append(entry)
    if (other !== '') return this.#fail(other)
    return this.#stream !== null || this.#make()
  }

  /** Its state is known: it can begin. */
  #make(): boolean {
    const { config, target } = this.#parts
    const state = this.#contents.state
    if (state === null) return true
    const made = target.conceal(config, state.firstSeq, state.bytes)
    if (!isApiError(made)) this.#stream = made
    else if (made.err_code === 10_047 || made.err_code === 10_028) return this.#failWith(made)
    else return this.#fail(`error adding stream: ${made.description} (${made.err_code})`)
    return true
  }

  #append(entry: Entry): boolean {
    const stream = this.#stream
    if (stream === null) return this.#fail('there is no stream')
    const { name, seq, timeUs, headers, payload } = entry
    if (!isHeaderBlock(headers)) return this.#fail(`message sequence ${seq} has invalid headers`)
    const message = { subject: name, headers, payload }
    const options = restoredOptions(headers, seq, timeUs)
    let appended = stream.append(message, options)
    // The same id again, which its window had let go by: it is a message all the same.
    if (appended.is === 'duplicate') appended = stream.append(message, { ...options, msgId: '' })
    if (appended.is === 'refused') return this.#refused(appended.error, seq)
    if (appended.seq !== seq) return this.#fail(`message sequence ${seq} is taken`)
    this.#unsyncedBytes += name.length + headers.length + payload.length + 100
    return true
  }

  #refused(error: ApiError, seq: number): boolean {
    if (!accountLimits.has(error.err_code)) {
      return this.#fail(`failed to store message sequence ${seq}: ${error.description}`)
    }
    const isMemory = this.#parts.config.storage === 'memory'
    return this.#failWith(isMemory ? insufficientMemory : insufficientStorage)
  }

  #finish(): void {
    const { config, target, durable } = this.#parts
    const stream = this.#stream
    const state = this.#contents.state
    if (stream === null || state === null || state.consumers > this.#contents.consumers.length) {
      this.#fail('backup was truncated')
      return
    }
    stream.skipTo(state.lastSeq)
    const revealed = target.reveal(stream, config, this.#contents.consumers)
    if (isApiError(revealed)) {
      this.#fail(revealed.description)
      return
    }
    this.#state = { is: 'closing' }
    durable.onDisk(error => {
      if (this.#state.is !== 'closing') return
      if (error) {
        this.#fail(error.message)
        return
      }
      this.#stream = null
      this.#send(this.#endReply ?? '', revealed)
      this.#end(this.#bytes, false)
    })
  }

  #fail(problem: string): false {
    return this.#failWith(restoreFailed(problem))
  }

  #failWith(error: ApiError): false {
    if (this.#state.is === 'failed' || this.#state.is === 'ended') return false
    this.#state = { is: 'failed', error }
    this.#warn(`failed: ${error.description}`)
    this.#drop()
    for (const reply of this.#replies) this.#answer(reply, error)
    this.#replies = []
    if (this.#endReply !== null) this.#refuse(error)
    return false
  }

  /** The sender knows; nothing else will come. */
  #refuse(error: ApiError): void {
    this.#answer(this.#endReply ?? '', error)
    this.#end(this.#bytes, true)
  }

  #drop(): void {
    const stream = this.#stream
    this.#stream = null
    if (stream !== null) this.#parts.target.dissolve(stream)
  }

  #end(bytes: number | null, failed: boolean): void {
    if (this.#state.is === 'ended') return
    this.#state = { is: 'ended' }
    this.#drop()
    this.#stalled?.cancel()
    this.#parts.account.unsubscribe(this.#subscription)
    this.#parts.ended(this, bytes, failed)
  }

  #heard(): void {
    this.#stalled?.cancel()
    this.#stalled = this.#parts.clock.after(stalledMs, () => {
      const { is } = this.#state
      // Not the sender's silence while he waits for us.
      if (is === 'working' || is === 'closing') return this.#heard()
      this.#warn('is stalled')
      this.#end(null, true)
    })
  }

  #answer(reply: string, error: ApiError | null): void {
    if (error !== null) this.#send(reply, { error })
    else post(this.#parts.account, jetstreamOrigin, { subject: reply })
  }

  #send(reply: string, fields: Fields): void {
    const payload = Buffer.from(json({ type, ...fields }))
    post(this.#parts.account, jetstreamOrigin, { subject: reply, payload })
  }

  #warn(text: string): void {
    const { account, log } = this.#parts
    log.warn(`restore for stream '${account.name} > ${this.name}' ${text}`)
  }
}
