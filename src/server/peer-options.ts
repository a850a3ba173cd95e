// The rows of `cluster`: routes to other servers. Rule: reference section 2.5.

import type { Block, ConfNode, Report, Values } from './option.ts'
import { tlsServerBlock } from './tls-options.ts'

const uncompressed = {
  type: 'ignored',
  about: 'Links are not compressed; the other side notices by itself.',
} as const

const clusterAuthorizationBlock = {
  user: { type: 'string', default: null, aliases: ['username'], about: 'User of routes.' },
  password: { type: 'string', default: null, aliases: ['pass'], about: 'Its password.' },
  timeout: {
    type: 'duration',
    default: 2000,
    min: 1,
    plainSeconds: true,
    about: 'Time a route has to authenticate.',
  },
} as const satisfies Block

/** Read, so that configs that hold one start; nothing listens for routes yet. */
export const clusterBlock = {
  name: { type: 'string', default: null, about: 'Name of the cluster.' },
  listen: { type: 'listen', default: null, about: 'Where routes would be accepted.' },
  host: { type: 'string', default: null, aliases: ['net'], about: 'Address for routes.' },
  port: {
    type: 'integer',
    default: null,
    min: -1,
    max: 65_535,
    about: 'Port for routes; nothing listens on it yet.',
  },
  authorization: {
    type: 'block',
    block: clusterAuthorizationBlock,
    about: 'Who may connect as a route.',
  },
  routes: {
    type: 'strings',
    default: [],
    about: 'Must be empty: use leafnodes.remotes to reach a cluster.',
  },
  advertise: {
    type: 'string',
    default: null,
    aliases: ['cluster_advertise'],
    about: 'host:port that other servers would be told.',
  },
  no_advertise: {
    type: 'boolean',
    default: false,
    about: 'Do not tell clients the addresses of other servers.',
  },
  connect_retries: { type: 'integer', default: 0, min: 0, about: 'Retries of implicit routes.' },
  pool_size: { type: 'integer', default: 3, min: -1, about: 'Connections to each peer.' },
  accounts: { type: 'strings', default: [], about: 'Accounts with a connection of their own.' },
  compression: uncompressed,
  tls: { type: 'block', block: tlsServerBlock, about: 'TLS of routes.' },
  permissions: { type: 'unsupported', about: 'There are no routes yet.' },
  connect_backoff: { type: 'unsupported', about: 'A key of nats-server 2.12.' },
  ping_interval: { type: 'ignored', about: 'There are no routes yet.' },
  ping_max: { type: 'ignored', about: 'There are no routes yet.' },
  write_deadline: { type: 'unsupported', about: 'A key of nats-server 2.11.' },
  write_timeout: { type: 'unsupported', about: 'A key of nats-server 2.11.' },
} as const satisfies Block

export type ClusterOptions = Values<typeof clusterBlock>

export function verifyCluster(value: ClusterOptions, node: ConfNode, report: Report): void {
  if (value.routes.length > 0) {
    report.error(node.place, 'routes are not supported by nats-edge: use leafnodes.remotes')
  }
}
