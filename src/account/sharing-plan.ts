// Checks the rules of all accounts against each other and turns them into what the broker acts on:
// whose subject becomes which in whose account. Pure: it knows names only, no account is touched.
//
// Order and texts of the errors are nats-server's: exports first, streams before services.

import { newImportMap, type ImportMap, withoutPlaces, withPlaces } from '../subject/import-map.ts'
import { covers, hasWildcard, isPattern, isSubject, overlaps } from '../subject/subject.ts'
import { type Mappings, newMappings } from './mappings.ts'
import type { ExportRule, ImportRule, SharingRules, SharingSet, ShareKind } from './sharing.ts'

export interface PlannedImport {
  readonly rule: ImportRule
  /** The account that exports. */
  readonly account: string
  /** The subject there. */
  readonly from: string
  /** The subject here, `*` where a token is carried over. */
  readonly to: string
  /** Of streams from there to here, of services from here to there; null: no token moves. */
  readonly map: ImportMap | null
  /** The subject is the same on both sides, and has wildcards. */
  readonly isSame: boolean
  /** Of services: what the exporter says. */
  readonly export: ExportRule
}

export interface AccountPlan {
  readonly rules: SharingRules
  readonly streams: readonly PlannedImport[]
  readonly services: readonly PlannedImport[]
  readonly mappings: Mappings | null
}

export interface SharingFault {
  /** Whose rule is wrong. */
  readonly account: string
  readonly text: string
}

export interface Plan {
  readonly accounts: ReadonlyMap<string, AccountPlan>
  /** The rules with faults are left out of it. */
  readonly faults: readonly SharingFault[]
}

export interface PlanOptions {
  /** The cluster that mappings may be bound to; '' = none. */
  cluster(): string
  /** May the account import what only an activation opens? */
  isActivated(importer: string, rule: ImportRule, exported: ExportRule): boolean
}

const searchDepthMax = 1024

interface Draft {
  readonly streamExports: Map<string, ExportRule>
  readonly serviceExports: Map<string, ExportRule>
  readonly streams: PlannedImport[]
  readonly services: PlannedImport[]
}

export function planSharing(set: SharingSet, options: PlanOptions): Plan {
  return new Planner(set, options).plan()
}

class Planner {
  readonly #set: SharingSet
  readonly #options: PlanOptions
  readonly #drafts = new Map<string, Draft>()
  readonly #faults: SharingFault[] = []

  constructor(set: SharingSet, options: PlanOptions) {
    this.#set = set
    this.#options = options
  }

  plan(): Plan {
    for (const name of this.#set.keys()) this.#drafts.set(name, newDraft())
    for (const kind of ['stream', 'service'] as const) this.#addExports(kind)
    for (const kind of ['stream', 'service'] as const) this.#addImports(kind)
    const accounts = new Map<string, AccountPlan>()
    for (const [name, rules] of this.#set) {
      const { streams, services } = this.#drafts.get(name) as Draft
      accounts.set(name, { rules, streams, services, mappings: this.#mappings(name, rules) })
    }
    return { accounts, faults: this.#faults }
  }

  #addExports(kind: ShareKind): void {
    for (const [name, { exports }] of this.#set) {
      const draft = this.#drafts.get(name) as Draft
      for (const rule of exports) {
        if (rule.kind !== kind) continue
        const wrong = this.#exportFault(rule, draft)
        if (wrong !== null) this.#faults.push({ account: name, text: wrong })
        else exportsOf(draft, kind).set(rule.subject, rule)
      }
    }
  }

  #exportFault(rule: ExportRule, draft: Draft): string | null {
    const { kind, subject, accounts, accountTokenPosition: position, latency } = rule
    for (const name of accounts ?? []) {
      if (!this.#set.has(name)) return `"${name}" account not defined for ${kind} export`
    }
    const adding = `Error adding ${kind} export "${subject}"`
    if (!isPattern(subject)) return `${adding}: sublist: invalid subject`
    if (position > 0 && subject.split('.')[position - 1] !== '*') {
      return `${adding}: sublist: invalid subject`
    }
    if (latency === null) return null
    const results = latency.subject
    const sampling = `Error adding service latency sampling for "${subject}" on subject "${results}"`
    // A measurement would be measured.
    const isLoop = [...draft.serviceExports.keys(), subject].some(one => covers(one, results))
    if (!isSubject(results) || isLoop) return `${sampling}: invalid publish subject`
    if (rule.responseType !== 'Singleton') return `${sampling}: bad service response type`
    return null
  }

  #addImports(kind: ShareKind): void {
    for (const [name, { imports }] of this.#set) {
      const draft = this.#drafts.get(name) as Draft
      for (const rule of imports) {
        if (rule.kind !== kind) continue
        const made = kind === 'stream' ? this.#stream(name, rule) : this.#service(name, rule)
        if (typeof made !== 'string')
          (kind === 'stream' ? draft.streams : draft.services).push(made)
        else this.#faults.push({ account: name, text: made })
      }
    }
  }

  #stream(name: string, rule: ImportRule): PlannedImport | string {
    const { account, subject: from, prefix } = rule
    const exporter = this.#drafts.get(account)
    if (!exporter) return `"${account}" account not defined for stream import`
    const adding = `Error adding stream import "${from}"`
    const exported = this.#approved(name, rule, exporter.streamExports)
    if (exported === null) return `${adding}: stream import not authorized`
    if (prefix !== '' && hasWildcard(prefix)) {
      return `${adding}: stream import prefix can not contain wildcard tokens`
    }
    const stem = prefix === '' || prefix.endsWith('.') ? prefix : `${prefix}.`
    const local = prefix === '' ? rule.to || from : stem + from
    if (!isPattern(withoutPlaces(local))) return `${adding}: sublist: invalid subject`
    const cycle =
      this.#streamCycle(account, local, new Set([name])) ??
      this.#streamCycle(account, from, new Set([name]))
    if (cycle !== null) return `${adding}: ${cycle}`
    const isSame = hasWildcard(from) && local === from
    let map: ImportMap | null = null
    if (hasWildcard(from) && !isSame) {
      const made = newImportMap(from, withPlaces(local))
      if (typeof made === 'string') {
        const what = 'failed to create mapping transform for stream import subject'
        return `${adding}: ${what} from "${from}" to "${local}": ${made}`
      }
      map = made
    }
    const { streams } = this.#drafts.get(name) as Draft
    if (streams.some(one => one.account === account && one.from === from)) {
      return `${adding}: stream import already exists`
    }
    return { rule, account, from, to: withoutPlaces(local), map, isSame, export: exported }
  }

  #service(name: string, rule: ImportRule): PlannedImport | string {
    const { account, subject: there } = rule
    const exporter = this.#drafts.get(account)
    if (!exporter) return `"${account}" account not defined for service import`
    const adding = `Error adding service import "${there}"`
    const here = rule.to || there
    if (!isPattern(withoutPlaces(here)) || !isPattern(withoutPlaces(there))) {
      return `${adding}: sublist: invalid subject`
    }
    const exported = this.#approved(name, rule, exporter.serviceExports)
    if (exported === null) return `${adding}: service import not authorized`
    const local = hasWildcard(there) ? withoutPlaces(here) : here
    const cycle = this.#serviceCycle(account, local, new Set([name]))
    if (cycle !== null) return `${adding}: ${cycle}`
    const isSame = hasWildcard(there) && here === there
    const known = (this.#drafts.get(name) as Draft).services.find(
      one => one.account === account && one.to === local,
    )
    if (known) {
      const before = `previously used in import for account "${account}", subject "${known.from}"`
      return `${adding}: duplicate service import subject "${here}", ${before}`
    }
    let map: ImportMap | null = null
    if (hasWildcard(there) && !isSame) {
      const made = newImportMap(there, withPlaces(here))
      if (typeof made === 'string') {
        const what = 'failed to create mapping transform for service import subject'
        return `${adding}: ${what} from "${here}" to "${there}": ${made}`
      }
      map = made.reversed()
    }
    return { rule, account, from: there, to: local, map, isSame, export: exported }
  }

