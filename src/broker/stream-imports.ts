// Streams that an account imports: each of its subscriptions that an import touches has a shadow in
// the account that exports, on the subject as it is called there. What the shadow gets goes to the
// subscription itself, under the subject it has here. Rule: reference 5.4; nats-server's shadows.
//
//   exporter: foo.a  ->  shadow of `in.>` on `foo.>`  ->  importer: in.foo.a
//
// One step only: a shadow casts none, so that an import does not reach what the exporter imports.
// The members of a queue group have shadows in a group of that name.

import type { Account } from '../account/account.ts'
import type { PlannedImport } from '../account/sharing-plan.ts'
import type { LocalSink, Message, Origin, RemoteSink, Subscription } from '../message.ts'
import { covers } from '../subject/subject.ts'
import { newSubscription } from './post.ts'
import { notDelivered } from './publish.ts'

export class StreamImport {
  readonly plan: PlannedImport
  /** Who exports. */
  readonly exporter: Account
  readonly #importer: Account
  readonly #reverse: ReturnType<NonNullable<PlannedImport['map']>['reversed']> | null
  readonly #shadows = new Map<Subscription, Subscription>()
  /** One a peer: a message crosses to it once, however many of its subscriptions it meets. */
  readonly #peers = new Map<RemoteSink, RemoteShadow>()
  /** The subject that came last, and what it is called here. */
  #lastFrom = ''
  #lastTo = ''

  constructor(plan: PlannedImport, importer: Account, exporter: Account) {
    this.plan = plan
    this.exporter = exporter
    this.#importer = importer
    this.#reverse = plan.map?.reversed() ?? null
  }

  get shadows(): number {
    return this.#shadows.size
  }

  add(subscription: Subscription): void {
    const subject = this.#subjectThere(subscription.subject)
    if (subject === null) return
    const shadow = newSubscription(subject, this.#sinkFor(subscription), subscription.queue)
    shadow.weight = subscription.weight
    this.#shadows.set(subscription, shadow)
    this.exporter.subscribe(shadow)
  }

  remove(subscription: Subscription): void {
    const shadow = this.#shadows.get(subscription)
    if (!shadow) return
    this.#shadows.delete(subscription)
    this.exporter.unsubscribe(shadow)
    const { sink } = subscription
    if (sink.remote && this.#peers.get(sink)?.released() === 0) this.#peers.delete(sink)
  }

  close(): void {
    for (const subscription of [...this.#shadows.keys()]) this.remove(subscription)
  }

  /** What the exporter's subject is called here. */
  rename(subject: string): string {
    if (subject === this.#lastFrom) return this.#lastTo
    const { map, isSame, to } = this.plan
    this.#lastTo = map !== null ? map.apply(subject) : isSame ? subject : to
    this.#lastFrom = subject
    return this.#lastTo
  }

  #sinkFor(subscription: Subscription): LocalSink | RemoteSink {
    const { sink } = subscription
    if (!sink.remote) return new LocalShadow(this, this.#importer, subscription, sink)
    const shadow = this.#peers.get(sink) ?? new RemoteShadow(this, sink)
    this.#peers.set(sink, shadow)
    shadow.used()
    return shadow
  }

  /** What a subscription here has to listen to there; null = the import brings it nothing. */
  #subjectThere(subject: string): string | null {
    const { from, to, isSame } = this.plan
    if (subject === to || covers(subject, to)) return from
    const met = covers(to, subject) ? subject : meeting(subject, to)
    if (met === null) return null
    return isSame ? met : (this.#reverse?.apply(met) ?? from)
  }
}

/** The pattern of what both reach, where neither covers the other; null = they do not meet. */
function meeting(subject: string, to: string): string | null {
  const tokens = subject.split('.')
  const others = to.split('.')
  for (let at = 0; at < tokens.length && at < others.length; at++) {
    if (tokens[at] === '*' && others[at] !== '>') tokens[at] = others[at] as string
  }
  const last = tokens.length - 1
  if (tokens[last] === '>' && others.length >= tokens.length) {
    tokens.splice(last, 1, ...others.slice(last))
  }
  const met = tokens.join('.')
  return covers(to, met) ? met : null
}

class LocalShadow implements LocalSink {
  readonly remote = false
  readonly isShadow = true
  readonly #import: StreamImport
  readonly #importer: Account
  readonly #subscription: Subscription
  readonly #sink: LocalSink

  constructor(of: StreamImport, importer: Account, subscription: Subscription, sink: LocalSink) {
    this.#import = of
    this.#importer = importer
    this.#subscription = subscription
    this.#sink = sink
  }

  deliver(message: Message, _: Subscription, origin: Origin): void {
    const subscription = this.#subscription
    // What a service import brought is not exported again as a stream.
    if (subscription.closed || origin.kind === 'account') return notDelivered()
    const { subject, target } = message
    renameIn(message, this.#import)
    subscription.delivered++
    this.#sink.deliver(message, subscription, origin)
    message.subject = subject
    message.target = target
    if (subscription.max > 0 && subscription.delivered >= subscription.max) {
      this.#importer.unsubscribe(subscription)
    }
  }
}

class RemoteShadow implements RemoteSink {
  readonly remote = true
  readonly isShadow = true
  readonly #import: StreamImport
  readonly #sink: RemoteSink
  #uses = 0

  constructor(of: StreamImport, sink: RemoteSink) {
    this.#import = of
    this.#sink = sink
  }

  used(): void {
    this.#uses++
  }

  released(): number {
    return --this.#uses
  }

  accepts(origin: Origin, subscription: Subscription): boolean {
    return origin.kind !== 'account' && this.#sink.accepts(origin, subscription)
  }

  deliver(
    message: Message,
    subscription: Subscription,
    queues: readonly string[] | null,
    origin: Origin,
  ): void {
    const { subject, target } = message
    renameIn(message, this.#import)
    this.#sink.deliver(message, subscription, queues, origin)
    message.subject = subject
    message.target = target
  }
}

/** A JetStream delivery keeps the subject it shows; only where it goes has another name. */
function renameIn(message: Message, of: StreamImport): void {
  const { subject, target } = message
  const renamed = of.rename(target)
  message.target = renamed
  if (subject === target) message.subject = renamed
}
