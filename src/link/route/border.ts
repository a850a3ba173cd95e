// What may cross a route: the cluster's permissions on both sides, and the JetStream subjects that
// stay at home (reference 4.3, 4.4).
//
// Our store is alone, not a member of the cluster's JetStream. In an account that has it, the API,
// KV and object subjects are ours and do not cross either way; with a domain the others reach it
// at $JS.<domain>.API. In an account without it they cross, so that the cluster's JetStream serves
// our clients.

import { everything, LeafPermissions, type SubjectLists, withDenies } from '../leaf/permissions.ts'

/** `import`: what may come to us; `export`: what we may send. */
export interface RoutePermissions {
  readonly imports: SubjectLists | null
  readonly exports: SubjectLists | null
}

export const noPermissions: RoutePermissions = { imports: null, exports: null }

const homeSubjects = ['$JS.API.>', '$KV.>', '$OBJ.>'] as const
/** Accounts whose rules are remembered; cleared when full. */
const accountsMax = 1024

export class RouteBorder {
  readonly #hasStore: (account: string) => boolean
  readonly #accounts = new Map<string, readonly LeafPermissions[]>()
  #own: RoutePermissions = noPermissions
  #peer: RoutePermissions = noPermissions

  constructor(hasStore: (account: string) => boolean) {
    this.#hasStore = hasStore
  }

  settle(own: RoutePermissions, peer: RoutePermissions): void {
    this.#own = own
    this.#peer = peer
    this.#accounts.clear()
  }

  /** What the other side may have and give, as it said last. */
  get peer(): RoutePermissions {
    return this.#peer
  }

  maySend(account: string, subject: string): boolean {
    for (const rules of this.#rulesOf(account)) if (!rules.maySend(subject)) return false
    return true
  }

  /** Could anything ever be sent for the pattern? */
  mightSend(account: string, pattern: string): boolean {
    for (const rules of this.#rulesOf(account)) if (!rules.mightSend(pattern)) return false
    return true
  }

  mayReceive(account: string, subject: string): boolean {
    for (const rules of this.#rulesOf(account)) if (!rules.mayReceive(subject)) return false
    return true
  }

  mayAsk(account: string, subject: string, queue: string): boolean {
    for (const rules of this.#rulesOf(account)) {
      if (!rules.mayAdvertise(subject, queue)) return false
    }
    return true
  }

  /** Ours first, then the other side's, seen from here: what it may import we may send. */
  #rulesOf(account: string): readonly LeafPermissions[] {
    const known = this.#accounts.get(account)
    if (known !== undefined) return known
    const rules: LeafPermissions[] = []
    const { imports, exports } = this.#own
    const denies = this.#hasStore(account) ? homeSubjects : []
    if (imports !== null || exports !== null || denies.length > 0) {
      const both = [imports ?? everything, exports ?? everything].map(l => withDenies(l, denies))
      rules.push(new LeafPermissions(both[0] as SubjectLists, both[1] as SubjectLists))
    }
    const peer = this.#peer
    if (peer.imports !== null || peer.exports !== null) {
      rules.push(new LeafPermissions(peer.exports ?? everything, peer.imports ?? everything))
    }
    if (this.#accounts.size >= accountsMax) this.#accounts.clear()
    this.#accounts.set(account, rules)
    return rules
  }
}
