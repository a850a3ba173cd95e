// A broker in this process with its leaf-node and route listeners, without the rest of the edge.

import { newLeafRoom } from '../../src/server/leafnodes.ts'
import { RouteRoom } from '../../src/server/routes.ts'
import type { Server } from '../../src/server/server.ts'
import { startServer } from './server.ts'

export interface RouteDoor {
  readonly server: Server
  readonly room: RouteRoom
  readonly route: number
  readonly client: number
  readonly leaf: number
  close(): void
}

/** The text needs a `cluster` block with `listen`. */
export async function startRouteDoor(text: string): Promise<RouteDoor> {
  const server = await startServer(`leafnodes { listen: "127.0.0.1:-1" }\n${text}`)
  const { cluster: options } = server.options
  if (options === null) throw new Error('no cluster')
  const room = new RouteRoom({
    server,
    options,
    webSocketUrls: () => [],
    hasStore: () => false,
  })
  server.cluster = room
  server.observers.add(room)
  const leafs = newLeafRoom(server, null, false)
  await leafs.listener?.start()
  await room.listen()
  leafs.nodes.start()
  room.start()
  return {
    server,
    room,
    route: room.address?.port ?? 0,
    client: server.address.port,
    leaf: leafs.listener?.address?.port ?? 0,
    close: () => {
      leafs.listener?.close()
      leafs.nodes.close()
      room.close()
      server.close()
    },
  }
}
