// The rules for exports, imports and mappings of an account's JWT, in the words of nats-server's
// JWT library. Lists are bounded: overlaps are looked for between all of their entries.

import { type AccountClaims, readActivation } from './claims.ts'
import type { Issues } from './issues.ts'
import type { ExportClaim, ImportClaim, MappingClaim } from './sharing-claims.ts'
import { validateActivationShape } from './validate-activation.ts'

const sharesMax = 1024

export function validateSharing(claims: AccountClaims, issues: Issues): void {
  const { limits, sharing, subject } = claims
  const { imports, exports } = sharing
  if (imports.length > sharesMax || exports.length > sharesMax) {
    return issues.error(`more than ${sharesMax} imports or exports`)
  }
  validateImports(imports, subject, issues)
  for (const one of exports) validateExport(one, issues)
  findOverlaps('service', exports, issues)
  findOverlaps('stream', exports, issues)
  if (limits.imports !== -1 && imports.length > limits.imports) {
    issues.error('the account contains more imports than allowed by the operator')
  }
  if (limits.exports === -1) return
  if (exports.length > limits.exports) {
    issues.error('the account contains more exports than allowed by the operator')
  }
  if (!limits.wildcardExports && exports.some(one => hasWildcard(one.subject))) {
    issues.error('the account contains wildcard exports that are not allowed by the operator')
  }
}

function validateExport(one: ExportClaim, issues: Issues): void {
  const { type, responseType, latency, subject, accountTokenPosition: position } = one
  if (type !== 'service' && type !== 'stream') {
    issues.error(`invalid export type: "${type || 'unknown'}"`)
  }
  if (type === 'service' && !['', 'Singleton', 'Stream', 'Chunked'].includes(responseType)) {
    issues.error(`invalid response type for service: "${responseType}"`)
  }
  if (type === 'stream') {
    if (responseType !== '') issues.error(`invalid response type for stream: "${responseType}"`)
    if (one.allowTrace) issues.error('AllowTrace only valid for service export')
  }
  if (latency !== null) {
    if (type !== 'service') issues.error('latency tracking only permitted for services')
    if (latency.sampling < 0 || latency.sampling > 100) {
      issues.error('sampling percentage needs to be between 1-100')
    }
    issues.subject(latency.results)
    if (hasWildcard(latency.results)) issues.error('results subject can not contain wildcards')
  }
  if (one.responseThresholdMs < 0) issues.error('negative response threshold is invalid')
  if (one.responseThresholdMs > 0 && type !== 'service') {
    issues.error('response threshold only valid for services')
  }
  issues.subject(subject)
  if (position !== 0) validateTokenPosition(subject, position, issues)
}

function validateTokenPosition(subject: string, position: number, issues: Issues): void {
  const tokens = subject.split('.')
  if (!hasWildcard(subject)) {
    issues.error(`Account Token Position can only be used with wildcard subjects: ${subject}`)
  } else if (position < 0 || position > tokens.length) {
    issues.error(`Account Token Position ${position} exceeds length of subject '${subject}'`)
  } else if (tokens[position - 1] !== '*') {
    const token = tokens[position - 1]
    issues.error(
      `Account Token Position ${position} matches '${token}' but must match a * in: ${subject}`,
    )
  }
}

function findOverlaps(type: string, exports: readonly ExportClaim[], issues: Issues): void {
  const isService = type === 'service'
  const subjects = exports
    .filter(one => (one.type === 'service') === isService)
    .map(one => one.subject.split('.'))
  const seen = new Set<string>()
  subjects.forEach((inner, i) => {
    subjects.forEach((outer, j) => {
      const name = outer.join('.')
      if (i === j || seen.has(name) || !isContained(inner, outer)) return
      seen.add(name)
      issues.error(`${type} export subject "${name}" already exports "${inner.join('.')}"`)
    })
  })
}

function validateImports(imports: readonly ImportClaim[], importer: string, issues: Issues): void {
  const services: { readonly account: string; readonly tokens: readonly string[] }[] = []
  for (const one of imports) {
    if (one.type === 'service') {
      const { account } = one
      const local = one.to || toSubject(one.localSubject) || one.subject
      const tokens = local.split('.')
      for (const other of services) {
        if (other.account !== account) continue
        if (isContained(tokens, other.tokens) || isContained(other.tokens, tokens)) {
          const name = other.tokens.join('.')
          issues.error(
            `overlapping subject namespace for "${local}" and "${name}" in same account "${account}"`,
          )
        }
      }
      services.push({ account, tokens })
    }
    validateImport(one, importer, issues)
  }
}

