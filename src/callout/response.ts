// What the callout service answers: a JWT of type `authorization_response` with the JWT of the
// user in it, or with an error (ADR-26). Every text says why nobody gets in; it goes to the log.

import { isPublicKey } from '../account/nkey.ts'
import { readUser } from '../operator/claims.ts'
import type { CalloutAnswer } from '../operator/delegation.ts'
import { readToken } from '../operator/token.ts'
import { validateUser } from '../operator/validate.ts'

export interface Expected {
  /** The key that was made for the request. */
  readonly userNkey: string
  readonly serverId: string
  readonly nowSeconds: number
}

type Answer = Omit<CalloutAnswer, 'isSealed'>

/** The user's claims, or what is wrong. */
export function readAnswer(text: string, expected: Expected): Answer | string {
  const token = readToken(text)
  if (typeof token === 'string') return token
  const { fields, reading, issuer } = token
  const nats = fields.inner('nats')
  const type = nats.text('type')
  const [subject, audience] = [fields.text('sub'), fields.text('aud')]
  const [jwt, error] = [nats.text('jwt'), nats.text('error')]
  const issuerAccount = nats.text('issuer_account')
  const expires = fields.integer('exp')
  if (reading.problem !== null) return reading.problem
  if (type !== 'authorization_response') return 'not authorization_response claim'
  if (!isPublicKey(issuer, 'account')) return 'unable to validate expected prefixes of the issuer'
  if (expires > 0 && expires < expected.nowSeconds) {
    return 'authorization response had validation errors: claim is expired'
  }
  if (subject !== expected.userNkey) {
    return 'auth callout violation: auth callout response is not for expected user'
  }
  if (audience !== expected.serverId) {
    return 'auth callout violation: auth callout response is not for server'
  }
  if (error) return `auth callout service returned an error: ${error}`
  const user = readUser(jwt)
  if (typeof user === 'string') return user
  const issues = validateUser(user, expected.nowSeconds)
  if (issues.list.length > 0) return `Error validating user JWT: ${issues.text}`
  if (user.subject !== expected.userNkey) {
    return `Expected authorized user of "${expected.userNkey}" but got "${user.subject}"`
  }
  return { user, issuer, issuerAccount }
}
