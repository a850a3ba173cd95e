// The sink that captures published messages into a stream and answers the publisher
// (reference 6.5). One a stream; it sits behind each of the stream's subjects.
//
// This is a hot path: headers are read only where there are any, the answer is put together from
// a prefix made once, and nothing is encoded as JSON but a refusal. bench: store.

import { headersOf, payloadOf } from '../../src/broker/post.ts'
import type { LocalSink, Message } from '../../src/message.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Acks } from './acks.ts'
import { Batches } from './batch/batches.ts'
import type { Inflight } from './batch/limits.ts'
import type { AbandonReason } from './batch/parts.ts'
import type { Intake } from './intake.ts'
import { PubAck } from './pub-ack.ts'
import { noOptions, publishOptions } from './publish-headers.ts'
import type { Appended, Durable, Stream } from './shapes.ts'

export interface CaptureParts {
  readonly stream: Stream
  readonly acks: Acks
  readonly intake: Intake
  readonly domain: string
  readonly durable: Durable
  readonly clock: Clock
  /** The batches of all streams. */
  readonly inflight: Inflight
  readonly abandoned: (batch: string, reason: AbandonReason) => void
}

export class Capture implements LocalSink {
  readonly remote = false
  readonly #stream: Stream
  readonly #acks: Acks
  readonly #intake: Intake
  /** `{"stream":"S1","seq":`. */
  readonly #ackPrefix: string
  readonly #pubAck: PubAck
  readonly batches: Batches

  constructor(parts: CaptureParts) {
    const { stream, acks, intake, domain } = parts
    this.#stream = stream
    this.#acks = acks
    this.#intake = intake
    const name = JSON.stringify(stream.config.name)
    const domainPart = domain === '' ? '' : `"domain":${JSON.stringify(domain)},`
    this.#ackPrefix = `{"stream":${name},${domainPart}"seq":`
    this.#pubAck = new PubAck(stream.config.name, this.#ackPrefix)
    this.batches = new Batches({ ...parts, ackPrefix: this.#ackPrefix })
  }

  deliver(message: Message): void {
    const { config } = this.#stream
    const reply = config.no_ack === true ? '' : message.reply
    const hasHeaders = message.payloadStart > message.bodyStart
    const options = hasHeaders
      ? publishOptions(message.chunk, message.bodyStart, message.payloadStart)
      : noOptions
    if (this.batches.take(message, options, reply)) return
    const appended = this.#intake.append(
      { subject: message.target, headers: headersOf(message), payload: payloadOf(message) },
      options,
    )
    if (appended.is === 'refused') {
      this.#acks.refuse(reply, message.receipt, config.name, appended.error)
      return
    }
    const waits = config.storage === 'file' && (reply !== '' || message.receipt !== null)
    if (waits && appended.is === 'stored' && appended.value === undefined) {
      this.#acks.stored(reply, message.receipt, this.#pubAck, appended.seq)
      return
    }
    const text = this.#text(appended)
    if (config.storage === 'memory') this.#acks.now(reply, text)
    else if (waits) this.#acks.whenOnDisk(reply, message.receipt, config.name, text)
  }

  #text(appended: Exclude<Appended, { is: 'refused' }>): string {
    const head = `${this.#ackPrefix}${appended.seq}`
    if (appended.is === 'duplicate') return `${head},"duplicate": true}`
    return appended.value === undefined ? `${head}}` : `${head},"val":"${appended.value}"}`
  }
}
