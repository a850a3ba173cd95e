// The rules for an activation: the token with which an account lets another one import from it.
// The times of all tokens are checked here too.

import { isPublicKey } from '../account/nkey.ts'
import type { ActivationClaims, Common } from './claims.ts'
import { Issues } from './issues.ts'

/** Was it valid at this time? Seconds since 1970. */
export function validateTime(claims: Common, nowSeconds: number, issues: Issues): void {
  const { expires, notBefore } = claims
  if (expires > 0 && nowSeconds > expires) issues.time('claim is expired')
  if (notBefore > 0 && notBefore > nowSeconds) issues.time('claim is not yet valid')
}

export function validateActivation(claims: ActivationClaims, nowSeconds: number): Issues {
  const issues = new Issues()
  validateTime(claims, nowSeconds, issues)
  validateActivationShape(claims, issues)
  return issues
}

export function validateActivationShape(claims: ActivationClaims, issues: Issues): void {
  const { importType, importSubject, issuerAccount } = claims
  if (importType !== 'stream' && importType !== 'service') {
    issues.error(`invalid import type: "${importType || 'unknown'}"`)
  }
  issues.subject(importSubject)
  if (issuerAccount !== '' && !isPublicKey(issuerAccount, 'account')) {
    issues.error('account_id is not an account public key')
  }
}
