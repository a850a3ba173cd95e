// One topic filter of a session: a sink for the one or two subscriptions that stand for it.

import type { Account } from '../../src/account/account.ts'
import type { Permissions } from '../../src/account/permissions.ts'
import { newSubscription } from '../../src/broker/post.ts'
import type { LocalSink, Message, Subscription } from '../../src/message.ts'
import { wireTopic } from './packet.ts'
import { isTopic, parentOfPattern, startsWithWildcard, topicOfSubject } from './topic.ts'

/** The session a filter belongs to, as far as it matters here. */
export interface FilterOwner {
  readonly permissions: Permissions | null
  deliver(message: Message, filter: Filter): void
}

/** A subject as a topic: text, and with its length before it as PUBLISH carries it. */
export interface MappedTopic {
  readonly subject: string
  readonly topic: string
  readonly wire: Buffer
}

export class Filter implements LocalSink {
  readonly remote = false
  readonly filter: string
  readonly pattern: string
  qos: 0 | 1
  readonly #owner: FilterOwner
  readonly #subscriptions: readonly Subscription[]
  readonly #skipsDollar: boolean
  #isFiltered = false
  #isActive = false
  /** The last subject delivered: most filters see few, and many only one. */
  #mapped: MappedTopic | null = null

  constructor(owner: FilterOwner, filter: string, pattern: string, qos: 0 | 1) {
    this.#owner = owner
    this.filter = filter
    this.pattern = pattern
    this.qos = qos
    this.#skipsDollar = startsWithWildcard(filter)
    const parent = parentOfPattern(pattern)
    const subjects = parent === null ? [pattern] : [pattern, parent]
    this.#subscriptions = subjects.map(subject => newSubscription(subject, this, '', filter))
  }

  get isActive(): boolean {
    return this.#isActive
  }

  activate(account: Account): void {
    this.#isFiltered = this.#owner.permissions?.needsFilter(this.pattern) ?? false
    if (this.#isActive) return
    this.#isActive = true
    for (const subscription of this.#subscriptions) {
      subscription.closed = false
      account.subscribe(subscription)
    }
  }

  deactivate(account: Account): void {
    if (!this.#isActive) return
    this.#isActive = false
    for (const subscription of this.#subscriptions) account.unsubscribe(subscription)
  }

  deliver(message: Message): void {
    const subject = message.target
    if (this.#skipsDollar && subject.charCodeAt(0) === 0x24) return
    if (this.#isFiltered && this.#owner.permissions?.mayReceive(subject) === false) return
    // A consumer's delivery is meant for whoever acknowledges it, as in nats-server.
    if (message.reply !== '' && message.reply.startsWith('$JS.ACK.')) return
    this.#owner.deliver(message, this)
  }

  /** The topic of a subject; null when a PUBLISH cannot carry it. */
  mapped(subject: string): MappedTopic | null {
    if (this.#mapped?.subject === subject) return this.#mapped
    const topic = topicOfSubject(subject)
    const wire = isTopic(topic) ? wireTopic(topic) : null
    if (wire === null) return null
    this.#mapped = { subject, topic, wire }
    return this.#mapped
  }
}
