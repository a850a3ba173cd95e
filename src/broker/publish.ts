// The door: every message enters the broker here, whoever brings it.
//
//   mapping -> permission -> match
//     -> plain subscriptions -> one member of each queue group -> remote peers
//
// Nothing in here copies a byte or makes a string: the sinks do what they must.

import type { Account } from '../account/account.ts'
import type { Mappings } from '../account/mappings.ts'
import type { Match, Message, Origin, RemoteSink, Subscription } from '../message.ts'

/** What `publish` returns when the origin may not publish on this subject. */
export const denied = -1

/** A copy for one peer server, gathered while the local deliveries are made. */
interface RemoteDelivery {
  readonly sink: RemoteSink
  readonly subscription: Subscription
  queues: string[] | null
}

/**
 * Delivers the message to everybody interested in `message.target`. Returns the number of
 * deliveries (0: nobody listens), or `denied`. Leaves the match it used in `message.match`.
 */
export function publish(account: Account, message: Message, origin: Origin): number {
  if (account.mappings !== null && isMapped(origin)) {
    return publishMapped(account, account.mappings, message, origin)
  }
  if (origin.permissions !== null && !origin.permissions.mayPublish(message.subject)) return denied
  return spread(account, message, origin)
}

/** What the last subject became that was mapped. */
let became = ''

/** What the subject of the message that was just published became: `denied`, or nobody listens. */
export function mappedSubject(account: Account, message: Message): string {
  return account.mappings === null || became === '' ? message.subject : became
}

/** Everything behind the permission and the mapping. */
function spread(account: Account, message: Message, origin: Origin): number {
  const sublist = account.sublist
  const missedBefore = missed
  let match = message.match
  if (match === null || match.generation !== sublist.generation) {
    match = sublist.match(message.target)
    message.match = match
  }
  const plain = match.plain
  let count = 0
  let remotes: RemoteDelivery[] | null = null
  for (let i = 0; i < plain.length; i++) {
    const subscription = plain[i] as Subscription
    const sink = subscription.sink
    if (subscription.closed || (sink === origin.sink && !origin.echo)) continue
    if (sink.remote) {
      if (sink.accepts(origin, subscription)) remotes = addRemote(remotes, sink, subscription, '')
      continue
    }
    count++
    deliverLocal(account, message, subscription, origin)
  }
  if (match.groups.length > 0 && (message.queues !== null || !fromPeer(origin))) {
    remotes = publishToGroups(account, message, origin, match, remotes)
    count += groupDeliveries
  }
  if (missed !== missedBefore) {
    count -= missed - missedBefore
    missed = missedBefore
  }
  if (remotes === null) return count
  for (const { sink, subscription, queues } of remotes) {
    subscription.delivered++
    sink.deliver(message, subscription, queues, origin)
  }
  return count + remotes.length
}

/**
 * As nats-server has it, the permission is asked for the subject that the message gets. The
 * publisher finds its message as it was, with the match of the unmapped subject.
 */
function publishMapped(
  account: Account,
  mappings: Mappings,
  message: Message,
  origin: Origin,
): number {
  const { subject, target, match } = message
  const mapped = mappings.select(target)
  const { permissions } = origin
  became = mapped ?? subject
  if (permissions !== null && !permissions.mayPublish(became)) return denied
  if (mapped === null) {
    const reached = spread(account, message, origin)
    became = subject
    return reached
  }
  if (mapped === '') return 0
  message.subject = mapped
  message.target = mapped
  message.match = null
  const count = spread(account, message, origin)
  // A sink may have published meanwhile.
  became = mapped
  message.subject = subject
  message.target = target
  message.match = match
  return count
}

/** What others have published already, here or at a peer of the cluster, is mapped already. */
function isMapped({ kind }: Origin): boolean {
  return kind !== 'route' && kind !== 'jetstream' && kind !== 'system' && kind !== 'account'
}

/** Deliveries of the `publish` that is under way that reached nobody. */
let missed = 0

/** For a sink that only passes on: it was delivered to, but nobody behind it was. */
export function notDelivered(): void {
  missed++
}

/** Local deliveries made by the last `publishToGroups`: a second result without an allocation. */
let groupDeliveries = 0

function publishToGroups(
  account: Account,
  message: Message,
  origin: Origin,
  match: Match,
  remotes: RemoteDelivery[] | null,
): RemoteDelivery[] | null {
  let local = 0
  for (const group of match.groups) {
    const queue = (group[0] as Subscription).queue
    if (message.queues !== null && !message.queues.includes(queue)) continue
    const chosen = choose(group, origin)
    if (chosen === null) continue
    if (chosen.sink.remote) {
      remotes = addRemote(remotes, chosen.sink, chosen, queue)
      continue
    }
    local++
    deliverLocal(account, message, chosen, origin)
  }
  groupDeliveries = local
  return remotes
}

/**
 * A random member, local ones first; among peers, weighted by the members behind them. An origin
 * without echo is passed over like everywhere else.
 */
function choose(group: readonly Subscription[], origin: Origin): Subscription | null {
  const size = group.length
  let at = size === 1 ? 0 : Math.floor(Math.random() * size)
  let weightSum = 0
  for (let tried = 0; tried < size; tried++) {
    const member = group[at] as Subscription
    if (++at === size) at = 0
    if (member.closed || (member.sink === origin.sink && !origin.echo)) continue
    if (!member.sink.remote) {
      // What a service import brought is not exported again as a stream.
      if (member.sink.isShadow === true && origin.kind === 'account') continue
      return member
    }
    if (member.sink.accepts(origin, member)) weightSum += member.weight
  }
  return weightSum > 0 ? chooseRemote(group, origin, Math.random() * weightSum) : null
}

function chooseRemote(
  group: readonly Subscription[],
  origin: Origin,
  point: number,
): Subscription | null {
  let left = point
  let last: Subscription | null = null
  for (const member of group) {
    const sink = member.sink
    if (member.closed || !sink.remote || sink === origin.sink || !sink.accepts(origin, member))
      continue
    last = member
    left -= member.weight
    if (left < 0) break
  }
  return last
}

function addRemote(
  remotes: RemoteDelivery[] | null,
  sink: RemoteSink,
  subscription: Subscription,
  queue: string,
): RemoteDelivery[] {
  const list = remotes ?? []
  let entry = list.find(known => known.sink === sink)
  if (!entry) {
    entry = { sink, subscription, queues: null }
    list.push(entry)
  }
  if (queue !== '') {
    entry.queues ??= []
    entry.queues.push(queue)
  }
  return list
}

function deliverLocal(
  account: Account,
  message: Message,
  subscription: Subscription,
  origin: Origin,
): void {
  const sink = subscription.sink
  if (sink.remote) return
  subscription.delivered++
  sink.deliver(message, subscription, origin)
  if (subscription.max > 0 && subscription.delivered >= subscription.max) {
    account.unsubscribe(subscription)
  }
}

function fromPeer(origin: Origin): boolean {
  return origin.kind === 'leaf' || origin.kind === 'route'
}
