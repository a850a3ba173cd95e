// All leaf-node connections of a server: the hubs it dials, the links that stand, and what
// monitoring shows of them.

import { randomInt } from 'node:crypto'
import type { Leaf, LeafContext } from './leaf.ts'
import type { LeafIdentity } from './handshake.ts'
import { loopPrefix } from './permissions.ts'
import { bareUrl, Remote, type RemoteOptions, type RemoteReports } from './remote.ts'

export interface LeafNodesOptions {
  readonly remotes: readonly RemoteOptions[]
  /** The first pause before dialling again, ms. */
  readonly reconnect: number
}

export interface LeafNodesParts {
  readonly links: LeafContext
  readonly options: LeafNodesOptions
  readonly reports: RemoteReports
  readonly identity: LeafIdentity
  nextId(): number
}

/** One link as /leafz and /varz read it. */
export interface LeafView {
  readonly id: number
  /** The other server's name. */
  readonly name: string
  readonly isSpoke: boolean
  readonly account: string
  readonly host: string
  readonly port: number
  readonly rttMs: number
  readonly inMsgs: number
  readonly inBytes: number
  readonly outMsgs: number
  readonly outBytes: number
  /** Subjects the other side has subscribed to. */
  readonly subjects: readonly string[]
}

export class LeafNodes {
  /** The links that stand, by their id. */
  readonly leafs = new Map<number, Leaf>()
  /** Of connections that are gone; live ones count in their own fields. */
  readonly totals = {
    inMsgs: 0,
    inBytes: 0,
    outMsgs: 0,
    outBytes: 0,
    slowConsumers: 0,
    staleConnections: 0,
  }
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
  view(): readonly LeafView[] {
    return [...this.leafs.values()].sort((a, b) => a.id - b.id).map(viewOf)
  }

  /** `leaf` of /varz. Urls without their user and password. */
  optionsView(): object {
    const { remotes } = this.#parts.options
    if (remotes.length === 0) return {}
    return {
      remotes: remotes.map(({ account, tls, urls }) => ({
        local_account: account,
        ...(tls === null ? {} : { tls_timeout: tls.timeout / 1000 }),
        urls: urls.map(bareUrl),
      })),
    }
  }

  #changed(leaf: Leaf, isThere: boolean): void {
    if (isThere) {
      this.leafs.set(leaf.id, leaf)
      return
    }
    this.leafs.delete(leaf.id)
    const { totals } = this
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

function viewOf(leaf: Leaf): LeafView {
  const { id, remoteName: name, isSpoke, account, host, port, rttMs } = leaf
  const { inMsgs, inBytes, outMsgs, outBytes } = leaf
  const subjects = Array.from(leaf.subscriptions.values(), ({ subject }) => subject)
  const figures = { rttMs, inMsgs, inBytes, outMsgs, outBytes }
  return { id, name, isSpoke, account: account.name, host, port, ...figures, subjects }
}

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** 22 letters and digits, as a nuid has. */
function newToken(): string {
  return Array.from({ length: 22 }, () => letters[randomInt(letters.length)]).join('')
}
