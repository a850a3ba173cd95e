// The command line: rows of arguments and what they mean, in Go's way of reading flags.

import { spawnSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { loadConfig } from '../../src/server/config.ts'
import { serverBlock } from '../../src/server/options.ts'
import { natsServer } from '../support/peers.ts'
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
  ['-js --verify_store', { jetstream: true, verifyStore: true }],
  ['-c f.conf -t', { config: 'f.conf', test: true }],
  ['-sl reload=1', { signal: 'reload=1' }],
  ['--user a --pass=b', { user: 'a', password: 'b' }],
  ['--pass=a=b', { password: 'a=b' }],
  ['--auth -x', { token: '-x' }],
  ['-- -p 1', {}, ['-p', '1']],
  ['- -p 1', {}, ['-', '-p', '1']],
  ['extra -p 1', {}, ['extra', '-p', '1']],
  ['-no_advertise=true --connect_retries 3', { noAdvertise: true, connectRetries: 3 }],
  ['-s -r udp://h:1', { syslog: true, remoteSyslog: 'udp://h:1' }],
  ['-DV -D=false', { debug: true, trace: true }],
  ['-D -DV=false', { debug: false, trace: false }],
  ['-V=false -VV', { trace: true, traceVerbose: true }],
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
  it('knows no name twice', () => {
    const names = flagRows.flatMap(row => row.names)
    assert.is(new Set(names).size, names.length)
  })
})

/** Every spelling of the three help texts; with a value where it takes one. */
const common =
  '-a h|--addr h|-p 1|--port 1|-P f|--pid f|-m 1|--http_port 1|-ms 1|--https_port 1|-c f|--config f|' +
  '-sl quit|--signal quit=1|--client_advertise h:1|-l f|--log f|-T|--logtime|-s|--syslog|' +
  '-r udp://localhost:514|--remote_syslog udp://localhost:514|-D|--debug|-V|--trace|-DV|' +
  '--user u|--pass p|--auth t|--tls|--tlscert f|--tlskey f|--tlsverify|--tlscacert f|' +
  '--routes nats://a:1,nats://b:2|--cluster nats://h:1|--no_advertise=true|' +
  '--cluster_advertise h:1|--connect_retries 1|-h|--help|-v|--version|--help_tls'
const since27 = '-n x|--name x|-t|-VV|-DVV|-js|--jetstream|-sd d|--store_dir d|--cluster_name c'
const since215 =
  '--net h|--server_name x|--ports_file_dir d|--logtime_utc|--log_size_limit 1|' +
  '--max_traced_msg_len 1|--cluster_listen nats://h:1|--profile 1'

spec('the help texts of nats-server', it => {
  for (const [version, list] of [
    ['1.4.1', common],
    ['2.7.4', `${common}|${since27}`],
    ['2.15.1', `${common}|${since27}|${since215}`],
  ] as const) {
    it(`every option of ${version} is accepted`, () => {
      for (const line of list.split('|')) {
        const parsed = parseFlags(line.split(' '))
        assert.is(parsed.is, 'parsed', line)
        if (parsed.is !== 'parsed') continue
        assert.is(Object.keys(parsed.flags).length > 0, true, `${line} means nothing`)
        assert.equal(parsed.words, [], line)
      }
    })
  }
  it('are all of what the newest nats-server shows', () => {
    const { stdout } = spawnSync(natsServer('newest'), ['--help'], { encoding: 'utf8' })
    const known = new Set(flagRows.flatMap(row => row.names))
    const shown = [...stdout.matchAll(/(?<=^ +|, ?)--?([A-Za-z_]+)/gm)].map(found => found[1] ?? '')
    assert.ok(shown.length > 50, stdout)
    assert.equal(
      shown.filter(name => !known.has(name)),
      [],
    )
  })
})

spec('cluster flags', it => {
  const config = (args: string, text = '') => {
    const parsed = parseFlags(`-c f ${args}`.split(' '))
    assert.ok(parsed.is === 'parsed')
    const { options, errors } = loadConfig(serverBlock, parsed.flags, { read: () => text, env: {} })
    return { cluster: options.cluster, errors: errors.map(error => error.text) }
  }
  it('make a listener without a file', () => {
    const { cluster, errors } = config('--cluster nats://u:p%40@0.0.0.0:-1 --cluster_name C')
    assert.equal(errors, [])
    assert.equal(
      [cluster?.host, cluster?.port, cluster?.name, cluster?.authorization],
      ['0.0.0.0', -1, 'C', { timeout: 2000, user: 'u', password: 'p@' }],
    )
  })
  it('win over the file, and clear its user', () => {
    const text = 'cluster { name: F, port: 1, authorization { user: a, password: b } }'
    const { cluster } = config('--cluster_listen nats://h:7 --no_advertise', text)
    assert.equal([cluster?.host, cluster?.port, cluster?.name], ['h', 7, 'F'])
    assert.equal(cluster?.authorization?.user, null)
    assert.is(cluster?.no_advertise, true)
  })
  it('switch clustering off when empty', () => {
    assert.is(config('--cluster=', 'cluster { port: 1 }').cluster, null)
  })
  for (const [args, text] of [
    ['--routes nats://a:1', 'solicited routes require cluster capabilities, e.g. --cluster'],
    ['--cluster nats://u@h:1', 'expected cluster password to be set'],
    ['--cluster nats://h:99999', 'port 99999 is out of range'],
    ['--cluster h', 'cannot read the cluster url "h": expected nats://host:port'],
    ['--cluster nats://u:p%zz@h:1', 'the user or password of the cluster url has a wrong escape'],
    ['-r x', 'cannot read remote_syslog "x": expected udp://host:port or tcp://host:port'],
    ['-r http://h:1', 'error invalid network type: "http"'],
    ['--profile 70000', 'port 70000 is out of range'],
  ] as const) {
    it(`refuses ${args}`, () => assert.equal(config(args).errors, [text]))
  }
})

spec('help', it => {
  it('shows every flag that has a heading', () => {
    for (const { names, group } of flagRows) {
      if (group === null) continue
      for (const name of names) assert.match(helpText(), new RegExp(`--?${name}\\b`), name)
    }
  })
  it('begins the version as nats-server', () => {
    assert.is(versionText('1.2.3'), 'nats-server: v2.14.5\nnats-edge: v1.2.3\n')
  })
})
