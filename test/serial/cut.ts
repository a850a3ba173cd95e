// Cuts a stream of bytes into chunks in every way a test needs, always the same ways.

/** Numbers between 0 and 1 that are the same in every run (mulberry32). */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Whole, byte by byte, and in `ways` random cuts. */
export function cuts(bytes: Buffer, ways = 25): Buffer[][] {
  const all = [[bytes], [...bytes].map(byte => Buffer.of(byte))]
  for (let way = 0; way < ways; way++) {
    const next = random(way + 1)
    const longest = 1 + Math.floor(next() * 40)
    const chunks: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + Math.floor(next() * longest)
      chunks.push(bytes.subarray(at, end))
      at = end
    }
    all.push(chunks)
  }
  return all
}
