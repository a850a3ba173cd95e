// The `mqtt` block of the config file: nats-server's keys that an edge needs, and our own bounds.

import type { Block, Values } from '../../src/server/option.ts'
import { tlsServerRow } from '../../src/server/tls-options.ts'

/** nats-server keeps its sessions in streams; these keys speak of them. */
const notInStreams = {
  type: 'unsupported',
  about: 'Sessions are not kept in streams.',
} as const

const authorizationBlock = {
  user: {
    type: 'string',
    default: null,
    aliases: ['username'],
    about: 'The one user of MQTT clients; overrides the server’s own authorization.',
  },
  pass: { type: 'string', default: null, aliases: ['password'], about: 'Its password.' },
  token: { type: 'string', default: null, about: 'A token that MQTT clients send as password.' },
  timeout: {
    type: 'duration',
    default: 2000,
    min: 1,
    plainSeconds: true,
    about: 'How long a client may take to send CONNECT.',
  },
} as const satisfies Block

export const mqttBlock = {
  listen: { type: 'listen', default: null, about: 'Address of the MQTT listener.' },
  host: { type: 'string', default: null, aliases: ['net'], about: 'Host to listen on.' },
  port: {
    type: 'integer',
    default: null,
    min: -1,
    max: 65535,
    about: 'Port to listen on, usually 1883; -1 takes a random one.',
  },
  account: {
    type: 'string',
    default: '$G',
    about: 'Account of clients that name no user of their own.',
  },
  tls: { ...tlsServerRow, about: 'MQTT over TLS, usually on port 8883.' },
  no_auth_user: {
    type: 'string',
    default: null,
    about: 'User that a client without credentials becomes.',
  },
  authorization: {
    type: 'block',
    block: authorizationBlock,
    always: true,
    aliases: ['authentication'],
    about: 'Credentials of MQTT clients.',
  },
  ack_wait: {
    type: 'duration',
    default: 30_000,
    min: 1,
    aliases: ['ackwait'],
    about: 'After this a QoS 1 message without PUBACK is sent again.',
  },
  max_ack_pending: {
    type: 'integer',
    default: 1024,
    min: 1,
    max: 65535,
    aliases: ['max_pending', 'max_inflight'],
    about: 'QoS 1 messages a session may have on the way.',
  },
  reject_qos2_publish: {
    type: 'boolean',
    default: false,
    about: 'Close connections that publish with QoS 2.',
  },
  downgrade_qos2_subscribe: {
    type: 'ignored',
    about: 'A subscription with QoS 2 is always granted QoS 1.',
  },
  js_domain: notInStreams,
  js_api_timeout: { ...notInStreams, aliases: ['api_timeout'] },
  stream_replicas: notInStreams,
  consumer_replicas: notInStreams,
  consumer_memory_storage: notInStreams,
  consumer_inactive_threshold: { ...notInStreams, aliases: ['consumer_auto_cleanup'] },
  max_connections: { type: 'integer', default: 4096, min: 1, about: 'MQTT connections at a time.' },
  max_sessions: {
    type: 'integer',
    default: 10_000,
    min: 1,
    about: 'Sessions, connected or kept; past it a CONNECT is answered with code 3.',
  },
  max_subscriptions: {
    type: 'integer',
    default: 1024,
    min: 1,
    about: 'Topic filters a session may have; past it SUBACK says 0x80.',
  },
  max_session_msgs: {
    type: 'integer',
    default: 10_000,
    min: 1,
    about: 'QoS 1 messages waiting for one session; past it the oldest is dropped.',
  },
  max_session_bytes: {
    type: 'size',
    default: 16 * 1024 * 1024,
    min: 1024,
    about: 'Bytes waiting for one session; past it the oldest message is dropped.',
  },
  max_retained_msgs: {
    type: 'integer',
    default: 10_000,
    min: 0,
    about: 'Retained messages; past it a new topic is delivered but not retained.',
  },
  max_retained_bytes: {
    type: 'size',
    default: 16 * 1024 * 1024,
    min: 0,
    about: 'Bytes of retained messages, topics and payloads; past it likewise.',
  },
} as const satisfies Block

export type MqttOptions = Values<typeof mqttBlock>

/** Where to listen; null when neither `listen` nor `port` is given: MQTT is off. */
export function mqttAddress(options: MqttOptions): { host: string; port: number } | null {
  const port = options.listen?.port ?? options.port
  if (port === null) return null
  return { host: options.listen?.host ?? options.host ?? '0.0.0.0', port }
}
