// An account: its own subject space, its subscriptions and its limits. What crosses from one
// account to another does so by exports and imports only: see broker/sharing.ts.

import type { InterestWatcher, LocalSink, Subscription } from '../message.ts'
import { Sublist } from '../subject/sublist.ts'
import type { TieredLimits } from './stream-limits.ts'
import { newTotals } from './totals.ts'
import type { Mappings } from './mappings.ts'

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
  /** What it may store; null: whatever the server may. */
  streamLimits: TieredLimits | null = null
  isSystem = false
  /** How many connections are in it now. */
  connections = 0
  /** Leaf nodes joined to it now. */
  leafs = 0
  /** Of its connections that are gone. */
  readonly totals = newTotals()
  /** What published subjects become; null = all stay. */
  mappings: Mappings | null = null
  /** Its imports and exports; null = it has none, as most. */
  sharing: InterestWatcher | null = null
  /** In no list: what peers are told of the mappings. */
  #mapped: readonly Subscription[] = []
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

  /** From now on published subjects become these; peers hear of what they have to send for it. */
  mapBy(mappings: Mappings | null): void {
    const before = this.#mapped
    this.mappings = mappings
    this.#mapped = (mappings?.sources ?? []).map(mappedInterest)
    for (const watcher of this.#watchers) {
      for (const subscription of this.#mapped) watcher.subscribed(subscription)
      for (const subscription of before) watcher.unsubscribed(subscription)
    }
  }

  /** What peers have to send here: all that is subscribed to, and all that is mapped. */
  *interest(): Generator<Subscription> {
    yield* this.sublist
    yield* this.#mapped
  }

  subscribe(subscription: Subscription): void {
    this.sublist.insert(subscription)
    this.sharing?.subscribed(subscription)
    for (const watcher of this.#watchers) watcher.subscribed(subscription)
  }

  /** Safe to call twice. A match that still lists the subscription skips it from now on. */
  unsubscribe(subscription: Subscription): void {
    if (subscription.closed) return
    subscription.closed = true
    if (!this.sublist.remove(subscription)) return
    this.sharing?.unsubscribed(subscription)
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

/** Gets nothing itself; the servers of a cluster have the mapping each for themselves. */
const mappedSink: LocalSink = { remote: false, isImport: true, isService: true, deliver: () => {} }

function mappedInterest(subject: string): Subscription {
  return {
    subject,
    queue: '',
    sid: '',
    sink: mappedSink,
    weight: 1,
    delivered: 0,
    max: 0,
    closed: false,
    prefix: null,
    prefixSubject: '',
  }
}