/** Without the times of its activation: those are looked at when it is used. */
export function validateImport(one: ImportClaim, importer: string, issues: Issues): void {
  const { type, account, subject, localSubject, to } = one
  if (type !== 'service' && type !== 'stream') {
    issues.error(`invalid import type: "${type || 'unknown'}"`)
  }
  if (type === 'service' && one.allowTrace) {
    issues.error('AllowTrace only valid for stream import')
  }
  if (account === '') issues.error('account to import from is not specified')
  if (to !== '') {
    issues.warning('the field to has been deprecated (use LocalSubject instead)')
  }
  issues.subject(subject)
  if (localSubject !== '') {
    validateLocalSubject(localSubject, subject, issues)
    if (to !== '') issues.error('Local Subject replaces To')
  }
  if (one.share && type !== 'service') {
    const text = 'sharing information (for latency tracking) is only valid for services'
    issues.error(`${text}: "${subject}"`)
  }
  if (one.token !== '') validateToken(one, importer, issues)
}

function validateToken(one: ImportClaim, importer: string, issues: Issues): void {
  const { account, subject, token, type, to } = one
  const activation = readActivation(token)
  if (typeof activation === 'string') {
    return issues.error(`import "${subject}" contains an invalid activation token`)
  }
  if (activation.issuer !== account && activation.issuerAccount !== account) {
    issues.error(`activation token doesn't match account for import "${subject}"`)
  }
  if (activation.subject !== importer) {
    issues.error(`activation token doesn't match account it is being included in, "${subject}"`)
  }
  if (activation.importType !== type) {
    issues.error(
      `mismatch between token import type ${activation.importType} and type of import ${type}`,
    )
  }
  validateActivationShape(activation, issues)
  const wanted = type === 'service' && to !== '' ? to : subject
  if (!isContained(wanted.split('.'), activation.importSubject.split('.'))) {
    issues.error(
      `activation token import subject "${activation.importSubject}" doesn't match import "${subject}"`,
    )
  }
}

/** `$2` stands for the second `*` of the subject; each is named once. */
function validateLocalSubject(local: string, from: string, issues: Issues): void {
  issues.subject(local)
  if (from === '') issues.error('subject cannot be empty')
  const isTail = (subject: string) => subject === '>' || subject.endsWith('.>')
  if (isTail(local) !== isTail(from)) {
    issues.error('both, renaming subject and subject, need to end or not end in >')
  }
  const wildcards = from.split('.').filter(token => token === '*').length
  let references = 0
  for (const token of local.split('.')) {
    if (token === '*') references++
    const index = /^\$([+-]?\d+)$/.exec(token)?.[1]
    if (index === undefined) continue
    if (Number(index) > wildcards) {
      issues.error(`Reference $${index} in "${local}" reference * in "${from}" that do not exist`)
    } else references++
  }
  if (references !== wildcards) {
    issues.error('subject does not contain enough * or reference wildcards $[0-9]')
  }
}

function toSubject(local: string): string {
  const tokens = local.split('.')
  return tokens.map(token => (/^\$[+-]?\d+$/.test(token) ? '*' : token)).join('.')
}

export function validateMappings(mappings: readonly MappingClaim[], issues: Issues): void {
  if (mappings.length > sharesMax) return issues.error(`more than ${sharesMax} mappings`)
  for (const { from, to } of mappings) {
    issues.subject(from)
    const totals = new Map<string, number>()
    for (const { subject, weight, cluster } of to) {
      issues.subject(subject)
      if (weight < 0 || weight > 100) {
        issues.error(`Mapping "${from}" has a weight ${weight} that exceeds 100`)
      }
      totals.set(cluster, (totals.get(cluster) ?? 0) + weight)
    }
    for (const [cluster, total] of totals) {
      if (total <= 100) continue
      const where = cluster === '' ? '' : ` in cluster "${cluster}"`
      issues.error(`Mapping "${from}"${where} exceeds 100% among all of it's weighted to mappings`)
    }
  }
}

function hasWildcard(subject: string): boolean {
  return /(^|\.)(\*(\.|$)|>$)/.test(subject)
}

export function isContained(inner: readonly string[], outer: readonly string[]): boolean {
  const last = outer.length - 1
  if (inner.length > outer.length && outer[last] !== '>') return false
  if (inner.length < outer.length) return false
  for (const [i, token] of outer.entries()) {
    if (i === last && token === '>') return true
    if (token !== inner[i] && token !== '*') return false
  }
  return true
}
