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

const good: readonly (readonly [string, unknown])[] = [
  ['', {}],
  ['# only a comment', {}],
  ['port: 4222', { port: 4222 }],
  ['port = 4222', { port: 4222 }],
  ['port 4222', { port: 4222 }],
  ['port\n: 4222', { port: 4222 }],
  ['"port": 4222', { port: 4222 }],
  ["'port': 4222", { port: 4222 }],
  ['{ "port": 4222 }', { port: 4222 }],
  ['{\n "port": 4222,\n "debug": true\n}\n', { port: 4222, debug: true }],
  ['\ufeffport: 1', { port: 1 }],
  ['a: 1; b: 2, c: 3\nd: 4', { a: 1, b: 2, c: 3, d: 4 }],
  ['a: 1 # x\n// y\nb: 2 // z', { a: 1, b: 2 }],
  ['a: 1\r\nb: 2\r\n', { a: 1, b: 2 }],
  ['a: 1\na: 2', { a: 2 }],
  ['cluster {\n name: x\n port: 1 }', { cluster: { name: 'x', port: 1 } }],
  ['cluster\n{\n}', { cluster: {} }],
  ['m { a: 1; b: 2, c: 3\n # d\n e 4 }', { m: { a: 1, b: 2, c: 3, e: 4 } }],
  ['m { a:\n 1 }', { m: { a: 1 } }],
  ['l: []', { l: [] }],
  ['l: [1, 2, 3]', { l: [1, 2, 3] }],
  ['l: [1, 2,]', { l: [1, 2] }],
  ['l [\n 1 # x\n // y\n 2\n 3, \n]', { l: [1, 2, 3] }],
  ['l: [{a: 1}, {b: [x, "y"]}]', { l: [{ a: 1 }, { b: ['x', 'y'] }] }],
  ['b: [true, False, YES, no, On, off]', { b: [true, false, true, false, true, false] }],
  ['b: "true"', { b: 'true' }],
  ['n: [0, -1, 007]', { n: [0, -1, 7] }],
  ['n: [1k, 1kb, 1KI, 1KiB]', { n: [1000, 1024, 1024, 1024] }],
  ['n: [1m, 1mb, 2g, 2GiB]', { n: [1e6, 1048576, 2e9, 2147483648] }],
  ['n: [1t, 1tib, 1p, 1pb, 1e]', { n: [1e12, 2 ** 40, 1e15, 2 ** 50, 1e18] }],
  ['n: -5k', { n: -5000 }],
  ['n: 9223372036854775807', { n: Number(9223372036854775807n) }],
  ['n: -9223372036854775808', { n: -(2 ** 63) }],
  ['n: 2m', { n: 2_000_000 }],
  ['n: [30s, 1h, 500ms, 1h30m]', { n: ['30s', '1h', '500ms', '1h30m'] }],
  // nats-server fails on this one: the digit ends its number.
  ['n: 1m30s', { n: '1m30s' }],
  ['n: [1.5, -0.25, 10.0]', { n: [1.5, -0.25, 10] }],
  ['a: [1.2.3.4, 127.0.0.1:4222]', { a: ['1.2.3.4', '127.0.0.1:4222'] }],
  ['a: localhost:4222', { a: 'localhost:4222' }],
  ['a: nats://h:1/x', { a: 'nats://h:1/x' }],
  ['a: 4222abc', { a: '4222abc' }],
  ['d: 2016-05-04T18:53:41Z', { d: new Date('2016-05-04T18:53:41Z') }],
  ['s: foo.*.>', { s: 'foo.*.>' }],
  ['s: #fff', { s: '#fff' }],
  ["s: 'a\\tb'", { s: 'a\\tb' }],
  ["s: 'a\nb'", { s: 'a\nb' }],
  ['s: "a\\tb\\n\\r\\"\\\\"', { s: 'a\tb\n\r"\\' }],
  ['s: "\\x41\\xc3\\xa9"', { s: 'Aé' }],
  ['s: a\\x41b', { s: 'aAb' }],
  ['s: ""', { s: '' }],
  ['s: "über"', { s: 'über' }],
  ['s: (\neyJ\nabc\n)\nn: 1', { s: '\neyJ\nabc\n', n: 1 }],
  ['s: (x)y\n)', { s: 'x)y\n' }],
  ['p: $2a$11$abc', { p: '$2a$11$abc' }],
  ['x: 5\ny: $x', { x: 5, y: 5 }],
  ['x: 5\nm { x: 6, y: $x }\nz: $x', { x: 5, m: { x: 6, y: 6 }, z: 5 }],
  ['x: 5\nl: [{ y: $x }]', { x: 5, l: [{ y: 5 }] }],
  ['m: {a: 1}\nn: $m', { m: { a: 1 }, n: { a: 1 } }],
  ['include: x', { include: 'x' }],
]

