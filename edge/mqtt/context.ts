// What the files of this room share: made once by the gateway and handed down.

import type { Account } from '../../src/account/account.ts'
import type { Credentials, Peer, Verdict } from '../../src/account/authenticate.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import type { Turn } from '../../src/base/turn.ts'
import type { BlockPool } from '../../src/link/outbox.ts'
import type { Pressure } from '../../src/link/pressure.ts'
import type { Message } from '../../src/message.ts'
import type { Keeper } from './keeper.ts'
import type { MqttOptions } from './options.ts'

/** Bounds that are the server's, not MQTT's own. */
export interface MqttLimits {
  readonly payloadBytesMax: number
  readonly pendingBytesMax: number
  readonly writeDeadlineMs: number
}

/**
 * The MQTT publish that is in the door just now: what a Message cannot carry. A session that is
 * handed another message than `message` knows that it comes from somewhere else.
 */
export interface CurrentPublish {
  message: Message | null
  /** As it was published: a mapping or an import may give the message another one. */
  subject: string
  qos: 0 | 1 | 2
  topic: string
  /** The topic with its length before it. */
  wireTopic: Buffer
  /** A whole QoS 0 PUBLISH up to its payload: `prefix[0..prefixBytes)`. */
  prefix: Buffer
  prefixBytes: number
}

/** Counted since the start, for monitoring. */
export interface MqttCounters {
  connections: number
  inMsgs: number
  inBytes: number
  outMsgs: number
  outBytes: number
  slowConsumers: number
  /** QoS 1 messages of full sessions. */
  droppedMsgs: number
  /** Messages whose subject is no topic, such as one with `+` in it. */
  unmappedMsgs: number
  redeliveredMsgs: number
  /** Retained messages refused because of their bounds. */
  unretainedMsgs: number
  violations: number
}

/** A connection is gone: what came in by it and went out by it stays in the totals. */
export function addTraffic(
  counters: MqttCounters,
  { inMsgs, inBytes }: Pick<MqttCounters, 'inMsgs' | 'inBytes'>,
  { outMsgs, outBytes }: Pick<MqttCounters, 'outMsgs' | 'outBytes'>,
): void {
  counters.inMsgs += inMsgs
  counters.inBytes += inBytes
  counters.outMsgs += outMsgs
  counters.outBytes += outBytes
}

export interface MqttContext {
  readonly options: MqttOptions
  /** As they are now: they may change with a reload. */
  readonly limits: MqttLimits
  readonly log: Log
  readonly clock: Clock
  readonly turn: Turn
  readonly pool: BlockPool
  readonly pressure: Pressure
  readonly keeper: Keeper
  readonly current: CurrentPublish
  readonly counters: MqttCounters
  /** null: refused; a promise only while a password hash is computed. */
  authenticate(credentials: Credentials, peer: Peer): Verdict
  account(name: string): Account
}
