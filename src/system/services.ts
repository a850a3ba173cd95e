// `$SYS.REQ.…`: what the system account may ask of this server (reference 5.5). Its users are
// operators: nobody else gets here, neither another account nor a leaf node of one.

import { newSubscription } from '../broker/post.ts'
import type { LocalSink, Message, Origin, Subscription } from '../message.ts'
import type { Answers } from './answers.ts'
import { controls } from './controls.ts'
import type { Events } from './events.ts'
import type { Header } from './header.ts'
import type { SystemHost } from './host.ts'
import { profileView } from './profile.ts'
import type { Answer, Request, Requests } from './requests.ts'
import type { Statistics } from './statistics.ts'
import type { Subscribers } from './subscribers.ts'
import { accountsStatz, accountViews, type View, serverViews } from './views.ts'

export interface ServiceParts {
  readonly host: SystemHost
  readonly answers: Answers
  readonly header: Header
  readonly events: Events
  readonly requests: Requests
  readonly statistics: Statistics
  readonly subscribers: Subscribers
}

/** Token of the account in `$SYS.REQ.ACCOUNT.<account>.<name>`. */
const accountToken = 3
const statszShape = { type: 'StatszEventOptions', fields: {} }

export class Services {
  readonly #parts: ServiceParts
  #subscriptions: Subscription[] = []

  constructor(parts: ServiceParts) {
    this.#parts = parts
  }

  start(): void {
    const { answers, header, subscribers } = this.#parts
    const { id } = header.id()
    this.#serve('$SYS.REQ.SERVER.PING', request => this.#statsz(request))
    this.#serveBoth(id, 'STATSZ', request => this.#statsz(request))
    this.#serveBoth(id, 'IDZ', request => answers.plain(request, header.id()))
    for (const [name, view] of Object.entries(serverViews)) {
      this.#serveBoth(id, name, request => this.#show(request, view))
    }
    this.#serveBoth(id, 'PROFILEZ', request => {
      answers.answer(request, profileView, options => profileView.show(this.#parts.host, options))
    })
    for (const [name, control] of Object.entries(controls)) {
      this.#serve(`$SYS.REQ.SERVER.${id}.${name}`, request => {
        answers.answer(request, control, options => control.act(this.#parts.host, options))
      })
    }
    this.#serveAccounts()
    this.#serve('$SYS.REQ.ACCOUNT.NSUBS', request => subscribers.answerPeer(request))
    this.#serve('$SYS.DEBUG.SUBSCRIBERS', request => subscribers.answer(request), true)
  }

  close(): void {
    for (const subscription of this.#subscriptions) {
      this.#parts.host.account.unsubscribe(subscription)
    }
    this.#subscriptions = []
  }

  #serveAccounts(): void {
    const { host, answers } = this.#parts
    for (const [name, view] of Object.entries(accountViews)) {
      this.#serve(`$SYS.REQ.ACCOUNT.*.${name}`, request => {
        const account = accountOf(request)
        // `PING.STATZ` is about all of them.
        if (name === 'STATZ' && account === 'PING') return this.#show(request, accountsStatz)
        answers.answer(request, view, options => view.show(host, options, account) ?? 'silence')
      })
    }
    this.#serve('$SYS.REQ.ACCOUNT.*.CONNS', request => this.#counts(request))
  }

  #show(request: Request, view: View): void {
    const { answers, host } = this.#parts
    answers.answer(request, view, options => view.show(host, options) ?? 'silence')
  }

  /** Without a reply subject: to everybody. */
  #statsz(request: Request): void {
    const { answers, statistics } = this.#parts
    if (answers.read(request, statszShape) === null) return
    if (request.reply === '') statistics.broadcastNow()
    else answers.plain(request, statistics.body())
  }

  /** Silent about an account that nobody is connected to, as nats-server is. */
  #counts(request: Request): void {
    const { host, answers, events } = this.#parts
    const account = accountOf(request)
    if ((host.accounts.get(account)?.connections ?? 0) === 0) return
    const body = events.counts(account)
    if (body !== null) answers.plain(request, body)
  }

  #serveBoth(id: string, name: string, answer: Answer): void {
    this.#serve(`$SYS.REQ.SERVER.${id}.${name}`, answer)
    this.#serve(`$SYS.REQ.SERVER.PING.${name}`, answer)
  }

  /** `isPrivate`: about this server's own clients; a peer server answers its own. */
  #serve(subject: string, answer: Answer, isPrivate = false): void {
    const { host, requests } = this.#parts
    const sink: LocalSink = {
      remote: false,
      isService: true,
      ...(isPrivate ? { isPrivate } : {}),
      deliver: (message: Message, _: Subscription, origin: Origin) => {
        requests.add(message, origin, answer)
      },
    }
    const { log } = host
    if (log.traceOn && host.tracesSystem()) log.trace(`SYSTEM - <<- [SUB ${subject}]`)
    const subscription = newSubscription(subject, sink)
    this.#subscriptions.push(subscription)
    host.account.subscribe(subscription)
  }
}

function accountOf({ subject }: Request): string {
  return subject.split('.')[accountToken] ?? ''
}
