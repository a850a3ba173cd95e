// What one client is subscribed to: by its own ids, within its limits, and which of it a deny
// filters on delivery.

import type { Account } from '../account/account.ts'
import type { Permissions } from '../account/permissions.ts'
import type { Subscription } from '../message.ts'
import { hasMoreTokens, isPattern } from '../subject/subject.ts'
import * as wireErrors from '../wire/errors.ts'

export class ClientSubscriptions {
  readonly bySid = new Map<string, Subscription>()
  /** Wildcard subscriptions whose deliveries a deny filters; most clients have none. */
  filtered: Set<Subscription> | null = null

  /** A sid in use keeps its first subscription: look whether it is free before. */
  add(account: Account, subscription: Subscription, permissions: Permissions | null): void {
    this.bySid.set(subscription.sid, subscription)
    this.#filter(subscription, permissions)
    account.subscribe(subscription)
  }

  drop(account: Account, subscription: Subscription): void {
    this.forget(subscription)
    account.unsubscribe(subscription)
  }

  /** The account has let go of it: it reached its UNSUB max. */
  forget(subscription: Subscription): void {
    this.bySid.delete(subscription.sid)
    this.filtered?.delete(subscription)
  }

  /** The connection ends; what it was subscribed to can still be read. */
  release(account: Account): void {
    for (const subscription of this.bySid.values()) account.unsubscribe(subscription)
  }

  clear(account: Account): void {
    this.release(account)
    this.bySid.clear()
    this.filtered = null
  }

  /** New permissions: drops what they do not allow any more, and returns it. */
  recheck(account: Account, permissions: Permissions | null): Subscription[] {
    this.filtered = null
    const dropped: Subscription[] = []
    for (const subscription of [...this.bySid.values()]) {
      const { subject, queue } = subscription
      this.#filter(subscription, permissions)
      if (permissions?.maySubscribe(subject, queue) ?? true) continue
      this.drop(account, subscription)
      dropped.push(subscription)
    }
    return dropped
  }

  #filter(subscription: Subscription, permissions: Permissions | null): void {
    if (!permissions?.needsFilter(subscription.subject)) return
    this.filtered ??= new Set()
    this.filtered.add(subscription)
  }
}

/** Why a client may not subscribe to that, or null. `tokensMax` 0 is no limit. */
export function subscribeProblem(
  subject: string,
  queue: string,
  permissions: Permissions | null,
  tokensMax: number,
): wireErrors.WireError | null {
  if (!isPattern(subject)) return wireErrors.invalidSubject
  if (permissions !== null && !permissions.maySubscribe(subject, queue)) {
    return wireErrors.subscribeViolation(subject, queue)
  }
  return hasMoreTokens(subject, tokensMax) ? wireErrors.tooManyTokens(subject) : null
}
