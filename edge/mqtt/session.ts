// An MQTT session: topic filters, and the QoS 1 messages on their way to one client (MQTT 3.1.1
// sections 3.1.2.4, 4.3 and 4.4).
//
//   deliver -> backlog (bounded) -> window (max_ack_pending) -> connection -> PUBACK -> gone
//                                    ^ sent again after ack_wait, and when the client returns
//
// While the client is away, or behind, messages only wait in the backlog: a kept session's RAM
// does not grow with it. A message for a kept session counts as taken when it is on disk
// (invariant 1). QoS 0 messages pass by all this.

import type { Account } from '../../src/account/account.ts'
import type { Permissions } from '../../src/account/permissions.ts'
import type { Timer } from '../../src/base/clock.ts'
import type { Message, Receipt } from '../../src/message.ts'
import { Backlog, sizeOf } from './backlog.ts'
import type { MqttContext } from './context.ts'
import { Filter, type FilterOwner } from './filter.ts'
import type { KeptMessage, KeptSession } from './keeper.ts'
import { wireTopic } from './packet.ts'
import { publishedQos } from './publish-header.ts'
import type { RetainedMessages } from './retain.ts'
import { patternOfFilter, subjectOfTopic } from './topic.ts'

/** The connection a session writes to. */
export interface Downlink {
  /** So much waits for the client that what can wait should. */
  readonly congested: boolean
  /** A QoS 0 PUBLISH whose bytes up to the payload are ready. */
  forward(prefix: Buffer, prefixBytes: number, chunk: Buffer, start: number, end: number): void
  /** `first`: type and flags; `packetId` 0 at QoS 0. */
  publish(
    first: number,
    wire: Buffer,
    packetId: number,
    chunk: Buffer,
    start: number,
    end: number,
  ): void
}

interface OnTheWay {
  readonly seq: number
  readonly bytes: number
  sentMs: number
}

/** Upper half: PUBLISH. */
const publishFirst = 0x30
const qos1 = 0x02
const dupFlag = 0x08
const retainFlag = 0x01
const packetIdMax = 65_535
/** Messages read from the backlog at a time. */
const batchMax = 64
const batchBytes = 256 * 1024
const delayMsMinBusy = 100

export class Session implements FilterOwner {
  readonly clientId: string
  readonly account: Account
  /** null: a clean session, gone with its connection. */
  readonly keptId: number | null
  permissions: Permissions | null = null
  readonly filters = new Map<string, Filter>()
  /** QoS 2 publishes received and not yet released. */
  readonly received: Set<number>
  readonly backlog: Backlog
  readonly #context: MqttContext
  #connection: Downlink | null = null
  readonly #onTheWay = new Map<number, OnTheWay>()
  /** On the way to an earlier connection and not yet sent again to this one; the next one last. */
  #unsent: number[] = []
  #packetId = 0
  /** The newest message that has been given to the window. */
  #sentSeq = 0
  /** Messages up to here may have been sent before the process was started. */
  readonly #restoredSeq: number
  #timer: Timer | null = null

  private constructor(
    context: MqttContext,
    account: Account,
    clientId: string,
    keptId: number | null,
    kept?: KeptSession,
  ) {
    this.#context = context
    this.account = account
    this.clientId = clientId
    this.keptId = keptId
    const limits = {
      messagesMax: context.options.max_session_msgs,
      bytesMax: context.options.max_session_bytes,
    }
    this.backlog =
      keptId === null
        ? Backlog.inMemory(limits)
        : Backlog.kept(context.keeper, keptId, limits, kept)
    this.received = new Set(kept?.received)
    this.#restoredSeq = kept?.lastSeq ?? 0
  }

  static clean(context: MqttContext, account: Account, clientId: string): Session {
    return new Session(context, account, clientId, null)
  }

  static kept(context: MqttContext, account: Account, clientId: string): Session {
    const id = context.keeper.createSession(account.name, clientId)
    return new Session(context, account, clientId, id)
  }

