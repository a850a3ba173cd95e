// One MQTT client's connection: bytes in, packets to its session and to the door, bytes out.
//
//   handshake --CONNECT ok--> open --DISCONNECT, error, takeover, silence--> closed
//       |                                                                      ^
//       +--- refused (CONNACK with a code), timeout, violation ----------------+
//
// Whatever the client breaks closes this connection and no other. A will is published at every
// end but DISCONNECT [MQTT-3.1.2-8] [MQTT-3.1.2-10]; unlike nats-server also when another
// connection takes the session over, as the standard asks.

import type { X509Certificate } from 'node:crypto'
import type { ConnectionType, Identity, Peer } from '../../src/account/authenticate.ts'
import type { Timer } from '../../src/base/clock.ts'
import { Outbox, type OutboxOwner } from '../../src/link/outbox.ts'
import type { SocketOwner } from '../../src/link/socket.ts'
import { WriteDeadline } from '../../src/link/write-deadline.ts'
import type { Receipt } from '../../src/message.ts'
import { accountConnectionsExceeded } from '../../src/wire/errors.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { addTraffic, type MqttContext, type MqttLimits } from './context.ts'
import { Framer, type FrameOwner } from './frame.ts'
import { type ConnectionOwner, type Line, newClientId } from './line.ts'
import { limitsOf } from './logins.ts'
import * as packets from './packet.ts'
import { PacketWriter } from './packet-writer.ts'
import { Publisher, type PublisherOwner } from './publisher.ts'
import { connackCodes, type ConnackCode, type Violation, violations } from './rules.ts'
import type { Session } from './session.ts'
import type { AccountState, Sessions } from './sessions.ts'
import { subjectOfTopic } from './topic.ts'

const { types } = packets

type State =
  | { readonly is: 'handshake'; readonly timer: Timer | null }
  | {
      readonly is: 'open'
      readonly account: AccountState
      readonly session: Session
      readonly publisher: Publisher
      readonly will: packets.Will | null
    }
  | { readonly is: 'closed'; readonly reason: string }

/** A client may be silent for one and a half times its keep alive [MQTT-3.1.2-24]. */
const keepaliveGrace = 1.5

export class Connection implements FrameOwner, SocketOwner, OutboxOwner, PublisherOwner, Peer {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly startedWallMs: number
  readonly nonce = ''
  clientId = ''
  identity: Identity | null = null
  keepaliveMs = 0
  heardMs: number
  readonly #context: MqttContext
  /** As they were when the connection began: a reload counts for those that come later. */
  #limits: MqttLimits
  readonly #owner: ConnectionOwner
  readonly #sessions: Sessions
  readonly #socket: Line
  readonly #outbox: Outbox
  readonly #writer: PacketWriter
  readonly #framer: Framer
  readonly #acknowledgements: Acknowledgements
  #state: State = { is: 'handshake', timer: null }
  #silence: Timer | null = null
  #deadline: WriteDeadline | null = null
  #isHeldBack = false
  /** Stays too: it knows what came in. */
  #publisher: Publisher | null = null
  /** Stays when the connection is closed: acknowledgements may still wait for the disk. */
  #session: Session | null = null

  constructor(
    context: MqttContext,
    owner: ConnectionOwner,
    sessions: Sessions,
    socket: Line,
    id: number,
  ) {
    this.#context = context
    this.#owner = owner
    this.#sessions = sessions
    this.#socket = socket
    this.id = id
    this.host = socket.host
    this.port = socket.port
    this.startedWallMs = context.clock.wallMs()
    this.heardMs = context.clock.monotonicMs()
    const { turn, pool, limits } = context
    this.#limits = limits
    this.#outbox = new Outbox(this, socket, turn, pool, limits.pendingBytesMax)
    this.#writer = new PacketWriter(this.#outbox, context.pressure)
    this.#framer = new Framer(this)
    this.#acknowledgements = new Acknowledgements(this)
  }

  start(): void {
    const { log, clock, options } = this.#context
    if (log.debugOn) log.debug(`${this.label} - Client connection created`)
    const timer = clock.after(options.authorization.timeout, () => {
      log.error(`${this.label} - Authentication Timeout`)
      this.close('Authentication Timeout')
    })
    this.#state = { is: 'handshake', timer }
    this.#socket.open(this)
  }

