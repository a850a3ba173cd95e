// The urls of `leafnodes.remotes`: where a hub listens, and how one speaks with it there.

import { isIP } from 'node:net'
import type { ProxyOptions } from './proxy.ts'

/** A url of the list. User and password of the first that has them serve the others too. */
export interface Address {
  readonly host: string
  readonly port: number
  readonly isTls: boolean
  readonly isWebSocket: boolean
  /** Of a WebSocket url: what stands in front of /leafnode. */
  readonly path: string
  readonly user: string
  readonly password: string | null
}

const schemes = ['nats-leaf:', 'nats:', 'tls:', 'ws:', 'wss:']
const portDefault = 7422
const webSocketPorts: Readonly<Record<string, number>> = { 'ws:': 80, 'wss:': 443 }

export function readUrl(text: string): Address {
  const url = urlOf(text)
  const { protocol } = url
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (webSocketPorts[protocol] ?? portDefault) : Number(url.port),
    isTls: protocol === 'tls:' || protocol === 'wss:',
    isWebSocket: isWebSocketScheme(protocol),
    path: isWebSocketScheme(protocol) ? url.pathname : '',
    user: decodeURIComponent(url.username),
    password: url.password === '' ? null : decodeURIComponent(url.password),
  }
}

/** Is this text a url of a hub? For the config check. */
export function isRemoteUrl(text: string): boolean {
  try {
    const url = urlOf(text)
    // Throws for a wrong escape, as readUrl would.
    decodeURIComponent(`${url.username}:${url.password}`)
    return schemes.includes(url.protocol) && url.hostname !== ''
  } catch {
    return false
  }
}

export function isWebSocketUrl(text: string): boolean {
  return isRemoteUrl(text) && isWebSocketScheme(urlOf(text).protocol)
}

/** `host:port` of a url, without secrets. */
export function bareUrl(text: string): string {
  return isRemoteUrl(text) ? hostPort(readUrl(text)) : ''
}

export function hostPort({ host, port }: { host: string; port: number }): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

export function isSame(a: Address, b: Address): boolean {
  return a.host === b.host && a.port === b.port
}

interface ProxyText {
  readonly url: string
  readonly username: string | null
  readonly password: string | null
  readonly timeout: number
}

/** The url has been checked. */
export function readProxy({ url: text, username, password, timeout }: ProxyText): ProxyOptions {
  const url = new URL(text)
  const isSecure = url.protocol === 'https:'
  return {
    address: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
    },
    isSecure,
    username: username ?? '',
    password: password ?? '',
    timeout,
  }
}

/** What is wrong with the url of a proxy, or null. */
export function proxyProblem(text: string): string | null {
  const url = URL.parse(text)
  if (url === null) return `invalid proxy URL: "${text.replace(/\/\/[^@/]*@/, '//***@')}"`
  const scheme = url.protocol.replace(/:$/, '')
  if (scheme !== 'http' && scheme !== 'https') {
    return `proxy URL scheme must be http or https, got: ${scheme}`
  }
  return url.hostname === '' ? 'proxy URL must specify a host' : null
}

function isWebSocketScheme(protocol: string): boolean {
  return protocol === 'ws:' || protocol === 'wss:'
}

function urlOf(text: string): URL {
  return new URL(text.includes('://') ? text : `nats-leaf://${text}`)
}
