// PUBLISH from a client to the door (MQTT 3.1.1 section 3.3), parsed in place.
//
//   | topic length | topic | packet id (QoS 1, 2) | payload |
//   becomes, in the same bytes:      NATS/1.0..Nmqtt-Pub:1 | payload |
//
// The header block is written over what stands before the payload, which is done with by then. A
// topic that equals the last one of this connection is only compared: no string is made, and the
// match of its subject is used again. bench: mqtt QoS 0 1:1.

import { emptyMessage } from '../../src/base/message.ts'
import type { Account } from '../../src/account/account.ts'
import { startsWithAt } from '../../src/base/bytes.ts'
import { denied, publish } from '../../src/broker/publish.ts'
import type { Message, Origin, PermissionCheck, Receipt } from '../../src/message.ts'
import { hasWildcard } from '../../src/subject/subject.ts'
import type { MqttContext } from './context.ts'
import { type Will, wireTopic, writeFixedHeader } from './packet.ts'
import { publishHeaderBytes, publishHeaders } from './publish-header.ts'
import type { RetainedMessages } from './retain.ts'
import { type Violation, violations } from './rules.ts'
import { isMqttText, isTopic, subjectOfTopic } from './topic.ts'

const nothing = Buffer.alloc(0)
const publishFirst = 0x30
/** First byte, remaining length, topic length: before the topic of a PUBLISH. */
const prefixRoomBytes = 7
const scratchBytes = 4096

/** What the connection does about a publish. */
export interface PublisherOwner {
  readonly label: string
  /** For QoS 1 and 2: what waits for the disk on the publish's behalf; null: nothing to do. */
  receipt(packetId: number, qos: 1 | 2): Receipt | null
  /** The publish has been through the door. */
  published(receipt: Receipt): void
}

export class Publisher implements Origin {
  readonly kind = 'mqtt'
  readonly sink = null
  readonly echo = true
  readonly permissions: PermissionCheck | null
  inMsgs = 0
  inBytes = 0
  readonly #context: MqttContext
  readonly #payloadBytesMax: number
  readonly #owner: PublisherOwner
  readonly #account: Account
  readonly #retained: RetainedMessages
  readonly #message: Message = emptyMessage()
  #topic = ''
  #wireTopic: Buffer = nothing
  /** QoS 0 PUBLISH of this topic up to the payload, for `#prefixPayloadBytes` of payload. */
  #prefix: Buffer = nothing
  #prefixBytes = 0
  #prefixPayloadBytes = -1

  constructor(
    context: MqttContext,
    owner: PublisherOwner,
    account: Account,
    retained: RetainedMessages,
    permissions: PermissionCheck | null,
  ) {
    this.#context = context
    this.#payloadBytesMax = context.limits.payloadBytesMax
    this.#owner = owner
    this.#account = account
    this.#retained = retained
    this.permissions = permissions
  }

