// Endpoints about what a single node does not have: gateways and Raft groups. They answer what a
// nats-server without them answers.

import { timeText } from './json.ts'
import type { Query } from './query.ts'
import type { MonitoredServer } from './shapes.ts'

export const noRaft = 'No Raft nodes registered'

/** Throws QueryError when a parameter is wrong. */
export function gatewayz(server: MonitoredServer, query: Query, nowMs: number): object {
  query.subscriptions()
  query.bool('accs')
  return {
    server_id: server.id,
    now: timeText(nowMs),
    outbound_gateways: {},
    inbound_gateways: {},
  }
}
