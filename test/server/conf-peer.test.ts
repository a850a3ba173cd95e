// The same config files to the real nats-server: does it take what we take, refuse what we
// refuse, and say the same where the texts are meant to be the same?

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { readCommand } from '../../src/server/command.ts'
import { fileSource } from '../../src/server/conf-file.ts'
import { serverBlock } from '../../src/server/options.ts'
import { newCertificates } from '../support/certificates.ts'
import { scratch } from '../support/directory.ts'
import { natsServer } from '../support/peers.ts'
import { spec } from '../support/spec.ts'
import { bad, good } from './conf-rows.ts'

const dir = scratch('conf')
const nats = natsServer('2.10')

function theirs(text: string): { code: number | null; text: string } {
  writeFileSync(join(dir, 'f.conf'), text)
  const { status, stderr } = spawnSync(nats, ['-t', '-c', 'f.conf'], {
    cwd: dir,
    encoding: 'utf8',
    env: {},
  })
  return { code: status, text: stderr.trimEnd() }
}

function ours(text: string): { code: number | null; text: string } {
  const path = join(dir, 'f.conf')
  writeFileSync(path, text)
  const command = readCommand(['-t', '-c', path], {
    block: serverBlock,
    source: fileSource({}),
    productVersion: '',
    finish: options => options,
    problems: () => [],
  })
  assert.ok(command.is === 'done')
  return { code: command.code, text: command.stderr.replaceAll(path, 'f.conf').trimEnd() }
}

/** Texts that we take and nats-server does not, and the other way round; conf.ts says why. */
const lenient = new Set(['n: 1m30s', 'l: [1, 2, 3]', 'n: [0, -1, 007]'])
const strict = new Set(['port:', 'a: 1 }', '}', 'n: 10e', 'n: 1kbb', 'm { a: }'])

/** It got as far as the options: the grammar was right. */
function isParsed({ code, text }: { code: number | null; text: string }): boolean {
  return code === 0 || /f\.conf:\d+:\d+: |has no values or is empty/.test(text)
}

spec('nats-server reads the same grammar', it => {
  for (const [text] of good) {
    // A byte-order mark becomes part of the first key there.
    if (lenient.has(text) || text.startsWith('\ufeff')) continue
    it(`takes ${JSON.stringify(text)}`, () => {
      const result = theirs(text)
      assert.ok(isParsed(result), result.text)
    })
  }
  for (const [text] of bad) {
    if (strict.has(text)) continue
    it(`refuses ${JSON.stringify(text)}`, () => {
      const result = theirs(text)
      assert.not.ok(isParsed(result), result.text)
    })
  }
  it('differs where we say that it does', () => {
    for (const text of lenient) assert.not.ok(isParsed(theirs(text)), text)
    for (const text of strict) assert.ok(isParsed(theirs(text)), text)
  })
})

/** On the first line nats-server counts columns from 0, on the others from 1: so not the first. */
const same = [
  'port: 4222',
  'foo: 1',
  'port: "x"',
  'debug: "x"',
  'port: 1.5',
  'cluster { zork: 1 }',
  'foo: 1\nbar: 2',
  'cluster: 1',
  'listen: "a:b"',
  'listen: "a"',
  'ping_interval: 2',
  'ping_interval: "2m"',
  'write_deadline: "x"',
  'lame_duck_duration: "20s"',
  'max_control_line: "4"',
  'authorization { users: [ {user: a}, {user: a} ], }',
  'x: 4222\nport: $x',
  'authorization { token: a, timeout: 0.5 }',
  'leafnodes { remotes: [ { url: "nats://h:1" } ] }',
  'authorization { users: [ {user: a, password: b, permissions: {publish: {allow: [x, y]}, subscribe: "a.*"}} ] }',
  'logfile: a\npidfile: b\nmax_connections: 100\nmax_subscriptions: 5\nmax_payload: 1MB',
]

/** nats-server walks a Go map: which of two mistakes it names first is chance. */
function inOrder({ code, text }: { code: number | null; text: string }) {
  return {
    code,
    mistakes: text
      .replace(/^nats-server: /, '')
      // 2.10 has no digest yet; test/peer/digest.test.ts compares it with 2.15's.
      .replace(/ \(sha256:[0-9a-f]{64}\)/, '')
      .split('\n')
      .sort(),
  }
}

spec('nats-server checks the same', it => {
  for (const text of same) {
    it(text, () => assert.equal(inOrder(ours(`\n${text}\n`)), inOrder(theirs(`\n${text}\n`))))
  }
  const files = newCertificates()
  const pair = `cert_file: "${files.serverCert}", key_file: "${files.serverKey}"`
  const nobodys = files.serverKey.replace('server.key', 'none')
  writeFileSync(nobodys, 'no certificate')
  const blocks: readonly (readonly [string, string])[] = [
    ['that is fine', pair],
    ['with an authority', `${pair}, ca_file: "${files.ca}"`],
    ['without the certificate', 'cert_file: "/nope.pem", key_file: "/nope.key"'],
    ['without the key', `cert_file: "${files.serverCert}", key_file: "/nope.key"`],
    ['with the key of another', `cert_file: "${files.serverCert}", key_file: "${files.clientKey}"`],
    ['with no certificate in the file', `cert_file: "${nobodys}", key_file: "${nobodys}"`],
    ['with no key in the file', `cert_file: "${files.serverCert}", key_file: "${nobodys}"`],
    ['without the authority', `${pair}, ca_file: "/nope.pem"`],
    ['with no authority in the file', `${pair}, ca_file: "${nobodys}"`],
  ]
  for (const [what, block] of blocks) {
    for (const text of [
      `tls { ${block} }`,
      `websocket {\nport: 8080\n tls { ${block} } }`,
      `leafnodes {\nport: 7422\n tls { ${block} } }`,
      `leafnodes {\nremotes: [ { url: "tls://h:1"\n tls { ${block} } } ] }`,
    ]) {
      it(`${text.slice(0, text.indexOf(' {'))}: TLS ${what}`, () =>
        assert.equal(inOrder(ours(`\n${text}\n`)), inOrder(theirs(`\n${text}\n`))))
    }
  }
  it('an empty file', () => assert.equal(ours(''), theirs('')))
})
