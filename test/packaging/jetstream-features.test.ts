// The table of JetStream: everything nats-server has is in it, each row has a test that exists,
// and where it says that the test runs against a nats-server too, it does.

import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import * as assert from 'uvu/assert'
import { spec } from '../support/spec.ts'
import { areas, page, tableText } from '../support/jetstream-features/table.ts'

const root = new URL('../', import.meta.url)
const sources = new Map<string, string>()

function sourceOf(file: string): string {
  const text = sources.get(file) ?? readFileSync(new URL(file, root), 'utf8')
  sources.set(file, text)
  return text
}

const starts = /\b(startHub|pairFor|batchPairFor|natsServer|stories|besideNats|withPair)\b/

/** Does the file, or a test in its folder that has its rows, talk to a nats-server? */
function talksToNats(file: string): boolean {
  if (starts.test(sourceOf(file))) return true
  const folder = dirname(file)
  return readdirSync(new URL(folder, root))
    .filter(name => name.endsWith('.test.ts'))
    .map(name => sourceOf(`${folder}/${name}`))
    .some(text => text.includes(`/${basename(file)}'`) && starts.test(text))
}

spec('JetStream features', it => {
  it('stand in FEATURES.md as they are made', () => {
    const text = readFileSync(page, 'utf8')
    assert.is(text, tableText(), 'run: node test/support/jetstream-features/table.ts --write')
  })

  for (const { title, names, rows } of areas) {
    it(`${title}: everything has one row`, () => {
      assert.equal(rows.map(row => row.name).sort(), [...names].sort())
    })

    it(`${title}: every row has a test, and a note where it differs`, () => {
      for (const { name, here, note, test } of rows) {
        assert.is(here === 'yes', note === '', `${name}: a note says how it differs`)
        if (test === null) assert.is(here, 'no', `${name}: no test`)
        else assert.ok(sourceOf(test[0]).includes(test[1]), `${name}: ${test.join(' has no ')}`)
      }
    })

    it(`${title}: what says that it runs against nats-server does`, () => {
      for (const { name, test, isBoth } of rows) {
        if (isBoth) assert.ok(test && talksToNats(test[0]), `${name}: ${test?.[0]} talks to nobody`)
      }
    })
  }
})
