// What monitoring sees: the rooms' fields in the shapes that src/monitor declares.

import { addTraffic, type Traffic } from '../src/account/totals.ts'
import { newSubscription } from '../src/broker/post.ts'
import type { LeafView } from '../src/link/leaf/view.ts'
import type { WebSocketListener } from '../src/link/websocket/listener.ts'
import type { Subscription } from '../src/message.ts'
import type { AccountFacts } from '../src/monitor/account-shapes.ts'
import { leafConnection } from '../src/monitor/connection-row.ts'
import type { Query } from '../src/monitor/query.ts'
import { sharingFacts } from '../src/monitor/sharing-view.ts'
import type { HealthSource, MonitoredClient, Sources } from '../src/monitor/shapes.ts'
import { claimFacts, operatorFacts } from '../src/operator/view.ts'
import type { LeafRoom } from '../src/server/leafnodes.ts'
import type { RouteRoom } from '../src/server/routes.ts'
import type { Server } from '../src/server/server.ts'
import type { System } from '../src/system/system.ts'
import { type CertificateFiles, Certificates } from './certificates.ts'
import { roomFamilies } from './metrics.ts'
import type { Connection } from './mqtt/connection.ts'
import type { MqttGateway } from './mqtt/gateway.ts'

/** A room that shows itself on `/edgez`. */
export interface Viewed {
  view(): object
}

/** The rooms that run, as far as monitoring is concerned; they appear as they start. */
export interface MonitoredRooms {
  readonly server: Server
  readonly leafs: LeafRoom | null
  readonly cluster: RouteRoom | null
  readonly jetstream: { varz(): object; jsz(query: Query): object } | null
  readonly views: ReadonlyMap<string, Viewed>
  readonly mqtt: MqttGateway | null
  readonly websocket: WebSocketListener | null
  readonly health: HealthSource
  readonly system: System | null
  readonly configLoadedWallMs: number
  /** null: there is no file. */
  readonly configDigest: string | null
}

export function sourcesOf(rooms: MonitoredRooms): Sources {
  const nothing = { inMsgs: 0, inBytes: 0, outMsgs: 0, outBytes: 0 }
  const certificates = new Certificates()
  return {
    server: rooms.server,
    mqttClients: () => mqttClients(rooms.mqtt),
    mqttTotals: () => rooms.mqtt?.counters ?? { ...nothing, connections: 0, slowConsumers: 0 },
    mqttOptions: () => mqttOptions(rooms.mqtt),
    leafs: () => rooms.leafs?.nodes.view() ?? [],
    leafTotals: () => rooms.leafs?.nodes.totals ?? nothing,
    leafOptions: () => rooms.leafs?.varz() ?? {},
    routes: () => rooms.cluster?.view() ?? [],
    routeTotals: () => rooms.cluster?.routes.totals ?? nothing,
    routedServers: () => rooms.cluster?.routes.joined.size ?? 0,
    routePermissions: () => rooms.cluster?.permissionsView() ?? null,
    clusterOptions: () => rooms.cluster?.varz() ?? {},
    connectUrls: () => rooms.cluster?.urls ?? [],
    websocketOptions: () => websocketOptions(rooms),
    websocketUrls: () => websocketUrls(rooms),
    jetstream: () => rooms.jetstream?.varz() ?? {},
    health: rooms.health,
    queues: () => (rooms.system ? [['System recvQ', rooms.system.queue]] : []),
    families: () =>
      roomFamilies({
        views: rooms.views,
        jetstream: rooms.jetstream,
        remotes: rooms.server.options.leafnodes.remotes.length,
      }),
    configLoadedWallMs: () => rooms.configLoadedWallMs,
    configDigest: () => rooms.configDigest ?? '',
    metadata: () => rooms.server.options.server_metadata,
    featureFlags: () => rooms.server.options.feature_flags,
    certificateEnds: () => certificates.ends(certificateFiles(rooms), rooms.configLoadedWallMs),
    accountFacts: name => accountFacts(rooms, name),
    operators: () => rooms.server.operator && operatorFacts(rooms.server.operator),
    pinnedAccountFails: () => rooms.server.operator?.login.pinnedFails ?? 0,
  }
}

function certificateFiles({ server, mqtt }: MonitoredRooms): CertificateFiles {
  const { tls, websocket, leafnodes } = server.options
  return {
    server: tls?.cert_file ?? null,
    leaf: leafnodes.tls?.cert_file ?? null,
    mqtt: mqtt?.options.tls?.cert_file ?? null,
    websocket: websocket?.tls?.cert_file ?? null,
  }
}

