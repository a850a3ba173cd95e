// The command line: rows of arguments and what they mean, in Go's way of reading flags.

import * as assert from 'uvu/assert'
import { type Flags, flagRows, parseFlags } from '../../src/server/flags.ts'
import { helpText, versionText } from '../../src/server/help.ts'
import { spec } from '../support/spec.ts'

const good: readonly (readonly [string, Flags, string[]?])[] = [
  ['', {}],
  ['-p 4222', { port: 4222 }],
  ['--port 4222', { port: 4222 }],
  ['-port=4222', { port: 4222 }],
  ['-p -1', { port: -1 }],
  ['-p 0x10', { port: 16 }],
  ['-p 010', { port: 8 }],
  ['-p 1_000', { port: 1000 }],
  ['-a 127.0.0.1 --net h', { host: 'h' }],
  ['-n a --server_name b', { serverName: 'b' }],
  ['-D', { debug: true }],
  ['-D=false', { debug: false }],
  ['--debug=T', { debug: true }],
  ['-D false', { debug: true }, ['false']],
  ['-DV', { debug: true, trace: true }],
  ['-VV', { trace: true, traceVerbose: true }],
  ['-DVV', { debug: true, trace: true, traceVerbose: true }],
  ['-T=false', { logTime: false }],
  ['-js -sd /x', { jetstream: true, storeDir: '/x' }],
  ['-c f.conf -t', { config: 'f.conf', test: true }],
  ['-sl reload=1', { signal: 'reload=1' }],
  ['--user a --pass=b', { user: 'a', password: 'b' }],
  ['--pass=a=b', { password: 'a=b' }],
  ['--auth -x', { token: '-x' }],
  ['-- -p 1', {}, ['-p', '1']],
  ['- -p 1', {}, ['-', '-p', '1']],
  ['extra -p 1', {}, ['extra', '-p', '1']],
  ['-no_advertise=true --connect_retries 3', {}],
]

const bad: readonly (readonly [string, string])[] = [
  ['-bogus', 'flag provided but not defined: -bogus'],
  ['--bogus=1', 'flag provided but not defined: -bogus'],
  ['-Dp', 'flag provided but not defined: -Dp'],
  ['---p', 'bad flag syntax: ---p'],
  ['-=p', 'bad flag syntax: -=p'],
  ['-p', 'flag needs an argument: -p'],
  ['-p x', 'invalid value "x" for flag -p: parse error'],
  ['-p 1.5', 'invalid value "1.5" for flag -p: parse error'],
  ['-p 08', 'invalid value "08" for flag -p: parse error'],
  ['-p 9223372036854775808', 'invalid value "9223372036854775808" for flag -p: value out of range'],
  ['-D=zz', 'invalid boolean value "zz" for -D: parse error'],
]

spec('flags', it => {
  for (const [line, flags, words = []] of good) {
    it(`reads ${line}`, () => {
      const args = line === '' ? [] : line.split(' ')
      assert.equal(parseFlags(args), { is: 'parsed', flags, words })
    })
  }
  for (const [line, text] of bad) {
    it(`refuses ${line}`, () => assert.equal(parseFlags(line.split(' ')), { is: 'usage', text }))
  }
  it('says so of flags that nats-server has and we do not', () => {
    for (const line of ['-s', '-r udp://h:1', '-ms 8443', '--routes x', '--profile 1']) {
      assert.is(parseFlags(line.split(' ')).is, 'unsupported', line)
    }
  })
  it('knows no name twice', () => {
    const names = flagRows.flatMap(row => row.names)
    assert.is(new Set(names).size, names.length)
  })
})

spec('help', it => {
  it('shows every flag that has a heading', () => {
    for (const { names, group } of flagRows) {
      if (group === null) continue
      for (const name of names) assert.match(helpText(), new RegExp(`--?${name}\\b`), name)
    }
  })
  it('begins the version as nats-server', () => {
    assert.is(versionText('1.2.3'), 'nats-server: v2.10.27\nnats-edge: v1.2.3\n')
  })
})