  /** A PUBLISH packet, body `chunk[start..end)`. */
  publish(first: number, chunk: Buffer, start: number, end: number): Violation | null {
    const qos = (first >> 1) & 3
    if (qos === 3) return violations.qos3
    if (qos === 0 && (first & 0x08) !== 0) return violations.dupAtQos0
    if (qos === 2 && this.#context.options.reject_qos2_publish) return violations.qos2Rejected
    if (end - start < 2) return violations.malformed
    const topicEnd = start + 2 + (((chunk[start] as number) << 8) | (chunk[start + 1] as number))
    const payloadStart = qos === 0 ? topicEnd : topicEnd + 2
    if (payloadStart > end) return violations.malformed
    if (this.#isTooLarge(end - payloadStart)) return violations.packetTooLarge
    const wire = this.#wireTopic
    if (wire.length !== topicEnd - start || !startsWithAt(chunk, start, wire)) {
      const violation = this.#newTopic(chunk, start, topicEnd)
      if (violation !== null) return violation
    }
    const isRetain = (first & 1) !== 0
    if (qos === 0) {
      this.#send(0, isRetain, null, chunk, payloadStart, end)
      return null
    }
    const packetId = ((chunk[topicEnd] as number) << 8) | (chunk[topicEnd + 1] as number)
    if (packetId === 0) return violations.packetIdZero
    const receipt = this.#owner.receipt(packetId, qos as 1 | 2)
    if (receipt === null) return null
    this.#send(qos as 1 | 2, isRetain, receipt, chunk, payloadStart, end)
    this.#owner.published(receipt)
    return null
  }

  /** The will of a client that left without DISCONNECT [MQTT-3.1.2-8]. */
  publishWill(will: Will): void {
    const wire = wireTopic(will.topic)
    if (wire === null || this.#newTopic(wire, 0, wire.length) !== null) return
    const { qos, retain, payload } = will
    if (!this.#isTooLarge(payload.length)) this.#send(qos, retain, null, payload, 0, payload.length)
  }

  #newTopic(chunk: Buffer, start: number, end: number): Violation | null {
    if (end - start === 2) return violations.topicEmpty
    if (!isMqttText(chunk, start + 2, end)) return violations.notUtf8
    const topic = chunk.toString('utf8', start + 2, end)
    if (!isTopic(topic)) return violations.topicWildcard
    const subject = subjectOfTopic(topic)
    if (subject === null || hasWildcard(subject)) return violations.topicUnsupported
    this.#topic = topic
    this.#wireTopic = Buffer.from(chunk.subarray(start, end))
    this.#prefix = Buffer.allocUnsafe(prefixRoomBytes + end - start)
    this.#prefixPayloadBytes = -1
    this.#message.subject = subject
    this.#message.target = subject
    this.#message.match = null
    return null
  }

  #send(
    qos: 0 | 1 | 2,
    isRetain: boolean,
    receipt: Receipt | null,
    chunk: Buffer,
    payloadStart: number,
    end: number,
  ): void {
    const payloadBytes = end - payloadStart
    this.inMsgs++
    this.inBytes += payloadBytes
    if (payloadBytes !== this.#prefixPayloadBytes) this.#newPrefix(payloadBytes)
    const message = this.#withHeader(qos, chunk, payloadStart, end)
    message.receipt = receipt
    const current = this.#context.current
    current.message = message
    current.subject = message.subject
    current.qos = qos
    current.topic = this.#topic
    current.wireTopic = this.#wireTopic
    current.prefix = this.#prefix
    current.prefixBytes = this.#prefixBytes
    const count = publish(this.#account, message, this)
    current.message = null
    if (count === denied) this.#denied(message.subject)
    else if (isRetain) this.#retain(qos, message)
  }

  /** Asked before a receipt is taken: what nobody gets is not acknowledged. */
  #isTooLarge(payloadBytes: number): boolean {
    return publishHeaderBytes + payloadBytes > this.#payloadBytesMax
  }

  /** The message, its header block written before the payload, where there is room. */
  #withHeader(qos: 0 | 1 | 2, chunk: Buffer, payloadStart: number, end: number): Message {
    const header = publishHeaders[qos]
    const message = this.#message
    if (payloadStart >= publishHeaderBytes) {
      const bodyStart = payloadStart - publishHeaderBytes
      for (let i = 0; i < publishHeaderBytes; i++) chunk[bodyStart + i] = header[i] as number
      message.chunk = chunk
      message.bodyStart = bodyStart
      message.payloadStart = payloadStart
      message.payloadEnd = end
      return message
    }
    const bytes = publishHeaderBytes + end - payloadStart
    const copy = bytes <= scratchBytes ? scratch : Buffer.allocUnsafe(bytes)
    header.copy(copy, 0)
    chunk.copy(copy, publishHeaderBytes, payloadStart, end)
    message.chunk = copy
    message.bodyStart = 0
    message.payloadStart = publishHeaderBytes
    message.payloadEnd = bytes
    return message
  }

  #newPrefix(payloadBytes: number): void {
    const wire = this.#wireTopic
    const at = writeFixedHeader(this.#prefix, publishFirst, wire.length + payloadBytes)
    wire.copy(this.#prefix, at)
    this.#prefixBytes = at + wire.length
    this.#prefixPayloadBytes = payloadBytes
  }

  #retain(qos: 0 | 1 | 2, message: Message): void {
    const payload = message.chunk.subarray(message.payloadStart, message.payloadEnd)
    const { keeper, counters, log } = this.#context
    const topic = this.#topic
    if (!this.#retained.set({ topic, subject: message.subject, qos, payload })) {
      counters.unretainedMsgs++
      log.warn(`${this.#owner.label} - Retained message on "${topic}" refused: no room`)
      return
    }
    const receipt = message.receipt
    if (receipt === null) return
    receipt.hold() // keeps invariant 1
    keeper.onDisk(error => receipt.release(error))
  }

  /** The client cannot be told [MQTT-3.3.5-2]: its QoS 1 publish is acknowledged all the same. */
  #denied(subject: string): void {
    this.#context.log.error(`${this.#owner.label} - Publish Violation - Subject "${subject}"`)
  }
}

/**
 * Where a small message is put together that has no room for a header before it. One for all:
 * a message is done with when `publish` returns. A publish made by a sink within another one has
 * its own bytes, as only connections use this.
 */
const scratch = Buffer.allocUnsafe(scratchBytes)
