// A leaf-node connection: one account of ours joined to one account of a peer server. As a spoke
// (the usual role of whoever dials) it tells the hub what our own clients want; as a hub it tells
// everything. Rule: reference 4.5 to 4.8.
//
//   handshake --the end's own part done: settle(), open()--> open --close()/error--> closed
//        |                                                                         ^
//        +--- refused, too late, violation ----------------------------------------+
//
// What comes before `open` is the business of the two ends: dialled.ts and accepted.ts.
// Keeps invariant 4: a peer that does not keep up is cut off at max_pending; nobody here waits.

import type { Account } from '../../account/account.ts'
import type { Timer } from '../../base/clock.ts'
import { newSubscription } from '../../broker/post.ts'
import { publish } from '../../broker/publish.ts'
import type { Message, Origin, RemoteSink, Subscription } from '../../message.ts'
import { isPattern } from '../../subject/subject.ts'
import * as wireErrors from '../../wire/errors.ts'
import { Outbox } from '../outbox.ts'
import type { ClientSocket, SocketOwner } from '../socket.ts'
import { traceOut } from '../trace.ts'
import { WriteDeadline } from '../write-deadline.ts'
import { LeafBorder } from './border.ts'
import { LeafEncoder, restoreSubject } from './encode.ts'
import type { LeafPeer } from './handshake.ts'
import { LeafHealth } from './health.ts'
import { PacedSink } from './paced.ts'
import { type LeafOperations, LeafParser } from './parser.ts'
import { loopPrefix } from './permissions.ts'
import { loopDelayMs } from './refusals.ts'
import type { LeafContext, LeafLimits, LeafTerms, LeafWrites } from './terms.ts'
import { LeafTrace, messageText } from './trace.ts'

/** INFO lists the addresses of a whole cluster; nothing else comes near. */
const lineBytesMax = 64 * 1024
/** What a peer may subscribe to here, when max_subscriptions sets no limit. */
const subscriptionsMaxDefault = 1_000_000
/** While so much waits for the peer, the rest of a long list of interest waits too. */
const interestBytesMax = 256 * 1024

/** -ERR lines of one connection that the log shows. */
const errorsLoggedMax = 100

type State =
  | { readonly is: 'handshake'; readonly timer: Timer }
  | { readonly is: 'open' }
  | { readonly is: 'closed' }

export abstract class Leaf implements LeafOperations, RemoteSink, Origin, SocketOwner {
  readonly kind = 'leaf'
  readonly remote = true
  readonly echo = false
  readonly sink = this
  /** Denies both ways are this link's own affair: see LeafPermissions. */
  readonly permissions = null
  readonly id: number
  readonly startedWallMs: number
  lastActivityMs: number
  isSpoke = false
  isIsolated = false
  inMsgs = 0
  inBytes = 0
  outMsgs = 0
  outBytes = 0
  /** Messages larger than the peer's max_payload: never sent, as it would hang up. */
  oversizedMsgs = 0
  /** Why it ended, once it has; for totals. */
  closeReason = ''
  readonly subscriptions = new Map<string, Subscription>()
  protected readonly context: LeafContext
  protected readonly socket: ClientSocket
  protected readonly outbox: Outbox
  protected readonly parser: LeafParser
  /** null until the handshake has told who is there. */
  protected peer: LeafPeer | null = null
  protected border: LeafBorder | null = null
  #terms: LeafTerms | null = null
  #subscriptionsMax = 0
  #isFull = false
  #errors = 0
  #sentHeaders = false
  #payloadBytesMax = 0
  #state: State = { is: 'closed' }
  #isEnded = false
  readonly #health: LeafHealth
  readonly #encoder = new LeafEncoder()
  readonly #deadline: WriteDeadline
  readonly #deadlineMs: number | null

  constructor(context: LeafContext, writes: LeafWrites, socket: ClientSocket, id: number) {
    this.context = context
    this.socket = socket
    this.id = id
    const { limits, turn, pool, clock } = context
    this.startedWallMs = clock.wallMs()
    this.lastActivityMs = this.startedWallMs
    const paced = new PacedSink(socket, () => this.border?.resume())
    this.outbox = new Outbox(this, paced, turn, pool, limits.pendingBytesMax)
    const { log } = context
    const heard = log.traceOn ? new LeafTrace(this, log, limits) : this
    this.parser = new LeafParser(heard, { lineBytesMax, payloadBytesMax: 0 })
    this.#health = new LeafHealth(this, paced, clock, limits.keepalive)
    this.#deadlineMs = writes.deadlineMs
    const progress = {
      get isWriting() {
        return paced.isWriting
      },
      get writesDone() {
        return paced.blocksDone
      },
    }
    this.#deadline = new WriteDeadline(clock, progress, () => this.#slow('Write Deadline'))
  }

