// Reading text and numbers out of bytes without making more than is needed.

declare global {
  // Node's own fast paths behind Buffer.toString: no encoding name to look up per call.
  interface Buffer {
    latin1Slice(start: number, end: number): string
    utf8Slice(start: number, end: number): string
  }
}

/**
 * The text of a byte range. ASCII, which nearly everything is, takes the cheap way; broken UTF-8
 * becomes U+FFFD.
 */
export function textAt(chunk: Buffer, start: number, end: number): string {
  for (let i = start; i < end; i++) {
    if ((chunk[i] as number) >= 0x80) return chunk.utf8Slice(start, end)
  }
  return chunk.latin1Slice(start, end)
}

/** A decimal number without sign; -1 when it is none or has more than nine digits. */
export function decimalAt(chunk: Buffer, start: number, end: number): number {
  const digits = end - start
  if (digits < 1 || digits > 9) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = (chunk[i] as number) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** Are the bytes from `start` on the same as all of `other`? */
export function startsWithAt(chunk: Buffer, start: number, other: Buffer): boolean {
  for (let i = 0; i < other.length; i++) {
    if (chunk[start + i] !== other[i]) return false
  }
  return true
}
