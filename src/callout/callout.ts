// Auth callout: a service that listens in an account decides who may connect (ADR-26, reference
// 5.1 step 8). Whoever is not one of its own `auth_users` is asked about, also when the config
// would have let him in.
//
//   CONNECT -> request on $SYS.REQ.USER.AUTH -> response with a user's JWT -> identity
//
// Keeps invariant 3: so many questions at a time, each with the time a login has; an answer of so
// many bytes. A service that is not there refuses at once.

import { randomBytes } from 'node:crypto'
import type { Account } from '../account/account.ts'
import type { CalloutCheck, Credentials, Identity, Peer, Verdict } from '../account/authenticate.ts'
import { createNKey } from '../account/nkey.ts'
import { type Permissions, withDeny } from '../account/permissions.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { newSubscription, payloadOf, post } from '../broker/post.ts'
import type { LocalSink, Origin } from '../message.ts'
import { isFrom } from '../operator/cidr.ts'
import type { UserClaims } from '../operator/claims.ts'
import { identityOf } from '../operator/identity.ts'
import { allowedMs } from '../operator/times.ts'
import { readAnswer } from './response.ts'
import { type Asker, requestToken } from './request.ts'
import type { XKey } from './xkey.ts'

export const calloutSubject = '$SYS.REQ.USER.AUTH'
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
  /** As they are now: a reload may change them. */
  rules(): CalloutRules
  readonly clock: Clock
  readonly log: Log
  /** Ours, when the rules have one. */
  readonly xkey: XKey | null
  asker(): Asker
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
    const { authUsers, allowedAccounts, account } = this.#parts.rules()
    const claimed = credentials.nkey || credentials.user
    if (claimed !== '' && authUsers.includes(claimed)) return this.#shielded(first, account)
    const isLeaf = peer.connectionType.startsWith('LEAFNODE')
    const isOutside =
      !isLeaf &&
      first !== null &&
      first.account !== '$G' &&
      allowedAccounts.length > 0 &&
      !allowedAccounts.includes(first.account)
    return isOutside ? this.#shielded(first, account) : this.#ask(credentials, peer)
  }

  /** Users in the account of the service must not send questions, or answer their own. */
  #shielded(identity: Identity | null, account: string): Identity | null {
    if (identity === null || identity.account !== account) return identity
    return { ...identity, permissions: withDeny(identity.permissions, calloutSubject) }
  }

  async #ask(credentials: Credentials, peer: Peer): Promise<Identity | null> {
    const { log } = this.#parts
    const rules = this.#parts.rules()
    const account = this.#parts.account(rules.account)
    if (account === undefined) {
      log.warn(`No valid account "${rules.account}" for auth callout request`)
      return null
    }
    if (this.#pending >= pendingMax) {
      log.warn(`More than ${pendingMax} auth callout requests wait for an answer`)
      return null
    }
    this.#pending++
    this.figures.asked++
    try {
      const identity = await this.#asked(rules, account, credentials, peer)
      if (identity === null) this.figures.refused++
      else this.figures.admitted++
      return identity
    } finally {
      this.#pending--
    }
  }

  async #asked(
    rules: CalloutRules,
    account: Account,
    credentials: Credentials,
    peer: Peer,
  ): Promise<Identity | null> {
    const { clock, log, timeoutMs } = this.#parts
    const userNkey = createNKey('user').publicKey
    const asker = this.#parts.asker()
    const nowSeconds = Math.floor(clock.wallMs() / 1000)
    const timeoutSeconds = Math.ceil(timeoutMs() / 1000)
    const question = { credentials, peer, userNkey, nowSeconds, timeoutSeconds }
    const token = requestToken(asker, { ...question, subject: rules.issuer })
    const sealed = await this.#send(rules, account, Buffer.from(token))
    if (sealed === null) return null
    const text = this.#opened(rules, sealed)
    const expected = { userNkey, serverId: asker.key.publicKey, nowSeconds }
    const answer =
      text === null
        ? `error decrypting auth callout response on account "${account.name}"`
        : readAnswer(text, expected)
    const identity =
      typeof answer === 'string' ? answer : this.#identityOf(rules, answer.user, peer)
    if (typeof identity !== 'string') return this.#shielded(identity, rules.account)
    log.warn(titled(identity))
    return null
  }

  /** The answer's bytes; null when there is none. */
  #send(rules: CalloutRules, account: Account, request: Buffer): Promise<Buffer | null> {
    const { clock, log, xkey, timeoutMs } = this.#parts
    const reply = `_INBOX.${randomBytes(16).toString('hex')}`
    const isSealed = xkey !== null && rules.xkey !== null
    const payload = isSealed ? xkey.seal(request, rules.xkey) : request
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

  /** A service may answer in clear what it was asked in a box. */
  #opened(rules: CalloutRules, answer: Buffer): string | null {
    const { xkey } = this.#parts
    const isToken = answer.subarray(0, 3).toString('latin1') === 'eyJ'
    if (xkey === null || rules.xkey === null || isToken) return answer.toString()
    return xkey.open(answer, rules.xkey)?.toString() ?? null
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

function titled(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
