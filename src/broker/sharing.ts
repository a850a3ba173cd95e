// Puts what accounts share into force: a whole set of rules at once, or nothing of it. What has not
// changed stays as it is, with the answers that are owed.
//
//   const wrong = sharing.apply(rules)            everything, or what is wrong with it
//   const wrong = sharing.applySound(rules)       everything but what is wrong (JWTs)
//
// `rules` holds every account that has any, and every account that one of them names.

import type { Account } from '../account/account.ts'
import {
  type AccountPlan,
  type Plan,
  type PlannedImport,
  type PlanOptions,
  planSharing,
  type SharingFault,
} from '../account/sharing-plan.ts'
import type { ExportRule, ImportRule, SharingSet } from '../account/sharing.ts'
import type { Clock } from '../base/clock.ts'
import type { InterestWatcher, Origin, Sink, Subscription } from '../message.ts'
import { Latency } from './latency.ts'
import type { RequestInfo } from './request-info.ts'
import { type EndReason, isSameService, type Response, Responses } from './responses.ts'
import { type ServiceHost, ServiceImport } from './service-imports.ts'
import { StreamImport } from './stream-imports.ts'

export interface SharingHost {
  readonly clock: Clock
  /** Made when it does not exist yet. */
  account(name: string): Account
  /** The cluster that mappings may be bound to; '' = none. */
  cluster(): string
  /** Who asks, of an account; `isDetailed`: all that there is to know. */
  describe(origin: Origin, account: string, isDetailed: boolean): RequestInfo
  whereabouts(): RequestInfo
}

export class Sharing implements ServiceHost {
  readonly clock: Clock
  readonly latency: Latency
  /** May the account import what only an activation opens? Set by who knows of activations. */
  isActivated: PlanOptions['isActivated'] = () => false
  readonly #host: SharingHost
  readonly #shared = new Map<string, SharedAccount>()
  /** Accounts whose mappings are in force. */
  readonly #mapped = new Set<string>()
  #plan: Plan = { accounts: new Map(), faults: [] }

  constructor(host: SharingHost) {
    this.#host = host
    this.clock = host.clock
    this.latency = new Latency(host.clock)
  }

  /** What is wrong with the rules, before they are applied. */
  check(set: SharingSet): readonly SharingFault[] {
    return this.#planFor(set).faults
  }

  /** All of it, or nothing: then what is wrong. */
  apply(set: SharingSet): readonly SharingFault[] {
    const plan = this.#planFor(set)
    if (plan.faults.length === 0) this.#enact(plan)
    return plan.faults
  }

  /** All but the rules that are wrong; returns what is wrong with those. */
  applySound(set: SharingSet): readonly SharingFault[] {
    const plan = this.#planFor(set)
    this.#enact(plan)
    return plan.faults
  }

  /** null: it shares nothing. */
  of(account: string): SharedAccount | null {
    return this.#shared.get(account) ?? null
  }

  /** What an account has to do with the others; null = nothing. */
  planOf(account: string): AccountPlan | null {
    return this.#plan.accounts.get(account) ?? null
  }

  close(): void {
    this.#enact({ accounts: new Map(), faults: [] })
  }

