import * as assert from 'uvu/assert'
import { importsOf, violationsOf } from '../support/imports.ts'
import { spec } from '../support/spec.ts'

const of = (files: Record<string, string>) => violationsOf(new Map(Object.entries(files)))

spec('import check', it => {
  it('reads every form of import', () => {
    const text = `
import { a } from './a.ts'
import type { B } from './b.ts'
import {
  c,
} from '../wire/c.ts'
export * from './d.ts'
export type { E } from './e.ts'
import 'node:fs'
// import { no } from './no.ts'
const f = await import('./f.ts')
`
    assert.equal(
      importsOf('src/link/x.ts', text).map(({ to, typeOnly }) => `${typeOnly ? 'type ' : ''}${to}`),
      [
        'src/link/a.ts',
        'type src/link/b.ts',
        'src/wire/c.ts',
        'src/link/d.ts',
        'type src/link/e.ts',
        'node:fs',
        'src/link/f.ts',
      ],
    )
  })

  it('allows what the map allows', () => {
    const found = of({
      'src/message.ts': '',
      'src/base/clock.ts': '',
      'src/server/option.ts': '',
      'src/server/server.ts': "import { x } from '../base/clock.ts'",
      'edge/main.ts': "import { y } from './mqtt/y.ts'\nimport { z } from './store/db.ts'",
      'edge/mqtt/y.ts': "import { x } from '../../src/server/server.ts'",
      'edge/store/db.ts': "import Database from 'better-sqlite3'",
      'src/link/o.ts': "import type { Block } from '../server/option.ts'",
    })
    assert.equal(found, [])
  })

  const rows: [string, Record<string, string>, RegExp][] = [
    [
      'upward',
      { 'src/wire/a.ts': "import { b } from '../link/b.ts'", 'src/link/b.ts': '' },
      /imports go down only/,
    ],
    [
      'upward as a type',
      { 'src/wire/a.ts': "import type { b } from '../link/b.ts'", 'src/link/b.ts': '' },
      /imports go down only/,
    ],
    [
      'src to edge',
      { 'src/wire/a.ts': "import { b } from '../../edge/mqtt/b.ts'", 'edge/mqtt/b.ts': '' },
      /src never imports edge/,
    ],
    [
      'one room of edge to another',
      { 'edge/serial/a.ts': "import('../mqtt/b.ts')", 'edge/mqtt/b.ts': '' },
      /rooms do not know each other/,
    ],
    ['SQLite', { 'edge/store/a.ts': "import D from 'better-sqlite3'" }, /only edge\/store\/db.ts/],
    ['a missing extension', { 'src/wire/a.ts': "import { b } from './b'" }, /carry .ts/],
    ['a missing file', { 'src/wire/a.ts': "import { b } from './b.ts'" }, /does not exist/],
    ['a bare builtin', { 'src/wire/a.ts': "import { b } from 'fs'" }, /write node:fs/],
    [
      'an unknown room',
      { 'src/attic/a.ts': '', 'src/wire/a.ts': "import '../attic/a.ts'" },
      /no room/,
    ],
    [
      'a circle',
      {
        'src/wire/a.ts': "import { b } from './b.ts'",
        'src/wire/b.ts': "import { a } from './a.ts'",
      },
      /in a circle: src\/wire\/a.ts -> src\/wire\/b.ts -> src\/wire\/a.ts/,
    ],
    ['a file of 501 lines', { 'src/wire/a.ts': '\n'.repeat(501) }, /501 lines/],
    [
      'a line of 101 columns',
      { 'src/wire/a.ts': 'a b'.repeat(33).concat('cd') },
      /longer than 100/,
    ],
    [
      'the program importing a test',
      { 'edge/a.ts': "import '../test/b.ts'", 'test/b.ts': '' },
      /imports test/,
    ],
  ]
  for (const [name, files, expected] of rows) {
    it(`finds ${name}`, () => {
      const found = of(files)
      assert.is(found.length, 1, found.join('\n'))
      assert.match(found[0] ?? '', expected)
    })
  }

  it('allows 500 lines and 100 columns', () => {
    assert.equal(of({ 'src/wire/a.ts': '\n'.repeat(500) }), [])
    assert.equal(of({ 'src/wire/a.ts': 'a b'.repeat(33).concat('c') }), [])
    assert.equal(of({ 'src/wire/a.ts': `const a = '${'a b'.repeat(33)}'` }), [])
  })
})
