// Brings the leaf nodes together with the server: who may come in as one, what INFO says to it,
// and its listener.

import { isDeepStrictEqual } from 'node:util'
import { globalAccountName } from '../account/account.ts'
import type { Authorization, ConnectionType, User } from '../account/authenticate.ts'
import { CertificateUsers } from '../account/certificate-users.ts'
import type { LeafIdentity } from '../link/leaf/handshake.ts'
import { LeafListener } from '../link/leaf/listener.ts'
import { LeafNodes, type LeafNodesParts } from '../link/leaf/nodes.ts'
import { greeting, type LeafInfo } from '../link/leaf/spoke.ts'
import { remotesView } from '../link/leaf/view.ts'
import type { Address } from '../link/listener.ts'
import {
  demandsCertificate,
  renewedOptions,
  type SecureOptions,
  secureOptions,
} from '../link/tls-files.ts'
import { leafAddress, type LeafnodesOptions } from './leafnode-options.ts'
import type { Server } from './server.ts'

/** `isOpen`: leaf nodes come in another way, too (WebSocket). */
export function newLeafRoom(
  server: Server,
  jetstream: { readonly domain: string | null } | null,
  isOpen: boolean,
): LeafRoom {
  const room = new LeafRoom(server, jetstream, isOpen)
  server.logins.add(() => room.nodes.logins())
  return room
}

export class LeafRoom {
  readonly nodes: LeafNodes
  /** null: nothing listens. */
  readonly listener: LeafListener | null
  readonly #server: Server
  readonly #timeoutMs: number
  #options: LeafnodesOptions
  #tls: SecureOptions | null
  #otherUrls: readonly string[] = []

  constructor(
    server: Server,
    jetstream: { readonly domain: string | null } | null,
    isOpen: boolean,
  ) {
    const options = server.options.leafnodes
    const { authorization, tls } = options
    this.#server = server
    this.#options = options
    this.#tls = tls && secureOptions(tls)
    this.#timeoutMs = authorization?.timeout ?? (tls?.timeout ?? 1000) + 1000
    const address = leafAddress(options)
    const identity = identityOf(server, jetstream?.domain ?? '', jetstream !== null)
    this.nodes = this.#newNodes(identity, address !== null || isOpen)
    this.listener = address && this.#newListener(address)
  }

  /** Takes over reloaded options. */
  reload(options: LeafnodesOptions): void {
    this.#options = options
    this.#tls = renewedOptions(options.tls, this.#tls, this.#server.log)
    this.nodes.reload(options.remotes)
  }

  /** `leaf` of /varz. */
  varz(): object {
    return {
      ...listenerView(this.#options, this.listener, this.#timeoutMs),
      ...remotesView(this.#options.remotes),
    }
  }

  /** Where we listen, as other members of our cluster may tell it; null: nowhere. */
  get url(): string | null {
    return this.listener && urlOf(this.listener.told)
  }

  /** Where the other members of our cluster listen: our spokes are told. */
  setOtherUrls(urls: readonly string[]): void {
    const news = [...new Set(urls)].slice(0, otherUrlsMax).sort()
    if (isDeepStrictEqual(news, this.#otherUrls)) return
    this.#otherUrls = news
    if (!this.#options.no_advertise) this.nodes.sendNews()
  }

  #newNodes(identity: LeafIdentity, isOpen: boolean): LeafNodes {
    const server = this.#server
    const options = this.#options
    const closes = options.write_timeout === 'close'
    const deadlineMs = closes ? (options.write_deadline ?? server.options.write_deadline) : null
    return new LeafNodes({
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
      door: isOpen ? this.#newDoor() : null,
      nextId: () => server.nextId(),
    })
  }

  #newDoor(): LeafDoor {
    const { min_version, isolate_leafnode_interest: isolate } = this.#options
    return {
      authenticate: (credentials, peer) => {
        const account = this.#options.authorization?.account ?? globalAccountName
        return this.#server.authenticate(credentials, account, peer, ownOf(this.#options))
      },
      timeoutMs: this.#timeoutMs,
      minVersion: min_version ?? '',
      isolate,
      info: () => this.#info(),
    }
  }

  #newListener(address: Address): LeafListener {
    const { log, clock } = this.#server
    return new LeafListener({
      ...address,
      advertise: this.#options.advertise,
      tls: () => {
        const { tls } = this.#options
        if (tls === null) return null
        return { options: this.#tls, timeoutMs: tls.timeout, firstMs: tls.handshake_first }
      },
      log,
      clock,
      nextId: () => this.#server.nextId(),
      hasRoom: () => this.nodes.hasRoom(),
      greeting: (id, nonce) => greeting(this.#info(), id, nonce),
      accept: (socket, id, nonce, isGreeted) => this.nodes.accept(socket, id, nonce, isGreeted),
    })
  }

  #info(): LeafInfo {
    return infoOf(this.#server, this.listener, this.#options, this.#otherUrls)
  }
}

/** Members of a cluster whose addresses are told. */
const otherUrlsMax = 256

type LeafDoor = NonNullable<LeafNodesParts['door']>

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
