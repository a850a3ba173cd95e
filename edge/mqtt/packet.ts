// Every MQTT packet but PUBLISH. mqtt-packet reads and writes those with a structure; the
// four-byte acknowledgements, one for each QoS 1 message, are read and written here.
//
// mqtt-packet lets through what the standard forbids, so each packet is walked first: lengths add
// up, strings are well-formed, nothing is left over. Then mqtt-packet cannot fail.

import { generate, type Packet, parser, writeToStream } from 'mqtt-packet'
import { type ConnackCode, connackCodes, type Violation, violations } from './rules.ts'
import { isFilter, isMqttText, isTopic } from './topic.ts'

// Otherwise the first packet written makes a buffer of each of the 65,536 packet ids: 14 MB.
writeToStream.cacheNumbers = false

/** Packet types: the upper half of the first byte (MQTT 3.1.1 table 2.1). */
export const types = {
  connect: 1,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  unsubscribe: 10,
  pingreq: 12,
  disconnect: 14,
} as const

/**
 * A row a type that a client may send. `flags`: the lower half of the first byte, null = PUBLISH's
 * own [MQTT-2.2.2-1]; `bytes`: the remaining length, null = any up to the bound.
 */
const clientPackets: ReadonlyMap<number, { flags: number | null; bytes: number | null }> = new Map([
  [types.connect, { flags: 0, bytes: null }],
  [types.publish, { flags: null, bytes: null }],
  [types.puback, { flags: 0, bytes: 2 }],
  [types.pubrec, { flags: 0, bytes: 2 }],
  [types.pubrel, { flags: 2, bytes: 2 }],
  [types.pubcomp, { flags: 0, bytes: 2 }],
  [types.subscribe, { flags: 2, bytes: null }],
  [types.unsubscribe, { flags: 2, bytes: null }],
  [types.pingreq, { flags: 0, bytes: 0 }],
  [types.disconnect, { flags: 0, bytes: 0 }],
])

/** A CONNECT with five strings of 65,535 bytes is the longest packet of a fixed form. */
export const controlBytesMax = 10 + 5 * (2 + 65_535)
const topicBytesMax = 65_535
const filtersMax = 4096

/** Is this a packet a client may send at all, of an admissible size? */
export function checkHeader(
  first: number,
  bodyBytes: number,
  payloadBytesMax: number,
): Violation | null {
  const type = first >> 4
  if (type === 0 || type === 15) return violations.reservedType
  const row = clientPackets.get(type)
  if (!row) return violations.unexpectedPacket
  if (row.flags !== null && (first & 0x0f) !== row.flags) return violations.fixedFlags
  if (row.bytes !== null && bodyBytes !== row.bytes) return violations.malformed
  const bodyBytesMax =
    type === types.publish ? 2 + topicBytesMax + 2 + payloadBytesMax : controlBytesMax
  return bodyBytes > bodyBytesMax ? violations.packetTooLarge : null
}

export interface Will {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
}

export interface Connect {
  readonly clientId: string
  readonly clean: boolean
  /** 0 = no keep alive. */
  readonly keepaliveS: number
  readonly user: string
  readonly pass: string
  readonly will: Will | null
}

export type ConnectOutcome =
  | { readonly is: 'connect'; readonly connect: Connect }
  | { readonly is: 'refused'; readonly code: ConnackCode; readonly text: string }
  | { readonly is: 'violation'; readonly violation: Violation }

/** Reads the body of a CONNECT (MQTT 3.1.1 section 3.1). */
export function readConnect(chunk: Buffer, start: number, end: number): ConnectOutcome {
  const broken = (violation: Violation): ConnectOutcome => ({ is: 'violation', violation })
  const name = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54])
  if (end - start < name.length || name.compare(chunk, start, start + name.length) !== 0) {
    return broken(violations.protocolName)
  }
  if (end - start < 10) return broken(violations.malformed)
  const level = chunk[start + 6] as number
  if (level !== 4) {
    const text = `unacceptable protocol version of ${level}`
    return { is: 'refused', code: connackCodes.unacceptableProtocol, text }
  }
  const flags = chunk[start + 7] as number
  const violation = checkConnectFlags(flags) ?? checkConnectStrings(chunk, start + 10, end, flags)
  if (violation !== null) return broken(violation)
  const packet = decode(types.connect << 4, chunk, start, end)
  if (packet?.cmd !== 'connect') return broken(violations.malformed)
  const will = packet.will
  const connect: Connect = {
    clientId: packet.clientId,
    clean: packet.clean === true,
    keepaliveS: packet.keepalive ?? 0,
    user: packet.username ?? '',
    pass: packet.password?.toString() ?? '',
    will: will
      ? {
          topic: will.topic,
          payload: Buffer.from(will.payload),
          qos: will.qos ?? 0,
          retain: will.retain === true,
        }
      : null,
  }
  if (connect.clientId === '' && !connect.clean) {
    const text = 'when client ID is empty, clean session flag must be set to 1' // [MQTT-3.1.3-8]
    return { is: 'refused', code: connackCodes.identifierRejected, text }
  }
  return { is: 'connect', connect }
}

/** user, password, will retain, will QoS (2 bits), will, clean session, reserved. */
function checkConnectFlags(flags: number): Violation | null {
  if ((flags & 0x01) !== 0) return violations.connectFlag
  if ((flags & 0x04) === 0 && (flags & 0x38) !== 0) return violations.willFlags
  if ((flags & 0x18) === 0x18) return violations.willQos
  if ((flags & 0x80) === 0 && (flags & 0x40) !== 0) return violations.passwordWithoutUser
  return null
}

