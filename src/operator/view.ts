// What monitoring shows of operator mode: facts of an account for /accountz, and of the operators
// for /varz.

import type { Operator } from './operator.ts'
import type { Issue } from './issues.ts'
import { validateAccount } from './validate.ts'

export interface ClaimFacts {
  readonly updatedWallMs: number
  readonly expired: boolean
  readonly complete: boolean
  readonly jwt?: string
  readonly issuerKey?: string
  readonly nameTag?: string
  readonly tags?: readonly string[]
  readonly claims?: object
  readonly issues?: readonly ReturnType<typeof issueOf>[]
  readonly revokedUsers?: ReadonlyMap<string, number>
}

/** null for an account without a JWT. */
export function claimFacts(operator: Operator, name: string, wallMs: number): ClaimFacts | null {
  const account = operator.accounts.get(name)
  if (account === undefined) return null
  const { claims, jwt, issuer, isExpired, isIncomplete, updatedWallMs } = account
  const facts = { updatedWallMs, expired: isExpired, complete: !isIncomplete, issuerKey: issuer }
  if (claims === null) return facts
  return {
    ...facts,
    jwt,
    nameTag: claims.name,
    tags: claims.tags,
    claims: claims.token.json,
    issues: validateAccount(claims, wallMs / 1000).list.map(issueOf),
    revokedUsers: claims.revocations,
  }
}

function issueOf({ description, blocking, timeCheck }: Issue) {
  return { description, blocking, time_check: timeCheck }
}

/** null when only keys are trusted. */
export function operatorFacts({ trust }: Operator) {
  const { operators } = trust
  if (operators.length === 0) return null
  return {
    jwts: operators.map(one => one.token.text),
    claims: operators.map(one => one.token.json),
  }
}
