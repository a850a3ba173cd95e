// The rows of `websocket`: a listener for clients in browsers. Rule: reference section 7.2.

import { goType } from './check.ts'
import type { Block, ConfNode, Report, Values } from './option.ts'
import { certificateProblem, tlsServerRow } from './tls-options.ts'

const cookie = (what: string) =>
  ({
    type: 'string',
    default: null,
    about: `Cookie with ${what}, for clients whose CONNECT has none.`,
  }) as const

const authorizationBlock = {
  user: {
    type: 'string',
    default: null,
    aliases: ['username'],
    about: "The one user of WebSocket clients; overrides the server's own authorization.",
  },
  password: { type: 'string', default: null, aliases: ['pass'], about: 'Its password.' },
  token: {
    type: 'string',
    default: null,
    about: "One token for WebSocket clients; overrides the server's own authorization.",
  },
  timeout: {
    type: 'duration',
    default: null,
    defaultText: "the server's",
    min: 1,
    plainSeconds: true,
    about: 'Time a WebSocket client has to authenticate.',
  },
} as const satisfies Block

export const websocketBlock = {
  listen: { type: 'listen', default: null, about: 'Address of the WebSocket listener.' },
  host: { type: 'string', default: null, aliases: ['net'], about: 'Host to listen on.' },
  port: {
    type: 'integer',
    default: null,
    min: -1,
    max: 65_535,
    about: 'Port to listen on, usually 443 or 8080; -1 takes a random one.',
  },
  advertise: {
    type: 'string',
    default: null,
    about: 'host:port that WebSocket clients are told instead of our own address.',
  },
  tls: { ...tlsServerRow, reloadable: true, about: 'WebSocket over TLS: wss://.' },
  no_tls: {
    type: 'boolean',
    default: false,
    about: 'Serve without TLS: for tests, or behind a proxy that has it.',
  },
  same_origin: {
    type: 'boolean',
    default: false,
    about: 'Browsers come from pages of this very host and port only.',
  },
  allowed_origins: {
    type: 'strings',
    default: [],
    aliases: ['allowed_origin', 'allow_origins', 'allow_origin', 'origins', 'origin'],
    about: 'Pages that browsers may come from, such as https://app.example.com; empty is any.',
  },
  compression: {
    type: 'boolean',
    default: false,
    aliases: ['compress'],
    about: 'Compress messages (permessage-deflate) with clients that offer it.',
  },
  handshake_timeout: {
    type: 'duration',
    default: 2000,
    min: 1,
    about: 'Time for the TLS handshake and for the HTTP request.',
  },
  authorization: {
    type: 'block',
    block: authorizationBlock,
    always: true,
    aliases: ['authentication'],
    about: 'Credentials of WebSocket clients.',
  },
  no_auth_user: {
    type: 'string',
    default: null,
    about: 'User that a WebSocket client without credentials becomes.',
  },
  jwt_cookie: cookie("a user's JWT"),
  user_cookie: cookie('the user name'),
  pass_cookie: cookie('the password'),
  token_cookie: cookie('the token'),
  headers: {
    type: 'custom',
    default: [] as readonly string[],
    defaultText: 'none',
    read: readHeaders,
    about: 'Headers of the answer to an upgrade: a map of names and values.',
  },
  ping_interval: {
    type: 'duration',
    default: null,
    defaultText: "the server's",
    min: 1,
    about: 'How often WebSocket clients are pinged: proxies cut off who is quiet.',
  },
} as const satisfies Block

export type WebSocketOptions = Values<typeof websocketBlock>

/** Where to listen; null when neither `listen` nor `port` is given: WebSocket is off. */
export function websocketAddress(options: WebSocketOptions) {
  const port = options.listen?.port ?? options.port
  if (port === null || port === 0) return null
  return { host: options.listen?.host ?? options.host ?? '0.0.0.0', port }
}

/** The rules between the options of the block. */
export function verifyWebSocket(value: WebSocketOptions, node: ConfNode, report: Report): void {
  if (websocketAddress(value) === null) return
  const { tls, no_tls, allowed_origins } = value
  if (tls === null && !no_tls) report.error(node.place, 'websocket requires TLS configuration')
  const problem = certificateProblem(tls)
  if (problem !== null) report.error(node.place, problem)
  for (const origin of allowed_origins) {
    if (isOrigin(origin)) continue
    const rule = 'allowed origins must be absolute URLs with http or https scheme'
    report.error(node.place, `unable to parse allowed origin "${origin}": ${rule}`)
  }
}

const headersMax = 100
const ownHeaders = ['host', 'content-length', 'connection', 'upgrade', 'nats-no-masking']

/** Lines, as they are sent. */
function readHeaders(node: ConfNode, report: Report): readonly string[] {
  if (node.is !== 'map' || node.entries.size > headersMax) {
    report.error(node.place, `error parsing headers: expected a map of at most ${headersMax}`)
    return []
  }
  const lines: string[] = []
  for (const { key, node: value, keyPlace } of node.entries.values()) {
    const name = key.toLowerCase()
    const wrong = `websocket: invalid header "${key}"`
    if (ownHeaders.includes(name)) report.error(keyPlace, `${wrong} not allowed`)
    else if (name.startsWith('sec-websocket-')) {
      report.error(keyPlace, `${wrong}, "Sec-WebSocket-" prefix not allowed`)
    } else if (value.is !== 'string') {
      report.error(
        value.place,
        `error parsing header key ${key}: unsupported type ${goType(value)}`,
      )
    } else if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(key) || !/^[\t\x20-\x7e]*$/.test(value.value)) {
      report.error(keyPlace, `${wrong}: it has characters that no header may have`)
    } else lines.push(`${key}: ${value.value}`)
  }
  return lines
}

function isOrigin(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol)
}

/** The rules towards the server's own users; texts for each broken one. */
export function websocketProblems(
  websocket: WebSocketOptions | null,
  users: readonly (string | null | undefined)[],
  hasUserList: boolean,
  isOperated: boolean,
): readonly string[] {
  if (websocket === null || websocketAddress(websocket) === null) return []
  const problems: string[] = []
  const { authorization, no_auth_user, jwt_cookie } = websocket
  const clash = (what: string) =>
    `websocket authentication ${what} not compatible with presence of users/nkeys`
  if (hasUserList && authorization.user !== null) problems.push(clash('username'))
  if (hasUserList && authorization.token !== null) problems.push(clash('token'))
  if (jwt_cookie !== null && !isOperated) {
    const text =
      'trusted operators or trusted keys configuration is required for JWT authentication'
    problems.push(`${text} via cookie "${jwt_cookie}"`)
  }
  if (no_auth_user !== null && !users.includes(no_auth_user)) {
    problems.push(
      `no_auth_user: "${no_auth_user}" not present as user or nkey in authorization block or account configuration`,
    )
  }
  return problems
}
