// Credentials that a browser brings in cookies: JavaScript cannot set headers of a WebSocket
// request, and need not see the secret (reference 7.2; RFC 6265, 4.2.1).

import type { Carried } from '../handshake.ts'

/** The cookies to look at; null: none. */
export interface CookieNames {
  readonly jwt: string | null
  readonly user: string | null
  readonly pass: string | null
  readonly token: string | null
}

/** What the header carries for CONNECT; null = nothing. Of cookies of one name the last counts. */
export function carriedIn(header: string | undefined, names: CookieNames): Carried | null {
  if (header === undefined) return null
  const kinds = (['jwt', 'user', 'pass', 'token'] as const).filter(kind => names[kind])
  if (kinds.length === 0) return null
  const carried = { jwt: '', user: '', pass: '', token: '' }
  let hasSome = false
  for (const part of header.split(';')) {
    const at = part.indexOf('=')
    const name = part.slice(0, Math.max(0, at)).trim()
    // As in nats-server, a cookie is for one thing.
    const kind = at < 0 ? undefined : kinds.find(one => names[one] === name)
    const value = kind === undefined ? null : unquoted(part.slice(at + 1).trim())
    if (kind === undefined || value === null) continue
    carried[kind] = value
    hasSome = true
  }
  return hasSome ? carried : null
}

/** Without its quotes; null: a byte that no value may have. */
function unquoted(text: string): string | null {
  const value = /^"(.*)"$/.exec(text)?.[1] ?? text
  return /^[ !#-:<-[\]-~]*$/.test(value) ? value : null
}
