// The checker: what each type of row takes, both sides of its limits, and that every problem of
// a file is told at once.

import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { checkConfig, formatProblem, parseListen } from '../../src/server/check.ts'
import { parseConfText } from '../../src/server/conf.ts'
import { formatDuration, parseDurationMs } from '../../src/server/duration.ts'
import type { Block } from '../../src/server/option.ts'
import { serverBlock } from '../../src/server/options.ts'
import { spec } from '../support/spec.ts'

const hashOf = (cost: number) => `$2a$${cost}$${'a'.repeat(53)}`
const nkey = createNKey('user').publicKey

const about = 'x'
const inner = {
  name: { type: 'string', default: 'n', about },
  deep: { type: 'integer', default: 1, about },
} as const satisfies Block

const block = {
  text: { type: 'string', default: null, aliases: ['words'], about },
  choice: { type: 'string', default: 'a', oneOf: ['a', 'b'], about },
  texts: { type: 'strings', default: ['d'], about },
  flag: { type: 'boolean', default: false, about },
  count: { type: 'integer', default: 5, min: 1, max: 10, about },
  bytes: { type: 'size', default: 1024, about },
  ratio: { type: 'number', default: 0.5, about },
  wait: { type: 'duration', default: 1000, min: 1000, max: 60_000, about },
  seconds: { type: 'duration', default: 1000, plainSeconds: true, about },
  listen: { type: 'listen', default: null, about },
  one: { type: 'block', block: inner, about },
  always: { type: 'block', block: inner, always: true, about },
  many: { type: 'blocks', block: inner, about },
  special: {
    type: 'custom',
    default: 7,
    read: node => (node.is === 'integer' ? node.value : 0),
    about,
  },
  gone: { type: 'unsupported', about: 'Use text.' },
  idle: { type: 'ignored', about: 'Nothing to do.' },
} as const satisfies Block

function check(text: string) {
  const parsed = parseConfText(text, { read: () => new Error('no files'), env: {} }, 'f')
  assert.ok(parsed.is === 'parsed', `does not parse: ${text}`)
  return checkConfig(parsed.root, block)
}

const defaults = checkConfig(null, block).values

const taken: readonly (readonly [string, Partial<Record<keyof typeof defaults, unknown>>])[] = [
  ['text: abc', { text: 'abc' }],
  ['WORDS: abc', { text: 'abc' }],
  ['choice: B', { choice: 'b' }],
  ['texts: a', { texts: ['a'] }],
  ['texts: [a, "b"]', { texts: ['a', 'b'] }],
  ['flag: yes', { flag: true }],
  ['count: 1', { count: 1 }],
  ['count: 10', { count: 10 }],
  ['bytes: 1KB', { bytes: 1024 }],
  ['bytes: "2MiB"', { bytes: 2_097_152 }],
  ['ratio: 1', { ratio: 1 }],
  ['ratio: 0.25', { ratio: 0.25 }],
  ['wait: 1s', { wait: 1000 }],
  ['wait: "1m"', { wait: 60_000 }],
  ['seconds: 0.75', { seconds: 750 }],
  ['seconds: 2', { seconds: 2000 }],
  ['listen: 4222', { listen: { host: null, port: 4222 } }],
  ['one { name: x }', { one: { name: 'x', deep: 1 } }],
  ['one {}', { one: { name: 'n', deep: 1 } }],
  [
    'many: [{name: x}, {}]',
    {
      many: [
        { name: 'x', deep: 1 },
        { name: 'n', deep: 1 },
      ],
    },
  ],
  ['many: {deep: 2}', { many: [{ name: 'n', deep: 2 }] }],
  ['special: 9', { special: 9 }],
]