const bad: readonly (readonly [string, string])[] = [
  ['port', '1:1: config is invalid: "port" has no value'],
  ['port:', '1:1: config is invalid: "port" has no value'],
  ['port:\n4222', '1:6: Expected value but found new line'],
  [
    'port: 1.5MB',
    "1:10: Expected a top-level value to end with a new line, comment or EOF, but got 'M' instead.",
  ],
  [
    'a: 1 b: 2',
    "1:6: Expected a top-level value to end with a new line, comment or EOF, but got 'b' instead.",
  ],
  [
    'a: 1 }',
    "1:6: Expected a top-level value to end with a new line, comment or EOF, but got '}' instead.",
  ],
  ['}', "1:1: Expected a key but got '}'."],
  [': 1', "1:1: Unexpected key separator ':'."],
  ['m {\n a: 1\n', '3:1: Unexpected EOF processing map.'],
  [
    'm { a: 1 b: 2 }',
    "1:10: Expected a map value terminator ',' or a map terminator '}', but got 'b' instead.",
  ],
  ['m { a: }', "1:8: Expected value but found '}'"],
  ['m { ] }', "1:5: Unexpected array end ']' processing map."],
  ['l: [1, 2', '1:9: Unexpected EOF processing array.'],
  ['l: [,1]', "1:5: Unexpected array value terminator ','."],
  [
    'l: [1 2]',
    "1:7: Expected an array value terminator ',' or an array terminator ']', but got '2' instead.",
  ],
  ['n: 9223372036854775808', "1:4: integer '9223372036854775808' is out of the range"],
  ['n: -9223372036854775809', "1:4: integer '-9223372036854775809' is out of the range"],
  ['n: 10e', "1:4: integer '10e' is out of the range"],
  ['n: 1kbb', "1:4: unknown unit 'kbb' in '1kbb'"],
  ['n: .5', '1:4: Floats must start with a digit'],
  ['n: -.5', "1:5: Floats must start with a digit, not '.'."],
  ['n: -x', "1:5: Expected a digit but got 'x'."],
  ['n: 1.x', "1:6: Floats must have a digit after the '.', but got 'x' instead."],
  ['d: 2016-05-04', '1:4: All ISO8601 dates must be in full Zulu form.'],
  [
    'd: 2016-13-04T18:53:41Z',
    "1:4: expected Zulu formatted DateTime, but got '2016-13-04T18:53:41Z'",
  ],
  [
    'd: 2015-02-29T18:53:41Z',
    "1:4: expected Zulu formatted DateTime, but got '2015-02-29T18:53:41Z'",
  ],
  ['s: "abc', '1:4: Unexpected EOF: the " is never closed.'],
  ["s: 'abc", "1:4: Unexpected EOF: the ' is never closed."],
  [
    's: "a\\qb"',
    "1:6: Invalid escape character 'q'. Only the following escape characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.",
  ],
  ['s: "\\x4"', "1:5: Expected two hexadecimal digits after '\\x'"],
  ['s: (\nabc\n', '1:4: Unexpected EOF processing block.'],
  ['x: $NOPE', "1:1: variable reference for 'NOPE' on line 1 can not be found"],
  ['y: $x\nx: 1', "1:1: variable reference for 'x' on line 1 can not be found"],
  ['a: 1\n\nx: [$NOPE]', "3:5: variable reference for 'NOPE' on line 3 can not be found"],
  ['include [', "1:9: Expected include value but found '['"],
  ['include \n', '1:9: Expected include value but found new line'],
  ['a: 1\u0000b', '1:5: Unexpected NUL character'],
]

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

spec('config fuzz', it => {
  const pieces = [
    'a', 'port', ':', '=', ' ', '\n', '{', '}', '[', ']', ',', ';', '"', "'", '(', ')', '\n)\n', '#',
    '//', '$a', '$HOME', '\\x41', '\\', '1', '-', '.5', '1.5', '2m', '1kb', '1.2.3.4:5', 'include x',
    '2016-05-04T18:53:41Z', 'true', 'é', '\u0000', '\ufeff', '\r', '\t',
  ] // biome-ignore format: a table
  it('never throws and always ends', () => {
    let state = 12345
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * n)
    }
    const source = files({ x: 'y: 1\n' }, { HOME: '/root' })
    let parsed = 0
    for (let i = 0; i < 20_000; i++) {
      const text = Array.from({ length: random(14) }, () => pieces[random(pieces.length)]).join('')
      const result = parseConfText(text, source, 'f')
      if (result.is === 'parsed') parsed++
      else assert.ok(result.problem.place.line >= 1 && result.problem.text !== '')
    }
    assert.ok(parsed > 500, `only ${parsed} parsed`)
  })
})
