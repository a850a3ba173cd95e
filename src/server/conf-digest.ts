// The digest of a config: SHA-256 of its tree as JSON in Go's spelling (keys sorted by their bytes,
// <, > and & escaped, a line end after it). Comments and layout do not change it; the same file
// has the same digest in nats-server 2.11 and later, byte for byte (test/peer/digest.test.ts).

import { createHash, type Hash } from 'node:crypto'
import type { ConfMap } from './conf.ts'
import { parseInteger } from './conf-scalar.ts'
import type { ConfNode } from './option.ts'

/** `sha256:<hex>` */
export function configDigest(root: ConfMap): string {
  const hash = createHash('sha256')
  add(root, hash)
  hash.update('\n')
  return `sha256:${hash.digest('hex')}`
}

/** Recursion ends at the depth that the parser allows. */
function add(node: ConfNode, hash: Hash): void {
  switch (node.is) {
    case 'string':
      hash.update(text(node.value))
      return
    case 'integer':
      hash.update(integer(node.value, node.text))
      return
    case 'float':
      hash.update(float(node.value))
      return
    case 'boolean':
      hash.update(String(node.value))
      return
    case 'date':
      hash.update(`"${node.value.toISOString().replace('.000Z', 'Z')}"`)
      return
    case 'list':
      node.items.forEach((item, i) => {
        hash.update(i === 0 ? '[' : ',')
        add(item, hash)
      })
      hash.update(node.items.length === 0 ? '[]' : ']')
      return
    case 'map': {
      const keys = [...node.entries.keys()].sort((a, b) => Buffer.compare(bytes(a), bytes(b)))
      hash.update('{')
      keys.forEach((key, i) => {
        hash.update(`${i === 0 ? '' : ','}${text(key)}:`)
        add((node.entries.get(key) as { node: ConfNode }).node, hash)
      })
      hash.update('}')
      return
    }
    default:
      node satisfies never
  }
}

function bytes(key: string): Buffer {
  return Buffer.from(key)
}

function text(value: string): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029\ufffd]/g,
    c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Beyond 2^53 the number has lost digits that the spelling still has. */
function integer(value: number, spelling: string): string {
  if (Number.isSafeInteger(value)) return String(value)
  return /^-?\d+$/.test(spelling) ? String(BigInt(spelling)) : String(wide(spelling))
}

function wide(spelling: string): bigint {
  const digits = /^-?\d+/.exec(spelling)?.[0] ?? '0'
  const unit = parseInteger(`1${spelling.slice(digits.length)}`)
  return BigInt(digits) * BigInt(typeof unit === 'number' ? unit : 1)
}

/** As encoding/json: exponents from 1e21 and below 1e-6, like JavaScript but for -0. */
function float(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}
