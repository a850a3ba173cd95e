// What accounts share according to their JWTs: exports, imports and mappings as rules of the
// broker, and the activations that open private exports.
//
// The rules of all accounts are put into force together. A rule that leads nowhere (an account
// that is not known yet, an activation that has expired) is left out and its account shown as
// incomplete; it is tried again when anything changes, and when an activation expires.

import { isPublicKey } from '../account/nkey.ts'
import {
  type ExportRule,
  type ImportRule,
  noRules,
  newExport,
  newImport,
  type SharingRules,
} from '../account/sharing.ts'
import type { Clock } from '../base/clock.ts'
import { Expiry } from '../base/expiry.ts'
import type { Log } from '../base/log.ts'
import type { Sharing } from '../broker/sharing.ts'
import type { ClaimedAccount, ClaimedAccounts } from './accounts.ts'
import { type AccountClaims, type ActivationClaims, readActivation } from './claims.ts'
import type { ExportClaim, ImportClaim, ShareKind } from './sharing-claims.ts'
import { isContained } from './validate-sharing.ts'
import { validateActivation } from './validate-activation.ts'

export interface SharesParts {
  readonly sharing: Sharing
  readonly accounts: ClaimedAccounts
  readonly clock: Clock
  readonly log: Log
  /** Of accounts without a JWT. */
  others(): ReadonlyMap<string, SharingRules>
}

export class Shares {
  readonly #parts: SharesParts
  readonly #rules = new Map<string, SharingRules>()
  /** Accounts that are imported from and not known. */
  #missing = new Set<string>()
  /** Whose next activation ends. */
  readonly #expiry: Expiry
  #isApplying = false
  #isDue = false

  constructor(parts: SharesParts) {
    this.#parts = parts
    this.#expiry = new Expiry(parts.clock, () => this.apply())
    parts.sharing.isActivated = (importer, rule, exported) =>
      this.#isActivated(importer, rule, exported)
  }

