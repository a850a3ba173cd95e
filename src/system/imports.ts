// What every other account has of the system account: its connections and its figures, and each
// user himself (reference 5.4). A request of a client goes into the system account under the
// account's own name, so that it can ask about no other; all servers of a cluster answer it there.
//
//   client: $SYS.REQ.ACCOUNT.PING.CONNZ -> system account: $SYS.REQ.ACCOUNT.<acc>.CONNZ
//   answers on $SYS._INBOX.<ours>.<token> -> the client's reply subject, in its own account
//
// Leaf nodes and other servers are not told of these subscriptions, and what comes from them is
// not answered: only a client of this server asks, about itself.

import type { Account } from '../account/account.ts'
import { newNuid } from '../base/nuid.ts'
import { headersOf, newSubscription, payloadOf } from '../broker/post.ts'
import { Client } from '../link/client.ts'
import type { LocalSink, Message, Origin, Subscription } from '../message.ts'
import type { PrintedShare } from '../monitor/account-shapes.ts'
import type { Answers } from './answers.ts'
import type { SystemHost } from './host.ts'
import { type Request, requestBytesMax, type Requests } from './requests.ts'
import { userInfo } from './user-info.ts'
import { nameTag } from './views.ts'
import type { Voice } from './voice.ts'

/** Subject in the account, and the name behind `$SYS.REQ.ACCOUNT.<account>.`. */
const imported: readonly (readonly [string, string])[] = [
  ['$SYS.REQ.ACCOUNT.PING.CONNZ', 'CONNZ'],
  ['$SYS.REQ.SERVER.PING.CONNZ', 'CONNZ'],
  ['$SYS.REQ.ACCOUNT.PING.STATZ', 'STATZ'],
]
const userInfoSubject = '$SYS.REQ.USER.INFO'
const anything = { type: 'UserInfoOptions', fields: {} }

/** Where answers to one request go. */
interface Open {
  readonly account: Account
  readonly reply: string
  readonly untilMs: number
}

/** Requests that may still be answered; the oldest is forgotten first. */
const openMax = 1024
const openMs = 10_000
/** Of one client; more are not answered. */
const requestsPerSecondMax = 64
const secondMs = 1000

export class AccountImports {
  readonly #host: SystemHost
  readonly #voice: Voice
  readonly #answers: Answers
  readonly #requests: Requests
  readonly #open = new Map<string, Open>()
  readonly #inboxes = `$SYS._INBOX.${newNuid(8)}.`
  readonly #subscriptions = new Map<Account, readonly Subscription[]>()
  /** What each asked in its current second. */
  readonly #asked = new WeakMap<Client, { sinceMs: number; count: number }>()

  constructor(host: SystemHost, voice: Voice, answers: Answers, requests: Requests) {
    this.#host = host
    this.#voice = voice
    this.#answers = answers
    this.#requests = requests
  }

  start(): void {
    const { account, accounts } = this.#host
    const sink: LocalSink = { remote: false, deliver: message => this.#answered(message) }
    this.#subscribe(account, [newSubscription(`${this.#inboxes}*`, sink)])
    for (const one of accounts.values()) this.add(one)
  }

  close(): void {
    for (const [account, subscriptions] of this.#subscriptions) {
      for (const subscription of subscriptions) account.unsubscribe(subscription)
    }
    this.#subscriptions.clear()
    this.#open.clear()
  }

  /** An account that has come; the system account has all of it anyway, but for the user's own. */
  add(account: Account): void {
    const user = this.#userSink(account)
    const made = [newSubscription(userInfoSubject, user)]
    if (account === this.#host.account) made.push(newSubscription('$SYS.REQ.USER.*.INFO', user))
    else {
      for (const [subject, name] of imported) {
        made.push(newSubscription(subject, this.#relaySink(account, name)))
      }
    }
    this.#subscribe(account, made)
  }

  /** As monitoring shows what an account imports. */
  printed(account: string): readonly PrintedShare[] {
    const { name } = this.#host.account
    if (account === name) return []
    const share = (local: string, subject: string, isShared: boolean): PrintedShare => ({
      subject,
      account: name,
      to: local,
      local_subject: local,
      type: 'service',
      invalid: false,
      share: isShared,
      tracking: false,
    })
    return [
      ...imported.map(([local, what]) =>
        share(local, `$SYS.REQ.ACCOUNT.${account}.${what}`, false),
      ),
      share(userInfoSubject, `$SYS.REQ.USER.${account}.INFO`, true),
    ]
  }

  #subscribe(account: Account, made: readonly Subscription[]): void {
    for (const subscription of made) account.subscribe(subscription)
    this.#subscriptions.set(account, [...(this.#subscriptions.get(account) ?? []), ...made])
  }

  #relaySink(account: Account, name: string): LocalSink {
    return {
      remote: false,
      isPrivate: true,
      deliver: (message, _, origin) => this.#relay(account, name, message, origin),
    }
  }

  #relay(account: Account, name: string, message: Message, origin: Origin): void {
    const client = clientOf(origin, account)
    if (message.reply === '' || client === null || !this.#mayAsk(client)) return
    const headers = headersOf(message)
    const payload = payloadOf(message)
    if (headers.length + payload.length > requestBytesMax) return
    const { clock, account: system } = this.#host
    const token = newNuid(12)
    this.#forget()
    this.#open.set(token, {
      account,
      reply: message.reply,
      untilMs: clock.monotonicMs() + openMs,
    })
    const subject = `$SYS.REQ.ACCOUNT.${account.name}.${name}`
    this.#voice.send(system, subject, payload, headers, this.#inboxes + token)
  }

  #answered(message: Message): void {
    const open = this.#open.get(message.subject.slice(this.#inboxes.length))
    if (!open || this.#host.clock.monotonicMs() > open.untilMs) return
    this.#voice.send(open.account, open.reply, payloadOf(message), headersOf(message))
  }

  /** What is over, and the oldest when there is no room. */
  #forget(): void {
    const nowMs = this.#host.clock.monotonicMs()
    for (const [token, { untilMs }] of this.#open) {
      if (this.#open.size < openMax && nowMs <= untilMs) return
      this.#open.delete(token)
    }
  }

  #mayAsk(client: Client): boolean {
    const nowMs = this.#host.clock.monotonicMs()
    const asked = this.#asked.get(client)
    if (asked === undefined || nowMs - asked.sinceMs >= secondMs) {
      this.#asked.set(client, { sinceMs: nowMs, count: 1 })
      return true
    }
    return ++asked.count <= requestsPerSecondMax
  }

  #userSink(account: Account): LocalSink {
    return {
      remote: false,
      isPrivate: true,
      deliver: (message, _, origin) => {
        const client = clientOf(origin, account)
        if (client === null || message.reply === '' || !this.#mayAsk(client)) return
        this.#requests.add(message, origin, request => this.#user(account, request, client))
      },
    }
  }

  #user(account: Account, request: Request, client: Client): void {
    // Since it asked, it may have logged in as somebody else.
    if (client.account !== account) return
    const nowMs = this.#host.clock.wallMs()
    const tag = nameTag(this.#host, account.name)
    this.#answers.answer(request, anything, () => userInfo(client, tag, nowMs), account)
  }
}

/** The client that asks, if it is one of this server and of this account. */
function clientOf({ sink }: Origin, account: Account): Client | null {
  return sink instanceof Client && sink.account === account ? sink : null
}
