// All leaf-node connections of a server: the hubs it dials, the spokes that come, and what
// monitoring shows of them.

import { randomInt } from 'node:crypto'
import type { Account } from '../../account/account.ts'
import type { ClientSocket } from '../socket.ts'
import { newNonce } from '../handshake.ts'
import { AcceptedLeaf, type AcceptedOwner, type Door } from './accepted.ts'
import type { DialledLeaf } from './dialled.ts'
import type { LeafIdentity } from './handshake.ts'
import type { Leaf } from './leaf.ts'
import type { LeafContext, LeafWrites } from './terms.ts'
import { loopPrefix } from './permissions.ts'
import { Remote, type RemoteOptions, type RemoteReports } from './remote.ts'
import type { LeafView } from './view.ts'
import { viewOf } from './view.ts'

export interface LeafNodesOptions {
  readonly remotes: readonly RemoteOptions[]
  /** The first pause before dialling again, ms. */
  readonly reconnect: number
  /** For a TCP connection, unless the remote has its own; null: the default. */
  readonly dial_timeout: number | null
  readonly isolate_leafnode_interest: boolean
}

export interface LeafNodesParts {
  readonly links: LeafContext
  readonly options: LeafNodesOptions
  readonly reports: RemoteReports
  readonly identity: LeafIdentity
  readonly writes: LeafWrites
  /** For those who come; null: nobody may. */
  readonly door: Omit<Door, 'identity' | 'writes' | 'loopSubject'> | null
  nextId(): number
}

/** Somebody who must know of leaf nodes that come and go: the system account's events. */
export interface LeafObserver {
  opened(leaf: JoinedLeaf): void
  closed(leaf: JoinedLeaf, reason: string): void
  /** Its credentials were not good enough; `user` is who it said it was. */
  refused(leaf: Leaf, user: string, reason: string): void
}

/** A link that is, or was, open has its account. */
export type JoinedLeaf = Leaf & { readonly account: Account }

/** nats-server's one second fails on a lost SYN: TCP itself waits that long to send another. */
const dialMsDefault = 5_000
/** Spokes that have not said who they are yet, and links that stand: more are turned away. */
const handshakesMax = 1024
const leafsMax = 65_536

export class LeafNodes implements AcceptedOwner {
  /** The links that stand, by their id. */
  readonly leafs = new Map<number, Leaf>()
  readonly observers = new Set<LeafObserver>()
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
  readonly #door: Door | null
  /** Spokes in their handshake. */
  readonly #coming = new Set<AcceptedLeaf>()
  #remotes: Remote[] = []
  #isStarted = false
  /** Each account's own `$LDS.…`, the same on all its links. */
  readonly #loopSubjects = new Map<string, string>()

