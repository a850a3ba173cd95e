// The README's feature table: each row has a test, and it is the table that is made.

import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { edgeBlock } from '../../edge/options.ts'
import { tlsServerBlock } from '../../src/server/tls-options.ts'
import type { Block } from '../../src/server/option.ts'
import { features, withFeatures } from '../support/features.ts'
import { spec } from '../support/spec.ts'

/** Keys of what is not here. */
const missing: readonly (readonly [Block, string])[] = [
  [edgeBlock, 'gateway'],
  [edgeBlock, 'proxies'],
  [edgeBlock, 'proxy_protocol'],
  [edgeBlock, 'ocsp'],
  [tlsServerBlock, 'cert_store'],
]

spec('features', it => {
  it('stand in the README as they are made', () => {
    const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    const made = withFeatures(text)
    assert.ok(made !== null, 'README.md has no feature markers')
    assert.is(text, made, 'run: node test/support/features.ts --write')
  })

  it('have a test each, and a note where they differ', () => {
    for (const { name, here, note, test } of features) {
      const [file, text] = test
      const source = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
      assert.ok(source.includes(text), `${name}: ${file} has no "${text}"`)
      assert.is(here === 'yes', note === '', `${name}: a note says how it differs`)
    }
  })

  it('that are missing are refused with a reason', () => {
    for (const [block, key] of missing) {
      const row = block[key]
      assert.is(row?.type, 'unsupported', key)
      assert.match(row?.about ?? '', /\w+ .*\.$/, key)
    }
  })
})
