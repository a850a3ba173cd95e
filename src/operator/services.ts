// What the system account answers about account JWTs, so that `nsc push`, `pull` and `delete` work
// and servers tell each other what they have (nats-server: accounts.go, DirAccResolver.Start).
//
//   $SYS.REQ.CLAIMS.UPDATE                     a token; answers whether it was kept
//   $SYS.REQ.ACCOUNT.<A>.CLAIMS.UPDATE         the same; older: $SYS.ACCOUNT.<A>.CLAIMS.UPDATE
//   $SYS.REQ.ACCOUNT.<A>.CLAIMS.LOOKUP         answers the token, or nothing
//   $SYS.REQ.CLAIMS.LIST                       answers the keys of all accounts
//   $SYS.REQ.CLAIMS.PACK                       answers every `key|token`, then an empty message
//   $SYS.REQ.CLAIMS.DELETE                     a token of the operator with the keys to delete
//
// Requests that wait are bounded: what comes beyond that is not answered, as if we were too slow.

import type { Account } from '../account/account.ts'
import { isPublicKey } from '../account/nkey.ts'
import type { Log } from '../base/log.ts'
import { newSubscription, payloadOf, post } from '../broker/post.ts'
import type { LocalSink, Message, Origin, Subscription } from '../message.ts'
import type { ClaimedAccounts } from './accounts.ts'
import { type AccountClaims, readAccount } from './claims.ts'
import type { Directory } from './directory.ts'
import { readToken, tokenBytesMax } from './token.ts'
import type { Trust } from './trust.ts'
import { validateAccount } from './validate.ts'

export interface ServicesParts {
  readonly system: Account
  readonly accounts: ClaimedAccounts
  readonly trust: Trust
  /** null: nothing is kept, only accounts in use are updated. */
  readonly directory: Directory | null
  readonly isCache: boolean
  readonly log: Log
  readonly wallMs: () => number
  /** `server` of every answer. */
  readonly serverInfo: () => object
}

const origin: Origin = { kind: 'system', sink: null, echo: true, permissions: null }
const waitingMax = 256
const nothing = Buffer.alloc(0)

type Handler = (account: string, body: string, reply: string, raw: Buffer) => Promise<void>

export class ClaimServices {
  readonly #parts: ServicesParts
  readonly #subscriptions: Subscription[] = []
  #waiting = 0
  #last: Promise<void> = Promise.resolve()

  constructor(parts: ServicesParts) {
    this.#parts = parts
  }

  start(): void {
    const { directory, isCache } = this.#parts
    const update: Handler = (account, body, reply) => this.#update(account, body, reply)
    this.#serve('$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE', update, 3)
    this.#serve('$SYS.ACCOUNT.*.CLAIMS.UPDATE', update, 2)
    if (directory === null) return
    this.#serve('$SYS.REQ.CLAIMS.UPDATE', update)
    this.#serve('$SYS.REQ.CLAIMS.LIST', (_, _body, reply) => this.#list(directory, reply))
    this.#serve('$SYS.REQ.CLAIMS.DELETE', (_, body, reply) => this.#delete(directory, body, reply))
    if (isCache) return
    const lookup: Handler = (account, _, reply) => this.#lookup(directory, account, reply)
    this.#serve('$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP', lookup, 3)
    const pack: Handler = (_, _body, reply, raw) => this.#pack(directory, reply, raw)
    this.#serve('$SYS.REQ.CLAIMS.PACK', pack, 0, 'responder')
  }

  close(): void {
    for (const subscription of this.#subscriptions.splice(0)) {
      this.#parts.system.unsubscribe(subscription)
    }
  }

