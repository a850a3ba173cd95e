// What a user may publish and subscribe to (reference 5.3): allow and deny lists, deny wins, no
// allow list allows everything that is not denied.

import type { PermissionCheck } from '../message.ts'
import type { ResponseRules } from './replies.ts'
import { covers, hasWildcard, matches, overlaps } from '../subject/subject.ts'

/** Lists of patterns; in `subscribe` an entry may be `pattern queue`. null = not given. */
export interface PermissionLists {
  readonly publishAllow: readonly string[] | null
  readonly publishDeny: readonly string[]
  readonly subscribeAllow: readonly string[] | null
  readonly subscribeDeny: readonly string[]
}

interface QueueEntry {
  readonly subject: string
  /** '' = any queue and none. */
  readonly queue: string
}

/** Answers remembered for subjects seen lately; cleared when full. */
const answersMax = 256

export class Permissions implements PermissionCheck {
  readonly lists: PermissionLists
  /** allow_responses; null = off. */
  readonly responses: ResponseRules | null
  readonly #subscribeAllow: readonly QueueEntry[] | null
  readonly #subscribeDeny: readonly QueueEntry[]
  readonly #mayPublish = new Map<string, boolean>()
  /** Plain denies: only these filter what a wildcard subscription receives. */
  readonly #receiveDeny: readonly string[]

  constructor(lists: PermissionLists, responses: ResponseRules | null = null) {
    this.lists = lists
    this.responses = responses
    this.#subscribeAllow = lists.subscribeAllow?.map(queueEntry) ?? null
    this.#subscribeDeny = lists.subscribeDeny.map(queueEntry)
    this.#receiveDeny = this.#subscribeDeny.filter(e => e.queue === '').map(e => e.subject)
  }

  mayPublish(subject: string): boolean {
    const known = this.#mayPublish.get(subject)
    if (known !== undefined) return known
    const { publishAllow, publishDeny } = this.lists
    const allowed =
      (publishAllow === null || publishAllow.some(pattern => matches(pattern, subject))) &&
      !publishDeny.some(pattern => matches(pattern, subject))
    if (this.#mayPublish.size >= answersMax) this.#mayPublish.clear()
    this.#mayPublish.set(subject, allowed)
    return allowed
  }

  /** A wildcard that overlaps a deny is allowed: what it receives is filtered. */
  maySubscribe(subject: string, queue: string): boolean {
    const allow = this.#subscribeAllow
    if (allow !== null && !allow.some(entry => admits(entry, subject, queue))) return false
    return !this.#subscribeDeny.some(entry => admits(entry, subject, queue))
  }

  mayReceive(subject: string): boolean {
    return !this.#receiveDeny.some(pattern => matches(pattern, subject))
  }

  /** Must what this subscription receives be filtered at all? Asked once a subscription. */
  needsFilter(subject: string): boolean {
    return hasWildcard(subject) && this.#receiveDeny.some(deny => overlaps(deny, subject))
  }
}

/** The same, but for one subject that may not be published on. */
export function withDeny(permissions: Permissions | null, subject: string): Permissions {
  const lists = permissions?.lists ?? noLists
  const publishDeny = [...lists.publishDeny, subject]
  return new Permissions({ ...lists, publishDeny }, permissions?.responses ?? null)
}

const noLists: PermissionLists = {
  publishAllow: null,
  publishDeny: [],
  subscribeAllow: null,
  subscribeDeny: [],
}

function admits(entry: QueueEntry, subject: string, queue: string): boolean {
  if (entry.queue !== '' && (queue === '' || !matches(entry.queue, queue))) return false
  return covers(entry.subject, subject)
}

function queueEntry(text: string): QueueEntry {
  const [subject = '', queue = ''] = text.trim().split(/[ \t]+/)
  return { subject, queue }
}
