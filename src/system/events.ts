// What the system account is told of connections: that they came, went, or were refused, and how
// many an account has (reference 5.5). A text is made only when somebody listens.

import { newNuid } from '../base/nuid.ts'
import type { Timer } from '../base/clock.ts'
import { timeText } from '../monitor/json.ts'
import { clientBlock, type Seen } from './client-block.ts'
import type { Header } from './header.ts'
import type { SystemHost } from './host.ts'
import { accountStat, nameTag } from './views.ts'
import type { Voice } from './voice.ts'

/** An account with connections says how many it has at least this often. */
const countsMs = 30_000
const typePrefix = 'io.nats.server.advisory.v1.'

export class Events {
  readonly #host: SystemHost
  readonly #voice: Voice
  readonly #header: Header
  #timer: Timer | null = null
  /** Accounts whose number of connections has changed in this turn. */
  readonly #changed = new Set<string>()
  #turnEnd: NodeJS.Immediate | null = null

  constructor(host: SystemHost, voice: Voice, header: Header) {
    this.#host = host
    this.#voice = voice
    this.#header = header
  }

  start(): void {
    this.#timer = this.#host.clock.every(countsMs, () => this.#countAll())
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#turnEnd !== null) clearImmediate(this.#turnEnd)
    this.#turnEnd = null
  }

  /** It has logged in. */
  opened(seen: Seen): void {
    this.#countSoon(seen.account)
    const subject = `$SYS.ACCOUNT.${seen.account}.CONNECT`
    if (!this.#voice.hears(subject)) return
    this.#voice.say(subject, {
      ...this.#head('client_connect'),
      server: this.#header.next(),
      client: clientBlock(seen, nameTag(this.#host, seen.account), null),
    })
  }

  closed(seen: Seen, reason: string): void {
    this.#countSoon(seen.account)
    this.#gone(`$SYS.ACCOUNT.${seen.account}.DISCONNECT`, seen, reason)
  }

  /** Its credentials were not good enough. */
  refused(seen: Seen, reason: string): void {
    this.#gone(`$SYS.SERVER.${this.#header.id().id}.CLIENT.AUTH.ERR`, seen, reason)
  }

  /** The account that a refused user would have been in hears of it too. */
  refusedIn(account: string, seen: Seen, reason: string): void {
    const found = this.#host.accounts.get(account)
    const subject = '$SYS.ACCOUNT.CLIENT.AUTH.ERR'
    if (!found || !this.#voice.hears(subject, found)) return
    this.#voice.say(subject, this.#disconnect({ ...seen, account }, reason), found)
  }

  /** A leaf node has come: other clusters may have to know. */
  leafOpened(account: string): void {
    const subject = `$SYS.ACCOUNT.${account}.LEAFNODE.CONNECT`
    if (!this.#voice.hears(subject)) return
    this.#voice.say(subject, { server: this.#header.next(), acc: account })
  }

  /** The same for who asks; null: there is no such account. */
  counts(account: string): object | null {
    const stat = accountStat(this.#host, account)
    if (stat === null) return null
    return { ...this.#head('account_connections'), server: this.#header.next(), ...stat }
  }

  #gone(subject: string, seen: Seen, reason: string): void {
    if (this.#voice.hears(subject)) this.#voice.say(subject, this.#disconnect(seen, reason))
  }

  #disconnect(seen: Seen, reason: string): object {
    return {
      ...this.#head('client_disconnect'),
      server: this.#header.next(),
      client: clientBlock(seen, nameTag(this.#host, seen.account), this.#host.clock.wallMs()),
      sent: { msgs: seen.inMsgs, bytes: seen.inBytes },
      received: { msgs: seen.outMsgs, bytes: seen.outBytes },
      reason,
    }
  }

  /** Once a turn, however many come and go in it: to count them all takes a while. */
  #countSoon(account: string): void {
    this.#changed.add(account)
    this.#turnEnd ??= setImmediate(() => {
      this.#turnEnd = null
      for (const name of this.#changed) this.#count(name)
      this.#changed.clear()
    })
  }

  /** Under its old and its new name; everybody's account does not count, as in nats-server. */
  #count(account: string): void {
    if (account === uncountedAccount) return
    const heard = countSubjects(account).filter(subject => this.#voice.hears(subject))
    const stat = heard.length > 0 ? accountStat(this.#host, account) : null
    if (stat === null) return
    const head = this.#head('account_connections')
    for (const subject of heard) {
      this.#voice.say(subject, { ...head, server: this.#header.next(), ...stat })
    }
  }

  #countAll(): void {
    const { accounts, sources } = this.#host
    const withLeafs = new Set(Array.from(sources.leafs?.() ?? [], ({ account }) => account))
    for (const { name, connections } of accounts.values()) {
      if (connections > 0 || withLeafs.has(name)) this.#count(name)
    }
  }

  #head(type: string): object {
    const { clock } = this.#host
    return { type: typePrefix + type, id: newNuid(), timestamp: timeText(clock.wallMs()) }
  }
}

const uncountedAccount = '$G'

function countSubjects(account: string): readonly string[] {
  return [`$SYS.SERVER.ACCOUNT.${account}.CONNS`, `$SYS.ACCOUNT.${account}.SERVER.CONNS`]
}
