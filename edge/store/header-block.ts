// Lines of a header block that the store itself writes: `NATS/1.0\r\n<name>: <value>\r\n…\r\n`.
//
// Names are compared with case, and the first of a name counts, as nats-server does it.

const firstLine = 'NATS/1.0\r\n'

/** The value of a header; undefined when there is none. */
export function headerValue(block: Buffer, name: string): string | undefined {
  const [from, to] = valueRange(block, name)
  return from < 0 ? undefined : block.toString('utf8', from, to)
}

/** The block with a header set: in its place, or after all others. */
export function withHeader(block: Buffer, name: string, value: string): Buffer {
  const [from, to] = valueRange(block, name)
  const text = Buffer.from(value)
  if (from >= 0) return Buffer.concat([block.subarray(0, from), text, block.subarray(to)])
  const line = Buffer.from(`${name}: ${value}\r\n\r\n`)
  if (block.length === 0) return Buffer.concat([Buffer.from(firstLine), line])
  return Buffer.concat([block.subarray(0, block.length - 2), line])
}

/** The block without that header; empty when nothing else is in it. */
export function withoutHeader(block: Buffer, name: string): Buffer {
  const at = block.indexOf(`\r\n${name}:`)
  if (at < 0) return block
  const end = block.indexOf('\r\n', at + 2)
  if (end < 0) return block
  const rest = Buffer.concat([block.subarray(0, at), block.subarray(end)])
  return rest.length <= firstLine.length + 2 ? Buffer.alloc(0) : rest
}

/** Where its value stands; -1 when it is not there. */
function valueRange(block: Buffer, name: string): readonly [from: number, to: number] {
  const at = block.indexOf(`\r\n${name}:`)
  if (at < 0) return [-1, -1]
  let from = at + name.length + 3
  while (block[from] === 0x20) from++
  const to = block.indexOf('\r\n', from)
  return to < 0 ? [-1, -1] : [from, to]
}
