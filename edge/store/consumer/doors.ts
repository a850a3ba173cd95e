// The subjects a consumer listens on. They are real subscriptions, so that a missing consumer
// means "no responders", and peers behind a leaf node learn of them (reference 4.9, 6.1).
//
//   $JS.ACK.<stream>.<consumer>.>                  with the ack policies explicit and all
//   $JS.API.CONSUMER.MSG.NEXT.<stream>.<consumer>
//   $JS.API.CONSUMER.RESET.<stream>.<consumer>     2.14
//   $JS.FC.<stream>.<consumer>.*                   with flow control
//
// Acks of the longer form name domain and account first; one subscription of an account takes
// them all, of our own domain only: a hub's acks have no business on the link. The domain's own
// prefix of the API is mapped away before a request comes here.

import type { Account } from '../../../src/account/account.ts'
import type { Clock } from '../../../src/base/clock.ts'
import { headersOf, newSubscription, payloadOf } from '../../../src/broker/post.ts'
import type { InterestWatcher, LocalSink, Message, Subscription } from '../../../src/message.ts'
import { demandsMore } from '../api/level.ts'
import type { Consumer } from './consumer.ts'
import { PushOutlet } from './push.ts'
import * as status from './status.ts'

export class Doors {
  readonly #account: Account
  readonly #subscriptions: Subscription[] = []

  constructor(account: Account) {
    this.#account = account
  }

  /** `reset`: a reset was asked for. */
  open(consumer: Consumer, clock: Clock, reset: (message: Message) => void): void {
    const { outlet, name } = consumer
    const stream = consumer.stream.config.name
    const from = consumer.ackPrefix.length
    if (listensForAcks(consumer)) {
      this.#listen(`${consumer.ackPrefix}>`, message => {
        consumer.acks.take(message.target, from, message.reply, bodyOf(message))
      })
    }
    this.#listen(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, message => {
      if (!outlet.isPush && message.reply !== '' && demandsMore(headersOf(message))) {
        outlet.refuse(message.reply, status.requiredApiLevel)
        return
      }
      outlet.request(message.reply, payloadOf(message), clock.monotonicMs())
    })
    this.#listen(`$JS.API.CONSUMER.RESET.${stream}.${name}`, reset)
    if (outlet instanceof PushOutlet && consumer.config.flow_control) {
      this.#listen(`$JS.FC.${stream}.${name}.*`, message => {
        if (outlet.flowed(message.target)) consumer.acks.flowed(headersOf(message))
      })
    }
  }

  close(): void {
    for (const subscription of this.#subscriptions) this.#account.unsubscribe(subscription)
    this.#subscriptions.length = 0
  }

  #listen(pattern: string, deliver: (message: Message) => void): void {
    const sink: LocalSink = { remote: false, isService: true, deliver }
    const subscription = newSubscription(pattern, sink)
    this.#subscriptions.push(subscription)
    this.#account.subscribe(subscription)
  }
}

/** Are its deliveries acknowledged one by one, on their reply subjects? */
function listensForAcks({ config }: Consumer): boolean {
  return config.ack_policy === 'explicit' || config.ack_policy === 'all'
}

/** What all consumers of an account share: interest in deliver subjects, acks of the long form. */
export class AccountDoors implements InterestWatcher, LocalSink {
  readonly remote = false
  readonly isService = true
  readonly pushes = new Set<PushOutlet>()
  readonly #account: Account
  readonly #find: (stream: string, consumer: string) => Consumer | undefined
  readonly #subscription: Subscription

  constructor(
    account: Account,
    domain: string,
    find: (stream: string, consumer: string) => Consumer | undefined,
  ) {
    this.#account = account
    this.#find = find
    this.#subscription = newSubscription(`$JS.ACK.${domain || '_'}.*.*.*.*.*.*.*.*`, this)
  }

  start(): void {
    this.#account.watch(this)
    this.#account.subscribe(this.#subscription)
  }

  close(): void {
    this.#account.unwatch(this)
    this.#account.unsubscribe(this.#subscription)
  }

  subscribed(subscription: Subscription): void {
    for (const push of this.pushes) push.interestChanged(subscription, true)
  }

  unsubscribed(subscription: Subscription): void {
    for (const push of this.pushes) push.interestChanged(subscription, false)
  }

  /** `$JS.ACK.<domain>.<hash>.<stream>.<consumer>.…` */
  deliver(message: Message): void {
    const tokens = message.target.split('.')
    const consumer = this.#find(tokens[4] ?? '', tokens[5] ?? '')
    if (!consumer || !listensForAcks(consumer)) return
    const from = tokens.slice(0, 6).join('.').length + 1
    consumer.acks.take(message.target, from, message.reply, payloadOf(message))
  }
}

const nothing = Buffer.alloc(0)

/** Most acks are empty: those cost no view. */
function bodyOf(message: Message): Buffer {
  return message.payloadStart === message.payloadEnd ? nothing : payloadOf(message)
}
