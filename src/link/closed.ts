// Connections that are gone, for /connz?state=closed. A ring: the oldest is forgotten first, and of
// the older ones only the figures are kept, not what they were subscribed to.

import type { UserClaims } from '../account/authenticate.ts'
import type { Traffic } from '../account/totals.ts'
import type { Subscription } from '../message.ts'
import type { Secured } from './secured.ts'

/** A connection as it was when it ended; the shape is that of one that lives. */
export interface EndedConnection extends Traffic {
  readonly kind?: 'client' | 'leaf' | 'mqtt'
  readonly type?: 'nats' | 'websocket'
  readonly id: number
  readonly host: string
  readonly port: number
  readonly options: {
    readonly name: string
    readonly lang: string
    readonly version: string
    readonly token?: string
  }
  readonly identity: {
    readonly user: string
    readonly account: string
    readonly claims?: UserClaims
  } | null
  readonly keepalive: { readonly rttMs: number }
  readonly secured?: Secured | null
  readonly mqttClientId?: string
  readonly startedWallMs: number
  readonly lastActivityMs: number
  readonly stalls?: number
  readonly subscriptions: ReadonlyMap<string, Subscription>
}

export type KeptSubscription = Pick<Subscription, 'subject' | 'queue' | 'sid' | 'delivered' | 'max'>

/** What is remembered: figures and names, none of its buffers. */
export interface ClosedClient
  extends Omit<EndedConnection, 'identity' | 'subscriptions' | 'options'> {
  readonly options: { readonly name: string; readonly lang: string; readonly version: string }
  readonly user: string
  readonly account: string
  readonly subscriptionCount: number
  /** Both are gone after a while. */
  subscriptions: readonly KeptSubscription[]
  claims: UserClaims | null
  readonly stoppedWallMs: number
  readonly reason: string
}

/** Subscriptions kept of all of them; a JWT counts as `claimsCost`. */
const subscriptionsMax = 20_000
const claimsCost = 10

export class ClosedClients {
  readonly #countMax: number
  #ring: ClosedClient[] = []
  /** Index in the ring of the oldest that may have details. */
  #detailed = 0
  #kept = 0

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  add(ended: EndedConnection, reason: string, stoppedWallMs: number): void {
    if (this.#countMax === 0) return
    if (this.#ring.length >= 2 * this.#countMax) this.#forget(this.#ring.length - this.#countMax)
    const kept = recordOf(ended, reason, stoppedWallMs)
    this.#ring.push(kept)
    this.#kept += costOf(kept)
    while (this.#kept > subscriptionsMax) this.#strip()
  }

  /** Oldest first. */
  list(): readonly ClosedClient[] {
    return this.#ring.slice(-this.#countMax)
  }

  /** Takes the details off the oldest that has any. */
  #strip(): void {
    const oldest = this.#ring[this.#detailed++]
    if (!oldest) return
    this.#kept -= costOf(oldest)
    oldest.subscriptions = []
    oldest.claims = null
  }

  #forget(count: number): void {
    while (this.#detailed < count) this.#strip()
    this.#ring = this.#ring.slice(count)
    this.#detailed -= count
  }
}

/** Whom /connz names: a token is a secret, so that it was one is all that is said. */
export function shownUser({
  identity,
  options,
}: {
  readonly identity: { readonly user: string } | null
  readonly options: { readonly token?: string }
}): string {
  const user = identity?.user ?? ''
  return user === '' && options.token ? '[REDACTED]' : user
}

function costOf({ subscriptions, claims }: ClosedClient): number {
  return subscriptions.length + (claims === null ? 0 : claimsCost)
}

function recordOf(ended: EndedConnection, reason: string, stoppedWallMs: number): ClosedClient {
  const { id, host, port, identity, options, subscriptions } = ended
  const { kind, type, secured, mqttClientId, stalls } = ended
  const { inMsgs, inBytes, outMsgs, outBytes, startedWallMs, lastActivityMs } = ended
  const { name, lang, version } = options
  const kept: KeptSubscription[] = []
  for (const { subject, queue, sid, delivered, max } of subscriptions.values()) {
    if (kept.length === subscriptionsMax - claimsCost) break
    kept.push({ subject, queue, sid, delivered, max })
  }
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(type === undefined ? {} : { type }),
    ...(mqttClientId === undefined ? {} : { mqttClientId }),
    ...(stalls ? { stalls } : {}),
    secured: secured ?? null,
    id,
    host,
    port,
    options: { name, lang, version },
    user: shownUser(ended),
    account: identity?.account ?? '',
    claims: identity?.claims ?? null,
    keepalive: { rttMs: ended.keepalive.rttMs },
    inMsgs,
    inBytes,
    outMsgs,
    outBytes,
    startedWallMs,
    lastActivityMs,
    subscriptionCount: subscriptions.size,
    subscriptions: kept,
    stoppedWallMs,
    reason,
  }
}
