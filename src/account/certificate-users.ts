// `verify_and_map`: a client is the user whose name stands in its certificate. First an e-mail
// address, a host or a URI of the alternative names, then the subject: as it is, in another order,
// as text. A user with a password must still say it (reference 2.10, 5.1).

import type { X509Certificate } from 'node:crypto'
import type { ConnectionType, User } from './authenticate.ts'
import { certificateNames } from './certificate-names.ts'
import { nameKey, parseName } from './distinguished-name.ts'

export class CertificateUsers {
  readonly #ways: ReadonlySet<ConnectionType>
  readonly #users: ReadonlyMap<string, User>
  /** Users with a distinguished name, by its key in order and in any order; made when needed. */
  #named: readonly [Map<string, User[]>, Map<string, User[]>] | null = null

  /** `users` are those of lists: one that stands alone is no one's certificate. */
  constructor(ways: ReadonlySet<ConnectionType>, users: ReadonlyMap<string, User>) {
    this.#ways = ways
    this.#users = users
  }

  /** Do users who come this way need a certificate? */
  covers(way: ConnectionType): boolean {
    return this.#ways.has(way)
  }

  /** Could a certificate make somebody this user? Then nobody is it for an empty password. */
  canBe(user: User): boolean {
    if (this.#users.get(user.name) !== user) return false
    const { connectionTypes } = user
    return [...this.#ways].some(way => connectionTypes?.has(way) ?? true)
  }

  /** null: nobody has a name of the certificate, or nobody who may come this way. */
  find(certificate: X509Certificate | null, way: ConnectionType): User | null {
    if (certificate === null) return null
    const { alternatives, subject, subjectTexts } = certificateNames(certificate)
    const isOf = (user: User | undefined): user is User =>
      user !== undefined && user.password !== null && (user.connectionTypes?.has(way) ?? true)
    for (const name of alternatives) {
      const user = this.#users.get(name)
      if (isOf(user)) return user
    }
    if (subject !== null && subject.length > 0) {
      const [exact, sorted] = this.#names()
      const user =
        exact.get(nameKey(subject, false))?.find(isOf) ??
        sorted.get(nameKey(subject, true))?.find(isOf)
      if (user) return user
    }
    for (const text of subjectTexts) {
      const user = this.#users.get(text)
      if (isOf(user)) return user
    }
    return null
  }

  #names(): readonly [Map<string, User[]>, Map<string, User[]>] {
    if (this.#named !== null) return this.#named
    const exact = new Map<string, User[]>()
    const sorted = new Map<string, User[]>()
    for (const user of this.#users.values()) {
      const name = user.name.includes('=') ? parseName(user.name) : null
      if (name === null) continue
      for (const [map, key] of [
        [exact, nameKey(name, false)],
        [sorted, nameKey(name, true)],
      ] as const) {
        map.set(key, [...(map.get(key) ?? []), user])
      }
    }
    this.#named = [exact, sorted]
    return this.#named
  }
}