  /** `host:port - mid:n`, with the client id once it is known. */
  get label(): string {
    const base = `${this.host}:${this.port} - mid:${this.id}`
    return this.clientId === '' ? base : `${base} - ${JSON.stringify(this.clientId)}`
  }

  get connectionType(): ConnectionType {
    return this.#socket.isWebSocket ? 'MQTT_WS' : 'MQTT'
  }

  get certificate(): X509Certificate | null {
    return this.#socket.certificate ?? null
  }

  /** A login is of no use to a connection that is gone. */
  isWaiting(): boolean {
    return this.#state.is !== 'closed'
  }

  get session(): Session | null {
    return this.#state.is === 'open' ? this.#state.session : null
  }

  get inMsgs(): number {
    return this.#publisher?.inMsgs ?? 0
  }

  get inBytes(): number {
    return this.#publisher?.inBytes ?? 0
  }

  get outMsgs(): number {
    return this.#writer.outMsgs
  }

  get outBytes(): number {
    return this.#writer.outBytes
  }

  /** When something came last, by the wall clock. */
  get heardWallMs(): number {
    const { clock } = this.#context
    return clock.wallMs() - Math.round(clock.monotonicMs() - this.heardMs)
  }

  get pendingBytes(): number {
    return this.#outbox.pendingBytes
  }

  // --- the socket ---

