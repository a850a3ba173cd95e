// A leaf-node connection: one account of ours joined to one account of a peer server. As a spoke
// (the usual role of whoever dials) it tells the hub what our own clients want; as a hub it tells
// everything. Rule: reference 4.5 to 4.8.
//
//   handshake --second INFO, or none will come--> open --close()/error/-ERR--> closed
//        |                                                                       ^
//        +--- no second INFO in time, refused, violation ------------------------+
//
// Keeps invariant 4: a hub that does not keep up is cut off at max_pending; nobody here waits.

import type { Account } from '../../account/account.ts'
import type { Timer } from '../../base/clock.ts'
import { newSubscription } from '../../broker/post.ts'
import { publish } from '../../broker/publish.ts'
import type { Message, Origin, RemoteSink, Subscription } from '../../message.ts'
import { isPattern } from '../../subject/subject.ts'
import * as wireErrors from '../../wire/errors.ts'
import type { LinkContext } from '../context.ts'
import { LeafBorder } from './border.ts'
import { LeafEncoder, restoreSubject } from './encode.ts'
import {
  connectLine,
  type HubInfo,
  type LeafIdentity,
  type LeafLogin,
  readHubInfo,
} from './handshake.ts'
import { LeafHealth } from './health.ts'
import { type LeafOperations, LeafParser } from './parser.ts'
import { loopPrefix } from './permissions.ts'
import { loopDelayMs, refusalOf } from './refusals.ts'
import { Outbox } from '../outbox.ts'
import { PacedSink } from './paced.ts'
import type { LinkSocket, SocketOwner } from '../socket.ts'

/** INFO lists the addresses of a whole cluster; nothing else comes near. */
const lineBytesMax = 64 * 1024
/** How long the second INFO may take. */
const secondInfoMsMax = 10_000
/** What a hub may subscribe to here, when max_subscriptions sets no limit. */
const subscriptionsMaxDefault = 1_000_000

/** What a leaf link needs of the server. */
export type LeafContext = Pick<
  LinkContext,
  'limits' | 'log' | 'clock' | 'turn' | 'pool' | 'pressure' | 'account'
>

export interface LeafOptions {
  readonly account: Account
  /** We are the hub although we dialled. */
  readonly isHub: boolean
  readonly denyImports: readonly string[]
  readonly denyExports: readonly string[]
  readonly login: LeafLogin
  readonly identity: LeafIdentity
  /** The account's own `$LDS.…`. */
  readonly loopSubject: string
}

export interface LeafOwner {
  /** The handshake is done and the interest told. */
  opened(leaf: Leaf): void
  /** An INFO came: the first or a later one. */
  informed(leaf: Leaf, info: HubInfo): void
  /** The connection is gone; dial again, but not before `delayMs`. */
  closed(leaf: Leaf, reason: string, delayMs: number): void
}

type State =
  | { readonly is: 'handshake'; readonly timer: Timer }
  | { readonly is: 'open' }
  | { readonly is: 'closed' }

export class Leaf implements LeafOperations, RemoteSink, Origin, SocketOwner {
  readonly kind = 'leaf'
  readonly remote = true
  readonly echo = false
  readonly sink = this
  /** Denies both ways are this link's own affair: see LeafPermissions. */
  readonly permissions = null
  readonly id: number
  readonly isSpoke: boolean
  readonly startedWallMs: number
  inMsgs = 0
  inBytes = 0
  outMsgs = 0
  outBytes = 0
  /** Messages larger than the hub's max_payload: never sent, as it would hang up. */
  oversizedMsgs = 0
  /** Why it ended, once it has; for totals. */
  closeReason = ''
  readonly subscriptions = new Map<string, Subscription>()
  readonly #context: LeafContext
  readonly #options: LeafOptions
  readonly #owner: LeafOwner
  readonly #socket: LinkSocket
  readonly #outbox: Outbox
  readonly #parser: LeafParser
  readonly #health: LeafHealth
  readonly #encoder = new LeafEncoder()
  readonly #border: LeafBorder
  #info: HubInfo
  #state: State = { is: 'closed' }
  #isEnded = false
  #nextDialMs = 0

