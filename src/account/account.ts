// An account: its own subject space, its subscriptions and its limits. Nothing crosses from one
// account to another except by an import.

import type { InterestWatcher, Subscription } from '../message.ts'
import { Sublist } from '../subject/sublist.ts'

/** The account of everybody when none are configured; named as nats-server names it. */
export const globalAccountName = '$G'
export const systemAccountName = '$SYS'

export class Account {
  readonly name: string
  readonly sublist = new Sublist()
  readonly #watchers = new Set<InterestWatcher>()

  constructor(name: string) {
    this.name = name
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
