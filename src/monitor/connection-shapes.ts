// Connections as monitoring sees them: the links have these as fields of their own.

import type { X509Certificate } from 'node:crypto'
import type { UserClaims } from '../account/authenticate.ts'
import type { Traffic } from '../account/totals.ts'
import type { ClosedClient } from '../link/closed.ts'
import type { Secured } from '../link/secured.ts'
import type { Subscription } from '../message.ts'

export type { Traffic } from '../account/totals.ts'

/** What /connz says of a connection, whether it lives or not. */
export interface Described extends Traffic {
  /** 'client' unless it says otherwise. */
  readonly kind?: 'client' | 'leaf' | 'mqtt'
  readonly id: number
  readonly host: string
  readonly port: number
  readonly startedWallMs: number
  readonly lastActivityMs: number
  readonly stalls?: number
  readonly options: {
    readonly name: string
    readonly lang: string
    readonly version: string
    readonly token?: string
  }
  readonly keepalive: { readonly rttMs: number }
  /** 'nats' unless it says otherwise; an MQTT connection is told by its client id. */
  readonly type?: 'nats' | 'websocket'
  /** Set by an MQTT connection. */
  readonly mqttClientId?: string
  /** The TLS it came by. */
  readonly secured?: Secured | null
}

/** A client connection, as link/client.ts has it. */
export interface MonitoredClient extends Described {
  readonly pendingBytes: number
  readonly subscriptions: ReadonlyMap<string, Subscription>
  /** Where making the list is dear: its size. */
  readonly subscriptionCount?: number
  readonly identity: { readonly user: string; readonly claims?: UserClaims } | null
  readonly account: { readonly name: string } | null
  /** What it proved to be in TLS. */
  readonly certificate?: X509Certificate | null
}

/** A client connection that is gone. */
export type MonitoredClosedClient = ClosedClient

/** A leaf-node connection. What it does not know is left out, or shown as nothing. */
export interface MonitoredLeaf extends Traffic {
  /** Shares the count of the clients; without it the link is on /leafz only. */
  readonly id?: number
  /** The other server's name. */
  readonly name: string
  /** We dialled and are its spoke. */
  readonly isSpoke: boolean
  readonly isIsolated?: boolean
  readonly account: string
  readonly host: string
  readonly port: number
  readonly rttMs: number
  readonly startedWallMs?: number
  readonly lastActivityMs?: number
  readonly pendingBytes?: number
  /** `off` unless it says otherwise. */
  readonly compression?: string
  /** Of a spoke that dialled us: its login, and its server's version. */
  readonly user?: string
  readonly version?: string
  readonly secured?: Secured | null
  /** Subjects subscribed over it. */
  readonly subjects: readonly string[]
}

export interface SubjectPermission {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
}

/** One connection to a server of the cluster; a pooled route has several. */
export interface MonitoredRoute extends Traffic {
  readonly id: number
  readonly remoteId: string
  readonly remoteName: string
  /** We dialled. */
  readonly didSolicit: boolean
  /** The config names it. */
  readonly isConfigured: boolean
  readonly host: string
  readonly port: number
  readonly startedWallMs: number
  readonly lastActivityMs: number
  readonly rttMs: number
  readonly pendingBytes: number
  readonly import?: SubjectPermission | null
  readonly export?: SubjectPermission | null
  readonly subscriptions: ReadonlyMap<string, Subscription>
  /** The account it is for alone; '' or absent = all that have none of their own. */
  readonly account?: string
  readonly compression?: string
}
