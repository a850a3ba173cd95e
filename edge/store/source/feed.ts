// Follows a stream, here or behind a leaf node, through an ordered consumer of its own
// (reference 4.9, ADR-59, ADR-60): what is lost, repeated or stalled on the way is noticed, and the
// consumer is made anew from what is stored. So every message arrives once and in order.
//
//              ask                       answer
//   waiting ─────────▶ asking ─────────────────────────▶ following
//      ▲  ▲             │ ▲│ error, silence, nobody         │ a gap, silence of 10 s, a message
//      │  │             └─┘│ too new for the origin:        │ that could not be stored, a group
//      │  └────────────────┘ the old form                   │ that was rolled back
//      └────────────────────────────────────────────────────┘
//
// Flow control is answered once everything before it is on disk, with the sequences that are: what
// is under way stays bounded by the window the origin grants, and an origin that keeps messages
// until they are acknowledged removes none that a power cut here could take back.

import type { Account } from '../../../src/account/account.ts'
import type { Clock, Timer } from '../../../src/base/clock.ts'
import type { Log } from '../../../src/base/log.ts'
import { headersOf, newSubscription, payloadOf, post } from '../../../src/broker/post.ts'
import type { LocalSink, Message, Subscription } from '../../../src/message.ts'
import { jetstreamOrigin } from '../replies.ts'
import type { ApiError, Durable, NewMessage, StreamSourceConfig } from '../shapes.ts'
import { apiLevelRequired, identityMismatch, mirrorNeedsFlow, sourceNeedsFlow } from './errors.ts'
import {
  type Answer,
  type Asker,
  consumerRequest,
  type ConsumerRequest,
  deletionSubject,
  type Delivery,
  type FeedKind,
  type Form,
  readAnswer,
  readDelivery,
  type Start,
  token,
} from './request.ts'

/** Where the messages go: a mirror or one of a stream's sources. */
export interface FeedTarget {
  /**
   * Asked before every request. `isKept`: the origin keeps what is not acknowledged, and only
   * that; what is here already is to come again if it has to, to be acknowledged.
   */
  start(isKept: boolean): Start
  /** Of the origin as it was known last; '' when it is not. */
  readonly identity: string
  /** The origin's sequence up to which everything is dealt with. */
  readonly doneSeq: number
  /** The consumer stands; nothing up to `deliveredSeq` will come. */
  begun(deliveredSeq: number, identity: string): void
  /** Another stream has the origin's name now: from its beginning. */
  recreated(): void
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
  readonly asker: Asker
  /** The consumer's name at the origin. */
  readonly consumer: string
  /** For the log: `S1 > S2`. */
  readonly label: string
  readonly target: FeedTarget
}

