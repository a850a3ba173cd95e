// A leaf link that somebody else dialled: we greet it, it says CONNECT, and a second INFO tells
// it its account and what it may do (reference 4.6 to 4.8).
//
//   greeted --CONNECT--> proving --proven--> open
//      |                    |
//      +--- too late -------+--- refused, wrong port, same cluster, too old: closed
//
// A spoke that goes beyond its user's permissions is cut off: it was told them.

import type { Account } from '../../account/account.ts'
import type {
  ConnectionType,
  Credentials,
  Identity,
  Peer,
  Verdict,
} from '../../account/authenticate.ts'
import { ReplyPermissions } from '../../account/replies.ts'
import type { Message, Subscription } from '../../message.ts'
import { hasWildcard } from '../../subject/subject.ts'
import * as wireErrors from '../../wire/errors.ts'
import { Expiry } from '../../base/expiry.ts'
import { claimOf } from '../handshake.ts'
import type { ClientSocket } from '../socket.ts'
import { isRecord, type LeafIdentity } from './handshake.ts'
import { Leaf } from './leaf.ts'
import type { LeafContext, LeafWrites } from './terms.ts'
import { LeafPermissions } from './permissions.ts'
import {
  greeting,
  type LeafInfo,
  news,
  readSpoke,
  rulesOf,
  type SpokeConnect,
  welcome,
} from './spoke.ts'
import { isAtLeast } from './version.ts'

/** What the door for leaf nodes says of everybody who comes. */
export interface Door {
  /** null: refused; a promise only where somebody has to be asked. */
  authenticate(credentials: Credentials, peer: Peer): Verdict
  readonly timeoutMs: number
  /** '' = every version. */
  readonly minVersion: string
  readonly isolate: boolean
  readonly identity: LeafIdentity
  readonly writes: LeafWrites
  info(): LeafInfo
  loopSubject(account: string): string
}

export interface AcceptedOwner {
  /** It is known, and about to be open: what it replaces has to go. */
  admitted(leaf: AcceptedLeaf): void
  opened(leaf: AcceptedLeaf): void
  refused(leaf: AcceptedLeaf, reason: string): void
  closed(leaf: AcceptedLeaf, reason: string): void
}

/** The role of the accepted end when the other side says it is the hub is that of a spoke. */
export class AcceptedLeaf extends Leaf implements Peer {
  readonly nonce: string
  identity: Identity | null = null
  spoke: SpokeConnect | null = null
  readonly #door: Door
  readonly #owner: AcceptedOwner
  readonly #expiry: Expiry
  /** The user's permissions alone, without what JetStream keeps at home. */
  #rules: LeafPermissions | null = null
  #replies: ReplyPermissions | null = null
  #isProving = false
  #account: Account | null = null

  constructor(
    context: LeafContext,
    door: Door,
    owner: AcceptedOwner,
    socket: ClientSocket,
    id: number,
    nonce: string,
  ) {
    super(context, door.writes, socket, id)
    this.#door = door
    this.#owner = owner
    this.nonce = nonce
    this.#expiry = new Expiry(context.clock, () => this.violation(wireErrors.userExpired))
  }

