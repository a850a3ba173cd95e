// How nats-server speaks of an option that a reload changes: the field of its options, in whose
// order it looks, and the line it logs. Observed on nats-server 2.10.27 and 2.15.1
// (test/peer/reload.test.ts). An option that is not here has its own name and value.

import { formatDuration } from './duration.ts'

interface Speech {
  /** The name in `config reload not supported for <field>`. */
  readonly field: string
  /** The lines, without secrets; null where the plain form does. */
  readonly say: ((now: unknown, old: unknown) => readonly string[]) | null
  /** How a value is shown in a refusal. */
  readonly show: (value: unknown) => string
}

const plain = (value: unknown) => (value === null ? '' : String(value))
const time = (value: unknown) => formatDuration(Number(value))

function speech(field: string, say: Speech['say'] = null, show: Speech['show'] = plain): Speech {
  return { field, say, show }
}

const named = (name: string, show = plain) =>
  ((now: unknown) => [`Reloaded: ${name} = ${show(now)}`]) satisfies Speech['say']
const bare = (name: string) => (() => [`Reloaded: ${name}`]) satisfies Speech['say']

/** In the order of nats-server's fields. */
const speeches: Readonly<Record<string, Speech>> = {
  server_name: speech('ServerName'),
  host: speech('Host'),
  port: speech('Port'),
  client_advertise: speech('ClientAdvertise', now => [`Reload: client_advertise = ${plain(now)}`]),
  trace: speech('Trace'),
  debug: speech('Debug'),
  trace_verbose: speech('TraceVerbose'),
  trace_headers: speech('TraceHeaders'),
  disable_sublist_cache: speech('NoSublistCache'),
  no_header_support: speech('NoHeaderSupport'),
  logtime: speech('Logtime'),
  logtime_utc: speech('LogtimeUTC'),
  max_connections: speech('MaxConn'),
  max_subscriptions: speech('MaxSubs'),
  max_sub_tokens: speech('MaxSubTokens'),
  accounts: speech('Accounts', bare('accounts')),
  mappings: speech('Accounts', bare('accounts')),
  no_auth_user: speech('NoAuthUser'),
  default_sentinel: speech('DefaultSentinel'),
  system_account: speech('SystemAccount'),
  no_system_account: speech('NoSystemAccount'),
  authorization: speech('Authorization', authorizationLines),
  ping_interval: speech('PingInterval', named('ping_interval', time), time),
  ping_max: speech('MaxPingsOut'),
  http: speech('HTTPPort', null, portOf),
  https: speech('HTTPSPort', null, portOf),
  http_base_path: speech('HTTPBasePath', null, value => (value === '/' ? '' : plain(value))),
  max_control_line: speech('MaxControlLine'),
  max_payload: speech('MaxPayload'),
  max_pending: speech('MaxPending'),
  no_fast_producer_stall: speech('NoFastProducerStall', now => [
    `Reloaded: fast producers will ${now ? 'not ' : ''}be stalled`,
  ]),
  cluster: speech('Cluster', bare('cluster')),
  leafnodes: speech('LeafNode'),
  jetstream: speech('JetStream', bare('JetStream')),
  store_dir: speech('StoreDir'),
  default_js_domain: speech('JsAccDefaultDomain'),
  websocket: speech('Websocket'),
  mqtt: speech('MQTT'),
  prof_port: speech('ProfPort'),
  pidfile: speech('PidFile', named('pid_file')),
  ports_file_dir: speech('PortsFileDir'),
  logfile: speech('LogFile', named('log_file')),
  logfile_size_limit: speech('LogSizeLimit'),
  logfile_max_num: speech('LogMaxFiles'),
  syslog: speech('Syslog'),
  remote_syslog: speech('RemoteSyslog'),
  tls: speech('TLSConfig', tlsLines),
  allow_non_tls: speech('AllowNonTLS'),
  write_deadline: speech('WriteDeadline', named('write_deadline', time), time),
  write_timeout: speech('WriteTimeout'),
  max_closed_clients: speech('MaxClosedClients'),
  lame_duck_duration: speech('LameDuckDuration', null, time),
  lame_duck_grace_period: speech('LameDuckGracePeriod', null, time),
  max_traced_msg_len: speech('MaxTracedMsgLen'),
  resolver: speech('AccountResolver', bare('accounts')),
  resolver_preload: speech('AccountResolver', bare('accounts')),
  connect_error_reports: speech('ConnectErrorReports'),
  reconnect_error_reports: speech('ReconnectErrorReports'),
  server_tags: speech('Tags', bare('tags')),
  server_metadata: speech('Metadata', bare('metadata')),
  feature_flags: speech('FeatureFlags', null, shownMap),
}

