// Is what a JWT claims sensible, and is it its time? The rules are those of nats-server's JWT
// library; its words too, as `nsc push` shows them. Lists are bounded here as well.

import { isPublicKey } from '../account/nkey.ts'
import type {
  AccountClaims,
  OperatorClaims,
  PermissionClaims,
  UserClaims,
  UserLimits,
} from './claims.ts'
import { validateTime } from './validate-activation.ts'
import { validateMappings, validateSharing } from './validate-sharing.ts'
import { cidrOf } from './cidr.ts'
import { Issues, subjectFault } from './issues.ts'
import { isTimeZone, secondsOfDay } from './times.ts'

const infoCharsMax = 8 * 1024
/** Of subjects in a list of permissions; as the config's. */
const subjectsMax = 10_000
const revocationsMax = 100_000

export function validateOperator(claims: OperatorClaims, issues: Issues): void {
  for (const key of claims.signingKeys) {
    if (!isPublicKey(key, 'operator')) issues.error(`${key} is not an operator public key`)
  }
  const { systemAccount } = claims
  if (systemAccount !== '' && !isPublicKey(systemAccount, 'account')) {
    issues.error(`${systemAccount} is not an account public key`)
  }
}

export function validateUser(claims: UserClaims, nowSeconds: number): Issues {
  const issues = new Issues()
  validateTime(claims, nowSeconds, issues)
  validateUserLimits(claims.limits, issues)
  if (!isPublicKey(claims.subject, 'user')) issues.error('subject is not a user public key')
  const { issuerAccount } = claims
  if (issuerAccount !== '' && !isPublicKey(issuerAccount, 'account')) {
    issues.error('account_id is not an account public key')
  }
  return issues
}

export function validateAccount(claims: AccountClaims, nowSeconds: number): Issues {
  const issues = new Issues()
  validateTime(claims, nowSeconds, issues)
  if (!isPublicKey(claims.subject, 'account')) issues.error('subject is not an account public key')
  validateSharing(claims, issues)
  const { limits, signingKeys, revocations } = claims
  if (limits.hasTiersAndMore) {
    issues.error('Tiered JetStream Limits can not contain a blank "" tier name')
  }
  validatePermissions(claims.defaultPermissions, issues)
  validateMappings(claims.sharing.mappings, issues)
  validateCallout(claims, issues)
  for (const [key, scope] of signingKeys) {
    if (!isPublicKey(key, 'account')) {
      const text = scope === null ? `"${key}" is not a valid account signing key` : ''
      issues.error(text || `${key} is not an account public key`)
    }
  }
  if (revocations.size > revocationsMax) issues.error(`more than ${revocationsMax} revocations`)
  validateTrace(claims, issues)
  validateInfo(claims.description, claims.infoUrl, issues)
  const { clusterTraffic } = claims
  if (!['', 'system', 'owner'].includes(clusterTraffic)) {
    issues.error(`unknown cluster traffic option: "${clusterTraffic}"`)
  }
  if (isPublicKey(claims.issuer, 'account') && !limits.isEmpty) {
    issues.warning("self-signed account JWTs shouldn't contain operator limits")
  }
  return issues
}

function validateCallout({ authorization }: AccountClaims, issues: Issues): void {
  const { authUsers, allowedAccounts, xkey } = authorization
  if (allowedAccounts.length > 0 && authUsers.length === 0) {
    issues.error('External authorization cannot have accounts without users specified')
  }
  for (const user of authUsers) {
    if (!isPublicKey(user, 'user'))
      issues.error(`AuthUser "${user}" is not a valid user public key`)
  }
  for (const account of allowedAccounts) {
    if (account === '*') {
      if (allowedAccounts.length > 1) {
        issues.error('AllowedAccounts can only be a list of accounts or "*"')
      }
    } else if (!isPublicKey(account, 'account')) {
      issues.error(`Account "${account}" is not a valid account public key`)
    }
  }
  if (xkey !== '' && !/^X[A-Z2-7]{55}$/.test(xkey)) {
    issues.error(`XKey "${xkey}" is not a valid public xkey`)
  }
}

function validateTrace({ trace }: AccountClaims, issues: Issues): void {
  if (trace === null) return
  const { destination, sampling } = trace
  const fault = subjectFault(destination)
  if (fault !== null) issues.error(`the account Trace.Destination ${fault}`)
  else if (/(^|\.)(\*|>)(\.|$)/.test(destination)) {
    issues.error(
      `the account Trace.Destination subject "${destination}" is not a valid publish subject`,
    )
  }
  if (sampling < 0 || sampling > 100) {
    issues.error(
      `the account Trace.Sampling value '${sampling}' is not valid, should be in the range [1..100]`,
    )
  }
}

function validateInfo(description: string, infoUrl: string, issues: Issues): void {
  if (description.length > infoCharsMax) issues.error('Description is too long')
  if (infoUrl === '') return
  if (infoUrl.length > infoCharsMax) issues.error('Info URL is too long')
  if (!URL.canParse(infoUrl) || new URL(infoUrl).hostname === '') {
    issues.error('error parsing info url: no hostname or scheme')
  }
}

function validateUserLimits(limits: UserLimits, issues: Issues): void {
  validatePermissions(limits.permissions, issues)
  for (const source of limits.sources) {
    if (cidrOf(source) === null) issues.error(`invalid cidr "${source}" in user src limits`)
  }
  for (const { start, end } of limits.times) {
    if (start === '') issues.error('time ranges start must contain a start')
    else if (secondsOfDay(start) === null) issues.error(`start in time range is invalid "${start}"`)
    if (end === '') issues.error('time ranges end must contain an end')
    else if (secondsOfDay(end) === null) issues.error(`end in time range is invalid "${end}"`)
  }
  if (limits.timesLocation !== '' && !isTimeZone(limits.timesLocation)) {
    issues.error(
      `could not parse iana time zone by name: unknown time zone ${limits.timesLocation}`,
    )
  }
}

export function validatePermissions(permissions: PermissionClaims, issues: Issues): void {
  const { publish, subscribe } = permissions
  const lists = [publish.allow, publish.deny, subscribe.allow, subscribe.deny]
  if (lists.some(list => list.length > subjectsMax)) {
    return issues.error(`more than ${subjectsMax} subjects in permissions`)
  }
  lists.forEach((list, i) => {
    for (const entry of list) validateEntry(entry, i >= 2, issues)
  })
}

function validateEntry(entry: string, mayHaveQueue: boolean, issues: Issues): void {
  const words = entry.split(' ')
  if (words.length > 2) {
    return issues.error(`Permission Subject "${entry}" contains too many spaces`)
  }
  for (const word of words) issues.subject(word)
  if (words.length === 2 && !mayHaveQueue) {
    issues.error(`Permission Subject "${entry}" is not allowed to contain queue`)
  }
}
