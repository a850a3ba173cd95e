// Operator mode: users and accounts stand in JWTs that an operator signed, not in the config. This
// is the room's entrance: it makes the resolver, fetches the accounts that must be there from the
// start, answers for them in the system account, and tells the broker when one changes.

import type { Account } from '../account/account.ts'
import type { SharingRules } from '../account/sharing.ts'
import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Sharing } from '../broker/sharing.ts'
import { type AccountChange, ClaimedAccounts } from './accounts.ts'
import { readAccount } from './claims.ts'
import type { Ask } from './delegation.ts'
import { Directory } from './directory.ts'
import { DirectoryResolver } from './directory-resolver.ts'
import { Login } from './login.ts'
import { MemoryResolver, type Resolver } from './resolver.ts'
import { ClaimServices } from './services.ts'
import type { OperatorSettings, ResolverSettings } from './settings.ts'
import { dateText } from './times.ts'
import { Shares } from './shares.ts'
import { Trust } from './trust.ts'
import { UrlResolver } from './url-resolver.ts'
import { validateAccount } from './validate.ts'

export interface OperatorParts {
  readonly settings: OperatorSettings
  readonly clock: Clock
  readonly log: Log
  /** The broker's account of that name, made when it does not exist. */
  account(name: string): Account
  /** null: there is none. */
  system(): Account | null
  readonly sharing: Sharing
  /** What accounts without a JWT share. */
  otherShares(): ReadonlyMap<string, SharingRules>
  /** An account has new claims, has expired or is gone. */
  changed(change: AccountChange): void
  /** Asks a callout service. */
  readonly ask: Ask
  /** `server` of an answer in the system account. */
  serverInfo(): object
}

/** Between two tries to fetch the system account. */
const bootstrapMs = 1000
const cacheFilesDefault = 1000

export class Operator {
  readonly trust: Trust
  readonly accounts: ClaimedAccounts
  readonly login: Login
  readonly #parts: OperatorParts
  readonly #shares: Shares
  #settings: OperatorSettings
  readonly #resolver: Resolver | null
  #services: ClaimServices | null = null
  #bootstrap: Timer | null = null

