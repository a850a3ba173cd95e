// Auth callout: a service that listens in an account decides who may connect (ADR-26, reference
// 5.1 step 8). Whoever is not one of its own `auth_users` is asked about, also when the config
// would have let him in. In operator mode the account's JWT says so (src/operator/delegation.ts).
//
//   CONNECT -> request on $SYS.REQ.USER.AUTH -> response with a user's JWT -> identity
//
// Keeps invariant 3: so many questions at a time, each with the time a login has; an answer of so
// many bytes. A service that is not there refuses at once.

import { randomBytes } from 'node:crypto'
import type { Account } from '../account/account.ts'
import type { CalloutCheck, Credentials, Identity, Peer, Verdict } from '../account/authenticate.ts'
import { createNKey } from '../account/nkey.ts'
import type { Permissions } from '../account/permissions.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { newSubscription, payloadOf, post } from '../broker/post.ts'
import type { LocalSink, Origin } from '../message.ts'
import { isFrom } from '../operator/cidr.ts'
import type { UserClaims } from '../operator/claims.ts'
import {
  type Answered,
  type CalloutAnswer,
  type CalloutTarget,
  calloutSubject,
  shielded,
} from '../operator/delegation.ts'
import { identityOf } from '../operator/identity.ts'
import { allowedMs } from '../operator/times.ts'
import { readAnswer } from './response.ts'
import { type Asker, requestToken } from './request.ts'
import type { XKey } from './xkey.ts'

const pendingMax = 1024
const answerBytesMax = 1024 * 1024

/** The config's `authorization.auth_callout`. */
export interface CalloutRules {
  /** Public key of the account that must have signed the answers. */
  readonly issuer: string
  /** Where the service listens. */
  readonly account: string
  /** Users that are not asked about: the service itself. */
  readonly authUsers: readonly string[]
  /** Public curve key of the service; null = nothing is sealed. */
  readonly xkey: string | null
  /** Accounts whose users are asked about; empty = all. */
  readonly allowedAccounts: readonly string[]
}

export interface CalloutParts {
  /** As they are now: a reload may change them. null: operator mode, only `ask` is of use. */
  rules(): CalloutRules | null
  readonly clock: Clock
  readonly log: Log
  /** Ours, made when it is needed first. */
  xkey(): Promise<XKey>
  /** `xkey` is '' when nothing is sealed. */
  asker(xkey: string): Asker
  /** Of those that there are. */
  account(name: string): Account | undefined
  /** Permissions of users of the account that have none of their own. */
  defaults(account: string): Permissions | null
  timeoutMs(): number
}

export class Callout implements CalloutCheck {
  readonly figures = { asked: 0, admitted: 0, refused: 0, unanswered: 0 }
  readonly #parts: CalloutParts
  #pending = 0

  constructor(parts: CalloutParts) {
    this.#parts = parts
  }

  /** On /edgez. */
  view(): object {
    return { ...this.figures }
  }

  decide(credentials: Credentials, peer: Peer, first: Verdict): Verdict {
    if (first instanceof Promise) return first.then(known => this.#decide(credentials, peer, known))
    return this.#decide(credentials, peer, first)
  }

  #decide(credentials: Credentials, peer: Peer, first: Identity | null): Verdict {
    const rules = this.#parts.rules()
    if (rules === null) return first
    const { authUsers, allowedAccounts } = rules
    const claimed = credentials.nkey || credentials.user
    if (claimed !== '' && authUsers.includes(claimed)) return shieldedIn(rules.account, first)
    const isLeaf = peer.connectionType.startsWith('LEAFNODE')
    const isOutside =
      !isLeaf &&
      first !== null &&
      first.account !== '$G' &&
      allowedAccounts.length > 0 &&
      !allowedAccounts.includes(first.account)
    return isOutside ? shieldedIn(rules.account, first) : this.#askBy(rules, credentials, peer)
  }