  #planFor(set: SharingSet): Plan {
    return planSharing(set, {
      cluster: () => this.#host.cluster(),
      isActivated: (importer: string, rule: ImportRule, exported: ExportRule) =>
        this.isActivated(importer, rule, exported),
    })
  }

  #enact(plan: Plan): void {
    const before = this.#plan
    this.#plan = plan
    for (const name of before.accounts.keys()) {
      if (!plan.accounts.has(name)) this.#set(name, [], [], null)
    }
    for (const [name, { streams, services, mappings }] of plan.accounts) {
      this.#set(name, streams, services, mappings)
    }
  }

  #set(
    name: string,
    streams: readonly PlannedImport[],
    services: readonly PlannedImport[],
    mappings: Account['mappings'],
  ): void {
    const isEmpty = streams.length === 0 && services.length === 0
    const isMapped = this.#mapped.has(name)
    if (isEmpty && mappings === null && !isMapped && !this.#shared.has(name)) return
    if (mappings === null) this.#mapped.delete(name)
    else this.#mapped.add(name)
    const account = this.#host.account(name)
    account.mapBy(mappings)
    if (isEmpty && !this.#shared.has(name)) return
    this.#sharedOf(account).import(streams, services)
  }

  #sharedOf(account: Account): SharedAccount {
    let shared = this.#shared.get(account.name)
    if (!shared) {
      shared = new SharedAccount(account, this, name => this.#host.account(name))
      this.#shared.set(account.name, shared)
    }
    return shared
  }

  // --- for service imports and answers ---

  responsesOf(account: Account): Responses {
    return this.#sharedOf(account).responses
  }

  describe(origin: Origin, account: string, isDetailed: boolean): RequestInfo {
    return this.#host.describe(origin, account, isDetailed)
  }

  whereabouts(): RequestInfo {
    return this.#host.whereabouts()
  }

  answered({ measurement, by }: Response, origin: Origin): void {
    if (measurement === null) return
    this.latency.answered(
      by.account,
      measurement,
      this.#host.describe(origin, by.account.name, true),
    )
  }

  ended({ measurement, by }: Response, reason: EndReason): void {
    if (measurement === null || reason === 'answered' || reason === 'withdrawn') return
    this.latency.failed(by.account, measurement, reason)
  }
}

/** One account's part in it. */
export class SharedAccount implements InterestWatcher {
  readonly account: Account
  readonly responses: Responses
  streams: readonly StreamImport[] = []
  services: readonly ServiceImport[] = []
  readonly #sharing: Sharing
  readonly #accountOf: (name: string) => Account

  constructor(account: Account, sharing: Sharing, accountOf: (name: string) => Account) {
    this.account = account
    this.responses = new Responses(account, sharing)
    this.#sharing = sharing
    this.#accountOf = accountOf
    account.sharing = this
  }

  /** These imports instead of those before; equal ones stay. */
  import(streams: readonly PlannedImport[], services: readonly PlannedImport[]): void {
    const { account } = this
    const kept = new Map<string, StreamImport | ServiceImport>()
    for (const one of [...this.streams, ...this.services]) kept.set(keyOf(one.plan), one)
    const fresh: (StreamImport | ServiceImport)[] = []
    const take = <T extends StreamImport | ServiceImport>(
      plan: PlannedImport,
      make: () => T,
    ): T => {
      const key = keyOf(plan)
      const known = kept.get(key) as T | undefined
      kept.delete(key)
      const one = known ?? make()
      if (!known) fresh.push(one)
      return one
    }
    this.streams = streams.map(plan =>
      take(plan, () => new StreamImport(plan, account, this.#accountOf(plan.account))),
    )
    this.services = services.map(plan =>
      take(plan, () => {
        return new ServiceImport(plan, account, this.#accountOf(plan.account), this.#sharing)
      }),
    )
    for (const one of fresh) {
      if (one instanceof ServiceImport) one.start()
      else for (const subscription of [...account.sublist]) this.#shadow(one, subscription)
    }
    for (const one of kept.values()) {
      one.close()
      if (!(one instanceof ServiceImport)) continue
      if (!services.some(plan => isSameService(plan, one.plan))) one.withdraw()
    }
  }

  subscribed(subscription: Subscription): void {
    for (const one of this.streams) this.#shadow(one, subscription)
  }

  unsubscribed(subscription: Subscription): void {
    for (const one of this.streams) one.remove(subscription)
    this.responses.unsubscribed(subscription)
  }

  #shadow(one: StreamImport, subscription: Subscription): void {
    if (castsShadow(subscription.sink)) one.add(subscription)
  }
}

/** Not what the server itself answers, what is a shadow already, or what a route will ask for. */
function castsShadow(sink: Sink): boolean {
  if (sink.isShadow === true) return false
  return sink.remote ? sink.isRoute !== true : sink.isPrivate !== true && sink.isService !== true
}

/** Imports are the same when their rules and the exports behind them are. */
function keyOf({ rule, export: exported }: PlannedImport): string {
  return JSON.stringify([rule, exported])
}
