// Any value under any option of any room: problems are reported, nothing throws, and the values
// that come out are complete.

import * as assert from 'uvu/assert'
import { edgeBlock, edgeProblems, withStoreFlags } from '../../edge/options.ts'
import { loadConfig } from '../../src/server/config.ts'
import type { Block, OptionRow } from '../../src/server/option.ts'
import { spec } from '../support/spec.ts'

const values = [
  '1', '-1', '0', '1.5', 'true', 'x', '""', "'a b'", '"2m"', '2m', '1kb', '[]', '{}', '[1]',
  '[x, "y", 2]', '[[]]', '[{}]', '{ a: 1 }', '{ allow: 1, deny: [2] }', '2016-05-04T18:53:41Z',
  '"127.0.0.1:1"', '"* * * * *"', '">"', '"a..b"', '"\\x00"', '9223372036854775807', '"{port}"',
  '{ by: length }', '{ by: markers, start: "", end: "" }', 'always', '"nats://u:p@h:99999"',
] // biome-ignore format: a table

function blockOf(row: OptionRow): Block | undefined {
  return 'block' in row ? row.block : undefined
}

spec('any config', it => {
  let state = 4711
  const random = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T

  /** Some entries of a block; mostly of the right shape where a block is wanted. */
  const entries = (block: Block, depth: number): string => {
    const names = Object.keys(block)
    const lines = Array.from({ length: 1 + random(5) }, () => {
      const name = pick(names)
      const nested = blockOf(block[name] as OptionRow)
      if (!nested || depth === 0 || random(4) === 0) return `${name}: ${pick(values)}`
      const inner = `{ ${entries(nested, depth - 1)} }`
      return `${name}: ${random(2) === 0 ? inner : `[ ${inner} ]`}`
    })
    return lines.join('\n')
  }

  it('is answered, never thrown at', () => {
    let clean = 0
    for (let i = 0; i < 5000; i++) {
      const text = entries(edgeBlock, 3)
      const source = { read: () => text, env: {} }
      const flags = { config: 'f' }
      const { options, errors } = loadConfig(edgeBlock, flags, source)
      const finished = withStoreFlags(options, flags)
      edgeProblems(finished)
      assert.equal(Object.keys(options).length, Object.keys(complete).length, text)
      if (errors.length === 0) clean++
      for (const { place, text: why } of errors) assert.ok(place.line >= 1 && why !== '')
    }
    assert.ok(clean > 50, `only ${clean} without errors`)
  })
  const complete = loadConfig(edgeBlock, {}, { read: () => '', env: {} }).options
})
