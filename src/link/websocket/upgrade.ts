// May this HTTP request become a WebSocket connection, and of what kind? (reference 7.2; RFC 6455,
// 4.2.1.) Refusals carry the HTTP status for the client and nats-server's words for the log.

import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

export type UpgradeKind = 'client' | 'mqtt' | 'leaf'

export type Verdict =
  | { readonly is: 'accepted'; readonly kind: UpgradeKind }
  | { readonly is: 'refused'; readonly status: number; readonly why: string }

export interface UpgradeRules {
  readonly isSecure: boolean
  readonly hasMqtt: boolean
  readonly hasLeafs: boolean
  readonly sameOrigin: boolean
  readonly allowedOrigins: readonly string[]
}

type Request = Pick<IncomingMessage, 'method' | 'url' | 'headers'>

export function judgeUpgrade(request: Request, rules: UpgradeRules): Verdict {
  const { method, headers } = request
  const path = (request.url ?? '/').replace(/[?#].*$/s, '')
  const kind = kindOf(path)
  if (kind === 'leaf' && !rules.hasLeafs) {
    return refused(404, 'not configured to accept leaf node connections')
  }
  if (kind === 'mqtt' && !rules.hasMqtt) return refused(404, 'mqtt websocket endpoint not enabled')
  if (method !== 'GET') return refused(405, 'request method must be GET')
  if (!headers.host) return refused(400, "'Host' missing in request")
  if (!hasToken(headers.upgrade, 'websocket')) {
    return refused(400, "invalid value for header 'Upgrade'")
  }
  if (!hasToken(headers.connection, 'upgrade')) {
    return refused(400, "invalid value for header 'Connection'")
  }
  const key = headers['sec-websocket-key'] ?? ''
  if (key === '') return refused(400, 'key missing')
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) return refused(400, 'invalid websocket key')
  if (!hasToken(headers['sec-websocket-version'], '13')) return refused(400, 'invalid version')
  const problem = originProblem(headers.origin ?? '', headers.host, rules)
  if (problem !== null) return refused(403, `origin not allowed: ${problem}`)
  return { is: 'accepted', kind }
}

function kindOf(path: string): UpgradeKind {
  if (path.endsWith('/leafnode')) return 'leaf'
  return path.endsWith('/mqtt') ? 'mqtt' : 'client'
}

/** The address a proxy in front says it forwards for; '' when it says none that is one. */
export function forwardedFor(headers: IncomingMessage['headers']): string {
  const value = headers['x-forwarded-for'] ?? ''
  const first = (Array.isArray(value) ? value.join() : value).split(',')[0]?.trim() ?? ''
  const kind = isIP(first)
  return kind === 0 ? '' : kind === 6 ? `[${first}]` : first
}

function refused(status: number, why: string): Verdict {
  return { is: 'refused', status, why }
}

function hasToken(header: string | undefined, token: string): boolean {
  return (header ?? '').split(',').some(one => one.trim().toLowerCase() === token)
}

/** Who sends no origin is no browser, and could send whatever it liked. */
function originProblem(origin: string, host: string, rules: UpgradeRules): string | null {
  const { sameOrigin, allowedOrigins, isSecure } = rules
  if (origin === '' || (!sameOrigin && allowedOrigins.length === 0)) return null
  const from = originOf(origin)
  if (from === null) return 'invalid origin'
  if (sameOrigin && from !== originOf(`${isSecure ? 'https' : 'http'}://${host}`)) {
    return 'not same origin'
  }
  if (allowedOrigins.length > 0 && !allowedOrigins.some(one => originOf(one) === from)) {
    return 'not in the allowed list'
  }
  return null
}

/** scheme://host[:port] in lower case, without the scheme's own port; null when it is no URL. */
function originOf(text: string): string | null {
  const url = URL.parse(text)
  return url === null ? null : `${url.protocol}//${url.host}`
}
