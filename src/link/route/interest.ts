// What we want of the other servers of the cluster: one count an account, subject, queue and leaf
// cluster, made once for all routes. A change goes to every route; one that is new is told the
// whole list, piece by piece, as fast as it takes it.
//
// A line told twice does no harm, and neither does RS- for what was not told yet: so the list
// needs no memory of what each route knows.

import type { Account } from '../../account/account.ts'
import type { InterestWatcher, Subscription } from '../../message.ts'
import { Leaf } from '../leaf/leaf.ts'

export interface Wanted {
  readonly account: string
  readonly subject: string
  readonly queue: string
  /** Cluster of the leaf nodes that want it; '' = our own clients. */
  readonly origin: string
  /** Subscriptions; for a queue, the members behind them, which is the weight told. */
  count: number
}

export interface InterestTeller {
  /** It began, or a queue's weight changed. */
  wanted(wanted: Wanted): void
  /** The last one is gone. */
  unwanted(wanted: Wanted): void
}

export class ClusterInterest {
  readonly #teller: InterestTeller
  readonly #entries = new Map<string, Wanted>()
  readonly #watched = new Map<Account, InterestWatcher>()

  constructor(teller: InterestTeller) {
    this.#teller = teller
  }

  /** Entries that are added while somebody goes through them come too. */
  all(): Iterator<Wanted> {
    return this.#entries.values()
  }

  /** Takes part in an account; safe to call twice. */
  watch(account: Account): void {
    if (this.#watched.has(account)) return
    const watcher = {
      subscribed: (subscription: Subscription) => this.#add(account.name, subscription),
      unsubscribed: (subscription: Subscription) => this.#remove(account.name, subscription),
    }
    this.#watched.set(account, watcher)
    for (const subscription of account.sublist) this.#add(account.name, subscription)
    account.watch(watcher)
  }

  close(): void {
    for (const [account, watcher] of this.#watched) account.unwatch(watcher)
    this.#watched.clear()
    this.#entries.clear()
  }

  #add(account: string, subscription: Subscription): void {
    if (!isOurs(subscription)) return
    const { subject, queue, weight } = subscription
    const origin = originOf(subscription)
    const key = keyOf(account, subject, queue, origin)
    const known = this.#entries.get(key)
    if (known !== undefined) {
      known.count += weight
      if (queue !== '') this.#teller.wanted(known)
      return
    }
    const entry = { account, subject, queue, origin, count: weight }
    this.#entries.set(key, entry)
    this.#teller.wanted(entry)
  }

  #remove(account: string, subscription: Subscription): void {
    if (!isOurs(subscription)) return
    const { subject, queue, weight } = subscription
    const key = keyOf(account, subject, queue, originOf(subscription))
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    entry.count -= weight
    if (entry.count > 0) {
      if (queue !== '') this.#teller.wanted(entry)
      return
    }
    this.#entries.delete(key)
    this.#teller.unwanted(entry)
  }
}

/** Our clients', and those of leaf nodes that came to us: a hub tells each of us what it wants. */
function isOurs({ sink }: Subscription): boolean {
  if (!sink.remote) return sink.isPrivate !== true && sink.isImport !== true
  return sink instanceof Leaf ? !sink.isSpoke : sink.isShadow === true
}

function originOf({ sink }: Subscription): string {
  return sink instanceof Leaf ? leafClusterOf(sink) : ''
}

/** A name with blanks would tear the line apart. */
export function leafClusterOf({ remoteCluster }: Leaf): string {
  return /\s/.test(remoteCluster) ? '' : remoteCluster
}

/** No subject, queue or account name holds a blank. */
export function keyOf(account: string, subject: string, queue: string, origin: string): string {
  const key = queue === '' ? `${account} ${subject}` : `${account} ${subject} ${queue}`
  return origin === '' ? key : `${key}  ${origin}`
}

/** What the peer knows of leaf nodes. */
export interface LeafKnowledge {
  readonly knowsLeafs: boolean
  readonly knowsLeafsGone: boolean
}

export function plusLine(wanted: Wanted, peer: LeafKnowledge): string {
  const { account, subject, queue, origin, count } = wanted
  const verb = origin === '' || !peer.knowsLeafs ? 'RS+' : `LS+ ${origin}`
  const members = queue === '' ? '' : ` ${queue} ${count}`
  return `${verb} ${account} ${subject}${members}\r\n`
}

export function minusLine(
  { account, subject, queue, origin }: Wanted,
  peer: LeafKnowledge,
): string {
  const end = `${account} ${subject}${queue === '' ? '' : ` ${queue}`}\r\n`
  if (origin === '' || !peer.knowsLeafs) return `RS- ${end}`
  return peer.knowsLeafsGone ? `LS- ${origin} ${end}` : `LS- ${end}`
}
