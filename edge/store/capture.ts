// The sink that captures published messages into a stream and answers the publisher
// (reference 6.5). One a stream; it sits behind each of the stream's subjects.
//
// This is a hot path: headers are read only where there are any, the answer is put together from
// a prefix made once, and nothing is encoded as JSON but a refusal. bench: store.

import { headersOf, payloadOf } from '../../src/broker/post.ts'
import type { LocalSink, Message } from '../../src/message.ts'
import type { Acks } from './acks.ts'
import type { ConsumerRoom } from './api/request.ts'
import {
  headersTooLarge,
  insufficientResources,
  messageTooLarge,
  rollupFailed,
  streamNotMatch,
  streamSealed,
} from './errors.ts'
import { noOptions, publishOptions } from './publish-headers.ts'
import type { Resources } from './resources.ts'
import { sizeOf } from './retention.ts'
import type { ApiError, AppendOptions, Stream } from './shapes.ts'

const headerBytesMax = 65_535

export interface CaptureParts {
  readonly stream: Stream
  readonly acks: Acks
  readonly consumers: ConsumerRoom
  readonly resources: Resources
  readonly domain: string
}

export class Capture implements LocalSink {
  readonly remote = false
  readonly #stream: Stream
  readonly #acks: Acks
  readonly #consumers: ConsumerRoom
  readonly #resources: Resources
  /** `{"stream":"S1", "seq":`, with the blank nats-server 2.10 prints. */
  readonly #ackPrefix: string

  constructor({ stream, acks, consumers, resources, domain }: CaptureParts) {
    this.#stream = stream
    this.#acks = acks
    this.#consumers = consumers
    this.#resources = resources
    const name = JSON.stringify(stream.config.name)
    const domainPart = domain === '' ? '' : `"domain":${JSON.stringify(domain)}, `
    this.#ackPrefix = `{"stream":${name}, ${domainPart}"seq":`
  }

  deliver(message: Message): void {
    const stream = this.#stream
    const { config } = stream
    const reply = config.no_ack === true ? '' : message.reply
    const hasHeaders = message.payloadStart > message.bodyStart
    const options = hasHeaders
      ? publishOptions(message.chunk, message.bodyStart, message.payloadStart)
      : noOptions
    const refused = this.#refuses(message, options)
    if (refused !== null) {
      this.#acks.refuse(reply, message.receipt, config.name, refused)
      return
    }
    const appended = stream.append(
      { subject: message.target, headers: headersOf(message), payload: payloadOf(message) },
      options,
    )
    if (appended.is === 'refused') {
      this.#acks.refuse(reply, message.receipt, config.name, appended.error)
      return
    }
    if (appended.is === 'stored' && config.retention === 'interest') {
      // Nobody wants it: the sequence is spent, as in nats-server, and nothing is kept.
      if (!this.#consumers.wants(stream, message.target)) stream.remove(appended.seq)
    }
    const text =
      appended.is === 'stored'
        ? `${this.#ackPrefix}${appended.seq}}`
        : `${this.#ackPrefix}${appended.seq},"duplicate": true}`
    if (config.storage === 'memory') this.#acks.now(reply, text)
    else if (reply !== '' || message.receipt !== null) {
      this.#acks.whenOnDisk(reply, message.receipt, config.name, text)
    }
  }

  /** What the stream need not be asked for. */
  #refuses(message: Message, options: AppendOptions): ApiError | null {
    const { config } = this.#stream
    if (config.sealed) return streamSealed
    if (options.expectedStream !== undefined && options.expectedStream !== config.name) {
      return streamNotMatch
    }
    if (options.rollup !== undefined) {
      if (!config.allow_rollup_hdrs || config.deny_purge)
        return rollupFailed('rollup not permitted')
      if (options.rollup !== 'sub' && options.rollup !== 'all') {
        return rollupFailed(`rollup value invalid: "${String(options.rollup)}"`)
      }
    }
    const headerBytes = message.payloadStart - message.bodyStart
    const payloadBytes = message.payloadEnd - message.payloadStart
    const { max_bytes, max_msg_size, storage } = config
    if (max_msg_size >= 0 && headerBytes + payloadBytes > max_msg_size) return messageTooLarge
    if (headerBytes > headerBytesMax) return headersTooLarge
    // Its room is reserved, and it makes room for itself.
    if (max_bytes > 0) return null
    const size = sizeOf(storage, Buffer.byteLength(message.target), headerBytes, payloadBytes)
    return this.#resources.admits(storage, size) ? null : insufficientResources
  }
}
