// The command line, with the meaning Go's flag package gives it: -x and --x are the same, values
// as `-x v` or `-x=v`, a boolean never takes the next word, parsing stops at the first word that
// is no flag. One table row a flag; the help text comes from it (help.ts).
//
// Rule: reference section 1.1. Flags win over the file.

/** What the flags say; absent = not given. */
export interface Flags {
  host?: string
  port?: number
  serverName?: string
  pidFile?: string
  httpPort?: number
  httpsPort?: number
  config?: string
  test?: boolean
  signal?: string
  clientAdvertise?: string
  portsFileDir?: string
  logFile?: string
  logTime?: boolean
  logTimeUtc?: boolean
  logSizeLimit?: number
  tracedBytesMax?: number
  syslog?: boolean
  remoteSyslog?: string
  debug?: boolean
  trace?: boolean
  traceVerbose?: boolean
  jetstream?: boolean
  storeDir?: string
  verifyStore?: boolean
  user?: string
  password?: string
  token?: string
  tls?: boolean
  tlsCert?: string
  tlsKey?: string
  tlsVerify?: boolean
  tlsCa?: string
  routes?: string
  cluster?: string
  clusterName?: string
  noAdvertise?: boolean
  clusterAdvertise?: string
  connectRetries?: number
  profilePort?: number
  help?: boolean
  helpTls?: boolean
  version?: boolean
}

export type ParsedFlags =
  | { readonly is: 'parsed'; readonly flags: Flags; readonly words: readonly string[] }
  /** Go prints this, then the usage, and exits 0. */
  | { readonly is: 'usage'; readonly text: string }

export interface FlagRow {
  /** All spellings, without dashes; as in the help, short ones first. */
  readonly names: readonly string[]
  /** Under which heading of the help; null hides it. */
  readonly group: FlagGroup | null
  /** Name of the value in the help; '' for booleans. */
  readonly value: string
  readonly about: string
  readonly read:
    | { readonly kind: 'text'; readonly set: (flags: Flags, value: string) => void }
    | { readonly kind: 'whole'; readonly set: (flags: Flags, value: number) => void }
    | { readonly kind: 'switch'; readonly set: (flags: Flags, value: boolean) => void }
}

export const flagGroups = [
  'Server',
  'Logging',
  'JetStream',
  'Authorization',
  'TLS',
  'Cluster',
  'Profiling',
  'Common',
] as const
export type FlagGroup = (typeof flagGroups)[number]

type Key<T> = { [K in keyof Flags]-?: Required<Flags>[K] extends T ? K : never }[keyof Flags]

const text = (key: Key<string>) => {
  const set = (flags: Flags, value: string) => {
    flags[key] = value
  }
  return { kind: 'text', set } as const
}
const whole = (key: Key<number>) => {
  const set = (flags: Flags, value: number) => {
    flags[key] = value
  }
  return { kind: 'whole', set } as const
}
const toggle = (...keys: Key<boolean>[]) => {
  const set = (flags: Flags, value: boolean) => {
    for (const key of keys) flags[key] = value
  }
  return { kind: 'switch', set } as const
}

type Columns = readonly [string, FlagGroup | null, string, string, FlagRow['read']]

