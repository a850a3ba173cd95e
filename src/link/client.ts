// A NATS client's connection: parser -> here -> the door, and as a sink the way back.
//
//   handshake --CONNECT ok--> open --close()/error--> closed
//       |                                               ^
//       +--- refused, timeout, violation ---------------+
//
// Without configured users a client may do everything before (or without) CONNECT, as
// nats-server allows: then it is open from the start and CONNECT only sets its options.
//
// While a password hash is computed the state stays and nothing more is read or parsed.

import type { X509Certificate } from 'node:crypto'
import type { Account } from '../account/account.ts'
import {
  type ConnectionType,
  type Identity,
  lowestLimits,
  type Peer,
} from '../account/authenticate.ts'
import { ReplyPermissions } from '../account/replies.ts'
import type { Timer } from '../base/clock.ts'
import { newSubscription } from '../broker/post.ts'
import { denied, publish, mappedSubject } from '../broker/publish.ts'
import type { LocalSink, Message, Origin, PermissionCheck, Subscription } from '../message.ts'
import { isReservedReply, isSubject } from '../subject/subject.ts'
import { encodeMessage, noResponders } from '../wire/encode.ts'
import * as wireErrors from '../wire/errors.ts'
import { type ClientOperations, Parser } from '../wire/parser.ts'
import { clientLabel } from './client-label.ts'
import { ClientSubscriptions, subscribeProblem } from './client-subscriptions.ts'
import type { LinkContext } from './context.ts'
import {
  type ConnectOptions,
  claimOf,
  connectDefaults,
  connectViolation,
  newNonce,
  readConnect,
  redacted,
} from './handshake.ts'
import { Expiry } from '../base/expiry.ts'
import { Intake } from './intake.ts'
import { Keepalive } from './keepalive.ts'
import { Outbox } from './outbox.ts'
import type { Secured } from './secured.ts'
import type { ClientSocket } from './socket.ts'
import { deliveryText, traceIn, traceOut, tracePublish } from './trace.ts'
import { WriteDeadline } from './write-deadline.ts'

type State =
  | { readonly is: 'handshake'; readonly timer: Timer }
  | { readonly is: 'open'; readonly account: Account }
  | { readonly is: 'closed'; readonly reason: string }

export class Client implements ClientOperations, LocalSink, Origin, Peer {
  readonly kind = 'client'
  readonly remote = false
  readonly sink = this
  readonly id: number
  readonly host: string
  readonly port: number
  readonly startedWallMs: number
  lastActivityMs: number
  inMsgs = 0
  inBytes = 0
  outMsgs = 0
  outBytes = 0
  stalls = 0
  /** What CONNECT asked for. */
  options: ConnectOptions = connectDefaults
  identity: Identity | null = null
  /** What INFO gave it to sign; '' = nothing. */
  nonce = ''
  /** Of the server, the account and the user the lowest. */
  payloadBytesMax: number
  echo = true
  permissions: PermissionCheck | null = null
  readonly keepalive: Keepalive
  readonly secured: Secured | null
  readonly #context: LinkContext
  readonly #socket: ClientSocket
  readonly #outbox: Outbox
  readonly #parser: Parser
  readonly #intake: Intake
  readonly #subscriptions = new ClientSubscriptions()
  #state: State = { is: 'closed', reason: '' }
  /** allow_responses: what it may still answer. */
  #replies: ReplyPermissions | null = null
  /** Of the server, the account and the user the lowest. */
  #subscriptionsMax = 0
  #expiry: Expiry | null = null
  #deadline: WriteDeadline | null = null
  /** CONNECT came, and no PING after it yet: the answer to that brings an INFO. */
  #owesConnectInfo = false

  constructor(context: LinkContext, socket: ClientSocket, id: number) {
    this.#context = context
    this.#socket = socket
    this.id = id
    this.host = socket.host
    this.port = socket.port
    this.secured = socket.secured
    this.startedWallMs = context.clock.wallMs()
    this.lastActivityMs = this.startedWallMs
    this.payloadBytesMax = context.limits.payloadBytesMax
    const { turn, pool, limits } = context
    this.#outbox = new Outbox(this, socket, turn, pool, limits.pendingBytesMax)
    const parser = new Parser(this, context.limits)
    this.#parser = parser
    this.#intake = new Intake({ parser, socket, isWaiting: () => this.isWaiting() })
    this.keepalive = new Keepalive(this, context.clock, context.limits.keepalive)
  }

