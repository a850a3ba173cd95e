// Brings the WebSocket listener together with the server and the MQTT room.

import { globalAccountName } from '../src/account/account.ts'
import type { Authorization, User } from '../src/account/authenticate.ts'
import type { LinkContext } from '../src/link/context.ts'
import type { LeafNodes } from '../src/link/leaf/nodes.ts'
import { infoLine } from '../src/link/handshake.ts'
import { type Address, secureOptions } from '../src/link/listener.ts'
import { WebSocketListener } from '../src/link/websocket/listener.ts'
import type { Server } from '../src/server/server.ts'
import { type WebSocketOptions, websocketAddress } from '../src/server/websocket-options.ts'
import type { MqttGateway } from './mqtt/gateway.ts'

/** null when the block names no port. */
export function newWebSocketListener(
  server: Server,
  options: WebSocketOptions,
  mqtt: MqttGateway | null,
  leafs: LeafNodes | null = null,
): WebSocketListener | null {
  const address = websocketAddress(options)
  if (address === null) return null
  const { max_payload, max_control_line } = server.options
  const context = contextOf(server, options, () => listener.address ?? address)
  const listener = new WebSocketListener({
    ...address,
    tls: options.tls === null ? null : secureOptions(options.tls),
    sameOrigin: options.same_origin,
    allowedOrigins: options.allowed_origins,
    compression: options.compression,
    cookies: {
      jwt: options.jwt_cookie,
      user: options.user_cookie,
      pass: options.pass_cookie,
      token: options.token_cookie,
    },
    headers: options.headers,
    clock: server.clock,
    handshakeMs: options.handshake_timeout,
    payloadBytesMax: max_payload,
    lineBytesMax: max_control_line,
    log: server.log,
    accept: socket => server.adopt(socket, context),
    ...(mqtt === null ? {} : { acceptMqtt: socket => mqtt.join(socket) }),
    ...(leafs === null ? {} : { acceptLeaf: socket => leafs.accept(socket) }),
  })
  return listener
}

/** As all clients', but for who may connect and for what INFO says of the way here. */
function contextOf(server: Server, options: WebSocketOptions, address: () => Address): LinkContext {
  const { links } = server
  const own = ownOf(options)
  const { advertise, ping_interval: intervalMs } = options
  const isSecured = options.tls !== null
  let limits = links.limits
  let shown = limits
  return {
    log: links.log,
    clock: links.clock,
    turn: links.turn,
    pool: links.pool,
    pressure: links.pressure,
    clients: links.clients,
    get limits() {
      if (intervalMs === null) return links.limits
      if (limits !== links.limits || shown === limits) {
        limits = links.limits
        shown = { ...limits, keepalive: { ...limits.keepalive, intervalMs } }
      }
      return shown
    },
    get authorization() {
      return { ...server.authorization, ...own }
    },
    authenticate: (credentials, peer) =>
      server.authenticate(credentials, globalAccountName, peer, own),
    account: name => links.account(name),
    opened: client => links.opened(client),
    refused: (client, reason) => links.refused(client, reason),
    closed: (client, reason) => links.closed(client, reason),
    slowConsumer: client => links.slowConsumer(client),
    infoLine: (client, account) => {
      const authorization = { ...server.authorization, ...own }
      const tls = server.options.websocket?.tls ?? options.tls
      const isWebSocket = true
      const way = { address: address(), authorization, tls, advertise, isSecured, isWebSocket }
      return infoLine(server.info(way), client, account)
    },
  }
}

/** The block's own user or token when it has one, else the server's users. */
function ownOf(options: WebSocketOptions): Partial<Authorization> {
  const { user, password, token, timeout } = options.authorization
  const time = timeout === null ? {} : { timeoutMs: timeout }
  if (user === null && token === null) {
    const { no_auth_user: noAuthUser } = options
    return noAuthUser === null ? time : { ...time, noAuthUser }
  }
  const users = new Map<string, User>()
  if (user !== null) {
    users.set(user, {
      name: user,
      password: password ?? '',
      account: globalAccountName,
      permissions: null,
      connectionTypes: null,
    })
  }
  const nobody = { noAuthUser: null, openAccount: null }
  return { ...time, users, hasNkeys: false, token: token ?? '', ...nobody }
}
