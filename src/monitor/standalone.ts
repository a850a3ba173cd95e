// Endpoints about what a single node does not have: routes, gateways, Raft groups, Go's queues and
// goroutines. They answer what a nats-server 2.10 without them answers.

import { timeText } from './json.ts'
import type { Query } from './query.ts'
import type { MonitoredServer } from './shapes.ts'

export const noRaft = 'No Raft nodes registered'

/** Throws QueryError when a parameter is wrong. */
export function routez(server: MonitoredServer, query: Query, nowMs: number): object {
  if (query.text('subs').toLowerCase() !== 'detail') query.bool('subs')
  return {
    server_id: server.id,
    server_name: server.name,
    now: timeText(nowMs),
    num_routes: 0,
    routes: [],
  }
}

/** Throws QueryError when a parameter is wrong. */
export function gatewayz(server: MonitoredServer, query: Query, nowMs: number): object {
  query.bool('accs')
  return {
    server_id: server.id,
    now: timeText(nowMs),
    outbound_gateways: {},
    inbound_gateways: {},
  }
}

/** Throws QueryError when a parameter is wrong. */
export function ipqueuesz(query: Query): object {
  query.bool('all')
  return {}
}

/** Where the one thread is, and what it waits for. */
export function stacks(): string {
  const counts = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) {
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const waits = [...counts].map(([name, count]) => `${name}: ${count}\n`).join('')
  const { stack = '' } = new Error('main thread')
  return `${stack.replace('Error: ', '')}\n\nwaits for:\n${waits}`
}
