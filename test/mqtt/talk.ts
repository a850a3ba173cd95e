// A gateway without sockets: connections are spoken to in packets, and what they answer is read
// as lines, so that a test reads like a conversation.

import { generate, type Packet, parser } from 'mqtt-packet'
import * as assert from 'uvu/assert'
import type { Line } from '../../edge/mqtt/line.ts'
import type { Keeper } from '../../edge/mqtt/keeper.ts'
import { MqttGateway } from '../../edge/mqtt/gateway.ts'
import { type MqttOptions, mqttBlock } from '../../edge/mqtt/options.ts'
import { Account } from '../../src/account/account.ts'
import { type Authorization, authenticate, openToAll } from '../../src/account/authenticate.ts'
import { FakeClock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { Turn } from '../../src/base/turn.ts'
import { newSubscription, post } from '../../src/broker/post.ts'
import { BlockPool } from '../../src/link/outbox.ts'
import { Pressure } from '../../src/link/pressure.ts'
import type { SocketOwner } from '../../src/link/socket.ts'
import type { Message, Origin, Subscription } from '../../src/message.ts'
import { MemoryKeeper } from './memory-keeper.ts'

/** The defaults of the option table, with what a test wants different. */
export function optionsWith(changes: Partial<MqttOptions> = {}): MqttOptions {
  const values = Object.entries(mqttBlock).map(([name, row]) => [
    name,
    'default' in row ? row.default : null,
  ])
  const authorization = { user: null, pass: null, token: null, timeout: 2000 }
  return { ...Object.fromEntries(values), authorization, ...changes } as MqttOptions
}

export interface TalkOptions {
  readonly options?: Partial<MqttOptions>
  readonly authorization?: Authorization
  readonly keeper?: Keeper
  readonly turn?: Turn
  readonly pendingBytesMax?: number
  readonly payloadBytesMax?: number
}

export class Talk {
  readonly clock = new FakeClock()
  readonly turn: Turn
  readonly keeper: MemoryKeeper
  readonly accounts = new Map<string, Account>()
  readonly log = new TestLog()
  readonly gateway: MqttGateway
  #id = 0

  constructor(parts: TalkOptions = {}) {
    const keeper = parts.keeper ?? new MemoryKeeper()
    this.turn = parts.turn ?? new Turn()
    // Only tests that brought a keeper of their own look at another kind.
    this.keeper = keeper as MemoryKeeper
    const authorization = parts.authorization ?? openToAll
    this.gateway = new MqttGateway({
      options: optionsWith(parts.options),
      limits: () => ({
        payloadBytesMax: parts.payloadBytesMax ?? 1024 * 1024,
        pendingBytesMax: parts.pendingBytesMax ?? 64 * 1024 * 1024,
        writeDeadlineMs: 10_000,
      }),
      keeper,
      log: this.log,
      clock: this.clock,
      turn: this.turn,
      pool: new BlockPool(),
      pressure: new Pressure(this.clock),
      authenticate: (credentials, account, peer, own) =>
        authenticate({ ...authorization, ...own }, credentials, account, peer),
      account: name => this.account(name),
      nextId: () => ++this.#id,
    })
    this.gateway.sessions.restore()
  }

  account(name = '$G'): Account {
    let account = this.accounts.get(name)
    if (!account) {
      account = new Account(name)
      this.accounts.set(name, account)
    }
    return account
  }

  /** A raw connection that has sent nothing yet. */
  dial(): Peer {
    const peer = new Peer(this.turn)
    this.gateway.adopt(peer, ++this.#id)
    return peer
  }

  /** A connection that is through its CONNECT. */
  connect(clientId: string, changes: Partial<Packet & { cmd: 'connect' }> = {}): Peer {
    const peer = this.dial()
    peer.send({ cmd: 'connect', clientId, clean: true, keepalive: 0, ...changes })
    return peer
  }

  /** Messages that arrive on NATS subjects, as `subject headers|payload`. */
  listen(pattern: string, account = '$G'): string[] {
    const lines: string[] = []
    const deliver = (message: Message) => {
      const { chunk, bodyStart, payloadStart, payloadEnd } = message
      const headers = chunk.toString('utf8', bodyStart, payloadStart).split('\r\n')[1] ?? ''
      lines.push(
        `${message.subject} ${headers}|${chunk.toString('utf8', payloadStart, payloadEnd)}`,
      )
    }
    this.account(account).subscribe(newSubscription(pattern, { remote: false, deliver }))
    return lines
  }

  /** A stream that captures: holds the receipt of every message until `release`. */
  capture(pattern: string): { release(error?: Error): void; held: number } {
    const held: (Message['receipt'] & object)[] = []
    const deliver = (message: Message, _: Subscription) => {
      if (message.receipt === null) return
      message.receipt.hold()
      held.push(message.receipt)
    }
    this.account().subscribe(newSubscription(pattern, { remote: false, deliver }))
    return {
      release(error) {
        held.shift()?.release(error)
      },
      get held() {
        return held.length
      },
    }
  }

  /** A NATS client publishes. */
  post(subject: string, text: string, headers?: string, reply = ''): void {
    const origin: Origin = { kind: 'client', sink: null, echo: true, permissions: null }
    post(this.account(), origin, {
      subject,
      reply,
      payload: Buffer.from(text),
      ...(headers === undefined ? {} : { headers: Buffer.from(`NATS/1.0\r\n${headers}\r\n\r\n`) }),
    })
  }

  /** The process dies and comes back with what was on disk. */
  restart(): Talk {
    this.keeper.restart()
    return new Talk({ keeper: this.keeper })
  }
}

/** One connection, seen from the client. */
export class Peer implements Line {
  readonly host = '127.0.0.1'
  readonly port = 40_000
  isClosed = false
  isPaused = false
  /** false: the kernel's buffers are full, nothing leaves. */
  reads = true
  readonly #turn: Turn
  readonly #parser = parser({ protocolVersion: 4 })
  #owner: SocketOwner | null = null
  #lines: string[] = []
  #blocked: (() => void)[] = []

  constructor(turn: Turn) {
    this.#turn = turn
    this.#parser.on('packet', packet => this.#lines.push(lineOf(packet)))
    this.#parser.on('error', error => this.#lines.push(`broken: ${error.message}`))
  }

  send(...packets: Packet[]): void {
    for (const packet of packets) this.bytes(generate(packet))
  }

  /** PUBLISH, the most frequent one. */
  publish(topic: string, payload: string, qos: 0 | 1 | 2 = 0, messageId = 1, retain = false): void {
    this.send({ cmd: 'publish', topic, payload, qos, messageId, retain, dup: false })
  }

  subscribe(topic: string, qos: 0 | 1 | 2 = 0, messageId = 1): void {
    this.send({ cmd: 'subscribe', messageId, subscriptions: [{ topic, qos }] })
  }

  bytes(bytes: Buffer | string): void {
    const chunk = Buffer.from(bytes as string, 'hex')
    const copy = Buffer.from(typeof bytes === 'string' ? chunk : bytes)
    this.#owner?.received(copy, copy.length)
  }

  /** What came since the last call. */
  lines(): string[] {
    this.#turn.end()
    const lines = this.#lines
    this.#lines = []
    return lines
  }

  expect(...lines: string[]): void {
    assert.equal(this.lines(), lines)
  }

  /** The line breaks without a DISCONNECT. */
  cut(): void {
    this.#owner?.ended(new Error('ECONNRESET'))
  }

  /** The kernel takes bytes again. */
  unblock(): void {
    this.reads = true
    const blocked = this.#blocked
    this.#blocked = []
    for (const go of blocked) go()
  }

  open(owner: SocketOwner): void {
    this.#owner = owner
  }

  write(blocks: readonly Buffer[], done: () => void): void {
    const go = () => {
      for (const block of blocks) this.#parser.parse(Buffer.from(block))
      done()
    }
    if (this.reads) go()
    else this.#blocked.push(go)
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  end(): void {
    this.isClosed = true
  }

  destroy(): void {
    this.isClosed = true
  }
}

function lineOf(packet: Packet): string {
  switch (packet.cmd) {
    case 'connack':
      return `connack ${packet.returnCode} ${packet.sessionPresent ? 'present' : 'new'}`
    case 'publish': {
      const flags = `${packet.dup ? ' dup' : ''}${packet.retain ? ' retain' : ''}`
      const id = packet.qos === 0 ? '' : ` #${packet.messageId}`
      return `${packet.topic} q${packet.qos}${id}${flags} ${packet.payload}`
    }
    case 'suback':
      return `suback #${packet.messageId} ${packet.granted.join(' ')}`
    case 'pingresp':
      return 'pingresp'
    default:
      return `${packet.cmd} #${packet.messageId}`
  }
}

export class TestLog implements Log {
  readonly debugOn = false
  readonly traceOn = false
  readonly lines: string[] = []
  info(text: string): void {
    this.lines.push(`[INF] ${text}`)
  }
  warn(text: string): void {
    this.lines.push(`[WRN] ${text}`)
  }
  error(text: string): void {
    this.lines.push(`[ERR] ${text}`)
  }
  debug(): void {}
  trace(): void {}
}
