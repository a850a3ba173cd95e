// The MQTT room's entrance: listener, connections, sessions and what they share.

import type { Socket } from 'node:net'
import type { Account } from '../../src/account/account.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import type { Turn } from '../../src/base/turn.ts'
import { type Address, Listener, renewedOptions, secureOptions } from '../../src/link/listener.ts'
import type { BlockPool } from '../../src/link/outbox.ts'
import type { Pressure } from '../../src/link/pressure.ts'
import { LinkSocket } from '../../src/link/socket.ts'
import { upgrade } from '../../src/link/tls.ts'
import type { SecureOptions } from '../../src/link/tls-files.ts'
import { authenticator, type ServerCheck } from './authenticator.ts'
import { Connection } from './connection.ts'
import type { MqttContext, MqttCounters, MqttLimits } from './context.ts'
import type { Keeper } from './keeper.ts'
import type { ConnectionOwner, Line } from './line.ts'
import { type MqttOptions, mqttAddress } from './options.ts'
import { Logins, type MqttLogin } from './logins.ts'
import { Sessions } from './sessions.ts'

/** The system account's events. */
export interface MqttObserver {
  opened(connection: Connection): void
  refused(connection: Connection, user: string): void
  closed(connection: Connection, reason: string): void
}

export interface MqttParts {
  readonly options: MqttOptions
  /** The server's own bounds: max_payload, max_pending, write_deadline. */
  limits(): MqttLimits
  readonly keeper: Keeper
  readonly log: Log
  readonly clock: Clock
  readonly turn: Turn
  readonly pool: BlockPool
  readonly pressure: Pressure
  readonly authenticate: ServerCheck
  account(name: string): Account
  /** Somebody who must know of clients that come and go. */
  readonly observer?: MqttObserver
  /** Connection ids are the server's: unique among all kinds. */
  nextId(): number
}

const nothing = Buffer.alloc(0)

export class MqttGateway implements ConnectionOwner {
  readonly connections = new Map<number, Connection>()
  readonly sessions: Sessions
  readonly counters: MqttCounters = {
    connections: 0,
    inMsgs: 0,
    inBytes: 0,
    outMsgs: 0,
    outBytes: 0,
    slowConsumers: 0,
    droppedMsgs: 0,
    unmappedMsgs: 0,
    redeliveredMsgs: 0,
    unretainedMsgs: 0,
    violations: 0,
  }
  /** Where it listens, once started. */
  address: Address | null = null
  readonly #parts: MqttParts
  readonly #context: MqttContext
  readonly #listener: Listener
  /** Connections by account and client id. */
  readonly #byClient = new Map<string, Connection>()
  readonly #logins: Logins
  #tls: SecureOptions | null = null
  #isClosed = false

  constructor(parts: MqttParts) {
    this.#parts = parts
    this.#context = {
      options: parts.options,
      get limits() {
        return parts.limits()
      },
      log: parts.log,
      clock: parts.clock,
      turn: parts.turn,
      pool: parts.pool,
      pressure: parts.pressure,
      keeper: parts.keeper,
      counters: this.counters,
      current: {
        message: null,
        subject: '',
        qos: 0,
        topic: '',
        wireTopic: nothing,
        prefix: nothing,
        prefixBytes: 0,
      },
      authenticate: authenticator(parts.options, parts.authenticate),
      account: name => parts.account(name),
    }
    this.sessions = new Sessions(this.#context)
    this.#logins = new Logins(this.#context, this.connections)
    this.#listener = new Listener(socket => this.#accept(socket))
  }

  get options(): MqttOptions {
    return this.#parts.options
  }

  /** Takes up the kept sessions, which queue from now on, and then listens. */
  async start(): Promise<void> {
    const { options, log } = this.#parts
    const address = mqttAddress(options)
    if (address === null) return
    if (options.tls !== null) this.#tls = secureOptions(options.tls)
    this.sessions.restore()
    this.address = await this.#listener.start(address.host, address.port)
    const scheme = options.tls === null ? 'mqtt' : 'tls'
    log.info(`Listening for MQTT clients on ${scheme}://${address.host}:${this.address.port}`)
  }

  /** Reads the certificate files again: they are replaced while we run. */
  renewTls(): void {
    const { options, log } = this.#parts
    this.#tls = renewedOptions(options.tls, this.#tls, log)
  }

