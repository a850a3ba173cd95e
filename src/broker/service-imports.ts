// A service that an account imports: what is published here on its subject goes to the account that
// exports it, with a reply subject there that stands for the one here. Rule: reference 5.4.
//
//   importer: my.help, reply _INBOX.1  ->  exporter: help, reply _R_.x.y  ->  back to _INBOX.1
//
// Imports may be chained through accounts. A request that comes by an export it has come by before
// ends there, and so does one that has come through `depthMax` of them.

import type { Account } from '../account/account.ts'
import type { PlannedImport } from '../account/sharing-plan.ts'
import type { LocalSink, Message, Origin, Subscription } from '../message.ts'
import type { Latency, Measurement } from './latency.ts'
import { newSubscription } from './post.ts'
import { notDelivered, publish } from './publish.ts'
import { type RequestInfo, readRequestInfo, withRequestInfo } from './request-info.ts'
import { importedOrigin, type Response, type Responses } from './responses.ts'

export interface ServiceHost {
  readonly latency: Latency
  responsesOf(account: Account): Responses
  /** What is told of who asks. */
  describe(origin: Origin, account: string, isDetailed: boolean): RequestInfo
  /** Where this is, for those who may know: `server` and `cluster`. */
  whereabouts(): RequestInfo
}

/** Services in a chain of imports; no config needs more. */
const depthMax = 32

/** Imports that the message under way has come through, and who sent it first. */
const path: ServiceImport[] = []
let asker: Origin = importedOrigin

export class ServiceImport implements LocalSink {
  readonly remote = false
  readonly isImport = true
  readonly isService = true
  readonly plan: PlannedImport
  readonly importer: Account
  readonly exporter: Account
  readonly #host: ServiceHost
  readonly #subscription: Subscription

  constructor(plan: PlannedImport, importer: Account, exporter: Account, host: ServiceHost) {
    this.plan = plan
    this.importer = importer
    this.exporter = exporter
    this.#host = host
    this.#subscription = newSubscription(plan.to, this)
  }

  start(): void {
    this.importer.subscribe(this.#subscription)
  }

  close(): void {
    this.importer.unsubscribe(this.#subscription)
  }

  /** Nothing is owed by it any more, and by no other of this account. */
  withdraw(): void {
    const { plan, importer, exporter } = this
    this.#host.responsesOf(exporter).withdraw(plan, importer)
    this.#host.responsesOf(importer).withdraw(plan, exporter)
  }

  deliver(message: Message, _: Subscription, origin: Origin): void {
    // The server of the cluster that it was published at has passed it on.
    if (origin.kind === 'route' || path.length >= depthMax) return notDelivered()
    const { export: exported } = this.plan
    if (path.some(one => one.plan.export === exported)) return notDelivered()
    const isFirst = path.length === 0
    if (isFirst) asker = origin
    path.push(this)
    const count = this.#pass(message)
    path.pop()
    if (isFirst) asker = importedOrigin
    if (count === 0) notDelivered()
  }

  /** Returns how many took it over there. */
  #pass(message: Message): number {
    const { exporter } = this
    const measurement = this.#measure(message)
    const response = this.#await(message, measurement)
    const there = this.#subjectThere(message.target)
    const subject = exporter.mappings?.select(there) ?? there
    if (subject === '') return 0
    const passed = this.#withInfo(message)
    passed.subject = subject
    passed.target = subject
    passed.reply = response?.subject ?? message.reply
    const count = publish(exporter, passed, importedOrigin)
    if (count === 0 && response !== null) response.by.end(response, 'undelivered')
    return count
  }

  #subjectThere(subject: string): string {
    const { map, isSame, from } = this.plan
    return map !== null ? map.apply(subject) : isSame ? subject : from
  }

  /** The answer that will be owed; acks of JetStream keep their subject. */
  #await({ reply }: Message, measurement: Measurement | null): Response | null {
    if (reply === '' || reply.startsWith('$JS.ACK.')) return null
    const { rule, export: exported } = this.plan
    return this.#host.responsesOf(this.exporter).add({
      account: this.importer,
      reply,
      export: exported,
      via: this.plan,
      isShared: rule.share,
      measurement,
    })
  }

  #measure(message: Message): Measurement | null {
    const { rule, export: exported } = this.plan
    const { latency } = exported
    if (latency === null || exported.responseType !== 'Singleton') return null
    const who = () => this.#host.describe(asker, this.#first.name, rule.share)
    const measurement = this.#host.latency.begin(latency, message, who)
    if (measurement === null || message.reply !== '') return measurement
    this.#host.latency.failed(this.exporter, measurement, 'unasked')
    return null
  }

  /** Whose the request was when it crossed first. */
  get #first(): Account {
    return (path[0] ?? this).importer
  }

  #withInfo(message: Message): Message {
    const info = this.#info(message)
    return info === null
      ? { ...message, match: null, queues: null }
      : withRequestInfo(message, info)
  }

  #info(message: Message): RequestInfo | null {
    const before = path[path.length - 2]
    const { share } = this.plan.rule
    const { isSystem } = this.exporter
    if (before === undefined) {
      const info = this.#host.describe(asker, this.importer.name, share)
      return !share && isSystem ? { ...info, ...this.#host.whereabouts() } : info
    }
    const known = readRequestInfo(message)
    if (known === null) return null
    const knowsWhere = before.plan.rule.share || !(share || isSystem)
    return { ...known, svc: this.importer.name, ...(knowsWhere ? {} : this.#host.whereabouts()) }
  }
}
