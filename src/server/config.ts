// From the command line and the config file to the options everybody works with: file, then
// flags over it, then the rules between options.

import { systemAccountName } from '../account/account.ts'
import { type Checked, checkConfig } from './check.ts'
import { clusterWith } from './cluster-flags.ts'
import { configDigest } from './conf-digest.ts'
import { type ConfSource, type Problem, parseConfFile } from './conf.ts'
import type { Flags } from './flags.ts'
import type { Block, Place, Values } from './option.ts'
import { isOperatorMode, operatorProblems, withOperator } from './operator-rules.ts'
import { type ServerOptions, serverBlock } from './options.ts'
import { clusterBlock, type ClusterOptions } from './peer-options.ts'
import { parseSyslog } from './syslog.ts'
import { certificateProblem, tlsServerBlock } from './tls-options.ts'
import { websocketProblems } from './websocket-options.ts'
import { formatDuration } from './duration.ts'

export interface Config<O extends ServerOptions> {
  readonly options: O
  readonly errors: readonly Problem[]
  readonly warnings: readonly Problem[]
  readonly notes: readonly Problem[]
  readonly places: ReadonlyMap<string, Place>
  /** `sha256:…` of the parsed file, as nats-server has it; null without a file. */
  readonly digest: string | null
}

type Edge = typeof serverBlock & Block

/** Reads everything. `block` is the broker's table with those of the other rooms. */
export function loadConfig<B extends Edge>(
  block: B,
  flags: Flags,
  source: ConfSource,
): Config<Values<B> & ServerOptions> {
  const parsed = flags.config === undefined ? null : parseConfFile(flags.config, source)
  const root = parsed?.is === 'parsed' ? parsed.root : null
  const checked = checkConfig(root, block) as Checked<Block>
  const file = checked.values as unknown as ServerOptions
  const warnings = [...checked.warnings]
  if (root?.entries.size === 0) {
    const place = { ...root.place, line: 0 }
    warnings.push({ place, text: 'config has no values or is empty' })
  }
  const { options: flagged, problem } = applyFlags(file, flags)
  const options = withOperator(flagged)
  const errors = [...checked.errors]
  if (problem !== null) errors.push({ place: noPlace, text: problem })
  if (parsed?.is === 'failed') errors.push(parsed.problem)
  else errors.push(...ruleErrors(options, checked.places))
  return {
    options: options as Values<B> & ServerOptions,
    errors,
    warnings,
    notes: checked.notes,
    places: checked.places,
    digest: root === null ? null : configDigest(root),
  }
}

const noPlace: Place = { file: '', line: 1, column: 1 }

/** `listen` and `http` fold into host and port; then every flag wins over the file. */
function applyFlags(
  file: ServerOptions,
  flags: Flags,
): { readonly options: ServerOptions; readonly problem: string | null } {
  const { listen } = file
  const clustered = clusterWith(file.cluster, flags, noCluster)
  const port = flags.port ?? listen?.port ?? file.port
  const http = flags.httpPort ?? file.http?.port ?? file.http_port
  const https = flags.httpsPort ?? file.https?.port ?? file.https_port
  const monitorHost = file.https?.host ?? file.http?.host ?? null
  const options: ServerOptions = {
    ...file,
    listen: null,
    host: flags.host ?? listen?.host ?? file.host,
    port: port === 0 ? 4222 : port,
    http: http === null || http === 0 ? null : { host: monitorHost, port: http },
    http_port: null,
    https: https === null || https === 0 ? null : { host: monitorHost, port: https },
    https_port: null,
    // nats-server: nought in the file is without limit.
    max_connections: file.max_connections === 0 ? -1 : file.max_connections,
    server_name: flags.serverName || file.server_name,
    client_advertise: flags.clientAdvertise ?? file.client_advertise,
    pidfile: flags.pidFile ?? file.pidfile,
    ports_file_dir: flags.portsFileDir ?? file.ports_file_dir,
    logfile: flags.logFile ?? file.logfile,
    logfile_size_limit: flags.logSizeLimit ?? file.logfile_size_limit,
    logtime: flags.logTime ?? file.logtime,
    logtime_utc: flags.logTimeUtc ?? file.logtime_utc,
    max_traced_msg_len: flags.tracedBytesMax ?? file.max_traced_msg_len,
    debug: flags.debug ?? file.debug,
    trace: flags.trace ?? (file.trace || file.trace_verbose || file.trace_headers),
    trace_verbose: flags.traceVerbose ?? file.trace_verbose,
    store_dir: flags.storeDir ?? file.store_dir,
    authorization: authorizationWith(file.authorization, flags),
    tls: tlsWith(file.tls, flags),
    cluster: clustered.is === 'options' ? clustered.cluster : file.cluster,
    syslog: flags.syslog ?? file.syslog,
    remote_syslog: flags.remoteSyslog ?? file.remote_syslog,
    prof_port: flags.profilePort ?? file.prof_port,
  }
  return { options, problem: clustered.is === 'wrong' ? clustered.text : null }
}

function noCluster(): ClusterOptions {
  return defaultsOf(clusterBlock) as ClusterOptions
}

type Authorization = ServerOptions['authorization']

