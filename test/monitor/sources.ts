// A broker as monitoring sees it, held still.

import { Account } from '../../src/account/account.ts'
import { openToAll } from '../../src/account/authenticate.ts'
import { newSubscription } from '../../src/broker/post.ts'
import type { LocalSink, Subscription } from '../../src/message.ts'
import type {
  MonitoredClient,
  MonitoredClosedClient,
  MonitoredLeaf,
  MonitoredRoute,
  Sources,
} from '../../src/monitor/shapes.ts'

export const startMs = Date.UTC(2026, 0, 2, 3, 4, 5)

const nobody: LocalSink = { remote: false, deliver() {} }

/** As a client is the sink of its own subscriptions. */
const sinkOf = ({ id }: MonitoredClient) => Object.assign({ id }, nobody)

export function subscription(subject: string, sid: string, queue = ''): Subscription {
  return newSubscription(subject, nobody, queue, sid)
}

export function client(id: number, fields: Partial<MonitoredClient> = {}): MonitoredClient {
  return {
    id,
    host: '127.0.0.1',
    port: 40_000 + id,
    startedWallMs: startMs,
    lastActivityMs: startMs,
    pendingBytes: 0,
    inMsgs: 0,
    inBytes: 0,
    outMsgs: 0,
    outBytes: 0,
    subscriptions: new Map(),
    options: { name: '', lang: '', version: '' },
    keepalive: { rttMs: 0 },
    identity: { user: '' },
    account: { name: '$G' },
    ...fields,
  }
}

export function closedClient(
  id: number,
  fields: Partial<MonitoredClosedClient> = {},
): MonitoredClosedClient {
  return {
    id,
    host: '127.0.0.1',
    port: 40_000 + id,
    options: { name: '', lang: '', version: '' },
    user: '',
    account: '$G',
    claims: null,
    secured: null,
    keepalive: { rttMs: 0 },
    subscriptions: [],
    subscriptionCount: 0,
    startedWallMs: startMs,
    lastActivityMs: startMs,
    stoppedWallMs: startMs,
    reason: 'Client Closed',
    inMsgs: 0,
    inBytes: 0,
    outMsgs: 0,
    outBytes: 0,
    ...fields,
  }
}

export const leaf: MonitoredLeaf = {
  name: 'hub',
  isSpoke: true,
  account: '$G',
  host: '127.0.0.1',
  port: 7422,
  rttMs: 0.365,
  subjects: ['a.b', '$JS.hub.API.>'],
  inMsgs: 1,
  inBytes: 2,
  outMsgs: 3,
  outBytes: 4,
}

export const route: MonitoredRoute = {
  id: 9,
  remoteId: 'NB',
  remoteName: 'b',
  didSolicit: true,
  isConfigured: true,
  host: '127.0.0.1',
  port: 6222,
  startedWallMs: startMs,
  lastActivityMs: startMs,
  rttMs: 2,
  pendingBytes: 8,
  subscriptions: new Map(),
  inMsgs: 1,
  inBytes: 2,
  outMsgs: 3,
  outBytes: 4,
}

export function sources(
  clients: readonly MonitoredClient[] = [],
  more: Partial<Sources> = {},
): Sources {
  const account = new Account('$G')
  for (const one of clients) {
    for (const sub of one.subscriptions.values()) account.subscribe({ ...sub, sink: sinkOf(one) })
  }
  return {
    server: {
      id: 'NAJ3ZDXKONULO2YPELDAAK6SE46DGUSFJDIKZFGYCGS4HX76HWSUNCHX',
      name: 'edge',
      version: '2.10.27',
      address: { host: '0.0.0.0', port: 4222 },
      options: {
        max_connections: 65_536,
        max_subscriptions: 0,
        max_control_line: 4096,
        max_payload: 1_048_576,
        max_pending: 67_108_864,
        write_deadline: 10_000,
        ping_interval: 120_000,
        ping_max: 2,
        server_tags: [],
        system_account: '$SYS',
        tls: null,
      },
      authorization: openToAll,
      startedWallMs: startMs,
      startedMonotonicMs: 0,
      accounts: new Map([['$G', account]]),
      clients: new Map(clients.map(one => [one.id, one])),
      closed: { list: () => [] },
      totals: {
        inMsgs: 5,
        inBytes: 50,
        outMsgs: 6,
        outBytes: 60,
        connections: 7,
        slowConsumers: 1,
        staleConnections: 2,
        stalls: 3,
      },
    },
    ...more,
  }
}
