// Finds a byte string in a stream, one byte at a time, wherever the chunks are cut
// (Knuth–Morris–Pratt: never looks back at a byte).

export class Matcher {
  /** How many bytes of the pattern the last bytes are. */
  matched = 0
  readonly pattern: Buffer
  /** Where to go on after a mismatch behind so many matched bytes. */
  readonly #fallback: Uint16Array

  constructor(pattern: Buffer) {
    this.pattern = pattern
    this.#fallback = fallbackOf(pattern)
  }

  /** True when this byte completes the pattern. Occurrences do not overlap. */
  step(byte: number): boolean {
    const pattern = this.pattern
    let matched = this.matched
    while (matched > 0 && pattern[matched] !== byte) matched = this.#fallback[matched - 1] as number
    if (pattern[matched] === byte) matched++
    const whole = matched === pattern.length
    this.matched = whole ? 0 : matched
    return whole
  }

  reset(): void {
    this.matched = 0
  }
}

function fallbackOf(pattern: Buffer): Uint16Array {
  const fallback = new Uint16Array(pattern.length)
  for (let at = 1, matched = 0; at < pattern.length; at++) {
    while (matched > 0 && pattern[at] !== pattern[matched])
      matched = fallback[matched - 1] as number
    if (pattern[at] === pattern[matched]) matched++
    fallback[at] = matched
  }
  return fallback
}