  /** Greets the spoke, unless it had its INFO before TLS, and waits for its CONNECT. */
  start(isGreeted: boolean): void {
    this.context.log.info(`${this.label} - Leafnode connection created `)
    if (!isGreeted) this.outbox.appendText(greeting(this.#door.info(), this.id, this.nonce))
    this.begin(this.#door.timeoutMs, () => this.violation(wireErrors.authenticationTimeout))
  }

  // --- as a Peer of authenticate() ---

  get connectionType(): ConnectionType {
    return this.socket.isWebSocket ? 'LEAFNODE_WS' : 'LEAFNODE'
  }

  get certificate() {
    return this.socket.certificate
  }

  isWaiting(): boolean {
    return !this.isEnded
  }

  override get user(): string {
    return this.identity?.user ?? ''
  }

  /** An INFO with other addresses. */
  sendNews(): void {
    if (this.isOpen) this.outbox.appendText(news(this.#door.info(), this.id))
  }

  /** Sent away for another connection of the same server. */
  replaced(): void {
    const text = 'Duplicate Remote LeafNode Connection'
    this.sendError(text)
    this.context.log.error(`${this.label} - ${text}`)
    this.close(text)
  }

  /** Users or permissions were reloaded: it may stay as it is, or has to come again. */
  recheck(): void {
    const { spoke } = this
    // A callout service is not asked again.
    if (!this.isOpen || spoke === null || this.identity?.isDelegated) return
    const verdict = this.#door.authenticate(spoke.credentials, this)
    void Promise.resolve(verdict).then(identity => {
      if (!this.isOpen) return
      const before = JSON.stringify([this.identity?.account, this.identity?.permissions?.lists])
      const now = JSON.stringify([identity?.account, identity?.permissions?.lists])
      if (identity === null) this.violation(wireErrors.authorizationViolation)
      else if (before !== now) this.close('Credentials Revoked')
      else this.identity = identity
    })
  }

  // --- what it says ---

  override connect(json: string): void {
    if (!this.isHandshaking || this.#isProving) {
      return this.violation(wireErrors.unknownOperation)
    }
    const spoke = readSpoke(json, this.context.limits.headersOff)
    if (spoke === null) return this.violation(wireErrors.parseError)
    this.spoke = spoke
    this.#isProving = true
    const verdict = this.#door.authenticate(spoke.credentials, this)
    if (!(verdict instanceof Promise)) return this.#proven(verdict, spoke)
    this.parser.hold()
    this.socket.pause()
    void verdict.then(identity => {
      if (this.isEnded) return
      this.#proven(identity, spoke)
      if (this.isEnded) return
      this.parser.resume()
      this.socket.resume()
    })
  }

  /** Only to agree on compression, which we have said we do not do. */
  override info(json: string): void {
    if (!this.isHandshaking) return
    let mode: unknown
    try {
      const fields: unknown = JSON.parse(json)
      mode = isRecord(fields) ? fields.compression : undefined
    } catch {
      return this.violation(wireErrors.parseError)
    }
    if (mode === undefined || mode === '' || mode === 'off' || mode === 'not supported') return
    this.sendError('leafnode compression is not supported')
    this.close('Protocol Violation')
  }

  /** Whoever has not logged in gets no hint of what we understand. */
  override violation(error: wireErrors.WireError): void {
    const { unknownOperation, payloadTooLarge } = wireErrors
    const isStrange = error === unknownOperation || error === payloadTooLarge
    if (!this.isHandshaking || !isStrange) return super.violation(error)
    super.violation(wireErrors.authorizationViolation)
  }

  protected override tooEarly(): void {
    if (!this.isEnded) this.violation(wireErrors.authorizationViolation)
  }

  protected override admits(subject: string): boolean {
    const rules = this.#rules
    if (this.isSpoke || rules === null || rules.mayReceive(subject)) return false
    if (this.#replies?.mayPublish(subject)) return true
    this.#beyond('Publish', subject)
    return false
  }

  protected override refusedInterest(subject: string): void {
    if (this.isSpoke || hasWildcard(subject) || (this.#rules?.maySend(subject) ?? true)) return
    this.#beyond('Subscription', subject)
  }

  override deliver(message: Message, subscription: Subscription, queues: readonly string[] | null) {
    if (this.#replies !== null && message.reply !== '') this.#replies.received(message.reply)
    super.deliver(message, subscription, queues)
  }

  protected override refuseFor(): void {
    // Who dials waits.
  }

  protected override opened(): void {
    this.#owner.opened(this)
  }

  protected override gone(reason: string): void {
    this.#expiry.cancel()
    this.#account?.leaveLeaf()
    this.#account = null
    this.#owner.closed(this, reason)
  }

  // --- from CONNECT to open ---

  #proven(identity: Identity | null, spoke: SpokeConnect): void {
    if (identity === null) return this.#refuse(spoke)
    if (spoke.lang !== '') {
      return this.#turnAway('attempted to connect to leaf node port', 'Incorrect Port')
    }
    if (/\s/.test(spoke.cluster)) {
      return this.#turnAway('cluster name cannot contain spaces', 'Protocol Violation')
    }
    const { identity: own, minVersion } = this.#door
    if (spoke.cluster !== '' && spoke.cluster === own.cluster) {
      return this.#turnAway('remote leafnode has same cluster name', 'Cluster Names Identical')
    }
    if (spoke.gateway !== '') {
      const text = `Rejecting connection from gateway "${spoke.gateway}" on the leafnode port`
      return this.#turnAway(text, 'Wrong Gateway')
    }
    const account = this.context.account(identity.account)
    const second = welcome(this.#door.info(), this.id, account.name, identity.permissions)
    if (minVersion !== '' && !isAtLeast(spoke.version, minVersion)) {
      this.outbox.appendText(second)
      const text = `connection rejected since minimum version required is "${minVersion}"`
      return this.#turnAway(text, 'Minimum Version Required')
    }
    if (!account.enterLeaf()) return this.violation(wireErrors.accountConnectionsExceeded)
    this.#account = account
    this.#become(identity, account, spoke)
    this.#owner.admitted(this)
    this.outbox.appendText(second)
    this.open()
  }

  #become(identity: Identity, account: Account, spoke: SpokeConnect): void {
    const { clock, limits } = this.context
    const { permissions } = identity
    const rules = rulesOf(permissions)
    this.identity = identity
    this.#rules = permissions && new LeafPermissions(rules.imports, rules.exports)
    if (permissions?.responses) {
      this.#replies = new ReplyPermissions(permissions, permissions.responses, clock)
    }
    const own = identity.limits
    const subscriptionsMax = Math.min(
      limits.subscriptionsMax,
      account.limits.subscriptionsMax,
      own?.subscriptionsMax ?? Number.POSITIVE_INFINITY,
    )
    this.settle(
      {
        account,
        isSpoke: spoke.isHub,
        isIsolated: this.#door.isolate || spoke.isolate,
        denyImports: [],
        denyExports: spoke.denyPub,
        identity: this.#door.identity,
        loopSubject: this.#door.loopSubject(account.name),
      },
      {
        name: spoke.name,
        cluster: spoke.cluster,
        domain: spoke.domain,
        headers: spoke.headers,
        payloadBytesMax: Number.POSITIVE_INFINITY,
        ...rules,
      },
      { subscriptionsMax, payloadBytesMax: limits.payloadBytesMax },
    )
    this.#expiry.set(identity.expiresWallMs)
  }

  #refuse({ credentials }: SpokeConnect): void {
    const whom = claimOf(credentials, this.nonce)
    this.context.log.error(`${this.label} - authentication error${whom}`)
    this.#owner.refused(this, wireErrors.authorizationViolation.reason)
    this.violation(wireErrors.authorizationViolation)
  }

  #turnAway(text: string, reason: string): void {
    this.sendError(text)
    this.context.log.error(`${this.label} - ${text}`)
    this.close(reason)
  }

  #beyond(what: 'Publish' | 'Subscription', subject: string): void {
    const { log } = this.context
    this.sendError(`Permissions Violation for ${what} to "${subject}"`)
    log.error(`${this.label} - ${what} Violation on "${subject}" - Check other side configuration`)
    this.close('Protocol Violation')
  }
}