// names | heading | value | about | what it sets
// biome-ignore format: a table
const columns: readonly Columns[] = [
  ['a addr net', 'Server', 'host', 'Bind to host address (default: 0.0.0.0)', text('host')],
  ['p port', 'Server', 'port', 'Use port for clients; -1 is a random one (default: 4222)', whole('port')],
  ['n name server_name', 'Server', 'server_name', 'Server name (default: auto)', text('serverName')],
  ['P pid', 'Server', 'file', 'File to store PID', text('pidFile')],
  ['m http_port', 'Server', 'port', 'Use port for http monitoring', whole('httpPort')],
  ['ms https_port', 'Server', 'port', 'Use port for https monitoring', whole('httpsPort')],
  ['c config', 'Server', 'file', 'Configuration file', text('config')],
  ['t', 'Server', '', 'Test configuration and exit', toggle('test')],
  ['sl signal', 'Server', '<signal>[=<pid>]', 'Send signal to a nats-edge process (ldm, stop, quit, term, reopen, reload);\n<pid> is a PID or the path of a PID file', text('signal')],
  ['client_advertise', 'Server', 'string', 'Client URL to advertise to clients', text('clientAdvertise')],
  ['ports_file_dir', 'Server', 'dir', 'Creates a ports file in the directory (nats-edge_<pid>.ports)', text('portsFileDir')],
  ['l log', 'Logging', 'file', 'File to redirect log output', text('logFile')],
  ['T logtime', 'Logging', '', 'Timestamp log entries (default: true)', toggle('logTime')],
  ['logtime_utc', 'Logging', '', 'Timestamps in UTC instead of local time', toggle('logTimeUtc')],
  ['s syslog', 'Logging', '', 'Log to syslog', toggle('syslog')],
  ['r remote_syslog', 'Logging', 'addr', 'Syslog server addr (udp://localhost:514)', text('remoteSyslog')],
  ['D debug', 'Logging', '', 'Enable debugging output', toggle('debug')],
  ['V trace', 'Logging', '', 'Trace the raw protocol', toggle('trace')],
  ['VV', 'Logging', '', 'Verbose trace (traces system account as well)', toggle('trace', 'traceVerbose')],
  ['DV', 'Logging', '', 'Debug and trace', toggle('debug', 'trace')],
  ['DVV', 'Logging', '', 'Debug and verbose trace (traces system account as well)', toggle('debug', 'trace', 'traceVerbose')],
  ['log_size_limit', 'Logging', 'limit', 'Logfile size limit (default: none)', whole('logSizeLimit')],
  ['max_traced_msg_len', 'Logging', 'len', 'Maximum printable length for traced messages (default: unlimited)', whole('tracedBytesMax')],
  ['js jetstream', 'JetStream', '', 'Enable JetStream functionality', toggle('jetstream')],
  ['sd store_dir', 'JetStream', 'dir', 'Set the storage directory', text('storeDir')],
  ['verify_store', 'JetStream', '', 'Check the store, print what is wrong with it and exit; changes nothing', toggle('verifyStore')],
  ['user', 'Authorization', 'user', 'User required for connections', text('user')],
  ['pass', 'Authorization', 'password', 'Password required for connections', text('password')],
  ['auth', 'Authorization', 'token', 'Authorization token required for connections', text('token')],
  ['tls', 'TLS', '', 'Enable TLS, do not verify clients (default: false)', toggle('tls')],
  ['tlscert', 'TLS', 'file', 'Server certificate file', text('tlsCert')],
  ['tlskey', 'TLS', 'file', 'Private key for server certificate', text('tlsKey')],
  ['tlsverify', 'TLS', '', 'Enable TLS, verify client certificates', toggle('tlsVerify')],
  ['tlscacert', 'TLS', 'file', 'Client certificate CA for verification', text('tlsCa')],
  ['routes', 'Cluster', '<rurl-1, rurl-2>', 'Routes to solicit and connect', text('routes')],
  ['cluster', 'Cluster', 'cluster-url', 'Cluster URL for solicited routes', text('cluster')],
  ['cluster_name', 'Cluster', 'string', 'Cluster Name, if not set one will be dynamically generated', text('clusterName')],
  ['no_advertise', 'Cluster', 'bool', 'Do not advertise known cluster information to clients', toggle('noAdvertise')],
  ['cluster_advertise', 'Cluster', 'string', 'Cluster URL to advertise to other servers', text('clusterAdvertise')],
  ['connect_retries', 'Cluster', 'number', 'For implicit routes, number of connect retries', whole('connectRetries')],
  ['cluster_listen', 'Cluster', 'url', 'Cluster url from which members can solicit routes', text('cluster')],
  ['profile', 'Profiling', 'port', 'Profiling HTTP port, on loopback only', whole('profilePort')],
  ['h help', 'Common', '', 'Show this message', toggle('help')],
  ['v version', 'Common', '', 'Show version', toggle('version')],
  ['help_tls', 'Common', '', 'TLS help', toggle('helpTls')],
]