const refused: readonly (readonly [string, string])[] = [
  ['nope: 1', 'f:1:1: unknown field "nope"'],
  ['one { nope: 1 }', 'f:1:7: unknown field "nope"'],
  ['gone: 1', 'f:1:1: "gone" is not supported by nats-edge: Use text.'],
  ['text: 1', 'f:1:1: interface conversion: interface {} is int64, not string'],
  ['choice: c', 'f:1:1: invalid choice "c", must be "a" or "b"'],
  ['texts: [a, 1]', 'f:1:12: interface conversion: interface {} is int64, not string'],
  ['flag: "true"', 'f:1:1: interface conversion: interface {} is string, not bool'],
  ['count: 0', 'f:1:1: invalid count of 0, minimum is 1'],
  ['count: 11', 'f:1:1: invalid count of 11, maximum is 10'],
  ['count: 1.5', 'f:1:1: interface conversion: interface {} is float64, not int64'],
  ['bytes: "2x"', 'f:1:1: interface conversion: interface {} is string, not int64'],
  ['ratio: x', 'f:1:1: interface conversion: interface {} is string, not float64'],
  ['wait: 999ms', 'f:1:1: invalid wait of 999ms, minimum is 1s'],
  ['wait: 61s', 'f:1:1: invalid wait of 1m1s, maximum is 1m0s'],
  ['wait: abc', 'f:1:1: error parsing wait: time: invalid duration "abc"'],
  ['wait: []', 'f:1:1: interface conversion: interface {} is []interface {}, not string'],
  ['listen: "a:b"', 'f:1:1: could not parse port "b"'],
  ['listen: "a"', 'f:1:1: could not parse address string "a"'],
  ['listen: "a:b:1"', 'f:1:1: could not parse address string "a:b:1"'],
  ['listen: 65536', 'f:1:1: port 65536 is out of range'],
  ['one: 1', 'f:1:1: Expected map to define one, got int64'],
  ['many: [1]', 'f:1:8: Expected many entry to be a map/struct, got int64'],
]

spec('config check', it => {
  for (const [text, values] of taken) {
    it(`takes ${text}`, () => {
      const checked = check(text)
      assert.equal(checked.errors, [])
      assert.equal(checked.values, { ...defaults, ...values })
    })
  }
  for (const [text, error] of refused) {
    it(`refuses ${text}`, () => {
      const checked = check(text)
      assert.equal(checked.errors.map(formatProblem), [error])
      assert.equal(checked.values, { ...defaults, ...keptBlocks(text, checked.values) })
    })
  }
  it('tells everything that is wrong', () => {
    const { errors } = check('\nnope: 1\ncount: 0\none { nope: 2 }')
    assert.equal(
      errors.map(({ place }) => place.line),
      [2, 3, 4],
    )
  })
  it('takes an unknown key that a variable refers to', () => {
    assert.equal(check('mine: 3\ncount: $mine').errors, [])
  })
  it('warns of a duration without unit, as nats-server, and of the bare 2m trap', () => {
    const { warnings, values } = check('wait: 2')
    assert.equal(values.wait, 2000)
    assert.equal(warnings.map(formatProblem), [
      'f:1:1: invalid use of field "wait": wait should be converted to a duration',
    ])
    assert.match(String(check('wait: 2m').warnings[0]?.text), /"2m" without quotes is the number/)
  })
  it('notes what has no effect', () => {
    const { errors, warnings, notes } = check('idle: 1')
    assert.equal([errors.length, warnings.length, notes.length], [0, 0, 1])
  })
})

/** A block with one wrong entry is still there, with its defaults. */
function keptBlocks(text: string, values: typeof defaults): object {
  if (text.startsWith('one {')) return { one: values.one }
  if (text.startsWith('texts')) return { texts: ['a'] }
  return {}
}

