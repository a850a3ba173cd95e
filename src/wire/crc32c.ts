// CRC-32C (RFC 3720, appendix B.4), as the frames of snappy and S2 carry it.

const polynomial = 0x82f63b78
/** Four bytes a step: the tables of a byte that stands 0, 1, 2 and 3 places before the end. */
let tables: readonly Uint32Array[] | null = null

/** The tables are made when they are needed first. */
export function crc32c(bytes: Buffer): number {
  tables ??= makeTables()
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  let crc = 0xffffffff
  let at = 0
  for (const end = bytes.length - 3; at < end; at += 4) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    crc =
      (t3[crc & 0xff] as number) ^
      (t2[(crc >>> 8) & 0xff] as number) ^
      (t1[(crc >>> 16) & 0xff] as number) ^
      (t0[crc >>> 24] as number)
  }
  for (; at < bytes.length; at++) {
    crc = (t0[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8)
  }
  return (crc ^ 0xffffffff) >>> 0
}

/** As the frames want it, so that a checksum of checksums is worth something. */
export function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

function makeTables(): readonly Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, n) => {
    let value = n
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    return value
  })
  const made = [first]
  for (let place = 1; place < 4; place++) {
    const before = made[place - 1] as Uint32Array
    made.push(before.map(value => (first[value & 0xff] as number) ^ (value >>> 8)))
  }
  return made
}
