// The subscriptions of one account: a trie of tokens in front of a bounded cache of matches.
//
// A Match is immutable and valid for one generation; every change of the list starts a new one,
// so a connection can keep the match of its last subject and check a single number.

import type { Match, Subscription } from '../message.ts'

interface Node {
  /** Created with the first child: most nodes are leaves. */
  children: Map<string, Node> | null
  any: Node | null
  rest: Node | null
  plain: Subscription[]
  groups: Map<string, Subscription[]> | null
}

const matchesCachedMax = 4096
/** Acks of so many consumers, inboxes of so many clients are matched without a look at the trie. */
const sharedMatchesMax = 1024
const ackStart = '$JS.ACK.'
const inboxStart = '_INBOX.'

const newNode = (): Node => ({ children: null, any: null, rest: null, plain: [], groups: null })

export class Sublist {
  generation = 1
  count = 0
  inserts = 0
  removes = 0
  lookups = 0
  cacheHits = 0
  readonly #root = newNode()
  readonly #cache = new Map<string, Match>()
  /** By `$JS.ACK.<stream>.<consumer>.`, where nothing behind it makes a difference. */
  readonly #acks = new Map<string, Match>()
  /** The one that came last. */
  #lastAck: Match | null = null
  #lastAckPrefix = ''
  /** By `_INBOX.<client>.`, where the last token makes no difference. */
  readonly #inboxes = new Map<string, Match>()
  #lastInbox: Match | null = null
  #lastInboxPrefix = ''

  get cached(): number {
    return this.#cache.size
  }

  insert(subscription: Subscription): void {
    let node = this.#root
    for (const token of subscription.subject.split('.')) node = childFor(node, token)
    if (subscription.queue === '') node.plain.push(subscription)
    else {
      node.groups ??= new Map()
      const group = node.groups.get(subscription.queue)
      if (group) group.push(subscription)
      else node.groups.set(subscription.queue, [subscription])
    }
    this.count++
    this.inserts++
    this.#changed()
  }

