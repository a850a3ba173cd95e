// The shapes every room shares. Types only: nothing here runs.
//
// One door in, publish(account, message, origin), and one interface out,
// sink.deliver(message, subscription, queues). A client, an MQTT session, a stream, a leaf
// node and a schedule differ only in the Origin they publish with and the Sink they are.

/**
 * A message on its way through the door: a view of somebody's bytes, valid only until
 * `publish` returns. A sink copies what it keeps.
 *
 *   chunk: … <size>\r\n | header block | payload | \r\n …
 *          ^lineStart     ^bodyStart     ^payloadStart ^payloadEnd
 */
export interface Message {
  /** What subscribers see as the subject. */
  subject: string
  /** What is matched against subscriptions. Differs from `subject` only in JetStream deliveries. */
  target: string
  /** Reply subject; '' when there is none. */
  reply: string
  chunk: Buffer
  /**
   * Start of `<total size>\r\n` when it stands directly before the body and CRLF directly after
   * it (a PUB without headers, or an HPUB's `<hdr> <total>\r\n`), so that one copy carries size,
   * body and CRLF; -1 when the bytes around the body are not such a line.
   */
  lineStart: number
  /** Start of the header block `NATS/1.0…\r\n\r\n`, equal to `payloadStart` when there is none. */
  bodyStart: number
  payloadStart: number
  payloadEnd: number
  /**
   * Queue groups a peer server has already chosen us for (RMSG/LMSG `+`/`|` forms). A message
   * from a leaf node or route reaches only the groups named here; null for everyone else.
   */
  queues: readonly string[] | null
  /** Set by a publisher that must know when the message is on disk (MQTT QoS 1); else null. */
  receipt: Receipt | null
  /** The publisher's cached match for `target`, or null. Valid for one sublist generation. */
  match: Match | null
}

/**
 * Lets a publisher wait for disk. A sink that stores the message calls `hold()` inside
 * `deliver` and later `release()` once the bytes are on disk, or `release(error)` when they
 * will not be kept. No hold by the time `publish` returns: nobody stores it.
 */
export interface Receipt {
  hold(): void
  /** `isForGood`: it will never be kept, however often it comes. */
  release(error?: Error, isForGood?: boolean): void
}

/** Where messages leave the broker, inside this process or to a client of its own. */
export interface LocalSink {
  readonly remote: false
  /** Its subscriptions are for our own clients: peer servers do not hear of them. */
  readonly isPrivate?: true
  /** Answers its own account only: the account's stream imports bring it nothing. */
  readonly isService?: true
  /**
   * A service import: every server of a cluster has it itself, so that routes neither hear of it
   * nor bring it anything; leaf nodes do.
   */
  readonly isImport?: true
  /** Stands for a subscription of another account that imports from this one. */
  readonly isShadow?: true
  /**
   * Takes the message, copying what it keeps. Must not throw, must not block. `origin` is who
   * asks, for a service that answers each only about himself.
   */
  deliver(message: Message, subscription: Subscription, origin: Origin): void
}

/** A peer server: gets one copy of a message, with all the queue groups it was chosen for. */
export interface RemoteSink {
  readonly remote: true
  /** Stands for a peer's subscription in another account that imports from this one. */
  readonly isShadow?: true
  /** A route: the servers of a cluster import each for themselves. */
  readonly isRoute?: true
  /** May messages of this origin go there for it at all (one-hop rule, hub and spoke)? */
  accepts(origin: Origin, subscription: Subscription): boolean
  /** Of a route: the cluster of the leaf node that the subscription is for; '' = none. */
  leafBehind?(subscription: Subscription): string
  /** `queues`: the groups chosen at the peer; null when only plain interest was matched. */
  deliver(
    message: Message,
    subscription: Subscription,
    queues: readonly string[] | null,
    origin: Origin,
  ): void
}

export type Sink = LocalSink | RemoteSink

export interface Subscription {
  /** Subject pattern, already validated. */
  readonly subject: string
  /** Queue group, or ''. */
  readonly queue: string
  /** The subscriber's own id for it (client sid); '' where there is none. */
  readonly sid: string
  readonly sink: Sink
  /** Members behind a remote queue subscription; 1 for a local one. */
  weight: number
  /** Messages delivered since the subscription was made. */
  delivered: number
  /** UNSUB max: closed once `delivered` reaches it; 0 = unlimited. */
  max: number
  /** Set when it was removed while a match still lists it: deliver nothing any more. */
  closed: boolean
  /** `MSG <subject> <sid> ` encoded for the subject that came last; owned by the sink. */
  prefix: Buffer | null
  /** The subject `prefix` was encoded for. */
  prefixSubject: string
}

/** All subscriptions a subject reaches. Immutable once built; shared through the match cache. */
export interface Match {
  readonly plain: readonly Subscription[]
  /** One entry a queue group: its members, never empty. */
  readonly groups: readonly (readonly Subscription[])[]
  /** The sublist generation it was built in. */
  readonly generation: number
}

export type OriginKind =
  | 'client'
  | 'leaf'
  | 'route'
  | 'mqtt'
  | 'jetstream'
  | 'system'
  | 'account'
  | 'serial'
  | 'telemetry'
  | 'schedule'

/** Who publishes. */
export interface Origin {
  readonly kind: OriginKind
  /** The publisher as a sink, so that it can be left out (no echo, no way back to a leaf). */
  readonly sink: Sink | null
  /** false: never deliver to `sink` itself. Leaf nodes and routes are always false. */
  readonly echo: boolean
  /** null: everything is allowed. */
  readonly permissions: PermissionCheck | null
  /** Of a route: the cluster of the leaf node that the message came from there; '' = none. */
  readonly leafCluster?: string
}

/** What an origin may do; built by account/permissions.ts, asked by the door and by links. */
export interface PermissionCheck {
  mayPublish(subject: string): boolean
  maySubscribe(subject: string, queue: string): boolean
  /** Filters deliveries to a wildcard subscription that overlaps a deny. */
  mayReceive(subject: string): boolean
}

/** Somebody who must know what an account is interested in: a leaf node or a route. */
export interface InterestWatcher {
  subscribed(subscription: Subscription): void
  unsubscribed(subscription: Subscription): void
}
