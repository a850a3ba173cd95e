// What monitoring sees: the rooms' fields in the shapes that src/monitor declares.

import type { LeafNodes } from '../src/link/leaf-nodes.ts'
import type { HealthSource, Sources } from '../src/monitor/shapes.ts'
import type { Server } from '../src/server/server.ts'

/** A room that shows itself on `/edgez`. */
export interface Viewed {
  view(): object
}

/** The rooms that run, as far as monitoring is concerned; they appear as they start. */
export interface MonitoredRooms {
  readonly server: Server
  readonly leafNodes: LeafNodes | null
  readonly jetstream: { varz(): object } | null
  readonly health: HealthSource
  readonly configLoadedWallMs: number
}

export function sourcesOf(rooms: MonitoredRooms): Sources {
  const nothing = { inMsgs: 0, inBytes: 0, outMsgs: 0, outBytes: 0 }
  return {
    server: rooms.server,
    leafs: () => rooms.leafNodes?.view() ?? [],
    leafTotals: () => rooms.leafNodes?.totals ?? nothing,
    leafOptions: () => rooms.leafNodes?.optionsView() ?? {},
    jetstream: () => rooms.jetstream?.varz() ?? {},
    health: rooms.health,
    configLoadedWallMs: () => rooms.configLoadedWallMs,
  }
}
