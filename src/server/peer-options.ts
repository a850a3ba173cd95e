// The rows of `leafnodes` and `cluster`: connections to other servers.
// Rule: reference sections 2.5 and 2.6.

import type { Block, ConfNode, Report, Values } from './option.ts'
import { tlsRemoteBlock, tlsServerBlock } from './tls-options.ts'

const uncompressed = {
  type: 'ignored',
  about: 'Links are not compressed; the other side notices by itself.',
} as const

const noListener = {
  type: 'unsupported',
  about: 'Nothing listens for leaf nodes: connect to the hub with remotes.',
} as const

const remoteBlock = {
  urls: {
    type: 'strings',
    default: [],
    aliases: ['url'],
    about: 'Where the hub listens: nats-leaf://, nats:// or tls://, port 7422 unless given.',
  },
  account: {
    type: 'string',
    default: '$G',
    aliases: ['local'],
    about: 'The local account that is joined to the hub.',
  },
  credentials: {
    type: 'string',
    default: null,
    aliases: ['creds'],
    about: 'File with the user JWT and its seed.',
  },
  nkey: {
    type: 'string',
    default: null,
    aliases: ['seed'],
    about: 'File with an nkey seed, or the seed itself; not together with credentials.',
  },
  tls: {
    type: 'block',
    block: tlsRemoteBlock,
    about: 'TLS towards the hub; also used when the url says tls://.',
  },
  hub: {
    type: 'boolean',
    default: false,
    about: 'We are the hub of this connection although we dial.',
  },
  deny_imports: {
    type: 'strings',
    default: [],
    aliases: ['deny_import'],
    about: 'Subjects that never come in from the hub.',
  },
  deny_exports: {
    type: 'strings',
    default: [],
    aliases: ['deny_export'],
    about: 'Subjects that never go to the hub.',
  },
  no_randomize: {
    type: 'boolean',
    default: false,
    aliases: ['dont_randomize'],
    about: 'Try the urls in the order they stand.',
  },
  first_info_timeout: {
    type: 'duration',
    default: 1000,
    min: 1,
    about: "Time to wait for the hub's INFO.",
  },
  compression: uncompressed,
  ws_compression: {
    type: 'unsupported',
    aliases: ['ws_compress', 'websocket_compress', 'websocket_compression'],
    about: 'Remotes do not use WebSocket.',
  },
  ws_no_masking: {
    type: 'unsupported',
    aliases: ['websocket_no_masking'],
    about: 'Remotes do not use WebSocket.',
  },
  proxy: { type: 'unsupported', about: 'Remotes do not use WebSocket.' },
  jetstream_cluster_migrate: {
    type: 'ignored',
    aliases: ['js_cluster_migrate'],
    about: 'There is no JetStream cluster to migrate.',
  },
  isolate_leafnode_interest: {
    type: 'unsupported',
    aliases: ['isolate'],
    about: 'A key of nats-server 2.12.',
  },
  request_isolation: { type: 'unsupported', about: 'A key of nats-server 2.12.' },
  disabled: { type: 'unsupported', about: 'A key of nats-server 2.12.' },
  ignore_discovered_servers: { type: 'unsupported', about: 'A key of nats-server 2.14.' },
  dial_timeout: { type: 'unsupported', about: 'A key of nats-server 2.14.' },
} as const satisfies Block

export const leafnodesBlock = {
  listen: noListener,
  host: { ...noListener, aliases: ['net'] },
  port: noListener,
  authorization: noListener,
  tls: noListener,
  advertise: { ...noListener, aliases: ['leafnode_advertise'] },
  no_advertise: noListener,
  min_version: { ...noListener, aliases: ['minimum_version'] },
  reconnect: {
    type: 'duration',
    default: 1000,
    min: 1,
    plainSeconds: true,
    aliases: ['reconnect_delay', 'reconnect_interval'],
    about: 'First pause before dialling again; it grows, with jitter, and never ends.',
  },
  remotes: { type: 'blocks', block: remoteBlock, about: 'Hubs that we connect to.' },
  compression: uncompressed,
  isolate_leafnode_interest: {
    type: 'unsupported',
    aliases: ['isolate'],
    about: 'A key of nats-server 2.12.',
  },
  write_deadline: { type: 'unsupported', about: 'The top-level write_deadline counts.' },
  write_timeout: { type: 'unsupported', about: 'A key of nats-server 2.11.' },
  dial_timeout: { type: 'unsupported', about: 'A key of nats-server 2.14.' },
} as const satisfies Block

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

export type RemoteOptions = Values<typeof remoteBlock>
export type LeafnodesOptions = Values<typeof leafnodesBlock>
export type ClusterOptions = Values<typeof clusterBlock>

/** Every remote must say where it goes, and in one way who we are. */
export function verifyLeafnodes(value: LeafnodesOptions, node: ConfNode, report: Report): void {
  const seen = new Set<string>()
  for (const remote of value.remotes) {
    const { urls, account, credentials, nkey } = remote
    if (urls.length === 0) report.error(node.place, 'a leaf node remote needs a url')
    if (credentials !== null && nkey !== null) {
      report.error(node.place, 'a leaf node remote has credentials or an nkey, not both')
    }
    for (const url of urls) {
      const wrong = wrongUrl(url)
      if (wrong)
        report.error(node.place, `error parsing leafnode url "${hideSecret(url)}": ${wrong}`)
    }
    const same = JSON.stringify([[...urls].sort(), account, credentials, nkey])
    if (seen.has(same)) report.error(node.place, 'duplicate leaf node remote')
    seen.add(same)
  }
}

export function verifyCluster(value: ClusterOptions, node: ConfNode, report: Report): void {
  if (value.routes.length > 0) {
    report.error(node.place, 'routes are not supported by nats-edge: use leafnodes.remotes')
  }
}

function wrongUrl(url: string): string | null {
  const found = /^(?:([a-z-]+):\/\/)?(?:[^@/]*@)?(?:\[[^\]]+\]|[^:/@[\]]+)(?::(\d+))?\/?$/i.exec(
    url,
  )
  if (!found) return 'expected scheme://host:port'
  const scheme = (found[1] ?? 'nats-leaf').toLowerCase()
  if (scheme === 'ws' || scheme === 'wss') return 'remotes do not use WebSocket'
  if (!['nats-leaf', 'nats', 'tls'].includes(scheme)) return `unknown scheme "${scheme}"`
  if (Number(found[2] ?? 1) > 65_535) return 'port out of range'
  return isReadable(url) ? null : 'wrong escape or character'
}

/** What the remote will read of it: `%` in a password must be written `%25`. */
function isReadable(url: string): boolean {
  try {
    const { username, password } = new URL(url.includes('://') ? url : `nats-leaf://${url}`)
    decodeURIComponent(`${username}:${password}`)
    return true
  } catch {
    return false
  }
}

function hideSecret(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//***@')
}
