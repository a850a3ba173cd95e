// All sessions and retained messages, by account. A client id names one session in its account,
// and a session has one connection at most [MQTT-3.1.4-2].

import type { Account } from '../../src/account/account.ts'
import type { MqttContext } from './context.ts'
import { RetainedMessages, type RetainUse } from './retain.ts'
import { Session } from './session.ts'
import { subjectOfTopic } from './topic.ts'

/** What belongs to one account. */
export interface AccountState {
  readonly account: Account
  readonly sessions: Map<string, Session>
  readonly retained: RetainedMessages
}

export type Opened =
  | { readonly is: 'session'; readonly session: Session; readonly isPresent: boolean }
  | { readonly is: 'full' }

export class Sessions {
  readonly retainUse: RetainUse = { messages: 0, bytes: 0 }
  /** Sessions of all accounts. */
  count = 0
  readonly #context: MqttContext
  readonly #accounts = new Map<string, AccountState>()

  constructor(context: MqttContext) {
    this.#context = context
  }

  /** Brings back what was kept. */
  restore(): void {
    const { keeper } = this.#context
    for (const kept of keeper.sessions()) {
      const state = this.of(kept.account)
      state.sessions.set(kept.clientId, Session.restored(this.#context, state.account, kept))
      this.count++
    }
    for (const { account, topic, qos, payload } of keeper.retained()) {
      const subject = subjectOfTopic(topic)
      if (subject !== null) this.of(account).retained.restore({ topic, subject, qos, payload })
    }
  }

  of(accountName: string): AccountState {
    let state = this.#accounts.get(accountName)
    if (!state) {
      const { keeper, options } = this.#context
      const limits = {
        messagesMax: options.max_retained_msgs,
        bytesMax: options.max_retained_bytes,
      }
      state = {
        account: this.#context.account(accountName),
        sessions: new Map(),
        retained: new RetainedMessages(accountName, keeper, limits, this.retainUse),
      }
      this.#accounts.set(accountName, state)
    }
    return state
  }

  /**
   * The session for a client id. A kept one goes on, unless the client wants a clean start
   * [MQTT-3.1.2-4] [MQTT-3.1.2-6]; whoever is connected to it must have been closed before.
   */
  open(state: AccountState, clientId: string, clean: boolean): Opened {
    const known = state.sessions.get(clientId)
    if (known && !clean && known.keptId !== null) {
      return { is: 'session', session: known, isPresent: true }
    }
    if (known) this.#discard(state, known)
    if (this.count >= this.#context.options.max_sessions) return { is: 'full' }
    const make = clean ? Session.clean : Session.kept
    const session = make(this.#context, state.account, clientId)
    state.sessions.set(clientId, session)
    this.count++
    return { is: 'session', session, isPresent: false }
  }

  /** The connection of a session is gone. */
  left(state: AccountState, session: Session): void {
    session.detach()
    if (session.keptId === null) this.#discard(state, session)
  }

  *[Symbol.iterator](): Generator<Session> {
    for (const state of this.#accounts.values()) yield* state.sessions.values()
  }

  #discard(state: AccountState, session: Session): void {
    session.discard()
    if (state.sessions.get(session.clientId) !== session) return
    state.sessions.delete(session.clientId)
    this.count--
  }
}
