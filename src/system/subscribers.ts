// How many subscribers a subject has: `$SYS.DEBUG.SUBSCRIBERS` asks one server, and that one asks
// the others of its system account with `$SYS.REQ.ACCOUNT.NSUBS`. Counted are clients, and leaf
// nodes of which we are the hub; what the server itself listens to is not.

import type { Account } from '../account/account.ts'
import type { Timer } from '../base/clock.ts'
import { newNuid } from '../base/nuid.ts'
import { newSubscription, payloadOf } from '../broker/post.ts'
import { Client } from '../link/client.ts'
import type { LocalSink, Message, Sink, Subscription } from '../message.ts'
import { covers, hasWildcard, isPattern } from '../subject/subject.ts'
import { toJson } from '../monitor/json.ts'
import type { Answers } from './answers.ts'
import { headerOf } from './encoding.ts'
import type { SystemHost } from './host.ts'
import type { RequestShape } from './options.ts'
import type { Request } from './requests.ts'
import type { Voice } from './voice.ts'

/** How long the other servers may take. */
const waitMs = 500
/** Questions to other servers at one time; more are answered from what is known here. */
const openMax = 64

const peerShape: RequestShape = {
  type: 'accNumSubsReq',
  fields: {
    acc: { type: 'string', param: 'acc' },
    subject: { type: 'string', param: 'subject' },
    queue: { type: 'string', param: 'queue' },
  },
}

export class Subscribers {
  readonly #host: SystemHost
  readonly #answers: Answers
  readonly #voice: Voice
  /** Servers besides us. */
  readonly #others: () => number
  readonly #open = new Set<() => void>()
  readonly #inboxes = `$SYS._INBOX.${newNuid(8)}.`

  constructor(host: SystemHost, answers: Answers, voice: Voice, others: () => number) {
    this.#host = host
    this.#answers = answers
    this.#voice = voice
    this.#others = others
  }

  close(): void {
    for (const end of [...this.#open]) end()
  }

  /** The body is a subject, with a blank and a queue group if one is meant. */
  answer(request: Request): void {
    const [subject = '', queue = ''] = request.body.trim().split(/\s+/)
    const account = this.#askedAbout(request)
    const here = count(account, subject, queue)
    if (this.#others() === 0 || this.#open.size >= openMax) {
      return this.#answers.count(request, here)
    }
    this.#ask({ acc: account.name, subject, ...queueField(queue) }, more => {
      this.#answers.count(request, here + more)
    })
  }

  /**
   * The account that the request came from: a client of this server is known, of others the header
   * tells that a service import adds.
   */
  #askedAbout({ asker, headers }: Request): Account {
    const { account, accounts } = this.#host
    if (asker instanceof Client) return asker.account ?? account
    const name = accountIn(headerOf(headers, 'nats-request-info'))
    return accounts.get(name) ?? account
  }

  /** Another server asks what there is here; silent when nobody is in the account. */
  answerPeer(request: Request): void {
    // Our own question comes to us too.
    if (request.reply.startsWith(this.#inboxes)) return
    const options = this.#answers.read(request, peerShape)
    const account = this.#host.accounts.get(options?.query.text('acc') ?? '')
    if (options === null || !account || account.connections === 0) return
    const queue = Buffer.from(options.query.text('queue'), 'base64').toString()
    this.#answers.count(request, count(account, options.query.text('subject'), queue))
  }

  /** Adds up what the other servers answer, until all have or the time is over. */
  #ask(body: object, done: (count: number) => void): void {
    const { account, clock } = this.#host
    const inbox = this.#inboxes + newNuid(8)
    let left = this.#others()
    let sum = 0
    const sink: LocalSink = {
      remote: false,
      deliver: (message: Message) => {
        sum += Number.parseInt(payloadOf(message).toString('latin1', 0, 10), 10) || 0
        if (--left === 0) end()
      },
    }
    const subscription = newSubscription(inbox, sink)
    const timer: Timer = clock.after(waitMs, () => end())
    const end = () => {
      if (!this.#open.delete(end)) return
      timer.cancel()
      account.unsubscribe(subscription)
      done(sum)
    }
    this.#open.add(end)
    account.subscribe(subscription)
    const payload = Buffer.from(toJson(body, 0))
    this.#voice.send(account, '$SYS.REQ.ACCOUNT.NSUBS', payload, undefined, inbox)
  }
}

function accountIn(info: string): string {
  try {
    const { svc, acc } = JSON.parse(info) ?? {}
    return String(svc || acc || '')
  } catch {
    return ''
  }
}

/** Go writes bytes as base64. */
function queueField(queue: string): object {
  return queue === '' ? {} : { queue: Buffer.from(queue).toString('base64') }
}

function count({ sublist }: Account, subject: string, queue: string): number {
  if (!isPattern(subject)) return 0
  const isMeant = (one: Subscription) =>
    isSubscriber(one.sink) && (queue === '' || one.queue === queue)
  if (!hasWildcard(subject)) {
    const { plain, groups } = sublist.match(subject)
    return [...plain, ...groups.flat()].filter(isMeant).length
  }
  let found = 0
  for (const one of sublist) if (covers(subject, one.subject) && isMeant(one)) found++
  return found
}

function isSubscriber(sink: Sink): boolean {
  return sink instanceof Client || (sink.remote && 'isSpoke' in sink && sink.isSpoke === false)
}