function authorizationWith(file: Authorization, flags: Flags): Authorization {
  const { user, password, token } = flags
  if (user === undefined && password === undefined && token === undefined) return file
  const base = file ?? (defaultsOf(serverBlock.authorization.block) as NonNullable<Authorization>)
  if (token !== undefined) return { ...base, user: null, password: null, token }
  return {
    ...base,
    user: user ?? base.user,
    password: password ?? base.password,
    token: null,
  }
}

function tlsWith(file: ServerOptions['tls'], flags: Flags): ServerOptions['tls'] {
  const { tls, tlsVerify, tlsCert, tlsKey, tlsCa } = flags
  if (tls === false) return null
  const named = tlsCert !== undefined || tlsKey !== undefined || tlsCa !== undefined
  if (!tls && !tlsVerify && !(named && file !== null)) return file
  const base = file ?? (defaultsOf(tlsServerBlock) as NonNullable<ServerOptions['tls']>)
  return {
    ...base,
    cert_file: tlsCert ?? base.cert_file,
    key_file: tlsKey ?? base.key_file,
    ca_file: tlsCa ?? base.ca_file,
    verify: tlsVerify ?? base.verify,
  }
}

function defaultsOf(block: Block): unknown {
  return checkConfig(null, block).values
}

function ruleErrors(options: ServerOptions, places: ReadonlyMap<string, Place>): Problem[] {
  const found: Problem[] = []
  // Where the first of them stands that is in the file: a rule is between several.
  const add = (name: string, text: string, ...others: readonly string[]) => {
    const named = [name, ...others].find(one => places.has(one)) ?? name
    found.push({ place: places.get(named) ?? noPlace, text })
  }
  const { http, https } = options
  const ports = { port: options.port, http_port: http?.port, https_port: https?.port }
  for (const [name, port = 0] of Object.entries(ports)) {
    if (port < -1 || port > 65_535) add(name, `port ${port} is out of range`)
  }
  if (http !== null && https !== null) {
    add(
      'https',
      `can't specify both HTTP (${http.port}) and HTTPs (${https.port}) ports`,
      'https_port',
    )
  }
  if (https !== null && options.tls === null) {
    add('https', 'TLS cert and key required for HTTPS', 'https_port')
  }
  if (options.prof_port < -1 || options.prof_port > 65_535) {
    add('prof_port', `port ${options.prof_port} is out of range`)
  }
  const remote = options.remote_syslog ? parseSyslog(options.remote_syslog) : null
  if (typeof remote === 'string') add('remote_syslog', remote)
  const { max_payload, max_pending, server_name, tls, authorization, no_auth_user } = options
  if (max_payload > max_pending) {
    const text = `max_payload (${max_payload}) cannot be higher than max_pending (${max_pending})`
    add('max_payload', text, 'max_pending')
  }
  const { lame_duck_duration: duck, lame_duck_grace_period: grace } = options
  if (grace >= duck) {
    const [short, long] = [formatDuration(grace), formatDuration(duck)]
    add(
      'lame_duck_grace_period',
      `lame duck grace period (${short}) should be strictly lower than lame duck duration (${long})`,
      'lame_duck_duration',
    )
  }
  if (server_name !== null && /\s/.test(server_name)) {
    add('server_name', 'server name cannot contain spaces')
  }
  const certificate = certificateProblem(tls)
  if (certificate !== null) add('tls', certificate)
  const accountUsers = accountProblems(options, add)
  operatorProblems(options, add)
  const names = [
    authorization?.user,
    ...(authorization?.users ?? []).map(one => one.nkey ?? one.user),
    ...accountUsers,
  ]
  if (no_auth_user !== null && !names.includes(no_auth_user)) {
    add(
      'no_auth_user',
      `no_auth_user: "${no_auth_user}" not present as user or nkey in authorization block or account configuration`,
    )
  }
  const isListed = (authorization?.users.length ?? 0) + accountUsers.length > 0
  const { websocket } = options
  for (const text of websocketProblems(websocket, names, isListed, isOperatorMode(options))) {
    add('websocket', text)
  }
  return found
}

/** The rules between accounts and other options; returns the names of the accounts' users. */
function accountProblems(
  options: ServerOptions,
  add: (name: string, text: string) => void,
): readonly (string | null)[] {
  const { accounts, authorization, system_account: system } = options
  const users = [...(accounts?.values() ?? [])].flatMap(account => account.users)
  const names = users.map(one => one.nkey ?? one.user)
  if (users.length > 0 && authorization?.user) {
    add('accounts', 'Can not have a single user/pass and accounts')
  }
  if (users.length > 0 && authorization?.token) add('accounts', 'Can not have a token and accounts')
  for (const { user, nkey } of authorization?.users ?? []) {
    const name = nkey ?? user
    if (name !== null && names.includes(name)) add('accounts', `Duplicate user "${name}" detected`)
  }
  const isKnown = system === systemAccountName || isOperatorMode(options) || accounts?.has(system)
  if (!isKnown) {
    add('system_account', `system_account "${system}" is not among the accounts`)
  }
  if (accounts?.get(system)?.jetstream) {
    add('accounts', 'jetstream can not be enabled on the system account')
  }
  return names
}
