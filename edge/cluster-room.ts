// The cluster we are in: routes to its other servers, with what the rooms beside them say.

import type { WebSocketListener } from '../src/link/websocket/listener.ts'
import { hostPort } from '../src/link/route/url.ts'
import { clusterAddress } from '../src/server/peer-options.ts'
import { outerHosts, RouteRoom } from '../src/server/routes.ts'
import type { Server } from '../src/server/server.ts'
import { listenError } from './listen-error.ts'
import type { JetStream } from './store/jetstream.ts'

/** The rooms beside it; they may come later. */
export interface ClusterNeighbours {
  readonly server: Server
  readonly jetstream: JetStream | null
  readonly websocket: WebSocketListener | null
}

/** null: the config names no cluster. */
export function newCluster(rooms: ClusterNeighbours): RouteRoom | null {
  const { server, jetstream } = rooms
  const { cluster: options } = server.options
  if (options === null || clusterAddress(options) === null) return null
  const room = new RouteRoom({
    server,
    options,
    webSocketUrls: () => webSocketUrls(rooms),
    hasStore: account => rooms.jetstream?.hasAccount(account) ?? false,
  })
  server.cluster = room
  server.observers.add(room)
  if (jetstream !== null) tellBorder(server, jetstream.domain)
  return room
}

/** Rejects with the text for the log when the port cannot be had. */
export async function openCluster(room: RouteRoom, server: Server): Promise<void> {
  const { cluster: options } = server.options
  await room.listen().catch((error: NodeJS.ErrnoException) => {
    const { host, port } = (options && clusterAddress(options)) ?? { host: '', port: 0 }
    throw new Error(`Error listening on router port: ${port} - ${listenError(error, host, port)}`)
  })
  server.informClients()
}

/** What nats-server would refuse to start with: its store would be the cluster's. */
function tellBorder({ log }: Server, domain: string): void {
  log.info('JetStream stays on this server: it is no member of a JetStream cluster')
  const where = domain === '' ? 'not at all without a domain' : `at $JS.${domain}.API`
  log.info(`  Other servers reach it ${where}; accounts with a store here do not reach theirs`)
}

function webSocketUrls({ server, websocket }: ClusterNeighbours): readonly string[] {
  if (websocket === null || websocket.address === null) return []
  const advertise = server.options.websocket?.advertise ?? null
  if (advertise !== null) return [advertise]
  const { host, port } = websocket.address
  return outerHosts(host).map(outer => hostPort(outer, port))
}
