// All leaf-node connections of a server: the hubs it dials, the links that stand, and what
// monitoring shows of them.

import type { Leaf, LeafContext } from './leaf.ts'
import type { LeafIdentity } from './leaf-handshake.ts'
import { loopPrefix } from './leaf-permissions.ts'
import { Remote, type RemoteOptions, type RemoteReports } from './remote.ts'

export interface LeafNodesOptions {
  readonly remotes: readonly RemoteOptions[]
  /** The first pause before dialling again, ms. */
  readonly reconnect: number
}

/** Totals of connections that are gone. */
export interface LinkTotals {
  inMsgs: number
  inBytes: number
  outMsgs: number
  outBytes: number
  slowConsumers: number
  staleConnections: number
}

export interface LeafNodesParts {
  readonly links: LeafContext
  readonly options: LeafNodesOptions
  readonly reports: RemoteReports
  readonly identity: LeafIdentity
  readonly totals: LinkTotals
  nextId(): number
}

/** One link in /leafz. */
export interface LeafView {
  readonly id: number
  readonly name: string
  readonly is_spoke: boolean
  readonly account: string
  readonly ip: string
  readonly port: number
  readonly rtt: string
  readonly in_msgs: number
  readonly out_msgs: number
  readonly in_bytes: number
  readonly out_bytes: number
  readonly subscriptions: number
  readonly subscriptions_list?: readonly string[]
  readonly compression: string
}

export class LeafNodes {
  /** The links that stand, by their id. */
  readonly leafs = new Map<number, Leaf>()
  readonly #parts: LeafNodesParts
  #remotes: readonly Remote[] = []
  /** Each account's own `$LDS.…`, the same on all its links. */
  readonly #loopSubjects = new Map<string, string>()

  constructor(parts: LeafNodesParts) {
    this.#parts = parts
  }

  /** Begins to dial every configured hub; an unreachable one delays nothing (invariant 5). */
  start(): void {
    const { links, options, reports, identity } = this.#parts
    this.#remotes = options.remotes.map(
      remote =>
        new Remote({
          context: links,
          options: remote,
          reports,
          reconnectMs: options.reconnect,
          identity,
          loopSubject: this.#loopSubject(remote.account),
          nextId: () => this.#parts.nextId(),
          changed: (leaf, isThere) => this.#changed(leaf, isThere),
          random: Math.random,
        }),
    )
    for (const remote of this.#remotes) remote.start()
  }

  close(): void {
    for (const remote of this.#remotes) remote.close()
    this.#remotes = []
  }

  /** Hubs that are configured. */
  get remoteCount(): number {
    return this.#remotes.length
  }

  /** The rows of /leafz, by id. */
  view(withSubscriptions = false): readonly LeafView[] {
    const rows = [...this.leafs.values()].sort((a, b) => a.id - b.id)
    return rows.map(leaf => viewOf(leaf, withSubscriptions))
  }

  #changed(leaf: Leaf, isThere: boolean): void {
    if (isThere) {
      this.leafs.set(leaf.id, leaf)
      return
    }
    this.leafs.delete(leaf.id)
    const { totals } = this.#parts
    totals.inMsgs += leaf.inMsgs
    totals.inBytes += leaf.inBytes
    totals.outMsgs += leaf.outMsgs
    totals.outBytes += leaf.outBytes
    if (leaf.closeReason.startsWith('Slow Consumer')) totals.slowConsumers++
    if (leaf.closeReason === 'Stale Connection') totals.staleConnections++
  }

  #loopSubject(account: string): string {
    let subject = this.#loopSubjects.get(account)
    if (subject === undefined) {
      subject = `${loopPrefix}${newToken()}`
      this.#loopSubjects.set(account, subject)
    }
    return subject
  }
}

function viewOf(leaf: Leaf, withSubscriptions: boolean): LeafView {
  return {
    id: leaf.id,
    name: leaf.remoteName,
    is_spoke: leaf.isSpoke,
    account: leaf.account.name,
    ip: leaf.host,
    port: leaf.port,
    rtt: goDuration(leaf.rttMs),
    in_msgs: leaf.inMsgs,
    out_msgs: leaf.outMsgs,
    in_bytes: leaf.inBytes,
    out_bytes: leaf.outBytes,
    subscriptions: leaf.subscriptions.size,
    ...(withSubscriptions
      ? { subscriptions_list: [...leaf.subscriptions.values()].map(sub => sub.subject) }
      : {}),
    compression: 'off',
  }
}

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** 22 letters and digits, as a nuid has. */
function newToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(22))
  return Array.from(bytes, byte => letters[byte % letters.length]).join('')
}

/** As Go prints a duration of less than a minute: `1.234567ms`, `1.5s`. */
function goDuration(ms: number): string {
  if (ms <= 0) return '0s'
  const trimmed = (value: number, digits: number) => String(Number(value.toFixed(digits)))
  if (ms < 1) return `${trimmed(ms * 1000, 3)}µs`
  return ms < 1000 ? `${trimmed(ms, 6)}ms` : `${trimmed(ms / 1000, 9)}s`
}
