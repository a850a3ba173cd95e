// Follows a stream, here or behind a leaf node, through an ordered consumer of its own
// (reference 4.9): what is lost, repeated or stalled on the way is noticed, and the consumer is
// made anew from what is stored. So every message arrives once and in order.
//
//              ask                       answer
//   waiting ─────────▶ asking ─────────────────────────▶ following
//      ▲  ▲              │ error, silence of 10 s, nobody    │ a gap, silence of 10 s, a message
//      │  └──────────────┘                                   │ that could not be stored, a group
//      └─────────────────────────────────────────────────────┘ that was rolled back
//
// Flow control is answered once everything before it is on disk: what is under way stays bounded
// by the window the origin grants.

import type { Account } from '../../../src/account/account.ts'
import type { Clock, Timer } from '../../../src/base/clock.ts'
import type { Log } from '../../../src/base/log.ts'
import { headersOf, newSubscription, payloadOf, post } from '../../../src/broker/post.ts'
import type { LocalSink, Message, Subscription } from '../../../src/message.ts'
import { jetstreamOrigin } from '../replies.ts'
import type { ApiError, Durable, NewMessage, StreamSourceConfig } from '../shapes.ts'
import {
  consumerRequest,
  type Delivery,
  type FeedKind,
  readAnswer,
  readDelivery,
  type Start,
  token,
} from './request.ts'

/** Where the messages go: a mirror or one of a stream's sources. */
export interface FeedTarget {
  /** Asked before every request. */
  start(): Start
  /** The consumer stands; nothing up to `deliveredSeq` will come. */
  begun(deliveredSeq: number): void
  /** False: it cannot be stored now. The message is a view, valid during the call. */
  take(message: NewMessage, delivery: Delivery): boolean
  /** False: what was taken has been rolled back. */
  isIntact(): boolean
}

export interface FeedParts {
  readonly account: Account
  readonly durable: Durable
  readonly clock: Clock
  readonly log: Log
  readonly kind: FeedKind
  readonly source: StreamSourceConfig
  /** For the log: `S1 > S2`. */
  readonly label: string
  readonly target: FeedTarget
}

type State =
  | { readonly is: 'closed' }
  | { readonly is: 'waiting'; readonly timer: Timer }
  | {
      readonly is: 'asking'
      readonly subscription: Subscription
      readonly deliverSubject: string
      readonly timer: Timer
    }
  | {
      readonly is: 'following'
      readonly subscription: Subscription
      readonly consumer: string
      /** Number of the consumer's last delivery. */
      consumerSeq: number
      timer: Timer
    }

type Following = Extract<State, { is: 'following' }>

/** The account's other streams and its API come up first. */
const firstMs = 100
const answerMsMax = 10_000
const silenceMsMax = 10_000
/** Nobody listens there: the link is down. */
const unheardMs = 1000
const retryMs = 2000
const retryMsMax = 60_000

export class Feed implements LocalSink {
  readonly remote = false
  readonly source: StreamSourceConfig
  /** Messages the origin has and we do not. */
  lag = 0
  error: ApiError | null = null
  readonly #parts: FeedParts
  #state: State = { is: 'closed' }
  #heardMs = -1
  #fails = 0

  constructor(parts: FeedParts) {
    this.#parts = parts
    this.source = parts.source
  }

  start(): void {
    this.#wait(firstMs)
  }

  /** Idempotent. The consumer at the origin goes when nobody listens to it any more. */
  close(): void {
    this.#leave()
    this.#state = { is: 'closed' }
  }

  /** Since the origin was last heard of; -1: never. */
  activeMs(): number {
    return this.#heardMs < 0 ? -1 : this.#parts.clock.monotonicMs() - this.#heardMs
  }

  deliver(message: Message, subscription: Subscription): void {
    const state = this.#state
    if (state.is === 'closed' || state.is === 'waiting') return
    if (subscription !== state.subscription) return
    if (state.is === 'asking') this.#answered(message, state.deliverSubject)
    else this.#follow(state, message)
  }

