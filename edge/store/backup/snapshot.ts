// One STREAM.SNAPSHOT: the archive of a stream goes out in chunks, as many at once as the window
// lets (reference 6.2.1; archive.ts has the format).
//
//   waiting ──interest, or after 2 s──▶ sending ⇄ full (no acknowledgement for 5 s: 408)
//                                          │ last chunk, end              │ interest lost: 408
//                                          ▼                              ▼
//                                        ended ◀──────────────────────────┘
//
// It is of one moment: the state, the consumers and the last sequence are those of its beginning,
// however much is published meanwhile. What limits or somebody removes before it was read is
// missing from the archive, as it is from nats-server's; a restore counts what is there.
//
// Messages are read a few at a time and never longer than sliceMsMax in a turn; what is in memory
// is one chunk, one block and what was read at once, whatever the stream holds.

import type { Account } from '../../../src/account/account.ts'
import { newNuid } from '../../../src/base/nuid.ts'
import type { Clock, Timer } from '../../../src/base/clock.ts'
import { newSubscription, post } from '../../../src/broker/post.ts'
import type { LocalSink, Message, Subscription } from '../../../src/message.ts'
import { S2Writer } from '../../../src/wire/s2.ts'
import { json, type Fields } from '../api/text.ts'
import type { ConsumerCopy } from '../consumer/backup.ts'
import { isDiskError } from '../disk-error.ts'
import { jetstreamOrigin } from '../replies.ts'
import type { StoredMessage, Stream, StreamListener } from '../shapes.ts'
import { archiveEnd, entryHead, magic } from './archive.ts'
import { consumerPrefix, stateName } from './contents.ts'

/** As asked for, brought within what is possible. */
export interface SnapshotSizes {
  readonly chunkBytes: number
  readonly chunksInFlightMax: number
}

export interface SnapshotParts {
  readonly account: Account
  readonly stream: Stream
  readonly deliverSubject: string
  readonly sizes: SnapshotSizes
  /** `state` of the stream as it is printed, and the last sequence in it. */
  readonly state: Fields
  readonly lastSeq: number
  /** How many there must be. */
  readonly messages: number
  readonly consumers: readonly ConsumerCopy[]
  readonly nowUs: number
  readonly clock: Clock
  /** `problem`: '' when everything went out. */
  readonly ended: (snapshot: Snapshot, problem: string) => void
}

const chunkBytesDefault = 128 * 1024
const chunkBytesMin = 1024
const chunkBytesMax = 1024 * 1024
const windowBytesDefault = 8 * 1024 * 1024
const windowBytesMax = 32 * 1024 * 1024
const interestMs = 2000
const interestCheckMs = 100
const ackMs = 5000
const sliceMsMax = 4
/** Read at once, going by the size of those before; never more of them than readCountMax. */
const readBytes = 256 * 1024
const readCountMax = 256

export function sizesOf(chunkBytes: number, windowBytes: number): SnapshotSizes {
  const chunk = Math.min(Math.max(chunkBytesMin, chunkBytes || chunkBytesDefault), chunkBytesMax)
  const asked = Math.min(Math.max(chunkBytesMin, windowBytes || windowBytesDefault), windowBytesMax)
  const window = Math.max(asked, chunk)
  return { chunkBytes: chunk, chunksInFlightMax: Math.floor(window / chunk) }
}

export class Snapshot implements LocalSink, StreamListener {
  readonly remote = false
  readonly isService = true
  readonly #parts: SnapshotParts
  readonly #ackSubject: string
  readonly #acks: Subscription
  readonly #packed: S2Writer
  /** Packed bytes on their way into chunks. */
  #pieces: Buffer[] = []
  #pieceBytes = 0
  #entries: Iterator<boolean> | null
  #index = 0
  #inFlight = 0
  /** Somebody waits for an ack, or for interest; a turn is due. */
  #isAwake = false
  #isEnded = false
  #ackTimer: Timer | null = null
  #interest: Timer | null = null
  #hadInterest = false
  /** Messages written, and whether some may be missing. */
  #messages = 0
  #hasRemovals = false

