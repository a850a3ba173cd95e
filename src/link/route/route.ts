// A connection to another server of the cluster, for all accounts (reference 4.1 to 4.3). Both ends
// are alike once they have met: each says CONNECT (who dialled) and INFO, then what it wants.
//
//   greeting --CONNECT, if it dialled us--> known --INFO, registered--> open --> closed
//      |                                                                 ^
//      +--- refused, too late, another cluster, a second route: closed --+
//
// A message that came by a route never goes to another one. Keeps invariant 4: a peer that does
// not keep up is cut off at max_pending; nobody here waits.

import type { Account } from '../../account/account.ts'
import type { Timer } from '../../base/clock.ts'
import { newSubscription } from '../../broker/post.ts'
import { publish } from '../../broker/publish.ts'
import type { Message, Origin, RemoteSink, Subscription } from '../../message.ts'
import { isPattern } from '../../subject/subject.ts'
import * as wireErrors from '../../wire/errors.ts'
import { redacted } from '../handshake.ts'
import { restoreSubject } from '../leaf/encode.ts'
import { LeafHealth } from '../leaf/health.ts'
import { Leaf } from '../leaf/leaf.ts'
import { PacedSink } from '../leaf/paced.ts'
import { Outbox } from '../outbox.ts'
import type { ClientSocket, SocketOwner } from '../socket.ts'
import { traceOut } from '../trace.ts'
import { WriteDeadline } from '../write-deadline.ts'
import { RouteBorder } from './border.ts'
import { RouteEncoder } from './encode.ts'
import { type PeerConnect, type PeerInfo, readPeerConnect, readPeerInfo } from './handshake.ts'
import type { Dialling, PeerLogin, RouteContext, RouteHouse } from './house.ts'
import { keyOf, leafClusterOf, minusLine, plusLine, type Wanted } from './interest.ts'
import { type RouteInterest, type RouteOperations, RouteParser } from './parser.ts'
import { PeerSubscriptions } from './subscriptions.ts'
import { routeMessageText, RouteTrace } from './trace.ts'

/** INFO lists the addresses of a whole cluster; nothing else comes near. */
const lineBytesMax = 64 * 1024
/** What one server may subscribe to here, when max_subscriptions sets no limit. */
const subscriptionsMaxDefault = 1_000_000
/** While so much waits for the peer, the rest of a long list of interest waits too. */
const interestBytesMax = 256 * 1024
/** Routes do not keep to max_payload; a message has to fit into the outbox all the same. */
const payloadBytesMax = 64 * 1024 * 1024
/** -ERR lines of one connection that the log shows. */
const errorsLoggedMax = 100

type State =
  | { readonly is: 'greeting'; readonly timer: Timer; hasConnected: boolean }
  | { readonly is: 'open' }
  | { readonly is: 'closed' }

export class Route implements RouteOperations, RemoteSink, Origin, SocketOwner {
  readonly kind = 'route'
  readonly remote = true
  readonly isRoute = true
  readonly echo = false
  readonly sink = this
  /** What may cross is this route's own affair: see RouteBorder. */
  readonly permissions = null
  readonly id: number
  readonly startedWallMs: number
  lastActivityMs: number
  inMsgs = 0
  inBytes = 0
  outMsgs = 0
  outBytes = 0
  closeReason = ''
  /** Cluster of the leaf node behind the message at hand; '' = none. */
  leafCluster = ''
  /** null until it has said who it is. */
  peer: PeerInfo | null = null
  isConfigured: boolean
  readonly didSolicit: boolean
  readonly border: RouteBorder
  readonly #house: RouteHouse
  readonly #context: RouteContext
  readonly #socket: ClientSocket
  readonly #outbox: Outbox
  readonly #parser: RouteParser
  readonly #health: LeafHealth
  readonly #encoder = new RouteEncoder()
  readonly #deadline: WriteDeadline
  readonly #subscriptions: PeerSubscriptions
  readonly #login: PeerLogin | null
  #untold: Iterator<Wanted> | null = null
  #isRenewal = false
  #state: State = { is: 'closed' }
  #isEnded = false
  #errors = 0
  #account: Account | null = null
  #accountName = ''