  #askBy(rules: CalloutRules, credentials: Credentials, peer: Peer): Verdict {
    const account = this.#parts.account(rules.account)
    if (account === undefined) {
      this.#parts.log.warn(`No valid account "${rules.account}" for auth callout request`)
      return null
    }
    const { issuer: subject, xkey } = rules
    const target: CalloutTarget = {
      account,
      xkey,
      subject,
      identityOf: ({ user }, of) => this.#identityOf(rules, user, of),
    }
    return this.ask(target, credentials, peer)
  }

  /** Resolves to null when nobody answers, or the answer is no. */
  async ask(target: CalloutTarget, credentials: Credentials, peer: Peer): Promise<Identity | null> {
    const { log } = this.#parts
    if (this.#pending >= pendingMax) {
      log.warn(`More than ${pendingMax} auth callout requests wait for an answer`)
      return null
    }
    this.#pending++
    this.figures.asked++
    try {
      const answered = await this.#asked(target, credentials, peer)
      const isIn = answered !== null && typeof answered !== 'string'
      if (isIn) this.figures.admitted++
      else this.figures.refused++
      if (isIn) return shieldedIn(target.account.name, answered)
      if (answered !== null) log.warn(titled(answered))
      return null
    } finally {
      this.#pending--
    }
  }

  async #asked(
    target: CalloutTarget,
    credentials: Credentials,
    peer: Peer,
  ): Promise<Answered | null> {
    const { clock, timeoutMs } = this.#parts
    const { account, subject, bearer } = target
    const xkey = target.xkey === null ? null : await this.#parts.xkey()
    const userNkey = createNKey('user').publicKey
    const asker = this.#parts.asker(xkey?.publicKey ?? '')
    const nowSeconds = Math.floor(clock.wallMs() / 1000)
    const timeoutSeconds = Math.ceil(timeoutMs() / 1000)
    const question = { credentials, peer, userNkey, nowSeconds, timeoutSeconds, subject }
    const token = requestToken(asker, bearer === undefined ? question : { ...question, bearer })
    const sent = await this.#send(target, xkey, Buffer.from(token))
    if (sent === null) return null
    const isSealed = xkey !== null && sent.subarray(0, 3).toString('latin1') !== 'eyJ'
    // A service may answer in clear what it was asked in a box.
    const text = isSealed ? xkey.open(sent, target.xkey ?? '')?.toString() : sent.toString()
    if (text === undefined) {
      return `error decrypting auth callout response on account "${account.name}"`
    }
    const answer = readAnswer(text, { userNkey, serverId: asker.key.publicKey, nowSeconds })
    if (typeof answer === 'string') return answer
    const whole: CalloutAnswer = { ...answer, isSealed }
    return target.identityOf(whole, peer)
  }

  /** The answer's bytes; null when there is none. */
  #send(target: CalloutTarget, xkey: XKey | null, request: Buffer): Promise<Buffer | null> {
    const { clock, log, timeoutMs } = this.#parts
    const { account } = target
    const reply = `_INBOX.${randomBytes(16).toString('hex')}`
    const isSealed = xkey !== null && target.xkey !== null
    const payload = isSealed ? xkey.seal(request, target.xkey) : request
    const head = `NATS/1.0\r\nNats-Server-Xkey: ${xkey?.publicKey}\r\n\r\n`
    return new Promise(resolve => {
      const end = (answer: Buffer | null, why: string) => {
        timer.cancel()
        account.unsubscribe(subscription)
        if (answer === null) {
          this.figures.unanswered++
          log.debug(`Authorization callout ${why} on account "${account.name}"`)
        }
        resolve(answer)
      }
      const sink: LocalSink = {
        remote: false,
        deliver: message => {
          const bytes = payloadOf(message)
          if (bytes.length > answerBytesMax) end(null, 'response too large')
          else end(Buffer.from(bytes), '')
        },
      }
      const timer = clock.after(timeoutMs(), () => end(null, 'response not received in time'))
      const subscription = newSubscription(reply, sink)
      account.subscribe(subscription)
      const headers = isSealed ? { headers: Buffer.from(head) } : {}
      const count = post(account, origin, { subject: calloutSubject, reply, payload, ...headers })
      if (count === 0) end(null, 'service is not there')
    })
  }

  /** Of a user in an account of the config; the text says why not. */
  #identityOf(rules: CalloutRules, user: UserClaims, peer: Peer): Identity | string {
    const { clock } = this.#parts
    const on = `account "${rules.account}"`
    if (user.issuerAccount !== '') {
      return `error non operator mode ${on}: attempted to use issuer_account`
    }
    if (user.issuer !== rules.issuer) {
      return (
        `wrong issuer for auth callout response on ${on}, ` +
        `expected "${rules.issuer}" got "${user.issuer}"`
      )
    }
    const account = this.#parts.account(user.audience)
    if (account === undefined) {
      return `no valid account "${user.audience}" for auth callout response on ${on}`
    }
    const { limits } = user
    const types = limits.connectionTypes.map(type => type.toUpperCase())
    if (types.length > 0 && !types.includes(peer.connectionType)) {
      return `authorized user on ${on} using invalid connection type`
    }
    if (limits.proxyRequired) return `authorized user on ${on} requires a proxy connection`
    if (!isFrom(limits.sources, peer.host)) {
      return `authorized user on ${on} from a source that is not allowed`
    }
    const wallMs = clock.wallMs()
    const leftMs = allowedMs(limits.times, limits.timesLocation, wallMs)
    if (leftMs === 0) return `authorized user on ${on} outside of valid connect times`
    const { name } = account
    const defaults = this.#parts.defaults(name)
    const identity = identityOf(user, limits, { name, defaults }, wallMs + leftMs)
    return { ...identity, user: user.name || user.subject, isDelegated: true }
  }
}

const origin: Origin = { kind: 'system', sink: null, echo: true, permissions: null }

function shieldedIn<I extends Identity | null>(account: string, identity: I): Identity | I {
  return identity?.account === account ? shielded(identity) : identity
}

function titled(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
