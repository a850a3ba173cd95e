// Republishing: a stored message goes out once more under another subject, with headers that tell
// where it stands in the stream (nats-server's, in its order), so that clients can follow a
// stream without a consumer.
//
// It leaves once the message is on disk (invariant 2) and before nothing that was stored earlier.
// Copies wait in memory until then, bounded by what the commit's queue admits; a stream in memory
// has its own turn's worth of them.

import type { Account } from '../../src/account/account.ts'
import { post } from '../../src/broker/post.ts'
import type { SubjectTransform } from '../../src/subject/transform.ts'
import { transformOf } from './api/shaping.ts'
import { timeText } from './api/text.ts'
import { jetstreamOrigin } from './replies.ts'
import type { Durable, NewMessage, RepublishConfig, Stream } from './shapes.ts'

interface Copy {
  readonly subject: string
  readonly headers: Buffer
  readonly payload: Buffer
}

/** Those that wait for one group. */
interface Batch {
  readonly group: number
  readonly copies: Copy[]
}

export class Republisher {
  readonly #account: Account
  readonly #durable: Durable
  readonly #stream: Stream
  #config: RepublishConfig | undefined
  #transform: SubjectTransform | null = null
  #open: Batch | null = null

  constructor(account: Account, durable: Durable, stream: Stream) {
    this.#account = account
    this.#durable = durable
    this.#stream = stream
  }

  /** Whether a message on this subject goes out again; ask before it is stored. */
  wants(subject: string): boolean {
    return this.#ready()?.apply(subject) != null
  }

  /** A message was stored. `lastSeq`: the one before it on its subject; 0: there was none. */
  stored(message: NewMessage, seq: number, lastSeq: number): void {
    const subject = this.#ready()?.apply(message.subject)
    if (subject == null) return
    const headersOnly = this.#config?.headers_only === true
    this.#later({
      subject,
      headers: this.#headers(message, seq, lastSeq, headersOnly),
      payload: headersOnly ? Buffer.alloc(0) : Buffer.from(message.payload),
    })
  }

  #ready(): SubjectTransform | null {
    const { republish } = this.#stream.config
    if (republish === this.#config) return this.#transform
    this.#config = republish
    this.#transform = transformOf(republish)
    return this.#transform
  }

  #later(copy: Copy): void {
    let batch = this.#open
    if (batch === null || batch.group !== this.#durable.groups) {
      batch = { group: this.#durable.groups, copies: [] }
      this.#open = batch
      this.#await(batch)
    }
    batch.copies.push(copy)
  }

  /**
   * What could not be stored is not republished: its publisher gets the error. A stream in memory
   * does not care, but waits for the end of the turn too: two that feed each other never recurse.
   */
  #await(batch: Batch): void {
    this.#durable.onDisk(error => {
      if (this.#open === batch) this.#open = null
      if (error && this.#stream.config.storage === 'file') return
      for (const copy of batch.copies) post(this.#account, jetstreamOrigin, copy)
    })
  }

  #headers(message: NewMessage, seq: number, lastSeq: number, headersOnly: boolean): Buffer {
    const { config } = this.#stream
    const time = timeText(this.#stream.state().lastTimeUs)
    const size = headersOnly ? `Nats-Msg-Size: ${message.payload.length}\r\n` : ''
    const lines =
      `Nats-Stream: ${config.name}\r\nNats-Subject: ${message.subject}\r\n` +
      `Nats-Sequence: ${seq}\r\nNats-Time-Stamp: ${time}\r\n` +
      `Nats-Last-Sequence: ${lastSeq}\r\n${size}\r\n`
    if (message.headers.length === 0) return Buffer.from(`NATS/1.0\r\n${lines}`)
    const own = message.headers.subarray(0, message.headers.length - 2)
    return Buffer.concat([own, Buffer.from(lines)])
  }
}
