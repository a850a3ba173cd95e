// File and flags together: what wins, what folds into what, and the rules between options.

import * as assert from 'uvu/assert'
import { formatProblem } from '../../src/server/check.ts'
import { loadConfig } from '../../src/server/config.ts'
import { parseFlags } from '../../src/server/flags.ts'
import { type ServerOptions, serverBlock } from '../../src/server/options.ts'
import { edgeBlock, edgeProblems, withStoreFlags } from '../../edge/options.ts'
import { spec } from '../support/spec.ts'

function load(line: string, text: string | null = null) {
  const parsed = parseFlags(line === '' ? [] : line.split(' '))
  assert.ok(parsed.is === 'parsed')
  const flags = text === null ? parsed.flags : { ...parsed.flags, config: 'f' }
  return { flags, ...loadConfig(serverBlock, flags, { read: () => text ?? '', env: {} }) }
}

const rows: readonly (readonly [string, string | null, Partial<ServerOptions>])[] = [
  ['', null, { host: '0.0.0.0', port: 4222, http: null }],
  ['-p 0', null, { port: 4222 }],
  ['-p -1', 'port: 5', { port: -1 }],
  ['', 'listen: "h:5"', { host: 'h', port: 5, listen: null }],
  ['', 'host: h\nlisten: 5', { host: 'h', port: 5 }],
  ['-a x -p 6', 'listen: "h:5"', { host: 'x', port: 6 }],
  ['', 'http: "h:5"', { http: { host: 'h', port: 5 } }],
  ['', 'http_port: 5', { http: { host: null, port: 5 } }],
  ['-m 6', 'http: "h:5"', { http: { host: 'h', port: 6 } }],
  ['-m 0', 'http_port: 5', { http: null }],
  ['', 'max_connections: 0', { max_connections: -1 }],
  ['-n b', 'server_name: a', { server_name: 'b' }],
  ['-D=false -T=false', 'debug: true\nlogtime: true', { debug: false, logtime: false }],
  ['', 'trace_verbose: true', { trace: true, trace_verbose: true }],
  ['-l x -P y', 'logfile: a\npidfile: b', { logfile: 'x', pidfile: 'y' }],
  ['--tls=false', 'tls { cert_file: a, key_file: b }', { tls: null }],
  ['--cluster=', 'cluster { port: 6222 }', { cluster: null }],
]

spec('config and flags', it => {
  for (const [line, text, wanted] of rows) {
    it(`${line || 'no flags'} over ${JSON.stringify(text)}`, () => {
      const { options, errors } = load(line, text)
      assert.equal(errors, [])
      for (const [name, value] of Object.entries(wanted)) {
        assert.equal(options[name as keyof ServerOptions], value, name)
      }
    })
  }
  it('replaces users of the file by those of the flags', () => {
    const { options } = load('--user a --pass b', 'authorization { token: t, timeout: 1 }')
    const { user, password, token, timeout } = options.authorization ?? {}
    assert.equal([user, password, token, timeout], ['a', 'b', null, 1000])
    const byToken = load('--auth x', 'authorization { user: u, password: p }').options
    assert.equal([byToken.authorization?.user, byToken.authorization?.token], [null, 'x'])
  })
  it('builds TLS from flags', () => {
    const { options } = load('--tlsverify --tlscert a --tlskey b --tlscacert c')
    const { cert_file, key_file, ca_file, verify } = options.tls ?? {}
    assert.equal([cert_file, key_file, ca_file, verify], ['a', 'b', 'c', true])
  })
})

const wrong: readonly (readonly [string, string, string])[] = [
  [
    '',
    'max_payload: 65MB',
    'f:1:1: max_payload (68157440) cannot be higher than max_pending (67108864)',
  ],
  [
    '',
    'lame_duck_grace_period: "2m"',
    'f:1:1: lame duck grace period (2m0s) should be strictly lower than lame duck duration (2m0s)',
  ],
  ['', 'server_name: "a b"', 'f:1:1: server name cannot contain spaces'],
  ['', 'tls { cert_file: a }', "f:1:1: missing 'key_file' in TLS configuration"],
  ['', 'tls { cert_file: a, key_file: b, cipher_suites: [X] }', 'f:1:50: unrecognized cipher X'],
  [
    '',
    'tls { cert_file: a, key_file: b, curve_preferences: [X] }',
    'f:1:54: unrecognized curve preference X',
  ],
  [
    '',
    'tls { cert_file: a, key_file: b, cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA] }',
    "f:1:1: insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: TLS_RSA_WITH_AES_128_CBC_SHA",
  ],
  [
    '',
    'no_auth_user: x',
    'f:1:1: no_auth_user: "x" not present as user or nkey in authorization block or account configuration',
  ],
  ['-p 65536', '# x', 'port 65536 is out of range'],
  ['-m -2', '# x', 'port -2 is out of range'],
]

spec('rules between options', it => {
  for (const [line, text, error] of wrong) {
    it(error, () => assert.equal(load(line, text).errors.map(formatProblem), [error]))
  }
  it('takes both sides of the limits', () => {
    const text = 'max_payload: 64MB\nlame_duck_grace_period: "119s"\nserver_name: a'
    assert.equal(load('-p 65535 -m -1', text).errors, [])
  })
})

spec('store and MQTT options', it => {
  const edge = (line: string, text: string) => {
    const parsed = parseFlags(line === '' ? [] : line.split(' '))
    assert.ok(parsed.is === 'parsed')
    const flags = { ...parsed.flags, config: 'f' }
    const { options, errors } = loadConfig(edgeBlock, flags, { read: () => text, env: {} })
    assert.equal(errors, [])
    return withStoreFlags(options, flags)
  }
  it('turns the store on and off', () => {
    assert.is(edge('', '# x').jetstream, null)
    assert.is(edge('-js', '# x').jetstream?.store_dir, null)
    assert.is(edge('-js=false', 'jetstream: true').jetstream, null)
    assert.is(edge('-js -sd /a', '# x').jetstream?.store_dir, '/a')
    assert.is(edge('', 'jetstream {}\nstore_dir: /b').jetstream?.store_dir, '/b')
    assert.is(edge('-sd /a', 'jetstream { store_dir: /b }').jetstream?.store_dir, '/a')
    assert.is(edge('-sd /a', '# x').jetstream, null)
  })
  it('wants the store for MQTT', () => {
    assert.is(edgeProblems(edge('', 'mqtt { port: 1883 }')).length, 1)
    assert.is(edgeProblems(edge('-js', 'mqtt { port: 1883 }')).length, 0)
  })
})
