// The urls of `cluster.routes`, and those that gossip brings: `nats-route://user:pass@host:port`.

import { isIP } from 'node:net'
import type { PeerLogin } from './house.ts'

export interface RouteUrl {
  readonly host: string
  readonly port: number
  /** null: the cluster's own user, if it has one. */
  readonly login: PeerLogin | null
}

const portDefault = 6222
const hostCharsMax = 255

/** null: no url of a route. */
export function readRouteUrl(text: string): RouteUrl | null {
  const url = URL.parse(text.includes('://') ? text : `nats-route://${text}`)
  if (url === null || url.hostname === '' || url.hostname.length > hostCharsMax) return null
  if (!/^(nats-route|nats|tls):$/.test(url.protocol)) return null
  try {
    const [user, password] = [url.username, url.password].map(decodeURIComponent) as [
      string,
      string,
    ]
    const port = url.port === '' ? portDefault : Number(url.port)
    if (port === 0) return null
    const login = user === '' ? null : { user, password }
    return { host: url.hostname.replace(/^\[|\]$/g, ''), port, login }
  } catch {
    return null
  }
}

export function hostPort(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

export function isSamePlace(a: RouteUrl, b: RouteUrl): boolean {
  return a.host === b.host && a.port === b.port
}
