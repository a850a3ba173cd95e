// An account: its own subject space, its subscriptions and its limits. Nothing crosses from one
// account to another.

import type { InterestWatcher, Subscription } from '../message.ts'
import { Sublist } from '../subject/sublist.ts'
import type { TieredLimits } from './stream-limits.ts'
import { newTotals } from './totals.ts'

/** The account of everybody when none are configured; named as nats-server names it. */
export const globalAccountName = '$G'
export const systemAccountName = '$SYS'

/** Infinity where the config sets none. */
export interface AccountLimits {
  /** Of all its users, NATS and MQTT. */
  readonly connectionsMax: number
  /** Leaf-node connections of it, those we dial too. */
  readonly leafsMax: number
  /** Of one connection. */
  readonly subscriptionsMax: number
  readonly payloadBytesMax: number
}

export const noLimits: AccountLimits = {
  connectionsMax: Number.POSITIVE_INFINITY,
  leafsMax: Number.POSITIVE_INFINITY,
  subscriptionsMax: Number.POSITIVE_INFINITY,
  payloadBytesMax: Number.POSITIVE_INFINITY,
}

export class Account {
  readonly name: string
  readonly sublist = new Sublist()
  limits = noLimits
  /** Of an account with a JWT what it may store; null: the config decides. */
  streamLimits: TieredLimits | null = null
  isSystem = false
  /** How many connections are in it now. */
  connections = 0
  /** Leaf nodes joined to it now. */
  leafs = 0
  /** Of its connections that are gone. */
  readonly totals = newTotals()
  readonly #watchers = new Set<InterestWatcher>()

  constructor(name: string) {
    this.name = name
  }

  /** A connection comes; false when there is no room for it. */
  enter(): boolean {
    if (this.connections >= this.limits.connectionsMax) return false
    this.connections++
    return true
  }

  leave(): void {
    this.connections--
  }

  /** A leaf node comes; false when there is no room for it. */
  enterLeaf(): boolean {
    if (this.leafs >= this.limits.leafsMax) return false
    this.leafs++
    return true
  }

  leaveLeaf(): void {
    this.leafs--
  }

  subscribe(subscription: Subscription): void {
    this.sublist.insert(subscription)
    for (const watcher of this.#watchers) watcher.subscribed(subscription)
  }

  /** Safe to call twice. A match that still lists the subscription skips it from now on. */
  unsubscribe(subscription: Subscription): void {
    if (subscription.closed) return
    subscription.closed = true
    if (!this.sublist.remove(subscription)) return
    for (const watcher of this.#watchers) watcher.unsubscribed(subscription)
  }

  /** Tells the watcher of every change from now on; what stands already is in `sublist`. */
  watch(watcher: InterestWatcher): void {
    this.#watchers.add(watcher)
  }

  unwatch(watcher: InterestWatcher): void {
    this.#watchers.delete(watcher)
  }
}