  /** Stops accepting, then closes every client; kept sessions stay with the keeper. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#listener.close()
    for (const connection of [...this.connections.values()]) connection.close('Server Shutdown')
  }

  /** A connection that another listener accepted: MQTT over WebSocket. */
  join(line: Line): void {
    const id = this.#parts.nextId()
    this.counters.connections++
    if (!this.#isFull(line.host, line.port, id)) this.adopt(line, id)
    else line.destroy()
  }

  /** A connection that is ready to speak MQTT. */
  adopt(line: Line, id: number): void {
    const connection = new Connection(this.#context, this, this.sessions, line, id)
    this.connections.set(id, connection)
    connection.start()
  }

  takeOver(account: string, clientId: string, by: Connection): void {
    const key = keyOf(account, clientId)
    const old = this.#byClient.get(key)
    this.#byClient.set(key, by)
    if (old === undefined) return
    this.#parts.log.warn(
      `${by.label} - Replacing old client "${old.label}" since both have the same client ID`,
    )
    old.close('Duplicate Client ID')
  }

  opened(connection: Connection): void {
    this.#logins.opened(connection)
    this.#parts.observer?.opened(connection)
  }

  refused(connection: Connection, user: string): void {
    this.#parts.observer?.refused(connection, user)
  }

  closed(connection: Connection, reason: string): void {
    this.connections.delete(connection.id)
    this.#logins.closed(connection)
    this.#parts.observer?.closed(connection, reason)
    const { identity, clientId } = connection
    if (identity === null) return
    const key = keyOf(identity.account, clientId)
    if (this.#byClient.get(key) === connection) this.#byClient.delete(key)
  }

  /** Those who are in, for whoever may have to end it. */
  logins(): Iterable<MqttLogin> {
    return this.#logins.all()
  }

  /** What monitoring shows. */
  view(): object {
    const sessions = [...this.sessions]
    const live = [...this.connections.values()]
    const sum = (of: (connection: Connection) => number) => live.reduce((n, c) => n + of(c), 0)
    return {
      host: this.address?.host ?? '',
      port: this.address?.port ?? 0,
      connections: live.length,
      total_connections: this.counters.connections,
      sessions: sessions.length,
      kept_sessions: sessions.filter(session => session.keptId !== null).length,
      subscriptions: sessions.reduce((n, session) => n + session.filters.size, 0),
      queued_msgs: sessions.reduce((n, session) => n + session.backlog.messages, 0),
      queued_bytes: sessions.reduce((n, session) => n + session.backlog.bytes, 0),
      ack_pending: sessions.reduce((n, session) => n + session.onTheWay, 0),
      retained_msgs: this.sessions.retainUse.messages,
      retained_bytes: this.sessions.retainUse.bytes,
      in_msgs: this.counters.inMsgs + sum(c => c.inMsgs),
      in_bytes: this.counters.inBytes + sum(c => c.inBytes),
      out_msgs: this.counters.outMsgs + sum(c => c.outMsgs),
      out_bytes: this.counters.outBytes + sum(c => c.outBytes),
      slow_consumers: this.counters.slowConsumers,
      dropped_msgs: this.counters.droppedMsgs,
      unmapped_msgs: this.counters.unmappedMsgs,
      redelivered_msgs: this.counters.redeliveredMsgs,
      unretained_msgs: this.counters.unretainedMsgs,
      violations: this.counters.violations,
    }
  }

  #isFull(host: string | undefined, port: number | undefined, id: number): boolean {
    const { options, log } = this.#parts
    if (this.connections.size < options.max_connections && !this.#isClosed) return false
    log.error(`${host}:${port} - mid:${id} - maximum connections exceeded`)
    return true
  }

  #accept(socket: Socket): void {
    const { options, log, clock } = this.#parts
    const id = this.#parts.nextId()
    this.counters.connections++
    if (this.#isFull(socket.remoteAddress, socket.remotePort, id)) {
      socket.destroy()
      return
    }
    if (options.tls === null || this.#tls === null) return this.adopt(new LinkSocket(socket), id)
    const peer = `${socket.remoteAddress}:${socket.remotePort} - mid:${id}`
    upgrade(socket, this.#tls, options.tls.timeout, clock, (secure, error) => {
      if (secure !== null) this.adopt(new LinkSocket(secure), id)
      else log.error(`${peer} - TLS handshake error: ${error}`)
    })
  }
}

function keyOf(account: string, clientId: string): string {
  return `${account}\0${clientId}`
}