  constructor(
    context: LeafContext,
    options: LeafOptions,
    owner: LeafOwner,
    socket: LinkSocket,
    id: number,
    info: HubInfo,
  ) {
    this.#context = context
    this.#options = options
    this.#owner = owner
    this.#socket = socket
    this.#info = info
    this.id = id
    this.isSpoke = !options.isHub
    this.startedWallMs = context.clock.wallMs()
    const { limits, turn, pool, clock } = context
    const paced = new PacedSink(socket)
    this.#outbox = new Outbox(this, paced, turn, pool, limits.pendingBytesMax)
    this.#parser = new LeafParser(this, { lineBytesMax, payloadBytesMax: limits.payloadBytesMax })
    this.#health = new LeafHealth(this, paced, clock, limits.keepalive)
    this.#border = new LeafBorder(
      options,
      line => this.#outbox.appendText(line),
      subscription => this.#forwards(subscription),
    )
  }

  /** Answers the hub's first INFO with CONNECT and starts reading. */
  start(): void {
    const { clock, log } = this.#context
    const { account, identity, denyImports, isHub, login } = this.#options
    log.info(`${this.label} - Leafnode connection created for account: ${account.name} `)
    this.#socket.open(this)
    const timer = clock.after(secondInfoMsMax, () => this.#stale())
    this.#state = { is: 'handshake', timer }
    const connect = { login, account: account.name, isHub, denyImports }
    const answer = connectLine(identity, connect, this.#info.nonce)
    if ('error' in answer) {
      log.error(`${this.label} - ${answer.error}`)
      return this.close('Authentication Failure')
    }
    this.#outbox.appendText(answer.line)
    if (log.debugOn) log.debug(`${this.label} - Remote leafnode connect msg sent`)
    this.#owner.informed(this, this.#info)
    if (!this.#info.infoOnConnect) this.#open(this.#info)
  }

  /** `host:port - lid:n` */
  get label(): string {
    return `${this.#socket.host}:${this.#socket.port} - lid:${this.id}`
  }

  get isOpen(): boolean {
    return this.#state.is === 'open'
  }

  get account(): Account {
    return this.#options.account
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

  /** Name of the server at the other end. */
  get remoteName(): string {
    return this.#info.name
  }

  /** Cluster of the server at the other end; '' = none. */
  get remoteCluster(): string {
    return this.#info.cluster
  }

  received(chunk: Buffer, bytes: number): void {
    this.#health.heard()
    this.#parser.parse(bytes === chunk.length ? chunk : chunk.subarray(0, bytes))
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
    if (this.#state.is === 'handshake') this.#state.timer.cancel()
    this.#state = { is: 'closed' }
    const { account } = this.#options
    account.unwatch(this.#border)
    this.#border.close()
    for (const subscription of this.subscriptions.values()) account.unsubscribe(subscription)
    this.subscriptions.clear()
    this.#parser.stop()
    this.#health.close()
    this.#outbox.endTurn()
    this.#outbox.close()
    this.#socket.end()
    const whom = this.remoteName === '' ? '' : ` - Remote: ${this.remoteName}`
    this.#context.log.info(`${this.label} - Leafnode connection closed: ${reason}${whom}`)
    this.#owner.closed(this, reason, this.#nextDialMs)
  }

  // --- operations of the parser ---

  message(message: Message): void {
    this.inMsgs++
    this.inBytes += message.payloadEnd - message.bodyStart
    if (this.#state.is !== 'open' || !this.#border.mayReceive(message.target)) return
    if (message.reply !== '') restoreSubject(message)
    publish(this.#options.account, message, this)
  }

  subscribe(subject: string, queue: string, weight: number): void {
    if (this.#isEnded) return
    const { account, loopSubject } = this.#options
    if (subject === loopSubject) return this.#loop(true)
    if (!isPattern(subject)) return this.#sendError('Invalid Subscription')
    const key = queue === '' ? subject : `${subject} ${queue}`
    const known = this.subscriptions.get(key)
    if (known?.weight === weight) return
    if (!this.#border.mightSend(subject)) return
    const { subscriptionsMax } = this.#context.limits
    const max = Number.isFinite(subscriptionsMax) ? subscriptionsMax : subscriptionsMaxDefault
    if (!known && this.subscriptions.size >= max) {
      return this.#sendError(wireErrors.subscriptionsExceeded.text)
    }
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
    this.#options.account.unsubscribe(subscription)
  }

  info(json: string): void {
    const info = readHubInfo(json)
    if (info === null) return this.violation(wireErrors.parseError)
    const before = this.#info
    // Name, domain and limits stand in every INFO; the nonce only in the first.
    this.#info = { ...info, nonce: before.nonce, headers: info.headers || before.headers }
    this.#border.inform(this.#info)
    this.#owner.informed(this, this.#info)
    if (info.connectInfo && this.#state.is === 'handshake') this.#open(this.#info)
  }

  /** Only who dials sends CONNECT. */
  connect(): void {
    this.violation(wireErrors.unknownOperation)
  }

  ping(): void {
    this.#outbox.appendText('PONG\r\n')
  }

  pong(): void {
    this.#health.pong()
  }

  error(text: string): void {
    this.#context.log.error(`${this.label} - Leafnode Error '${text}'`)
    if (text.includes('Loop detected')) return this.#loop(false)
    const refusal = refusalOf(text)
    if (refusal === undefined) return
    this.#nextDialMs = refusal.delayMs
    if (refusal.about === '') return
    this.#context.log.error(
      `${this.label} - Leafnode connection dropped ${refusal.about}. ` +
        `Delaying attempt to reconnect for ${refusal.delayMs / 1000}s`,
    )
  }

  violation(error: wireErrors.WireError): void {
    if (error.text !== '') this.#sendError(error.text)
    this.close(error.reason)
  }

  // --- the way out ---

  /**
   * What one hub sends us is not passed on to another: it was asked for by our own clients. With
   * routes, the member that has the message passes it up itself.
   */
  accepts(origin: Origin): boolean {
    if (this.#state.is !== 'open' || origin.sink === this) return false
    if (!this.isSpoke) return true
    if (origin.kind === 'route') return false
    return !(origin.sink instanceof Leaf && origin.sink.isSpoke)
  }

  deliver(message: Message, _: Subscription, queues: readonly string[] | null): void {
    if (this.#state.is !== 'open' || !this.#border.maySend(message.target)) return
    const stripHeaders = !this.#info.headers
    const bytes = message.payloadEnd - (stripHeaders ? message.payloadStart : message.bodyStart)
    if (bytes > this.#info.payloadBytesMax) return this.#oversized(message, bytes)
    this.outMsgs++
    this.outBytes += bytes
    this.#encoder.encode(this.#outbox, message, queues, stripHeaders)
    this.#health.sent()
  }

  /** The hub does not keep up: cut it off rather than grow or wait (invariant 4). */
  overflowed(): void {
    const { log } = this.#context
    log.info(`${this.label} - Slow Consumer Detected: MaxPending of ${this.#pendingMax} Exceeded`)
    this.#socket.destroy()
    this.close('Slow Consumer (Pending Bytes)')
  }

  drained(): void {
    this.#context.pressure.drained()
  }

  /** LeafHealth watches what the kernel takes. */
  writeStalled(): void {}

  sendPing(): void {
    this.#outbox.appendText('PING\r\n')
  }

  /** Neither an answer nor any progress: the socket is dead, whatever the kernel believes. */
  wentStale(): void {
    this.#sendError(wireErrors.staleConnection.text)
    this.#socket.destroy()
    this.close('Stale Connection')
  }

  get #pendingMax(): number {
    return this.#context.limits.pendingBytesMax
  }

  /** The handshake is done: settle what may cross, and tell the hub what we want. */
  #open(info: HubInfo): void {
    if (this.#state.is === 'handshake') this.#state.timer.cancel()
    const { account, identity } = this.#options
    const { log } = this.#context
    if (!account.isSystem && !this.#border.sharesDomain(info)) {
      const domains = `local "${identity.domain}", remote "${info.domain}"`
      log.info(`${this.label} - JetStream using domains: ${domains}`)
    }
    this.#state = { is: 'open' }
    account.watch(this.#border)
    this.#border.open(info)
    this.#health.start()
    this.#owner.opened(this)
  }

  /** Does the peer have to know of it? A spoke speaks for its own clients and leafs only. */
  #forwards({ sink, subject }: Subscription): boolean {
    if (sink === this) return false
    if (!sink.remote) return sink.isPrivate !== true
    if (!(sink instanceof Leaf)) return !this.isSpoke || subject.startsWith(loopPrefix)
    const isSameCluster = sink.remoteCluster !== '' && sink.remoteCluster === this.remoteCluster
    if (isSameCluster) return false
    return !this.isSpoke || !sink.isSpoke || subject.startsWith(loopPrefix)
  }

  #oversized(message: Message, bytes: number): void {
    this.oversizedMsgs++
    if (this.oversizedMsgs > 1 && !this.#context.log.debugOn) return
    const { log } = this.#context
    const limit = this.#info.payloadBytesMax
    const text = `Message on "${message.target}" of ${bytes} bytes exceeds the hub's ${limit}`
    if (this.oversizedMsgs === 1) log.warn(`${this.label} - ${text}: not sent`)
    else log.debug(`${this.label} - ${text}: not sent`)
  }

  #loop(tellPeer: boolean): void {
    this.#nextDialMs = loopDelayMs
    const { account } = this.#options
    const text =
      `Loop detected for leafnode account="${account.name}". ` +
      `Delaying attempt to reconnect for ${loopDelayMs / 1000}s`
    if (tellPeer) this.#sendError(text)
    this.#context.log.error(`${this.label} - ${text}`)
    this.close('Protocol Violation')
  }

  #stale(): void {
    this.#sendError('Stale Leaf Node Connection - Closing')
    this.#context.log.debug(`${this.label} - Stale Leaf Node Connection - Closing`)
    this.close('Stale Connection')
  }

  #sendError(text: string): void {
    this.#outbox.appendText(`-ERR '${text}'\r\n`)
  }
}
