// A leaf link that we dialled: the hub's INFO is here already, our CONNECT answers it, and a
// second INFO opens the link (reference 4.6).

import type { Account } from '../../account/account.ts'
import * as wireErrors from '../../wire/errors.ts'
import type { ClientSocket } from '../socket.ts'
import {
  connectLine,
  type HubInfo,
  type LeafIdentity,
  type LeafLogin,
  readHubInfo,
} from './handshake.ts'
import { Leaf } from './leaf.ts'
import type { LeafContext, LeafWrites } from './terms.ts'
import { refusalOf } from './refusals.ts'

/** How long the second INFO may take. */
const secondInfoMsMax = 10_000

export interface DialledOptions {
  readonly account: Account
  /** We are the hub although we dialled. */
  readonly isHub: boolean
  readonly denyImports: readonly string[]
  readonly denyExports: readonly string[]
  /** Other leafs' interest is not told to the hub. */
  readonly isolate: boolean
  /** The hub is asked not to tell us that of its other leafs. */
  readonly requestIsolation: boolean
  readonly login: LeafLogin
  readonly identity: LeafIdentity
  /** The account's own `$LDS.…`. */
  readonly loopSubject: string
  readonly writes: LeafWrites
}

export interface DialledOwner {
  /** The handshake is done; false when the link may not stand beside the others. */
  mayOpen(leaf: DialledLeaf): 'yes' | 'loop' | 'full'
  /** The interest is told. */
  opened(leaf: DialledLeaf): void
  /** An INFO came: the first or a later one. */
  informed(leaf: DialledLeaf, info: HubInfo): void
  /** The connection is gone; dial again, but not before `delayMs`. */
  closed(leaf: DialledLeaf, reason: string, delayMs: number): void
}

export class DialledLeaf extends Leaf {
  readonly #options: DialledOptions
  readonly #owner: DialledOwner
  #info: HubInfo
  #nextDialMs = 0

  constructor(
    context: LeafContext,
    options: DialledOptions,
    owner: DialledOwner,
    socket: ClientSocket,
    id: number,
    info: HubInfo,
  ) {
    super(context, options.writes, socket, id)
    this.#options = options
    this.#owner = owner
    this.#info = info
  }

  /** Answers the hub's first INFO with CONNECT and starts reading. */
  start(): void {
    const { log, limits } = this.context
    const { account, identity, denyImports, isHub, login, requestIsolation } = this.#options
    log.info(`${this.label} - Leafnode connection created for account: ${account.name} `)
    const payloadBytesMax = Math.max(
      limits.payloadBytesMax,
      Math.min(this.#info.payloadBytesMax, limits.pendingBytesMax),
    )
    const { isolate: isIsolated } = this.#options
    const terms = { ...this.#options, isSpoke: !isHub, isIsolated }
    this.settle(terms, this.#info, { subscriptionsMax: limits.subscriptionsMax, payloadBytesMax })
    this.begin(secondInfoMsMax, () => this.#stale())
    const connect = {
      login,
      account: account.name,
      isHub,
      denyImports,
      isolate: requestIsolation,
      headersOff: limits.headersOff ?? false,
    }
    const answer = connectLine(identity, connect, this.#info.nonce)
    if ('error' in answer) {
      log.error(`${this.label} - ${answer.error}`)
      return this.close('Authentication Failure')
    }
    this.outbox.appendText(answer.line)
    if (log.debugOn) log.debug(`${this.label} - Remote leafnode connect msg sent`)
    this.#owner.informed(this, this.#info)
    if (!this.#info.infoOnConnect) this.#finish()
  }

  override get user(): string {
    return this.#options.login.user
  }

  override info(json: string): void {
    const info = readHubInfo(json)
    if (info === null) return this.violation(wireErrors.parseError)
    const before = this.#info
    // Name, domain and limits stand in every INFO; the nonce only in the first.
    this.#info = { ...info, nonce: before.nonce, headers: info.headers || before.headers }
    this.meet(this.#info)
    this.#owner.informed(this, this.#info)
    if (info.connectInfo && this.isHandshaking) this.#finish()
  }

  /** Only who dials sends CONNECT. */
  override connect(): void {
    this.violation(wireErrors.unknownOperation)
  }

  override error(text: string): void {
    super.error(text)
    const refusal = refusalOf(text)
    if (refusal === undefined) return
    this.#nextDialMs = refusal.delayMs
    if (refusal.about === '') return
    this.context.log.error(
      `${this.label} - Leafnode connection dropped ${refusal.about}. ` +
        `Delaying attempt to reconnect for ${refusal.delayMs / 1000}s`,
    )
  }

  protected override refuseFor(delayMs: number): void {
    this.#nextDialMs = delayMs
  }

  protected override opened(): void {
    this.#owner.opened(this)
  }

  protected override gone(reason: string): void {
    this.#owner.closed(this, reason, this.#nextDialMs)
  }

  /** A hub may be quick; what it says before its second INFO is of no use yet. */
  protected override tooEarly(): void {}

  #finish(): void {
    switch (this.#owner.mayOpen(this)) {
      case 'loop':
        return this.loop(true)
      case 'full':
        return this.violation(wireErrors.accountConnectionsExceeded)
      default:
        this.open()
    }
  }

  #stale(): void {
    this.sendError('Stale Leaf Node Connection - Closing')
    this.context.log.debug(`${this.label} - Stale Leaf Node Connection - Closing`)
    this.close('Stale Connection')
  }
}
