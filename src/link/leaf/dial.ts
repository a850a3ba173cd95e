// Reaching a hub: TCP or a way through a proxy, TLS before or after the hub's INFO, WebSocket where
// the url says so, and that INFO (reference 4.6, 4.8).
// Failures are values, in the words Go has for them, as people search logs for those.

import { connect, isIP, type Socket } from 'node:net'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import { type ClientSocket, LinkSocket } from '../socket.ts'
import { dialOptions, isPinned, pinnedOf, type TlsCommon } from '../tls-files.ts'
import { type HubInfo, infoBytesMax, infoOf } from './handshake.ts'
import { happened } from './happened.ts'
import { tunnel } from './proxy.ts'
import type { WebSocketTarget } from './websocket.ts'

/** The `tls` block of a remote. */
export interface DialTls extends TlsCommon {
  readonly timeout: number
  readonly insecure: boolean
  readonly handshake_first: boolean
}

export interface Target {
  readonly host: string
  readonly port: number
  /** The name the hub's certificate must have. */
  readonly tlsName: string
  /** null: TLS only when the hub's INFO demands it. */
  readonly tls: DialTls | null
  /** null: plain TCP. */
  readonly webSocket: WebSocketTarget | null
}

export interface DialTimes {
  readonly connectMsMax: number
  readonly firstInfoMsMax: number
}

export type Dialled =
  | {
      readonly is: 'connected'
      readonly socket: ClientSocket
      readonly info: HubInfo
      /** It has gone already, while nobody looked. */
      readonly isGone: boolean
    }
  | { readonly is: 'failed'; readonly error: string; readonly reached: boolean }

export const tlsDefaults: DialTls = {
  cert_file: null,
  key_file: null,
  ca_file: null,
  min_version: '1.2',
  timeout: 2_000,
  insecure: false,
  handshake_first: false,
}

/**
 * Connects and waits for the first INFO. The socket comes back paused, with whatever followed
 * INFO still in it. Aborting the signal closes what was opened.
 */
export async function dial(
  target: Target,
  times: DialTimes,
  clock: Clock,
  signal: AbortSignal,
): Promise<Dialled> {
  const { host, port, tls, webSocket } = target
  const proxy = webSocket?.proxy ?? null
  const where = hostPort(host, port)
  const to = proxy === null ? { host, port } : proxy.address
  let socket = connect({
    ...to,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  })
  // Whatever happens between two waits is seen by the next one; nothing may go unheard.
  socket.on('error', () => undefined)
  const abort = () => socket.destroy()
  signal.addEventListener('abort', abort, { once: true })
  let reached = false
  const fail = (error: string): Dialled => {
    socket.destroy()
    return { is: 'failed', error: signal.aborted ? 'aborted' : error, reached }
  }
  try {
    const connectMsMax = proxy?.timeout ?? times.connectMsMax
    const refused = await happened(socket, 'connect', connectMsMax, clock)
    if (refused !== '' && proxy !== null) return fail(`failed to connect to proxy: ${refused}`)
    if (refused !== '') return fail(`dial tcp ${where}: ${refused}`)
    if (proxy !== null) {
      const through = await tunnel(socket, proxy, where, clock)
      if (typeof through === 'string') return fail(through)
      socket = through
    }
    reached = true
    if (tls?.handshake_first || (webSocket !== null && tls !== null)) {
      const secured = await secure(socket, target, tls, clock)
      if (typeof secured === 'string') return fail(secured)
      socket = secured
    }
    if (webSocket !== null) {
      const { openWebSocket } = await import('./websocket.ts')
      const opened = await openWebSocket(socket, webSocket, where, times.firstInfoMsMax, clock)
      if (typeof opened === 'string') return fail(opened)
      if (!opened.info.isLeafPort) return fail('attempted to connect to wrong port')
      if (signal.aborted) return fail('aborted')
      return { is: 'connected', ...opened, isGone: socket.destroyed }
    }
    const info = await firstInfo(socket, times.firstInfoMsMax, clock)
    if (typeof info === 'string') return fail(info)
    if (!info.isLeafPort) return fail('attempted to connect to wrong port')
    if ((tls !== null || info.tlsRequired) && !tls?.handshake_first) {
      const secured = await secure(socket, target, tls ?? tlsDefaults, clock)
      if (typeof secured === 'string') return fail(secured)
      socket = secured
    }
    if (signal.aborted) return fail('aborted')
    return { is: 'connected', socket: new LinkSocket(socket), info, isGone: socket.destroyed }
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

export function hostPort(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

/** Reads up to the first line's end and leaves the rest in the socket. */
async function firstInfo(socket: Socket, msMax: number, clock: Clock): Promise<HubInfo | string> {
  const deadlineMs = clock.monotonicMs() + msMax
  let bytes: Buffer = Buffer.alloc(0)
  for (;;) {
    const chunk: Buffer | null = socket.read()
    if (chunk !== null) bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const lineEnd = bytes.indexOf(0x0a)
    if (lineEnd >= 0) {
      const rest = bytes.subarray(lineEnd + 1)
      if (rest.length > 0) socket.unshift(rest)
      return infoOf(bytes.subarray(0, lineEnd))
    }
    if (bytes.length > infoBytesMax) return 'INFO line too long'
    const leftMs = deadlineMs - clock.monotonicMs()
    const missed = await happened(socket, 'readable', Math.max(0, leftMs), clock)
    if (missed !== '' && socket.readableLength === 0) return `waiting for INFO: ${missed}`
  }
}

/** TLS over the connection; what went wrong as text. */
async function secure(
  socket: Socket,
  target: Target,
  tls: DialTls,
  clock: Clock,
): Promise<Socket | string> {
  const { host, tlsName } = target
  const { connect: connectTls } = await import('node:tls')
  let secured: TLSSocket
  try {
    const options: ConnectionOptions = {
      // For an IP address the certificate must hold that address.
      host: tlsName || host,
      ...(isIP(tlsName || host) === 0 ? { servername: tlsName || host } : {}),
      rejectUnauthorized: !tls.insecure,
      ...dialOptions(tls),
    }
    // Throws when certificate and key do not fit together.
    secured = connectTls({ ...options, socket })
  } catch (error) {
    return `TLS files: ${(error as Error).message}`
  }
  secured.on('error', () => undefined)
  const refused = await happened(secured, 'secureConnect', tls.timeout, clock)
  if (refused === '' && isPinned(secured.getPeerX509Certificate(), pinnedOf(tls))) return secured
  secured.destroy()
  if (refused === '') return 'TLS leafnode handshake error: certificate not pinned'
  return `TLS leafnode handshake error: ${refused}`
}
