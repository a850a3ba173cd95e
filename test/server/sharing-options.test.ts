// Mistakes in exports, imports and mappings: the texts are those of nats-server, which refuses the
// same files with the same words.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { checkConfig } from '../../src/server/check.ts'
import { parseConfText } from '../../src/server/conf.ts'
import { serverBlock } from '../../src/server/options.ts'
import { scratch } from '../support/directory.ts'
import { type NatsVersion, natsServer } from '../support/peers.ts'
import { spec } from '../support/spec.ts'

const a = (inside: string) => `A { users: [{ user: a, password: pw }], ${inside} }`
const b = (inside: string) => `B { users: [{ user: b, password: pw }], ${inside} }`
const c = (inside: string) => `C { users: [{ user: c, password: pw }], ${inside} }`
const all = (...accounts: string[]) => `accounts {\n${accounts.join('\n')}\n}\n`
const exporting = (inside: string) => all(a(`exports: [{ ${inside} }]`))
const importing = (inside: string, exports = '{ stream: "s.>" }, { service: "q.*" }') =>
  all(a(`imports: [{ ${inside} }]`), b(`exports: [${exports}]`))
const mapping = (inside: string) => all(a(`mappings: { ${inside} }`))

/** A config and the first thing that is wrong with it. */
const rows: readonly (readonly [string, string])[] = [
  [all(a('exports: s')), 'Exports should be an array, got string'],
  [all(a('exports: [s]')), 'Export Items should be a map with type entry, got string'],
  [exporting('stream: 1'), 'Expected stream name to be string, got int64'],
  [exporting('service: q, response: often'), 'Unknown response type: "often"'],
  [exporting('service: q, response: 1'), 'Expected response type to be string, got int64'],
  [
    exporting('service: q, threshold: soon'),
    'Expected response threshold to be a parseable time duration, got "soon"',
  ],
  [
    exporting('service: q, threshold: 1'),
    'Expected response threshold to be a parseable time duration, got int64',
  ],
  [exporting('stream: s, response: stream'), 'Detected response directive on non-service'],
  [exporting('stream: s, latency: l'), 'Detected latency directive on non-service'],
  [
    exporting('service: q, latency: 1'),
    'Expected latency entry to be a map/struct or string, got int64',
  ],
  [exporting('service: q, latency: { sampling: 5 }'), 'Latency subject required, but missing'],
  [
    exporting('service: q, latency: { subject: l, sampling: 101 }'),
    'bad sampling percentage, should be 1-100',
  ],
  [
    exporting('service: q, latency: { subject: l, sampling: some }'),
    'Failed to parse latency sample: strconv.Atoi: parsing "some": invalid syntax',
  ],
  [
    exporting('service: q, latency: "l.*"'),
    'Error adding service latency sampling for "q" on subject "l.*": invalid publish subject',
  ],
  [
    exporting('service: q, latency: q'),
    'Error adding service latency sampling for "q" on subject "q": invalid publish subject',
  ],
  [
    exporting('service: q, latency: l, response: stream'),
    'Error adding service latency sampling for "q" on subject "l": bad service response type',
  ],
  [exporting('stream: s, accounts: [X]'), '"X" account not defined for stream export'],
  [exporting('service: q, accounts: [X]'), '"X" account not defined for service export'],
  [
    exporting('stream: "s.*", account_token_position: 1'),
    'Error adding stream export "s.*": sublist: invalid subject',
  ],
  [
    exporting('service: "q.*", account_token_position: 3'),
    'Error adding service export "q.*": sublist: invalid subject',
  ],
  [exporting('stream: s, color: red'), 'unknown field "color"'],
  [all(a('imports: s')), 'Imports should be an array, got string'],
  [all(a('imports: [s]')), 'Import Items should be a map with type entry, got string'],
  [importing('stream: s'), 'Stream entry should be an account map, got string'],
  [importing('service: s'), 'Service entry should be an account map, got string'],
  [importing('stream: { account: B }'), 'Expect an account name and a subject'],
  [importing('stream: { account: X, subject: s }'), '"X" account not defined for stream import'],
  [importing('service: { account: X, subject: s }'), '"X" account not defined for service import'],
  [
    importing('stream: { account: B, subject: t }'),
    'Error adding stream import "t": stream import not authorized',
  ],
  [
    importing('stream: { account: B, subject: ">" }'),
    'Error adding stream import ">": stream import not authorized',
  ],
  [
    importing('service: { account: B, subject: "q.>" }'),
    'Error adding service import "q.>": service import not authorized',
  ],
  [
    importing('stream: { account: B, subject: s.1 }', '{ stream: "s.>", accounts: [B] }'),
    'Error adding stream import "s.1": stream import not authorized',
  ],
  [
    importing(
      'stream: { account: B, subject: s.B.1 }',
      '{ stream: "s.*.>", account_token_position: 2 }',
    ),
    'Error adding stream import "s.B.1": stream import not authorized',
  ],
  [
    importing('stream: { account: B, subject: "s.>" }, prefix: "p.*"'),
    'Error adding stream import "s.>": stream import prefix can not contain wildcard tokens',
  ],
  [
    importing('stream: { account: B, subject: "s.*.*" }, to: "t.$1"'),
    'Error adding stream import "s.*.*": failed to create mapping transform for stream import subject from "s.*.*" to "t.$1": invalid mapping destination: not using all of the token wildcard(s) in t.$1',
  ],
  [
    importing('stream: { account: B, subject: "s.*" }, to: "t.{{partition(3,1)}}"'),
    'Error adding stream import "s.*": failed to create mapping transform for stream import subject from "s.*" to "t.{{partition(3,1)}}": invalid mapping destination: the only mapping function allowed for import transforms is {{Wildcard()}} in t.{{partition(3,1)}}'.replace(
      'in t.',
      'in ',
    ),
  ],
  [
    all(
      a(
        `imports: [{ stream: { account: B, subject: s } }, { stream: { account: B, subject: s }, to: t }]`,
      ),
      b('exports: [{ stream: s }]'),
    ),
    'Error adding stream import "s": stream import already exists',
  ],
  [
    all(
      a(
        `imports: [{ service: { account: B, subject: q } }, { service: { account: B, subject: r }, to: q }]`,
      ),
      b('exports: [{ service: q }, { service: r }]'),
    ),
    'Duplicate service import subject "q", previously used in import for account "B", subject "q"',
  ],
  [
    all(
      a('exports: [{ service: q }], imports: [{ service: { account: B, subject: q } }]'),
      b('exports: [{ service: q }], imports: [{ service: { account: A, subject: q } }]'),
    ),
    'Error adding service import "q": import forms a cycle',
  ],
  [
    all(
      a('exports: [{ stream: s }], imports: [{ stream: { account: B, subject: s } }]'),
      b('exports: [{ stream: s }], imports: [{ stream: { account: C, subject: s } }]'),
      c('exports: [{ stream: s }], imports: [{ stream: { account: A, subject: s } }]'),
    ),
    'Error adding stream import "s": import forms a cycle',
  ],
  [mapping('"a..b": c'), 'Subject "a..b" is not a valid subject'],
  [mapping('s: 1'), 'Expected an entry for the mapping destination'],
  [mapping('s: [t]'), 'Expected an entry for the mapping destination'],
  [mapping('s: [{ dest: t }]'), 'Missing weight for mapping destination "t"'],
  [mapping('s: [{ dest: t, weight: 101 }]'), 'Invalid weight 101 for mapping destination'],
  [mapping('s: [{ dest: t, weight: much }]'), 'Invalid weight "much" for mapping destination'],
  [
    mapping('s: [{ dest: t, weight: 60 }, { dest: u, weight: "60%" }]'),
    'Error adding mapping for "s" : total weight needs to be <= 100',
  ],
  [
    mapping('s: [{ dest: t, weight: 6 }, { dest: t, weight: 6 }]'),
    'Error adding mapping for "s" : duplicate entry for "t"',
  ],
  [
    mapping('s: [{ dest: t, weight: 6, color: red }]'),
    'Unknown field "color" for mapping destination',
  ],
  [
    mapping('s: "t.$1"'),
    'Error adding mapping for "s" to "t.$1" : invalid mapping destination: wildcard index out of range in $1',
  ],
  [
    mapping('"s.*": "t.{{nothing(1)}}"'),
    'Error adding mapping for "s.*" to "t.{{nothing(1)}}" : invalid mapping destination: unknown function in {{nothing(1)}}',
  ],
]

