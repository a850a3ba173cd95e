// What a client can break: one row a rule, with the statement of MQTT 3.1.1 it comes from. Each
// closes the connection [MQTT-4.8.0-1] and leaves the others alone.

/** A broken rule: for the log, and as the reason of the close. */
export interface Violation {
  /** Normative statement of MQTT 3.1.1, or '' for a bound of ours. */
  readonly rule: string
  readonly text: string
}

const row = (rule: string, text: string): Violation => ({ rule, text })

export const violations = {
  reservedType: row('MQTT-2.2.1', 'reserved packet type'),
  fixedFlags: row('MQTT-2.2.2-2', 'invalid fixed header flags'),
  remainingLength: row('MQTT-2.2.3', 'remaining length longer than four bytes'),
  packetTooLarge: row('', 'packet larger than max_payload allows'),
  malformed: row('MQTT-4.8.0-1', 'malformed packet'),
  unexpectedPacket: row('MQTT-4.8.0-1', 'packet that only a server sends'),
  notUtf8: row('MQTT-1.5.3-1', 'invalid UTF-8 or NUL in a string'),
  packetIdZero: row('MQTT-2.3.1-1', 'packet identifier cannot be 0'),
  firstPacket: row('MQTT-3.1.0-1', 'the first packet should be a CONNECT'),
  secondConnect: row('MQTT-3.1.0-2', 'received a second CONNECT packet'),
  protocolName: row('MQTT-3.1.2-1', 'expected protocol name "MQTT"'),
  connectFlag: row('MQTT-3.1.2-3', 'connect flags reserved bit not set to 0'),
  willFlags: row('MQTT-3.1.2-11', 'will QoS or retain set without a will'),
  willQos: row('MQTT-3.1.2-14', 'will QoS can be 0, 1 or 2'),
  passwordWithoutUser: row('MQTT-3.1.2-22', 'password flag set without user name flag'),
  qos3: row('MQTT-3.3.1-4', 'QoS=3 is invalid in MQTT'),
  dupAtQos0: row('MQTT-3.3.1-2', 'DUP set on a QoS 0 message'),
  qos2Rejected: row('', 'QoS=2 is disabled for PUBLISH messages'),
  topicEmpty: row('MQTT-4.7.3-1', 'topic cannot be empty'),
  topicWildcard: row('MQTT-3.3.2-2', "wildcards not allowed in publish's topic"),
  topicUnsupported: row('', 'characters not supported for topics'),
  filterInvalid: row('MQTT-4.7.1-3', 'wildcards must occupy a whole level of a topic filter'),
  subscribeEmpty: row('MQTT-3.8.3-3', 'subscribe protocol must contain at least 1 topic filter'),
  subscribeQos: row('MQTT-3-8.3-4', 'subscribe QoS value must be 0, 1 or 2'),
  unsubscribeEmpty: row('MQTT-3.10.3-2', 'unsubscribe must contain at least 1 topic filter'),
  subscriptionsInPacket: row('', 'too many topic filters in one packet'),
} as const

/** Return codes of CONNACK (MQTT 3.1.1 table 3.1). */
export const connackCodes = {
  accepted: 0,
  unacceptableProtocol: 1,
  identifierRejected: 2,
  serverUnavailable: 3,
  badUserOrPassword: 4,
  notAuthorized: 5,
} as const
export type ConnackCode = (typeof connackCodes)[keyof typeof connackCodes]
