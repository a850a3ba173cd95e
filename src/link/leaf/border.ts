// The border of a leaf connection: what may cross it, and what the other side has been told we
// want. Made when the handshake is done; asked for every message (reference 4.8).

import type { Account } from '../../account/account.ts'
import type { InterestWatcher, Subscription } from '../../message.ts'
import type { LeafIdentity, LeafPeer } from './handshake.ts'
import { type InterestLines, LeafInterest } from './interest.ts'
import {
  everything,
  jetstreamDenies,
  LeafPermissions,
  loopPrefix,
  type SubjectLists,
  withDenies,
} from './permissions.ts'

export interface BorderOptions {
  readonly account: Account
  readonly identity: LeafIdentity
  readonly denyImports: readonly string[]
  readonly denyExports: readonly string[]
  /** The account's own `$LDS.…`. */
  readonly loopSubject: string
}

export class LeafBorder implements InterestWatcher {
  readonly #options: BorderOptions
  readonly #interest: LeafInterest
  /** Does the peer have to know of the subscription at all? The link's role decides. */
  readonly #forwards: (subscription: Subscription) => boolean
  #imports: SubjectLists = everything
  #exports: SubjectLists = everything
  #permissions = new LeafPermissions(everything, everything)
  #isOpen = false

  constructor(
    options: BorderOptions,
    lines: InterestLines,
    forwards: (subscription: Subscription) => boolean,
  ) {
    this.#options = options
    this.#interest = new LeafInterest(lines)
    this.#forwards = forwards
  }

  /** Are the two JetStreams one, by their domain's name? */
  sharesDomain(peer: LeafPeer): boolean {
    const { identity } = this.#options
    return identity.jetstream && identity.domain === peer.domain
  }

  /** Takes the lists of an INFO; an open border is told at once. */
  inform(peer: LeafPeer): void {
    if (peer.imports === null && peer.exports === null) return
    this.#imports = peer.imports ?? everything
    this.#exports = peer.exports ?? everything
    if (this.#isOpen) this.open(peer)
  }

  /** Settles what may cross, and tells the peer all that we want. */
  open(peer: LeafPeer): void {
    const { account, identity, denyExports, denyImports, loopSubject } = this.#options
    const domain = identity.jetstream && !this.sharesDomain(peer) ? identity.domain : ''
    const denies = jetstreamDenies(account.isSystem, domain)
    this.#permissions = new LeafPermissions(
      withDenies(this.#imports, [...denyImports, ...denies.both]),
      withDenies(this.#exports, [...denyExports, ...denies.both, ...denies.exports]),
    )
    this.#isOpen = true
    this.#interest.replace(this.#advertised(), [loopSubject])
  }

  close(): void {
    this.#isOpen = false
  }

  /** The way out is free again: goes on with a list that was too long for it. */
  resume(): void {
    if (this.#isOpen) this.#interest.resume()
  }

  maySend(subject: string): boolean {
    return this.#permissions.maySend(subject)
  }

  mayReceive(subject: string): boolean {
    return this.#permissions.mayReceive(subject)
  }

  /**
   * Could what the peer subscribed to ever be sent? If not, its subscription would only hide that
   * a request has no responders.
   */
  mightSend(pattern: string): boolean {
    if (!this.#isOpen || pattern.startsWith(loopPrefix)) return true
    return this.#permissions.mightSend(pattern)
  }

  subscribed(subscription: Subscription): void {
    if (!this.#isOpen || !this.#forwards(subscription)) return
    const { subject, queue, weight } = subscription
    if (this.#permissions.mayAdvertise(subject, queue)) this.#interest.add(subject, queue, weight)
  }

  unsubscribed(subscription: Subscription): void {
    if (!this.#isOpen || !this.#forwards(subscription)) return
    this.#interest.remove(subscription.subject, subscription.queue, subscription.weight)
  }

  *#advertised(): Generator<Subscription> {
    for (const subscription of this.#options.account.interest()) {
      const { subject, queue } = subscription
      if (!this.#forwards(subscription)) continue
      if (this.#permissions.mayAdvertise(subject, queue)) yield subscription
    }
  }
}