  constructor(parts: OperatorParts) {
    const { settings, clock, log } = parts
    this.#parts = parts
    this.#settings = settings
    this.trust = new Trust(settings.operators, settings.keys)
    this.#resolver = settings.resolver === null ? null : this.#newResolver(settings.resolver)
    this.accounts = new ClaimedAccounts({
      trust: this.trust,
      resolver: this.#resolver,
      clock,
      log,
      account: name => parts.account(name),
      changed: change => {
        this.#shares.changed(change.account)
        parts.changed(change)
      },
    })
    this.#shares = new Shares({
      sharing: parts.sharing,
      accounts: this.accounts,
      clock,
      log,
      others: () => parts.otherShares(),
    })
    this.login = new Login({
      accounts: this.accounts,
      trust: this.trust,
      clock,
      log,
      pinned: settings.pinned,
      sentinel: () => this.#settings.sentinel,
      ask: parts.ask,
    })
    this.#preload()
  }

  /** Rejects with a text for the log when the folder or the system account cannot be had. */
  async start(): Promise<void> {
    const { settings } = this.#parts
    this.#tell()
    this.#checkPreloads()
    await this.#resolver?.start().catch((error: Error) => {
      throw new Error(`Could not start resolver: ${error.message}`)
    })
    await this.#startSystemAccount()
    if (this.#resolver instanceof DirectoryResolver) this.#resolver.join()
    this.#startServices()
    for (const name of settings.accounts) await this.accounts.lookup(name)
  }

  /** The accounts whose names something else knows: streams of theirs are on the disk. */
  async fetch(names: Iterable<string>): Promise<void> {
    for (const name of names) await this.accounts.lookup(name)
  }

  /** Preloads and the sentinel may change; what is in use is updated. */
  reload(settings: OperatorSettings): void {
    this.#settings = settings
    this.#shares.apply()
    const resolver = this.#resolver
    if (resolver instanceof MemoryResolver) resolver.retain(new Set(settings.preloads.keys()))
    this.#preload()
    this.#checkPreloads()
    if (!(resolver instanceof MemoryResolver)) return
    for (const { name } of [...this.accounts.all]) {
      const jwt = settings.preloads.get(name)
      if (jwt === undefined) this.accounts.remove(name)
      else this.#update(name, jwt)
    }
  }

  async close(): Promise<void> {
    this.#bootstrap?.cancel()
    this.#services?.close()
    this.#shares.close()
    this.accounts.close()
    await this.#resolver?.close()
  }

  #newResolver(settings: ResolverSettings): Resolver {
    const { clock, log } = this.#parts
    switch (settings.is) {
      case 'memory':
        return new MemoryResolver()
      case 'url':
        return new UrlResolver({
          url: settings.url,
          tls: this.#parts.settings.resolverTls,
          clock,
          log,
        })
      case 'full':
      case 'cache':
        return this.#newDirectory(settings)
      default:
        return settings satisfies never
    }
  }

  #newDirectory(settings: ResolverSettings & { is: 'full' | 'cache' }): DirectoryResolver {
    const { clock, log, system } = this.#parts
    const isCache = settings.is === 'cache'
    const unlimited = isCache ? cacheFilesDefault : Number.POSITIVE_INFINITY
    const directory = new Directory({
      path: settings.dir,
      filesMax: settings.filesMax > 0 ? settings.filesMax : unlimited,
      isCache,
      ttlMs: settings.is === 'cache' ? settings.ttlMs : 0,
      deletes: settings.is === 'cache' ? 'hard' : settings.deletes,
      clock,
      log,
      changed: (account, jwt) => this.#changed(account, jwt),
      deleted: account => this.accounts.remove(account),
    })
    return new DirectoryResolver({
      directory,
      isCache,
      fetchMs: settings.fetchMs,
      intervalMs: settings.is === 'full' ? settings.intervalMs : 0,
      system,
      clock,
      log,
    })
  }

  /** A file is another one now; only accounts in use mind. */
  #changed(account: string, jwt: string): void {
    if (this.accounts.get(account) !== undefined) this.#update(account, jwt)
  }

  #update(account: string, jwt: string): void {
    const fault = this.accounts.update(account, jwt)
    if (fault === null) return
    this.#parts.log.error(`Update for account "${account}" resulted in error ${fault}`)
  }

  #preload(): void {
    for (const [account, jwt] of this.#settings.preloads) this.#resolver?.preload?.(account, jwt)
  }

  #checkPreloads(): void {
    const { log, clock } = this.#parts
    for (const [account, jwt] of this.#settings.preloads) {
      const claims = readAccount(jwt)
      if (typeof claims === 'string') {
        log.error(`Preloaded account [${account}] not valid`)
        continue
      }
      const issues = validateAccount(claims, clock.wallMs() / 1000)
      if (!issues.blocks({ withTime: true })) continue
      log.warn(`Account [${account}] has validation issues:`)
      for (const { description } of issues.list) log.warn(`  - ${description}`)
    }
  }

  /** As nats-server begins its log; and a word about a clock that cannot be right. */
  #tell(): void {
    const { log, clock, settings } = this.#parts
    const { operators, systemAccount } = settings
    if (operators.length === 0) return
    log.info('Trusted Operators')
    for (const { audience, name, issuedAt, expires } of operators) {
      log.info(`  System  : "${audience}"`)
      log.info(`  Operator: "${name}"`)
      log.info(`  Issued  : ${dateText(issuedAt)}`)
      log.info(`  Expires : ${expires === 0 ? 'Never' : dateText(expires)}`)
      if (issuedAt * 1000 > clock.wallMs()) {
        const now = new Date(clock.wallMs()).toISOString()
        log.warn(
          `The clock of this server says ${now}, before the operator's JWT was issued: what JWTs say about time counts only once it is set`,
        )
      }
    }
    if (systemAccount === '') log.warn('Trusted Operators should utilize a System Account')
  }

  /** With a resolver that may come by it later, its own key signs its users until then. */
  async #startSystemAccount(): Promise<void> {
    const { settings, log } = this.#parts
    const { systemAccount: name, operators } = settings
    const [first] = operators
    if (name === '' || first === undefined) return
    const found = await this.accounts.lookup(name)
    if (typeof found !== 'string') return
    if (this.#resolver === null || this.#resolver.kind === 'memory') {
      throw new Error(`error resolving system account: ${found}`)
    }
    this.accounts.bootstrap(name, first.issuer)
    log.info('Using bootstrapping system account')
    this.#fetchSystemAccount(name)
  }

  #fetchSystemAccount(name: string): void {
    const { clock, log } = this.#parts
    this.#bootstrap = clock.after(bootstrapMs, () => {
      if (this.accounts.get(name)?.jwt !== '') return
      void Promise.resolve(this.#resolver?.fetch(name)).then(found => {
        if (found === undefined || 'missing' in found) return this.#fetchSystemAccount(name)
        if (this.accounts.update(name, found.jwt) !== null) return this.#fetchSystemAccount(name)
        log.info('System account fetched and updated')
      })
    })
  }

  #startServices(): void {
    const { log, clock, system } = this.#parts
    const account = system()
    if (account === null) return
    const resolver = this.#resolver
    this.#services = new ClaimServices({
      system: account,
      accounts: this.accounts,
      trust: this.trust,
      directory: resolver instanceof DirectoryResolver ? resolver.directory : null,
      isCache: resolver?.kind === 'cache',
      log,
      wallMs: () => clock.wallMs(),
      serverInfo: () => this.#parts.serverInfo(),
    })
    this.#services.start()
  }
}