type State =
  | { readonly is: 'closed' }
  | {
      readonly is: 'waiting'
      readonly timer: Timer
      /** A consumer of somebody else's that delivers is there again. */
      readonly probe: Subscription | null
    }
  | {
      readonly is: 'asking'
      readonly form: Form
      readonly request: ConsumerRequest
      readonly subscription: Subscription
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

type Asking = Extract<State, { is: 'asking' }>
type Following = Extract<State, { is: 'following' }>
type Made = Extract<Answer, { is: 'made' }>

/** The account's other streams and its API come up first. */
const firstMs = 100
const answerMsMax = 10_000
/** A consumer that is there already has nothing to do but to begin anew. */
const resetMsMax = 5000
const silenceMsMax = 10_000
/** Nobody listens there: the link is down. */
const unheardMs = 1000
const retryMs = 2000
const retryMsMax = 60_000
const invalidJsonCode = 10025

export class Feed implements LocalSink {
  readonly remote = false
  readonly source: StreamSourceConfig
  /** Messages the origin has and we do not. */
  lag = 0
  error: ApiError | null = null
  readonly #parts: FeedParts
  #state: State = { is: 'closed' }
  #heardMs = -1
  #askedMs = 0
  #fails = 0
  #consumer: string
  /** The origin keeps a consumer until it is deleted. */
  #isKept = false
  /** Its name before the config gave it another one. */
  #former = ''
  /** The origin took the new form without knowing what it is. */
  #isOldOrigin = false
  #wasRefused = false

  constructor(parts: FeedParts) {
    this.#parts = parts
    this.source = parts.source
    this.#consumer = parts.consumer
  }

  start(): void {
    this.#wait(firstMs)
  }

  /** Idempotent. A consumer that is not kept goes when nobody listens to it any more. */
  close(): void {
    this.#leave()
    this.#state = { is: 'closed' }
  }

  /** The origin need not keep anything for us any more; best effort, as in nats-server. */
  forsake(): void {
    this.close()
    if (this.source.consumer) return
    this.#delete(this.#consumer)
    if (this.#former !== '') this.#delete(this.#former)
  }

  /** The origin is to know us by another name: not before it does is the old one given up. */
  rename(consumer: string): void {
    if (consumer === this.#consumer) return
    const former = this.#consumer
    this.#consumer = consumer
    if (!this.#isKept || this.#state.is === 'closed') return
    if (this.#former === '') this.#former = former
    this.#wait(0)
  }

  /** The source's sequence up to which its messages are here; a mirror's own tells as much. */
  get seq(): number {
    return this.#parts.kind === 'S' ? this.#parts.target.doneSeq : 0
  }

  /** Since the origin was last heard of; -1: never. */
  activeMs(): number {
    return this.#heardMs < 0 ? -1 : this.#parts.clock.monotonicMs() - this.#heardMs
  }

  deliver(message: Message, subscription: Subscription): void {
    const state = this.#state
    if (state.is === 'closed') return
    if (state.is === 'waiting') return this.#probed(state.probe, subscription)
    if (subscription !== state.subscription) return
    if (state.is === 'asking') this.#answered(state, message)
    else this.#follow(state, message)
  }

  #wait(ms: number, isProbing = false): void {
    this.#leave()
    const { account, clock } = this.#parts
    const { consumer } = this.source
    const probe =
      isProbing && consumer ? newSubscription(consumer.deliver_subject ?? '', this) : null
    this.#state = { is: 'waiting', timer: clock.after(ms, () => this.#ask()), probe }
    if (probe) account.subscribe(probe)
  }

  /** Whatever it brought is delivered again after the reset. */
  #probed(probe: Subscription | null, subscription: Subscription): void {
    if (probe !== subscription || this.#parts.clock.monotonicMs() - this.#askedMs < retryMs) return
    this.#fails = 0
    this.#wait(0)
  }

  #leave(): void {
    const state = this.#state
    if (state.is === 'closed') return
    state.timer.cancel()
    const subscription = state.is === 'waiting' ? state.probe : state.subscription
    if (subscription) this.#parts.account.unsubscribe(subscription)
  }

  #failed(isProbing = false): void {
    this.#wait(Math.min(retryMs * 2 ** Math.min(this.#fails++, 8), retryMsMax), isProbing)
  }

  #again(why: string, isProbing = false): void {
    const { log, label } = this.#parts
    if (log.debugOn) log.debug(`JetStream ${label}: ${why}, asking for a new consumer`)
    this.#failed(isProbing)
  }

  /** A limit was reached: soon there may be room again, and nobody is in trouble. */
  #full(): void {
    const { log, label } = this.#parts
    if (log.debugOn) log.debug(`JetStream ${label}: message not stored, asking again`)
    this.#wait(retryMs)
  }

  #ask(form: Form = this.source.consumer ? 'reset' : 'new'): void {
    const { account, clock, durable, kind, source, asker, target } = this.#parts
    if (durable.sick) return this.#wait(unheardMs)
    const start = target.start(this.#isKept)
    const { identity } = target
    const wish = { source, kind, asker, start, identity, consumer: this.#consumer }
    const request = consumerRequest(wish, form, this.#isOldOrigin && this.#wasRefused)
    const { subject, headers, body } = request
    const reply = `$JSC.R.${token()}`
    const subscription = newSubscription(reply, this)
    const waitMs = form === 'reset' ? resetMsMax : answerMsMax
    const timer = clock.after(waitMs, () => this.#again('no answer', true))
    const asking: State = { is: 'asking', form, request, subscription, timer }
    this.#leave()
    this.#state = asking
    this.#askedMs = clock.monotonicMs()
    account.subscribe(subscription)
    const heard = post(account, jetstreamOrigin, { subject, reply, headers, payload: body })
    if (heard === 0 && this.#state === asking) this.#wait(unheardMs)
  }

  #answered(state: Asking, message: Message): void {
    const { durable, kind } = this.#parts
    const answer = readAnswer(payloadOf(message), headersOf(message))
    if (answer === null) return this.#again('answer not understood')
    if (answer.is === 'unheard') return this.#again('no such consumer', true)
    if (answer.is === 'refused') return this.#refused(state, answer.error)
    if (durable.sick) return this.#again('the store is sick')
    if (state.form === 'reset' && answer.ackPolicy !== 'flow_control') {
      this.error = kind === 'M' ? mirrorNeedsFlow : sourceNeedsFlow
      return this.#failed()
    }
    this.#begin(state, answer)
  }

  #refused({ form }: Asking, error: ApiError): void {
    const { log, label, target } = this.#parts
    const { err_code, description } = error
    const isTooNew = err_code === apiLevelRequired.err_code || err_code === invalidJsonCode
    if (form === 'new' && isTooNew) return this.#ask('old')
    if (err_code === identityMismatch && target.identity !== '') {
      log.warn(`JetStream ${label} was recreated, resetting source state`)
      target.recreated()
      return this.#ask()
    }
    log.warn(`JetStream ${label}: create consumer failed: ${description} (${err_code})`)
    this.error = error
    this.#wasRefused = true
    this.#failed()
  }

  #begin({ form, request }: Asking, answer: Made): void {
    const { account, clock, target, log, label } = this.#parts
    const { identity } = answer
    if (identity !== '' && target.identity !== '' && identity !== target.identity) {
      log.warn(`JetStream ${label} was recreated, resetting source state`)
      target.recreated()
    }
    this.#leave()
    target.begun(answer.deliveredSeq, identity)
    this.error = null
    this.#wasRefused = false
    this.#isOldOrigin = form === 'new' && !answer.isSourcing
    this.#isKept = form === 'new' && answer.isDurable
    if (this.#former !== '') this.#delete(this.#former)
    this.#former = ''
    this.#heardMs = clock.monotonicMs()
    const subscription = newSubscription(request.deliverSubject, this)
    this.#state = {
      is: 'following',
      subscription,
      consumer: answer.consumer,
      consumerSeq: 0,
      timer: this.#watch(silenceMsMax),
    }
    account.subscribe(subscription)
  }

  #delete(consumer: string): void {
    const subject = deletionSubject(this.source, consumer)
    post(this.#parts.account, jetstreamOrigin, { subject })
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
    else this.#full()
  }

  /** A heartbeat, or the origin asks whether we keep up. */
  #control(state: Following, message: Message, headers: Buffer): void {
    if (message.reply !== '') return this.#confirm(state, message.reply)
    const lines = headers.toString('latin1')
    const last = /\r\nNats-Last-Consumer: *(\d+)\r\n/i.exec(lines)?.[1]
    if (last !== undefined && Number(last) > 0 && Number(last) !== state.consumerSeq) {
      return this.#again('messages are missing')
    }
    if (!this.#parts.target.isIntact()) return this.#again('messages were rolled back')
    this.#fails = 0
    const stalled = /\r\nNats-Consumer-Stalled: *(\S+)\r\n/i.exec(lines)?.[1]
    if (stalled !== undefined) this.#confirm(state, stalled)
  }

  /** Tells what is on disk by then: an origin that acknowledges by flow control may remove it. */
  #confirm(state: Following, subject: string): void {
    const { account, durable, target } = this.#parts
    if (!target.isIntact()) return this.#again('messages were rolled back')
    const lines = `Nats-Last-Consumer: ${state.consumerSeq}\r\nNats-Last-Stream: ${target.doneSeq}`
    const headers = Buffer.from(`NATS/1.0\r\n${lines}\r\n\r\n`)
    durable.onDisk(error => {
      if (!error && this.#state === state) post(account, jetstreamOrigin, { subject, headers })
    })
  }
}

function isStatus(headers: Buffer): boolean {
  return headers.length > 0 && headers.toString('latin1', 0, 13) === 'NATS/1.0 100 '
}