  /** A session of an earlier run: its QoS 1 filters take messages from now on. */
  static restored(context: MqttContext, account: Account, kept: KeptSession): Session {
    const session = new Session(context, account, kept.clientId, kept.id, kept)
    for (const { filter, qos } of kept.filters) {
      const added = session.#addFilter(filter, qos)
      if (qos === 1) added?.activate(account)
    }
    return session
  }

  get isConnected(): boolean {
    return this.#connection !== null
  }

  get onTheWay(): number {
    return this.#onTheWay.size
  }

  /** The client is here (again). Filters it may no longer use are dropped. */
  attach(connection: Downlink, permissions: Permissions | null): void {
    this.#connection = connection
    this.permissions = permissions
    for (const filter of this.filters.values()) {
      if (permissions === null || permissions.maySubscribe(filter.pattern, '')) {
        filter.activate(this.account)
      } else {
        this.unsubscribe(filter.filter)
      }
    }
  }

  /** After CONNACK: first what was on the way, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1]. */
  resume(): void {
    this.#unsent = [...this.#onTheWay.keys()].reverse()
    this.pump()
    this.#watch()
  }

  /** The client has gone; a kept session goes on taking QoS 1 messages. */
  detach(): void {
    this.#connection = null
    this.#unsent = []
    this.#timer?.cancel()
    this.#timer = null
    for (const filter of this.filters.values()) {
      if (this.keptId === null || filter.qos === 0) filter.deactivate(this.account)
    }
  }

  /** The session ends, with all it has [MQTT-3.1.2-6]. */
  discard(): void {
    this.detach()
    for (const filter of this.filters.values()) filter.deactivate(this.account)
    this.filters.clear()
    if (this.keptId !== null) this.#context.keeper.deleteSession(this.keptId)
  }

  /** Returns the filter, new or with its new QoS [MQTT-3.8.4-3]; null when it cannot be. */
  subscribe(topicFilter: string, qos: 0 | 1): Filter | null {
    const known = this.filters.get(topicFilter)
    if (!known && this.filters.size >= this.#context.options.max_subscriptions) return null
    const filter = known ?? this.#addFilter(topicFilter, qos)
    if (filter === null) return null
    if (this.permissions?.maySubscribe(filter.pattern, '') === false) {
      if (!known) this.#dropFilter(filter)
      return null
    }
    filter.qos = qos
    filter.activate(this.account)
    if (this.keptId !== null) this.#context.keeper.subscribe(this.keptId, topicFilter, qos)
    return filter
  }

  unsubscribe(topicFilter: string): void {
    const filter = this.filters.get(topicFilter)
    if (!filter) return
    this.#dropFilter(filter)
    if (this.keptId !== null) this.#context.keeper.unsubscribe(this.keptId, topicFilter)
  }

  // --- the way to the client ---

  deliver(message: Message, filter: Filter): void {
    const current = this.#context.current
    // A mapping or an import may have given it another subject.
    const isMqtt = current.message === message && current.subject === message.target
    const qos = isMqtt ? current.qos : publishedQos(message)
    const connection = this.#connection
    const { chunk, payloadStart, payloadEnd } = message
    if (qos > 0 && filter.qos > 0) {
      const mapped = isMqtt ? null : filter.mapped(message.target)
      if (!isMqtt && mapped === null) {
        this.#context.counters.unmappedMsgs++
        return
      }
      const topic = mapped?.topic ?? current.topic
      const wire = mapped?.wire ?? current.wireTopic
      this.#enqueue(topic, wire, chunk.subarray(payloadStart, payloadEnd), false, message.receipt)
    } else if (connection === null) {
      // Without a client there is nobody to send a QoS 0 message to.
    } else if (isMqtt) {
      connection.forward(current.prefix, current.prefixBytes, chunk, payloadStart, payloadEnd)
    } else {
      const mapped = filter.mapped(message.target)
      if (mapped === null) this.#context.counters.unmappedMsgs++
      else connection.publish(publishFirst, mapped.wire, 0, chunk, payloadStart, payloadEnd)
    }
  }

  /** What is retained for a new subscription, as far as the user may read it [MQTT-3.3.1-6]. */
  deliverAllRetained(all: RetainedMessages, { filter, pattern, qos: granted }: Filter): void {
    for (const { topic, subject, payload, qos } of all.matching(filter, pattern)) {
      if (this.permissions?.mayReceive(subject) === false) continue
      this.#deliverRetained(topic, payload, qos === 0 ? 0 : granted)
    }
  }

  #deliverRetained(topic: string, payload: Buffer, qos: 0 | 1): void {
    const wire = wireTopic(topic)
    if (wire === null) return
    if (qos === 1) this.#enqueue(topic, wire, payload, true, null)
    else this.#connection?.publish(publishFirst | retainFlag, wire, 0, payload, 0, payload.length)
  }

