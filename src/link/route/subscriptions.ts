// What one server of the cluster wants of us, by account. An account that we do not have (yet) may
// come later: until then its subscriptions wait here, within the same bound.

import type { Account } from '../../account/account.ts'
import type { Subscription } from '../../message.ts'

/** Clusters of leaf nodes that one server may have told of. */
const leafsMax = 1024

/** The `sid` of a subscription is its account's name: it is needed for every message. */
export class PeerSubscriptions {
  readonly all = new Map<string, Subscription>()
  readonly #max: number
  readonly #find: (account: string) => Account | null
  /** The clusters behind those that come from leaf nodes. */
  readonly #behind = new Map<Subscription, string>()
  readonly #leafs = new Set<string>()

  constructor(max: number, find: (account: string) => Account | null) {
    this.#max = max
    this.#find = find
  }

  /** False when there is no room for it. `leaf`: the cluster of the leaf node it is for, or ''. */
  set(key: string, subscription: Subscription, leaf: string): boolean {
    const known = this.all.get(key)
    if (known?.weight === subscription.weight) return true
    if (known === undefined && this.all.size >= this.#max) return false
    if (leaf !== '') {
      this.#behind.set(subscription, leaf)
      if (this.#leafs.size < leafsMax) this.#leafs.add(leaf)
    }
    this.all.set(key, subscription)
    const account = this.#find(subscription.sid)
    account?.subscribe(subscription)
    // The leaf links sum up weights: they must see the old one go with what it came with. Not
    // before the new one is there, or they would tell that nobody is.
    if (known === undefined) return true
    account?.unsubscribe(known)
    this.#behind.delete(known)
    return true
  }

  remove(key: string): void {
    const subscription = this.all.get(key)
    if (subscription === undefined) return
    this.all.delete(key)
    this.#find(subscription.sid)?.unsubscribe(subscription)
    this.#behind.delete(subscription)
  }

  /** Of whichever leaf it is: older servers do not say. */
  removeOfLeaf(keyOf: (leaf: string) => string): void {
    for (const leaf of this.#leafs) {
      const key = keyOf(leaf)
      if (this.all.has(key)) return this.remove(key)
    }
  }

  /** The cluster of the leaf node it is for; '' = none. */
  leafBehind(subscription: Subscription): string {
    return this.#behind.size === 0 ? '' : (this.#behind.get(subscription) ?? '')
  }

  accountMade(account: Account): void {
    for (const subscription of this.all.values()) {
      if (subscription.sid === account.name) account.subscribe(subscription)
    }
  }

  clear(): void {
    for (const key of [...this.all.keys()]) this.remove(key)
  }
}
