// What a connection needs on its two sides: the socket it reads, and whoever accepted it.

import type { X509Certificate } from 'node:crypto'
import type { ByteSink } from '../../src/link/outbox.ts'
import type { LinkSocket, SocketOwner } from '../../src/link/socket.ts'
import type { Connection } from './connection.ts'

/** What a connection needs of its socket. */
export type Line = Pick<LinkSocket, 'host' | 'port' | keyof ByteSink> & {
  readonly isWebSocket?: boolean
  readonly certificate?: X509Certificate | null
  open(owner: SocketOwner): void
  pause(): void
  resume(): void
  end(): void
  destroy(): void
}

/** Whoever accepted the connection. */
export interface ConnectionOwner {
  /** Closes the connection that has this client id in this account, if there is one. */
  takeOver(account: string, clientId: string, by: Connection): void
  /** It has logged in. */
  opened(connection: Connection): void
  /** Its credentials were not good enough; `user` is who it said it was. */
  refused(connection: Connection, user: string): void
  closed(connection: Connection, reason: string): void
}

/** For a client that brings none [MQTT-3.1.3-6]. */
export function newClientId(connectionId: number): string {
  return `nats-edge-${connectionId}-${Math.random().toString(36).slice(2, 12)}`
}
