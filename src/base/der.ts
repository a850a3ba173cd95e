// Reads what DER encodes: just enough for the names in a certificate (X.690). Bounded by the bytes
// there are; what does not fit ends the reading.

/** A value and where it stands. */
export interface DerValue {
  readonly tag: number
  readonly content: Buffer
}

export const derTags = { integer: 0x02, octets: 0x04, oid: 0x06, sequence: 0x30, set: 0x31 }

/** The values that stand one after the other; null where the bytes make no sense. */
export function derValues(bytes: Buffer): readonly DerValue[] | null {
  const values: DerValue[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] as number
    const first = bytes[at + 1]
    // No certificate has tags of more than one byte.
    if (first === undefined || (tag & 0x1f) === 0x1f) return null
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f
    if (lengthBytes > 4 || first === 0x80 || at + 2 + lengthBytes > bytes.length) return null
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes)
    const start = at + 2 + lengthBytes
    if (start + length > bytes.length) return null
    values.push({ tag, content: bytes.subarray(start, start + length) })
    at = start + length
  }
  return values
}

/** `2.5.4.3`; '' when it is none. */
export function oidText(bytes: Buffer): string {
  const parts: number[] = []
  let part = 0
  for (const byte of bytes) {
    part = part * 128 + (byte & 0x7f)
    if (part > Number.MAX_SAFE_INTEGER / 128) return ''
    if (byte < 0x80) {
      parts.push(part)
      part = 0
    }
  }
  const [head = 0, ...rest] = parts
  const root = Math.min(2, Math.floor(head / 40))
  return [root, head - root * 40, ...rest].join('.')
}

/** A string of any of its types; null when it is no string. */
export function derText({ tag, content }: DerValue): string | null {
  if (tag === 0x0c) return content.toString('utf8')
  // Numeric, printable, T61 and IA5 strings.
  if (tag === 0x12 || tag === 0x13 || tag === 0x14 || tag === 0x16)
    return content.toString('latin1')
  if (tag !== 0x1e || content.length % 2 !== 0) return null
  return Buffer.from(content).swap16().toString('utf16le')
}
