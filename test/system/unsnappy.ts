// Reads snappy's framing format; throws at whatever is wrong in it, checksums too.

import { crc32c, masked } from '../../src/wire/crc32c.ts'

const identifier = 'ff060000734e61507059'

export function unsnappy(stream: Buffer): Buffer {
  if (stream.toString('hex', 0, 10) !== identifier) throw new Error('no stream identifier')
  const parts: Buffer[] = []
  for (let at = 10; at < stream.length; ) {
    const type = stream[at]
    const end = at + 4 + stream.readUIntLE(at + 1, 3)
    if (end > stream.length) throw new Error('chunk goes past the end')
    const data = stream.subarray(at + 8, end)
    const plain = type === 1 ? data : type === 0 ? block(data) : null
    if (plain === null) throw new Error(`chunk type ${type}`)
    if (masked(crc32c(plain)) !== stream.readUInt32LE(at + 4)) throw new Error('checksum')
    parts.push(plain)
    at = end
  }
  return Buffer.concat(parts)
}

function block(data: Buffer): Buffer {
  let at = 0
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const byte = data[at++] as number
    length |= (byte & 0x7f) << shift
    if (byte < 0x80) break
  }
  const out: number[] = []
  while (at < data.length) {
    const tag = data[at++] as number
    if ((tag & 3) === 0) {
      const code = tag >> 2
      const extra = Math.max(0, code - 59)
      const bytes = (extra === 0 ? code : data.readUIntLE(at, extra)) + 1
      at += extra
      for (const byte of data.subarray(at, at + bytes)) out.push(byte)
      at += bytes
      continue
    }
    const isShort = (tag & 3) === 1
    const size = isShort ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1
    const wide = (tag & 3) === 3 ? 4 : isShort ? 1 : 2
    const distance = data.readUIntLE(at, wide) | (isShort ? (tag >> 5) << 8 : 0)
    at += wide
    for (let i = 0; i < size; i++) out.push(out[out.length - distance] as number)
  }
  if (out.length !== length) throw new Error(`${out.length} bytes instead of ${length}`)
  return Buffer.from(out)
}
