// `Nmqtt-Pub:<qos>`: how a message that came by MQTT says so to NATS, as nats-server writes it
// (no blank after the colon). A message without it was published by a NATS client.

import type { Message } from '../../src/message.ts'

const name = 'Nmqtt-Pub:'

/** Header block of a message published with QoS 0, 1, 2. All have the same length. */
export const publishHeaders: readonly [Buffer, Buffer, Buffer] = [
  Buffer.from(`NATS/1.0\r\n${name}0\r\n\r\n`),
  Buffer.from(`NATS/1.0\r\n${name}1\r\n\r\n`),
  Buffer.from(`NATS/1.0\r\n${name}2\r\n\r\n`),
]
export const publishHeaderBytes = publishHeaders[0].length

const qos0Line = Buffer.from(`\r\n${name}0`)

/**
 * The QoS a message counts as. What NATS clients publish counts as QoS 1, so that a QoS 1
 * subscription really gets it (nats-server delivers it as QoS 0); what was published by MQTT with
 * QoS 0, here or on another server, stays that.
 */
export function publishedQos(message: Message): 0 | 1 {
  const { chunk, bodyStart, payloadStart } = message
  if (bodyStart === payloadStart) return 1
  const at = chunk.indexOf(qos0Line, bodyStart)
  return at >= 0 && at < payloadStart ? 0 : 1
}