/** What its JWT says, and what every account has of the system account. */
function accountFacts({ server, system }: MonitoredRooms, name: string): AccountFacts {
  const facts = server.operator && claimFacts(server.operator, name, server.clock.wallMs())
  const shared = sharingFacts(server.sharing, name)
  const imports = [...shared.imports, ...(system?.importsOf(name) ?? [])]
  return { ...facts, ...shared, imports }
}

/** As nats-server shows the block. */
function websocketOptions({ websocket, server }: MonitoredRooms): object {
  const options = server.options.websocket
  if (websocket === null || websocket.address === null || options === null) return {}
  const { advertise, no_auth_user, authorization, allowed_origins, jwt_cookie, tls } = options
  const text = (name: string, value: string | null) => (value === null ? {} : { [name]: value })
  const flag = (name: string, value: boolean) => (value ? { [name]: true } : {})
  return {
    host: websocket.address.host,
    port: websocket.address.port,
    ...text('advertise', advertise),
    ...text('no_auth_user', no_auth_user),
    ...text('jwt_cookie', jwt_cookie),
    handshake_timeout: options.handshake_timeout * 1_000_000,
    ...(authorization.timeout === null ? {} : { auth_timeout: authorization.timeout / 1000 }),
    ...flag('no_tls', options.no_tls),
    ...(tls && tls.pinned_certs.length > 0 ? { tls_pinned_certs: tls.pinned_certs } : {}),
    ...flag('same_origin', options.same_origin),
    ...(allowed_origins.length > 0 ? { allowed_origins } : {}),
    ...flag('compression', options.compression),
  }
}

function websocketUrls({ websocket, server }: MonitoredRooms): readonly string[] {
  const advertise = server.options.websocket?.advertise ?? null
  return websocket === null || advertise === null ? [] : [advertise]
}

function mqttOptions(mqtt: MqttGateway | null): object {
  if (mqtt === null || mqtt.address === null) return {}
  const { host, port } = mqtt.address
  const { ack_wait, max_ack_pending, tls, no_auth_user } = mqtt.options
  const tls_timeout = (tls?.timeout ?? 2000) / 1000
  const noAuthUser = no_auth_user === null ? {} : { no_auth_user }
  const ackWaitNs = ack_wait * 1_000_000
  return { host, port, ...noAuthUser, tls_timeout, ack_wait: ackWaitNs, max_ack_pending }
}

function* mqttClients(mqtt: MqttGateway | null): Iterable<MonitoredClient> {
  for (const connection of mqtt?.connections.values() ?? []) yield mqttClient(connection)
}

export function mqttClient(connection: Connection): MonitoredClient {
  const { id, host, port, startedWallMs, pendingBytes, clientId, identity } = connection
  const { inMsgs, inBytes, outMsgs, outBytes } = connection
  const subscriptions = new Map<string, Subscription>()
  for (const filter of connection.session?.filters.values() ?? []) {
    subscriptions.set(filter.filter, newSubscription(filter.pattern, filter, '', filter.filter))
  }
  return {
    id,
    host,
    port,
    startedWallMs,
    lastActivityMs: connection.heardWallMs,
    pendingBytes,
    subscriptions,
    options: { name: clientId, lang: '', version: '' },
    keepalive: { rttMs: 0 },
    identity,
    account: identity === null ? null : { name: identity.account },
    mqttClientId: clientId,
    inMsgs,
    inBytes,
    outMsgs,
    outBytes,
  }
}

/** As of a client that is gone. */
export function rememberLeaf(server: Server, leaf: LeafView, reason: string): void {
  addTotals(server, leaf.account, leaf, reason)
  const connection = leafConnection(leaf)
  if (connection === null) return
  const { user, account } = leaf
  const identity = { user, account }
  server.closed.add({ ...connection, identity }, reason, server.clock.wallMs())
}

/** An MQTT connection is gone: monitoring still shows it, and its account has its traffic. */
export function rememberMqtt(server: Server, connection: Connection, reason: string): void {
  const { identity } = connection
  server.closed.add({ ...mqttClient(connection), identity }, reason, server.clock.wallMs())
  if (identity !== null) addTotals(server, identity.account, connection, reason)
}

function addTotals({ accounts }: Server, name: string, gone: Traffic, reason: string): void {
  const totals = accounts.get(name)?.totals
  if (totals === undefined) return
  addTraffic(totals, gone)
  if (reason.startsWith('Slow Consumer')) totals.slowConsumers++
}
