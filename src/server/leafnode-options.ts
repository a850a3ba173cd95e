// The rows of `leafnodes`: the hubs we dial, and the listener for those who dial us.
// Rule: reference section 2.6.

import { isPublicKey } from '../account/nkey.ts'
import { minVersionProblem } from '../link/leaf/version.ts'
import { isRemoteUrl, isWebSocketUrl, proxyProblem } from '../link/leaf/url.ts'
import { isPattern } from '../subject/subject.ts'
import { verifySecret } from './auth-options.ts'
import { compressionRow } from './compression.ts'
import type { Block, ConfNode, Report, Values } from './option.ts'
import { certificateProblem, tlsRemoteRow, tlsServerRow } from './tls-options.ts'

const proxyBlock = {
  url: { type: 'string', default: '', about: 'The proxy: http:// or https:// with host and port.' },
  username: { type: 'string', default: null, aliases: ['user'], about: 'Our name there.' },
  password: { type: 'string', default: null, aliases: ['pass'], about: 'Our password there.' },
  timeout: {
    type: 'duration',
    default: 10_000,
    min: 1,
    about: 'Time for its connection and its answer.',
  },
} as const satisfies Block

const remoteBlock = {
  urls: {
    type: 'strings',
    default: [],
    aliases: ['url'],
    about:
      'Where the hub listens: nats-leaf://, nats:// or tls://, port 7422 unless given; or ws://, wss:// with its WebSocket port.',
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
    ...tlsRemoteRow,
    about: 'TLS towards the hub; also used when the url says tls:// or wss://.',
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
  ignore_discovered_servers: {
    type: 'boolean',
    default: false,
    about: "Dial only these urls, not those the hub tells of its cluster's members.",
  },
  first_info_timeout: {
    type: 'duration',
    default: 1000,
    min: 1,
    about: "Time to wait for the hub's INFO.",
  },
  dial_timeout: {
    type: 'duration',
    default: null,
    defaultText: 'that of leafnodes',
    min: 1,
    about: 'Time for the TCP connection.',
  },
  disabled: {
    type: 'boolean',
    default: false,
    about: 'Do not dial it: it stays configured, and a reload turns it on.',
  },
  isolate_leafnode_interest: {
    type: 'boolean',
    default: false,
    aliases: ['isolate'],
    about: 'Do not tell this hub what our other leaf nodes subscribe to.',
  },
  request_isolation: {
    type: 'boolean',
    default: false,
    about: 'Ask the hub not to tell us what its other leaf nodes subscribe to.',
  },
  ws_compression: {
    type: 'boolean',
    default: false,
    aliases: ['ws_compress', 'websocket_compress', 'websocket_compression'],
    about: 'Offer permessage-deflate on a WebSocket url.',
  },
  ws_no_masking: {
    type: 'boolean',
    default: false,
    aliases: ['websocket_no_masking'],
    about: 'Ask the hub on a WebSocket url to take frames without a mask.',
  },
  proxy: {
    type: 'block',
    block: proxyBlock,
    about: 'An HTTP proxy on the way to WebSocket urls.',
  },
  compression: compressionRow,
  jetstream_cluster_migrate: {
    type: 'ignored',
    aliases: ['js_cluster_migrate'],
    about: 'There is no JetStream cluster to migrate.',
  },
} as const satisfies Block

const leafUserBlock = {
  user: { type: 'string', default: '', aliases: ['username'], about: 'Name.' },
  password: {
    type: 'string',
    default: '',
    aliases: ['pass'],
    about: 'Its password, in plain text or as a bcrypt hash.',
  },
  account: {
    type: 'string',
    default: '$G',
    about: 'The account that leaf nodes of this user are joined to.',
  },
  proxy_required: { type: 'unsupported', about: 'There are no trusted proxies.' },
} as const satisfies Block

const leafAuthorizationBlock = {
  user: {
    type: 'string',
    default: null,
    aliases: ['username'],
    about: "The one user of leaf nodes; overrides the server's own users.",
  },
  password: {
    type: 'string',
    default: null,
    aliases: ['pass'],
    about: 'Its password, in plain text or as a bcrypt hash.',
  },
  nkey: {
    type: 'string',
    default: null,
    about: 'A public key, `U…`, instead of name and password.',
  },
  account: {
    type: 'string',
    default: null,
    defaultText: '$G',
    about: 'The account of that user; of all leaf nodes where nobody has to log in.',
  },
  users: { type: 'blocks', block: leafUserBlock, about: 'Users of leaf nodes only.' },
  timeout: {
    type: 'duration',
    default: null,
    defaultText: '2s, or the TLS timeout + 1s',
    min: 1,
    plainSeconds: true,
    about: 'Time a leaf node has to authenticate.',
  },
  proxy_required: { type: 'unsupported', about: 'There are no trusted proxies.' },
} as const satisfies Block

export const leafnodesBlock = {
  listen: { type: 'listen', default: null, about: 'Where leaf nodes are accepted.' },
  host: { type: 'string', default: null, aliases: ['net'], about: 'Host to listen on.' },
  port: {
    type: 'integer',
    default: null,
    min: -1,
    max: 65_535,
    about: 'Port to listen on, usually 7422; -1 takes a random one.',
  },
  advertise: {
    type: 'string',
    default: null,
    aliases: ['leafnode_advertise'],
    about: 'host:port that leaf nodes are told instead of our own address.',
  },
  no_advertise: {
    type: 'boolean',
    default: false,
    about: 'Do not tell leaf nodes the addresses of other members of our cluster.',
  },
  authorization: {
    type: 'block',
    block: leafAuthorizationBlock,
    about: "Who may connect as a leaf node; without it the server's users may.",
  },
  tls: { ...tlsServerRow, reloadable: true, about: 'TLS of the listener.' },
  min_version: {
    type: 'string',
    default: null,
    aliases: ['minimum_version'],
    about: 'The oldest server that may connect as a leaf node.',
  },
  isolate_leafnode_interest: {
    type: 'boolean',
    default: false,
    aliases: ['isolate'],
    about: 'Do not tell leaf nodes what other leaf nodes subscribe to.',
  },
  write_deadline: {
    type: 'duration',
    default: null,
    defaultText: "the server's",
    min: 1,
    about: 'How long a write to a leaf node may stand still, where `write_timeout` is `close`.',
  },
  write_timeout: {
    type: 'string',
    default: 'default',
    oneOf: ['default', 'close', 'retry'],
    about:
      '`close` ends a link at `write_deadline`; otherwise it lives while the other side gives a sign of life within half a minute, and up to `max_pending`.',
  },
  reconnect: {
    type: 'duration',
    default: 1000,
    min: 1,
    plainSeconds: true,
    aliases: ['reconnect_delay', 'reconnect_interval'],
    about: 'First pause before dialling again; it grows, with jitter, and never ends.',
  },
  dial_timeout: {
    type: 'duration',
    default: null,
    defaultText: '5s',
    min: 1,
    about: 'Time for the TCP connection to a hub.',
  },
  remotes: {
    type: 'blocks',
    block: remoteBlock,
    reloadable: true,
    about: 'Hubs that we connect to.',
  },
  compression: compressionRow,
} as const satisfies Block

export type RemoteOptions = Values<typeof remoteBlock>
export type LeafnodesOptions = Values<typeof leafnodesBlock>

/** null when the block names no port: nothing listens. */
export function leafAddress({ listen, host, port: alone }: LeafnodesOptions) {
  const port = listen?.port ?? alone
  if (port === null || port === 0) return null
  return { host: listen?.host ?? host ?? '0.0.0.0', port }
}

/** Every account that the block names. */
export function leafAccounts({ authorization, remotes }: LeafnodesOptions): readonly string[] {
  const { account = null, users = [] } = authorization ?? {}
  return [
    ...remotes.map(remote => remote.account),
    ...(account === null ? [] : [account]),
    ...users.map(user => user.account),
  ]
}

/** Accounts that the block names and nobody knows, in nats-server's words. */
export function leafProblems(options: LeafnodesOptions, known: readonly string[]): string[] {
  const own = leafAccounts({ ...options, remotes: [] })
  const remotes = options.remotes.map(remote => remote.account)
  const problem = (names: readonly string[], where: string) =>
    [...new Set(names)]
      .filter(name => !known.includes(name))
      .map(name => `cannot find local account "${name}" specified in leafnode ${where}`)
  return [...problem(own, 'authorization'), ...problem(remotes, 'remote')]
}

/** The rules between the options of the block. */
export function verifyLeafnodes(value: LeafnodesOptions, node: ConfNode, report: Report): void {
  verifyListener(value, node, report)
  const seen = new Set<string>()
  for (const remote of value.remotes) {
    const { urls, account, credentials, nkey } = remote
    verifyRemote(remote, node, report)
    const same = JSON.stringify([[...urls].sort(), account, credentials, nkey])
    if (seen.has(same)) {
      report.error(node.place, `duplicate remote ${urls.map(hideSecret).join(', ')}`)
    }
    seen.add(same)
  }
}

function verifyListener(value: LeafnodesOptions, node: ConfNode, report: Report): void {
  const { authorization, tls, min_version } = value
  const problem = certificateProblem(tls)
  if (problem !== null) report.error(node.place, problem)
  const tooOld = min_version === null ? null : minVersionProblem(min_version)
  if (tooOld !== null) report.error(node.place, tooOld)
  if (authorization === null) return
  const { user, password, nkey, users } = authorization
  if (nkey !== null && (user !== null || password !== null)) {
    report.error(node.place, 'can not have both user/pass and nkey in leafnode authorization')
  }
  if (nkey !== null && !isPublicKey(nkey, 'user')) {
    report.error(node.place, 'Not a valid public nkey for a user')
  }
  verifySecret(password, node, report)
  if (users.length === 0) return
  if (user !== null) report.error(node.place, 'can not have a single user/pass and a users array')
  if (nkey !== null) report.error(node.place, 'can not have a single nkey and a users array')
  const names = new Set<string>()
  for (const { user: name, password: secret } of users) {
    verifySecret(secret, node, report)
    if (names.has(name)) {
      report.error(node.place, `duplicate user "${name}" detected in leafnode authorization`)
    }
    names.add(name)
  }
}

/** Every remote must say where it goes, and in one way who we are. */
function verifyRemote(remote: RemoteOptions, node: ConfNode, report: Report): void {
  const { urls, credentials, nkey, deny_imports, deny_exports, proxy } = remote
  if (urls.length === 0) report.error(node.place, 'a leaf node remote needs a url')
  if (credentials !== null && nkey !== null) {
    report.error(node.place, 'a leaf node remote has credentials or an nkey, not both')
  }
  const shown = urls.map(hideSecret)
  for (const url of urls) {
    const wrong = wrongUrl(url)
    if (wrong) report.error(node.place, `error parsing leafnode url "${hideSecret(url)}": ${wrong}`)
  }
  const webSockets = urls.filter(isWebSocketUrl).length
  if (webSockets > 0 && webSockets < urls.length) {
    const text =
      'remote leaf node configuration cannot have a mix of websocket and non-websocket urls'
    report.error(node.place, `${text}: ${JSON.stringify(shown)}`)
  }
  const denies = { deny_imports, deny_exports }
  for (const [name, subjects] of Object.entries(denies)) {
    const bad = subjects.find(subject => !isPattern(subject))
    if (bad === undefined) continue
    report.error(
      node.place,
      `invalid ${name} for remote ${shown.join(', ')}: subject "${bad}" is not a valid subject`,
    )
  }
  if (proxy !== null) verifyProxy(remote, webSockets, node, report)
}

function verifyProxy(remote: RemoteOptions, webSockets: number, node: ConfNode, report: Report) {
  const { proxy, urls, tls } = remote
  if (proxy === null) return
  const wrong = proxyProblem(proxy.url)
  if (wrong !== null) return report.error(node.place, wrong)
  if (((proxy.username ?? '') === '') !== ((proxy.password ?? '') === '')) {
    const text = 'proxy username and password must both be specified or both be empty'
    return report.error(node.place, text)
  }
  if (webSockets === 0) {
    report.warning(
      node.place,
      'proxy configuration will be ignored: proxy settings only apply to WebSocket connections (ws:// or wss://), but all configured URLs use TCP connections (nats://)',
    )
  } else if (tls === null && urls.some(url => /^wss:/i.test(url))) {
    report.error(
      node.place,
      `proxy is configured but remote URL ${hideSecret(urls.find(url => /^wss:/i.test(url)) ?? '')} requires TLS and no TLS configuration is provided. When using proxy with TLS endpoints, ensure TLS is properly configured for the leafnode remote`,
    )
  }
}

function wrongUrl(url: string): string | null {
  const shape = /^(?:([a-z-]+):\/\/)?(?:[^@/]*@)?(?:\[[^\]]+\]|[^:/@[\]]+)(?::(\d+))?(\/[^?#]*)?$/i
  const found = shape.exec(url)
  if (!found) return 'expected scheme://host:port'
  const scheme = (found[1] ?? 'nats-leaf').toLowerCase()
  if (!['nats-leaf', 'nats', 'tls', 'ws', 'wss'].includes(scheme)) {
    return `unknown scheme "${scheme}"`
  }
  if (!scheme.startsWith('ws') && (found[3] ?? '/') !== '/') return 'expected scheme://host:port'
  if (Number(found[2] ?? 1) > 65_535) return 'port out of range'
  // What the remote will read of it: `%` in a password must be written `%25`.
  return isRemoteUrl(url) ? null : 'wrong escape or character'
}

function hideSecret(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//***@')
}