export const flagRows: readonly FlagRow[] = columns.map(([names, group, value, about, read]) => ({
  names: names.split(' '),
  group,
  value,
  about,
  read,
}))

const rowByName = new Map(flagRows.flatMap(row => row.names.map(name => [name, row] as const)))

export function parseFlags(args: readonly string[]): ParsedFlags {
  const flags: Flags = {}
  const combined = new Map<string, () => void>()
  let at = 0
  while (at < args.length) {
    const arg = args[at] as string
    if (arg.length < 2 || arg[0] !== '-') break
    at++
    if (arg === '--') break
    const body = arg.replace(/^--?/, '')
    if (body === '' || body[0] === '-' || body[0] === '=') return usage(`bad flag syntax: ${arg}`)
    const equals = body.indexOf('=')
    const name = equals < 0 ? body : body.slice(0, equals)
    let value = equals < 0 ? undefined : body.slice(equals + 1)
    const row = rowByName.get(name)
    if (!row) return usage(`flag provided but not defined: -${name}`)
    if (row.read.kind !== 'switch' && value === undefined) {
      if (at >= args.length) return usage(`flag needs an argument: -${name}`)
      value = args[at++] as string
    }
    const refused = setFlag(row, name, value, flags)
    if (refused) return refused
    if (/^D?VV?$/.test(name) && name !== 'V') {
      combined.set(name, () => setFlag(row, name, value, flags))
    }
  }
  // -DV, -DVV and -VV win over -D and -V, wherever they stand; among them the later letter does.
  for (const name of [...combined.keys()].sort()) combined.get(name)?.()
  return { is: 'parsed', flags, words: args.slice(at) }
}

function setFlag(
  { read }: FlagRow,
  name: string,
  value: string | undefined,
  flags: Flags,
): ParsedFlags | null {
  switch (read.kind) {
    case 'text':
      read.set(flags, value ?? '')
      return null
    case 'whole': {
      const number = parseWhole(value ?? '')
      if (typeof number === 'string') {
        return usage(`invalid value ${JSON.stringify(value)} for flag -${name}: ${number}`)
      }
      read.set(flags, number)
      return null
    }
    case 'switch': {
      const on = value === undefined ? true : parseBoolean(value)
      if (on === null) {
        return usage(`invalid boolean value ${JSON.stringify(value)} for -${name}: parse error`)
      }
      read.set(flags, on)
      return null
    }
  }
}

function usage(text: string): ParsedFlags {
  return { is: 'usage', text }
}

/** strconv.ParseInt with base 0: 10, 0x1f, 0o17, 017, 0b1, 1_000. */
function parseWhole(text: string): number | string {
  const found = /^([+-]?)(0[xX]_?[\da-fA-F_]+|0[oO]_?[0-7_]+|0[bB]_?[01_]+|\d[\d_]*)$/.exec(text)
  if (!found || /__|_$/.test(text)) return 'parse error'
  let digits = (found[2] as string).replaceAll('_', '')
  if (/^0\d/.test(digits)) {
    if (/[89]/.test(digits)) return 'parse error'
    digits = `0o${digits}`
  }
  const value = BigInt(digits) * (found[1] === '-' ? -1n : 1n)
  if (value > 2n ** 63n - 1n || value < -(2n ** 63n)) return 'value out of range'
  return Number(value)
}

/** strconv.ParseBool. */
function parseBoolean(text: string): boolean | null {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false
  return null
}
