// The options of the broker itself: what stands at the top of the config file. The rooms of
// edge/ add their own blocks (jetstream, mqtt, serial, …) in edge/app.ts.
//
// Names, defaults and aliases are nats-server's (reference section 2.2). A key that nats-server
// knows and this broker does not stands here as `unsupported`, so that nobody believes it works.

import { mappingsRow } from './mapping-options.ts'
import { systemAccountName } from '../account/account.ts'
import { accountsRow } from './account-options.ts'
import { authorizationBlock, verifyAuthorization } from './auth-options.ts'
import { operatorRows } from './operator-options.ts'
import { featureFlagsRow, metadataRow, writeTimeoutRow } from './named-options.ts'
import type { Block, Values } from './option.ts'
import { leafnodesBlock, verifyLeafnodes } from './leafnode-options.ts'
import { clusterBlock, verifyCluster } from './peer-options.ts'
import { tlsServerRow } from './tls-options.ts'
import { verifyWebSocket, websocketBlock } from './websocket-options.ts'

const listening = {
  listen: {
    type: 'listen',
    default: null,
    about: 'Where clients connect: port or host:port, instead of host and port.',
  },
  host: {
    type: 'string',
    default: '0.0.0.0',
    aliases: ['net'],
    about: 'Address that clients connect to.',
  },
  port: {
    type: 'integer',
    default: 4222,
    min: -1,
    max: 65_535,
    about: 'Port that clients connect to; -1 is a random one.',
  },
  server_name: {
    type: 'string',
    default: null,
    defaultText: 'the server id',
    about: 'Name of this server, without spaces.',
  },
  server_tags: {
    type: 'strings',
    default: [],
    reloadable: true,
    about: 'Tags, shown by monitoring.',
  },
  server_metadata: metadataRow,
  feature_flags: featureFlagsRow,
  client_advertise: {
    type: 'string',
    default: null,
    reloadable: true,
    about: 'host:port that clients are told instead of our own address.',
  },
  tls: {
    ...tlsServerRow,
    reloadable: true,
    about: 'TLS of the client listener.',
  },
  allow_non_tls: {
    type: 'boolean',
    default: false,
    reloadable: true,
    about: 'With a tls block: clients may come without TLS, too.',
  },
  authorization: {
    type: 'block',
    block: authorizationBlock,
    verify: verifyAuthorization,
    reloadable: true,
    about: 'Who may connect and what they may do; everybody and everything when absent.',
  },
  accounts: accountsRow,
  system_account: {
    type: 'string',
    default: systemAccountName,
    aliases: ['system'],
    about: 'The account of the system, with its events and services: it has no streams.',
  },
  no_system_account: {
    type: 'boolean',
    default: false,
    aliases: ['no_system', 'no_sys_acc'],
    about: 'Without system_account there is no account of the system, and none of its services.',
  },
  no_auth_user: {
    type: 'string',
    default: null,
    about: 'The user of clients that bring no credentials.',
  },
  websocket: {
    type: 'block',
    block: websocketBlock,
    verify: verifyWebSocket,
    aliases: ['ws'],
    about: 'A listener for clients in browsers; MQTT over WebSocket too, at /mqtt.',
  },
  leafnodes: {
    type: 'block',
    block: leafnodesBlock,
    always: true,
    verify: verifyLeafnodes,
    aliases: ['leaf'],
    about: 'Leaf-node connections: the way to a central cluster, and a listener for other edges.',
  },
  cluster: {
    type: 'block',
    block: clusterBlock,
    verify: verifyCluster,
    about: 'Routes to the other servers of a cluster.',
  },
} as const satisfies Block

const limits = {
  max_connections: {
    type: 'integer',
    default: 65_536,
    min: -1,
    aliases: ['max_conn'],
    reloadable: true,
    about: 'Client connections at one time; 0 or -1 is without limit.',
  },
  max_subscriptions: {
    type: 'integer',
    default: 0,
    min: -1,
    aliases: ['max_subs'],
    about: 'Subscriptions of one connection; 0 or -1 is without limit.',
  },
  max_sub_tokens: {
    type: 'integer',
    default: 0,
    min: 1,
    max: 255,
    aliases: ['max_subscription_tokens'],
    defaultText: 'no limit',
    about: 'Tokens of a subject that a client subscribes to.',
  },
  max_control_line: {
    type: 'size',
    default: 4096,
    min: 1,
    max: 2_147_483_647,
    reloadable: true,
    about: 'Length of a protocol line.',
  },
  max_payload: {
    type: 'size',
    default: 1_048_576,
    min: 1,
    max: 2_147_483_647,
    reloadable: true,
    about: 'Size of a message with its headers.',
  },
  max_pending: {
    type: 'size',
    default: 67_108_864,
    min: 1,
    about: 'Bytes that may wait for one connection before it is cut off as slow.',
  },
  write_deadline: {
    type: 'duration',
    default: 10_000,
    min: 1,
    reloadable: true,
    about: 'Time a connection may take to accept a write before it is cut off as slow.',
  },
  write_timeout: writeTimeoutRow,
  no_fast_producer_stall: {
    type: 'boolean',
    default: false,
    reloadable: true,
    about: 'Do not slow producers whose consumers are behind; those are cut off at max_pending.',
  },
  no_header_support: {
    type: 'boolean',
    default: false,
    about: 'Tell clients that there are no headers, and refuse them.',
  },
  ping_interval: {
    type: 'duration',
    default: 120_000,
    min: 1,
    reloadable: true,
    about: 'Time between PINGs of an idle connection.',
  },
  ping_max: {
    type: 'integer',
    default: 2,
    min: 0,
    reloadable: true,
    about: 'Unanswered PINGs before a connection is stale.',
  },
  max_closed_clients: {
    type: 'integer',
    default: 10_000,
    min: 0,
    about: 'Closed connections that monitoring remembers.',
  },
  lame_duck_duration: {
    type: 'duration',
    default: 120_000,
    min: 30_000,
    about: 'Time over which lame-duck mode closes the clients.',
  },
  lame_duck_grace_period: {
    type: 'duration',
    default: 10_000,
    min: 0,
    about: 'Time lame-duck mode waits before it closes the first client.',
  },
  connect_error_reports: {
    type: 'integer',
    default: 3600,
    min: 1,
    reloadable: true,
    about: 'Of failed first connects to a hub, log the first and every n-th.',
  },
  reconnect_error_reports: {
    type: 'integer',
    default: 1,
    min: 1,
    reloadable: true,
    about: 'Of failed reconnects to a hub, log every n-th.',
  },
} as const satisfies Block

