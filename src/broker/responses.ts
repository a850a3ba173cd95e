// The answers that services of an account still owe to other accounts: `_R_.<prefix>.<id>` in the
// account of the service stands for the inbox of who asked (reference 5.4).
//
// An entry goes with its last answer (Singleton: the first, Streamed and Chunked: an empty one),
// when nobody took an answer, when nobody waits any more, or when the export's threshold has
// passed since the last. At `responsesMax` the oldest is forgotten.

import type { Account } from '../account/account.ts'
import type { PlannedImport } from '../account/sharing-plan.ts'
import type { ExportRule } from '../account/sharing.ts'
import { newNuid } from '../base/nuid.ts'
import type { Clock, Timer } from '../base/clock.ts'
import type { LocalSink, Message, Origin, Subscription } from '../message.ts'
import { hasWildcard, matches } from '../subject/subject.ts'
import type { Measurement } from './latency.ts'
import { newSubscription } from './post.ts'
import { notDelivered, publish } from './publish.ts'

/** An answer that is owed. */
export interface Response {
  /** `_R_.…` */
  readonly subject: string
  /** Of the account whose service owes it. */
  readonly by: Responses
  /** Whose account waits, and on which subject. */
  readonly account: Account
  readonly reply: string
  readonly export: ExportRule
  /** The import that the request came by. */
  readonly via: PlannedImport
  readonly isShared: boolean
  /** The answer's time is measured; null = it is not. */
  readonly measurement: Measurement | null
  sinceMs: number
}

export type EndReason = 'answered' | 'undelivered' | 'late' | 'unwanted' | 'withdrawn'

export interface ResponsesOwner {
  readonly clock: Clock
  /** Where answers are awaited; sees to it that they are forgotten when nobody listens. */
  responsesOf(account: Account): Responses
  ended(response: Response, reason: EndReason): void
  answered(response: Response, origin: Origin): void
}

const responsesMax = 65_536
const sweepsPerThreshold = 4
const sweepMsMin = 10
/** When a wildcard ends, so many answers are looked at there and then; more of them later. */
const lookedAtOnceMax = 64
const lookMs = 5000
/** Wildcards that have ended since; what more of them leave behind ends with the threshold. */
const endedMax = 8

/** What has crossed from another account. */
export const importedOrigin: Origin = {
  kind: 'account',
  sink: null,
  echo: true,
  permissions: null,
}

export class Responses implements LocalSink {
  readonly remote = false
  readonly isService = true
  readonly account: Account
  /** Forgotten because there were too many. */
  forgotten = 0
  readonly open = new Map<string, Response>()
  /** Answers that this account waits for, by inbox. */
  readonly awaited = new Map<string, Set<Response>>()
  readonly #owner: ResponsesOwner
  #prefix = ''
  #subscription: Subscription | null = null
  #timer: Timer | null = null
  #timerMs = 0
  /** Wildcards that have ended; who awaited what there is still to be looked at. */
  readonly #ended = new Set<string>()
  #look: Timer | null = null

  constructor(account: Account, owner: ResponsesOwner) {
    this.account = account
    this.#owner = owner
  }

