// Brings the system account together with the server and the rooms it speaks of.

import { withLameDuck } from '../src/link/handshake.ts'
import type { Query } from '../src/monitor/query.ts'
import type { Sources } from '../src/monitor/shapes.ts'
import type { ProcessFigures } from '../src/monitor/varz.ts'
import type { Server } from '../src/server/server.ts'
import { Figures } from '../src/system/figures.ts'
import { Profiles } from '../src/system/profile.ts'
import { System } from '../src/system/system.ts'
import { mqttClient, rememberMqtt } from './monitoring.ts'
import type { Connection } from './mqtt/connection.ts'
import type { MqttObserver } from './mqtt/gateway.ts'

export interface SystemRoomParts {
  readonly server: Server
  readonly sources: Sources
  /** Of the monitoring port; null: there is none. */
  figures(): ProcessFigures | null
  readonly domain: string | null
  readonly hasJetStream: boolean
  jsz(query: Query): object
  reload(): string | null
  /** Closes a connection that is not the server's own kind. */
  kick(id: number): boolean
}

/** null: the config says that there is none. */
export function newSystem(parts: SystemRoomParts): System | null {
  const { server, sources, domain, hasJetStream } = parts
  const account = server.systemAccount
  if (account === null) return null
  const own = new Figures(server.clock)
  const profiles = new Profiles()
  const system = new System({
    log: server.log,
    clock: server.clock,
    sources,
    accounts: server.accounts,
    account,
    hasJetStream,
    domain: domain ?? '',
    cluster: () => server.cluster?.name ?? '',
    tracesSystem: () => server.options.trace_verbose,
    figures: () => parts.figures() ?? own.read(),
    jsz: query => parts.jsz(query),
    profile: (name, durationMs) => profiles.take(name, durationMs),
    reload: () => parts.reload(),
    kick: id => kickClient(server, id) || parts.kick(id),
    sendLameDuck: id => sendLameDuck(server, id),
  })
  server.observers.add(system)
  return system
}

/** Of MQTT clients, as those of NATS are told. */
export function mqttObserver(server: Server, system: () => System | null): MqttObserver {
  const seen = (connection: Connection) => ({
    ...mqttClient(connection),
    identity: connection.identity,
  })
  return {
    opened: connection => system()?.opened(seen(connection)),
    closed: (connection, reason) => {
      rememberMqtt(server, connection, reason)
      system()?.closed(seen(connection), reason)
    },
    refused: (connection, user) => {
      const client = seen(connection)
      const options = { ...client.options, user }
      system()?.refused({ ...client, options }, 'Authentication Failure')
    },
  }
}

function kickClient({ clients }: Server, id: number): boolean {
  const client = clients.get(id)
  client?.close('Kicked')
  return client !== undefined
}

function sendLameDuck({ clients }: Server, id: number): string | null {
  const client = clients.get(id)
  if (!client) return 'no such client id'
  if (client.sendInfo(withLameDuck)) return null
  return 'client does not support Lame Duck Mode or is not ready to receive the notification'
}
