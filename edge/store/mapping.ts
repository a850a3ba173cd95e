// A JetStream domain: `$JS.<domain>.API.…` means `$JS.API.…`, and the same for the subjects of
// key-value and object stores, so that servers behind a leaf node can tell ours from theirs
// (reference 4.8: the nine subjects nats-server maps).

import type { Account } from '../../src/account/account.ts'
import { newSubscription } from '../../src/broker/post.ts'
import { publish } from '../../src/broker/publish.ts'
import type { LocalSink, Message, Subscription } from '../../src/message.ts'
import { jetstreamOrigin, type Replies } from './replies.ts'

/** Behind `$JS.<domain>.API.`, and what the whole prefix is replaced with. */
const mapped: readonly (readonly [suffix: string, prefix: string])[] = [
  ['INFO', '$JS.API.'],
  ['STREAM.>', '$JS.API.'],
  ['CONSUMER.>', '$JS.API.'],
  ['DIRECT.>', '$JS.API.'],
  ['META.>', '$JS.API.'],
  ['SERVER.>', '$JS.API.'],
  ['ACCOUNT.>', '$JS.API.'],
  ['$KV.>', ''],
  ['$OBJ.>', ''],
]

export class DomainMapping {
  readonly #account: Account
  readonly #subscriptions: Subscription[] = []
  readonly #domain: string
  readonly #replies: Replies

  constructor(account: Account, domain: string, replies: Replies) {
    this.#account = account
    this.#domain = domain
    this.#replies = replies
  }

  start(): void {
    const from = `$JS.${this.#domain}.API.`
    for (const [suffix, prefix] of mapped) {
      const sink = new MappingSink(this.#account, from.length, prefix, this.#replies)
      const subscription = newSubscription(from + suffix, sink)
      this.#subscriptions.push(subscription)
      this.#account.subscribe(subscription)
    }
  }

  close(): void {
    for (const subscription of this.#subscriptions) this.#account.unsubscribe(subscription)
    this.#subscriptions.length = 0
  }
}

/** Publishes again under the other subject; nobody there is "no responders", as everywhere. */
class MappingSink implements LocalSink {
  readonly remote = false
  readonly isService = true
  readonly #account: Account
  readonly #cut: number
  readonly #prefix: string
  readonly #replies: Replies

  constructor(account: Account, cut: number, prefix: string, replies: Replies) {
    this.#account = account
    this.#cut = cut
    this.#prefix = prefix
    this.#replies = replies
  }

  deliver(message: Message): void {
    const subject = this.#prefix + message.target.slice(this.#cut)
    const again: Message = { ...message, subject, target: subject, queues: null, match: null }
    const count = publish(this.#account, again, jetstreamOrigin)
    if (count === 0 && message.reply !== '') this.#replies.sendStatus(message.reply, '503')
  }
}