  constructor(parts: LeafNodesParts) {
    this.#parts = parts
    const { door, identity, writes } = parts
    const loopSubject = (account: string) => this.#loopSubject(account)
    const nodes = this
    this.#door = door && {
      authenticate: (credentials, peer) => door.authenticate(credentials, peer),
      get timeoutMs() {
        return door.timeoutMs
      },
      minVersion: door.minVersion,
      get isolate() {
        return door.isolate || nodes.#parts.options.isolate_leafnode_interest
      },
      info: () => door.info(),
      identity,
      writes,
      loopSubject,
    }
  }

  /** Begins to dial every configured hub; an unreachable one delays nothing (invariant 5). */
  start(): void {
    this.#isStarted = true
    this.#remotes = this.#parts.options.remotes.map(remote => this.#newRemote(remote))
    for (const remote of this.#remotes) remote.start()
  }

  close(): void {
    for (const remote of this.#remotes) remote.close()
    this.#remotes = []
    for (const leaf of [...this.#coming, ...this.leafs.values()]) leaf.close('Server Shutdown')
  }

  /** Remotes came, went or changed; the others stay linked. Spokes must still be who they were. */
  reload(remotes: readonly RemoteOptions[]): void {
    if (!this.#isStarted) return
    const kept: Remote[] = []
    const before = [...this.#remotes]
    const fresh: Remote[] = []
    for (const options of remotes) {
      const at = before.findIndex(remote => remote.isAs(options))
      const known = at < 0 ? undefined : before.splice(at, 1)[0]
      if (known !== undefined) kept.push(known)
      else fresh.push(this.#newRemote(options))
    }
    for (const remote of before) remote.close('Client Closed')
    this.#remotes = [...kept, ...fresh]
    for (const remote of fresh) remote.start()
    for (const leaf of [...this.leafs.values()]) if (leaf instanceof AcceptedLeaf) leaf.recheck()
  }

  /** A connection that a listener accepted; `nonce` is what it was greeted with. */
  accept(socket: ClientSocket, id?: number, nonce?: string, isGreeted = false): void {
    const door = this.#door
    if (door === null || !this.hasRoom()) return socket.destroy()
    const { links, nextId } = this.#parts
    const leaf = new AcceptedLeaf(links, door, this, socket, id ?? nextId(), nonce ?? newNonce())
    this.#coming.add(leaf)
    leaf.start(isGreeted)
  }

  /** Is there room for one more that has yet to say who it is? */
  hasRoom(): boolean {
    const hasRoom = this.#coming.size < handshakesMax && this.leafs.size < leafsMax
    if (!hasRoom) this.#parts.links.log.error('Too many leaf nodes: a connection is turned away')
    return hasRoom
  }

  /** Tells the spokes of other addresses. */
  sendNews(): void {
    for (const leaf of this.leafs.values()) if (leaf instanceof AcceptedLeaf) leaf.sendNews()
  }

  /** Hubs that are configured and not disabled. */
  get remoteCount(): number {
    return this.#remotes.filter(remote => !remote.options.disabled).length
  }

  /** Spokes that are in, for whoever may have to end it. */
  *logins(): Generator<AcceptedLeaf> {
    for (const leaf of this.leafs.values()) if (leaf instanceof AcceptedLeaf) yield leaf
  }

  /** The rows of /leafz, by id. */
  view(): readonly LeafView[] {
    return [...this.leafs.values()].sort((a, b) => a.id - b.id).map(viewOf)
  }

  // --- what the spokes say ---

  /** A spoke that comes again takes the place of its old connection, which may hang still. */
  admitted(leaf: AcceptedLeaf): void {
    const { spoke, account } = leaf
    if (spoke === null || spoke.name === '' || spoke.remoteAccount === '') return
    for (const other of this.leafs.values()) {
      if (!(other instanceof AcceptedLeaf) || other.account !== account) continue
      const old = other.spoke
      const isSame =
        old?.name === spoke.name &&
        old.cluster === spoke.cluster &&
        old.remoteAccount === spoke.remoteAccount
      if (!isSame) continue
      other.replaced()
      this.#parts.links.log.warn(`${leaf.label} - Replacing connection from same server`)
      return
    }
  }

  opened(leaf: AcceptedLeaf): void {
    this.#coming.delete(leaf)
    this.#changed(leaf, true)
  }

  refused(leaf: AcceptedLeaf, reason: string): void {
    const user = leaf.spoke?.credentials.user ?? ''
    for (const observer of this.observers) observer.refused(leaf, user, reason)
  }

  closed(leaf: AcceptedLeaf): void {
    this.#coming.delete(leaf)
    if (this.leafs.has(leaf.id)) this.#changed(leaf, false)
  }

  // --- what the hubs say ---

  /** The cluster that dials us is not to be dialled back for the same account: that is a loop. */
  #mayOpen(leaf: DialledLeaf): 'yes' | 'loop' | 'full' {
    const { account, remoteCluster } = leaf
    if (account === null) return 'full'
    for (const other of this.leafs.values()) {
      if (!(other instanceof AcceptedLeaf) || other.isSpoke || other.account !== account) continue
      if (remoteCluster !== '' && other.remoteCluster === remoteCluster) return 'loop'
    }
    return account.enterLeaf() ? 'yes' : 'full'
  }

  #newRemote(remote: RemoteOptions): Remote {
    const { links, options, reports, identity, writes } = this.#parts
    return new Remote({
      context: links,
      options: remote,
      reports,
      reconnectMs: options.reconnect,
      dialMs: options.dial_timeout ?? dialMsDefault,
      isolate: options.isolate_leafnode_interest,
      writes,
      identity,
      loopSubject: this.#loopSubject(remote.account),
      nextId: () => this.#parts.nextId(),
      mayOpen: leaf => this.#mayOpen(leaf),
      changed: (leaf, isThere) => {
        if (isThere) this.#changed(leaf, true)
        else if (this.leafs.has(leaf.id)) {
          leaf.account?.leaveLeaf()
          this.#changed(leaf, false)
        }
      },
      random: Math.random,
    })
  }

  #changed(leaf: Leaf, isThere: boolean): void {
    if (isThere) {
      this.leafs.set(leaf.id, leaf)
      if (isJoined(leaf)) for (const observer of this.observers) observer.opened(leaf)
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
    if (!isJoined(leaf)) return
    for (const observer of this.observers) observer.closed(leaf, leaf.closeReason)
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

function isJoined(leaf: Leaf): leaf is JoinedLeaf {
  return leaf.account !== null
}

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** 22 letters and digits, as a nuid has. */
function newToken(): string {
  return Array.from({ length: 22 }, () => letters[randomInt(letters.length)]).join('')
}
