// Reaching another server of the cluster: TCP, and TLS at once where the cluster has it. The other
// side's certificate is always verified. Failures are values, in Go's words.

import { connect, isIP, type Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { happened } from '../leaf/happened.ts'
import { isPinned, type SecureOptions } from '../tls-files.ts'
import { hostPort, type RouteUrl } from './url.ts'

/** As long as nats-server waits. */
const connectMsMax = 5_000

export interface RouteTls {
  /** null: turned on by a reload with files that went bad since; never in clear. */
  readonly options: SecureOptions | null
  readonly timeoutMs: number
  /** Certificates of bare addresses are checked against this name; '' = the address itself. */
  readonly name: string
}

/** A connected socket, or what went wrong. Aborting the signal closes what was opened. */
export async function dialRoute(
  { host, port }: RouteUrl,
  tls: RouteTls | null,
  clock: Clock,
  signal: AbortSignal,
): Promise<Socket | string> {
  const socket = connect({ host, port, noDelay: true, keepAlive: true })
  socket.on('error', () => undefined)
  const abort = () => socket.destroy()
  signal.addEventListener('abort', abort, { once: true })
  const fail = (error: string) => {
    socket.destroy()
    return error
  }
  try {
    const refused = await happened(socket, 'connect', connectMsMax, clock)
    if (refused !== '') return fail(`dial tcp ${hostPort(host, port)}: ${refused}`)
    const ready = tls === null ? socket : await secure(socket, host, tls, clock)
    if (typeof ready === 'string') return fail(ready)
    return signal.aborted ? fail('aborted') : ready
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function secure(
  socket: Socket,
  host: string,
  tls: RouteTls,
  clock: Clock,
): Promise<Socket | string> {
  if (tls.options === null) return 'TLS route handshake error: no usable certificate'
  const { connect: connectTls } = await import('node:tls')
  const name = isIP(host) === 0 || tls.name === '' ? host : tls.name
  const { isServer, requestCert, SNICallback, pinned = null, ...options } = tls.options
  const secured = connectTls({
    ...options,
    rejectUnauthorized: true,
    // For an IP address the certificate must hold that address.
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    socket,
  })
  secured.on('error', () => undefined)
  const refused = await happened(secured, 'secureConnect', tls.timeoutMs, clock)
  if (refused === '' && isPinned(secured.getPeerX509Certificate(), pinned)) return secured
  secured.destroy()
  if (refused === '') return 'TLS route handshake error: certificate not pinned'
  return `TLS route handshake error: ${refused}`
}