  /** Its own subject of loop detection came back, or the peer says that its did. */
  protected abstract refuseFor(delayMs: number): void
  /** It is open: the registry has to know. */
  protected abstract opened(): void
  /** It has closed. Called once. */
  protected abstract gone(reason: string): void
  /** Something came that only an open link may say. */
  protected abstract tooEarly(): void
  abstract info(json: string): void
  abstract connect(json: string): void

  /** Reads on, and waits for the peer so long. */
  protected begin(msMax: number, late: () => void): void {
    const timer = this.context.clock.after(msMax, late)
    this.#state = { is: 'handshake', timer }
    this.socket.open(this)
  }

  /** `host:port - lid:n`, `lid_ws` in WebSocket frames. */
  get label(): string {
    const { host, port, isWebSocket, forwardedFor } = this.socket
    const proxied = forwardedFor === '' ? '' : `${forwardedFor}/`
    return `${proxied}${host}:${port} - ${isWebSocket ? 'lid_ws' : 'lid'}:${this.id}`
  }

  get isOpen(): boolean {
    return this.#state.is === 'open'
  }

  protected get isHandshaking(): boolean {
    return this.#state.is === 'handshake'
  }

  protected get isEnded(): boolean {
    return this.#isEnded
  }

  /** null until the handshake is done. */
  get account(): Account | null {
    return this.#terms?.account ?? null
  }

  get host(): string {
    return this.socket.host
  }

  get port(): number {
    return this.socket.port
  }

  get isWebSocket(): boolean {
    return this.socket.isWebSocket
  }

  get rttMs(): number {
    return this.#health.rttMs
  }

  get pendingBytes(): number {
    return this.outbox.pendingBytes
  }

  /** Name of the server at the other end. */
  get remoteName(): string {
    return this.peer?.name ?? ''
  }

  /** Cluster of the server at the other end; '' = none. */
  get remoteCluster(): string {
    return this.peer?.cluster ?? ''
  }

  /** The user it came as, or goes as; '' = nobody in particular. */
  get user(): string {
    return ''
  }