const good: readonly string[] = [
  exporting('service: q, response_time: "5s", latency: { subject: l, sampling: headers }'),
  exporting('service: q, accounts: [], allow_trace: true'),
  importing('stream: { account: B, subject: s.1 }, to: t, allow_trace: true'),
  importing('service: { account: B, subject: "q.*" }, to: "t.*", share: true'),
  mapping('s: [{ dest: t, weight: 100, cluster: east }, { dest: u, weight: 100, cluster: west }]'),
]

function errorsOf(text: string): readonly string[] {
  const parsed = parseConfText(text, { read: () => new Error('no files'), env: {} })
  assert.is(parsed.is, 'parsed')
  if (parsed.is !== 'parsed') return []
  return checkConfig(parsed.root, serverBlock).errors.map(problem => problem.text)
}

spec('sharing in the config', it => {
  for (const [text, error] of rows) {
    it(error, () => assert.is(errorsOf(text)[0], error))
  }
  for (const text of good) it(`good: ${text}`, () => assert.equal(errorsOf(text), []))
})

spec('sharing in the config of nats-server', it => {
  const check = (text: string, version: NatsVersion = '2.10') => {
    const file = join(scratch('conf'), 'nats.conf')
    writeFileSync(file, text)
    return spawnSync(natsServer(version), ['-t', '-c', file], { encoding: 'utf8' })
  }
  for (const [text, error] of rows) {
    it(error, () => {
      const { stderr, stdout } = check(text)
      assert.ok(`${stderr}${stdout}`.includes(error), `${stderr}${stdout}`)
    })
  }
  for (const text of good) it(`good: ${text}`, () => assert.is(check(text, '2.15').status, 0))
})