  /** PUBACK. One that is unknown removes nothing: its message was sent twice, or dropped. */
  acknowledge(packetId: number): void {
    const entry = this.#onTheWay.get(packetId)
    if (entry !== undefined) {
      this.#onTheWay.delete(packetId)
      this.backlog.remove(entry.seq, entry.bytes)
    }
    this.pump()
  }

  /** Sends what waits, as far as window and connection allow. */
  pump(): void {
    while (this.#unsent.length > 0) {
      if (this.#connection?.congested !== false) return
      this.#sendAgain(this.#unsent.pop() ?? 0)
    }
    const windowMax = this.#context.options.max_ack_pending
    while (this.#connection?.congested === false && this.#sentSeq < this.backlog.lastSeq) {
      const batch = this.#batch(windowMax)
      if (this.#onTheWay.size > windowMax - batch) return
      const messages = this.backlog.read(this.#sentSeq, batch)
      for (const message of messages) {
        if (this.#connection?.congested !== false) return
        this.#sendStored(message)
      }
      if (messages.length < batch) this.#sentSeq = this.backlog.lastSeq
    }
  }

  /** Messages to read at a time: few when they are large, as they are in memory at once. */
  #batch(windowMax: number): number {
    const { messages, bytes } = this.backlog
    const fitting = Math.max(1, Math.floor((batchBytes * messages) / Math.max(1, bytes)))
    return Math.min(batchMax, fitting, Math.ceil(windowMax / 2))
  }

  /** QoS 2 towards us: false when this packet identifier is under way already [MQTT-4.3.3-2]. */
  receive(packetId: number): boolean {
    if (this.received.has(packetId)) return false
    this.received.add(packetId)
    if (this.keptId !== null) this.#context.keeper.receive(this.keptId, packetId)
    return true
  }

  release(packetId: number): void {
    if (!this.received.delete(packetId)) return
    if (this.keptId !== null) this.#context.keeper.release(this.keptId, packetId)
  }

  #enqueue(
    topic: string,
    wire: Buffer,
    payload: Buffer,
    retain: boolean,
    receipt: Receipt | null,
  ): void {
    const { keeper, counters, options } = this.#context
    const isCaughtUp = this.#sentSeq === this.backlog.lastSeq && this.#unsent.length === 0
    const droppedBefore = this.backlog.dropped
    const seq = this.backlog.append(topic, payload, retain)
    counters.droppedMsgs += this.backlog.dropped - droppedBefore
    if (seq === 0) return this.#unkept(wire, payload, retain, receipt)
    if (this.keptId !== null && receipt !== null) {
      receipt.hold() // keeps invariant 1
      keeper.onDisk(error => receipt.release(error))
    }
    if (!isCaughtUp || this.#connection?.congested !== false) return
    if (this.#onTheWay.size >= options.max_ack_pending) return
    this.#sentSeq = seq
    const entry = { seq, bytes: topic.length + payload.length, sentMs: 0 }
    this.#send(this.#nextPacketId(), entry, wire, payload, retain ? retainFlag : 0)
  }

  /** The disk takes nothing: a client that is here gets the message all the same, at QoS 0. */
  #unkept(wire: Buffer, payload: Buffer, retain: boolean, receipt: Receipt | null): void {
    const first = publishFirst | (retain ? retainFlag : 0)
    if (this.#connection) this.#connection.publish(first, wire, 0, payload, 0, payload.length)
    else this.#context.counters.droppedMsgs++
    receipt?.hold()
    receipt?.release(new Error('session store is not available'))
  }

  #sendStored(message: KeptMessage): void {
    this.#sentSeq = message.seq
    const wire = wireTopic(message.topic)
    const subject = this.permissions === null ? null : subjectOfTopic(message.topic)
    const isDenied = subject !== null && this.permissions?.mayReceive(subject) === false
    if (wire === null || isDenied) {
      this.backlog.remove(message.seq, sizeOf(message))
      return
    }
    const isRepeated = message.seq <= this.#restoredSeq
    const flags = (isRepeated ? dupFlag : 0) | (message.retain ? retainFlag : 0)
    const entry = { seq: message.seq, bytes: sizeOf(message), sentMs: 0 }
    this.#send(this.#nextPacketId(), entry, wire, message.payload, flags)
  }

  #send(packetId: number, entry: OnTheWay, wire: Buffer, payload: Buffer, flags: number): void {
    entry.sentMs = this.#context.clock.monotonicMs()
    this.#onTheWay.set(packetId, entry)
    const first = publishFirst | qos1 | flags
    this.#connection?.publish(first, wire, packetId, payload, 0, payload.length)
    if (this.#timer === null) this.#watch()
  }

  /** The same packet identifier, with DUP [MQTT-3.3.1-1]. */
  #sendAgain(packetId: number): void {
    const entry = this.#onTheWay.get(packetId)
    if (entry === undefined) return
    // Out and in again: the map stays in the order of sending.
    this.#onTheWay.delete(packetId)
    const message = this.backlog.get(entry.seq)
    const wire = message ? wireTopic(message.topic) : null
    if (message === undefined || wire === null) return
    this.#context.counters.redeliveredMsgs++
    const flags = dupFlag | (message.retain ? retainFlag : 0)
    this.#send(packetId, entry, wire, message.payload, flags)
  }

  /** One timer a session, for the message that was sent first. */
  #watch(delayMsMin = 0): void {
    this.#timer?.cancel()
    this.#timer = null
    const [oldest] = this.#onTheWay.values()
    if (oldest === undefined || this.#connection === null) return
    const { clock, options } = this.#context
    const delayMs = oldest.sentMs + options.ack_wait - clock.monotonicMs()
    this.#timer = clock.after(Math.max(delayMs, delayMsMin), () => {
      this.#timer = null
      this.#sendOverdue()
      // A congested connection has sent nothing again: that is no reason to hurry.
      this.#watch(delayMsMinBusy)
    })
  }

  #sendOverdue(): void {
    const { clock, options } = this.#context
    const beforeMs = clock.monotonicMs() - options.ack_wait
    for (const [packetId, entry] of [...this.#onTheWay]) {
      if (entry.sentMs > beforeMs || this.#connection?.congested !== false) break
      this.#sendAgain(packetId)
    }
    // Messages that were dropped on the way have left room in the window: no PUBACK may come.
    this.pump()
  }

  #nextPacketId(): number {
    do this.#packetId = this.#packetId === packetIdMax ? 1 : this.#packetId + 1
    while (this.#onTheWay.has(this.#packetId))
    return this.#packetId
  }

  #addFilter(topicFilter: string, qos: 0 | 1): Filter | null {
    const pattern = patternOfFilter(topicFilter)
    if (pattern === null) return null
    const filter = new Filter(this, topicFilter, pattern, qos)
    this.filters.set(topicFilter, filter)
    return filter
  }

  #dropFilter(filter: Filter): void {
    this.filters.delete(filter.filter)
    filter.deactivate(this.account)
  }
}
