// The config grammar: rows of text and the tree it means, or its error with the place.
// conf-peer.test.ts asks the real nats-server about the same rows.

import * as assert from 'uvu/assert'
import {
  type ConfSource,
  fileBytesMax,
  includeDepthMax,
  includesMax,
  nestingMax,
  nodesMax,
  parseConfFile,
  parseConfText,
} from '../../src/server/conf.ts'
import type { ConfNode } from '../../src/server/option.ts'
import { spec } from '../support/spec.ts'
import { bad, good } from './conf-rows.ts'

const noFiles: ConfSource = { read: path => new Error(`open ${path}: no such file`), env: {} }

function plain(node: ConfNode): unknown {
  if (node.is === 'list') return node.items.map(plain)
  if (node.is !== 'map') return node.value
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plain(entry.node)]))
}

/** The tree as plain values, or `line:col: text`. */
function parse(text: string, source: ConfSource = noFiles): unknown {
  const parsed = parseConfText(text, source, 'f')
  if (parsed.is === 'parsed') return plain(parsed.root)
  const { place, text: why } = parsed.problem
  return `${place.file === 'f' ? '' : `${place.file}:`}${place.line}:${place.column}: ${why}`
}

function files(table: Record<string, string>, env: Record<string, string> = {}): ConfSource {
  return {
    read: path => table[path] ?? new Error(`open ${path}: no such file or directory`),
    env,
  }
}

spec('config grammar', it => {
  for (const [text, tree] of good) {
    it(`reads ${JSON.stringify(text)}`, () => assert.equal(parse(text), tree))
  }
  for (const [text, error] of bad) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.is(parse(text), error))
  }
})

spec('config variables', it => {
  const env = { MAXP: '1MB', NAME: 'pi', SELF: '$SELF', A: '$B', B: '$A', C: '$NAME', BAD: '{' }
  it('reads an environment variable as a value', () => {
    assert.equal(parse('m: $MAXP\nn: $NAME\nc: $C', files({}, env)), {
      m: 1048576,
      n: 'pi',
      c: 'pi',
    })
  })
  it('prefers what the file says', () => {
    assert.equal(parse('NAME: x\nn: $NAME', files({}, env)), { NAME: 'x', n: 'x' })
  })
  it('refuses cycles in the environment', () => {
    for (const name of ['SELF', 'A']) {
      assert.match(String(parse(`x: $${name}`, files({}, env))), /variable reference cycle/)
    }
  })
  it('names the variable that cannot be parsed, not its text', () => {
    assert.is(
      parse('x: $BAD', files({}, env)),
      "1:1: variable reference for 'BAD' on line 1 could not be parsed: Unexpected EOF processing map.",
    )
  })
  it('marks what is referred to', () => {
    const parsed = parseConfText('x: 1\ny: $x\nz: 2', noFiles)
    assert.ok(parsed.is === 'parsed')
    assert.equal(
      [...parsed.root.entries.values()].map(entry => entry.referenced),
      [true, false, false],
    )
  })
})

spec('config includes', it => {
  it('merges a file at the top and in a map, relative to the file', () => {
    const source = files({
      '/etc/n/main.conf': 'a: 1\ninclude ./users.conf\nm { include "sub/m.conf"; y: 2 }\nz: $u',
      '/etc/n/users.conf': 'u: 9\n',
      '/etc/n/sub/m.conf': 'x: 1\ninclude deep.conf',
      '/etc/n/sub/deep.conf': 'd: 3',
    })
    const parsed = parseConfFile('/etc/n/main.conf', source)
    assert.ok(parsed.is === 'parsed')
    assert.equal(plain(parsed.root), { a: 1, u: 9, m: { x: 1, d: 3, y: 2 }, z: 9 })
  })
  it('says where a missing file was wanted', () => {
    assert.is(
      parse('a: 1\n  include nope.conf'),
      "2:11: error parsing include file 'nope.conf', open nope.conf: no such file",
    )
  })
  it('places an error in the file where it is', () => {
    assert.is(
      parse('include sub/x.conf', files({ 'sub/x.conf': '\na: .5' })),
      'sub/x.conf:2:4: Floats must start with a digit',
    )
  })
  it('refuses a file that includes itself by way of another', () => {
    const source = files({ 'a.conf': 'include b.conf', 'b.conf': 'include a.conf' })
    const parsed = parseConfFile('a.conf', source)
    assert.ok(parsed.is === 'failed')
    assert.match(parsed.problem.text, /the file includes itself/)
    assert.is(parsed.problem.place.file, 'b.conf')
  })
  it('does not show an included file our variables, as nats-server', () => {
    assert.match(
      String(parse('x: 1\ninclude a.conf', files({ 'a.conf': 'y: $x' }))),
      /variable reference for 'x' on line 1 can not be found/,
    )
  })
})

function chain(length: number): ConfSource {
  const table: Record<string, string> = {}
  for (let i = 1; i <= length; i++) table[`${i}`] = i < length ? `include "${i + 1}"` : 'x: 1'
  return files(table)
}

spec('config bounds', it => {
  const deep = (n: number) => `a: ${'['.repeat(n)}${']'.repeat(n)}`
  it('nests up to the limit and not past it', () => {
    assert.type(parse(deep(nestingMax)), 'object')
    assert.match(String(parse(deep(nestingMax + 1))), /nested deeper than/)
    assert.match(String(parse(`${'a{'.repeat(50)}${'{'.repeat(100_000)}`)), /^1:/)
  })
  it('includes up to the depth and not past it', () => {
    assert.equal(parse('include "1"', chain(includeDepthMax + 1)), { x: 1 })
    assert.match(String(parse('include "1"', chain(includeDepthMax + 2))), /nest deeper than/)
  })
  it('includes up to the count and not past it', () => {
    const many = (n: number) => 'include x\n'.repeat(n)
    assert.equal(parse(many(includesMax + 1), files({ x: 'y: 1' })), { y: 1 })
    assert.match(
      String(parse(many(includesMax + 2), files({ x: 'y: 1' }))),
      /more than \d+ includes/,
    )
  })
  it('takes a file up to the size and not past it', () => {
    assert.equal(parse(`#${'x'.repeat(fileBytesMax - 1)}`), {})
    assert.match(String(parse(`#${'x'.repeat(fileBytesMax)}`)), /too large/)
  })
  it('bounds what variables expand to', () => {
    const lines = ['a0: [1,1,1,1,1,1,1,1,1,1]']
    for (let i = 1; i < 20; i++) lines.push(`a${i}: [${`$a${i - 1},`.repeat(10)}]`)
    assert.match(String(parse(lines.join('\n'))), /more than \d+ values/)
    const list = (n: number) => `l: [${'1,'.repeat(n)}]`
    assert.type(parse(list(nodesMax - 2)), 'object')
    assert.match(String(parse(list(nodesMax - 1))), /more than \d+ values/)
  })
})