  received(chunk: Buffer, bytes: number): void {
    this.heardMs = this.#context.clock.monotonicMs()
    this.#framer.parse(chunk, bytes)
    const pressure = this.#context.pressure
    if (!pressure.raised || this.#state.is === 'closed') return
    this.#socket.pause()
    pressure.wait(() => {
      if (!this.#isHeldBack) this.#socket.resume()
    })
  }

  ended(error: Error | null): void {
    this.close(error === null ? 'Client Closed' : 'Read Error')
  }

  /** Ends the connection; what is already in the outbox still leaves. */
  close(reason: string): void {
    const state = this.#state
    if (state.is === 'closed') return
    this.#state = { is: 'closed', reason }
    if (state.is === 'handshake') state.timer?.cancel()
    this.#framer.stop()
    this.#silence?.cancel()
    this.#deadline?.cancel()
    this.#outbox.endTurn()
    this.#outbox.close()
    this.#socket.end()
    const { log, counters } = this.#context
    if (log.debugOn) log.debug(`${this.label} - Client connection closed: ${reason}`)
    if (state.is === 'open') {
      addTraffic(counters, this, this.#writer)
      this.#sessions.left(state.account, state.session)
      state.account.account.leave()
      if (state.will !== null) state.publisher.publishWill(state.will)
    }
    this.#owner.closed(this, reason)
  }

  /** More waits than max_pending. Ends with the turn: a publish may be under way just now. */
  overflowed(): void {
    this.#cutOff('Slow Consumer (Pending Bytes)')
  }

  drained(): void {
    this.#context.pressure.drained()
    if (this.#state.is === 'open') this.#state.session.pump()
  }

  /** A write is waiting for the peer: it has `writeDeadlineMs` to take it. */
  writeStalled(): void {
    if (this.#state.is === 'closed') return
    this.#deadline ??= new WriteDeadline(this.#context.clock, this.#outbox, () => {
      this.#cutOff('Slow Consumer (Write Deadline)')
    })
    this.#deadline.begin(this.#limits.writeDeadlineMs)
  }

  // --- packets ---

  admit(first: number, bodyBytes: number): Violation | null {
    const isConnect = first >> 4 === types.connect
    if (this.#state.is === 'handshake' && !isConnect) return violations.firstPacket
    if (this.#state.is === 'open' && isConnect) return violations.secondConnect
    return packets.checkHeader(first, bodyBytes, this.#limits.payloadBytesMax)
  }

  packet(first: number, chunk: Buffer, start: number, end: number): void {
    const state = this.#state
    if (state.is === 'handshake') return this.#connect(packets.readConnect(chunk, start, end))
    if (state.is === 'closed') return
    switch (first >> 4) {
      case types.publish: {
        const violation = state.publisher.publish(first, chunk, start, end)
        if (violation !== null) this.violation(violation)
        return
      }
      case types.subscribe:
        return this.#subscribe(state, packets.readFilters(first, chunk, start, end))
      case types.unsubscribe:
        return this.#unsubscribe(state.session, packets.readFilters(first, chunk, start, end))
      case types.pingreq:
        return this.#writer.send(packets.pingresp)
      case types.disconnect:
        this.#state = { ...state, will: null } // [MQTT-3.14.4-3]
        return this.close('Client Closed')
      default:
        return this.#answer(state.session, first >> 4, chunk.readUInt16BE(start))
    }
  }

  violation(violation: Violation): void {
    const { log, counters } = this.#context
    counters.violations++
    const rule = violation.rule === '' ? '' : ` [${violation.rule}]`
    log.error(`${this.label} - ${violation.text}${rule}`)
    this.close('Protocol Violation')
  }

  // --- acknowledgements of what the client publishes ---

  receipt(packetId: number, qos: 1 | 2): Receipt | null {
    const state = this.#state
    if (state.is !== 'open') return null
    if (qos === 2 && !state.session.receive(packetId)) {
      this.#acknowledgements.repeat(packetId)
      return null
    }
    const receipt = this.#acknowledgements.add(packetId, qos)
    if (qos === 2 && state.session.keptId !== null) {
      receipt.hold() // keeps invariant 1
      this.#context.keeper.onDisk(error => receipt.release(error))
    }
    return receipt
  }

  published(receipt: Receipt): void {
    this.#acknowledgements.published(receipt)
  }

  /** PUBACK or PUBREC: everything that holds the message has it on disk. */
  acknowledge(packetId: number, qos: 1 | 2): void {
    if (this.#state.is !== 'open') return
    this.#writer.sendShort(qos === 1 ? types.puback : types.pubrec, packetId)
  }

  /**
   * Somebody could not keep a message: without an acknowledgement the client will send it again,
   * and a QoS 2 one must not be taken for a repetition then.
   */
  refuse(error: Error, qos2PacketIds: readonly number[] = []): void {
    for (const packetId of qos2PacketIds) this.#session?.release(packetId)
    if (this.#state.is === 'closed') return
    this.#context.log.error(`${this.label} - Message could not be stored: ${error.message}`)
    this.close('Internal Client')
  }

  holdBack(isHeldBack: boolean): void {
    this.#isHeldBack = isHeldBack
    if (isHeldBack) return this.#socket.pause()
    this.heardMs = this.#context.clock.monotonicMs()
    this.#socket.resume()
  }

  #connect(outcome: packets.ConnectOutcome): void {
    if (outcome.is === 'violation') return this.violation(outcome.violation)
    if (outcome.is === 'refused') return this.#refuseConnect(outcome.code, outcome.text)
    const { connect } = outcome
    this.clientId = connect.clientId === '' ? newClientId(this.id) : connect.clientId
    if (connect.will !== null && subjectOfTopic(connect.will.topic) === null) {
      return this.violation(violations.topicUnsupported)
    }
    const { user, pass } = connect
    const verdict = this.#context.authenticate({ user, pass, token: pass }, this)
    if (!(verdict instanceof Promise)) return this.#authenticated(verdict, connect)
    // Nothing more is read or parsed until the hash of the password is computed.
    this.holdBack(true)
    this.#framer.hold()
    void verdict.then(identity => {
      if (this.isWaiting()) this.#authenticated(identity, connect)
      if (this.isWaiting()) this.holdBack(false)
      if (this.isWaiting()) this.#framer.resume() // last, as it may hold back again
    })
  }

  #authenticated(identity: Identity | null, connect: packets.Connect): void {
    const { user } = connect
    if (identity === null) {
      const who = user === '' ? '' : ` - User "${user}"`
      this.#owner.refused(this, user)
      return this.#refuseConnect(connackCodes.notAuthorized, `authentication error${who}`)
    }
    this.identity = identity
    this.#owner.takeOver(identity.account, this.clientId, this)
    const account = this.#sessions.of(identity.account)
    if (!account.account.enter()) {
      const { text } = accountConnectionsExceeded
      return this.#refuseConnect(connackCodes.serverUnavailable, text)
    }
    const opened = this.#sessions.open(account, this.clientId, connect.clean)
    if (opened.is === 'full') {
      account.account.leave()
      return this.#refuseConnect(connackCodes.serverUnavailable, 'maximum sessions exceeded')
    }
    this.#becomeOpen(account, identity, connect, opened.session, opened.isPresent)
  }

  #becomeOpen(
    account: AccountState,
    identity: Identity,
    connect: packets.Connect,
    session: Session,
    isPresent: boolean,
  ): void {
    if (this.#state.is === 'handshake') this.#state.timer?.cancel()
    const { permissions } = identity
    this.#limits = limitsOf(this.#limits, account.account, identity)
    const { account: door, retained } = account
    const publisher = new Publisher(this.#context, this, door, retained, permissions)
    this.#session = session
    this.#publisher = publisher
    this.#state = { is: 'open', account, session, publisher, will: connect.will }
    this.keepaliveMs = connect.keepaliveS * 1000 * keepaliveGrace
    if (this.keepaliveMs > 0) this.#watchSilence()
    const { log } = this.#context
    if (log.debugOn) log.debug(`${this.label} - Client connected`)
    // CONNACK is the first packet the client gets [MQTT-3.2.0-1].
    this.#writer.send(packets.connack(connackCodes.accepted, isPresent))
    this.#owner.opened(this)
    session.attach(this.#writer, permissions)
    session.resume()
  }

  #refuseConnect(code: ConnackCode, text: string): void {
    this.#context.log.error(`${this.label} - ${text}`)
    this.#writer.send(packets.connack(code, false)) // [MQTT-3.2.2-4]
    this.close(
      code === connackCodes.notAuthorized ? 'Authentication Failure' : 'Protocol Violation',
    )
  }

  #subscribe(state: State & { is: 'open' }, outcome: packets.FiltersOutcome): void {
    if (outcome.is === 'violation') return this.violation(outcome.violation)
    const { session, account } = state
    // QoS 2 is granted as 1 [MQTT-3.8.4-6 allows it]; 0x80 is a refusal.
    const wanted = outcome.filters.map(({ filter, qos }) => {
      const granted = session.subscribe(filter, qos === 0 ? 0 : 1)
      if (granted !== null) return granted
      const text = `Subscription refused - Topic filter ${JSON.stringify(filter)}`
      this.#context.log.error(`${this.label} - ${text}`)
      return granted
    })
    // A kept session's filters are promised only once they are on disk.
    this.#whenKept(session, () => {
      this.#writer.send(
        packets.suback(
          outcome.packetId,
          wanted.map(filter => filter?.qos ?? 0x80),
        ),
      )
      for (const filter of wanted) {
        if (filter?.isActive) session.deliverAllRetained(account.retained, filter)
      }
    })
  }

  #unsubscribe(session: Session, outcome: packets.FiltersOutcome): void {
    if (outcome.is === 'violation') return this.violation(outcome.violation)
    for (const { filter } of outcome.filters) session.unsubscribe(filter)
    this.#whenKept(session, () => this.#writer.send(packets.unsuback(outcome.packetId)))
  }

  /** Now, or for a kept session once everything it did so far is on disk. */
  #whenKept(session: Session, answer: () => void): void {
    if (session.keptId === null) return answer()
    this.#context.keeper.onDisk(error => {
      if (error) this.refuse(error)
      else if (this.#state.is === 'open') answer()
    })
  }