function checkConnectStrings(
  chunk: Buffer,
  start: number,
  end: number,
  flags: number,
): Violation | null {
  // Client id, will topic, will message (bytes), user, password (bytes) [MQTT-3.1.3-1].
  const isWill = (flags & 0x04) !== 0
  const fields: readonly ('text' | 'topic' | 'bytes' | null)[] = [
    'text',
    isWill ? 'topic' : null,
    isWill ? 'bytes' : null,
    (flags & 0x80) !== 0 ? 'text' : null,
    (flags & 0x40) !== 0 ? 'bytes' : null,
  ]
  let at = start
  for (const field of fields) {
    if (field === null) continue
    const next = fieldEnd(chunk, at, end)
    if (next < 0) return violations.malformed
    if (field !== 'bytes' && !isMqttText(chunk, at + 2, next)) return violations.notUtf8
    if (field === 'topic') {
      const topic = chunk.toString('utf8', at + 2, next)
      if (topic === '') return violations.topicEmpty
      if (!isTopic(topic)) return violations.topicWildcard
    }
    at = next
  }
  return at === end ? null : violations.malformed
}

/** End of the length-prefixed field at `at`, or -1. */
function fieldEnd(chunk: Buffer, at: number, end: number): number {
  if (end - at < 2) return -1
  const next = at + 2 + chunk.readUInt16BE(at)
  return next <= end ? next : -1
}

export interface TopicFilter {
  readonly filter: string
  readonly qos: 0 | 1 | 2
}

export type FiltersOutcome =
  | { readonly is: 'filters'; readonly packetId: number; readonly filters: readonly TopicFilter[] }
  | { readonly is: 'violation'; readonly violation: Violation }

/** Reads the body of a SUBSCRIBE or UNSUBSCRIBE (sections 3.8 and 3.10). */
export function readFilters(
  first: number,
  chunk: Buffer,
  start: number,
  end: number,
): FiltersOutcome {
  const violation = checkFilters(first >> 4 === types.subscribe, chunk, start, end)
  if (violation !== null) return { is: 'violation', violation }
  const packet = decode(first, chunk, start, end)
  if (packet?.cmd === 'subscribe') {
    const filters = packet.subscriptions.map(({ topic, qos }) => ({ filter: topic, qos }))
    return { is: 'filters', packetId: packet.messageId ?? 0, filters }
  }
  if (packet?.cmd === 'unsubscribe') {
    const filters = packet.unsubscriptions.map(filter => ({ filter, qos: 0 as const }))
    return { is: 'filters', packetId: packet.messageId ?? 0, filters }
  }
  return { is: 'violation', violation: violations.malformed }
}

function checkFilters(
  isSubscribe: boolean,
  chunk: Buffer,
  start: number,
  end: number,
): Violation | null {
  if (end - start < 2) return violations.malformed
  if (chunk.readUInt16BE(start) === 0) return violations.packetIdZero
  if (end - start === 2) {
    return isSubscribe ? violations.subscribeEmpty : violations.unsubscribeEmpty
  }
  let at = start + 2
  for (let count = 1; at < end; count++) {
    if (count > filtersMax) return violations.subscriptionsInPacket
    const next = fieldEnd(chunk, at, end)
    if (next < 0) return violations.malformed
    if (!isMqttText(chunk, at + 2, next)) return violations.notUtf8
    if (!isFilter(chunk.toString('utf8', at + 2, next))) return violations.filterInvalid
    at = next
    if (!isSubscribe) continue
    if (at === end) return violations.malformed
    if ((chunk[at++] as number) > 2) return violations.subscribeQos
  }
  return null
}

/** mqtt-packet wants the fixed header too, and the bytes for itself. */
function decode(first: number, chunk: Buffer, start: number, end: number): Packet | null {
  let packet: Packet | null = null
  const reader = parser({ protocolVersion: 4 })
  reader.on('packet', read => {
    packet = read
  })
  reader.on('error', () => {})
  reader.parse(Buffer.concat([fixedHeader(first, end - start), chunk.subarray(start, end)]))
  return packet
}

function fixedHeader(first: number, bodyBytes: number): Buffer {
  const header = Buffer.alloc(5)
  return header.subarray(0, writeFixedHeader(header, first, bodyBytes))
}

/** Writes first byte and remaining length; returns where the body starts. */
export function writeFixedHeader(into: Buffer, first: number, bodyBytes: number): number {
  into[0] = first
  let at = 1
  let left = bodyBytes
  while (left > 0x7f) {
    into[at++] = (left & 0x7f) | 0x80
    left >>>= 7
  }
  into[at++] = left
  return at
}

/** A topic with its length before it, as PUBLISH carries it; null when it is too long. */
export function wireTopic(topic: string): Buffer | null {
  const bytes = Buffer.byteLength(topic)
  if (bytes > topicBytesMax) return null
  const wire = Buffer.allocUnsafe(2 + bytes)
  wire.writeUInt16BE(bytes, 0)
  wire.write(topic, 2)
  return wire
}

export const pingresp: Buffer = generate({ cmd: 'pingresp' })

export function connack(code: ConnackCode, sessionPresent: boolean): Buffer {
  return generate({ cmd: 'connack', returnCode: code, sessionPresent })
}

/** `granted`: the QoS of each filter, or 0x80 where it was refused. */
export function suback(packetId: number, granted: readonly number[]): Buffer {
  return generate({ cmd: 'suback', messageId: packetId, granted: [...granted] })
}

export function unsuback(packetId: number): Buffer {
  return generate({ cmd: 'unsuback', messageId: packetId, granted: [] })
}