  /** Returns false when the subscription is not in the list. */
  remove(subscription: Subscription): boolean {
    const removed = removeFrom(this.#root, subscription.subject.split('.'), 0, subscription)
    if (!removed) return false
    this.count--
    this.removes++
    this.#changed()
    return true
  }

  /** All subscriptions that the literal subject reaches. */
  match(subject: string): Match {
    this.lookups++
    if (subject.startsWith(ackStart)) return this.#matchAck(subject)
    if (subject.startsWith(inboxStart)) {
      const shared = this.#matchInbox(subject)
      if (shared !== null) return shared
    }
    const cached = this.#cache.get(subject)
    if (cached) {
      this.cacheHits++
      return cached
    }
    const match = this.#collected(subject)
    if (this.#cache.size >= matchesCachedMax) this.#cache.clear()
    this.#cache.set(subject, match)
    return match
  }

  /**
   * An ack's subject comes once: kept, it would push out those that come again. But all acks of a
   * consumer reach the same subscriptions, unless somebody listens to some of them only.
   */
  #matchAck(subject: string): Match {
    if (this.#lastAck !== null && subject.startsWith(this.#lastAckPrefix)) {
      this.cacheHits++
      return this.#lastAck
    }
    const streamEnd = subject.indexOf('.', ackStart.length)
    const end = streamEnd < 0 ? -1 : subject.indexOf('.', streamEnd + 1)
    if (end < 0) return this.#collected(subject)
    const prefix = subject.slice(0, end + 1)
    let match = this.#acks.get(prefix)
    if (match) this.cacheHits++
    else {
      match = this.#collected(subject)
      if (!endsWithin(this.#root, subject.slice(0, end).split('.'), 0)) return match
      if (this.#acks.size >= sharedMatchesMax) this.#acks.clear()
      this.#acks.set(prefix, match)
    }
    this.#lastAck = match
    this.#lastAckPrefix = prefix
    return match
  }

  /** Each reply has a subject of its own, but most clients have one pattern for all of theirs. */
  #matchInbox(subject: string): Match | null {
    const end = subject.lastIndexOf('.')
    if (end + 1 === this.#lastInboxPrefix.length && subject.startsWith(this.#lastInboxPrefix)) {
      if (this.#lastInbox !== null) {
        this.cacheHits++
        return this.#lastInbox
      }
    }
    const prefix = subject.slice(0, end + 1)
    let match = this.#inboxes.get(prefix)
    if (match) this.cacheHits++
    else {
      if (!anyLast(this.#root, subject.slice(0, end).split('.'), 0)) return null
      match = this.#collected(subject)
      if (this.#inboxes.size >= sharedMatchesMax) this.#inboxes.clear()
      this.#inboxes.set(prefix, match)
    }
    this.#lastInbox = match
    this.#lastInboxPrefix = prefix
    return match
  }

  #collected(subject: string): Match {
    const plain: Subscription[] = []
    const groups = new Map<string, Subscription[]>()
    collect(this.#root, subject.split('.'), 0, plain, groups)
    return { plain, groups: [...groups.values()], generation: this.generation }
  }

  /** Subscriptions that the cached matches reach: of the widest one, and on the average. */
  fanout(): { readonly max: number; readonly average: number } {
    let max = 0
    let sum = 0
    for (const { plain, groups } of this.#cache.values()) {
      let reached = plain.length
      for (const members of groups) reached += members.length
      max = Math.max(max, reached)
      sum += reached
    }
    return { max, average: sum === 0 ? 0 : sum / this.#cache.size }
  }

  *[Symbol.iterator](): Generator<Subscription> {
    yield* walk(this.#root)
  }

  #changed(): void {
    this.generation++
    if (this.#cache.size > 0) this.#cache.clear()
    if (this.#acks.size > 0) this.#acks.clear()
    this.#lastAck = null
    if (this.#inboxes.size > 0) this.#inboxes.clear()
    this.#lastInbox = null
  }
}

function childFor(node: Node, token: string): Node {
  if (token === '*') {
    node.any ??= newNode()
    return node.any
  }
  if (token === '>') {
    node.rest ??= newNode()
    return node.rest
  }
  node.children ??= new Map()
  let child = node.children.get(token)
  if (!child) {
    child = newNode()
    node.children.set(token, child)
  }
  return child
}

/** Removes the subscription and, on the way back, every node that became empty. */
function removeFrom(node: Node, tokens: string[], at: number, gone: Subscription): boolean {
  if (at === tokens.length) return removeHere(node, gone)
  const token = tokens[at] as string
  const child =
    token === '*' ? node.any : token === '>' ? node.rest : (node.children?.get(token) ?? null)
  if (!child || !removeFrom(child, tokens, at + 1, gone)) return false
  if (isEmpty(child)) {
    if (token === '*') node.any = null
    else if (token === '>') node.rest = null
    else node.children?.delete(token)
    if (node.children?.size === 0) node.children = null
  }
  return true
}

function removeHere(node: Node, gone: Subscription): boolean {
  const list = gone.queue === '' ? node.plain : node.groups?.get(gone.queue)
  const at = list ? list.indexOf(gone) : -1
  if (!list || at < 0) return false
  list.splice(at, 1)
  if (gone.queue !== '' && list.length === 0) node.groups?.delete(gone.queue)
  if (node.groups?.size === 0) node.groups = null
  return true
}

function isEmpty(node: Node): boolean {
  return node.plain.length === 0 && !node.groups && !node.children && !node.any && !node.rest
}

function collect(
  node: Node,
  tokens: string[],
  at: number,
  plain: Subscription[],
  groups: Map<string, Subscription[]>,
): void {
  if (at === tokens.length) {
    take(node, plain, groups)
    return
  }
  if (node.rest) take(node.rest, plain, groups)
  if (node.any) collect(node.any, tokens, at + 1, plain, groups)
  const child = node.children?.get(tokens[at] as string)
  if (child) collect(child, tokens, at + 1, plain, groups)
}

/** Does no pattern that reaches these tokens look further, other than with a last `>`? */
function endsWithin(node: Node, tokens: string[], at: number): boolean {
  if (at === tokens.length) return node.children === null && node.any === null
  if (node.any && !endsWithin(node.any, tokens, at + 1)) return false
  const child = node.children?.get(tokens[at] as string)
  return child === undefined || endsWithin(child, tokens, at + 1)
}

/** Does no pattern that reaches these tokens name the one behind them? */
function anyLast(node: Node, tokens: string[], at: number): boolean {
  if (at === tokens.length) return node.children === null
  if (node.any && !anyLast(node.any, tokens, at + 1)) return false
  const child = node.children?.get(tokens[at] as string)
  return child === undefined || anyLast(child, tokens, at + 1)
}

function take(node: Node, plain: Subscription[], groups: Map<string, Subscription[]>): void {
  for (const subscription of node.plain) plain.push(subscription)
  if (!node.groups) return
  for (const [queue, members] of node.groups) {
    const known = groups.get(queue)
    if (known) known.push(...members)
    else groups.set(queue, members.slice())
  }
}

function* walk(node: Node): Generator<Subscription> {
  yield* node.plain
  if (node.groups) for (const members of node.groups.values()) yield* members
  if (node.any) yield* walk(node.any)
  if (node.rest) yield* walk(node.rest)
  if (node.children) for (const child of node.children.values()) yield* walk(child)
}