const order = new Map(Object.keys(speeches).map((name, i) => [name, i]))

/** Where nats-server comes to an option; what it does not have comes last. */
export function placeInOrder(name: string): number {
  return order.get(name) ?? order.size
}

/** The lines of the log for an option at the top; null where it says nothing special. */
export function reloadLines(name: string, now: unknown, old: unknown): readonly string[] | null {
  return speeches[name]?.say?.(now, old) ?? null
}

export function fieldOf(name: string): string | null {
  return speeches[name]?.field ?? null
}

export function shownValue(name: string, value: unknown): string {
  return (speeches[name]?.show ?? plain)(value)
}

type Part = Readonly<Record<string, unknown>>

/** One line for each part of the block; what a user or password is stays unsaid. */
function authorizationLines(now: unknown, old: unknown): readonly string[] {
  const [after, before] = [partsOf(now), partsOf(old)]
  const lines: string[] = []
  const differs = (name: string) =>
    JSON.stringify(after[name] ?? null) !== JSON.stringify(before[name] ?? null)
  const nkeys = (part: Part, are: boolean) =>
    JSON.stringify(usersOf(part).filter(user => (partsOf(user).nkey != null) === are))
  if (nkeys(after, true) !== nkeys(before, true)) lines.push('Reloaded: authorization nkey users')
  const rest = Object.keys({ ...after, ...before }).filter(name => !singles.includes(name))
  const others = rest.some(name => name !== 'users' && differs(name))
  if (others || nkeys(after, false) !== nkeys(before, false)) {
    lines.push('Reloaded: authorization users')
  }
  if (differs('user')) lines.push('Reloaded: authorization username')
  if (differs('password')) lines.push('Reloaded: authorization password')
  if (differs('token')) lines.push('Reloaded: authorization token')
  if (differs('timeout')) {
    const seconds = after.timeout ?? before.timeout
    // Without a block it is nats-server's default again.
    lines.push(`Reloaded: authorization timeout = ${now ? Number(seconds) / 1000 : 2}`)
  }
  return lines.length > 0 ? lines : ['Reloaded: authorization users']
}

const singles = ['user', 'password', 'token', 'timeout']

function usersOf(part: Part): readonly unknown[] {
  return Array.isArray(part.users) ? part.users : []
}

function partsOf(value: unknown): Part {
  return typeof value === 'object' && value !== null ? (value as Part) : {}
}

/** The certificates are read anew by every reload, so nats-server and we say so every time. */
function tlsLines(now: unknown, old: unknown): readonly string[] {
  const [after, before] = [partsOf(now), partsOf(old)]
  const lines: string[] = []
  const timeout = after.timeout
  if (timeout !== before.timeout && typeof timeout === 'number' && old !== null) {
    lines.push(`Reloaded: tls timeout = ${timeout / 1000}`)
  }
  lines.push(`Reloaded: tls = ${now === null ? 'disabled' : 'enabled'}`)
  const pins = after.pinned_certs
  if (Array.isArray(pins) && JSON.stringify(pins) !== JSON.stringify(before.pinned_certs)) {
    lines.push(`Reloaded: ${pins.length} pinned_certs`)
  }
  const first = after.handshake_first
  if (first !== undefined && old !== null && !same(first, before.handshake_first)) {
    lines.push(`Reloaded: Client TLS handshake first: ${first !== false}`)
  }
  return lines
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function portOf(value: unknown): string {
  return String(partsOf(value).port ?? 0)
}

/** map[a:true b:false], as Go prints one. */
function shownMap(value: unknown): string {
  const entries = value instanceof Map ? [...value] : Object.entries(partsOf(value))
  return `map[${entries
    .map(([name, one]) => `${name}:${one}`)
    .sort()
    .join(' ')}]`
}
