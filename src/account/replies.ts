// `allow_responses`: a service may answer what it was asked, so often and so long, without being
// allowed to publish on the inboxes of the world (reference 5.3).

import type { Clock } from '../base/clock.ts'
import type { PermissionCheck } from '../message.ts'

/** -1 = without limit. */
export interface ResponseRules {
  readonly max: number
  readonly expiresMs: number
}

interface Grant {
  left: number
  readonly untilMs: number
}

/** Reply subjects one connection may still answer; the oldest is forgotten first. */
const grantsMax = 8192

/** The permissions of one connection: its user's, and what it was asked. */
export class ReplyPermissions implements PermissionCheck {
  readonly #user: PermissionCheck
  readonly #rules: ResponseRules
  readonly #clock: Clock
  readonly #grants = new Map<string, Grant>()

  constructor(user: PermissionCheck, rules: ResponseRules, clock: Clock) {
    this.#user = user
    this.#rules = rules
    this.#clock = clock
  }

  /** A message with this reply subject was delivered. */
  received(reply: string): void {
    const { max, expiresMs } = this.#rules
    const untilMs = expiresMs < 0 ? Number.POSITIVE_INFINITY : this.#clock.monotonicMs() + expiresMs
    this.#grants.delete(reply)
    this.#grants.set(reply, { left: max < 0 ? Number.POSITIVE_INFINITY : max, untilMs })
    if (this.#grants.size <= grantsMax) return
    for (const oldest of this.#grants.keys()) {
      this.#grants.delete(oldest)
      return
    }
  }

  mayPublish(subject: string): boolean {
    if (this.#user.mayPublish(subject)) return true
    const grant = this.#grants.get(subject)
    if (!grant) return false
    if (grant.left <= 0 || this.#clock.monotonicMs() > grant.untilMs) {
      this.#grants.delete(subject)
      return false
    }
    grant.left--
    return true
  }

  maySubscribe(subject: string, queue: string): boolean {
    return this.#user.maySubscribe(subject, queue)
  }

  mayReceive(subject: string): boolean {
    return this.#user.mayReceive(subject)
  }
}