  /** Somebody of `account` waits for an answer on `reply`; returns what the service is told. */
  add(asked: Omit<Response, 'subject' | 'by' | 'sinceMs'>): Response {
    if (this.#subscription === null) this.#listen()
    const subject = `${this.#prefix}${newNuid(6)}`
    const sinceMs = this.#owner.clock.monotonicMs()
    const response: Response = { ...asked, subject, by: this, sinceMs }
    this.open.set(subject, response)
    const { awaited } = this.#owner.responsesOf(asked.account)
    const others = awaited.get(asked.reply)
    if (others) others.add(response)
    else awaited.set(asked.reply, new Set([response]))
    this.#arm(asked.export.responseThresholdMs)
    if (this.open.size > responsesMax) {
      this.forgotten++
      for (const oldest of this.open.values()) {
        this.end(oldest, 'late')
        break
      }
    }
    return response
  }

  end(response: Response, reason: EndReason): void {
    if (!this.open.delete(response.subject)) return
    const { awaited } = this.#owner.responsesOf(response.account)
    const others = awaited.get(response.reply)
    others?.delete(response)
    if (others?.size === 0) awaited.delete(response.reply)
    this.#owner.ended(response, reason)
  }

  /** Answers go on to who asked; what they bring as a reply is owed the other way round. */
  deliver(message: Message, _: Subscription, origin: Origin): void {
    const response = this.open.get(message.target)
    if (!response) return notDelivered()
    const { account, reply, export: service } = response
    this.#owner.answered(response, origin)
    const shown = message.subject === message.target ? reply : message.subject
    const back: Message = {
      ...message,
      subject: shown,
      target: reply,
      reply: this.#replyOf(message, response),
      match: null,
      queues: null,
    }
    const count = publish(account, back, importedOrigin)
    if (count === 0) notDelivered()
    const isEmpty = message.payloadEnd === message.bodyStart
    if (count === 0) this.end(response, 'undelivered')
    else if (service.responseType === 'Singleton' || isEmpty) this.end(response, 'answered')
    else response.sinceMs = this.#owner.clock.monotonicMs()
  }

  /** An ack goes its own way: the importer imports `$JS.ACK.>` for it. */
  #replyOf({ reply }: Message, response: Response): string {
    if (reply === '' || reply.startsWith('$JS.ACK.')) return reply
    const { account: asker, export: service, isShared } = response
    const back = this.#owner.responsesOf(asker).add({
      account: this.account,
      reply,
      export: service,
      via: response.via,
      isShared,
      measurement: null,
    })
    return back.subject
  }

  /** A subscription of this account has ended: is anything still awaited there? */
  unsubscribed({ subject }: Subscription): void {
    if (this.awaited.size === 0) return
    if (!hasWildcard(subject)) return this.#unwanted(subject)
    if (this.awaited.size <= lookedAtOnceMax) return this.#lookAt([subject])
    // Whoever begins and ends a wildcard all day, while thousands are owed, holds nobody up.
    if (this.#ended.size < endedMax) this.#ended.add(subject)
    this.#look ??= this.#owner.clock.after(lookMs, () => {
      this.#look = null
      const patterns = [...this.#ended]
      this.#ended.clear()
      this.#lookAt(patterns)
    })
  }

  /** The import is gone, or what it imported: neither way anything is owed by it. */
  withdraw(plan: PlannedImport, other: Account): void {
    for (const response of [...this.open.values()]) {
      const isBetween = response.account === other && isSameService(response.via, plan)
      if (isBetween) this.end(response, 'withdrawn')
    }
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#look?.cancel()
    this.#look = null
    this.#ended.clear()
    if (this.#subscription !== null) this.account.unsubscribe(this.#subscription)
    this.#subscription = null
    this.open.clear()
    this.awaited.clear()
  }

  #lookAt(patterns: readonly string[]): void {
    for (const reply of [...this.awaited.keys()]) {
      if (patterns.some(pattern => matches(pattern, reply))) this.#unwanted(reply)
    }
  }

  #unwanted(reply: string): void {
    const responses = this.awaited.get(reply)
    if (!responses) return
    const { plain, groups } = this.account.sublist.match(reply)
    if (plain.length > 0 || groups.length > 0) return
    for (const response of [...responses]) response.by.end(response, 'unwanted')
  }

  #listen(): void {
    this.#prefix = `_R_.${newNuid(6)}.`
    this.#subscription = newSubscription(`${this.#prefix}>`, this)
    this.account.subscribe(this.#subscription)
  }

  /** One timer for all: it fires a few times within the shortest threshold. */
  #arm(thresholdMs: number): void {
    const ms = Math.max(thresholdMs / sweepsPerThreshold, sweepMsMin)
    if (this.#timer !== null && ms >= this.#timerMs) return
    this.#timer?.cancel()
    this.#timerMs = ms
    this.#timer = this.#owner.clock.after(ms, () => this.#sweep())
  }

  #sweep(): void {
    this.#timer = null
    const nowMs = this.#owner.clock.monotonicMs()
    let nextMs = Number.POSITIVE_INFINITY
    for (const response of [...this.open.values()]) {
      const { responseThresholdMs } = response.export
      if (nowMs - response.sinceMs >= responseThresholdMs) this.end(response, 'late')
      else nextMs = Math.min(nextMs, responseThresholdMs)
    }
    if (Number.isFinite(nextMs)) this.#arm(nextMs)
  }
}

/** Its terms may be others. */
export function isSameService(one: PlannedImport, other: PlannedImport): boolean {
  return one.account === other.account && one.from === other.from && one.to === other.to
}