  constructor(parts: SnapshotParts) {
    this.#parts = parts
    this.#ackSubject = `$JS.SNAPSHOT.ACK.${parts.stream.config.name}.${newNuid()}`
    this.#acks = newSubscription(`${this.#ackSubject}.>`, this)
    this.#packed = new S2Writer(piece => {
      this.#pieces.push(piece)
      this.#pieceBytes += piece.length
    })
    this.#entries = this.#write()
  }

  start(): void {
    const { account, clock, stream } = this.#parts
    account.subscribe(this.#acks)
    stream.watch(this)
    this.#hadInterest = this.#hasInterest
    const startedMs = clock.monotonicMs()
    // Interest has no bell of its own: it is looked at.
    this.#interest = clock.every(interestCheckMs, () => {
      const isThere = this.#hasInterest
      if (this.#hadInterest && !isThere) return this.#stop('408 No Interest', 'no interest')
      if (this.#ackTimer !== null) return
      if (isThere || clock.monotonicMs() - startedMs >= interestMs) this.#begin()
    })
    if (this.#hadInterest) this.#begin()
  }

  readable(): void {}

  removed(): void {
    this.#hasRemovals = true
  }

  /** The server stops, or the stream goes. Idempotent. */
  close(why: string): void {
    this.#stop(`500 ${why}`, why)
  }

  /** An acknowledgement, whatever is in it. */
  deliver(_message: Message): void {
    if (this.#inFlight === 0 || this.#isEnded) return
    this.#inFlight--
    this.#wake()
  }

  /** Only a literal subscription counts: a wildcard is somebody who listens to everything. */
  get #hasInterest(): boolean {
    const { account, deliverSubject } = this.#parts
    const { plain, groups } = account.sublist.match(deliverSubject)
    const isLiteral = ({ subject, closed }: Subscription) => subject === deliverSubject && !closed
    return plain.some(isLiteral) || groups.some(members => members.some(isLiteral))
  }

  #begin(): void {
    this.#hadInterest = this.#hasInterest
    this.#expectAck()
    this.#wake()
  }

  #expectAck(): void {
    this.#ackTimer?.cancel()
    this.#ackTimer = this.#parts.clock.after(ackMs, () =>
      this.#stop('408 No Flow Response', 'no flow response'),
    )
  }

  #wake(): void {
    if (this.#isAwake || this.#isEnded) return
    this.#isAwake = true
    setImmediate(() => {
      this.#isAwake = false
      if (!this.#isEnded) this.#slice()
    })
  }

  /** Fills and sends chunks until the window is full, or the time is up. */
  #slice(): void {
    const { clock, sizes } = this.#parts
    const untilMs = clock.monotonicMs() + sliceMsMax
    try {
      while (this.#inFlight < sizes.chunksInFlightMax) {
        if (clock.monotonicMs() > untilMs) return this.#wake()
        if (this.#pieceBytes >= sizes.chunkBytes) this.#sendChunk()
        else if (this.#entries === null) return this.#finish()
        else if (this.#entries.next().done) this.#entries = null
      }
    } catch (error) {
      if (!isDiskError(error)) throw error
      const { message } = error
      this.#stop(`500 ${message}`, message)
    }
  }

  #sendChunk(): void {
    const { chunkBytes } = this.#parts.sizes
    this.#index++
    this.#inFlight++
    this.#expectAck()
    this.#send(this.#takeBytes(chunkBytes), `${this.#ackSubject}.${chunkBytes}.${this.#index}`)
  }

  /** What is left, and the end; a snapshot that was one piece ends without a word, as there. */
  #finish(): void {
    const rest = this.#takeBytes(this.#pieceBytes)
    if (rest.length > 0) this.#send(rest, '')
    const { messages } = this.#parts
    if (this.#messages < messages && !this.#hasRemovals) {
      const problem = `${this.#messages} of ${messages} messages could be read`
      return this.#stop(`500 ${problem}`, problem)
    }
    this.#stop(this.#index > 0 ? '204' : '', '')
  }

  #send(payload: Buffer, reply: string): void {
    const { account, deliverSubject } = this.#parts
    post(account, jetstreamOrigin, { subject: deliverSubject, reply, payload })
  }

  #stop(status: string, problem: string): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#ackTimer?.cancel()
    this.#interest?.cancel()
    this.#pieces = []
    const { account, deliverSubject, stream, ended } = this.#parts
    stream.unwatch(this)
    const headers = status === '' ? {} : { headers: Buffer.from(`NATS/1.0 ${status}\r\n\r\n`) }
    post(account, jetstreamOrigin, { subject: deliverSubject, ...headers })
    account.unsubscribe(this.#acks)
    ended(this, problem)
  }

  #takeBytes(bytes: number): Buffer {
    const taken = Buffer.allocUnsafe(bytes)
    let filled = 0
    let used = 0
    for (const piece of this.#pieces) {
      const copied = piece.copy(taken, filled)
      filled += copied
      if (copied < piece.length) {
        this.#pieces[used] = piece.subarray(copied)
        break
      }
      used++
      if (filled === bytes) break
    }
    this.#pieces.splice(0, used)
    this.#pieceBytes -= bytes
    return taken
  }

  // ---- what goes in

  /** Writes the archive piece by piece; a step takes well under a millisecond, mostly. */
  *#write(): Generator<boolean> {
    const { state, consumers, nowUs } = this.#parts
    this.#packed.write(magic)
    this.#json(stateName, { ...state, consumer_count: consumers.length }, nowUs)
    for (const consumer of consumers) {
      yield true
      this.#json(`${consumerPrefix}${consumer.name}`, consumer.fields(), nowUs)
    }
    yield true
    yield* this.#writeMessages()
    this.#packed.write(archiveEnd)
    this.#packed.flush()
  }

  *#writeMessages(): Generator<boolean> {
    const { stream, lastSeq } = this.#parts
    const { messages, bytes, firstSeq } = stream.state()
    let bytesEach = messages > 0 ? bytes / messages : 0
    let seq = firstSeq
    while (seq <= lastSeq) {
      const count = Math.floor(readBytes / Math.max(1, bytesEach))
      const read = stream.batch([], seq, Math.max(1, Math.min(readCountMax, count)))
      if (read.length === 0) return
      for (const message of read) {
        if (message.seq > lastSeq) return
        this.#message(message)
        bytesEach = (bytesEach + message.headers.length + message.payload.length) / 2
        seq = message.seq + 1
      }
      yield true
    }
  }

  #message({ seq, subject, timeUs, headers, payload }: StoredMessage): void {
    this.#packed.write(entryHead(subject, timeUs, seq, headers.length, payload.length))
    this.#packed.write(headers)
    this.#packed.write(payload)
    this.#messages++
  }

  #json(name: string, fields: Fields, nowUs: number): void {
    const text = Buffer.from(json(fields))
    this.#packed.write(entryHead(name, nowUs, 0, 0, text.length))
    this.#packed.write(text)
  }
}