  constructor(
    context: RouteContext,
    house: RouteHouse,
    socket: ClientSocket,
    id: number,
    dialling: Dialling | null,
  ) {
    this.#context = context
    this.#house = house
    this.#socket = socket
    this.id = id
    this.didSolicit = dialling !== null
    this.isConfigured = dialling?.isConfigured ?? false
    this.#login = dialling?.login ?? null
    const { limits, turn, pool, clock } = context
    this.startedWallMs = clock.wallMs()
    this.lastActivityMs = this.startedWallMs
    this.border = new RouteBorder(name => house.hasStore(name))
    const paced = new PacedSink(socket, () => this.#tellMore())
    this.#outbox = new Outbox(this, paced, turn, pool, limits.pendingBytesMax)
    const { log } = context
    const heard = log.traceOn ? new RouteTrace(this, log, limits) : this
    this.#parser = new RouteParser(heard, { lineBytesMax, payloadBytesMax: 0 })
    const max = Math.min(limits.subscriptionsMax, subscriptionsMaxDefault)
    this.#subscriptions = new PeerSubscriptions(max, name => house.account(name))
    this.#health = new LeafHealth(this, paced, clock, {
      intervalMs: house.pingIntervalMs,
      unansweredMax: house.pingsUnansweredMax,
      firstMs: 0,
    })
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

