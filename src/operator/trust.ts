// Whom this server trusts: the operators, and the keys that sign accounts on their behalf.

import type { OperatorClaims } from './claims.ts'

export class Trust {
  readonly operators: readonly OperatorClaims[]
  readonly #keys: ReadonlySet<string>
  /** Of operators who keep their own key in a safe: accounts too are signed by signing keys. */
  readonly #strictKeys: ReadonlySet<string>

  /** `keys` are those that stand in the config without an operator. */
  constructor(operators: readonly OperatorClaims[], keys: readonly string[]) {
    this.operators = operators
    const trusted = operators.flatMap(one =>
      one.strictSigningKeyUsage ? one.signingKeys : [one.subject, ...one.signingKeys],
    )
    this.#keys = new Set([...keys, ...trusted])
    const strict = operators.filter(one => one.strictSigningKeyUsage)
    this.#strictKeys = new Set(strict.flatMap(one => one.signingKeys))
  }

  /** May it sign accounts? */
  signs(issuer: string): boolean {
    return this.#keys.has(issuer)
  }

  /** Must an account that it signed have signing keys of its own for its users? */
  isStrict(issuer: string): boolean {
    return this.#strictKeys.has(issuer)
  }

  /** The first operator's own key, where only its signing keys may be used; else null. */
  get lockedKey(): string | null {
    const [first] = this.operators
    return first?.strictSigningKeyUsage ? first.subject : null
  }

  /** Who may have accounts deleted. */
  mayDelete(issuer: string): boolean {
    const [first] = this.operators
    if (first === undefined) return false
    if (first.signingKeys.includes(issuer)) return true
    return issuer === first.subject && !first.strictSigningKeyUsage
  }
}