spec('addresses and durations', it => {
  it('reads host and port', () => {
    assert.equal(parseListen('1.2.3.4:5'), { host: '1.2.3.4', port: 5 })
    assert.equal(parseListen('[::1]:5'), { host: '::1', port: 5 })
    assert.equal(parseListen(':5'), { host: null, port: 5 })
    assert.equal(parseListen('h:-1'), { host: 'h', port: -1 })
    assert.equal(parseListen(65_535), { host: null, port: 65_535 })
    assert.type(parseListen(-2), 'string')
  })
  it('reads and writes durations as Go', () => {
    const rows: readonly (readonly [string, number | null])[] = [
      ['0', 0], ['1h30m', 5_400_000], ['1.5s', 1500], ['-2m', -120_000], ['.5s', 500],
      ['100us', 0.1], ['1µs', 0.001], ['', null], ['1', null], ['1d', null], ['s', null],
      ['1s ', null], ['1e3s', null], ['9999999999h', null],
    ] // biome-ignore format: a table
    for (const [text, ms] of rows) assert.is(parseDurationMs(text), ms, text)
    for (const text of ['0s', '1h30m0s', '2m0s', '1.5s', '250ms', '1.5ms', '2µs', '-1s']) {
      assert.is(formatDuration(parseDurationMs(text) as number), text)
    }
  })
})