  /** Greets the client, unless it had its INFO with a nonce before TLS, and starts reading. */
  start(greetedWith: string | null = null): void {
    const { log, authorization, limits } = this.#context
    if (log.debugOn) log.debug(`${this.label} - Client connection created`)
    this.nonce = greetedWith ?? (authorization.hasNkeys ? newNonce() : '')
    if (greetedWith === null) this.#outbox.appendText(this.#context.infoLine(this, null))
    if (this.#context.clients.size > limits.connectionsMax) {
      this.#socket.open(this)
      this.violation(wireErrors.connectionsExceeded)
      return
    }
    const { callout, operator, certificates } = authorization
    const isAsked = callout || operator || certificates?.covers(this.connectionType)
    const open = isAsked ? null : this.#context.authenticate(connectDefaults, this)
    const isOpen = open !== null && !(open instanceof Promise) && this.#becomeOpen(open)
    if (!isOpen) this.#awaitConnect(authorization.timeoutMs)
    this.keepalive.start()
    this.#socket.open(this)
  }

  #awaitConnect(timeoutMs: number): void {
    const { clock, limits } = this.#context
    const timer = clock.after(timeoutMs, () => this.violation(wireErrors.authenticationTimeout))
    this.#state = { is: 'handshake', timer }
    // Nobody yet: it may have no payload kept for it.
    this.#parser.setLimits({ lineBytesMax: limits.lineBytesMax, payloadBytesMax: 0 })
  }

  /** What /connz calls this kind of connection. */
  get type(): 'nats' | 'websocket' {
    return this.#socket.isWebSocket ? 'websocket' : 'nats'
  }

  /** `host:port - cid:n` (`wid:n` in WebSocket frames), with `"version:lang:name"` once it said so. */
  get label(): string {
    return clientLabel(this, this.#socket)
  }

  get connectionType(): ConnectionType {
    return this.#socket.isWebSocket ? 'WEBSOCKET' : 'STANDARD'
  }

  get certificate(): X509Certificate | null {
    return this.#socket.certificate
  }

  get subscriptions(): Map<string, Subscription> {
    return this.#subscriptions.bySid
  }

  /** A login is of no use to a connection that is gone. */
  isWaiting(): boolean {
    return this.#state.is !== 'closed'
  }

  get pendingBytes(): number {
    return this.#outbox.pendingBytes
  }

  get account(): Account | null {
    return this.#state.is === 'open' ? this.#state.account : null
  }

  received(chunk: Buffer, bytes: number): void {
    this.lastActivityMs = this.#context.clock.wallMs()
    this.keepalive.heard()
    this.#parser.parse(chunk, 0, bytes)
    const pressure = this.#context.pressure
    if (!pressure.raised || this.#state.is === 'closed') return
    this.stalls++
    this.#intake.wait(pressure)
  }

  ended(error: Error | null): void {
    this.close(error === null ? 'Client Closed' : 'Read Error')
  }

  /** Ends the connection; what is already in the outbox still leaves. */
  close(reason: string): void {
    const state = this.#state
    if (state.is === 'closed' && state.reason !== '') return
    if (state.is === 'handshake') state.timer.cancel()
    if (state.is === 'open') {
      this.#subscriptions.release(state.account)
      state.account.leave()
    }
    this.#state = { is: 'closed', reason }
    this.#parser.stop()
    this.keepalive.close()
    this.#deadline?.cancel()
    this.#expiry?.cancel()
    this.#outbox.endTurn()
    this.#outbox.close()
    this.#socket.end(reason)
    const { log } = this.#context
    if (log.debugOn) log.debug(`${this.label} - Client connection closed: ${reason}`)
    this.#context.closed(this, reason)
  }

  /** Users or permissions were reloaded: may it stay, and keep what it subscribed to? */
  recheck(): void {
    const state = this.#state
    if (state.is !== 'open') return
    const { callout, operator } = this.#context.authorization
    if (this.identity?.isDelegated && (callout || operator)) return
    this.#intake.decide(this.#context.authenticate(this.options, this), identity => {
      this.#recheckedAs(identity)
    })
  }

  #recheckedAs(identity: Identity | null): void {
    const state = this.#state
    if (state.is !== 'open') return
    if (identity?.account !== state.account.name) {
      return this.violation(wireErrors.authorizationViolation)
    }
    this.#becomeOpen(identity)
    const dropped = this.#subscriptions.recheck(state.account, identity.permissions)
    for (const { subject, queue, sid } of dropped) {
      const { text } = wireErrors.subscribeViolation(subject, queue)
      this.#sendError(`${text} (sid "${sid}")`)
    }
  }

  // --- operations of the parser ---

  publish(message: Message): void {
    const state = this.#state
    if (state.is !== 'open') return this.#notOpen()
    const bytes = message.payloadEnd - message.bodyStart
    this.inMsgs++
    this.inBytes += bytes
    const { log } = this.#context
    if (log.traceOn) tracePublish(log, this, message, this.#context.limits)
    const hasHeaders = message.payloadStart > message.bodyStart
    if (hasHeaders && !this.options.headers) return this.violation(wireErrors.headersUnsupported)
    if (this.options.pedantic && !isSubject(message.subject)) {
      this.#refuse(wireErrors.invalidPublishSubject)
    }
    if (message.reply !== '' && isReservedReply(message.reply)) {
      return this.#refuse(wireErrors.replyViolation(message.reply))
    }
    const count = this.options.verbose
      ? this.#publishVerbosely(state.account, message)
      : publish(state.account, message, this)
    if (count === denied) {
      return this.#refuse(wireErrors.publishViolation(mappedSubject(state.account, message)))
    }
    if (count === 0 && message.reply !== '' && this.options.noResponders) {
      this.#answerNoResponders(state.account, message)
    }
  }

  subscribe(subject: string, queue: string, sid: string): void {
    const state = this.#state
    if (state.is !== 'open') return this.#notOpen()
    const { log } = this.#context
    if (log.traceOn) {
      traceIn(log, this, `SUB ${subject}${queue === '' ? '' : ` ${queue}`} ${sid}`)
    }
    const permissions = this.identity?.permissions ?? null
    const { subjectTokensMax = 0 } = this.#context.limits
    const problem = subscribeProblem(subject, queue, permissions, subjectTokensMax)
    if (problem !== null) return this.#refuse(problem)
    const { bySid } = this.#subscriptions
    if (bySid.size >= this.#subscriptionsMax) {
      return this.#refuse(wireErrors.subscriptionsExceeded)
    }
    // A sid in use keeps its first subscription; the new one is dropped without a word.
    if (!bySid.has(sid)) {
      const subscription = newSubscription(subject, this, queue, sid)
      this.#subscriptions.add(state.account, subscription, permissions)
    }
    if (this.options.verbose) this.#outbox.appendText('+OK\r\n')
  }

  unsubscribe(sid: string, max: number): void {
    const state = this.#state
    if (state.is !== 'open') return this.#notOpen()
    const { log } = this.#context
    if (log.traceOn) traceIn(log, this, `UNSUB ${sid}${max > 0 ? ` ${max}` : ''}`)
    const subscription = this.#subscriptions.bySid.get(sid)
    if (subscription) {
      if (max > subscription.delivered) subscription.max = max
      else this.#subscriptions.drop(state.account, subscription)
    }
    if (this.options.verbose) this.#outbox.appendText('+OK\r\n')
  }

  connect(json: string): void {
    const { log } = this.#context
    if (log.traceOn) traceIn(log, this, `CONNECT ${redacted(json)}`)
    const options = readConnect(json, this.#context.limits.headersOff, this.#socket.carried)
    this.options = options ?? this.options
    const refused = connectViolation(options, json)
    if (options === null || refused !== null)
      return this.violation(refused ?? wireErrors.parseError)
    this.#intake.decide(this.#context.authenticate(options, this), identity =>
      this.#connected(identity),
    )
  }

  #connected(identity: Identity | null): void {
    if (identity === null) return this.#rejected()
    // A second CONNECT starts anew: its subscriptions were made as somebody else.
    if (this.#state.is === 'open') this.#subscriptions.clear(this.#state.account)
    if (!this.#becomeOpen(identity)) {
      return this.violation(wireErrors.accountConnectionsExceeded)
    }
    this.#owesConnectInfo = this.options.protocol === 1
    this.#context.opened(this)
    if (this.options.verbose) this.#outbox.appendText('+OK\r\n')
  }

  ping(): void {
    if (this.#state.is !== 'open') return this.#notOpen()
    const { log } = this.#context
    if (log.traceOn) traceIn(log, this, 'PING')
    this.#outbox.appendText('PONG\r\n')
    if (log.traceOn) traceOut(log, this, 'PONG')
    if (!this.#owesConnectInfo) return
    this.#owesConnectInfo = false
    this.#outbox.appendText(this.#context.infoLine(this, this.#state.account))
  }

  pong(): void {
    const { log } = this.#context
    if (log.traceOn) traceIn(log, this, 'PONG')
    this.keepalive.pong()
  }

  violation(error: wireErrors.WireError): void {
    const { unknownOperation, payloadTooLarge } = wireErrors
    const isStrange = error === unknownOperation || error === payloadTooLarge
    if (this.#state.is === 'handshake' && isStrange) return this.#notOpen()
    if (error.text !== '') this.#sendError(error.text)
    this.close(error.reason)
  }

  // --- the way out ---

  deliver(message: Message, subscription: Subscription): void {
    if (this.#state.is !== 'open') return
    const { filtered } = this.#subscriptions
    if (filtered?.has(subscription) && !this.permissions?.mayReceive(message.subject)) return
    const stripHeaders = !this.options.headers
    const bodyStart = stripHeaders ? message.payloadStart : message.bodyStart
    this.outMsgs++
    this.outBytes += message.payloadEnd - bodyStart
    if (this.#replies !== null && message.reply !== '') this.#replies.received(message.reply)
    const outbox = this.#outbox
    encodeMessage(outbox, message, subscription, stripHeaders)
    if (outbox.congested) this.#context.pressure.raised = true
    const { log } = this.#context
    if (log.traceOn) traceOut(log, this, deliveryText(message, subscription.sid))
    if (subscription.max > 0 && subscription.delivered >= subscription.max) {
      this.#subscriptions.forget(subscription)
    }
  }

  overflowed(): void {
    this.#cutOff('Slow Consumer (Pending Bytes)')
  }

  drained(): void {
    this.#context.pressure.drained()
  }

  writeStalled(): void {
    if (this.#state.is === 'closed') return
    this.#deadline ??= new WriteDeadline(this.#context.clock, this.#outbox, () => {
      this.#cutOff('Slow Consumer (Write Deadline)')
    })
    this.#deadline.begin(this.#context.limits.writeDeadlineMs)
  }

  sendPing(): void {
    const { log } = this.#context
    this.#outbox.appendText('PING\r\n')
    if (log.traceOn) traceOut(log, this, 'PING')
  }

  /** An asynchronous INFO (lame duck, new connect URLs); false: it is no client for that yet. */
  sendInfo(change = (line: string) => line): boolean {
    const isReady = this.options.protocol === 1 && !this.#owesConnectInfo
    if (isReady) this.#outbox.appendText(change(this.#context.infoLine(this, null)))
    return isReady
  }

  wentStale(): void {
    this.violation(wireErrors.staleConnection)
  }

  /** +OK comes before the message's own deliveries, so the permission is asked first. */
  #publishVerbosely(account: Account, message: Message): number {
    const { kind, echo } = this
    const permissions = account.mappings === null ? null : this.permissions
    if (permissions === null && this.permissions?.mayPublish(message.subject) === false)
      return denied
    this.#outbox.appendText('+OK\r\n')
    return publish(account, message, { kind, sink: this, echo, permissions })
  }

  /** False when the account has no room for one more connection. */
  #becomeOpen(identity: Identity): boolean {
    const state = this.#state
    const account = this.#context.account(identity.account)
    if (state.is !== 'open' || state.account !== account) {
      if (!account.enter()) return false
      if (state.is === 'open') state.account.leave()
    }
    if (state.is === 'handshake') state.timer.cancel()
    this.identity = identity
    this.#limit(identity, account)
    const responses = identity.permissions?.responses
    this.#replies =
      identity.permissions && responses
        ? new ReplyPermissions(identity.permissions, responses, this.#context.clock)
        : null
    this.permissions = this.#replies ?? identity.permissions
    this.echo = this.options.echo
    this.#state = { is: 'open', account }
    return true
  }

  #limit({ limits: own, expiresWallMs }: Identity, { limits: ofAccount }: Account): void {
    const { limits } = this.#context
    const { lineBytesMax } = limits
    const { payloadBytesMax, subscriptionsMax } = lowestLimits(lowestLimits(limits, ofAccount), own)
    this.payloadBytesMax = payloadBytesMax
    this.#subscriptionsMax = subscriptionsMax
    this.#parser.setLimits({ lineBytesMax, payloadBytesMax })
    if (expiresWallMs !== undefined || this.#expiry !== null) {
      this.#expiry ??= new Expiry(this.#context.clock, () => {
        this.violation(wireErrors.userExpired)
      })
      this.#expiry.set(expiresWallMs)
    }
  }

  #cutOff(reason: string): void {
    this.#context.slowConsumer(this)
    this.#socket.destroy()
    this.close(reason)
  }

  #notOpen(): void {
    if (this.#state.is === 'handshake') this.#rejected()
  }

  #rejected(): void {
    const who = claimOf(this.options, this.nonce)
    this.#context.log.error(`${this.label} - authentication error${who}`)
    this.#context.refused(this, wireErrors.authorizationViolation.reason)
    this.violation(wireErrors.authorizationViolation)
  }

  #refuse(error: wireErrors.WireError): void {
    this.#sendError(error.text)
    if (error !== wireErrors.invalidSubject) {
      this.#context.log.error(`${this.label} - ${error.text}`)
    }
  }

  #sendError(text: string): void {
    const { log } = this.#context
    this.#outbox.appendText(`-ERR '${text}'\r\n`)
    if (log.traceOn) traceOut(log, this, `-ERR ${text}`)
  }

  /** Tells the requester at once that nobody listens, if it is the one that waits. */
  #answerNoResponders(account: Account, message: Message): void {
    const { sublist } = account
    const { reply } = message
    const subject = mappedSubject(account, message)
    const waiting = sublist.match(reply).plain.find(({ sink }) => sink === this)
    if (waiting) this.deliver(noResponders(reply, subject), waiting)
  }
}