  #wait(ms: number): void {
    this.#leave()
    this.#state = { is: 'waiting', timer: this.#parts.clock.after(ms, () => this.#ask()) }
  }

  #leave(): void {
    const state = this.#state
    if (state.is === 'closed') return
    state.timer.cancel()
    if (state.is !== 'waiting') this.#parts.account.unsubscribe(state.subscription)
  }

  #failed(): void {
    this.#wait(Math.min(retryMs * 2 ** Math.min(this.#fails++, 8), retryMsMax))
  }

  #again(why: string): void {
    const { log, label } = this.#parts
    if (log.debugOn) log.debug(`JetStream ${label}: ${why}, asking for a new consumer`)
    this.#failed()
  }

  #ask(): void {
    const { account, clock, durable, kind, source, target } = this.#parts
    if (durable.sick) return this.#wait(unheardMs)
    const request = consumerRequest(source, kind, target.start())
    const reply = `$JSC.R.${token()}`
    const subscription = newSubscription(reply, this)
    const timer = clock.after(answerMsMax, () => this.#again('no answer'))
    const asking: State = {
      is: 'asking',
      subscription,
      deliverSubject: request.deliverSubject,
      timer,
    }
    this.#state = asking
    account.subscribe(subscription)
    const { subject, body } = request
    const heard = post(account, jetstreamOrigin, { subject, reply, payload: body })
    if (heard === 0 && this.#state === asking) this.#wait(unheardMs)
  }

  #answered(message: Message, deliverSubject: string): void {
    const { account, log, label, target, durable } = this.#parts
    const answer = readAnswer(payloadOf(message))
    if (answer === null) return this.#again('answer not understood')
    if (answer.is === 'refused') {
      const { err_code, description } = answer.error
      log.warn(`JetStream ${label}: create consumer failed: ${description} (${err_code})`)
      this.error = answer.error
      return this.#failed()
    }
    if (durable.sick) return this.#again('the store is sick')
    this.#leave()
    target.begun(answer.deliveredSeq)
    this.error = null
    this.#heardMs = this.#parts.clock.monotonicMs()
    const subscription = newSubscription(deliverSubject, this)
    this.#state = {
      is: 'following',
      subscription,
      consumer: answer.consumer,
      consumerSeq: 0,
      timer: this.#watch(silenceMsMax),
    }
    account.subscribe(subscription)
  }

  #watch(ms: number): Timer {
    return this.#parts.clock.after(ms, () => {
      const state = this.#state
      if (state.is !== 'following') return
      const leftMs = silenceMsMax - this.activeMs()
      if (leftMs <= 0) return this.#again('nothing heard')
      state.timer = this.#watch(leftMs)
    })
  }

  #follow(state: Following, message: Message): void {
    this.#heardMs = this.#parts.clock.monotonicMs()
    const payload = payloadOf(message)
    const headers = headersOf(message)
    if (payload.length === 0 && isStatus(headers)) return this.#control(state, message, headers)
    const delivery = readDelivery(message.reply)
    if (!delivery || delivery.consumer !== state.consumer) return
    if (delivery.deliveries > 1 || delivery.consumerSeq <= state.consumerSeq) return
    const { target } = this.#parts
    if (delivery.consumerSeq !== state.consumerSeq + 1) return this.#again('messages are missing')
    if (!target.isIntact()) return this.#again('messages were rolled back')
    state.consumerSeq = delivery.consumerSeq
    this.lag = Math.max(0, delivery.pending - 1)
    if (delivery.pending === 0) this.lag = 0
    if (target.take({ subject: message.subject, headers, payload }, delivery)) this.#fails = 0
    else this.#again('message not stored')
  }

  /** A heartbeat, or the origin asks whether we keep up. */
  #control(state: Following, message: Message, headers: Buffer): void {
    if (message.reply !== '') return this.#confirm(message.reply)
    const lines = headers.toString('latin1')
    const last = /\r\nNats-Last-Consumer: *(\d+)\r\n/i.exec(lines)?.[1]
    if (last !== undefined && Number(last) > 0 && Number(last) !== state.consumerSeq) {
      return this.#again('messages are missing')
    }
    if (!this.#parts.target.isIntact()) return this.#again('messages were rolled back')
    this.#fails = 0
    const stalled = /\r\nNats-Consumer-Stalled: *(\S+)\r\n/i.exec(lines)?.[1]
    if (stalled !== undefined) this.#confirm(stalled)
  }

  #confirm(subject: string): void {
    const { account, durable } = this.#parts
    const state = this.#state
    durable.onDisk(error => {
      if (!error && this.#state === state) post(account, jetstreamOrigin, { subject })
    })
  }
}

function isStatus(headers: Buffer): boolean {
  return headers.length > 0 && headers.toString('latin1', 0, 13) === 'NATS/1.0 100 '
}