  /** PUBACK, and PUBREL of a QoS 2 publish; PUBREC and PUBCOMP answer what we never send. */
  #answer(session: Session, type: number, packetId: number): void {
    if (packetId === 0) return this.violation(violations.packetIdZero)
    if (type === types.puback) return session.acknowledge(packetId)
    if (type !== types.pubrel) return
    session.release(packetId)
    // Forgotten before the client may use it again, also through a crash.
    this.#whenKept(session, () => this.#writer.sendShort(types.pubcomp, packetId))
  }

  /** A client that we hold back is not silent: we do not listen. */
  #watchSilence(): void {
    const { clock, log } = this.#context
    const silentMs = () => (this.#isHeldBack ? 0 : clock.monotonicMs() - this.heardMs)
    this.#silence = clock.after(Math.max(1, this.keepaliveMs - silentMs()), () => {
      if (silentMs() < this.keepaliveMs) return this.#watchSilence()
      if (log.debugOn) log.debug(`${this.label} - Read Error: keep alive timeout`)
      this.close('Stale Connection')
    })
  }

  #cutOff(reason: string): void {
    const { counters, log, turn } = this.#context
    counters.slowConsumers++
    log.info(`${this.label} - Slow Consumer Detected`)
    this.#socket.destroy()
    turn.add({ queued: false, endTurn: () => this.close(reason) })
  }
}
