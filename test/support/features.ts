// What nats-server has, and whether it is here: the table of the README, each row with the test
// that shows it. A row without a test that exists fails test/packaging/features.test.ts.
//
//   node test/support/features.ts --write   puts it between the README's markers

import { readFileSync, writeFileSync } from 'node:fs'

/** `differs` and `no` need a note: how, or why not. */
export type Here = 'yes' | 'differs' | 'no'

export interface Feature {
  readonly area: string
  readonly name: string
  readonly here: Here
  readonly note: string
  /** Below test/, and a text in it: the title of the case. */
  readonly test: readonly [file: string, text: string]
}

type Row = readonly [name: string, here: Here, note: string, file: string, text: string]

const talk = 'talk/conversations.ts'
const program = 'server/program.test.ts'
const sharing = 'talk/sharing.ts'
const operators = 'talk/operators.ts'
const leafs = 'talk/leafs.ts'

const areas: Readonly<Record<string, readonly Row[]>> = {
  'Command line and process': [
    ['every flag of 1.4, 2.7 and 2.15', 'yes', '', 'server/flags.test.ts', 'are all of what the newest nats-server shows'],
    ['help, version, exit codes', 'yes', '', program, 'prints the version and the help, and ends with 0'],
    ['exit status after SIGTERM', 'differs', '0, as 2.11 and later', program, 'tells clients of lame-duck mode, waits for them, and still ends at once on INT'],
    ['`-t`', 'yes', '', 'server/conf-peer.test.ts', 'an empty file'],
    ['`-t` loads certificates', 'yes', '', 'server/conf-peer.test.ts', 'with the key of another'],
    ['signals and `--signal`', 'yes', '', program, 'sends a signal to the process of a pid file'],
    ['pid and ports files', 'yes', '', program, 'writes a pid file without line end, and a ports file that goes with it'],
    ['profiling', 'differs', 'V8 profiles, loopback only', 'server/profiler.test.ts', 'serves a CPU profile and sampled allocations'],
    ['configs of the official images', 'yes', '', program, 'starts on the config of the official image, with JetStream too'],
    ['Windows service, certificate store', 'no', 'Linux only', 'packaging/features.test.ts', 'are refused with a reason'],
  ],
  Configuration: [
    ['every key, known or refused with a reason', 'yes', '', 'server/known-keys.test.ts', 'are all known'],
    ['grammar: includes, variables, units', 'yes', '', 'server/conf-peer.test.ts', 'differs where we say that it does'],
    ['error positions', 'differs', 'every error, each with line and column', 'server/check.test.ts', 'tells everything that is wrong'],
    ['digest of the config', 'yes', '', 'peer/digest.test.ts', 'nats-server\'s of'],
    ['reload, all or nothing', 'yes', '', program, 'changes nothing when one thing may not change, or is wrong'],
  ],
  Protocol: [
    ['PUB, HPUB, SUB, UNSUB, PING', 'yes', '', talk, 'publish and subscribe'],
    ['verbose, pedantic, echo', 'yes', '', talk, 'CONNECT defaults are verbose and pedantic'],
    ['headers, no responders with `Nats-Subject`', 'yes', '', talk, 'nobody listens to a request'],
    ['INFO after CONNECT (`connect_info`)', 'yes', '', talk, 'the first PING after CONNECT brings the account'],
    ['queue groups', 'yes', '', talk, 'one member of a queue group'],
    ['`-ERR` texts and what they close', 'yes', '', talk, 'a payload over max_payload'],
    ['limits of lines, payloads, subscriptions', 'yes', '', talk, 'a line over max_control_line without end'],
    ['slow consumers, write deadline', 'yes', '', 'link/client.test.ts', 'cuts off a subscriber that never reads, and only that one'],
    ['stalled producers', 'differs', 'reading pauses; nothing sleeps', 'link/client.test.ts', 'spec('],
    ['stale connections', 'yes', '', 'link/client.test.ts', 'Stale Connection'],
    ['lame-duck mode', 'yes', '', 'server/reload.test.ts', 'waits, then closes one client a second at most'],
    ['PROXY protocol, trusted proxies', 'no', 'nothing balances load before an edge node', 'packaging/features.test.ts', 'are refused with a reason'],
  ],
  'Who may connect, and do what': [
    ['users, passwords, tokens, bcrypt', 'yes', '', 'talk/logins.ts', 'bcrypt passwords of every version'],
    ['nkeys', 'yes', '', 'talk/logins.ts', 'an nkey user signs the nonce'],
    ['`no_auth_user`, connection types', 'yes', '', 'talk/logins.ts', 'allowed connection types'],
    ['permissions, `allow_responses`, queue permissions', 'yes', '', 'account/permissions.test.ts', 'allows a queue entry to its queue only'],
    ['operator mode: JWTs, signing keys, revocation', 'yes', '', operators, 'a revoked user is told, cut off and kept out'],
    ['scoped users', 'yes', '', operators, 'users of a scoped signing key have what its template says'],
    ['memory, folder and URL resolvers', 'yes', '', 'talk/resolvers.ts', 'a package has every token, and an end'],
    ['auth callout', 'differs', 'answers for other ways to connect are refused', 'talk/callouts.ts', 'refuses a user whose answer is for other ways to connect'],
  ],
  Accounts: [
    ['isolation, users, limits', 'yes', '', 'talk/accounts.ts', 'accounts see nothing of each other'],
    ['stream exports and imports', 'yes', '', sharing, 'a stream under another subject'],
    ['service exports and imports, responses, `share`', 'yes', '', sharing, 'service import: share tells the service who asks'],
    ['mappings with weights', 'yes', '', sharing, 'mappings: one subject, tokens, weights of 100 and of nothing'],
    ['system account: events', 'yes', '', 'talk/system-talks.ts', 'a client that comes and goes is told of'],
    ['system account: services', 'yes', '', 'talk/system-talks.ts', 'requests with every field there is, as the nats CLI writes them'],
    ['limits of JetStream per account', 'differs', 'a message that would pass one is refused', 'store/quota.test.ts', 'by JWT: flat, and as the next one says'],
    ['message tracing', 'no', 'a luxury on an edge node', 'packaging/features.test.ts', 'are refused with a reason'],
  ],
  'JetStream, what came with 2.11 and later': [
    ['TTLs of messages, delete markers', 'yes', '', 'peer/timed.test.ts', 'expires in time'],
    ['keys that expire', 'yes', '', 'peer/timed-kv.test.ts', 'a key with a TTL goes, and the watcher hears of it'],
    ['message schedules', 'yes', '', 'peer/timed.test.ts', 'sends again and again, what is last on a subject'],
  ],
  TLS: [
    ['clients, MQTT, WebSocket, leaf nodes', 'yes', '', 'link/tls.test.ts', 'greets in clear, then upgrades'],
    ['client certificates', 'yes', '', 'link/tls.test.ts', 'lets nobody in whose certificate another authority signed'],
    ['users from certificates: `verify_and_map`', 'yes', '', 'talk/tls-talks.ts', 'the user is the subject, in whatever order'],
    ['`handshake_first`, `auto` or after a time', 'yes', '', 'talk/tls-talks.ts', 'auto serves those who wait for INFO'],
    ['`allow_non_tls`', 'yes', '', 'talk/tls-talks.ts', 'INFO says that TLS may be had, and both are served'],
    ['`connection_rate_limit`', 'yes', '', 'talk/tls-talks.ts', 'the handshake after the last of a second is turned away'],
    ['certificates renewed by reload', 'yes', '', 'link/tls.test.ts', 'shows the new certificate after a reload'],
    ['OCSP', 'no', 'seldom reachable from the edge', 'packaging/features.test.ts', 'are refused with a reason'],
  ],
  'WebSocket, leaf nodes, routes': [
    ['WebSocket clients, MQTT over WebSocket', 'yes', '', 'peer/websocket.test.ts', 'serves JetStream and MQTT over WebSocket'],
    ['origins, compression, own users', 'yes', '', 'link/websocket/websocket.test.ts', 'compresses only when asked to and when the client can'],
    ['cookies, headers, pings and certificates of WebSocket', 'yes', '', 'peer/websocket-cookies.test.ts', 'bring a JWT, and a browser publishes and subscribes with it'],
    ['leaf nodes to hubs, over WebSocket and proxies too', 'yes', '', 'peer/leaf-websocket.test.ts', 'goes through an HTTP proxy, and says when it may not'],
    ['leaf nodes that come to us', 'yes', '', leafs, 'carries messages both ways, with headers, replies and queues'],
    ['loop detection, isolation, minimum version', 'yes', '', leafs, 'finds a loop by its own subject'],
    ['routes: interest, queues, leaf nodes behind others', 'yes', '', 'talk/routes.ts', 'carries messages both ways, with headers, replies and queues'],
    ['routes: gossip, names of clusters, permissions', 'yes', '', 'talk/route-rules.ts', 'tells the others of a new server, and where it is'],
    ['routes over TLS, with a password', 'yes', '', 'peer/routes-tls.test.ts', 'stand both ways'],
    ['route pools, routes of one account', 'no', 'one connection to each server', 'peer/routes.test.ts', 'brings everybody everything once'],
    ['S2 compression', 'no', 'peers fall back', leafs, 'greets with a nonce and its addresses, and again with the account'],
    ['gateways', 'no', 'a thing of data centres', 'packaging/features.test.ts', 'are refused with a reason'],
  ],
  'Publishing into streams': [
    ['counters, with sources that add up', 'yes', '', 'peer/counter.test.ts', 'adds up sources, whatever of them is lost'],
    ['atomic batches', 'yes', '', 'peer/batch-atomic.test.ts', 'stores all messages with the commit'],
    ['fast batches', 'differs', 'answers for what is on disk', 'peer/batch-fast.test.ts', 'answers every so many messages and at the end'],
  ],
  Monitoring: [
    ['every endpoint of a node, with its parameters', 'yes', '', 'peer/monitor.test.ts', 'healthz?details=1'],
    ['HTTPS, with certificates renewed by reload', 'yes', '', 'peer/monitor-https.test.ts', 'shows the new certificate after a reload, and stays when there is none'],
    ['certificates of clients, as Go writes them', 'yes', '', 'peer/certificate-subject.test.ts', 'are written as nats-server writes them'],
    ['nats-top, Telegraf, Prometheus exporter', 'yes', '', 'peer/monitor-readers.test.ts', 'find every field, of the type that Go decodes it into'],
    ['`/metrics`', 'differs', 'here without an exporter', 'monitor/metrics.test.ts', 'is read by a reader that would notice'],
  ],
  Logging: [
    ['line format, levels, files, rotation', 'yes', '', 'server/logger.test.ts', 'sets a full file aside, and keeps no more than it may'],
    ['syslog, local and remote', 'yes', '', 'server/syslog.test.ts', 'sends datagrams with level, time, host, tag and pid'],
    ['errors that repeat', 'differs', 'counted after the third', 'server/logger.test.ts', 'counts a warning that comes again and again'],
  ],
  Robustness: [
    ['10,000 connections, 50,000 subscriptions', 'yes', '', 'peer/crowd.test.ts', 'connections come and go, ten thousand of them'],
    ['no file descriptors left', 'yes', '', 'peer/crowd.test.ts', 'connections for the file descriptors there are'],
  ],
} // biome-ignore format: a table

export const features: readonly Feature[] = Object.entries(areas).flatMap(([area, rows]) =>
  rows.map(([name, here, note, file, text]) => ({ area, name, here, note, test: [file, text] })),
)

const begin = /<!-- features:[^>]*-->\n/
const end = '<!-- /features -->'
const readme = new URL('../../README.md', import.meta.url)

export function featureTable(): string {
  const lines = features.map(({ area, name, here, note }, at) => {
    const head = features[at - 1]?.area === area ? '' : area
    return `| ${head} | ${name} | ${here}${note === '' ? '' : `: ${note}`} |`
  })
  return `| | nats-server has | here |\n|---|---|---|\n${lines.join('\n')}\n`
}

/** The README with the present table; null when it has no markers. */
export function withFeatures(text: string): string | null {
  const found = begin.exec(text)
  const stop = text.indexOf(end)
  if (!found || stop < 0) return null
  const head = text.slice(0, found.index + found[0].length)
  return `${head}\n${featureTable()}\n${text.slice(stop)}`
}

if (import.meta.main && process.argv[2] === '--write') {
  const text = withFeatures(readFileSync(readme, 'utf8'))
  if (text === null) throw new Error('README.md has no feature markers')
  writeFileSync(readme, text)
}
