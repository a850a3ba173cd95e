// Brings the leaf nodes together with the server: who may come in as one, what INFO says to it,
// and its listener.

import { isDeepStrictEqual } from 'node:util'
import { globalAccountName } from '../account/account.ts'
import type { Authorization, ConnectionType, User } from '../account/authenticate.ts'
import { CertificateUsers } from '../account/certificate-users.ts'
import type { LeafIdentity } from '../link/leaf/handshake.ts'
import { LeafListener } from '../link/leaf/listener.ts'
import { LeafNodes } from '../link/leaf/nodes.ts'
import { greeting, type LeafInfo } from '../link/leaf/spoke.ts'
import { remotesView } from '../link/leaf/view.ts'
import {
  demandsCertificate,
  renewedOptions,
  type SecureOptions,
  secureOptions,
} from '../link/tls-files.ts'
import { leafAddress, type LeafnodesOptions } from './leafnode-options.ts'
import type { Server } from './server.ts'

export interface LeafRoom {
  readonly nodes: LeafNodes
  /** null: nothing listens. */
  readonly listener: LeafListener | null
  /** Takes over reloaded options. */
  reload(options: LeafnodesOptions): void
  /** `leaf` of /varz. */
  varz(): object
  /** Where we listen, as other members of our cluster may tell it; null: nowhere. */
  readonly url: string | null
  /** Where the other members of our cluster listen: our spokes are told. */
  setOtherUrls(urls: readonly string[]): void
}

/** null when the block asks for nothing. `isOpen`: leaf nodes come in another way (WebSocket). */
export function newLeafRoom(
  server: Server,
  jetstream: { readonly domain: string | null } | null,
  isOpen: boolean,
): LeafRoom {
  const { log, clock } = server
  let options = server.options.leafnodes
  const address = leafAddress(options)
  let tls: SecureOptions | null = options.tls && secureOptions(options.tls)
  const identity = identityOf(server, jetstream?.domain ?? '', jetstream !== null)
  const info = (): LeafInfo => infoOf(server, listener, options, otherUrls)
  let otherUrls: readonly string[] = []
  const timeoutMs = options.authorization?.timeout ?? (options.tls?.timeout ?? 1000) + 1000
  const door = {
    authenticate: (credentials: Parameters<Server['authenticate']>[0], peer: Peer) => {
      const account = options.authorization?.account ?? globalAccountName
      return server.authenticate(credentials, account, peer, ownOf(options))
    },
    timeoutMs,
    minVersion: options.min_version ?? '',
    isolate: options.isolate_leafnode_interest,
    info,
  }
  const closes = options.write_timeout === 'close'
  const deadlineMs = closes ? (options.write_deadline ?? server.options.write_deadline) : null
  const nodes = new LeafNodes({
    links: server.links,
    options,
    reports: {
      get connectErrors() {
        return server.options.connect_error_reports
      },
      get reconnectErrors() {
        return server.options.reconnect_error_reports
      },
    },
    identity,
    writes: { deadlineMs },
    door: address === null && !isOpen ? null : door,
    nextId: () => server.nextId(),
  })
  server.logins.add(() => nodes.logins())
  const listener =
    address &&
    new LeafListener({
      ...address,
      advertise: options.advertise,
      tls: () =>
        options.tls && {
          options: tls,
          timeoutMs: options.tls.timeout,
          handshakeFirst: isFirst(options.tls),
        },
      log,
      clock,
      nextId: () => server.nextId(),
      hasRoom: () => nodes.hasRoom(),
      greeting: (id, nonce) => greeting(info(), id, nonce),
      accept: (socket, id, nonce, isGreeted) => nodes.accept(socket, id, nonce, isGreeted),
    })
  return {
    nodes,
    listener,
    reload: after => {
      options = after
      tls = renewedOptions(after.tls, tls, log)
      nodes.reload(after.remotes)
    },
    get url() {
      return listener && urlOf(listener.told)
    },
    setOtherUrls: urls => {
      const news = [...new Set(urls)].slice(0, otherUrlsMax).sort()
      if (isDeepStrictEqual(news, otherUrls)) return
      otherUrls = news
      if (!options.no_advertise) nodes.sendNews()
    },
    varz: () => ({
      ...listenerView(options, listener, timeoutMs),
      ...remotesView(options.remotes),
    }),
  }
}

/** Members of a cluster whose addresses are told. */
const otherUrlsMax = 256

type Peer = Parameters<Server['authenticate']>[2]

function identityOf(server: Server, domain: string, jetstream: boolean): LeafIdentity {
  const { id, name, version } = server
  return {
    id,
    name,
    version,
    get cluster() {
      return server.cluster?.name ?? server.options.cluster?.name ?? name
    },
    domain,
    jetstream,
  }
}

function infoOf(
  server: Server,
  listener: LeafListener | null,
  options: LeafnodesOptions,
  others: readonly string[],
): LeafInfo {
  const address = listener?.told ?? server.address
  const { tls } = options
  const way = { address, authorization: server.authorization, tls, advertise: null }
  const { connect_urls, ws_connect_urls, ldm, auth_required, ...info } = server.info(way)
  const own = urlOf(address)
  return { ...info, leafnode_urls: options.no_advertise ? [own] : [own, ...others] }
}

function urlOf({ host, port }: { host: string; port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** The block's own users when it has any, else the server's. */
function ownOf({ authorization, tls }: LeafnodesOptions): Partial<Authorization> | null {
  if (authorization === null) return null
  const { user, password, nkey, users: list } = authorization
  const account = authorization.account ?? globalAccountName
  const users = new Map<string, User>()
  const add = (name: string, secret: string | null, of: string) => {
    users.set(name, { name, password: secret, account: of, permissions: null })
  }
  if (user !== null) add(user, password ?? '', account)
  else if (nkey !== null) add(nkey, null, account)
  else for (const one of list) add(one.user, one.password, one.account)
  if (users.size === 0) return null
  const nobody = { noAuthUser: null, openAccount: null, operator: null, callout: null }
  const isMapped = tls?.verify_and_map === true && user === null && nkey === null
  const certificates = isMapped ? new CertificateUsers(leafWays, users) : null
  return { users, hasNkeys: nkey !== null, token: '', certificates, ...nobody }
}

const leafWays = new Set<ConnectionType>(['LEAFNODE', 'LEAFNODE_WS'])

/** TLS before INFO, where the block can say so. */
function isFirst(tls: object): boolean {
  return (tls as { handshake_first?: unknown }).handshake_first === true
}

function listenerView(
  options: LeafnodesOptions,
  listener: LeafListener | null,
  timeoutMs: number,
): object {
  if (listener === null || listener.address === null) return {}
  const { host, port } = listener.address
  const { tls } = options
  return {
    host,
    port,
    auth_timeout: timeoutMs / 1000,
    tls_timeout: (tls?.timeout ?? 2000) / 1000,
    ...(tls === null ? {} : { tls_required: true }),
    ...(tls && demandsCertificate(tls) ? { tls_verify: true } : {}),
  }
}
