// The digest of a config is nats-server's own for the same file.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { configDigest } from '../../src/server/conf-digest.ts'
import { parseConfFile } from '../../src/server/conf.ts'
import { fileSource } from '../../src/server/conf-file.ts'
import { scratch } from '../support/directory.ts'
import { natsServer } from '../support/peers.ts'
import { spec } from '../support/spec.ts'

const configs: readonly (readonly [string, string])[] = [
  ['a port', 'port: 4222'],
  ['comments and layout', '# x\n{ port = 4222; // y\n debug true }'],
  ['nested maps and lists', 'authorization { users = [ {user: b, password: "x"}, {user: a} ] }'],
  ['what HTML escapes', 'server_name: "<a>&"\nauthorization { user: "é\u2028\u{1f600}", password: "\\t\\"\\x01" }'],
  ['sizes', 'max_payload: 1MB\nmax_pending: 64MiB\nmax_connections: 1k'],
  ['floats', 'authorization { user: a, password: b, timeout: 0.50 }'],
  ['durations', 'ping_interval: "2m"\nwrite_deadline: 10s'],
  ['empty blocks', 'server_tags: []\naccounts { A {} }'],
  ['variables', 'P = 4333\nport: $P'],
  ['a variable of the environment', 'port: $DIGEST_PORT'],
  ['a file inside', 'include ./inner.conf\nport: 1'],
  ['a key twice', 'port: 1\nport: 2'],
  ['other case', 'PORT: 4222'],
  ['block strings', 'server_tags: (\n a\n b\n)\n'],
  ['bcrypt', 'authorization { user: a, password: $2a$11$V1qrpBt8/SLfEBr4NJq4T.2mg8chx8.MTblUiTBOLV3MKDeAy.f7u }'],
] // biome-ignore format: a table

spec('config digest', it => {
  const dir = scratch('digest')
  const env = { ...process.env, DIGEST_PORT: '4555' }
  writeFileSync(join(dir, 'inner.conf'), 'debug: false\nport: 7\n')
  for (const [name, text] of configs) {
    it(`is nats-server's of ${name}`, () => {
      const path = join(dir, 'a.conf')
      writeFileSync(path, text)
      const { stderr } = spawnSync(natsServer('2.15'), ['-t', '-c', path], {
        encoding: 'utf8',
        env,
      })
      const theirs = /\((sha256:[0-9a-f]{64})\)/.exec(stderr)?.[1]
      assert.ok(theirs, stderr)
      const parsed = parseConfFile(path, fileSource(env))
      assert.ok(parsed.is === 'parsed')
      assert.is(configDigest(parsed.root), theirs)
    })
  }
})