  received(chunk: Buffer, bytes: number): void {
    this.#health.heard()
    const { inMsgs } = this
    const { size } = this.subscriptions
    this.parser.parse(chunk, 0, bytes)
    // A PING is no activity, as in nats-server.
    const isActive = this.inMsgs !== inMsgs || this.subscriptions.size !== size
    if (isActive) this.lastActivityMs = this.context.clock.wallMs()
    const { pressure } = this.context
    if (!pressure.raised || this.#isEnded) return
    this.socket.pause()
    pressure.wait(() => this.socket.resume())
  }

  ended(error: Error | null): void {
    this.close(error === null ? 'Client Closed' : 'Read Error')
  }

  /** Ends the connection; what is already in the outbox still leaves. */
  close(reason: string): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.closeReason = reason
    if (this.#state.is === 'handshake') this.#state.timer.cancel()
    this.#state = { is: 'closed' }
    this.#leave()
    this.parser.stop()
    this.#health.close()
    this.#deadline.cancel()
    this.outbox.endTurn()
    this.outbox.close()
    this.socket.end(reason)
    const whom = this.remoteName === '' ? '' : ` - Remote: ${this.remoteName}`
    this.context.log.info(`${this.label} - Leafnode connection closed: ${reason}${whom}`)
    this.gone(reason)
  }

  // --- operations of the parser ---

  message(message: Message): void {
    this.inMsgs++
    this.inBytes += message.payloadEnd - message.bodyStart
    const { border } = this
    if (this.#state.is !== 'open' || border === null) return this.tooEarly()
    if (!border.mayReceive(message.target) && !this.admits(message.target)) return
    if (message.reply !== '') restoreSubject(message)
    publish((this.#terms as LeafTerms).account, message, this)
  }

  subscribe(subject: string, queue: string, weight: number): void {
    if (this.#isEnded) return
    const terms = this.#terms
    if (terms === null || this.border === null) return this.tooEarly()
    const { account, loopSubject } = terms
    if (subject === loopSubject) return this.loop(true)
    if (!isPattern(subject)) return this.sendError('Invalid Subscription')
    const key = queue === '' ? subject : `${subject} ${queue}`
    const known = this.subscriptions.get(key)
    if (known?.weight === weight) return
    if (!this.border.mightSend(subject)) return this.refusedInterest(subject)
    if (!known && this.subscriptions.size >= this.#subscriptionsMax) return this.#full()
    const subscription = newSubscription(subject, this, queue, key)
    subscription.weight = weight
    this.subscriptions.set(key, subscription)
    account.subscribe(subscription)
    // The other links sum up weights: they must see the old one go with what it came with. Not
    // before the new one is there, or they would tell that nobody is.
    if (known) account.unsubscribe(known)
  }

  unsubscribe(subject: string, queue: string): void {
    const key = queue === '' ? subject : `${subject} ${queue}`
    const subscription = this.subscriptions.get(key)
    if (!subscription) return
    this.subscriptions.delete(key)
    this.#terms?.account.unsubscribe(subscription)
  }

  ping(): void {
    if (this.#state.is !== 'open' && this.#terms === null) return this.tooEarly()
    this.#say('PONG')
  }

  pong(): void {
    this.#health.pong()
  }

  error(text: string): void {
    // Who sends them without end fills no log.
    if (++this.#errors <= errorsLoggedMax) {
      this.context.log.error(`${this.label} - Leafnode Error '${text}'`)
    }
    if (text.includes('Loop detected')) this.loop(false)
  }

  violation(error: wireErrors.WireError): void {
    if (error.text !== '') this.sendError(error.text)
    this.close(error.reason)
  }

  /** A message that the border keeps out: may it come in all the same? */
  protected admits(_subject: string): boolean {
    return false
  }

  /** The peer asked for what will never be sent to it. */
  protected refusedInterest(_subject: string): void {}

  // --- the way out ---

  /**
   * What one hub sends us is not passed on to another: it was asked for by our own clients. With
   * routes, the member that has the message passes it up itself.
   */
  accepts(origin: Origin): boolean {
    if (this.#state.is !== 'open' || origin.sink === this) return false
    const from = origin.sink
    if (from instanceof Leaf && this.#isBesides(from)) return false
    if (origin.leafCluster && origin.leafCluster === this.remoteCluster) return false
    if (!this.isSpoke) return true
    if (origin.kind === 'route') return false
    return !(from instanceof Leaf && from.isSpoke)
  }

  deliver(message: Message, _: Subscription, queues: readonly string[] | null): void {
    if (this.#state.is !== 'open' || !this.border?.maySend(message.target)) return
    const stripHeaders = !this.#sentHeaders
    const bytes = message.payloadEnd - (stripHeaders ? message.payloadStart : message.bodyStart)
    if (bytes > this.#payloadBytesMax) return this.#oversized(message, bytes)
    this.outMsgs++
    this.outBytes += bytes
    this.#encoder.encode(this.outbox, message, queues, stripHeaders)
    const { log } = this.context
    if (log.traceOn) traceOut(log, this, messageText(message, queues))
    this.#health.sent()
  }

  /** The peer does not keep up: cut it off rather than grow or wait (invariant 4). */
  overflowed(): void {
    const { log, limits } = this.context
    const max = limits.pendingBytesMax
    log.info(`${this.label} - Slow Consumer Detected: MaxPending of ${max} Exceeded`)
    this.#slow('Pending Bytes')
  }

  drained(): void {
    this.context.pressure.drained()
  }

  /** LeafHealth watches what the kernel takes; a deadline only where one is set. */
  writeStalled(): void {
    if (this.#deadlineMs !== null && !this.#isEnded) this.#deadline.begin(this.#deadlineMs)
  }

  sendPing(): void {
    this.#say('PING')
  }

  /** Neither an answer nor any progress: the socket is dead, whatever the kernel believes. */
  wentStale(): void {
    this.sendError(wireErrors.staleConnection.text)
    this.socket.destroy()
    this.close('Stale Connection')
  }

  // --- for the two ends ---

  /** Both sides are known: from here on the peer may tell its interest. */
  protected settle(terms: LeafTerms, peer: LeafPeer, limits: LeafLimits): void {
    this.#terms = terms
    this.isSpoke = terms.isSpoke
    this.isIsolated = terms.isIsolated
    const { subscriptionsMax, payloadBytesMax } = limits
    this.#subscriptionsMax = Math.min(subscriptionsMax, subscriptionsMaxDefault)
    this.parser.setLimits({ lineBytesMax, payloadBytesMax })
    const leaf = this
    const lines = {
      send: (line: string) => this.#say(line),
      get isFull() {
        return leaf.outbox.pendingBytes > interestBytesMax
      },
    }
    const forwards = (subscription: Subscription) => this.#forwards(subscription)
    this.border = new LeafBorder(terms, lines, forwards)
    this.meet(peer)
  }

  /** What the peer says of itself, now or anew. */
  protected meet(peer: LeafPeer): void {
    this.peer = peer
    this.#sentHeaders = peer.headers && !this.context.limits.headersOff
    this.#payloadBytesMax = peer.payloadBytesMax
    this.border?.inform(peer)
  }

  /** The handshake is done: what may cross is settled, and the peer hears what we want. */
  protected open(): void {
    const { border, peer } = this
    const terms = this.#terms
    if (terms === null || border === null || peer === null) return
    if (this.#state.is === 'handshake') this.#state.timer.cancel()
    const { account, identity } = terms
    const { log } = this.context
    if (!border.sharesDomain(peer)) {
      const domains = `local "${identity.domain}", remote "${peer.domain}"`
      if (!account.isSystem) log.info(`${this.label} - JetStream using domains: ${domains}`)
      else this.#tellSystem(peer)
    }
    this.#state = { is: 'open' }
    account.watch(border)
    border.open(peer)
    this.#health.start()
    this.opened()
  }

  protected loop(tellPeer: boolean): void {
    this.refuseFor(loopDelayMs)
    const text =
      `Loop detected for leafnode account="${this.account?.name ?? ''}". ` +
      `Delaying attempt to reconnect for ${loopDelayMs / 1000}s`
    if (tellPeer) this.sendError(text)
    this.context.log.error(`${this.label} - ${text}`)
    this.close('Protocol Violation')
  }

  protected sendError(text: string): void {
    this.#say(`-ERR '${text}'`)
  }

  #say(line: string): void {
    this.outbox.appendText(`${line}\r\n`)
    const { log } = this.context
    if (log.traceOn) traceOut(log, this, line)
  }

  #leave(): void {
    const account = this.account
    if (account === null) return
    if (this.border !== null) account.unwatch(this.border)
    this.border?.close()
    for (const subscription of this.subscriptions.values()) account.unsubscribe(subscription)
    this.subscriptions.clear()
  }

  #slow(why: 'Pending Bytes' | 'Write Deadline'): void {
    this.socket.destroy()
    this.close(`Slow Consumer (${why})`)
  }

  /** Said once: a flood of refused lines is no reason to write a flood of log. */
  #full(): void {
    this.sendError(wireErrors.subscriptionsExceeded.text)
    if (this.#isFull) return
    this.#isFull = true
    this.context.log.error(`${this.label} - ${wireErrors.subscriptionsExceeded.text}`)
  }

  /** Another link to the same cluster, which passes things on among its own members. */
  #isBesides(other: Leaf): boolean {
    return other.remoteCluster !== '' && other.remoteCluster === this.remoteCluster
  }

  /** Does the peer have to know of it? A spoke speaks for its own clients and leafs only. */
  #forwards(subscription: Subscription): boolean {
    const { sink, subject } = subscription
    if (sink === this) return false
    if (!sink.remote) return sink.isPrivate !== true
    if (!(sink instanceof Leaf)) {
      const behind = sink.leafBehind?.(subscription)
      if (behind && behind === this.remoteCluster) return false
      return !this.isSpoke || subject.startsWith(loopPrefix)
    }
    if (this.isIsolated || this.#isBesides(sink)) return false
    return !this.isSpoke || !sink.isSpoke || subject.startsWith(loopPrefix)
  }

  #tellSystem({ name, cluster }: LeafPeer): void {
    const { log } = this.context
    log.info(`${this.label} - System account connected from ${name}${cluster && `/${cluster}`}`)
    log.info(`${this.label} - JetStream not extended, domains differ`)
  }

  /** Said once; then it is counted. */
  #oversized({ target }: Message, bytes: number): void {
    this.oversizedMsgs++
    const { log } = this.context
    const text = `${bytes} bytes exceeds the hub's ${this.#payloadBytesMax}: not sent`
    if (this.oversizedMsgs === 1) log.warn(`${this.label} - Message on "${target}" of ${text}`)
  }
}
