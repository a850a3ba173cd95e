// A resolver over a folder, which asks the other servers of the system account for what it lacks,
// and, when it keeps everything, now and then for what they have and it has not.

import { randomBytes } from 'node:crypto'
import type { Account } from '../account/account.ts'
import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { newSubscription, payloadOf, post } from '../broker/post.ts'
import type { LocalSink, Origin, Subscription } from '../message.ts'
import type { Directory } from './directory.ts'
import type { Fetched, Resolver } from './resolver.ts'
import { isPublicKey } from '../account/nkey.ts'
import { tokenBytesMax } from './token.ts'

export interface DirectoryResolverParts {
  readonly directory: Directory
  readonly isCache: boolean
  /** How long another server may take to answer. */
  readonly fetchMs: number
  /** Between two comparisons with the others; a cache does not compare. */
  readonly intervalMs: number
  readonly system: () => Account | null
  readonly clock: Clock
  readonly log: Log
}

const origin: Origin = { kind: 'system', sink: null, echo: true, permissions: null }
/** Tokens of a comparison that wait to be written. */
const mergesMax = 1024

export class DirectoryResolver implements Resolver {
  readonly kind: 'full' | 'cache'
  readonly #parts: DirectoryResolverParts
  readonly #preloads = new Map<string, string>()
  #ticker: Timer | null = null
  #packed: Subscription | null = null
  #merges = 0

  constructor(parts: DirectoryResolverParts) {
    this.#parts = parts
    this.kind = parts.isCache ? 'cache' : 'full'
  }

  get directory(): Directory {
    return this.#parts.directory
  }

  preload(account: string, jwt: string): void {
    this.#preloads.set(account, jwt)
  }

  /** The folder itself; the other servers come later, see join(). */
  async start(): Promise<void> {
    const { directory, isCache, log } = this.#parts
    await directory.start()
    for (const [account, jwt] of this.#preloads) {
      const fault = await directory.saveIfNewer(account, jwt)
      if (fault !== null) log.error(`Preloaded account [${account}] not kept: ${fault}`)
    }
    this.#preloads.clear()
    const what = isCache ? 'some' : 'all'
    log.info(`Managing ${what} jwt in exclusive directory ${directory.path}`)
  }

  /** From now on the system account is there. */
  join(): void {
    const { isCache, intervalMs, clock, system } = this.#parts
    const account = system()
    if (isCache || account === null) return
    const inbox = newInbox()
    this.#packed = this.#listen(account, inbox, payload => this.#merge(payload))
    this.#ticker = clock.every(intervalMs, () => {
      const payload = this.#parts.directory.hash
      post(account, origin, { subject: '$SYS.REQ.CLAIMS.PACK', reply: inbox, payload })
    })
  }

  async close(): Promise<void> {
    this.#ticker?.cancel()
    if (this.#packed !== null) this.#parts.system()?.unsubscribe(this.#packed)
    await this.#parts.directory.close()
  }

  async fetch(name: string): Promise<Fetched> {
    const jwt = await this.#parts.directory.load(name)
    return jwt === null ? this.#ask(name) : { jwt }
  }

  /** The first server that has it answers; one that has not says so with an empty message. */
  async #ask(name: string): Promise<Fetched> {
    const { system, clock, fetchMs, directory, isCache } = this.#parts
    const account = system()
    if (account === null) return { missing: 'account jwt not found' }
    const inbox = newInbox()
    let subscription: Subscription | null = null
    let timer: Timer | null = null
    const answer = await new Promise<Buffer | null>(resolve => {
      subscription = this.#listen(account, inbox, payload => {
        if (payload.length > 0) resolve(payload)
      })
      const subject = `$SYS.REQ.ACCOUNT.${name}.CLAIMS.LOOKUP`
      // We answer ourselves, too.
      const others = post(account, origin, { subject, reply: inbox }) - (isCache ? 0 : 1)
      if (others <= 0) resolve(null)
      timer = clock.after(fetchMs, () => resolve(null))
    })
    if (subscription !== null) account.unsubscribe(subscription)
    ;(timer as Timer | null)?.cancel()
    if (answer === null) return { missing: 'account jwt not found' }
    const jwt = answer.toString().trim()
    const fault = await directory.saveIfNewer(name, jwt)
    return fault === null ? { jwt } : { missing: fault }
  }

  #listen(account: Account, subject: string, heard: (payload: Buffer) => void): Subscription {
    const sink: LocalSink = {
      remote: false,
      deliver: message => {
        const payload = payloadOf(message)
        if (payload.length <= tokenBytesMax) heard(Buffer.from(payload))
      },
    }
    const subscription = newSubscription(subject, sink)
    account.subscribe(subscription)
    return subscription
  }

  /** Lines of `key|token`; those that are newer than ours are kept. */
  #merge(payload: Buffer): void {
    const { directory, log } = this.#parts
    for (const line of payload.toString().split('\n')) {
      const [account = '', jwt = '', ...more] = line.split('|')
      if (line === '' || this.#merges >= mergesMax) continue
      if (more.length > 0 || !isPublicKey(account, 'account')) {
        log.error('DirResolver - Merging resulted in error: no account in a line of the package')
        continue
      }
      this.#merges++
      void directory
        .saveIfNewer(account, jwt)
        .catch((error: Error) => error.message)
        .then(fault => {
          this.#merges--
          if (fault !== null) log.error(`DirResolver - Merging resulted in error: ${fault}`)
        })
    }
  }
}

function newInbox(): string {
  return `$SYS._INBOX.${randomBytes(12).toString('base64url').replace(/[-_]/g, '0')}`
}
