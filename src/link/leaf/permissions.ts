// What may cross a leaf connection (reference 4.8): what the hub's second INFO allows us, our own
// deny_imports and deny_exports, and the JetStream subjects that stay at home.
//
// A spoke keeps to it silently: the hub would cut the connection at the first violation.

import { Permissions } from '../../account/permissions.ts'
import { covers, hasWildcard, matches, overlaps } from '../../subject/subject.ts'

/** One side of an INFO's `import` and `export`. */
export interface SubjectLists {
  readonly allow: readonly string[] | null
  readonly deny: readonly string[]
}

export const everything: SubjectLists = { allow: null, deny: [] }

/** Answers remembered for subjects received lately; cleared when full. */
const answersMax = 1024

export class LeafPermissions {
  readonly #rules: Permissions
  readonly #receiveAllow: readonly string[] | null
  readonly #received = new Map<string, boolean>()

  /** `imports`: what may come to us; `exports`: what we may send. */
  constructor(imports: SubjectLists, exports: SubjectLists) {
    this.#rules = new Permissions({
      publishAllow: exports.allow,
      publishDeny: exports.deny,
      subscribeAllow: imports.allow,
      subscribeDeny: imports.deny,
    })
    this.#receiveAllow = imports.allow?.filter(entry => !entry.includes(' ')) ?? null
  }

  /** May a message leave on this subject? */
  maySend(subject: string): boolean {
    return this.#rules.mayPublish(subject)
  }

  /** Could any message leave for this pattern? If not, nobody there is listening. */
  mightSend(pattern: string): boolean {
    if (!hasWildcard(pattern)) return this.maySend(pattern)
    const { publishAllow, publishDeny } = this.#rules.lists
    if (publishDeny.some(deny => covers(deny, pattern))) return false
    return publishAllow === null || publishAllow.some(allow => overlaps(allow, pattern))
  }

  /** May a message come in on it? Replies that travel on the server's behalf always may. */
  mayReceive(subject: string): boolean {
    const known = this.#received.get(subject)
    if (known !== undefined) return known
    const allow = this.#receiveAllow
    const allowed =
      isServerReply(subject) ||
      ((allow === null || allow.some(pattern => matches(pattern, subject))) &&
        this.#rules.mayReceive(subject))
    if (this.#received.size >= answersMax) this.#received.clear()
    this.#received.set(subject, allowed)
    return allowed
  }

  /**
   * May the peer be told of this interest? A wildcard wider than an allowed subject may: what
   * comes for it is what the peer may send us.
   */
  mayAdvertise(subject: string, queue: string): boolean {
    if (subject.startsWith(loopPrefix)) return true
    if (this.#rules.maySubscribe(subject, queue)) return true
    const allow = this.#receiveAllow
    if (allow === null || !hasWildcard(subject)) return false
    const { subscribeDeny } = this.#rules.lists
    if (subscribeDeny.some(deny => covers(deny, subject))) return false
    return allow.some(pattern => overlaps(pattern, subject))
  }
}

/** Both lists must allow: used to add our own denies to what the hub said. */
export function withDenies(lists: SubjectLists, denies: readonly string[]): SubjectLists {
  return denies.length === 0 ? lists : { allow: lists.allow, deny: [...lists.deny, ...denies] }
}

/** Every account's own subject under this prefix comes back only through a loop of leafs. */
export const loopPrefix = '$LDS.'

function isServerReply(subject: string): boolean {
  return subject.startsWith('_R_.') || subject.startsWith('$JS.ACK.')
}

/** JetStream's own subjects, which never cross between two domains. */
const jetstreamSubjects = ['$JS.API.>', '$KV.>', '$OBJ.>'] as const
const systemJetstreamSubjects = ['$JSC.>', '$NRG.>', ...jetstreamSubjects] as const

/**
 * Denied both ways; and, besides, never sent: our own domain's API, so that two servers with one
 * domain name do not answer each other's requests.
 */
export function jetstreamDenies(
  isSystemAccount: boolean,
  domain: string,
): { readonly both: readonly string[]; readonly exports: readonly string[] } {
  return {
    both: isSystemAccount ? systemJetstreamSubjects : jetstreamSubjects,
    exports: domain === '' ? [] : [`$JS.${domain}.API.>`],
  }
}
