// The rows of `cluster`: routes to other servers. Rule: reference section 2.5.

import type { SubjectLists } from '../link/leaf/permissions.ts'
import { readRouteUrl } from '../link/route/url.ts'
import { isPattern } from '../subject/subject.ts'
import { verifySecret } from './auth-options.ts'
import { compressionRow } from './compression.ts'
import type { Block, ConfNode, Report, Values } from './option.ts'
import { tlsRouteRow } from './tls-options.ts'

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

const listsRow = {
  type: 'custom',
  default: null as SubjectLists | null,
  defaultText: 'everything',
  read: readLists,
} as const

/** What may come from the other servers of the cluster, and what may go there. */
const permissionsBlock = {
  import: { ...listsRow, about: 'Subjects that may come from other servers.' },
  export: { ...listsRow, about: 'Subjects that other servers may have from us.' },
} as const satisfies Block

export const clusterBlock = {
  name: {
    type: 'string',
    default: null,
    defaultText: 'made up, until a server with a configured one is met',
    about: 'Name of the cluster; the same on all its servers.',
  },
  listen: { type: 'listen', default: null, about: 'Where routes are accepted.' },
  host: { type: 'string', default: null, aliases: ['net'], about: 'Address for routes.' },
  port: {
    type: 'integer',
    default: null,
    min: -1,
    max: 65_535,
    about: 'Port for routes, usually 6222; -1 is a random one. Without it there are no routes.',
  },
  authorization: {
    type: 'block',
    block: clusterAuthorizationBlock,
    about: 'Who may connect as a route, and as whom we do.',
  },
  permissions: {
    type: 'block',
    block: permissionsBlock,
    reloadable: true,
    about: 'What may cross a route.',
  },
  routes: {
    type: 'strings',
    default: [],
    reloadable: true,
    about:
      'Servers to connect to: `nats-route://user:password@host:port`; the others they know follow by themselves.',
  },
  advertise: {
    type: 'string',
    default: null,
    reloadable: true,
    aliases: ['cluster_advertise'],
    about: 'host:port that other servers are told.',
  },
  no_advertise: {
    type: 'boolean',
    default: false,
    reloadable: true,
    about: 'Do not tell clients the addresses of other servers.',
  },
  connect_retries: {
    type: 'integer',
    default: 0,
    min: 0,
    reloadable: true,
    about: 'Further tries to reach a server that others told of; those in `routes`: for ever.',
  },
  connect_backoff: {
    type: 'boolean',
    default: false,
    reloadable: true,
    about: 'Pauses between tries grow from a second to half a minute.',
  },
  pool_size: {
    type: 'integer',
    default: 3,
    min: -1,
    reloadable: true,
    about: 'Checked only: there is one connection to each server, and newer ones keep to that.',
  },
  accounts: {
    type: 'strings',
    default: [],
    reloadable: true,
    about: 'Checked only: all accounts share the one connection.',
  },
  compression: compressionRow,
  tls: {
    ...tlsRouteRow,
    reloadable: true,
    about: 'TLS of routes, both ways; certificates are always verified.',
  },
  ping_interval: {
    type: 'duration',
    default: null,
    defaultText: "the server's, 30s at most",
    min: 1,
    max: 30_000,
    about: 'How often a route is asked whether it lives.',
  },
  ping_max: {
    type: 'integer',
    default: null,
    defaultText: "the server's",
    min: 1,
    about: 'Unanswered pings after which a route is closed.',
  },
  write_deadline: {
    type: 'duration',
    default: null,
    defaultText: "the server's",
    min: 1,
    about: 'How long a write to a route may stand still, where `write_timeout` is `close`.',
  },
  write_timeout: {
    type: 'string',
    default: 'default',
    oneOf: ['default', 'close', 'retry'],
    about:
      '`close` ends a route at `write_deadline`; otherwise it lives while the other side gives a sign of life, and up to `max_pending`.',
  },
} as const satisfies Block

export type ClusterOptions = Values<typeof clusterBlock>

/** Where routes are accepted; null: the server is in no cluster. */
export function clusterAddress({ listen, host, port: alone }: ClusterOptions) {
  const port = listen?.port ?? alone
  if (port === null || port === 0) return null
  return { host: listen?.host ?? host ?? '0.0.0.0', port }
}

export function verifyCluster(value: ClusterOptions, node: ConfNode, report: Report): void {
  const { name, authorization, routes, tls } = value
  if (name !== null && /\s/.test(name)) {
    report.error(node.place, 'cluster name cannot contain spaces or new lines')
  }
  verifySecret(authorization?.password ?? null, node, report)
  for (const url of routes) {
    if (readRouteUrl(url) !== null) continue
    const bare = url.replace(/\/\/[^@/]*@/, '//***@')
    report.error(node.place, `error parsing route url ["${bare}"]`)
  }
  if (tls !== null && (tls.cert_file === null || tls.key_file === null)) {
    report.error(node.place, 'TLS Server certificate must be present and valid')
  }
}

/** One subject, a list of them, or `allow` and `deny`. */
function readLists(node: ConfNode, report: Report): SubjectLists | null {
  if (node.is !== 'map') return { allow: readSubjects(node, report), deny: [] }
  let allow: readonly string[] | null = null
  let deny: readonly string[] = []
  for (const { key, keyPlace, node: value } of node.entries.values()) {
    const name = key.toLowerCase()
    if (name === 'allow') allow = readSubjects(value, report)
    else if (name === 'deny') deny = readSubjects(value, report)
    else report.error(keyPlace, `unknown field "${key}"`)
  }
  return { allow, deny }
}

function readSubjects(node: ConfNode, report: Report): readonly string[] {
  const items = node.is === 'list' ? node.items : [node]
  const subjects: string[] = []
  for (const item of items) {
    if (item.is !== 'string') report.error(item.place, 'expected a subject or a list of subjects')
    else if (!isPattern(item.value)) {
      report.error(item.place, `subject "${item.value}" is not a valid subject`)
    } else subjects.push(item.value)
  }
  return subjects
}