  /** The export that lets the account import the subject; null = none does. */
  #approved(
    importer: string,
    rule: ImportRule,
    exports: ReadonlyMap<string, ExportRule>,
  ): ExportRule | null {
    const { subject } = rule
    if (!isPattern(subject)) return null
    let exported = exports.get(subject)
    const tokens = exported ? null : subject.split('.')
    if (!exported) {
      for (const [pattern, one] of exports) {
        if (!covers(pattern, subject)) continue
        exported = one
        break
      }
    }
    if (!exported) return null
    const { accounts, accountTokenPosition: position, needsActivation } = exported
    if (position > 0) return tokens?.[position - 1] === importer ? exported : null
    if (needsActivation) {
      return this.#options.isActivated(importer, rule, exported) ? exported : null
    }
    return accounts === null || accounts.includes(importer) ? exported : null
  }

  /** Would what comes in on the subject come round to an account that was visited? */
  #streamCycle(name: string, subject: string, visited: Set<string>): string | null {
    if (visited.size >= searchDepthMax) return 'search cycle depth exhausted'
    const { streamExports, streams } = this.#drafts.get(name) as Draft
    if (![...streamExports.keys()].some(pattern => covers(pattern, subject))) return null
    for (const { to, account } of streams) {
      if (!overlaps(subject, to)) continue
      if (visited.has(account)) return 'import forms a cycle'
      visited.add(name)
      const next = covers(subject, to) ? to : subject
      const found = this.#streamCycle(account, next, visited)
      if (found !== null) return found
    }
    return null
  }

  #serviceCycle(name: string, subject: string, visited: Set<string>): string | null {
    if (visited.size >= searchDepthMax) return 'search cycle depth exhausted'
    for (const { from, to, account } of (this.#drafts.get(name) as Draft).services) {
      if (!overlaps(subject, from)) continue
      if (visited.has(account)) return 'import forms a cycle'
      visited.add(name)
      const next = covers(subject, to) ? to : subject
      const found = this.#serviceCycle(account, next, visited)
      if (found !== null) return found
    }
    return null
  }

  #mappings(account: string, { mappings }: SharingRules): Mappings | null {
    const made = newMappings(mappings, this.#options.cluster)
    if (typeof made !== 'string') return made
    this.#faults.push({ account, text: `Error adding mapping : ${made}` })
    return null
  }
}

function newDraft(): Draft {
  return { streamExports: new Map(), serviceExports: new Map(), streams: [], services: [] }
}

function exportsOf(draft: Draft, kind: ShareKind): Map<string, ExportRule> {
  return kind === 'stream' ? draft.streamExports : draft.serviceExports
}