const logging = {
  debug: { type: 'boolean', default: false, reloadable: true, about: 'Log debug lines.' },
  trace: {
    type: 'boolean',
    default: false,
    reloadable: true,
    about: 'Log the protocol, without passwords.',
  },
  trace_verbose: {
    type: 'boolean',
    default: false,
    reloadable: true,
    about: 'Trace the system account as well.',
  },
  trace_headers: {
    type: 'boolean',
    default: false,
    reloadable: true,
    about: 'Trace, with the headers of messages and without their payloads.',
  },
  logtime: {
    type: 'boolean',
    default: true,
    reloadable: true,
    about: 'Begin log lines with the time.',
  },
  logtime_utc: {
    type: 'boolean',
    default: false,
    reloadable: true,
    about: 'Write the time of log lines in UTC.',
  },
  logfile: {
    type: 'string',
    default: null,
    defaultText: 'standard error',
    aliases: ['log_file'],
    reloadable: true,
    about: 'File that receives the log.',
  },
  logfile_size_limit: {
    type: 'size',
    default: 0,
    min: 0,
    aliases: ['log_size_limit'],
    about: 'Size at which the log file is set aside and begun anew; 0 is never.',
  },
  logfile_max_num: {
    type: 'integer',
    default: 0,
    min: 0,
    aliases: ['log_max_num'],
    about: 'Log files kept, with the current one; 0 keeps all.',
  },
  syslog: {
    type: 'boolean',
    default: false,
    reloadable: true,
    about: 'Send the log to the syslog of this machine (through logger); logfile wins.',
  },
  remote_syslog: {
    type: 'string',
    default: null,
    reloadable: true,
    about: 'Send the log to a syslog server: udp://host:514 or tcp://host:514; logfile wins.',
  },
  max_traced_msg_len: {
    type: 'size',
    default: 0,
    min: 0,
    reloadable: true,
    about: 'Payload bytes shown in a trace; 0 shows all.',
  },
  pidfile: {
    type: 'string',
    default: null,
    aliases: ['pid_file'],
    reloadable: true,
    about: 'File that receives the process id.',
  },
  ports_file_dir: {
    type: 'string',
    default: null,
    reloadable: true,
    about: 'Folder that receives a file with the ports in use.',
  },
} as const satisfies Block

const monitoring = {
  http: {
    type: 'listen',
    default: null,
    about: 'Where monitoring listens: port or host:port.',
  },
  http_port: {
    type: 'integer',
    default: null,
    defaultText: 'off',
    min: -1,
    max: 65_535,
    aliases: ['monitor_port'],
    about: "Monitoring's port, on the address of the clients; -1 is a random one.",
  },
  https: {
    type: 'listen',
    default: null,
    about: 'Monitoring over HTTPS instead, with the certificate of `tls`: port or host:port.',
  },
  https_port: {
    type: 'integer',
    default: null,
    defaultText: 'off',
    min: -1,
    max: 65_535,
    about: 'Port of monitoring over HTTPS, on the address of the clients; -1 is a random one.',
  },
  prof_port: {
    type: 'integer',
    default: 0,
    min: -1,
    max: 65_535,
    about:
      'Port on 127.0.0.1 for CPU and heap profiles of V8, at /debug/pprof/; -1 is a random one.',
  },
  prof_block_rate: {
    type: 'ignored',
    about: 'V8 has no profile of blocked goroutines.',
  },
  http_base_path: { type: 'string', default: '/', about: "Prefix of monitoring's paths." },
} as const satisfies Block

const storing = {
  store_dir: {
    type: 'string',
    default: null,
    aliases: ['storedir'],
    about: 'Same as store_dir of the jetstream block.',
  },
} as const satisfies Block

const notOurs = {
  mappings: {
    ...mappingsRow,
    aliases: ['maps'],
    about: 'What published subjects of the global account become; see `accounts`.',
  },
  gateway: { type: 'unsupported', about: 'Connect to a cluster with leafnodes.remotes.' },
  default_js_domain: {
    type: 'unsupported',
    about: 'Clients name the domain whose streams they use; nats-server is giving the option up.',
  },
  ocsp: { type: 'unsupported', about: 'OCSP is not stapled.' },
  ocsp_cache: { type: 'unsupported', about: 'OCSP is not stapled.' },
  proxies: { type: 'unsupported', about: 'No proxy is trusted to speak for its clients.' },
  proxy_protocol: { type: 'unsupported', about: 'Clients must connect without its header.' },
  disable_sublist_cache: {
    type: 'ignored',
    aliases: ['no_sublist_cache'],
    about: 'The cache is small and bounded.',
  },
} as const satisfies Block

export const serverBlock = {
  ...listening,
  ...limits,
  ...monitoring,
  ...logging,
  ...storing,
  ...operatorRows,
  ...notOurs,
} as const satisfies Block

export type ServerOptions = Values<typeof serverBlock>
