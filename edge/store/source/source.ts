// One source's side of its feed: messages are appended like published ones, with a header that
// tells where they come from (nats-server 2.15: stream, sequence, filter, destination, subject,
// identity of the stream). The position in the source is written with the message, in one
// transaction.

import type { SubjectTransform } from '../../../src/subject/transform.ts'
import { publishOptions } from '../publish-headers.ts'
import { seqsMax } from '../ids.ts'
import type { AppendOptions, NewMessage } from '../shapes.ts'
import { indexName } from './config.ts'
import type { FeedTarget } from './feed.ts'
import { isForGood } from './left-out.ts'
import { mapped, type TargetParts, transformsOf } from './mirror.ts'
import type { Positions } from './positions.ts'
import type { Delivery, Start } from './request.ts'

/** Messages looked at, from the newest, for the position of a source that has none. */
const searchedMax = 10_000

export class Source implements FeedTarget {
  readonly name: string
  readonly #parts: TargetParts
  readonly #positions: Positions
  readonly #transforms: readonly SubjectTransform[]
  /** The name's parts, as the header has them. */
  readonly #stream: string
  readonly #mapping: string
  #lastSeq = 0
  /** The stream was searched: what came of this source since then has its position. */
  #hasNothing = false

  constructor(parts: TargetParts, positions: Positions) {
    this.#parts = parts
    this.#positions = positions
    this.#transforms = transformsOf(parts.source)
    this.name = indexName(parts.source)
    const [stream = '', filter, destination] = this.name.split(' ')
    this.#stream = stream
    this.#mapping = `${filter} ${destination}`
  }

  get identity(): string {
    return this.#positions.identity(this.name)
  }

  get doneSeq(): number {
    return this.#lastSeq
  }

  start(isKept = false): Start {
    const { opt_start_seq, opt_start_time } = this.#parts.source
    this.#lastSeq = this.#positions.get(this.name) ?? this.#found()
    if (this.#lastSeq > 0) this.#positions.set(this.name, this.#lastSeq)
    if (this.#lastSeq > 0 && !isKept) {
      return { deliver_policy: 'by_start_sequence', opt_start_seq: this.#lastSeq + 1 }
    }
    if (opt_start_seq) return { deliver_policy: 'by_start_sequence', opt_start_seq }
    if (opt_start_time) return { deliver_policy: 'by_start_time', opt_start_time }
    return { deliver_policy: 'all' }
  }

  begun(deliveredSeq: number, identity: string): void {
    if (identity !== '') this.#positions.identify(this.name, identity)
    if (deliveredSeq <= this.#lastSeq || deliveredSeq >= seqsMax) return
    this.#lastSeq = deliveredSeq
    this.#positions.set(this.name, deliveredSeq)
  }

  recreated(): void {
    this.#lastSeq = 0
    this.#positions.set(this.name, 0)
    this.#positions.identify(this.name, '')
  }

  isIntact(): boolean {
    return (this.#positions.get(this.name) ?? 0) === this.#lastSeq
  }

  take(message: NewMessage, { streamSeq }: Delivery): boolean {
    const { intake } = this.#parts
    if (streamSeq <= this.#lastSeq) return true
    if (!Number.isSafeInteger(streamSeq)) return false
    const headers = sourced(message.headers, this.#header(streamSeq, message.subject))
    const subject = mapped(message.subject, this.#transforms)
    const sent = { subject, headers, payload: message.payload }
    const appended = intake.append(sent, this.#options(headers))
    if (appended.is === 'refused') {
      if (!isForGood(appended.error)) return false
      this.#parts.leftOut.note(streamSeq, appended.error)
    }
    this.#lastSeq = streamSeq
    this.#positions.set(this.name, streamSeq)
    return true
  }

  /** Identity counts; a roll-up only where the stream allows it. */
  #options(headers: Buffer): AppendOptions {
    const { rollup, ...options } = publishOptions(headers, 0, headers.length)
    const { allow_rollup_hdrs, deny_purge } = this.#parts.stream.config
    const rolls = allow_rollup_hdrs && !deny_purge && (rollup === 'sub' || rollup === 'all')
    return rolls ? { ...options, rollup, sourced: true } : { ...options, sourced: true }
  }

  #header(seq: number, subject: string): string {
    const { identity } = this
    const from = `${this.#stream} ${seq} ${this.#mapping} ${subject}`
    return `Nats-Stream-Source: ${from}${identity === '' ? '' : ` ${identity}`}\r\n`
  }

  /** A store that was salvaged, or a source that was here before: what the messages say. */
  #found(): number {
    if (this.#hasNothing) return 0
    const { stream } = this.#parts
    const { firstSeq, lastSeq } = stream.state()
    const from = Math.max(firstSeq, lastSeq + 1 - searchedMax)
    for (let seq = lastSeq; seq >= from; seq--) {
      const line = sourceLine.exec(stream.get(seq)?.headers.toString() ?? '')
      if (!line || `${line[1]} ${line[3]}` !== this.name) continue
      if (line[4]) this.#positions.identify(this.name, line[4])
      return Number(line[2])
    }
    this.#hasNothing = true
    return 0
  }
}

/** Stream, sequence, filter and destination, and perhaps the subject it had and an identity. */
const sourceLine =
  /\r\nNats-Stream-Source: (\S+) (\d{1,15}) (\S+ [^ \r\n]+)(?: [^ \r\n]+(?: ([\w-]{1,64}))?)?\r\n/

/** What another stream's source, a batch or an expectation of that stream meant goes. */
const dropped = /^Nats-(?:Stream-Source|(?:Expected|Batch)-[^:\r\n]*):[^\r\n]*\r\n/gim

/** The line goes last. Subjects are text of any kind; other lines' bytes stay as they are. */
function sourced(headers: Buffer, line: string): Buffer {
  if (headers.length === 0) return Buffer.from(`NATS/1.0\r\n${line}\r\n`)
  const kept = headers.toString('latin1').replace(dropped, '')
  const others = Buffer.from(kept.slice(0, -2), 'latin1')
  return Buffer.concat([others, Buffer.from(`${line}\r\n`)])
}