spec('server options', it => {
  const errorsOf = (text: string) => {
    const parsed = parseConfText(text, { read: () => new Error('no files'), env: {} }, 'f')
    assert.ok(parsed.is === 'parsed')
    return checkConfig(parsed.root, serverBlock).errors.map(error => error.text)
  }
  const rows: readonly (readonly [string, string | null])[] = [
    ['authorization { user: a, password: b }', null],
    ['authorization { token: t }', null],
    ['authorization { users: [{user: a}, {user: b, password: c}] }', null],
    ['authorization { token: t, user: a, password: b }', 'Cannot have a user/pass and token'],
    ['authorization { token: t, users: [{user: a}] }', 'Can not have a token and a users array'],
    [
      'authorization { user: x, users: [{user: a}] }',
      'Can not have a single user/pass and a users array',
    ],
    ['authorization { users: [{user: a}, {user: a}] }', 'Duplicate user "a" detected'],
    ['authorization { users: [{password: a}] }', 'User entry requires a user'],
    [`authorization { user: a, password: "${hashOf(11)}" }`, null],
    [`authorization { token: "${hashOf(14)}" }`, null],
    [`authorization { token: "${hashOf(15)}" }`, 'the cost of a bcrypt hash is 15, maximum is 14'],
    [
      `authorization { users: [{ user: a, password: "${hashOf(11).slice(0, -1)}" }] }`,
      'a password or token begins like a bcrypt hash',
    ],
    [`authorization { users: [{ nkey: ${nkey}, permissions: { publish: a } }] }`, null],
    [
      `authorization { users: [{ nkey: ${nkey.slice(0, -1)} }] }`,
      'Not a valid public nkey for a user',
    ],
    [
      `authorization { users: [{ nkey: ${createNKey('account').publicKey} }] }`,
      'Not a valid public nkey for a user',
    ],
    [
      `authorization { users: [{ nkey: ${nkey}, password: a }] }`,
      'Nkey users do not take usernames or passwords',
    ],
    [
      `authorization { users: [{ nkey: ${nkey} }, { nkey: ${nkey} }] }`,
      `Duplicate nkey "${nkey}" detected`,
    ],
    ['authorization { users: [{ user: a, connection_types: [Standard, MQTT_WS] }] }', null],
    ['authorization { users: [{ user: a, clients: TELNET }] }', 'unknown connection type "TELNET"'],
    [
      'authorization { default_permissions { publish: [a.*, b], subscribe: {allow: x, deny: [y]}, allow_responses: true } }',
      null,
    ],
    [
      'authorization { default_permissions { publish: 1 } }',
      'Subject in permissions must be a string',
    ],
    ['authorization { default_permissions { other: 1 } }', 'unknown field "other"'],
    ['leafnodes { remotes: [{url: "nats://h:1"}] }', null],
    ['leafnodes { remotes: [{urls: ["tls://u:p@h", "h:1"]}] }', null],
    ['leafnodes { remotes: [{url: "nats-leaf://u:p%25ss@h"}] }', null],
    [
      'leafnodes { remotes: [{url: "nats-leaf://u:p%ss@h"}] }',
      'error parsing leafnode url "nats-leaf://***@h": wrong escape or character',
    ],
    [
      'leafnodes { remotes: [{url: "h o"}] }',
      'error parsing leafnode url "h o": wrong escape or character',
    ],
    ['leafnodes { remotes: [{}] }', 'a leaf node remote needs a url'],
    ['leafnodes { remotes: [{url: "ws://u:p@h"}, {url: "wss://h/path"}] }', null],
    [
      'leafnodes { remotes: [{urls: ["ws://u:p@h", "nats://h"]}] }',
      'remote leaf node configuration cannot have a mix of websocket and non-websocket urls: ["ws://***@h","nats://h"]',
    ],
    ['leafnodes { remotes: [{url: "h", proxy: {url: "http://p:1"}}] }', null],
    [
      'leafnodes { remotes: [{url: "ws://h", proxy: {url: "socks://p:1"}}] }',
      'proxy URL scheme must be http or https, got: socks',
    ],
    [
      'leafnodes { remotes: [{url: "ws://h", proxy: {url: "http://p:1", username: a}}] }',
      'proxy username and password must both be specified or both be empty',
    ],
    [
      'leafnodes { remotes: [{url: h, deny_imports: ["a..b"]}] }',
      'invalid deny_imports for remote h: subject "a..b" is not a valid subject',
    ],
    [
      'leafnodes { port: -1, min_version: "2.7.0" }',
      'the minimum version should be at least 2.8.0',
    ],
    [
      'leafnodes { port: -1, min_version: new }',
      'invalid leafnode\'s minimum version: invalid semver "new"',
    ],
    [
      'leafnodes { port: -1, authorization { user: a, users: [{user: b}] } }',
      'can not have a single user/pass and a users array',
    ],
    [
      'leafnodes { port: -1, authorization { users: [{user: b}, {user: b}] } }',
      'duplicate user "b" detected in leafnode authorization',
    ],
    ['leafnodes { compression: quick }', 'unsupported compression mode "quick"'],
    ['leafnodes { compression { mode: s2_auto, rtt_thresholds: [10ms] } }', null],
    [
      'leafnodes { remotes: [{url: h, creds: a, nkey: b}] }',
      'a leaf node remote has credentials or an nkey, not both',
    ],
    ['leafnodes { remotes: [{url: h}, {url: h}] }', 'duplicate remote h'],
    ['cluster { port: 6222, routes = [] }', null],
    ['cluster { routes: ["http://u:p@h:6222"] }', 'error parsing route url ["http://***@h:6222"]'],
    ['lame_duck_duration: 29s', 'invalid lame_duck_duration of 29s, minimum is 30 seconds'],
    ['lame_duck_duration: 30s', null],
    ['port: 65535', null],
    ['port: 65536', 'invalid port of 65536, maximum is 65535'],
    ['accounts {}', null],
    ['accounts [A, B]', null],
    ['accounts [A, A]', 'Duplicate Account Entry: A'],
    ['accounts { "$G": {} }', '"$G" is a Reserved Account'],
    ['accounts { A: 1 }', 'Expected map entries for accounts'],
    ['accounts { "A.B": {} }', 'invalid account name "A.B"'],
    [
      'accounts { A { users: [{ user: a }] }, B { users: [{ user: a }] } }',
      'Duplicate user "a" detected',
    ],
    ['accounts { A { usrs: [] } }', 'unknown field "usrs"'],
    ['accounts { A { limits { max_conn: -2 } } }', 'invalid max_conn of -2, minimum is -1'],
    ['accounts { A { jetstream: enabled }, B { jetstream: false } }', null],
    [
      'accounts { A { jetstream: on_tuesdays } }',
      "Expected 'enabled' or 'disabled' for string value, got 'on_tuesdays'",
    ],
    ['accounts { A { nkey: UABC } }', 'Not a valid public nkey for an account'],
    ['accounts { A { imports: [] } }', null],
  ]
  for (const [text, error] of rows) {
    it(text, () => assert.equal(errorsOf(text), error === null ? [] : [error]))
  }
  it('never shows a secret of a url in an error', () => {
    assert.not.match(errorsOf('leafnodes { remotes: [{url: "x://u:secret@h"}] }').join(), /secret/)
  })
})
