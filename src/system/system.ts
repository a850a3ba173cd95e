// The system account: what it is told, and what it may ask.
//
//   events      a connection came, went, was refused; how many an account has; we go
//   statistics  how the server is, every ten seconds and on request; the other servers
//   services    $SYS.REQ.…, for the users of the system account
//   imports     the few of them that every account has, about itself
//
// Requests are bounded in size, in number and in the time they take of a turn (requests.ts);
// answers in size (answers.ts).

import type { Account } from '../account/account.ts'
import type { PrintedShare } from '../monitor/account-shapes.ts'
import { Answers } from './answers.ts'
import { type SeenClient, seenClient, type SeenLeaf, seenLeaf } from './client-block.ts'
import { Events } from './events.ts'
import { Header } from './header.ts'
import type { SystemHost } from './host.ts'
import { AccountImports } from './imports.ts'
import { Requests } from './requests.ts'
import { Services } from './services.ts'
import { Statistics } from './statistics.ts'
import { Subscribers } from './subscribers.ts'
import { Voice } from './voice.ts'

export class System {
  readonly #header: Header
  readonly #voice: Voice
  readonly #events: Events
  readonly #requests: Requests
  readonly #statistics: Statistics
  readonly #subscribers: Subscribers
  readonly #services: Services
  readonly #imports: AccountImports
  #isRunning = false

  constructor(host: SystemHost) {
    const header = new Header(host)
    const voice = new Voice(host)
    const answers = new Answers(host, voice, header)
    const events = new Events(host, voice, header)
    const requests = new Requests(host)
    const statistics = new Statistics(host, voice, header)
    const subscribers = new Subscribers(host, answers, voice, () => statistics.others)
    this.#header = header
    this.#voice = voice
    this.#events = events
    this.#requests = requests
    this.#statistics = statistics
    this.#subscribers = subscribers
    this.#imports = new AccountImports(host, voice, answers, requests)
    const parts = { host, answers, header, events, requests, statistics, subscribers }
    this.#services = new Services(parts)
  }

  start(): void {
    this.#isRunning = true
    this.#services.start()
    this.#imports.start()
    this.#statistics.start()
    this.#events.start()
  }

  /** Says that the server goes, and is silent from then on. Safe to call twice. */
  close(): void {
    if (!this.#isRunning) return
    this.#isRunning = false
    this.#requests.close()
    this.#subscribers.close()
    this.#events.close()
    this.#statistics.close()
    this.#services.close()
    this.#imports.close()
    this.#leaving('SHUTDOWN')
  }

  /** Requests that wait to be answered, for monitoring. */
  get queue(): { readonly pending: number; readonly inProgress: number } {
    return this.#requests
  }

  /** For /edgez and /metrics. */
  view(): object {
    return {
      requests: this.#requests.taken,
      dropped_requests: this.#requests.dropped,
      pending_requests: this.#requests.pending,
      messages: this.#voice.said,
      servers: this.#statistics.others + 1,
    }
  }

  /** What `/accountz` shows as imports of an account. */
  importsOf(account: string): readonly PrintedShare[] {
    return this.#isRunning ? this.#imports.printed(account) : []
  }

  // --- what the server and the rooms tell ---

  accountMade(account: Account): void {
    if (this.#isRunning) this.#imports.add(account)
  }

  opened(client: SeenClient): void {
    if (this.#isRunning) this.#events.opened(seenClient(client))
  }

  closed(client: SeenClient, reason: string): void {
    if (this.#isRunning) this.#events.closed(seenClient(client), reason)
  }

  /** `account` would have had the client; it hears of it too. */
  refused(client: SeenClient, reason: string, account?: string): void {
    if (!this.#isRunning) return
    const seen = seenClient(client)
    this.#events.refused(seen, reason)
    this.#events.refusedIn(account ?? seen.account, seen, reason)
  }

  leafOpened(leaf: SeenLeaf): void {
    if (!this.#isRunning) return
    const seen = seenLeaf(leaf)
    this.#events.opened(seen)
    this.#events.leafOpened(seen.account)
  }

  leafClosed(leaf: SeenLeaf, reason: string): void {
    if (this.#isRunning) this.#events.closed(seenLeaf(leaf), reason)
  }

  /** `user` is who it said it was. */
  leafRefused(leaf: SeenLeaf, user: string, reason: string): void {
    if (!this.#isRunning) return
    const seen = seenLeaf(leaf, user)
    this.#events.refused(seen, reason)
    this.#events.refusedIn(seen.account, seen, reason)
  }

  lameDuck(): void {
    if (this.#isRunning) this.#leaving('LAMEDUCK')
  }

  #leaving(how: 'LAMEDUCK' | 'SHUTDOWN'): void {
    const server = this.#header.next()
    const subject = `$SYS.SERVER.${server.id}.${how}`
    if (this.#voice.hears(subject)) this.#voice.say(subject, server)
  }
}