  /** An account has new claims, or none any more. */
  changed({ name, claims, jwt }: ClaimedAccount): void {
    const rules = claims === null || jwt === '' ? noRules : rulesOf(claims)
    const before = this.#rules.get(name)
    this.#rules.set(name, rules)
    const isSilent = isEmpty(rules) && (before === undefined || isEmpty(before))
    if (!isSilent || this.#missing.has(name)) this.apply()
  }

  /** Puts everything into force, as far as it goes. */
  apply(): void {
    this.#isDue = true
    if (this.#isApplying) return
    this.#isApplying = true
    while (this.#isDue) {
      this.#isDue = false
      this.#fetchMissing()
      this.#enact()
    }
    this.#isApplying = false
  }

  close(): void {
    this.#expiry.cancel()
  }

  #enact(): void {
    const { sharing, accounts, log, others } = this.#parts
    this.#expiry.set(this.#nextEnd())
    const incomplete = new Set<string>()
    for (const { account, text } of sharing.applySound(new Map([...others(), ...this.#rules]))) {
      log.debug(`${text} (account [${account}])`)
      incomplete.add(account)
    }
    for (const account of accounts.all) account.isIncomplete = incomplete.has(account.name)
  }

  /** Looks up accounts that are imported from; each new one brings us here again. */
  #fetchMissing(): void {
    const { accounts, log } = this.#parts
    const missing = new Set<string>()
    for (const { imports } of this.#rules.values()) {
      for (const { account, subject, kind } of imports) {
        if (this.#rules.has(account) || missing.has(account)) continue
        missing.add(account)
        if (this.#missing.has(account) || !isPublicKey(account, 'account')) continue
        const what = `Can't locate account [${account}] for import of [${subject}] ${kind}`
        void Promise.resolve(accounts.lookup(account)).then(found => {
          if (typeof found === 'string') log.error(`${what} (err=${found})`)
        })
      }
    }
    this.#missing = missing
  }

  /** The first end of an activation that counts now. */
  #nextEnd(): number | undefined {
    const nowMs = this.#parts.clock.wallMs()
    let next: number | undefined
    for (const { imports } of this.#rules.values()) {
      for (const { activation } of imports) {
        if (activation === '') continue
        const claims = readActivation(activation)
        if (typeof claims === 'string' || claims.expires === 0) continue
        const endMs = claims.expires * 1000
        if (endMs > nowMs && (next === undefined || endMs < next)) next = endMs
      }
    }
    return next
  }

  #isActivated(importer: string, rule: ImportRule, exported: ExportRule): boolean {
    const { accounts, clock } = this.#parts
    const activation = rule.activation === '' ? '' : readActivation(rule.activation)
    const exporter = accounts.get(rule.account)
    if (typeof activation === 'string' || exporter === undefined) return false
    const isOurs = activation.subject === importer && activation.importType === rule.kind
    if (!isOurs || !isSigned(activation, exporter)) return false
    if (!isContained(rule.subject.split('.'), activation.importSubject.split('.'))) return false
    const now = clock.wallMs() / 1000
    if (validateActivation(activation, now).blocks({ withTime: true })) return false
    if (activation.expires !== 0 && activation.expires <= now) return false
    return !isRevoked(activation, exporter, exported)
  }
}

/** By the exporter itself, or by a signing key that says whom it stands for. */
function isSigned({ issuer, issuerAccount }: ActivationClaims, exporter: ClaimedAccount): boolean {
  if (issuerAccount === '') return issuer === exporter.name
  return issuerAccount === exporter.name && exporter.signers.has(issuer)
}

function isRevoked(
  { subject, issuedAt }: ActivationClaims,
  { claims }: ClaimedAccount,
  exported: ExportRule,
): boolean {
  const claim = claims?.sharing.exports.find(
    one => one.subject === exported.subject && one.type === exported.kind,
  )
  const { revocations } = claim ?? {}
  const never = Number.NEGATIVE_INFINITY
  const at = Math.max(revocations?.get(subject) ?? never, revocations?.get('*') ?? never)
  return at >= issuedAt
}

function isEmpty({ exports, imports, mappings }: SharingRules): boolean {
  return exports.length === 0 && imports.length === 0 && mappings.length === 0
}

export function rulesOf({ sharing }: AccountClaims): SharingRules {
  return {
    exports: sharing.exports.map(exportOf),
    imports: sharing.imports.map(importOf),
    mappings: sharing.mappings,
  }
}

function exportOf(claim: ExportClaim): ExportRule {
  const base = newExport(kindOf(claim.type), claim.subject)
  const { responseType: type, responseThresholdMs: thresholdMs, latency } = claim
  return {
    ...base,
    needsActivation: claim.tokenRequired,
    accountTokenPosition: claim.accountTokenPosition,
    responseType: type === 'Stream' ? 'Streamed' : type === 'Chunked' ? 'Chunked' : 'Singleton',
    responseThresholdMs: thresholdMs === 0 ? base.responseThresholdMs : thresholdMs,
    latency: latency && { sampling: latency.sampling, subject: latency.results },
    allowTrace: claim.allowTrace,
  }
}

/**
 * `local_subject` is the subject here. The old `to` is a prefix of streams; of services it is the
 * subject there, and `subject` the one here.
 */
function importOf(claim: ImportClaim): ImportRule {
  const { account, subject, to, localSubject, share, allowTrace, token: activation } = claim
  const kind = kindOf(claim.type)
  const isOld = localSubject === ''
  const there = kind === 'service' && isOld && to !== '' ? to : subject
  const here = isOld ? (there === subject ? '' : subject) : localSubject
  const prefix = kind === 'stream' && isOld ? to : ''
  return { ...newImport(kind, account, there, here), prefix, share, allowTrace, activation }
}

function kindOf(type: string): ShareKind {
  return type === 'service' ? 'service' : 'stream'
}