  /** Says who we are and waits for the other. */
  start(): void {
    const { log, clock } = this.#context
    if (this.didSolicit) {
      if (log.debugOn) log.debug(`${this.label} - Route connect msg sent`)
      this.#say(this.#house.connectLine(this.#login))
    }
    this.#say(this.#house.infoLine())
    log.info(`${this.label} - Route connection created`)
    const timer = clock.after(this.#house.handshakeMsMax, () => {
      this.violation(wireErrors.authenticationTimeout)
    })
    this.#state = { is: 'greeting', timer, hasConnected: this.didSolicit }
    this.#socket.open(this)
  }

  get label(): string {
    return `${this.host}:${this.port} - rid:${this.id}`
  }

  get isOpen(): boolean {
    return this.#state.is === 'open'
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  get host(): string {
    return this.#socket.host
  }

  get port(): number {
    return this.#socket.port
  }

  get rttMs(): number {
    return this.#health.rttMs
  }

  get pendingBytes(): number {
    return this.#outbox.pendingBytes
  }

  get remoteId(): string {
    return this.peer?.id ?? ''
  }

  get remoteName(): string {
    return this.peer?.name ?? ''
  }

  get subscriptions(): ReadonlyMap<string, Subscription> {
    return this.#subscriptions.all
  }

  received(chunk: Buffer, bytes: number): void {
    this.lastActivityMs = this.#context.clock.wallMs()
    this.#health.heard()
    this.#parser.parse(chunk, 0, bytes)
    const { pressure } = this.#context
    if (!pressure.raised || this.#isEnded) return
    this.#socket.pause()
    pressure.wait(() => this.#socket.resume())
  }

  ended(error: Error | null): void {
    this.close(error === null ? 'Client Closed' : 'Read Error')
  }

  /** Ends the connection; what is already in the outbox still leaves. */
  close(reason: string): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.closeReason = reason
    if (this.#state.is === 'greeting') this.#state.timer.cancel()
    this.#state = { is: 'closed' }
    this.#untold = null
    this.#subscriptions.clear()
    this.#parser.stop()
    this.#health.close()
    this.#deadline.cancel()
    this.#outbox.endTurn()
    this.#outbox.close()
    this.#socket.end(reason)
    const whom = this.remoteName === '' ? '' : ` - Remote: ${this.remoteName}`
    this.#context.log.info(`${this.label} - Router connection closed: ${reason}${whom}`)
    this.#house.closed(this, reason)
  }

  // --- operations of the parser ---

  connect(json: string): void {
    const state = this.#state
    if (state.is !== 'greeting' || state.hasConnected) return
    const connect = readPeerConnect(json)
    if (connect === null) return this.violation(wireErrors.parseError)
    const verdict = this.#house.isKnown(connect, () => !this.#isEnded)
    if (!(verdict instanceof Promise)) return this.#proven(connect, verdict)
    this.#parser.hold()
    this.#socket.pause()
    void verdict.then(isKnown => {
      if (this.#isEnded) return
      this.#proven(connect, isKnown)
      if (this.#isEnded) return
      this.#parser.resume()
      this.#socket.resume()
    })
  }

  #proven(connect: PeerConnect, isKnown: boolean): void {
    const refusal = isKnown ? this.#house.refusal(connect) : wireErrors.authorizationViolation
    if (refusal !== null) return this.#refuse(refusal)
    if (this.#state.is === 'greeting') this.#state.hasConnected = true
  }

  info(json: string): void {
    if (!this.#mayTalk()) return
    const info = readPeerInfo(json)
    if (info === null) return this.violation(wireErrors.parseError)
    if (this.#state.is === 'open') return this.#house.informed(this, info)
    if (this.#state.is !== 'greeting' || !this.#house.register(this, info)) return
    this.#open(info, this.#state.timer)
  }

  message(accountName: string, message: Message, origin: string): void {
    this.inMsgs++
    this.inBytes += message.payloadEnd - message.bodyStart
    if (this.#state.is !== 'open') return void this.#mayTalk()
    if (accountName !== this.#accountName || this.#account === null) {
      this.#account = this.#house.account(accountName)
      this.#accountName = accountName
    }
    const account = this.#account
    if (account === null || !this.border.mayReceive(accountName, message.target)) return
    if (message.reply !== '') restoreSubject(message)
    this.leafCluster = origin
    publish(account, message, this)
  }

  subscribe(interest: RouteInterest, weight: number): void {
    if (!this.#mayTalk()) return
    const { account, subject, queue, origin } = interest
    if (!isPattern(subject)) return this.#sendError('Invalid Subscription')
    if (!this.border.mightSend(account, subject)) {
      const { log } = this.#context
      if (!log.debugOn) return
      const text = `Can not export ${JSON.stringify(subject)}, ignoring remote subscription request`
      return log.debug(`${this.label} - ${text}`)
    }
    const key = keyOf(account, subject, queue, origin)
    const subscription = newSubscription(subject, this, queue, account)
    subscription.weight = weight
    if (this.#subscriptions.set(key, subscription, origin)) return
    this.violation(wireErrors.subscriptionsExceeded)
    this.close('Maximum Subscriptions Exceeded')
  }

  unsubscribe(interest: Omit<RouteInterest, 'origin'>, origin: string | null): void {
    if (!this.#mayTalk()) return
    const { account, subject, queue } = interest
    if (origin !== null) return this.#subscriptions.remove(keyOf(account, subject, queue, origin))
    this.#subscriptions.removeOfLeaf(leaf => keyOf(account, subject, queue, leaf))
  }

  ping(): void {
    if (this.#mayTalk()) this.#say('PONG\r\n')
  }

  pong(): void {
    this.#health.pong()
  }

  error(text: string): void {
    // Who sends them without end fills no log.
    if (++this.#errors > errorsLoggedMax) return
    this.#context.log.error(`${this.label} - Route Error ${JSON.stringify(text)}`)
  }

  violation(error: wireErrors.WireError): void {
    // Nobody in particular has no message to be too large.
    if (error === wireErrors.payloadTooLarge && !this.#mayTalk()) return
    if (error.text !== '') this.#sendError(error.text)
    if (error.closes) this.close(error.reason)
  }

  // --- what the server tells it ---

  /** INFO of ours, or of somebody else, as a whole line. */
  send(line: string): void {
    if (this.#state.is === 'open') this.#say(line)
  }

  /** Our interest changed. */
  tell(wanted: Wanted, isWanted: boolean): void {
    const { peer } = this
    if (this.#state.is !== 'open' || peer === null) return
    if (!isWanted) return this.#say(minusLine(wanted, peer))
    const { account, subject, queue } = wanted
    if (this.border.mayAsk(account, subject, queue)) this.#say(plusLine(wanted, peer))
  }

  /** Permissions changed here or there: what may cross is told and asked anew. */
  renew(peer: PeerInfo, isRenewal = true): void {
    this.peer = peer
    const { permissions } = this.#house
    this.border.settle(permissions, { imports: peer.imports, exports: peer.exports })
    for (const [key, { sid: account, subject }] of [...this.subscriptions]) {
      if (!this.border.mightSend(account, subject)) this.#subscriptions.remove(key)
    }
    this.#untold = this.#house.wanted()
    this.#isRenewal = isRenewal
    this.#tellMore()
  }

  /** There is an account that was not there before. */
  accountMade(account: Account): void {
    this.#subscriptions.accountMade(account)
    this.#accountName = ''
    this.#account = null
  }

  // --- the way out ---

  /** Nothing from a route; what a hub sends us it sends the other members itself. */
  accepts(origin: Origin, subscription: Subscription): boolean {
    if (this.#state.is !== 'open' || origin.kind === 'route') return false
    const from = origin.sink
    if (!(from instanceof Leaf)) return true
    if (from.isSpoke) return false
    const behind = this.#subscriptions.leafBehind(subscription)
    return behind === '' || behind !== from.remoteCluster
  }

  leafBehind(subscription: Subscription): string {
    return this.#subscriptions.leafBehind(subscription)
  }

  deliver(
    message: Message,
    subscription: Subscription,
    queues: readonly string[] | null,
    origin: Origin,
  ): void {
    if (this.#state.is !== 'open') return
    const account = subscription.sid
    if (!this.border.maySend(account, message.target)) return
    this.outMsgs++
    this.outBytes += message.payloadEnd - message.bodyStart
    const from = origin.sink
    const cluster = from instanceof Leaf && this.peer?.knowsLeafs ? leafClusterOf(from) : ''
    const { log } = this.#context
    if (log.traceOn) traceOut(log, this, routeMessageText(account, message, queues, cluster))
    this.#encoder.encode(this.#outbox, account, message, queues, cluster)
    this.#health.sent()
  }

  /** The peer does not keep up: cut it off rather than grow or wait (invariant 4). */
  overflowed(): void {
    const { log, limits } = this.#context
    const max = limits.pendingBytesMax
    log.info(`${this.label} - Slow Consumer Detected: MaxPending of ${max} Exceeded`)
    this.#slow('Pending Bytes')
  }

  drained(): void {
    this.#context.pressure.drained()
  }

  writeStalled(): void {
    const { writeDeadlineMs } = this.#house
    if (writeDeadlineMs !== null && !this.#isEnded) this.#deadline.begin(writeDeadlineMs)
  }

  sendPing(): void {
    this.#say('PING\r\n')
  }

  /** Neither an answer nor any progress: the socket is dead, whatever the kernel believes. */
  wentStale(): void {
    this.#sendError(wireErrors.staleConnection.text)
    this.#socket.destroy()
    this.close('Stale Connection')
  }

  #open(info: PeerInfo, timer: Timer): void {
    timer.cancel()
    const { log, limits } = this.#context
    this.#state = { is: 'open' }
    const bytesMax = Math.max(limits.payloadBytesMax, payloadBytesMax)
    this.#parser.setLimits({ lineBytesMax, payloadBytesMax: bytesMax })
    this.#health.start()
    this.renew(info, false)
    if (log.debugOn) log.debug(`${this.label} - Sent local subscriptions to route`)
  }

  /** Before CONNECT nobody has said anything worth an answer. */
  #mayTalk(): boolean {
    const state = this.#state
    if (state.is === 'open') return true
    if (state.is === 'closed' || this.#isEnded) return false
    if (state.hasConnected) return true
    this.#refuse(wireErrors.authorizationViolation)
    return false
  }

  #refuse(error: wireErrors.WireError): void {
    const { log } = this.#context
    if (error === wireErrors.authorizationViolation) {
      log.error(`${this.label} - authentication error`)
    } else log.error(`${this.label} - ${error.text}`)
    this.violation(error)
  }

  /** Goes on telling, until all is told or the way is full. */
  #tellMore(): void {
    while (this.#untold !== null && this.#outbox.pendingBytes < interestBytesMax) {
      const next = this.#untold.next()
      if (next.done) {
        this.#untold = null
        return
      }
      const { account, subject, queue } = next.value
      const mayAsk = this.border.mayAsk(account, subject, queue)
      // It may have been told before that it may not any more.
      if (mayAsk || this.#isRenewal) this.tell(next.value, mayAsk)
    }
  }

  #slow(why: 'Pending Bytes' | 'Write Deadline'): void {
    this.#socket.destroy()
    this.close(`Slow Consumer (${why})`)
  }

  #sendError(text: string): void {
    this.#say(`-ERR '${text}'\r\n`)
  }

  #say(line: string): void {
    const { log } = this.#context
    if (log.traceOn) traceOut(log, this, redacted(line.trimEnd()))
    this.#outbox.appendText(line)
  }
}
