// The retained messages of one account: the last one of each topic, for those who subscribe later
// (MQTT 3.1.1 section 3.3.1.3). They are in memory, bounded in number and bytes, and with the
// keeper.

import { matches } from '../../src/subject/subject.ts'
import type { Keeper } from './keeper.ts'
import { parentOfPattern, startsWithWildcard } from './topic.ts'

export interface Retained {
  readonly topic: string
  readonly subject: string
  readonly qos: 0 | 1 | 2
  readonly payload: Buffer
}

/** Shared by all accounts. */
export interface RetainLimits {
  readonly messagesMax: number
  readonly bytesMax: number
}

/** What all accounts retain together. */
export interface RetainUse {
  messages: number
  bytes: number
}

export class RetainedMessages {
  readonly #account: string
  readonly #keeper: Keeper
  readonly #limits: RetainLimits
  readonly #use: RetainUse
  readonly #bySubject = new Map<string, Retained>()

  constructor(account: string, keeper: Keeper, limits: RetainLimits, use: RetainUse) {
    this.#account = account
    this.#keeper = keeper
    this.#limits = limits
    this.#use = use
  }

  get size(): number {
    return this.#bySubject.size
  }

  /** One that was kept before the start: it is there already, whatever the limits say now. */
  restore(message: Retained): void {
    this.#put(message)
  }

  /**
   * Retains a copy in place of the topic's last one; an empty payload removes it and is not
   * retained itself [MQTT-3.3.1-10] [MQTT-3.3.1-11]. False when there is no room.
   */
  set(message: Retained): boolean {
    const { topic, subject, qos, payload } = message
    const old = this.#bySubject.get(subject)
    if (payload.length === 0) {
      if (old === undefined) return true
      this.#bySubject.delete(subject)
      this.#count(old, -1)
    } else {
      const messages = this.#use.messages + (old ? 0 : 1)
      const bytes = this.#use.bytes + sizeOf(message) - (old ? sizeOf(old) : 0)
      if (messages > this.#limits.messagesMax || bytes > this.#limits.bytesMax) return false
      this.#put({ topic, subject, qos, payload: Buffer.from(payload) })
    }
    this.#keeper.retain({ account: this.#account, topic, qos, payload })
    return true
  }

  /** Those a new subscription gets. `pattern` is the filter's subject pattern. */
  matching(filter: string, pattern: string): readonly Retained[] {
    const exact = this.#bySubject.get(pattern)
    if (exact) return [exact]
    const parent = parentOfPattern(pattern)
    const skipsDollar = startsWithWildcard(filter)
    const found: Retained[] = []
    for (const [subject, message] of this.#bySubject) {
      if (skipsDollar && subject.charCodeAt(0) === 0x24) continue // [MQTT-4.7.2-1]
      const isMatch = matches(pattern, subject) || (parent !== null && matches(parent, subject))
      if (isMatch) found.push(message)
    }
    return found
  }

  #put(message: Retained): void {
    const old = this.#bySubject.get(message.subject)
    if (old) this.#count(old, -1)
    this.#bySubject.set(message.subject, message)
    this.#count(message, 1)
  }

  #count(message: Retained, sign: 1 | -1): void {
    this.#use.messages += sign
    this.#use.bytes += sign * sizeOf(message)
  }
}

function sizeOf(message: Retained): number {
  return message.topic.length + message.payload.length
}
