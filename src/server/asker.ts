// Who asks: what a service of another account is told in `Nats-Request-Info` (reference 5.4).

import type { Account } from '../account/account.ts'
import type { Clock } from '../base/clock.ts'
import type { RequestInfo } from '../broker/request-info.ts'
import type { SharingHost } from '../broker/sharing.ts'
import { Client } from '../link/client.ts'
import { Leaf } from '../link/leaf/leaf.ts'
import type { Origin } from '../message.ts'
import { timeText } from '../monitor/json.ts'
import type { ServerOptions } from './options.ts'

const nsPerMs = 1_000_000

interface AskedServer {
  readonly clock: Clock
  readonly name: string
  readonly options: Pick<ServerOptions, 'cluster'>
  account(name: string): Account
}

export function sharingHost(server: AskedServer): SharingHost {
  const cluster = () => server.options.cluster?.name ?? ''
  const whereabouts = () => {
    return { server: server.name, ...(cluster() === '' ? {} : { cluster: cluster() }) }
  }
  return {
    clock: server.clock,
    account: name => server.account(name),
    cluster,
    whereabouts,
    describe: (origin, account, isDetailed) =>
      describeAsker(origin, account, isDetailed ? whereabouts() : null),
  }
}

/** Where this server is. */
interface Whereabouts {
  readonly [key: string]: string
  readonly server: string
}

/** `account` is whose the request was when it crossed first. */
function describeAsker(
  { sink, kind }: Origin,
  account: string,
  whereabouts: Whereabouts | null,
): RequestInfo {
  if (whereabouts === null) return { acc: account, ...rtt(rttMsOf(sink)) }
  if (sink instanceof Client) return clientInfo(sink, account, whereabouts)
  if (!(sink instanceof Leaf)) return { acc: account, ...whereabouts, kind: kindNames[kind] }
  const { id, host, startedWallMs, remoteName, user } = sink
  return {
    start: timeText(startedWallMs),
    host,
    id,
    acc: account,
    ...text('user', user),
    ...text('name', remoteName),
    ...rtt(sink.rttMs),
    ...whereabouts,
    kind: kindNames.leaf,
  }
}

/** In the order of nats-server's fields. */
function clientInfo(client: Client, account: string, whereabouts: Whereabouts): RequestInfo {
  const { id, host, startedWallMs, options, identity, keepalive, type } = client
  const { name, lang, version, user, nkey, token } = options
  const claims = identity?.claims
  const said = nkey || user || identity?.user || (token ? '[REDACTED]' : '')
  return {
    start: timeText(startedWallMs),
    host,
    id,
    acc: account,
    ...text('user', said),
    ...text('name', name),
    ...text('lang', lang),
    ...text('ver', version),
    ...rtt(keepalive.rttMs),
    ...whereabouts,
    ...text('jwt', claims?.jwt),
    ...text('issuer_key', claims?.issuerKey),
    ...text('name_tag', claims?.nameTag),
    ...(claims && claims.tags.length > 0 ? { tags: claims.tags } : {}),
    kind: kindNames.client,
    client_type: type,
  }
}

function rttMsOf(sink: Origin['sink']): number {
  if (sink instanceof Client) return sink.keepalive.rttMs
  return sink instanceof Leaf ? sink.rttMs : 0
}

function rtt(ms: number): RequestInfo {
  return ms > 0 ? { rtt: Math.round(ms * nsPerMs) } : {}
}

function text(key: string, value: string | undefined): RequestInfo {
  return value ? { [key]: value } : {}
}

/** As nats-server names the kinds it has; ours of devices are clients to it. */
const kindNames: Readonly<Record<Origin['kind'], string>> = {
  client: 'Client',
  leaf: 'Leafnode',
  route: 'Router',
  mqtt: 'Client',
  jetstream: 'JetStream',
  system: 'System',
  account: 'Account',
  serial: 'Client',
  telemetry: 'Client',
  schedule: 'Client',
}
