// Distinguished names: as certificates have them and as users are called after them (RFC 2253,
// RFC 4514, and what nats-server takes of it). Types do not care for case, values do.

/** `type=value`. */
export interface Attribute {
  readonly type: string
  readonly value: string
}

/** Relative names, each of one attribute or more that stand in no order. */
export type DistinguishedName = readonly (readonly Attribute[])[]

/** Types by their OID. Names with others are not compared. */
export const attributeTypes: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.5', 'SERIALNUMBER'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'STREET'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.17', 'POSTALCODE'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
])

const escapable = ' "#+,;<=>\\'

/** Reads `CN=a,O=b+OU=c`; null when it is no such name. */
export function parseName(text: string): DistinguishedName | null {
  const names: Attribute[][] = []
  let name: Attribute[] = []
  let at = 0
  while (at < text.length) {
    const type = readPiece(text, at, '=')
    if (type === null || type.text === '' || text[type.end] !== '=') return null
    // Values that are BER in hex nobody compares.
    if (text[type.end + 1] === '#') return null
    const value = readPiece(text, type.end + 1, ',+')
    if (value === null) return null
    name.push({ type: type.text, value: value.text })
    if (text[value.end] !== '+') {
      names.push(name)
      name = []
    }
    at = value.end + 1
  }
  return names.length === 0 || name.length > 0 ? null : names
}

/** Up to one of `ends`, without escapes and the blanks around it. */
function readPiece(
  text: string,
  from: number,
  ends: string,
): { readonly text: string; readonly end: number } | null {
  const bytes: number[] = []
  let at = from
  let length = 0
  while (text[at] === ' ') at++
  for (; at < text.length && !ends.includes(text[at] as string); at++) {
    if (text[at] !== '\\') {
      bytes.push(...Buffer.from(String.fromCodePoint(text.codePointAt(at) as number)))
      if ((text.codePointAt(at) as number) > 0xffff) at++
      if (text[at] !== ' ') length = bytes.length
      continue
    }
    const next = text[at + 1] ?? ''
    if (next !== '' && escapable.includes(next)) {
      bytes.push(next.charCodeAt(0))
      at++
    } else {
      const hex = text.slice(at + 1, at + 3)
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) return null
      bytes.push(Number.parseInt(hex, 16))
      at += 2
    }
    length = bytes.length
  }
  return { text: Buffer.from(bytes.slice(0, length)).toString('utf8'), end: at }
}

/** Names that mean the same have the same key; with `isSorted` in whatever order they stand. */
export function nameKey(name: DistinguishedName, isSorted: boolean): string {
  const keys = name.map(attributes =>
    attributes
      .map(({ type, value }) => JSON.stringify([type.toUpperCase(), value]))
      .sort()
      .join('+'),
  )
  return (isSorted ? keys.sort() : keys).join(',')
}

/** A value as Go writes it. */
export function escapedValue(value: string): string {
  const last = value.length - 1
  return [...value]
    .map((char, i) => {
      const isEscaped =
        ',+"\\<>;'.includes(char) ||
        (char === ' ' && (i === 0 || i === last)) ||
        (char === '#' && i === 0)
      return isEscaped ? `\\${char}` : char
    })
    .join('')
}
