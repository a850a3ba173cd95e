// What an account without streams hears when it asks for JetStream on a server that has it: for
// `$JS.API.INFO` error 10039, for everything else that nobody is there (reference 6.1). An account
// that imports the API of another one hears that one instead.

import type { Account } from '../src/account/account.ts'
import { newSubscription, post } from '../src/broker/post.ts'
import type { LocalSink, Message, Origin } from '../src/message.ts'
import { notEnabledForAccount } from './store/errors.ts'

const type = 'io.nats.jetstream.api.v1.account_info_response'
const answer = Buffer.from(JSON.stringify({ type, error: notEnabledForAccount }))
const infoSubject = '$JS.API.INFO'
const origin: Origin = { kind: 'jetstream', sink: null, echo: true, permissions: null }

/** The accounts that hear so. */
export class StreamRefusals {
  readonly #ends = new Map<Account, () => void>()

  begin(account: Account): void {
    if (!this.#ends.has(account)) this.#ends.set(account, refuseStreams(account))
  }

  end(account: Account): void {
    this.#ends.get(account)?.()
    this.#ends.delete(account)
  }
}

/** Returns what ends it. */
function refuseStreams(account: Account): () => void {
  const sink: LocalSink = {
    remote: false,
    isService: true,
    deliver: ({ reply }: Message) => {
      if (reply !== '' && !isImported(account))
        post(account, origin, { subject: reply, payload: answer })
    },
  }
  const subscription = newSubscription(infoSubject, sink)
  account.subscribe(subscription)
  return () => account.unsubscribe(subscription)
}

function isImported({ sublist }: Account): boolean {
  return sublist.match(infoSubject).plain.some(({ sink }) => !sink.remote && sink.isImport === true)
}
