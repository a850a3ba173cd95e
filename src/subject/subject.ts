// Subjects and subject patterns: tokens separated by '.', '*' for one token, '>' for the rest.
// `foo>` and `fo*o` are literals, as nats-server treats them.

declare const brand: unique symbol
/** A subject without wildcards and without empty tokens. */
export type Subject = string & { readonly [brand]: 'subject' }
/** What can be subscribed to: tokens may be `*`, the last one `>`. */
export type Pattern = string & { readonly [brand]: 'pattern' }

/** Bytes a subject cannot hold: they end a token of the protocol line. */
const forbidden = /[ \t\r\n\f\0]/

/** Tokens of a subject or pattern: the trie of subscriptions is walked token by token. */
export const tokensMax = 1024

/** At most `tokensMax` tokens? */
export function isShallow(text: string): boolean {
  let tokens = 1
  for (let at = text.indexOf('.'); at >= 0; at = text.indexOf('.', at + 1)) {
    if (++tokens > tokensMax) return false
  }
  return true
}

/** No empty token, not too many of them, no white space, `>` only as the last token. */
export function isPattern(text: string): text is Pattern {
  if (text.length === 0 || forbidden.test(text)) return false
  const tokens = text.split('.')
  if (tokens.length > tokensMax) return false
  const last = tokens.length - 1
  return tokens.every((token, i) => token !== '' && (token !== '>' || i === last))
}

/** A pattern without wildcards. */
export function isSubject(text: string): text is Subject {
  return isPattern(text) && !hasWildcard(text)
}

/** True when some token is `*` or the last one is `>`. */
export function hasWildcard(text: string): boolean {
  for (let at = text.indexOf('*'); at >= 0; at = text.indexOf('*', at + 1)) {
    if (isWholeToken(text, at)) return true
  }
  const end = text.length - 1
  return text.charCodeAt(end) === 0x3e && isWholeToken(text, end)
}

function isWholeToken(text: string, at: number): boolean {
  const before = at === 0 || text.charCodeAt(at - 1) === 0x2e
  const after = at === text.length - 1 || text.charCodeAt(at + 1) === 0x2e
  return before && after
}

/** Does every subject that matches `inner` match `outer` too? Both may hold wildcards. */
export function covers(outer: string, inner: string): boolean {
  const o = outer.split('.')
  const i = inner.split('.')
  for (let at = 0; at < o.length; at++) {
    if (o[at] === '>') return i.length > at
    if (at >= i.length || i[at] === '>') return false
    if (o[at] !== '*' && o[at] !== i[at]) return false
  }
  return o.length === i.length
}

/** Is there a subject that matches both patterns? */
export function overlaps(a: string, b: string): boolean {
  const x = a.split('.')
  const y = b.split('.')
  for (let at = 0; ; at++) {
    if (at === x.length || at === y.length) return x.length === y.length
    if (x[at] === '>' || y[at] === '>') return true
    if (x[at] !== '*' && y[at] !== '*' && x[at] !== y[at]) return false
  }
}

/** Does a literal subject match the pattern? Allocates nothing. */
export function matches(pattern: string, subject: string): boolean {
  let p = 0
  let s = 0
  for (;;) {
    const pEnd = tokenEnd(pattern, p)
    if (pEnd === p + 1 && pattern.charCodeAt(p) === 0x3e && pEnd === pattern.length) return true
    const sEnd = tokenEnd(subject, s)
    const any = pEnd === p + 1 && pattern.charCodeAt(p) === 0x2a
    if (!any) {
      if (pEnd - p !== sEnd - s) return false
      for (let i = p, j = s; i < pEnd; i++, j++) {
        if (pattern.charCodeAt(i) !== subject.charCodeAt(j)) return false
      }
    }
    if (pEnd === pattern.length || sEnd === subject.length) {
      return pEnd === pattern.length && sEnd === subject.length
    }
    p = pEnd + 1
    s = sEnd + 1
  }
}

function tokenEnd(text: string, from: number): number {
  const dot = text.indexOf('.', from)
  return dot < 0 ? text.length : dot
}

/** Replies only the server itself may set (reference 3.4). */
export function isReservedReply(reply: string): boolean {
  const first = reply.charCodeAt(0)
  if (first !== 0x5f && first !== 0x24) return false
  return reply.startsWith('_R_.') || reply.startsWith('$JS.ACK.') || reply.startsWith('$GNR.')
}

/** More than `max` tokens; 0 is no limit. */
export function hasMoreTokens(subject: string, max: number): boolean {
  if (max === 0) return false
  let count = 1
  for (let dot = subject.indexOf('.'); dot >= 0; dot = subject.indexOf('.', dot + 1)) count++
  return count > max
}
