// The README's option table is what the checker knows.

import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { edgeBlock } from '../../edge/options.ts'
import type { Block } from '../../src/server/option.ts'
import { optionTables, withTables } from '../support/option-table.ts'
import { spec } from '../support/spec.ts'

spec('option table', it => {
  it('stands in the README as it is made', () => {
    const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    const made = withTables(text)
    assert.ok(made !== null, 'README.md has no option markers')
    assert.is(text, made, 'run: node test/support/option-table.ts --write')
  })
  it('has one sentence for every option', () => {
    const look = (block: Block) => {
      for (const [name, row] of Object.entries(block)) {
        assert.match(row.about, /^[A-Z`$].*\.$|^host:port .*\.$/, name)
        if ('block' in row && row.block) look(row.block)
      }
    }
    look(edgeBlock)
  })
  it('knows no name twice in a block', () => {
    const look = (block: Block) => {
      const names = Object.entries(block).flatMap(([name, row]) => [name, ...(row.aliases ?? [])])
      assert.is(new Set(names).size, names.length, names.join())
      for (const row of Object.values(block)) if ('block' in row && row.block) look(row.block)
    }
    look(edgeBlock)
  })
  it('shows no option that is refused', () => {
    assert.not.match(optionTables(), /^\| `gateway`/m)
  })
})