  /** `position`: which token of the subject, from 0, is the account; nought = none. */
  #serve(subject: string, handler: Handler, position = 0, queue = ''): void {
    const sink: LocalSink = {
      remote: false,
      deliver: message => this.#enqueue(message, position, handler),
    }
    const subscription = newSubscription(subject, sink, queue)
    this.#subscriptions.push(subscription)
    this.#parts.system.subscribe(subscription)
  }

  /** One after the other, in the order in which they came. */
  #enqueue(message: Message, position: number, handler: Handler): void {
    const payload = payloadOf(message)
    if (this.#waiting >= waitingMax || payload.length > tokenBytesMax) return
    const account = position === 0 ? '' : (message.subject.split('.')[position] ?? '')
    const raw = Buffer.from(payload)
    const { reply } = message
    this.#waiting++
    this.#last = this.#last
      .then(() => handler(account, raw.toString().trim(), reply, raw))
      .catch((error: Error) => this.#parts.log.error(`DirResolver - ${error.message}`))
      .finally(() => {
        this.#waiting--
      })
  }

  async #update(named: string, body: string, reply: string): Promise<void> {
    const { directory, isCache, accounts } = this.#parts
    const cache = isCache ? ' cache' : ''
    const failed = `jwt update${cache} resulted in error`
    if (directory === null && body === '') {
      return this.#fail(reply, named, 'jwt update error', 'request body is empty')
    }
    const claims = readAccount(body)
    if (typeof claims === 'string') {
      const whose = directory === null || (isCache && named !== '') ? named : 'n/a'
      return this.#fail(reply, whose, failed, claims)
    }
    const { subject } = claims
    if (named !== '' && subject !== named) {
      return this.#fail(reply, named, failed, 'subject does not match jwt content')
    }
    const isKnown = accounts.get(subject) !== undefined
    if (directory === null) {
      if (!isKnown) return this.#done(reply, subject, 'jwt update skipped')
      const fault = accounts.update(subject, body)
      if (fault !== null) return this.#fail(reply, subject, failed, fault)
      return this.#done(reply, subject, 'jwt updated')
    }
    if (claims.issuer === this.#parts.trust.lockedKey) {
      return this.#fail(reply, subject, failed, 'operator requires issuer to be a signing key')
    }
    if (isCache && !isKnown) return this.#done(reply, subject, 'jwt update cache skipped')
    const invalid = this.#invalid(claims)
    if (invalid !== null) {
      const what = isCache ? 'jwt update cache validation failed' : 'jwt validation failed'
      return this.#fail(reply, subject, what, invalid)
    }
    const fault = await directory.save(subject, body)
    if (fault !== null) return this.#fail(reply, subject, failed, fault)
    this.#done(reply, subject, `jwt updated${cache}`)
  }

  #invalid(claims: AccountClaims): string | null {
    const issues = validateAccount(claims, this.#parts.wallMs() / 1000)
    return issues.blocks({ withTime: false }) ? issues.errorText : null
  }

  async #lookup(directory: Directory, account: string, reply: string): Promise<void> {
    if (reply === '') return
    const jwt = await directory.load(account)
    if (jwt === null) this.#parts.log.debug(`DirResolver - Could not find account "${account}"`)
    this.#send(reply, jwt === null ? nothing : Buffer.from(jwt))
  }

  async #list(directory: Directory, reply: string): Promise<void> {
    if (reply === '') return
    const { accounts } = directory
    this.#parts.log.debug(`list request responded with ${accounts.length} account ids`)
    this.#answer(reply, { server: this.#parts.serverInfo(), data: accounts })
  }

  async #pack(directory: Directory, reply: string, theirs: Buffer): Promise<void> {
    if (reply === '') return
    const { log } = this.#parts
    if (directory.hash.equals(theirs)) {
      log.debug(`DirResolver - Pack request matches hash ${directory.hash.toString('hex')}`)
      return this.#send(reply, nothing)
    }
    for (const account of directory.accounts) {
      const jwt = await directory.load(account)
      if (jwt !== null) this.#send(reply, Buffer.from(`${account}|${jwt}`))
    }
    this.#send(reply, nothing)
    log.debug('DirResolver - Pack request finished responding')
  }

  async #delete(directory: Directory, body: string, reply: string): Promise<void> {
    const request = this.#deletionOf(body)
    const accounts = request.accounts
    if (typeof accounts === 'string') {
      const what = `delete accounts request by ${request.by} failed`
      return this.#fail(reply, '', what, accounts)
    }
    const faults: string[] = []
    for (const account of accounts) {
      const fault = await directory.delete(account)
      if (fault !== null) faults.push(fault)
    }
    const count = accounts.length - faults.length
    if (faults.length === 0) return this.#done(reply, '', `deleted ${count} accounts`)
    const what = `deleted ${count} accounts, failed for ${faults.length}`
    this.#fail(reply, '', what, faults.join('\n'))
  }

  /** Only the operator or a signing key of it may, with a token that it signed for itself. */
  #deletionOf(body: string): { by: string; accounts: readonly string[] | string } {
    const { trust, directory, system } = this.#parts
    const token = readToken(body)
    if (typeof token === 'string') return { by: '', accounts: token }
    const by = token.fields.text('sub')
    const refused = (why: string) => ({ by, accounts: why })
    if (!directory?.mayDelete) return refused('delete must be enabled in server config')
    if (by !== token.issuer) return refused('not self signed')
    if (!trust.mayDelete(by)) return refused('not trusted')
    const nats = token.fields.inner('nats')
    const accounts = nats.texts('accounts')
    if (token.reading.problem !== null || !nats.has('accounts')) {
      return refused('malformed request')
    }
    if (!accounts.every(account => isPublicKey(account, 'account'))) {
      return refused('malformed request')
    }
    if (accounts.includes(system.name)) return refused('not allowed to delete system account')
    return { by, accounts }
  }

  #done(reply: string, account: string, message: string): void {
    this.#parts.log.debug(account === '' ? message : `${message} - ${account}`)
    const whose = account === '' ? {} : { account }
    const data = { ...whose, code: 200, message }
    this.#answer(reply, { server: this.#parts.serverInfo(), data })
  }

  #fail(reply: string, account: string, what: string, why: string): void {
    const whose = account === '' ? '' : ` - ${account}`
    this.#parts.log.error(`${what}${whose} - ${why}`)
    const error = {
      ...(account === '' ? {} : { account }),
      code: 500,
      description: `${what} - ${why}`,
    }
    this.#answer(reply, { server: this.#parts.serverInfo(), error })
  }

  #answer(reply: string, body: object): void {
    this.#send(reply, Buffer.from(JSON.stringify(body)))
  }

  #send(reply: string, payload: Buffer): void {
    if (reply !== '') post(this.#parts.system, origin, { subject: reply, payload })
  }
}
