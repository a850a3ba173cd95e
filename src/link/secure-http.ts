// TLS below a node:http server, by what is current at each connection: a certificate that a reload
// brought, or a client's that it demands, counts for whoever comes next, as node:https cannot.

import type { Server as HttpServer } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { upgrade } from './tls.ts'
import type { SecureOptions } from './tls-files.ts'

export interface SecureHttpParts {
  readonly handshakeMs: number
  readonly clock: Clock
  /** As they are now. */
  options(): SecureOptions
  failed(peer: string, why: string): void
}

/** The function it returns drops those that are in the middle of their handshake. */
export function secureHttp(http: HttpServer, parts: SecureHttpParts): () => void {
  const { handshakeMs, clock } = parts
  const waiting = new Set<Socket>()
  const plain = http.listeners('connection') as ((socket: Socket) => void)[]
  http.removeAllListeners('connection')
  http.on('connection', (socket: Socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`
    waiting.add(socket)
    upgrade(socket, parts.options(), handshakeMs, clock, (secure, why) => {
      waiting.delete(socket)
      if (secure === null) parts.failed(peer, why)
      else for (const accept of plain) accept.call(http, secure)
    })
  })
  return () => {
    for (const socket of waiting) socket.destroy()
  }
}
